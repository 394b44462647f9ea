//! A person takes the troubles of a stack on.

use jiff::Timestamp;

use crate::domain::alert::Acknowledgement;
use crate::domain::ids::StackId;
use crate::domain::notice::AlertNotice;
use crate::store::Conclusion;

use super::command::Refusal;
use super::context::Context;
use super::news;

/// Acknowledges every open alert of a stack that people were told of; says how many there are.
pub(super) async fn acknowledge(
    context: &Context,
    stack: &StackId,
    acknowledgement: &Acknowledgement,
    now: Timestamp,
) -> Result<usize, Refusal> {
    let _one_at_a_time = context.telling.lock().await;
    let (mut entries, mut told) = (Vec::new(), Vec::new());
    for (alert, notice) in context.store.open_alerts_as_told().await? {
        let (true, true, Some(notice)) = (alert.stack == *stack, alert.opened_at.is_some(), notice)
        else {
            continue;
        };
        let (alert, event) = alert.acknowledge(acknowledgement.clone());
        let notice = AlertNotice {
            event,
            at: now,
            ..notice.with(&alert)
        };
        told.push(notice.clone());
        entries.push(news::entry(context, alert, notice));
    }
    if entries.is_empty() {
        return Err(Refusal::NothingOpen(stack.clone()));
    }
    let news = news::of_alerts(context, &told, now);
    let conclusion = Conclusion {
        alerts: &entries,
        news: &news,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(entries.len())
}
