//! An attempt at a repair: where it is made, and the decision when it is not.

use crate::domain::failure::Failure;
use crate::domain::ids::CommitId;
use crate::domain::policy::{Decision, DecisionKind};
use crate::terraform::Workdir;

use super::context::Context;
use super::resolve::Tracked;

/// Where and with what to act.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The daemon.
    pub context: &'a Context,
    /// The stack.
    pub tracked: &'a Tracked,
    /// Where it was planned.
    pub workdir: Workdir,
    /// The commit that was planned.
    pub commit: &'a CommitId,
}

/// The decision over findings that stand because the repair was not made.
pub(super) fn postponed(failure: &Failure) -> Decision {
    Decision::because(
        DecisionKind::Alert,
        format!("the repair was not made: {}", failure.message),
    )
}
