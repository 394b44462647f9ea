//! News becomes messages: what has one cause is put together, quiet hours and limits are kept.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::compose::{Composed, Manner, compose};
use crate::domain::ids::EnvelopeId;
use crate::domain::message::Message;
use crate::store::{StoreError, Topic};

use super::context::Context;
use super::fresh;
use super::pulse::Part;

/// The waiting news is looked at this often at least.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Makes messages until the daemon stops.
pub async fn keep(context: Arc<Context>) {
    let mut elsewhere = context.store.bell(Topic::News);
    loop {
        context.pulse.beat(Part::Composer);
        let now = context.now();
        let wait = match round(&context, now).await {
            Ok(next) => next.and_then(|next| Duration::try_from(next.duration_since(now)).ok()),
            Err(error) => {
                tracing::error!("cannot make messages of the news: {error}");
                None
            }
        };
        let wait = wait
            .unwrap_or(LONGEST_SLEEP)
            .clamp(Duration::from_millis(200), LONGEST_SLEEP);
        tokio::select! {
            () = context.stop.plans.cancelled() => return,
            () = context.news_bell.notified() => {}
            () = elsewhere.rung() => {
                // Another replica may have had a message sent again.
                let notifiers = context.notifiers.names();
                notifiers.for_each(|notifier| context.outbox_bells.ring(notifier));
            }
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Makes messages of all the news that can be told now; says when there can be more.
pub(super) async fn round(
    context: &Context,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let mut next: Option<Timestamp> = None;
    for notifier in context.store.awaited_notifiers().await? {
        let (waiting, desk) = context.store.waiting_news(&notifier).await?;
        if context.notifiers.addressees_of(&notifier).is_empty() {
            let news = waiting.len();
            tracing::warn!(
                notifier,
                news,
                "no such receiver any more: its news is dropped"
            );
            let all: Vec<EnvelopeId> = waiting.iter().map(|envelope| envelope.id).collect();
            context.store.post(&notifier, &[], &all, &desk).await?;
            continue;
        }
        let composition = compose(&waiting, desk, &manner(context, &notifier), now);
        next = [next, composition.next].into_iter().flatten().min();
        if composition.messages.is_empty() && composition.silent.is_empty() {
            continue;
        }
        let messages: Vec<Message> = composition
            .messages
            .iter()
            .flat_map(|message| messages(context, &notifier, message, now))
            .collect();
        let used: Vec<EnvelopeId> = composition
            .messages
            .iter()
            .flat_map(|message| message.envelopes.iter().copied())
            .chain(composition.silent)
            .collect();
        let desk = &composition.desk;
        context
            .store
            .post(&notifier, &messages, &used, desk)
            .await?;
        context.outbox_bells.ring(&notifier);
    }
    Ok(next)
}

fn manner(context: &Context, notifier: &str) -> Manner {
    let telling = &context.settings.telling;
    let own = telling.manners.get(notifier).cloned().unwrap_or_default();
    Manner {
        each: context.notifiers.takes_each(notifier),
        wait: telling.group_wait,
        interval: telling.group_interval,
        quiet: own.quiet,
        limit: own.limit,
    }
}

fn messages(context: &Context, notifier: &str, message: &Composed, now: Timestamp) -> Vec<Message> {
    let to = context.notifiers.addressees_of(notifier).into_iter();
    to.map(|to| Message::new(fresh::message(), to, message.notice.clone(), now))
        .collect()
}
