//! When stacks are looked at besides their schedule.

use std::time::Duration;

use super::super::looking::StateWatch;
use super::Checks;

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
}
