//! Decide, record, act, record: the only place where Mooring changes something.

use crate::artifacts::{ArtifactName, Subject};
use crate::domain::approval::{ApprovedPlan, Intent};
use crate::domain::binding::Binding;
use crate::domain::check::StackCheck;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::{ChangeDigest, CommitId};
use crate::domain::pause::{Pause, Scope};
use crate::domain::policy::{Decision, DecisionKind, Reason};
use crate::domain::request::{Event, Request};
use crate::domain::run::{Outcome, Run, RunState};
use crate::domain::snapshot::SnapshotReason;
use crate::domain::stack::{StackRecord, StateIdentity};
use crate::secret::without_url_credentials;
use crate::store::{Area, Conclusion, Grounds, StoreError};
use crate::terraform::{Applied, Selections, Workdir};

use super::asking::Asking;
use super::attempt::{Attempt, postponed};
use super::conclude::{Ending, conclude, conclude_run, keep};
use super::context::Context;
use super::examine::{forget_trace, look_back};
use super::facts::waits;
use super::history::is_same;
use super::inputs::inputs;
use super::look::{SavedPlan, Sighting};
use super::prepare::for_apply;
use super::resolve::Tracked;
use super::step::{Next, advance};
use super::verify::{CameTo, verify};

/// A plan with all that allows and needs to apply it.
#[derive(Debug)]
struct Ready {
    approved: ApprovedPlan,
    plan: SavedPlan,
    workdir: Workdir,
    snapshot: String,
}

/// Applies what policy approved, looks again and ends the run.
pub async fn act(
    attempt: Attempt<'_>,
    mut run: Run,
    record: StackRecord,
    mut check: StackCheck,
    mut seen: Sighting,
    (asking, granted): (Asking, Option<Request>),
) -> Result<Next, StoreError> {
    let Attempt {
        context,
        tracked,
        commit,
        ..
    } = attempt;
    let plan = seen.plan.take();
    let state = plan.as_ref().and_then(|plan| plan.state.clone());
    let back = granted
        .as_ref()
        .and_then(|request| request.asked.rollback.clone());
    let ready = match ready(&attempt, &run, &check, plan, granted.as_ref()).await {
        Ok(ready) => ready,
        Err(_) if context.stop.plans.is_cancelled() => {
            conclude_run(context, &mut run, Outcome::Cancelled).await?;
            return Ok(Next::Rest);
        }
        Err(failure) if back.is_some() => {
            // How the stack would be at that commit is not how it is to be: nothing of it is kept.
            tracing::warn!("not rolled back: {failure}");
            conclude_run(context, &mut run, Outcome::Failed { failure }).await?;
            return Ok(Next::LookAgain);
        }
        Err(failure) => {
            // Nothing has been changed: the findings stand and people hear why they still do.
            tracing::warn!("not applied: {failure}");
            check.decision = postponed(&failure);
            let ending = Ending {
                state,
                asking,
                ..Ending::looked(check, seen)
            };
            let next = conclude(context, tracked, run, record, ending).await?;
            let moved = failure.kind == FailureKind::StalePlan;
            return Ok(if moved { Next::LookAgain } else { next });
        }
    };
    // The apply writes refreshed values into the state and hides unenforced findings from then on:
    // they are kept before anything starts.
    let kept = Conclusion {
        run: Some(&run),
        ledger: Some((&tracked.id, &seen.ledger)),
        requests: &asking.changed,
        ..Conclusion::default()
    };
    context.store.conclude(&kept).await?;
    let mut applying = run.clone();
    advance(&mut applying, RunState::Applying, context.now());
    let intent = Intent {
        run: run.id,
        binding: ready.approved.binding().clone(),
        approver: ready.approved.approver().clone(),
        decision: check.decision.clone(),
        snapshot: ready.snapshot.clone(),
        at: context.now(),
    };
    let used = granted.map(|request| request.after(Event::Use(run.id), context.now()));
    let used = match used.transpose() {
        Ok(used) => used,
        Err(unfit) => return late(context, &mut run, &unfit).await,
    };
    // It was decided a while ago: it may be paused by now, and others may have used up a limit.
    let turn = context.store.alone(Area::Applying).await?;
    if let Some(why) = waits(context, tracked).await? {
        return late(context, &mut run, &why).await;
    }
    let grounds = Grounds {
        source: &tracked.source,
        state: &ready.plan.backend.identity,
    };
    let recorded = context
        .store
        .record_intent(&applying, &intent, used.as_ref(), grounds)
        .await;
    match recorded {
        Err(moved @ (StoreError::Moved(_) | StoreError::Barred(_))) => {
            return late(context, &mut run, &moved).await;
        }
        recorded => recorded?,
    }
    let _applying = context.orders.apply(&tracked.id);
    drop(turn);
    let run = applying;
    if let Some(request) = &used {
        check.decision = approved_by(request);
    }
    if let (Some(request), Some(_)) = (&used, &back) {
        hold_code(context, tracked, request, commit);
    }
    // A process that stood still since then may have been given up, and its stack held.
    context.store.confirm().await?;
    tracing::info!(digest = intent.binding.digest.as_str(), "applying");
    let log = context.layout.apply_log(&tracked.id, &run.id);
    let applied = ready
        .workdir
        .apply(
            &ready.approved,
            &ready.plan.file,
            &log,
            &context.stop.applies,
        )
        .await;
    let applied = masked(applied, &seen);
    let aftermath = match &applied {
        Applied::Interrupted(failure) => {
            let facts = look_back(context, tracked, &run, &ready.workdir, &failure.message);
            match facts.await {
                Ok(facts) => Some(facts.told()),
                Err(error) => {
                    note_late(context, &run, &applied, &error);
                    return Err(error);
                }
            }
        }
        Applied::Done | Applied::Failed(_) => None,
    };
    keep_log(context, &run, &ready.workdir, &seen, &log).await;
    forget_trace(context, &tracked.id, &run.id);
    let (applying, ended) = (run.clone(), applied.clone());
    let came_to = CameTo {
        applied,
        aftermath,
        state,
    };
    let next = verify(&attempt, run, record, check, came_to).await;
    if let Err(error) = &next {
        note_late(context, &applying, &ended, error);
    }
    next
}

/// Others have gone on without this process: the end of its apply is not recorded as usual.
fn note_late(context: &Context, run: &Run, applied: &Applied, error: &StoreError) {
    if matches!(error, StoreError::Fenced) {
        context.late.ended(run, applied);
    }
}

/// Everything that must hold before Terraform may change anything: the approval covers exactly this
/// plan on exactly this state, nothing is stopping, Git has not moved on, and the way back is kept.
async fn ready(
    attempt: &Attempt<'_>,
    run: &Run,
    check: &StackCheck,
    plan: Option<SavedPlan>,
    granted: Option<&Request>,
) -> Result<Ready, Failure> {
    let Attempt {
        context,
        tracked,
        workdir,
        commit,
    } = attempt;
    let (Some(plan), Some(digest)) = (plan, check.digest.clone()) else {
        return Err(superseded("there is no plan that can be trusted"));
    };
    let planned_from = plan.state.clone();
    let bind = |state: Option<StateIdentity>,
                digest: ChangeDigest,
                selections: &Selections|
     -> Result<Binding, Failure> {
        let state = state.ok_or_else(|| superseded("there is no state"))?;
        Ok(Binding {
            stack: tracked.id.clone(),
            digest,
            lineage: state.lineage,
            serial: state.serial,
            commit: Some((*commit).clone()),
            inputs: inputs(context, tracked, workdir, &plan.backend, selections)?,
        })
    };
    let binding = bind(planned_from, digest.clone(), &plan.selections)?;
    let approved = match granted {
        Some(request) => ApprovedPlan::by_people(request, binding, context.now())
            .ok_or_else(|| superseded("it is not what was approved"))?,
        None => ApprovedPlan::by_policy(&check.decision, binding)
            .ok_or_else(|| superseded("policy does not approve it"))?,
    };
    let workdir_for_apply = for_apply(workdir, tracked)?;
    let state = workdir.state_pull(&context.stop.plans).await?;
    if !approved.covers(&bind(
        state.identity.clone(),
        digest,
        &workdir.selections()?,
    )?) {
        return Err(superseded("the state or an input moved after the plan"));
    }
    if context.stop.plans.is_cancelled() {
        return Err(superseded("Mooring is stopping"));
    }
    if let Some(pause) = context
        .pauses
        .of(&tracked.id, &tracked.source, context.now())
    {
        return Err(superseded(&pause.words()));
    }
    if !is_current(attempt, granted).await {
        return Err(superseded("Git has moved on since the plan"));
    }
    let subject = Subject {
        id: run.id.into(),
        stack: tracked.id.clone(),
        reason: SnapshotReason::BeforeApply,
        run: Some(run.id),
        state: state
            .identity
            .ok_or_else(|| superseded("there is no state"))?,
        objects: state.resources,
    };
    let kept = context.snapshots.keep(subject, state.bytes).await;
    let kept = kept.map_err(|error| error.failure())?;
    Ok(Ready {
        approved,
        plan,
        workdir: workdir_for_apply,
        snapshot: kept.path.display().to_string(),
    })
}

/// Whether the commit is the source's, or, if people approved a plan of it, one that differs in
/// nothing that the stack may read, or the one to go back to.
async fn is_current(attempt: &Attempt<'_>, granted: Option<&Request>) -> bool {
    let Attempt {
        context,
        tracked,
        commit,
        ..
    } = attempt;
    let back = granted.is_some_and(|request| request.asked.rollback.is_some());
    let head = match context.head(&tracked.source).await {
        Ok(head) => head,
        Err(error) => {
            tracing::warn!("where the source is cannot be read: {error}");
            None
        }
    };
    match head {
        Some(head) if head == **commit || back => true,
        Some(head) if granted.is_some() => is_same(context, tracked, commit, &head).await,
        _ => false,
    }
}

/// What decided in the end: people, not what policy held against it.
fn approved_by(request: &Request) -> Decision {
    let text = format!(
        "approved by {} (request {})",
        request.approvers().join(", "),
        request.id.short()
    );
    let why = request.votes.iter().filter_map(|vote| vote.reason.clone());
    Decision {
        reasons: std::iter::once(text).chain(why).map(Reason::from).collect(),
        ..Decision::new(DecisionKind::Apply)
    }
}

/// Nothing merged is applied over a way back before somebody says that the code is right again.
fn hold_code(context: &Context, tracked: &Tracked, request: &Request, commit: &CommitId) {
    let pause = Pause {
        scope: Scope::Stack(tracked.id.clone()),
        by: request.approvers().join(", "),
        reason: Some(format!("it was rolled back to {}", commit.short())),
        at: context.now(),
        until: None,
    };
    tracing::warn!("{}", pause.words());
    if let Err(error) = context.pauses.pause(pause) {
        tracing::error!("the pause after a rollback cannot be kept: {error}");
    }
}

/// What was approved is so no longer, in the last moment: nothing has been changed.
async fn late(
    context: &Context,
    run: &mut Run,
    why: &(dyn std::fmt::Display + Sync),
) -> Result<Next, StoreError> {
    tracing::warn!("not applied: {why}");
    conclude_run(context, run, Outcome::Cancelled).await?;
    Ok(Next::LookAgain)
}

fn superseded(reason: &str) -> Failure {
    Failure::new(
        FailureKind::StalePlan,
        reason,
        "nothing was changed; the stack is planned again",
    )
}

fn masked(applied: Applied, seen: &Sighting) -> Applied {
    let mask = |failure: Failure| Failure {
        message: seen.masker.mask(&failure.message),
        ..failure
    };
    match applied {
        Applied::Done => Applied::Done,
        Applied::Failed(failure) => Applied::Failed(mask(failure)),
        Applied::Interrupted(failure) => Applied::Interrupted(mask(failure)),
    }
}

async fn keep_log(
    context: &Context,
    run: &Run,
    workdir: &Workdir,
    seen: &Sighting,
    log: &std::path::Path,
) {
    match tokio::fs::read(log).await {
        Ok(bytes) => {
            let text = workdir.env.masker().mask(&String::from_utf8_lossy(&bytes));
            let text = without_url_credentials(&seen.masker.mask(&text));
            keep(context, run.id, ArtifactName::APPLY_LOG, text.into_bytes()).await;
        }
        Err(error) => tracing::warn!("cannot read the log of the apply: {error}"),
    }
    if let Err(error) = tokio::fs::remove_file(log).await {
        tracing::debug!("cannot remove {}: {error}", log.display());
    }
}
