//! A stack at a glance: what it is chosen and counted by, kept beside all that is known of it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::finding::{Origin, Severity, Verdict};
use super::ids::{SourceName, StackId};
use super::selection::Selection;
use super::stack::{StackRecord, verdict_at};

/// A part of a [`StackRecord`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glance {
    /// Its id.
    pub id: StackId,
    /// The source it belongs to.
    pub source: SourceName,
    /// Labels from the configuration.
    pub labels: BTreeMap<String, String>,
    /// Who owns its directory, as the repository says.
    pub owners: Vec<String>,
    /// Whether it is still in the source.
    pub tracked: bool,
    max_age: SignedDuration,
    checked_at: Option<Timestamp>,
    last: Option<LastLook>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LastLook {
    verdict: Verdict,
    /// Of its findings that are not suppressed.
    told: Vec<(Origin, Severity)>,
}

impl From<&StackRecord> for Glance {
    fn from(record: &StackRecord) -> Self {
        let last = record.last.as_ref().map(|last| {
            let found = last.findings.resources.iter();
            let told = found.filter(|finding| finding.suppressed.is_none());
            LastLook {
                verdict: last.verdict,
                told: told.map(|f| (f.origin, f.severity)).collect(),
            }
        });
        Self {
            id: record.id.clone(),
            source: record.source.clone(),
            labels: record.labels.clone(),
            owners: record.owners.clone(),
            tracked: record.tracked,
            max_age: record.max_age,
            checked_at: record.checked_at,
            last,
        }
    }
}

impl Glance {
    /// The verdict as it stands now.
    pub fn verdict(&self, now: Timestamp) -> Verdict {
        let last = self.last.as_ref().map(|last| last.verdict);
        verdict_at(last, self.checked_at, self.max_age, now)
    }

    /// Its findings that are not suppressed, as of the last look.
    pub fn told(&self) -> impl Iterator<Item = (Origin, Severity)> {
        self.last.iter().flat_map(|last| last.told.iter().copied())
    }

    /// Whether it is among the stacks that are meant.
    pub fn is_in(&self, which: &Selection) -> bool {
        let source = Some(&self.source);
        which.fits(self.id.as_str(), source, &self.labels, &self.owners)
    }

    /// Whether it was looked at once, and too long ago.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.tracked && self.last.is_some() && self.verdict(now) == Verdict::Unknown
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::finding::Finding;
    use crate::domain::pattern::NamePattern;
    use crate::domain::testing::{check, finding};

    #[test]
    fn a_glance_says_what_the_record_says() {
        let then = Timestamp::UNIX_EPOCH;
        let (id, source) = (StackId::new("infra/web"), SourceName::new("infra"));
        let labels = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
        let (dir, workspace) = ("web".to_owned(), "default".to_owned());
        let mut record = StackRecord::new(id, source, dir, workspace, labels, then);
        let glance = |record: &StackRecord| Glance::from(record);
        let late = then + record.max_age + SignedDuration::from_secs(1);
        assert_eq!(glance(&record).verdict(then), Verdict::Unknown);
        assert!(!glance(&record).is_overdue(late), "never looked at");
        record.observe(check(vec![]), then);
        for now in [then, late] {
            assert_eq!(glance(&record).verdict(now), record.verdict(now));
        }
        assert!(glance(&record).is_overdue(late));
        let told = finding("a.b", "c", Origin::Drift, ["1", "2", "1"]);
        let noise = Finding {
            suppressed: Some("known noise".to_owned()),
            ..told.clone()
        };
        let counted = (told.origin, told.severity);
        record.observe(check(vec![noise, told]), then);
        assert_eq!(glance(&record).told().collect::<Vec<_>>(), [counted]);
        let wanted = |team: &str| Selection {
            labels: [("team".to_owned(), NamePattern::parse(team).unwrap())].into(),
            ..Selection::default()
        };
        assert!(glance(&record).is_in(&wanted("w*")) && !glance(&record).is_in(&wanted("db")));
        record.tracked = false;
        assert!(!glance(&record).is_overdue(late));
    }
}
