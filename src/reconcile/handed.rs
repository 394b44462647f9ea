//! What the replica that leads and the one that takes a run through tell each other.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{CommitId, SourceName, StackId};
use crate::domain::request::Rollback;

use super::step::Next;

/// What is to be known of a run besides the run itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Task {
    /// The source of its stack.
    pub(super) source: SourceName,
    /// The commit that its source is at.
    pub(super) commit: CommitId,
    /// Who wants to go back to the commit of the run, if that is what it is.
    pub(super) wanted: Option<Rollback>,
    /// The stacks that are applied before it.
    pub(super) needed: Vec<StackId>,
}

/// What follows from a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HandedBack {
    /// What comes next, or why it came to no end of its own.
    pub(super) next: Result<Next, String>,
    /// Whether an API asked for patience.
    pub(super) throttled: bool,
    /// Whether something was applied, or may have been.
    pub(super) applied: bool,
    /// The stacks that an apply of it waits for.
    pub(super) awaited: Vec<StackId>,
}
