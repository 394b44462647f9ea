//! An apply that was cut off is looked at: its process, its log, the state, the lock, and what it left
//! behind. Nothing is applied again, and no more is touched than a lock that is surely its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::artifacts::{ArtifactId, ArtifactName, Subject};
use crate::domain::aftermath::{Engine, Facts, Holder, LockNow, Log, NotSaved, StateNow};
use crate::domain::approval::Intent;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::{RunId, SnapshotId, StackId};
use crate::domain::lease::Lease;
use crate::domain::run::Run;
use crate::domain::snapshot::SnapshotReason;
use crate::domain::stack::StackRecord;
use crate::store::StoreError;
use crate::terraform::{
    Fate, Limits, State, Trace, Workdir, fate, read_log, read_log_of, wait_for_end,
};

use super::context::Context;
use super::prepare::{for_apply, in_place};
use super::resolve::{Tracked, again};

/// How long the backend is given for each answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// The time of a file may be so much behind the clock, as coarse as file systems are.
const COARSE: SignedDuration = SignedDuration::from_secs(2);
/// What an engine calls the state that it could not save.
const ERRORED: &str = "errored.tfstate";
/// The limits of an apply whose stack is not configured any more.
const NO_LIMITS: Limits = Limits {
    init: PATIENCE,
    plan: PATIENCE,
    apply: Duration::MAX,
    grace: PATIENCE,
};

/// Looks at an apply that an earlier process began, once it has ended. None if the daemon stops
/// before that.
pub(super) async fn examine(
    context: &Context,
    run: &Run,
    why: &str,
) -> Result<Option<Facts>, StoreError> {
    let stop = &context.stop.plans;
    let record = context.store.stack(&run.stack).await?;
    let tracked = record
        .as_ref()
        .and_then(|record| again(&context.settings, record));
    let workdir = match &tracked {
        Some(tracked) => in_place(context, tracked).await,
        None => Err(Failure::new(
            FailureKind::NotInitialised,
            "the stack is not in the configuration any more",
            "",
        )),
    };
    let engine = match elsewhere(context, run) {
        Some(lease) => Engine::Unknown(format!("it ran on the replica {}", lease.name)),
        None => {
            let limits = workdir.as_ref().map_or(NO_LIMITS, |workdir| workdir.limits);
            let log = context.layout.apply_log(&run.stack, &run.id);
            let Some(fate) = wait_for_end(&log, limits, stop).await else {
                return Ok(None);
            };
            engine(fate)
        }
    };
    let scene = Scene {
        context,
        run,
        why,
        engine,
        dir: record.map(|record| dir_of(context, &record)),
        workdir,
        cancel: stop,
    };
    let facts = scene.facts().await?;
    Ok((!stop.is_cancelled()).then_some(facts))
}

/// The lease of a run that left its traces with another replica.
fn elsewhere<'r>(context: &Context, run: &'r Run) -> Option<&'r Lease> {
    let own = context.lease.as_ref().map(|lease| &lease.home);
    run.lease.as_ref().filter(|lease| Some(&lease.home) != own)
}

/// Looks at an apply of this process that has just ended as it should not.
pub(super) async fn look_back(
    context: &Context,
    tracked: &Tracked,
    run: &Run,
    workdir: &Workdir,
    why: &str,
) -> Result<Facts, StoreError> {
    let scene = Scene {
        context,
        run,
        why,
        engine: engine(fate(&context.layout.apply_log(&run.stack, &run.id))),
        dir: Some(workdir.dir.clone()),
        workdir: for_apply(workdir, tracked),
        cancel: &context.stop.applies,
    };
    scene.facts().await
}

/// Forgets what was only needed to find the process of an apply again.
pub(super) fn forget_trace(context: &Context, stack: &StackId, run: &RunId) {
    if let Err(error) = Trace::remove(&context.layout.apply_log(stack, run)) {
        tracing::debug!("cannot remove what stands beside the log of the apply: {error}");
    }
}

fn engine(fate: Fate) -> Engine {
    match fate {
        Fate::Gone => Engine::Gone,
        Fate::Runs(_) => Engine::Runs,
        Fate::Unknown(why) => Engine::Unknown(why),
    }
}

fn dir_of(context: &Context, record: &StackRecord) -> PathBuf {
    context.layout.checkout(&record.id).join(&record.dir)
}

struct Scene<'a> {
    context: &'a Context,
    run: &'a Run,
    why: &'a str,
    engine: Engine,
    dir: Option<PathBuf>,
    workdir: Result<Workdir, Failure>,
    cancel: &'a CancellationToken,
}

impl Scene<'_> {
    async fn facts(&self) -> Result<Facts, StoreError> {
        let intent = self.context.store.intent(&self.run.id).await?;
        let path = self.context.layout.apply_log(&self.run.stack, &self.run.id);
        let trace = Trace::read(&path);
        let since = trace.as_ref().map(|trace| trace.at);
        let since = since.or(intent.as_ref().map(|intent| intent.at));
        let (log, log_at) = self.log(&path).await;
        let mut facts = Facts {
            stack: self.run.stack.clone(),
            run: self.run.id,
            why: self.why.to_owned(),
            before: intent.as_ref().map(Intent::state),
            snapshot: intent.map(|intent| intent.snapshot),
            engine: self.engine.clone(),
            holder: trace.map(|trace| Holder {
                who: trace.who(),
                since: trace.at,
            }),
            log,
            log_at,
            not_saved: self.not_saved(since).await,
            state: StateNow::Unread(String::new()),
            lock: LockNow::None,
        };
        match &self.workdir {
            Ok(workdir) => {
                facts.state = match self.in_time(workdir.state_pull(self.cancel)).await {
                    Ok(state) => StateNow::Read(state.identity),
                    Err(failure) => StateNow::Unread(gist(&failure)),
                };
                self.look_at_lock(workdir, &mut facts).await;
            }
            Err(failure) => {
                facts.state = StateNow::Unread(gist(failure));
                facts.lock = LockNow::Unknown(gist(failure));
            }
        }
        Ok(facts)
    }

    /// What the log says, and where it is: as Terraform wrote it, or as it was kept after the end.
    async fn log(&self, path: &Path) -> (Log, Option<String>) {
        if let Ok(log) = read_log(path) {
            return (log, Some(path.display().to_string()));
        }
        let kept = ArtifactId::new(self.run.id, ArtifactName::APPLY_LOG);
        let bytes = self.in_time(async {
            let read = self.context.artifacts.get(&kept).await;
            read.map_err(|error| error.failure())
        });
        match bytes.await {
            Ok(Some(bytes)) => (
                read_log_of(&bytes[..]),
                Some(format!("mooring artifacts {} {}", self.run.id, kept.name)),
            ),
            _ => (Log::default(), None),
        }
    }

    /// The state that this apply could not save, kept as a snapshot and then taken away in clear. One
    /// from before the apply is somebody else's.
    async fn not_saved(&self, since: Option<Timestamp>) -> Option<NotSaved> {
        let id = SnapshotId::not_saved(&self.run.id);
        let file = self.dir.as_ref()?.join(ERRORED);
        let changed = tokio::fs::metadata(&file)
            .await
            .and_then(|found| found.modified())
            .ok()
            .and_then(|at| Timestamp::try_from(at).ok());
        let is_before =
            |at: Timestamp| since.is_some_and(|since| since.duration_since(at) > COARSE);
        if changed.is_none_or(is_before) {
            return self.kept_before(id).await;
        }
        let left = |why: String| NotSaved::Left {
            file: file.display().to_string(),
            why,
        };
        let read = tokio::fs::read(&file).await.map_err(|e| e.to_string());
        let state = read.and_then(|bytes| State::read(bytes).map_err(|f| gist(&f)));
        let state = match state {
            Ok(state) => state,
            Err(why) => return Some(left(why)),
        };
        let Some(identity) = state.identity else {
            return Some(left("there is no state in it".to_owned()));
        };
        let subject = Subject {
            id,
            stack: self.run.stack.clone(),
            reason: SnapshotReason::NotSaved,
            run: Some(self.run.id),
            state: identity.clone(),
            objects: state.resources,
        };
        match self.context.snapshots.keep(subject, state.bytes).await {
            Ok(kept) => {
                if let Err(error) = tokio::fs::remove_file(&file).await {
                    tracing::warn!("cannot remove {}: {error}", file.display());
                }
                Some(NotSaved::Kept {
                    snapshot: id,
                    path: kept.path.display().to_string(),
                    state: identity,
                })
            }
            Err(error) => Some(left(error.to_string())),
        }
    }

    /// The same, if an examination that was cut off kept it.
    async fn kept_before(&self, id: SnapshotId) -> Option<NotSaved> {
        let snapshots = &self.context.snapshots;
        let note = snapshots.note(&self.run.stack, id).await.ok()??;
        Some(NotSaved::Kept {
            snapshot: id,
            path: snapshots.path(&self.run.stack, id).display().to_string(),
            state: note.state,
        })
    }

    /// Who holds the lock. One that is surely this apply's, when what took it is surely dead, is
    /// released, and seen to be.
    async fn look_at_lock(&self, workdir: &Workdir, facts: &mut Facts) {
        match workdir.backend() {
            Ok(backend) if !backend.locks => return,
            Ok(_) => {}
            Err(failure) => {
                facts.lock = LockNow::Unknown(gist(&failure));
                return;
            }
        }
        facts.lock = match self.in_time(workdir.lock_holder(self.cancel)).await {
            Ok(None) => LockNow::Free,
            Ok(Some(lock)) => LockNow::Held(lock),
            Err(failure) => LockNow::Unknown(gist(&failure)),
        };
        let LockNow::Held(lock) = facts.lock.clone() else {
            return;
        };
        if facts.may_release().is_err() {
            return;
        }
        tracing::warn!(run = %self.run.id, id = lock.id, "releasing the lock of an apply that is dead");
        let released = self.in_time(workdir.force_unlock(&lock.id, self.cancel));
        facts.lock = match released.await {
            Err(failure) => LockNow::NotReleased(lock, gist(&failure)),
            Ok(()) => match self.in_time(workdir.lock_holder(self.cancel)).await {
                Ok(Some(other)) if other.id == lock.id => {
                    LockNow::NotReleased(lock, "it is still there".to_owned())
                }
                _ => LockNow::Released(lock),
            },
        };
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::time::timeout(PATIENCE, work)
            .await
            .unwrap_or_else(|_| {
                Err(Failure::new(
                    FailureKind::TimedOut,
                    format!("no answer within {} s", PATIENCE.as_secs()),
                    "",
                ))
            })
    }
}

/// The first line of a failure, to stand in a sentence.
fn gist(failure: &Failure) -> String {
    let first = failure.message.lines().next().unwrap_or_default();
    first.trim().trim_end_matches('.').to_owned()
}

#[cfg(test)]
#[path = "examine_tests.rs"]
mod tests;
