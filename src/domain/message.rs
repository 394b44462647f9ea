//! A message in the outbox: one notice for one addressee, kept until it is accepted or given up.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::backoff::backoff;
use super::finding::Severity;
use super::ids::MessageId;
use super::notice::Notice;

/// The wait after the first failed attempt; each further one doubles it.
pub const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(10);
/// The longest wait Mooring chooses by itself.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// The longest wait a receiver can ask for.
pub const LONGEST_ASKED_WAIT: SignedDuration = SignedDuration::from_hours(24);
/// A message that has waited longer than this when an attempt fails is given up.
pub const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// To be sent.
    Waiting,
    /// The receiver accepted it.
    Delivered,
    /// It will not be tried again.
    GivenUp,
}

impl MessageState {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }
}

/// Who gets a message. A notifier that reaches several people by separate deliveries has one
/// addressee for each, so that the refusal of one neither keeps the message from the others nor
/// tells them twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Addressee {
    /// The name of the notifier as configured.
    pub notifier: String,
    /// Whom of those it reaches; none if its receiver is one.
    pub recipient: Option<String>,
}

/// One notice for one addressee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id: also the key by which a receiver recognises a duplicate.
    pub id: MessageId,
    /// Who gets it.
    pub to: Addressee,
    /// What is said.
    pub notice: Notice,
    /// When it was put in the outbox; later than whatever of its conversation waited there.
    pub created_at: Timestamp,
    /// When its three days began: with it, or when a person had it sent again.
    pub since: Timestamp,
    /// How many times it was tried since then.
    pub attempts: u32,
    /// When it is to be tried next; of a delivered message, when it was delivered.
    pub next_at: Timestamp,
    /// Where it is.
    pub state: MessageState,
    /// Why the last attempt failed, if it did.
    pub last_error: Option<String>,
}

impl Message {
    /// A new message, due at once.
    pub const fn new(id: MessageId, to: Addressee, notice: Notice, now: Timestamp) -> Self {
        Self {
            id,
            to,
            notice,
            created_at: now,
            since: now,
            attempts: 0,
            next_at: now,
            state: MessageState::Waiting,
            last_error: None,
        }
    }

    /// Whether it goes before others that are not.
    pub fn is_urgent(&self) -> bool {
        self.notice.severity() == Severity::Critical
    }

    /// The message after a person has asked for it to be sent again, with the same id and three days
    /// more; none unless it was given up.
    #[must_use]
    pub fn again(self, now: Timestamp) -> Option<Self> {
        (self.state == MessageState::GivenUp).then_some(Self {
            since: now,
            attempts: 0,
            next_at: now,
            state: MessageState::Waiting,
            ..self
        })
    }

    /// The message after an attempt that may go better later. The wait doubles from ten seconds to
    /// an hour, less up to a quarter that depends on the message and the attempt, so that messages
    /// that failed together do not return together. `retry_after` is what the receiver asked for
    /// and takes its place. A message that has waited for three days is given up.
    #[must_use]
    pub fn after_failure(
        self,
        error: impl Into<String>,
        retry_after: Option<SignedDuration>,
        now: Timestamp,
    ) -> Self {
        let wait = match retry_after {
            Some(asked) => asked.clamp(FIRST_WAIT, LONGEST_ASKED_WAIT),
            None => backoff(
                &self.id.to_string(),
                self.attempts,
                FIRST_WAIT,
                LONGEST_WAIT,
            ),
        };
        let state = if now.duration_since(self.since) >= GIVEN_UP_AFTER {
            MessageState::GivenUp
        } else {
            MessageState::Waiting
        };
        Self {
            attempts: self.attempts.saturating_add(1),
            next_at: now.checked_add(wait).unwrap_or(Timestamp::MAX),
            state,
            last_error: Some(error.into()),
            ..self
        }
    }

    /// The message after the receiver accepted it.
    #[must_use]
    pub fn delivered(self, now: Timestamp) -> Self {
        Self {
            attempts: self.attempts.saturating_add(1),
            next_at: now,
            state: MessageState::Delivered,
            last_error: None,
            ..self
        }
    }

    /// The message after the receiver refused it in a way that no repetition can mend.
    #[must_use]
    pub fn rejected(self, error: impl Into<String>) -> Self {
        Self {
            attempts: self.attempts.saturating_add(1),
            ..self.given_up(error)
        }
    }

    /// The message after it is clear that nobody will take it, without one attempt more.
    #[must_use]
    pub fn given_up(self, error: impl Into<String>) -> Self {
        Self {
            state: MessageState::GivenUp,
            last_error: Some(error.into()),
            ..self
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::counts::VerdictCounts;
    use super::super::ids::SourceName;
    use super::super::notice::SummaryNotice;
    use super::*;

    fn message(id: u128) -> Message {
        let notice = Notice::Summary(SummaryNotice {
            source: SourceName::new("infra"),
            at: Timestamp::UNIX_EPOCH,
            stacks: vec![],
            counts: VerdictCounts::default(),
        });
        let id = MessageId::from_uuid(uuid::Uuid::from_u128(id));
        let to = Addressee {
            notifier: "team".to_owned(),
            recipient: None,
        };
        Message::new(id, to, notice, Timestamp::UNIX_EPOCH)
    }

    proptest! {
        #[test]
        fn waits_grow_to_an_hour_and_an_end_comes_after_three_days(id: u128) {
            let mut message = message(id);
            let mut now = message.created_at;
            for n in 0..200_u32 {
                let next = message.clone().after_failure("down", None, now);
                prop_assert_eq!(&next, &message.clone().after_failure("down", None, now));
                prop_assert_eq!(next.attempts, n + 1);
                let wait = next.next_at.duration_since(now);
                let full = SignedDuration::from_secs(10 << n.min(9)).min(LONGEST_WAIT);
                prop_assert!(wait <= full && wait >= full * 3 / 4, "{wait} of {full}");
                message = next;
                if message.state == MessageState::GivenUp { break; }
                now = message.next_at;
            }
            prop_assert_eq!(message.state, MessageState::GivenUp);
            let age = now.duration_since(message.created_at);
            prop_assert!(age >= GIVEN_UP_AFTER && age <= GIVEN_UP_AFTER + LONGEST_WAIT);
        }

        #[test]
        fn what_the_receiver_asks_for_is_honoured_within_a_day(seconds in -10_i64..1_000_000, tried in 0_u32..40) {
            let mut message = message(7);
            message.attempts = tried;
            let now = message.created_at;
            let asked = SignedDuration::from_secs(seconds);
            let wait = message.after_failure("slow down", Some(asked), now).next_at.duration_since(now);
            prop_assert_eq!(wait, asked.clamp(FIRST_WAIT, LONGEST_ASKED_WAIT));
        }
    }

    #[test]
    fn messages_that_failed_together_do_not_return_together() {
        let now = Timestamp::UNIX_EPOCH;
        let next: std::collections::BTreeSet<_> = (0..20)
            .map(|id| message(id).after_failure("down", None, now).next_at)
            .collect();
        assert!(next.len() > 15, "{next:?}");
    }

    #[test]
    fn an_old_message_gets_an_attempt_before_it_is_given_up() {
        let late = Timestamp::UNIX_EPOCH + GIVEN_UP_AFTER * 2;
        let message = message(1);
        assert_eq!(message.state, MessageState::Waiting);
        let message = message.after_failure("down", None, late);
        assert_eq!(message.state, MessageState::GivenUp);
        assert_eq!(message.last_error.as_deref(), Some("down"));
    }

    #[test]
    fn a_delivery_and_a_refusal_are_ends() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(5);
        let failed = message(1).after_failure("down", None, now);
        let delivered = failed.clone().delivered(now);
        assert_eq!(delivered.state, MessageState::Delivered);
        assert_eq!(
            (delivered.attempts, delivered.next_at, delivered.last_error),
            (2, now, None)
        );
        let rejected = failed.rejected("no such channel");
        assert_eq!(rejected.state, MessageState::GivenUp);
        assert_eq!(rejected.last_error.as_deref(), Some("no such channel"));
    }

    #[test]
    fn what_was_given_up_gets_three_days_more_under_the_same_id() {
        let late = Timestamp::UNIX_EPOCH + GIVEN_UP_AFTER * 2;
        let waiting = message(1);
        assert_eq!(waiting.clone().again(late), None);
        assert_eq!(waiting.clone().delivered(late).again(late), None);
        let lost = waiting.clone().after_failure("down", None, late);
        let again = lost.again(late).unwrap();
        assert_eq!(
            (again.id, again.created_at),
            (waiting.id, waiting.created_at)
        );
        assert_eq!((again.attempts, again.next_at), (0, late));
        let soon = late + SignedDuration::from_hours(1);
        let failed = again.after_failure("down", None, soon);
        assert_eq!(failed.state, MessageState::Waiting);
        let failed = failed.after_failure("down", None, late + GIVEN_UP_AFTER);
        assert_eq!(failed.state, MessageState::GivenUp);
    }
}
