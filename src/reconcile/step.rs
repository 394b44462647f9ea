//! One step of a run, and what comes after it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::failure::FailureKind;
use crate::domain::run::{Outcome, Run, RunState};
use crate::store::StoreError;
use crate::telemetry::metrics;

use super::context::Context;

/// What the driver does next with the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Next {
    /// Nothing until it is due.
    Rest,
    /// Look again soon: what was seen is not settled.
    LookAgain,
    /// Look again then: people are told if it is still there.
    LookAt(Timestamp),
}

/// Takes a run one step further and stores it.
pub(super) async fn step(
    context: &Context,
    run: &mut Run,
    next: RunState,
) -> Result<(), StoreError> {
    advance(run, next, context.now());
    context.store.save_run(run).await
}

/// Takes a run one step further. A step that cannot be is a bug of ours and is said so.
pub(super) fn advance(run: &mut Run, next: RunState, now: Timestamp) {
    if let Err(invalid) = run.step(next, now) {
        tracing::error!("{invalid}");
    }
}

/// A configured duration as a signed one.
pub(super) fn duration(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Whether a failure only says that somebody else was faster: nothing was changed.
pub(super) const fn is_benign(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::Locked | FailureKind::StalePlan | FailureKind::Busy
    )
}

/// Ends a run with an outcome and counts it.
pub(super) fn finish(run: &mut Run, outcome: Outcome, now: Timestamp) {
    if let Err(invalid) = run.finish(outcome, now) {
        tracing::error!("{invalid}");
    }
    if let (Some(outcome), Some(started)) = (&run.outcome, run.started_at) {
        let took = now.duration_since(started);
        metrics::run_ended(run.trigger, outcome, took.try_into().unwrap_or_default());
    }
}
