//! One pass over one stack, in order: sync → plan → read → decide → act → verify → tell.

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::domain::check::StackCheck;
use crate::domain::confirm::Confirmation;
use crate::domain::content::AttributeKey;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::guard::{Seen, guards};
use crate::domain::ids::CommitId;
use crate::domain::policy::{Decision, DecisionKind, Guard, decide};
use crate::domain::run::{Outcome, Run, RunState};
use crate::domain::stack::StackRecord;
use crate::store::{Conclusion, StoreError};
use crate::terraform::Workdir;

use super::act::{self, Attempt};
use super::conclude::{Ending, conclude, conclude_run, finish};
use super::context::Context;
use super::look::{Lens, Sighting, failed, look};
use super::prepare::prepare;
use super::resolve::Tracked;

/// What the driver does next with the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing until it is due.
    Rest,
    /// Look again soon: what was seen is not settled.
    LookAgain,
}

/// Takes a queued run through the whole pass. An error is the store's: nothing else escapes.
pub async fn pass(
    context: &Context,
    tracked: &Tracked,
    mut run: Run,
    commit: &CommitId,
) -> Result<Next, StoreError> {
    let mut record = record_of(context, tracked).await?;
    run.commit = Some(commit.clone());
    step(context, &mut run, RunState::Syncing).await?;
    let prepared = prepare(context, tracked, commit).await;
    step(context, &mut run, RunState::Planning).await?;
    let seen = match &prepared {
        Ok(workdir) => see(context, tracked, workdir, &context.stop.plans).await?,
        Err(failure) => Ok(failed(
            failure.clone(),
            context.store.ledger(&tracked.id).await?,
        )),
    };
    let seen = match seen {
        Ok(seen) => seen,
        Err(busy) => {
            tracing::info!("{busy}");
            conclude_run(context, &mut run, Outcome::Busy).await?;
            let waiting = record.doubt.unconfirmed.is_some();
            return Ok(if waiting { Next::LookAgain } else { Next::Rest });
        }
    };
    if context.stop.plans.is_cancelled() {
        conclude_run(context, &mut run, Outcome::Cancelled).await?;
        return Ok(Next::Rest);
    }
    step(context, &mut run, RunState::Deciding).await?;
    let (check, confirmation) = decided(tracked, &mut record, &seen, commit);
    tracing::info!(
        verdict = check.verdict.as_str(),
        decision = check.decision.kind.as_str(),
        findings = check.findings.resources.len(),
        failure = check.failure.as_ref().map(|f| f.kind.as_str()),
        "looked"
    );
    if confirmation == Confirmation::Again {
        // What was seen once and is absorbed by an apply elsewhere before the second look must not
        // be forgotten, so the ledger is kept even now.
        let verdict = check.verdict;
        finish(&mut run, Outcome::Unconfirmed { verdict });
        let seen_once = Conclusion {
            run: Some(&run),
            stack: Some(&record),
            ledger: Some((&tracked.id, &seen.ledger)),
            ..Conclusion::default()
        };
        context.store.conclude(&seen_once).await?;
        return Ok(Next::LookAgain);
    }
    let apply = check.decision.kind == DecisionKind::Apply;
    match (apply, prepared) {
        (true, Ok(workdir)) => {
            let attempt = Attempt {
                context,
                tracked,
                workdir,
                commit,
            };
            act::act(attempt, run, record, check, seen).await
        }
        _ => {
            let ending = Ending::looked(check, seen);
            conclude(context, tracked, run, record, ending).await?;
            Ok(Next::Rest)
        }
    }
}

/// Looks at a stack as the daemon does. The inner error is `busy`.
pub(super) async fn see(
    context: &Context,
    tracked: &Tracked,
    workdir: &Workdir,
    cancel: &CancellationToken,
) -> Result<Result<Sighting, Failure>, StoreError> {
    let lens = Lens {
        workdir,
        init: true,
        key: &context.key,
        severities: &context.settings.severities,
        ledger: context.store.ledger(&tracked.id).await?,
        local_state: false,
        cancel,
    };
    let seen = look(lens).await;
    Ok(seen.map(|seen| match claim(context, tracked, &seen) {
        Ok(()) => seen,
        Err(shared) => failed(shared, seen.ledger),
    }))
}

fn claim(context: &Context, tracked: &Tracked, seen: &Sighting) -> Result<(), Failure> {
    match &seen.plan {
        Some(plan) => context.states.claim(&plan.backend.identity, &tracked.id),
        None => Ok(()),
    }
}

/// What is remembered of a stack, brought in line with the configuration.
pub(super) async fn record_of(
    context: &Context,
    tracked: &Tracked,
) -> Result<StackRecord, StoreError> {
    let known = context.store.stack(&tracked.id).await?;
    Ok(StackRecord {
        labels: tracked.settings.labels.clone(),
        max_age: duration(tracked.settings.policy.max_age),
        tracked: true,
        ..known.unwrap_or_else(|| first_record(tracked))
    })
}

/// A stack that nothing is known of yet.
pub(super) fn first_record(tracked: &Tracked) -> StackRecord {
    StackRecord::new(
        tracked.id.clone(),
        tracked.source.clone(),
        tracked.dir.clone(),
        tracked.workspace.clone(),
        tracked.settings.labels.clone(),
        Timestamp::now(),
    )
}

fn decided(
    tracked: &Tracked,
    record: &mut StackRecord,
    seen: &Sighting,
    commit: &CommitId,
) -> (StackCheck, Confirmation) {
    let mut check = check_of(tracked, seen, commit);
    let confirmation = record.doubt.weigh(record.last.as_ref(), &check);
    let policy = &tracked.settings.policy;
    let facts = Seen {
        check: &check,
        state: seen.plan.as_ref().and_then(|plan| plan.state.as_ref()),
        empty: seen.plan.as_ref().is_none_or(|plan| plan.empty),
        locks: seen.plan.as_ref().is_some_and(|plan| plan.backend.locks),
        confirmation,
        hold_off: duration(policy.hold_off),
    };
    let standing: Vec<Guard> = guards(record, &facts, Timestamp::now());
    check.decision = decide(check.verdict, &check.findings, &policy.policy, &standing);
    if confirmation == Confirmation::Unstable {
        let names = record.doubt.unstable.iter().map(AttributeKey::as_str);
        let named = names.map(|name| format!("{name} differs from plan to plan"));
        check.decision.reasons.extend(named);
    }
    (check, confirmation)
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
        findings: seen.findings.clone(),
        decision: Decision {
            kind: DecisionKind::Refuse,
            reasons: Vec::new(),
        },
    }
}

/// Takes a run one step further and stores it.
pub(super) async fn step(
    context: &Context,
    run: &mut Run,
    next: RunState,
) -> Result<(), StoreError> {
    advance(run, next);
    context.store.save_run(run).await
}

/// Takes a run one step further. A step that cannot be is a bug of ours and is said so.
pub(super) fn advance(run: &mut Run, next: RunState) {
    if let Err(invalid) = run.step(next, Timestamp::now()) {
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
