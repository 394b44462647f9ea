//! When stacks are looked at besides their schedule.

use std::time::Duration;

use jiff::SignedDuration;

use super::super::looking::{Adaptive, StateWatch};
use super::Checks;
use crate::domain::cadence::Cadence;

/// Instead of a duration.
const NEVER: &str = "never";

impl Checks<'_> {
    /// How often states are glanced at, if anything is said of it: never, or after this time.
    pub(super) fn state_watch(&mut self, written: Option<&StateWatch>) -> Option<Option<Duration>> {
        let every = &written?.every;
        if every.as_str() == NEVER {
            return Some(None);
        }
        self.positive(Some(every)).map(Some)
    }

    /// Whether quiet stacks are looked at less often, if anything is said of it, and how.
    pub(super) fn adaptive(&mut self, written: Option<&Adaptive>) -> Option<Option<Cadence>> {
        let most = &written?.max_interval;
        if most.as_str() == NEVER {
            return Some(None);
        }
        let max_interval = SignedDuration::try_from(self.positive(Some(most))?).ok()?;
        Some(Some(Cadence { max_interval }))
    }
}
