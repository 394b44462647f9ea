//! What a run that was cut off leaves behind. A plan is simply made again; an apply never is: the
//! stack is held until a person has looked.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::domain::audit::{Action, NewAudit};
use crate::domain::check::StackCheck;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::{Findings, Verdict};
use crate::domain::ids::{SourceName, StackId};
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::replica::{Fate, fate};
use crate::domain::request::Rollback;
use crate::domain::run::{Outcome, Run, RunState};
use crate::domain::stack::{StackRecord, StateIdentity};
use crate::domain::tell::{Situation, tell};
use crate::store::{Area, Conclusion, StoreError};

use super::conclude::conclude_run;
use super::context::Context;
use super::examine::{examine, forget_trace};
use super::handed::Task;
use super::{fresh, news};

/// What an earlier process left open.
#[derive(Debug, Default)]
pub struct LeftOver {
    /// Runs to be made (again).
    pub again: Vec<Run>,
    /// Runs that were cut off in the middle of an apply: their stacks are left alone until each has
    /// been looked at.
    pub cut_off: Vec<Run>,
    /// Runs that other replicas have and go on with.
    pub elsewhere: Vec<Elsewhere>,
}

/// A run that another replica has.
#[derive(Debug)]
pub struct Elsewhere {
    /// The run.
    pub run: Run,
    /// The number of the replica.
    pub replica: i64,
    /// The source of its stack.
    pub source: SourceName,
    /// Who wants to go back to the commit of the run, if that is what it is.
    pub wanted: Option<Rollback>,
}

/// Settles every run that an earlier process left open, but for those that were applying.
pub async fn recover(context: &Context) -> Result<LeftOver, StoreError> {
    let mut left = LeftOver::default();
    let mut elsewhere = BTreeMap::new();
    for replica in context.store.replicas().await? {
        for (run, task) in context.store.handed_to::<Task>(replica.number).await? {
            elsewhere.insert(run.id, (replica.number, task));
        }
    }
    for run in context.store.unfinished_runs().await? {
        let elsewhere = elsewhere.remove(&run.id);
        match (fate(run.state, elsewhere.is_some()), elsewhere) {
            (Fate::Waits, _) => left.again.push(run),
            (Fate::GoesOn, Some((replica, task))) => left.elsewhere.push(Elsewhere {
                run,
                replica,
                source: task.source,
                wanted: task.wanted,
            }),
            (Fate::Interrupted, _) => {
                left.again.extend(queue_again(context, &run).await?);
                left.cut_off.push(run);
            }
            (Fate::MadeAgain | Fate::GoesOn, _) => {
                left.again.extend(queue_again(context, &run).await?);
                settle(context, run, STOPPED).await?;
            }
        }
    }
    Ok(left)
}

/// Another run of the same stack, if none waits already.
async fn queue_again(context: &Context, run: &Run) -> Result<Option<Run>, StoreError> {
    let again = Run::queued(fresh::run(), run.stack.clone(), run.trigger, context.now());
    let stored = context.store.enqueue(&again, None).await?;
    Ok(stored.then_some(again))
}

/// How a run of an earlier process was cut off.
pub(super) const STOPPED: &str = "Mooring was stopped in the middle of it";

/// Ends a run that was cut off. One that was applying is looked at first, once its Terraform has
/// ended; false if the daemon stops before that.
pub(super) async fn settle(context: &Context, mut run: Run, why: &str) -> Result<bool, StoreError> {
    match run.state.after_crash() {
        RunState::Interrupted => {
            tracing::error!(run = %run.id, stack = run.stack.as_str(), "an apply was cut off: {why}");
            let Some(facts) = examine(context, &run, why).await? else {
                return Ok(false);
            };
            hold(context, run, facts.told()).await
        }
        _ => {
            tracing::info!(run = %run.id, stack = run.stack.as_str(), "cut off: {why}");
            let failure = Failure::new(
                FailureKind::Interrupted,
                why,
                "nothing was changed; the stack is looked at again",
            );
            conclude_run(context, &mut run, Outcome::Failed { failure }).await
        }
    }?;
    Ok(true)
}

async fn hold(context: &Context, mut run: Run, reason: String) -> Result<(), StoreError> {
    let now = context.now();
    tracing::warn!(run = %run.id, stack = run.stack.as_str(), "on hold: {reason}");
    if let Err(invalid) = run.step(RunState::Interrupted, now) {
        tracing::error!("{invalid}");
    }
    forget_trace(context, &run.stack, &run.id);
    hold_stack(context, &run.stack.clone(), Some(&run), reason, None).await
}

/// Holds a stack and tells people why. The run that did it ends with that, and `state` is what the
/// state is known to be from now on.
pub(super) async fn hold_stack(
    context: &Context,
    stack: &StackId,
    run: Option<&Run>,
    reason: String,
    state: Option<StateIdentity>,
) -> Result<(), StoreError> {
    let now = context.now();
    let _one_at_a_time = context.store.alone(Area::Telling).await?;
    let interrupted = run.map(|run| Action::ApplyInterrupted {
        stack: run.stack.clone(),
        run: run.id,
        why: reason.clone(),
    });
    let audit = interrupted.map(|action| NewAudit::own(now, action));
    let audit = audit.as_slice();
    let Some(record) = context.store.stack(stack).await? else {
        let conclusion = Conclusion {
            run,
            audit,
            ..Conclusion::default()
        };
        return context.store.conclude(&conclusion).await;
    };
    let record = StackRecord {
        held: Some(reason),
        state: state.or(record.state),
        ..record
    };
    let check = record.last.clone().unwrap_or_else(|| unseen(&record));
    let audience = news::audience(&record);
    let timings = context.settings.telling.timings.at_once();
    let situation = Situation {
        record: &record,
        check: &check,
        repaired: false,
        code_moved: false,
        pending_after: SignedDuration::MAX,
        timings: &timings,
        audience: &audience,
    };
    let known = news::known(context, &record.id).await?;
    let told = tell(&situation, &known, fresh::alert, now);
    let spread = news::spread(context, &told, now);
    let conclusion = Conclusion {
        run,
        stack: Some(&record),
        alerts: &spread.entries,
        news: &spread.news,
        audit,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(())
}

/// A stack that has not been looked at, as a look.
pub fn unseen(record: &StackRecord) -> StackCheck {
    StackCheck {
        stack: Some(record.id.clone()),
        workspace: record.workspace.clone(),
        commit: None,
        dirty: false,
        verdict: Verdict::Unknown,
        terraform_version: None,
        duration_ms: 0,
        failure: None,
        digest: None,
        recipe: None,
        findings: Findings::default(),
        decision: Decision::because(DecisionKind::Refuse, "the stack has not been looked at"),
    }
}
