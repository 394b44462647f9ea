//! Stacks: identity, and what is remembered of one between runs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::attribute_key::AttributeKey;
use super::check::StackCheck;
use super::confirm::Doubt;
use super::cost::Cost;
use super::finding::Verdict;
use super::history::{Drifting, drifting};
use super::ids::{CommitId, SourceName, StackId};
use super::policy::{By, Guard};
use super::state_watch::StateMove;

/// The name of the workspace that every backend has.
pub const DEFAULT_WORKSPACE: &str = "default";

impl StackId {
    /// `source/dir[@workspace][#name]`; the default workspace is left out.
    pub fn compose(
        source: &SourceName,
        dir: &str,
        workspace: Option<&str>,
        name: Option<&str>,
    ) -> Self {
        let mut text = format!("{source}/{dir}");
        if let Some(workspace) = workspace.filter(|w| *w != DEFAULT_WORKSPACE) {
            text.push('@');
            text.push_str(workspace);
        }
        if let Some(name) = name {
            text.push('#');
            text.push_str(name);
        }
        Self::new(text)
    }
}

/// The identity of a state as last seen; what an apply is checked against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateIdentity {
    /// Set when the state was first created; another one means another state.
    pub lineage: String,
    /// Counts every write.
    pub serial: u64,
}

/// One attribute that was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// Which.
    pub attribute: AttributeKey,
    /// When.
    pub at: Timestamp,
}

/// What is remembered of a stack between runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackRecord {
    /// Its id.
    pub id: StackId,
    /// The source it belongs to.
    pub source: SourceName,
    /// Its directory, relative to the source's root.
    pub dir: String,
    /// Its workspace.
    pub workspace: String,
    /// Labels from the configuration.
    pub labels: BTreeMap<String, String>,
    /// Who owns its directory, as the repository says.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Whether it is still in the source; a stack that left is kept for its history.
    pub tracked: bool,
    /// A look older than this says nothing any more.
    pub max_age: SignedDuration,
    /// When it was first discovered.
    pub first_seen_at: Timestamp,
    /// When it was last looked at successfully or failed for good.
    pub checked_at: Option<Timestamp>,
    /// Since when the verdict is what it is.
    pub verdict_since: Option<Timestamp>,
    /// Since when the world has been seen apart from the state, without a break.
    pub drift_since: Option<Timestamp>,
    /// Each attribute that an apply would put back, as it was seen.
    pub drifting: BTreeMap<AttributeKey, Drifting>,
    /// Since when code has been waiting, without a break.
    pub pending_since: Option<Timestamp>,
    /// The last confirmed look.
    pub last: Option<StackCheck>,
    /// The commit at which it was last in sync.
    pub in_sync_commit: Option<CommitId>,
    /// The state as it was when it was last in sync.
    #[serde(default)]
    pub in_sync_state: Option<StateIdentity>,
    /// The state as last seen and trusted.
    pub state: Option<StateIdentity>,
    /// Which state it is (a hash over the backend's location), to notice two stacks on one.
    pub backend: Option<String>,
    /// An apply of ours did not end as it should and nobody has looked at it yet; says how.
    pub held: Option<String>,
    /// What waits for a second look.
    pub doubt: Doubt,
    /// What was repaired lately, to see whether it comes back.
    pub repairs: Vec<Repair>,
    /// What looks at it usually use.
    #[serde(default)]
    pub cost: Option<Cost>,
    /// The last time that somebody else wrote the state, as far as it was watched.
    #[serde(default)]
    pub state_moved: Option<StateMove>,
    /// The source addresses of its providers; none before they are known.
    #[serde(default)]
    pub providers: Option<BTreeSet<String>>,
    /// Since when nothing has happened on it; none if something does.
    #[serde(default)]
    pub quiet_since: Option<Timestamp>,
}

impl StackRecord {
    /// A stack seen for the first time.
    pub fn new(
        id: StackId,
        source: SourceName,
        dir: String,
        workspace: String,
        labels: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            source,
            dir,
            workspace,
            labels,
            owners: Vec::new(),
            tracked: true,
            max_age: SignedDuration::from_hours(24),
            first_seen_at: now,
            checked_at: None,
            verdict_since: None,
            drift_since: None,
            drifting: BTreeMap::new(),
            pending_since: None,
            last: None,
            in_sync_commit: None,
            in_sync_state: None,
            state: None,
            backend: None,
            held: None,
            doubt: Doubt::default(),
            repairs: Vec::new(),
            cost: None,
            state_moved: None,
            providers: None,
            quiet_since: None,
        }
    }

    /// Takes in a confirmed look. A failed one says nothing about drift or pending code, so it
    /// leaves their times as they were.
    pub fn observe(&mut self, check: StackCheck, now: Timestamp) {
        if self.last.as_ref().map(|last| last.verdict) != Some(check.verdict) {
            self.verdict_since = Some(now);
        }
        if check.verdict != Verdict::Failed {
            self.drifting = drifting(&check, &self.drifting, now);
            self.drift_since = check
                .findings
                .has_drift()
                .then(|| self.drift_since.unwrap_or(now));
            self.pending_since = check
                .findings
                .has_pending()
                .then(|| self.pending_since.unwrap_or(now));
        }
        if check.verdict == Verdict::InSync && !check.dirty {
            self.in_sync_commit.clone_from(&check.commit);
        }
        self.checked_at = Some(now);
        self.last = Some(check);
    }

    /// Takes in the state that the look just taken in was made from. Another lineage or an older serial than seen
    /// before is not believed: repairs are on hold until a person says that it is right.
    pub fn observe_state(&mut self, seen: Option<StateIdentity>) {
        let Some(seen) = seen else {
            return;
        };
        let doubt = self.state.as_ref().and_then(|known| {
            if known.lineage != seen.lineage {
                Some(format!("the state has a new lineage ({})", seen.lineage))
            } else if seen.serial < known.serial {
                let (old, new) = (known.serial, seen.serial);
                Some(format!("the state went back from serial {old} to {new}"))
            } else {
                None
            }
        });
        match doubt {
            Some(doubt) => self.held = self.held.take().or(Some(doubt)),
            None => {
                let last = self.last.as_ref();
                if last.is_some_and(|last| last.verdict == Verdict::InSync && !last.dirty) {
                    self.in_sync_state = Some(seen.clone());
                }
                self.state = Some(seen);
            }
        }
    }

    /// Whether the word of a person would let anything go on: the stack is held, its state was not
    /// believed, or what came back after a repair is not repaired again.
    pub fn waits_for_person(&self) -> bool {
        self.doubts_state() || self.met(&[Guard::Contested])
    }

    /// A person has looked: what held repairs back is over. If it was the state, that as it is now is
    /// the right one; else the one seen last stays the measure of those to come.
    pub fn release(&mut self) {
        if self.doubts_state() {
            self.state = None;
            self.in_sync_state = None;
        }
        self.held = None;
        self.repairs.clear();
    }

    fn doubts_state(&self) -> bool {
        self.held.is_some() || self.met(&[Guard::NewLineage, Guard::OlderSerial])
    }

    /// Whether one of these guards stood at the last look.
    fn met(&self, guards: &[Guard]) -> bool {
        let reasons = || self.last.iter().flat_map(|last| last.decision.explained());
        reasons().any(|reason| matches!(&reason.by, By::Guard(guard) if guards.contains(guard)))
    }

    /// The verdict to show: an old one is `unknown`, never in sync.
    pub fn verdict(&self, now: Timestamp) -> Verdict {
        let last = self.last.as_ref().map(|last| last.verdict);
        verdict_at(last, self.checked_at, self.max_age, now)
    }
}

/// What a look of then says now: nothing any more if it is too old.
pub(super) fn verdict_at(
    last: Option<Verdict>,
    checked_at: Option<Timestamp>,
    max_age: SignedDuration,
    now: Timestamp,
) -> Verdict {
    match (last, checked_at) {
        (Some(last), Some(at)) if now.duration_since(at) <= max_age => last,
        _ => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::Reason;
    use crate::domain::testing::check;

    fn record(last: &[Guard]) -> StackRecord {
        let (id, source) = (StackId::new("infra/a"), SourceName::new("infra"));
        let now = Timestamp::UNIX_EPOCH;
        let (dir, workspace) = ("a".to_owned(), DEFAULT_WORKSPACE.to_owned());
        let mut record = StackRecord::new(id, source, dir, workspace, BTreeMap::new(), now);
        let mut look = check(vec![]);
        let reasons = last.iter();
        look.decision.reasons = reasons
            .map(|guard| Reason::plan(By::Guard(*guard), guard.reason()))
            .collect();
        record.observe(look, now);
        record.state = Some(StateIdentity {
            lineage: "one".to_owned(),
            serial: 7,
        });
        record
    }

    #[test]
    fn only_what_a_person_can_let_go_on_waits_for_one() {
        assert!(!record(&[]).waits_for_person());
        assert!(!record(&[Guard::HoldOff, Guard::DirtyTree]).waits_for_person());
        for guard in [Guard::NewLineage, Guard::OlderSerial, Guard::Contested] {
            assert!(record(&[guard]).waits_for_person(), "{guard:?}");
        }
        let held = StackRecord {
            held: Some("killed".to_owned()),
            ..record(&[])
        };
        assert!(held.waits_for_person());
    }

    #[test]
    fn a_state_is_believed_anew_only_if_it_was_what_a_person_looked_at() {
        let mut contested = record(&[Guard::Contested]);
        contested.release();
        assert!(contested.state.is_some());
        let mut doubted = record(&[Guard::OlderSerial]);
        doubted.release();
        assert_eq!(doubted.state, None);
    }
}
