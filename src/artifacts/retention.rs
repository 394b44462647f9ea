//! Which artifacts have had their time.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{ArtifactName, Shelf};
use crate::domain::ids::RunId;

/// What is no longer kept: the artifacts of runs and reports from before a time, unless the run
/// applied something.
#[derive(Debug, Clone)]
pub struct Retention {
    /// Artifacts of runs that began later stay.
    pub before: Timestamp,
    /// Runs that applied something, or were about to.
    pub applied: BTreeSet<RunId>,
}

impl Retention {
    /// Whether a run or report is from before the time. One whose id does not say when it was made is
    /// not.
    pub(super) fn is_past(&self, shelf: &Shelf) -> bool {
        shelf.made_at().is_some_and(|at| at < self.before)
    }

    /// Whether a run or report with these artifacts keeps none of them. The log of an apply speaks for itself,
    /// so that a lost database does not cost what it would have protected.
    pub(super) fn ends<'a>(
        &self,
        shelf: &Shelf,
        mut names: impl Iterator<Item = &'a ArtifactName>,
    ) -> bool {
        let applied = match shelf {
            Shelf::Run(run) => self.applied.contains(run),
            Shelf::Report(_) | Shelf::Snapshots(_) => false,
        };
        self.is_past(shelf) && !applied && !names.any(|name| *name == ArtifactName::APPLY_LOG)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
pub(super) mod tests {
    use super::*;
    use crate::domain::report::ReportId;

    /// A run made so many days after 1970.
    pub(crate) fn run_of_day(day: u64, n: u8) -> RunId {
        let mut random = [0; 10];
        random[9] = n;
        let made = uuid::Builder::from_unix_timestamp_millis(day * 86_400_000, &random);
        RunId::from_uuid(made.into_uuid())
    }

    pub(crate) fn from_day(day: i64, applied: &[RunId]) -> Retention {
        Retention {
            before: Timestamp::from_second(day * 86_400).unwrap(),
            applied: applied.iter().copied().collect(),
        }
    }

    #[test]
    fn old_runs_end_unless_they_applied() {
        let (old, applied, new) = (run_of_day(1, 0), run_of_day(1, 1), run_of_day(3, 0));
        let retention = from_day(2, &[applied]);
        let check = [ArtifactName::CHECK];
        let log = [ArtifactName::APPLY_LOG, ArtifactName::CHECK];
        assert!(retention.ends(&old.into(), check.iter()));
        assert!(!retention.ends(&old.into(), log.iter()));
        assert!(!retention.ends(&applied.into(), check.iter()));
        assert!(!retention.ends(&new.into(), check.iter()));
        let timeless = RunId::from_uuid(uuid::Uuid::from_u128(1));
        assert!(!retention.ends(&timeless.into(), check.iter()));
        let report = |day: i64| {
            let at = Timestamp::from_second(day * 86_400).unwrap();
            Shelf::Report(ReportId::new(at, "weekly", None, 0))
        };
        assert!(retention.ends(&report(1), check.iter()));
        assert!(!retention.ends(&report(3), check.iter()));
    }
}
