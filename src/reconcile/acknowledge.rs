//! A person takes the troubles of a stack on, or those of one cause.

use jiff::Timestamp;

use crate::domain::alert::{Acknowledgement, Alert};
use crate::domain::audit::{Action, NewAudit};
use crate::domain::identity::Identity;
use crate::domain::notice::AlertNotice;
use crate::domain::tell::Told;
use crate::store::{Area, Conclusion};

use super::command::{Concern, Refusal};
use super::context::Context;
use super::news;

impl Concern {
    fn cause(&self) -> Option<String> {
        match self {
            Self::Stack(_) => None,
            Self::Cause(key) => Some(key.clone()),
        }
    }

    fn holds(&self, alert: &Alert) -> bool {
        match self {
            Self::Stack(stack) => alert.stack == *stack,
            Self::Cause(key) => {
                let cause = alert.trouble.cause.as_ref();
                cause.is_some_and(|cause| cause.key == *key)
            }
        }
    }
}

/// Acknowledges every open alert of a stack or a cause that people were told of; says how many there
/// are.
pub(super) async fn acknowledge(
    context: &Context,
    concern: &Concern,
    acknowledgement: &Acknowledgement,
    by: &Identity,
    now: Timestamp,
) -> Result<usize, Refusal> {
    let _one_at_a_time = context.store.alone(Area::Telling).await?;
    let (mut told, mut audit) = (Told::default(), Vec::new());
    for (alert, notice) in context.store.open_alerts_as_told().await? {
        let (true, true, Some(notice)) = (concern.holds(&alert), alert.opened_at.is_some(), notice)
        else {
            continue;
        };
        let (alert, event) = alert.acknowledge(acknowledgement.clone());
        let notice = AlertNotice {
            event,
            at: now,
            ..notice.with(&alert)
        };
        let action = Action::AlertAcknowledged {
            stack: alert.stack.clone(),
            alert: alert.id,
            cause: concern.cause(),
            until: acknowledgement.until,
            reason: acknowledgement.reason.clone(),
        };
        audit.push(NewAudit::asked(now, by, action));
        told.news.push(notice.clone());
        told.alerts.push((alert, notice));
    }
    if told.alerts.is_empty() {
        return Err(Refusal::NothingOpen(concern.clone()));
    }
    let spread = news::spread(context, &told, now);
    let conclusion = Conclusion {
        alerts: &spread.entries,
        news: &spread.news,
        audit: &audit,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(told.alerts.len())
}
