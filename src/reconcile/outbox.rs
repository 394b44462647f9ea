//! Messages leave through the database: what is written there is delivered, however long a channel
//! is down and however often Mooring is restarted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::domain::message::{Message, MessageState};
use crate::notify::Delivery;
use crate::store::{StoreError, Thread};
use crate::telemetry::metrics;

use super::context::Context;
use super::undelivered;

/// The outbox is looked at this often at least.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// How many messages are taken at once; each notifier delivers its own in order.
const BATCH: u32 = 100;

/// What became of messages and could not be recorded (the disk is full). Until it is, nothing more
/// leaves: the database would have the same messages sent again and again.
pub(super) type Unrecorded = Arc<Mutex<Vec<(Message, Option<Thread>)>>>;

/// Delivers messages until the daemon stops.
pub async fn deliver(context: Arc<Context>) {
    let unrecorded = Unrecorded::default();
    loop {
        let wait = match round(&context, &unrecorded).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!("cannot read the outbox: {error}");
                LONGEST_SLEEP
            }
        };
        tokio::select! {
            () = context.stop.plans.cancelled() => return,
            () = context.outbox_bell.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Delivers what is due; says how long there is nothing to do.
pub(super) async fn round(
    context: &Arc<Context>,
    unrecorded: &Unrecorded,
) -> Result<Duration, StoreError> {
    record(context, unrecorded).await?;
    loop {
        let due = context.store.due_messages(context.now(), BATCH).await?;
        if due.is_empty() {
            break;
        }
        let mut receivers = JoinSet::new();
        for (_, messages) in by_receiver(due) {
            let (context, unrecorded) = (context.clone(), unrecorded.clone());
            receivers.spawn(async move { deliver_all(&context, messages, &unrecorded).await });
        }
        while let Some(delivered) = receivers.join_next().await {
            if let Err(error) = delivered {
                tracing::error!("a delivery ended unexpectedly: {error}");
            }
        }
        record(context, unrecorded).await?;
        if context.stop.plans.is_cancelled() {
            break;
        }
    }
    let next = context.store.next_message_at().await?;
    let wait = next.and_then(|at| Duration::try_from(at.duration_since(context.now())).ok());
    Ok(wait
        .unwrap_or(LONGEST_SLEEP)
        .clamp(Duration::from_millis(200), LONGEST_SLEEP))
}

fn by_receiver(messages: Vec<Message>) -> std::collections::BTreeMap<String, Vec<Message>> {
    let mut receivers = std::collections::BTreeMap::<String, Vec<Message>>::new();
    for message in messages {
        receivers
            .entry(message.to.notifier.clone())
            .or_default()
            .push(message);
    }
    receivers
}

/// Records what could not be recorded before.
async fn record(context: &Context, unrecorded: &Unrecorded) -> Result<(), StoreError> {
    let messages = || unrecorded.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some((message, thread)) = messages().first().cloned() else {
            return Ok(());
        };
        context
            .store
            .save_message(&message, thread.as_ref())
            .await?;
        messages().retain(|(other, _)| other.id != message.id);
    }
}

async fn deliver_all(context: &Context, messages: Vec<Message>, unrecorded: &Unrecorded) {
    for message in messages {
        if context.stop.plans.is_cancelled() {
            return;
        }
        let (to, id) = (message.to.clone(), message.id);
        let (notifier, recipient) = (&to.notifier, to.recipient.as_deref());
        let name = context.notifiers.thread(notifier, &message.notice);
        let handle = match &name {
            Some(thread) => match context.store.thread_handle(notifier, thread).await {
                Ok(handle) => handle,
                Err(error) => return tracing::error!("cannot read the outbox: {error}"),
            },
            None => None,
        };
        let delivery = context
            .notifiers
            .deliver(
                &to,
                &id,
                &message.notice,
                message.created_at,
                handle.as_deref(),
            )
            .await;
        let now = context.now();
        let mut thread = None;
        let message = match delivery {
            Delivery::Accepted { handle } => {
                thread = name.zip(handle).map(|(thread, handle)| Thread {
                    notifier: notifier.clone(),
                    thread,
                    handle,
                });
                metrics::message_delivered(notifier);
                tracing::info!(notifier, recipient, message_id = %id, "delivered");
                message.delivered(now)
            }
            Delivery::Retry { error, after } => {
                let message = message.after_failure(error.clone(), after, now);
                let again = message.state == MessageState::Waiting;
                metrics::message_failed(notifier, again);
                if again {
                    tracing::warn!(notifier, recipient, message_id = %id, "not delivered, to be tried again: {error}");
                } else {
                    tracing::error!(notifier, recipient, message_id = %id, "given up after days: {error}");
                }
                message
            }
            Delivery::Rejected { error } => {
                metrics::message_failed(notifier, false);
                tracing::error!(notifier, recipient, message_id = %id, "refused for good: {error}");
                message.rejected(error)
            }
        };
        if let Err(error) = context.store.save_message(&message, thread.as_ref()).await {
            tracing::error!(notifier, message = %id, "cannot record what became of it: {error}");
            let mut unrecorded = unrecorded.lock().unwrap_or_else(PoisonError::into_inner);
            return unrecorded.push((message, thread));
        }
        if let (MessageState::GivenUp, Some(error)) = (message.state, &message.last_error)
            && let Err(error) = undelivered::tell(context, notifier, error, now).await
        {
            tracing::error!(notifier, "cannot tell the others: {error}");
        }
        if message.state == MessageState::Waiting {
            // The channel is likely down: what is behind may wait for the next round, so that a
            // channel that answers nobody holds up no other for long.
            return;
        }
    }
}
