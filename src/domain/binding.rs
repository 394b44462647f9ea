//! What exactly an approval is about.

use serde::{Deserialize, Serialize};

use super::ids::{ChangeDigest, CommitId, Fingerprint, StackId};

/// What an approval says yes to, beyond the changes themselves: two configurations can plan alike
/// and act differently, so everything the plan was made from is part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The stack.
    pub stack: StackId,
    /// The digest of the change set.
    pub digest: ChangeDigest,
    /// The lineage of the state the plan was made from.
    pub lineage: String,
    /// The serial of that state.
    pub serial: u64,
    /// The commit the configuration came from.
    pub commit: Option<CommitId>,
    /// Keyed hash over variable values, engine, provider and module versions, backend and workspace.
    pub inputs: Fingerprint,
}

/// In what a plan is another than the one that people were asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// The changes.
    Changes,
    /// The state that is changed.
    State,
    /// The code.
    Commit,
    /// What the plan was made from besides the code.
    Inputs,
}

impl Binding {
    /// In what another plan differs. A higher serial does not: whoever wrote the state meanwhile
    /// changed nothing that the plan changes, or its digest would be another.
    pub fn differences(&self, present: &Self) -> Vec<Difference> {
        let all = [
            (Difference::Changes, self.digest == present.digest),
            (
                Difference::State,
                self.stack == present.stack && self.lineage == present.lineage,
            ),
            (Difference::Commit, self.commit == present.commit),
            (Difference::Inputs, self.inputs == present.inputs),
        ];
        let differing = all.into_iter().filter(|(_, same)| !same);
        differing.map(|(difference, _)| difference).collect()
    }
}
