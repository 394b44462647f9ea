//! A person takes the troubles of a stack on, or those of one cause.

use jiff::Timestamp;

use crate::domain::alert::{Acknowledgement, Alert};
use crate::domain::notice::AlertNotice;
use crate::domain::tell::Told;
use crate::store::Conclusion;

use super::command::{Concern, Refusal};
use super::context::Context;
use super::news;

impl Concern {
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
    now: Timestamp,
) -> Result<usize, Refusal> {
    let _one_at_a_time = context.telling.lock().await;
    let mut told = Told::default();
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
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(told.alerts.len())
}
