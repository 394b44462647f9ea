//! Runs that another replica, the one that leads, has handed to this one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::artifacts::Artifacts;
use crate::domain::failure::Failure;
use crate::domain::ids::{CommitId, RunId, SourceName, StackId};
use crate::domain::lease::Lease;
use crate::domain::run::Run;
use crate::store::{StoreError, Topic};

use super::context::Context;
use super::handed::{HandedBack, Task};
use super::resolve::Tracked;
use super::sources;
use super::step::Next;
use super::undertake::undertake;

/// How often it is looked for runs, if nothing rings.
const EVERY: Duration = Duration::from_secs(5);
/// The end of a run that cannot be stored is stored again after this time.
const AGAIN: Duration = Duration::from_secs(2);

/// All stacks of a source at a commit.
type AtCommit = (CommitId, Arc<BTreeMap<StackId, Tracked>>);
/// What each source was like when it was last needed. One task at a time reads a source.
type Known = Arc<Mutex<BTreeMap<SourceName, Arc<tokio::sync::Mutex<Option<AtCommit>>>>>>;

/// Takes runs through until the daemon stops, and those under way to their ends.
pub async fn work(context: Arc<Context>, own: Lease) {
    let stop = context.stop.plans.clone();
    let mut bell = context.store.bell(Topic::Runs);
    let mut told = false;
    let (known, mut in_hand, mut running) = (Known::default(), BTreeSet::new(), JoinSet::new());
    loop {
        match context.store.handed_to::<Task>(own.replica).await {
            Ok(handed) => {
                if !handed.is_empty() && !std::mem::replace(&mut told, true) {
                    tell_what_stays(&context);
                }
                in_hand.retain(|id| handed.iter().any(|(run, _)| run.id == *id));
                for (run, task) in handed {
                    if in_hand.insert(run.id) {
                        running.spawn(take(context.clone(), known.clone(), run, task));
                    }
                }
            }
            Err(error) => tracing::debug!("cannot read which runs were handed out: {error}"),
        }
        // Whoever leads may not know yet that this process ends: what comes now goes back at once.
        let stops = stop.is_cancelled();
        if stops && running.is_empty() {
            break;
        }
        tokio::select! {
            () = stop.cancelled(), if !stops => {}
            Some(_) = running.join_next() => {}
            () = bell.rung_within(EVERY) => {}
        }
    }
}

/// Logs, looks and snapshots are asked of whatever replica people reach.
fn tell_what_stays(context: &Context) {
    if matches!(context.artifacts, Artifacts::Local(_)) {
        tracing::warn!(
            "what runs of this replica leave behind, copies of states too, is on this machine alone; \
             with `artifacts.s3` all replicas have it"
        );
    }
}

async fn take(context: Arc<Context>, known: Known, run: Run, task: Task) {
    let (id, stack) = (run.id, run.stack.clone());
    context.orders.is_told(&stack, task.needed.clone());
    let next = match context.stop.plans.is_cancelled() {
        true => Err("it was not begun any more".to_owned()),
        false => through(&context, &known, run, task).await,
    };
    // Whoever leads goes on: the look is not over with this process.
    let next = match context.stop.plans.is_cancelled() {
        true => next.and(Err("it was stopped in the middle of it".to_owned())),
        false => next,
    };
    let back = HandedBack {
        next,
        throttled: context.costs.take_throttled(&stack),
        applied: context.orders.take_changed(&stack),
        awaited: context.orders.take_awaited(&stack),
    };
    hand_back(&context, &id, &back).await;
}

async fn through(
    context: &Arc<Context>,
    known: &Known,
    run: Run,
    task: Task,
) -> Result<Next, String> {
    let at = (&task.source, &task.commit);
    let tracked = tracked(context, known, &run.stack, at).await;
    let tracked = tracked.map_err(|failure| failure.to_string())?;
    let ended = undertake(context.clone(), tracked, run, task.commit, task.wanted);
    ended.await.map_err(|broken| broken.to_string())
}

/// The stack as it is at the commit that its source is at.
async fn tracked(
    context: &Arc<Context>,
    known: &Known,
    stack: &StackId,
    (source, commit): (&SourceName, &CommitId),
) -> Result<Tracked, Failure> {
    let of_source = {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(source.clone()).or_default().clone()
    };
    // Held over the reading, so that those who wait find what it finds.
    let mut last = of_source.lock().await;
    let stacks = match &*last {
        Some((at, stacks)) if at == commit => stacks.clone(),
        _ => {
            let stacks = sources::stacks_at(context, source, commit).await?;
            let stacks = stacks.into_iter().map(|stack| (stack.id.clone(), stack));
            let stacks: Arc<BTreeMap<StackId, Tracked>> = Arc::new(stacks.collect());
            *last = Some((commit.clone(), stacks.clone()));
            stacks
        }
    };
    let found = stacks.get(stack).cloned();
    found.ok_or_else(|| sources::not_there(stack, commit))
}

async fn hand_back(context: &Context, run: &RunId, back: &HandedBack) {
    loop {
        match context.store.hand_back(run, back).await {
            Ok(()) => return,
            Err(StoreError::Fenced) => {
                tracing::warn!(%run, "whoever leads has given this run up");
                return;
            }
            Err(error) => {
                tracing::error!(%run, "cannot hand it back yet: {error}");
                let pause = tokio::time::sleep(AGAIN);
                let stop = &context.stop.plans;
                if stop.run_until_cancelled(pause).await.is_none() {
                    // This process ends: whoever leads sees that it is gone.
                    return;
                }
            }
        }
    }
}
