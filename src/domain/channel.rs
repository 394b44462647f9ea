//! Whether a channel to people works, as its deliveries tell. One that fails several times in a row is
//! left alone for a while (its circuit is open), then tried with a single message.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::backoff::backoff;
use super::message::LONGEST_ASKED_WAIT;

/// So many failures in a row open the circuit: one may be chance, and two.
const FAILURES: u32 = 3;
/// The first wait for a trial; each further one doubles it.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(15);
/// The longest wait for a trial that Mooring chooses by itself. A trial is one message, so that more
/// patience would spare nobody and keep people waiting.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(5);
/// The shortest wait that a channel can ask for.
const SHORTEST_ASKED_WAIT: SignedDuration = SignedDuration::from_secs(1);
/// A message that failed so often while others arrived says nothing about its channel any more.
const OWN_FAULT: u32 = 5;
/// Others are told of an outage that lasts so long. Restarts are shorter, and nobody acknowledges a
/// critical alert that never came: this is half of the time after which one is escalated.
pub const TOLD_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// An outage that begins so soon after another was told waits with its news, so that a channel that
/// comes and goes does not fill all others.
const TOLD_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Whether messages go to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// They do.
    Closed,
    /// None does before this time.
    Open(Timestamp),
    /// One does, and shows how to go on.
    HalfOpen,
}

impl Circuit {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open(_) => "open",
            Self::HalfOpen => "half_open",
        }
    }

    /// Every stable word.
    pub const WORDS: [&'static str; 3] = ["closed", "open", "half_open"];
}

/// What is known of a channel from its deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The name of the notifier.
    pub notifier: String,
    /// Whether messages go to it.
    pub circuit: Circuit,
    /// Since when it has been closed, or has been failing.
    pub since: Timestamp,
    /// How many deliveries in a row failed.
    pub failures: u32,
    /// Why the last delivery failed, if none came after it.
    pub last_error: Option<String>,
    /// When something was last delivered.
    pub last_delivery: Option<Timestamp>,
}

impl Channel {
    /// A channel of which nothing is known.
    pub fn new(notifier: impl Into<String>, now: Timestamp) -> Self {
        Self {
            notifier: notifier.into(),
            circuit: Circuit::Closed,
            since: now,
            failures: 0,
            last_error: None,
            last_delivery: None,
        }
    }

    /// The channel as it is now: an open one whose wait is over is half-open.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        match self.circuit {
            Circuit::Open(until) if until <= now => Self {
                circuit: Circuit::HalfOpen,
                ..self
            },
            _ => self,
        }
    }

    /// The channel after it took a message over.
    #[must_use]
    pub fn accepted(self, now: Timestamp) -> Self {
        Self {
            since: if self.failures == 0 { self.since } else { now },
            circuit: Circuit::Closed,
            failures: 0,
            last_error: None,
            last_delivery: Some(now),
            notifier: self.notifier,
        }
    }

    /// The channel after it did not take a message that may be tried again. `attempts` is how often
    /// that message had failed before; `after` is how long the channel asked to be left alone, which
    /// opens its circuit whatever came before.
    #[must_use]
    pub fn failed(
        self,
        error: impl Into<String>,
        after: Option<SignedDuration>,
        attempts: u32,
        now: Timestamp,
    ) -> Self {
        let last_error = Some(error.into());
        if self.circuit == Circuit::Closed && after.is_none() && attempts >= OWN_FAULT {
            return Self { last_error, ..self };
        }
        let failures = self.failures.saturating_add(1);
        let opens = self.circuit != Circuit::Closed || after.is_some() || failures >= FAILURES;
        let wait = match after {
            Some(asked) => asked.clamp(SHORTEST_ASKED_WAIT, LONGEST_ASKED_WAIT),
            None => backoff(
                &self.notifier,
                failures.saturating_sub(FAILURES),
                FIRST_WAIT,
                LONGEST_WAIT,
            ),
        };
        Self {
            circuit: if opens {
                Circuit::Open(now.checked_add(wait).unwrap_or(Timestamp::MAX))
            } else {
                Circuit::Closed
            },
            since: if self.failures == 0 { now } else { self.since },
            failures,
            last_error,
            ..self
        }
    }

    /// The channel after it refused a message for good: that says something about the message only.
    #[must_use]
    pub fn refused(self, error: impl Into<String>) -> Self {
        Self {
            last_error: Some(error.into()),
            ..self
        }
    }

    /// How long it has been failing; none if its circuit is closed.
    pub fn outage(&self, now: Timestamp) -> Option<SignedDuration> {
        (self.circuit != Circuit::Closed).then(|| now.duration_since(self.since))
    }
}

/// What others are to be told of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutageNews {
    /// It has been failing for long, since then.
    Down(Timestamp),
    /// It works again; it had been failing since then.
    Back(Timestamp),
}

/// What others were last told of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageTold {
    /// Since when it had been failing.
    pub since: Timestamp,
    /// When they were told.
    pub at: Timestamp,
    /// Whether they were told that it works again.
    pub over: bool,
}

/// What is to be told now, or when there may be something to tell if nothing changes.
pub fn outage_news(
    channel: &Channel,
    told: Option<OutageTold>,
    now: Timestamp,
) -> Result<OutageNews, Option<Timestamp>> {
    match told.filter(|told| !told.over) {
        Some(told) if channel.circuit == Circuit::Closed => Ok(OutageNews::Back(told.since)),
        Some(_) => Err(None),
        None if channel.circuit == Circuit::Closed => Err(None),
        None => {
            let later = |at: Timestamp, wait| at.checked_add(wait).unwrap_or(Timestamp::MAX);
            let due = later(channel.since, TOLD_AFTER);
            let quiet = told.map_or(due, |told| later(told.at, TOLD_AGAIN_AFTER));
            let due = due.max(quiet);
            if due <= now {
                Ok(OutageNews::Down(channel.since))
            } else {
                Err(Some(due))
            }
        }
    }
}

impl OutageNews {
    /// What others have been told once they are told this.
    pub const fn told(self, at: Timestamp) -> OutageTold {
        match self {
            Self::Down(since) => OutageTold {
                since,
                at,
                over: false,
            },
            Self::Back(since) => OutageTold {
                since,
                at,
                over: true,
            },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn new() -> Channel {
        Channel::new("team", at(0))
    }

    fn failed(channel: Channel, now: i64) -> Channel {
        channel.at(at(now)).failed("down", None, 0, at(now))
    }

    #[test]
    fn three_failures_in_a_row_open_it_and_a_trial_closes_it() {
        let channel = failed(failed(new(), 10), 20);
        assert_eq!(channel.circuit, Circuit::Closed);
        let channel = failed(channel, 30);
        let Circuit::Open(until) = channel.circuit else {
            panic!("{channel:?}");
        };
        assert!(until > at(40) && until <= at(45), "{until}");
        assert_eq!(channel.since, at(10), "since the first failure");
        assert_eq!(channel.clone().at(at(40)).circuit, channel.circuit);
        let channel = channel.at(at(45));
        assert_eq!(channel.circuit, Circuit::HalfOpen);
        let again = failed(channel.clone(), 45);
        assert!(matches!(again.circuit, Circuit::Open(until) if until > at(60)));
        assert_eq!(again.since, at(10));
        let closed = channel.accepted(at(46));
        assert_eq!((closed.circuit, closed.since), (Circuit::Closed, at(46)));
        assert_eq!((closed.failures, closed.last_error), (0, None));
    }

    #[test]
    fn a_delivery_in_between_and_a_refusal_keep_it_closed() {
        let channel = failed(failed(new(), 1), 2).accepted(at(3));
        let channel = failed(failed(channel, 4), 5);
        assert_eq!(channel.circuit, Circuit::Closed);
        let refused = channel.clone().refused("no such channel");
        assert_eq!(refused.circuit, Circuit::Closed);
        assert_eq!(refused.failures, 2, "neither a failure nor a success");
        let half = failed(channel, 6).at(at(600)).refused("too long");
        assert_eq!(half.circuit, Circuit::HalfOpen, "the next message shows it");
    }

    #[test]
    fn what_the_channel_asks_for_opens_it_at_once() {
        let channel = new().failed("429", Some(SignedDuration::from_secs(30)), 0, at(0));
        assert_eq!(channel.circuit, Circuit::Open(at(30)));
        let week = Some(SignedDuration::from_hours(24 * 7));
        let channel = new().failed("429", week, 0, at(0));
        assert_eq!(channel.circuit, Circuit::Open(at(24 * 3600)));
    }

    #[test]
    fn one_message_that_never_goes_through_does_not_open_it() {
        let mut channel = new();
        for n in 0..20 {
            channel = channel.failed("500", None, OWN_FAULT + n, at(i64::from(n)));
            assert_eq!(channel.circuit, Circuit::Closed);
        }
        assert_eq!(channel.last_error.as_deref(), Some("500"));
        // But a trial is a trial.
        let half = failed(failed(failed(channel, 30), 31), 32).at(at(600));
        let again = half.failed("500", None, 40, at(600));
        assert!(matches!(again.circuit, Circuit::Open(_)));
    }

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end() {
        let down = failed(failed(failed(new(), 0), 10), 30);
        assert_eq!(outage_news(&down, None, at(899)), Err(Some(at(900))));
        let news = outage_news(&down, None, at(900)).unwrap();
        assert_eq!(news, OutageNews::Down(at(0)));
        let told = Some(news.told(at(900)));
        assert_eq!(outage_news(&down, told, at(5000)), Err(None));

        let up = down.accepted(at(6000));
        let news = outage_news(&up, told, at(6000)).unwrap();
        assert_eq!(news, OutageNews::Back(at(0)));
        let told = Some(news.told(at(6000)));
        assert_eq!(outage_news(&up, told, at(6001)), Err(None));
        assert_eq!(outage_news(&up, None, at(6001)), Err(None), "a short one");

        // It comes and goes: the next one waits for its hour.
        let down = failed(failed(failed(up, 6100), 6110), 6120);
        assert_eq!(outage_news(&down, told, at(7100)), Err(Some(at(9600))));
        let news = outage_news(&down, told, at(9600));
        assert_eq!(news, Ok(OutageNews::Down(at(6100))));
    }

    proptest! {
        /// Whatever happens: trials come again within five minutes unless the channel asks for more,
        /// and a closed channel has fewer than three failures.
        #[test]
        fn it_never_stays_open(steps in proptest::collection::vec((0_u8..4, 0_i64..2000), 1..60)) {
            let mut channel = new();
            let mut now = 0;
            for (what, later) in steps {
                now += later;
                channel = channel.at(at(now));
                if matches!(channel.circuit, Circuit::Open(_)) {
                    continue;
                }
                channel = match what {
                    0 => channel.accepted(at(now)),
                    1 => channel.refused("no"),
                    _ => channel.failed("down", None, 0, at(now)),
                };
                prop_assert!(channel.since <= at(now));
                match channel.circuit {
                    Circuit::Open(until) => {
                        prop_assert!(until > at(now) && until <= at(now) + LONGEST_WAIT);
                        prop_assert!(channel.outage(at(now)).is_some());
                    }
                    Circuit::Closed => prop_assert!(channel.failures < FAILURES),
                    Circuit::HalfOpen => prop_assert_eq!(what, 1),
                }
            }
        }
    }
}
