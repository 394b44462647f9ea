//! A look as the daemon makes it, and the value that is kept of it.

use tokio_util::sync::CancellationToken;

use crate::domain::check::StackCheck;
use crate::domain::failure::Failure;
use crate::domain::history::History;
use crate::domain::ids::CommitId;
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::states::shared;
use crate::store::StoreError;
use crate::terraform::Workdir;

use super::context::Context;
use super::look::{Lens, Sighting, failed, look};
use super::resolve::Tracked;

/// Looks at a stack as the daemon does, showing the plan if need be or always. The inner error is
/// `busy`.
pub(super) async fn see(
    context: &Context,
    tracked: &Tracked,
    workdir: &Workdir,
    always_show: bool,
    history: &History,
    cancel: &CancellationToken,
) -> Result<Result<Sighting, Failure>, StoreError> {
    let schemas = context.layout.schemas();
    let lens = Lens {
        workdir,
        init: true,
        key: &context.key,
        rules: &context.settings.rules,
        ledger: context.store.ledger(&tracked.id).await?,
        history: history.clone(),
        schemas: &schemas,
        local_state: false,
        always_show,
        now: context.now(),
        cancel,
    };
    let seen = match look(lens).await {
        Ok(seen) => seen,
        Err(busy) => return Ok(Err(busy)),
    };
    let Some(plan) = &seen.plan else {
        return Ok(Ok(seen));
    };
    let state = &plan.backend.identity;
    let others = context.store.claim_state(state, &tracked.id).await?;
    Ok(Ok(match shared(&others) {
        Some(shared) => failed(shared, seen.ledger),
        None => seen,
    }))
}

/// The look as a value that is kept and shown; its decision is yet to be made.
pub(super) fn check_of(tracked: &Tracked, seen: &Sighting, commit: &CommitId) -> StackCheck {
    StackCheck {
        stack: Some(tracked.id.clone()),
        workspace: tracked.workspace.clone(),
        commit: Some(commit.clone()),
        dirty: false,
        verdict: seen.verdict,
        terraform_version: seen.terraform_version.clone(),
        duration_ms: seen.duration_ms,
        failure: seen.failure.clone(),
        digest: seen.digest.clone(),
        recipe: Some(tracked.recipe()),
        findings: seen.findings.clone(),
        decision: Decision::new(DecisionKind::Refuse),
    }
}
