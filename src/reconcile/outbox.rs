//! Messages leave through the database: what is written there is delivered, however long a channel
//! is down and however often Mooring is restarted. Each notifier has a carrier of its own, so that
//! one that hangs holds up no other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::channel::{Channel, Circuit, OutageTold};
use crate::domain::message::{GIVEN_UP_AFTER, Message, MessageState};
use crate::domain::notice::Notice;
use crate::notify::Delivery;
use crate::store::{Attempt, StoreError, Thread};
use crate::telemetry::metrics;

use super::context::Context;
use super::pulse::Part;
use super::undelivered;

/// The outbox is looked at this often at least.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// How many messages are taken at once.
const BATCH: u32 = 20;
/// A channel that has failed so long was tried often enough to fail all of its messages by it.
const TRIED_ENOUGH: SignedDuration = SignedDuration::from_hours(1);

/// Carries the messages of one notifier.
#[derive(Debug)]
pub(super) struct Carrier {
    channel: Channel,
    /// What others were last told of an outage.
    told: Option<OutageTold>,
    /// What goes next as long as the circuit is closed.
    queue: VecDeque<Message>,
    /// What came of a message and could not be recorded (the disk is full). Until it is, nothing more
    /// leaves: the database would have the same message sent again and again.
    unrecorded: Option<Attempt>,
}

impl Carrier {
    /// A carrier that goes on where the last one of this notifier ended.
    pub(super) async fn of(
        context: &Context,
        notifier: &str,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let channel = context.store.channel(notifier).await?;
        let channel = channel.unwrap_or_else(|| Channel::new(notifier, now));
        metrics::channel(notifier, channel.circuit);
        Ok(Self {
            channel,
            told: undelivered::told_of(context, notifier).await?,
            queue: VecDeque::new(),
            unrecorded: None,
        })
    }
}

/// Delivers the messages of one notifier until the daemon stops.
pub async fn deliver(context: Arc<Context>, notifier: String) {
    let bell = context.outbox_bells.of(&notifier);
    let mut carrier = None;
    loop {
        context.pulse.beat(Part::Outbox(notifier.clone()));
        let now = context.now();
        let next = match &mut carrier {
            Some(carrier) => attend(&context, carrier, now).await,
            None => Carrier::of(&context, &notifier, now).await.map(|found| {
                carrier = Some(found);
                Some(now)
            }),
        };
        let wait = match next {
            Ok(Some(next)) => Duration::try_from(next.duration_since(now)).unwrap_or_default(),
            Ok(None) => LONGEST_SLEEP,
            Err(error) => {
                tracing::error!(notifier, "cannot use the outbox: {error}");
                LONGEST_SLEEP
            }
        };
        tokio::select! {
            biased;
            () = context.stop.plans.cancelled() => return,
            () = bell.notified() => {
                // What has come may be more urgent than what was taken.
                if let Some(carrier) = &mut carrier {
                    carrier.queue.clear();
                }
            }
            () = tokio::time::sleep(wait.min(LONGEST_SLEEP)) => {}
        }
    }
}

/// Takes one step at `now`: delivers the message of one notifier that is to go next, if its time has
/// come. Says when there is more to do; as long as that is not after `now`, it can be done at once.
pub(super) async fn attend(
    context: &Context,
    carrier: &mut Carrier,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    carrier.record(context).await?;
    carrier.becomes(carrier.channel.clone().at(now));
    let news_at = undelivered::outage(context, &carrier.channel, &mut carrier.told, now).await?;
    let notifier = carrier.channel.notifier.clone();
    let Some(message) = carrier.next(context, now).await? else {
        let next = match carrier.channel.circuit {
            Circuit::Open(until) => Some(until),
            _ => context.store.next_message_at(&notifier).await?,
        };
        return Ok([next, news_at].into_iter().flatten().min());
    };
    context.store.confirm().await?;
    let attempt = attempt(context, &carrier.channel, message, now).await?;
    let lost = lost(&attempt);
    carrier.becomes(attempt.channel.clone());
    carrier.unrecorded = Some(attempt);
    carrier.record(context).await?;
    let mut lost: Vec<Message> = lost.into_iter().collect();
    lost.extend(give_up_old(context, &carrier.channel, now).await?);
    tell_lost(context, &notifier, &lost, now).await?;
    Ok(Some(now))
}

impl Carrier {
    /// Records what could not be recorded before.
    async fn record(&mut self, context: &Context) -> Result<(), StoreError> {
        if let Some(attempt) = &self.unrecorded {
            context.store.save_attempt(attempt).await?;
            self.unrecorded = None;
        }
        Ok(())
    }

    /// What goes next: one message that is due, or the one that a half-open circuit is tried with.
    async fn next(
        &mut self,
        context: &Context,
        now: Timestamp,
    ) -> Result<Option<Message>, StoreError> {
        let notifier = &self.channel.notifier;
        if self.channel.circuit != Circuit::Closed {
            self.queue.clear();
        }
        match self.channel.circuit {
            Circuit::Open(_) => Ok(None),
            Circuit::HalfOpen => context.store.first_message(notifier).await,
            Circuit::Closed => {
                if self.queue.is_empty() {
                    let due = context.store.due_messages(notifier, now, BATCH).await?;
                    self.queue = due.into();
                }
                Ok(self.queue.pop_front())
            }
        }
    }

    /// The channel is another than it was; says so if its circuit changed.
    fn becomes(&mut self, channel: Channel) {
        let before = std::mem::replace(&mut self.channel, channel);
        let (notifier, now) = (&self.channel.notifier, self.channel.circuit);
        if before.circuit == now {
            return;
        }
        metrics::channel(notifier, now);
        metrics::channel_turned(notifier, now);
        let failures = self.channel.failures;
        let error = self.channel.last_error.as_deref();
        match now {
            Circuit::Open(until) => {
                tracing::warn!(notifier, failures, %until, error, "the channel is left alone");
            }
            Circuit::HalfOpen => {
                tracing::info!(notifier, failures, "the channel is tried with one message");
            }
            Circuit::Closed => tracing::info!(notifier, "the channel works again"),
        }
    }
}

async fn attempt(
    context: &Context,
    channel: &Channel,
    message: Message,
    now: Timestamp,
) -> Result<Attempt, StoreError> {
    let (to, id) = (message.to.clone(), message.id);
    let (notifier, recipient) = (&to.notifier, to.recipient.as_deref());
    let name = context.notifiers.thread(notifier, &message.notice);
    let handle = match &name {
        Some(thread) => context.store.thread_handle(notifier, thread).await?,
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
    let channel = channel.clone();
    Ok(match delivery {
        Delivery::Accepted { handle } => {
            metrics::message_delivered(notifier);
            tracing::info!(notifier, recipient, message_id = %id, "delivered");
            Attempt {
                thread: name.zip(handle).map(|(thread, handle)| Thread {
                    notifier: notifier.clone(),
                    thread,
                    handle,
                }),
                message: message.delivered(now),
                channel: channel.accepted(now),
            }
        }
        Delivery::Retry { error, after } => {
            let trial = channel.circuit != Circuit::Closed;
            let channel = channel.failed(error.clone(), after, message.attempts, now);
            let mut message = message.after_failure(error.clone(), after, now);
            if trial {
                // It waits for the channel, not for a time of its own.
                message.next_at = now;
            }
            let again = message.state == MessageState::Waiting;
            metrics::message_failed(notifier, again);
            if again {
                tracing::warn!(notifier, recipient, message_id = %id, "not delivered, to be tried again: {error}");
            } else {
                tracing::error!(notifier, recipient, message_id = %id, "given up after days: {error}");
            }
            Attempt {
                message,
                thread: None,
                channel,
            }
        }
        Delivery::Rejected { error } => {
            metrics::message_failed(notifier, false);
            tracing::error!(notifier, recipient, message_id = %id, "refused for good: {error}");
            Attempt {
                channel: channel.refused(error.clone()),
                message: message.rejected(error),
                thread: None,
            }
        }
    })
}

fn lost(attempt: &Attempt) -> Option<Message> {
    let given_up = attempt.message.state == MessageState::GivenUp;
    given_up.then(|| attempt.message.clone())
}

/// Gives up what waited for three days behind the message that an open circuit was tried with: the
/// trials were made for all of them.
async fn give_up_old(
    context: &Context,
    channel: &Channel,
    now: Timestamp,
) -> Result<Vec<Message>, StoreError> {
    let failing = channel.outage(now).unwrap_or_default();
    let (true, Some(error)) = (failing >= TRIED_ENOUGH, &channel.last_error) else {
        return Ok(Vec::new());
    };
    let Ok(before) = now.checked_sub(GIVEN_UP_AFTER) else {
        return Ok(Vec::new());
    };
    let lost = context
        .store
        .give_up(&channel.notifier, before, error)
        .await?;
    for message in &lost {
        let (notifier, recipient) = (&message.to.notifier, message.to.recipient.as_deref());
        metrics::message_failed(notifier, false);
        tracing::error!(notifier, recipient, message_id = %message.id, "given up after days: {error}");
    }
    Ok(lost)
}

/// Tells the other receivers that these messages were given up, unless they only told of others.
async fn tell_lost(
    context: &Context,
    notifier: &str,
    lost: &[Message],
    now: Timestamp,
) -> Result<(), StoreError> {
    let own = |message: &&Message| !matches!(message.notice, Notice::Undelivered(_));
    let error = lost.iter().find(own).and_then(|m| m.last_error.as_deref());
    match error {
        Some(error) => undelivered::given_up(context, notifier, error, now).await,
        None => Ok(()),
    }
}

/// Gives up messages to notifiers that are not in the configuration any more: no carrier is theirs.
pub async fn retire(context: &Context) -> Result<(), StoreError> {
    let now = context.now();
    for notifier in context.store.addressed_notifiers().await? {
        if context.notifiers.names().any(|name| name == notifier) {
            continue;
        }
        let error = format!("there is no notifier {notifier} in the configuration any more");
        let lost = context.store.give_up(&notifier, now, &error).await?;
        tracing::error!(notifier, messages = lost.len(), "given up: {error}");
        tell_lost(context, &notifier, &lost, now).await?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
