//! Planning, and reading a saved plan as JSON.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::PlanExit;

use super::argv;
use super::cli_args::refuse_targeting;
use super::engine::Flavour;
use super::failures::warning;
use super::output::{Capture, Events};
use super::plan_file::PlanFile;
use super::process;
use super::workdir::Workdir;

/// How many warnings are passed on.
const KEPT_WARNINGS: usize = 50;

/// What a plan came to.
#[derive(Debug)]
pub struct Planned {
    /// What the exit code said.
    pub exit: PlanExit,
    /// The saved plan; also that of a failed plan, as far as it got, if there is one.
    pub file: Option<PlanFile>,
    /// Set if and only if `exit` is `Failed`.
    pub failure: Option<Failure>,
    /// Warnings, one line each, without secrets.
    pub warnings: Vec<String>,
}

impl Workdir {
    /// Plans without taking the state's lock and saves the plan. The directory must be initialised.
    /// `Err` if the plan could not be started; a plan that ran and failed is an `Ok`. Dropping the
    /// future stops the engine.
    pub async fn plan(&self, cancel: &CancellationToken) -> Result<Planned, Failure> {
        self.open_scratch()?;
        refuse_targeting(&self.env)?;
        // Remote execution would plan on somebody else's servers.
        self.backend()?;
        self.require_workspace(cancel)
            .await
            .inspect_err(|failure| self.distrust_init(failure.kind))?;
        let file = PlanFile::create(&self.scratch)?;
        let command = self.command(argv::plan(file.path(), &self.var_files));
        let stops = self.stops(self.limits.plan);
        let (mut events, mut err) = (Events::new(), Capture::messages());
        let ended = process::run(
            command,
            stops,
            cancel,
            &mut |bytes| events.take(bytes),
            &mut |bytes| err.take(bytes),
            &self.meter,
        )
        .await
        .map_err(|cause| process::cannot_start(&self.engine.program, &self.dir, &cause))?;
        events.finish();
        let whole = file.close_to_others().is_ok() && self.is_plan(&file);
        let outcome =
            self.exit_status("plan", &ended, stops)
                .and_then(|status| match status.code() {
                    Some(0) if whole => Ok(PlanExit::NoChanges),
                    Some(2) if whole => Ok(PlanExit::Changes),
                    Some(0 | 2) => {
                        let step = "plan left no whole plan file";
                        Err(self.failed(step, status, &events, &err.text()))
                    }
                    _ => Err(self.failed("plan failed", status, &events, &err.text())),
                });
        let masker = self.env.masker();
        let warnings = events.warnings.iter().take(KEPT_WARNINGS);
        let warnings = warnings
            .map(|diagnostic| warning(diagnostic, &masker))
            .collect();
        Ok(match outcome {
            Ok(exit) => Planned {
                exit,
                file: Some(file),
                failure: None,
                warnings,
            },
            Err(failure) => {
                self.distrust_init(failure.kind);
                Planned {
                    exit: PlanExit::Failed,
                    file: (whole && failure.kind != FailureKind::OutOfDisk).then_some(file),
                    failure: Some(failure),
                    warnings,
                }
            }
        })
    }

    /// OpenTofu may encrypt its plan files, so all that can be asked of those is some content.
    fn is_plan(&self, file: &PlanFile) -> bool {
        let has_content = || std::fs::metadata(file.path()).is_ok_and(|meta| meta.len() > 0);
        file.is_whole() || (self.engine.flavour == Flavour::OpenTofu && has_content())
    }

    /// Feeds the JSON of a saved plan to a channel, in pieces of at most 64 KiB. It holds secrets in
    /// clear. The pieces are the whole only if this succeeds. If the receiving end goes away the
    /// engine is stopped, which is no failure.
    pub async fn show(
        &self,
        file: &PlanFile,
        cancel: &CancellationToken,
        pieces: mpsc::Sender<Vec<u8>>,
    ) -> Result<(), Failure> {
        let (stops, mut err) = (self.reading_stops(), Capture::messages());
        let ended = process::feed(
            self.command(argv::show(file.path())),
            stops,
            cancel,
            &pieces,
            &mut |bytes| err.take(bytes),
            &self.meter,
        )
        .await
        .map_err(|cause| process::cannot_start(&self.engine.program, &self.dir, &cause))?;
        let unheard = pieces.is_closed() && !cancel.is_cancelled();
        let said = err.text();
        match self.exit_status("show", &ended, stops) {
            _ if unheard => Ok(()),
            Ok(status) if !status.success() => {
                Err(self.failed("show failed", status, &Events::new(), &said))
            }
            other => other.map(drop),
        }
    }
}
