//! A root module with everything that is needed to run an engine in it.

use std::ffi::OsString;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::stack::DEFAULT_WORKSPACE;

use super::argv;
use super::engine::Engine;
use super::environment::Environment;
use super::failures::{self, plain};
use super::meter::Meter;
use super::output::{Capture, Events};
use super::plugins::Plugins;
use super::process::{self, Ended, Sink, Stops};

/// Longest wait for something that can be repeated without harm.
const LONGEST_HARMLESS_GRACE: Duration = Duration::from_secs(10);
/// A list of workspaces longer than this is cut.
const WORKSPACE_LIST_BYTES: usize = 16 << 20;

/// Time limits. For `apply` the limit ends with one interrupt and `grace` is waited for the engine
/// to finish what it is doing and save the state; other commands wait at most ten seconds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `init`.
    pub init: Duration,
    /// `plan`, and each of the commands that only read.
    pub plan: Duration,
    /// `apply`.
    pub apply: Duration,
    /// From an interrupt to the kill.
    pub grace: Duration,
}

/// A root module as one stack uses it.
#[derive(Debug, Clone)]
pub struct Workdir {
    /// The root module, absolute.
    pub dir: PathBuf,
    /// What plans and applies.
    pub engine: Engine,
    /// The complete environment of every child.
    pub env: Environment,
    /// The workspace asked for; without one the directory's own selection stands.
    pub workspace: Option<String>,
    /// Variable files, relative to `dir`.
    pub var_files: Vec<String>,
    /// `-backend-config` entries: `name=value`, or a file relative to `dir`.
    pub backend_config: Vec<String>,
    /// A private directory for plan files and the like; made with mode 0700 if absent. Plan files
    /// hold secrets in clear while they exist.
    pub scratch: PathBuf,
    /// Time limits.
    pub limits: Limits,
    /// Settings of the engine's Go runtime that hold where `env` has none.
    pub runtime: Vec<(&'static str, String)>,
    /// The providers that this directory shares with others; without them it has its own copies.
    pub plugins: Option<Plugins>,
    /// Counts what the commands use.
    pub meter: Arc<Meter>,
}

impl Workdir {
    /// Whether `init` has been run here by whoever owns the directory.
    pub fn is_initialised(&self) -> bool {
        self.data_dir().is_dir()
    }

    /// The workspace that is planned.
    pub fn workspace_name(&self) -> String {
        let workspace = self.effective_workspace();
        workspace.unwrap_or_else(|| DEFAULT_WORKSPACE.to_owned())
    }

    /// Where the engine keeps what `init` made: `.terraform`, unless `TF_DATA_DIR` says otherwise.
    pub(super) fn data_dir(&self) -> PathBuf {
        self.dir
            .join(self.env.text("TF_DATA_DIR").unwrap_or(".terraform"))
    }

    /// The workspace that an engine would use: the one asked for, the environment's, or the one
    /// selected in the directory.
    pub(super) fn effective_workspace(&self) -> Option<String> {
        self.workspace
            .clone()
            .or_else(|| self.env.text("TF_WORKSPACE").map(str::to_owned))
            .or_else(|| selected_workspace(&self.data_dir()))
    }

    /// Fails with `unknown_workspace` unless the workspace exists: engines create a workspace that
    /// is merely named in `TF_WORKSPACE` or in a stale selection.
    pub(super) async fn require_workspace(
        &self,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        let Some(wanted) = self.effective_workspace() else {
            return Ok(());
        };
        if wanted == DEFAULT_WORKSPACE {
            return Ok(());
        }
        let mut command = self.command(argv::workspace_list());
        command.env_remove("TF_WORKSPACE");
        let mut out = Capture::new(WORKSPACE_LIST_BYTES);
        let (step, stops) = ("workspace list", self.reading_stops());
        self.quiet(step, command, stops, cancel, &mut |b| out.take(b))
            .await?;
        let listed = out.text();
        let mut names = listed
            .lines()
            .map(|line| line.strip_prefix('*').unwrap_or(line).trim());
        if names.any(|name| name == wanted) {
            return Ok(());
        }
        Err(plain(
            FailureKind::UnknownWorkspace,
            format!("the workspace \"{wanted}\" does not exist in this backend"),
        ))
    }

    /// A command in this directory, in the workspace asked for.
    pub(super) fn command(&self, argv: Vec<OsString>) -> Command {
        let mut command = process::command(&self.engine.program, argv, &self.dir, &self.env);
        if let Some(workspace) = &self.workspace {
            command.env("TF_WORKSPACE", workspace);
        }
        for (name, value) in &self.runtime {
            if self.env.text(name).is_none() {
                command.env(name, value);
            }
        }
        command
    }

    pub(super) fn reading_stops(&self) -> Stops {
        self.stops(self.limits.plan)
    }

    pub(super) fn stops(&self, limit: Duration) -> Stops {
        Stops {
            limit,
            grace: self.limits.grace.min(LONGEST_HARMLESS_GRACE),
        }
    }

    /// Runs a command whose messages are text on standard error.
    pub(super) async fn quiet(
        &self,
        step: &str,
        command: Command,
        stops: Stops,
        cancel: &CancellationToken,
        stdout: Sink<'_>,
    ) -> Result<(), Failure> {
        let mut err = Capture::messages();
        let ended = process::run(
            command,
            stops,
            cancel,
            stdout,
            &mut |b| err.take(b),
            &self.meter,
        )
        .await
        .map_err(|cause| process::cannot_start(&self.engine.program, &self.dir, &cause))?;
        let text = err.text();
        match self.exit_status(step, &ended, stops)? {
            status if status.success() => Ok(()),
            status => {
                let step = format!("{step} failed");
                Err(self.failed(&step, status, &Events::new(), &text))
            }
        }
    }

    /// The exit status of a command that was not stopped.
    pub(super) fn exit_status(
        &self,
        step: &str,
        ended: &Ended,
        stops: Stops,
    ) -> Result<ExitStatus, Failure> {
        match ended {
            Ended::Exited(status) => Ok(*status),
            Ended::TimedOut => Err(plain(
                FailureKind::TimedOut,
                format!(
                    "{step} took longer than {} s and was stopped",
                    stops.limit.as_secs()
                ),
            )),
            Ended::Cancelled => Err(plain(
                FailureKind::Interrupted,
                format!("{step} was stopped before it had ended"),
            )),
        }
    }

    /// The failure that a command's messages amount to, without secrets.
    pub(super) fn failed(
        &self,
        step: &str,
        status: ExitStatus,
        events: &Events,
        text: &str,
    ) -> Failure {
        let text = format!("{}\n{text}", events.text.text());
        let step = format!("{step} ({status})");
        failures::failure(&events.errors, &text, &step, &self.env.masker())
    }

    /// Makes the scratch directory, closed to others.
    pub(super) fn open_scratch(&self) -> Result<(), Failure> {
        private_dir(&self.scratch).map_err(|cause| disk_failure(&self.scratch, &cause))
    }
}

/// The workspace that a data directory has selected.
pub(super) fn selected_workspace(data_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data_dir.join("environment")).ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn private_dir(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    let mut permissions = std::fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o700);
        std::fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

/// What a file operation of our own failed with.
pub(super) fn disk_failure(path: &Path, cause: &std::io::Error) -> Failure {
    let full = matches!(
        cause.kind(),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
    );
    let message = format!("{}: {cause}", path.display());
    if full {
        plain(FailureKind::OutOfDisk, message)
    } else {
        Failure::new(
            FailureKind::Internal,
            message,
            "Check that the directory for temporary files exists and that Mooring may write there.",
        )
    }
}
