//! The pulse of the daemon: which of its parts came round lately.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Every part comes round within half a minute unless it works; no work it does between takes this
/// long: an attempt to deliver ends after a minute or two, a write to the database after one.
const STUCK_AFTER: Duration = Duration::from_mins(5);

/// A part without which the daemon does not do its work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Starts runs.
    Driver,
    /// Moves alerts by time.
    Clock,
    /// Makes messages of news.
    Composer,
    /// Delivers messages to one notifier.
    Outbox(String),
    /// Sees which stacks are not checked in time.
    Overdue,
    /// Does what other replicas call for.
    Calls,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Driver => f.write_str("the driver"),
            Self::Clock => f.write_str("the clock of the alerts"),
            Self::Composer => f.write_str("the composer"),
            Self::Outbox(notifier) => write!(f, "the outbox of {notifier}"),
            Self::Overdue => f.write_str("the watch over stacks"),
            Self::Calls => f.write_str("the part that does what other replicas call for"),
        }
    }
}

/// When each part last came round.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<BTreeMap<Part, Instant>>);

impl Pulse {
    /// A part comes round.
    pub fn beat(&self, part: Part) {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(part, Instant::now());
    }

    /// A part that has not come round for too long.
    pub fn stuck(&self, now: Instant) -> Option<Part> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stuck = parts
            .iter()
            .filter(|(_, at)| now.saturating_duration_since(**at) > STUCK_AFTER);
        stuck.next().map(|(part, _)| part.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_does_not_come_round_is_named() {
        let pulse = Pulse::default();
        pulse.beat(Part::Driver);
        let now = Instant::now();
        assert_eq!(pulse.stuck(now + Duration::from_secs(299)), None);
        assert_eq!(
            pulse.stuck(now + Duration::from_secs(301)),
            Some(Part::Driver)
        );
        pulse.beat(Part::Driver);
        pulse.beat(Part::Outbox("team".to_owned()));
        assert_eq!(pulse.stuck(Instant::now()), None);
    }
}
