//! Applying a saved plan: the one thing here that must not be cut short.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::domain::approval::ApprovedPlan;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::stack::StateIdentity;

use super::argv;
use super::cli_args::refuse_targeting;
use super::failures::plain;
use super::output::Events;
use super::plan_file::PlanFile;
use super::process::{self, Leader};
use super::trace::Trace;
use super::workdir::{Workdir, disk_failure};

/// What an engine says when it could not save the state where it belongs.
pub(super) const STATE_NOT_SAVED: &str = "errored.tfstate";
const TORN: &str = "The state may not show what was done: look at the state, its lock and the \
                    apply's log before anything else is applied.";

/// What an apply came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// All of the plan was carried out.
    Done,
    /// It failed, or stopped after one interrupt; the state shows what was done until then.
    Failed(Failure),
    /// It ended in a way that may have left the state torn: killed, crashed, or unable to save the
    /// state.
    Interrupted(Failure),
}

struct Job {
    workdir: Workdir,
    base: Option<StateIdentity>,
    file: PlanFile,
    log: PathBuf,
    cancel: CancellationToken,
}

impl Workdir {
    /// Applies the saved plan of an approval. What the engine prints goes to `log` (made with mode
    /// 0600, overwritten), as it is: sensitive attributes are masked by the engine, but nothing
    /// else is, so it must be masked before it is shown. At the time limit, or when cancelled, the
    /// engine gets one interrupt and the grace period to finish what it is doing.
    ///
    /// Dropping the future stops nothing: the apply goes on in a task of its own, which keeps the
    /// plan file. Nothing is started if the plan was made from another state than was approved.
    pub async fn apply(
        &self,
        approved: &ApprovedPlan,
        file: &PlanFile,
        log: &Path,
        cancel: &CancellationToken,
    ) -> Applied {
        let binding = approved.binding();
        let base = (!binding.lineage.is_empty()).then(|| StateIdentity {
            lineage: binding.lineage.clone(),
            serial: binding.serial,
        });
        let job = Job {
            workdir: self.clone(),
            base,
            file: file.clone(),
            log: log.to_owned(),
            cancel: cancel.clone(),
        };
        match tokio::spawn(job.run()).await {
            Ok(applied) => applied,
            Err(error) => Applied::Interrupted(Failure::new(
                FailureKind::Internal,
                format!("the watch over an apply ended early: {error}"),
                TORN,
            )),
        }
    }
}

enum Stop {
    TimedOut,
    Cancelled,
}

impl Job {
    async fn run(self) -> Applied {
        let leader = match self.start().await {
            Ok(leader) => leader,
            Err(failure) => return Applied::Failed(failure),
        };
        self.watch(leader).await
    }

    async fn start(&self) -> Result<Leader, Failure> {
        refuse_targeting(&self.workdir.env)?;
        let file = self.file.clone();
        let base = tokio::task::spawn_blocking(move || file.base())
            .await
            .map_err(|error| plain(FailureKind::Internal, error.to_string()))??;
        if base.state != self.base {
            return Err(plain(
                FailureKind::StalePlan,
                "the plan at hand was made from another state than the one that was approved",
            ));
        }
        if self.cancel.is_cancelled() {
            return Err(plain(
                FailureKind::Interrupted,
                "stopped before the apply had begun",
            ));
        }
        let (stdout, stderr) = self
            .open_log()
            .map_err(|cause| disk_failure(&self.log, &cause))?;
        let mut command = self.workdir.command(argv::apply(self.file.path()));
        command.stdout(stdout).stderr(stderr);
        let (workdir, at) = (&self.workdir, Timestamp::now());
        let leader = Leader::spawn(command, false).map_err(|cause| {
            process::cannot_start(&workdir.engine.program, &workdir.dir, &cause)
        })?;
        if let Some(pid) = leader.pid() {
            let written = Trace::of(pid, at, &workdir.env).and_then(|trace| trace.write(&self.log));
            if let Err(cause) = written {
                // Its lock on the log tells as well whether it runs.
                tracing::warn!("cannot note the process of the apply: {cause}");
            }
        }
        Ok(leader)
    }

    /// Files, never pipes: a reader that goes away would kill the engine. Locked for as long as the
    /// engine has them, so that it can be told later whether it runs.
    fn open_log(&self) -> std::io::Result<(Stdio, Stdio)> {
        match std::fs::remove_file(&self.log) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        Trace::remove(&self.log)?;
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.log)?;
        if let Err(cause) = file.try_lock() {
            tracing::warn!("cannot lock the log of the apply: {cause}");
        }
        Ok((Stdio::from(file.try_clone()?), Stdio::from(file)))
    }

    async fn watch(self, mut leader: Leader) -> Applied {
        let limits = self.workdir.limits;
        let stop = tokio::select! {
            () = leader.ended() => None,
            () = tokio::time::sleep(limits.apply) => Some(Stop::TimedOut),
            () = self.cancel.cancelled() => Some(Stop::Cancelled),
        };
        let mut killed = false;
        if stop.is_some() {
            leader.interrupt();
            if tokio::time::timeout(limits.grace, leader.ended())
                .await
                .is_err()
            {
                killed = true;
                leader.kill_group();
                leader.ended().await;
            }
        }
        if !matches!(leader.exit_code(), Some(0 | 1)) {
            // It crashed: the providers that it leaves behind work for nobody.
            leader.kill_group();
        }
        let status = match leader.reap().await {
            Ok(status) => status,
            Err(cause) => {
                let message = format!("the apply's exit status is lost: {cause}");
                return Applied::Interrupted(Failure::new(FailureKind::Internal, message, TORN));
            }
        };
        if status.success() {
            return Applied::Done;
        }
        let events = self.read_log().await;
        let said = self.workdir.failed("apply failed", status, &events, "");
        let crashed = status.signal().is_some() || status.code() != Some(1);
        let state_not_saved = says_state_not_saved(&events);
        let failure = match stop {
            Some(Stop::TimedOut) => plain(
                FailureKind::TimedOut,
                format!(
                    "apply took longer than {} s and was interrupted",
                    limits.apply.as_secs()
                ),
            ),
            Some(Stop::Cancelled) => plain(FailureKind::Interrupted, "apply was interrupted"),
            None => said,
        };
        if killed {
            let seconds = limits.grace.as_secs();
            let message = format!(
                "{}; it did not end within {seconds} s and was killed",
                failure.message
            );
            Applied::Interrupted(Failure::new(failure.kind, message, TORN))
        } else if crashed || state_not_saved {
            Applied::Interrupted(Failure::new(failure.kind, failure.message, TORN))
        } else {
            Applied::Failed(failure)
        }
    }

    async fn read_log(&self) -> Events {
        let path = self.log.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let mut events = Events::new();
            // What cannot be read leaves the exit status to speak for itself.
            if let Ok(mut file) = File::open(path) {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(length @ 1..) = file.read(&mut buffer) {
                    events.take(buffer.get(..length).unwrap_or_default());
                }
            }
            events.finish();
            events
        });
        reading.await.unwrap_or_else(|_| Events::new())
    }
}

fn says_state_not_saved(events: &Events) -> bool {
    events.text.text().contains(STATE_NOT_SAVED)
        || events.errors.iter().any(|error| {
            error.summary.contains(STATE_NOT_SAVED)
                || error.detail.contains(STATE_NOT_SAVED)
                || error.summary.contains("Failed to save state")
                || error.summary.contains("Failed to persist state")
        })
}
