//! `mooring explain`: what a plan means.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::domain::failure::Failure;
use crate::reconcile::explain::{Engined, from_json, from_plan_file};
use crate::report::exit_code;

use super::Global;
use super::error::CliError;
use super::report::ReportArgs;
use super::signals::Signals;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A saved plan file, or the output of `terraform show -json` (`-` = standard input).
    file: PathBuf,
    #[command(flatten)]
    report: ReportArgs,
    /// The program that reads a saved plan file: `terraform`, `tofu` or a path [default: terraform,
    /// else tofu]
    #[arg(long, value_name = "PROGRAM", env = "MOORING_ENGINE")]
    engine: Option<String>,
}

/// The first bytes of a zip archive, which a saved plan file is.
const ZIP: &[u8] = b"PK\x03\x04";

/// Explains a plan; the exit code is the report's.
pub(super) async fn explain(args: ExplainArgs, global: &Global) -> Result<u8, CliError> {
    args.report.require_writable()?;
    let bytes = read(&args.file)?;
    let check = if bytes.starts_with(ZIP) {
        let file = on_disk(&args.file)?;
        let signals = Signals::watch()?;
        let engined = Engined {
            engine: args.engine.as_deref(),
            limit: Duration::from_secs(600),
            cancel: signals.stop.clone(),
        };
        let work = async {
            from_plan_file(&file, &engined)
                .await
                .map_err(CliError::from)
        };
        match signals.guard(work).await? {
            Ok(check) => check,
            Err(code) => return Ok(code),
        }
    } else {
        from_json(&bytes)?
    };
    let checks = [check];
    args.report.deliver(&checks, global)?;
    Ok(exit_code(&checks))
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    let standard = file == Path::new("-");
    let name = if standard {
        "standard input".to_owned()
    } else {
        file.display().to_string()
    };
    let read = if standard {
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    read.map_err(|cause| CliError::Read { name, cause })
}

fn on_disk(file: &Path) -> Result<PathBuf, CliError> {
    if file == Path::new("-") {
        return Err(CliError::Failure(Failure::new(
            crate::domain::failure::FailureKind::UnreadablePlan,
            "a saved plan file cannot be read from standard input",
            "name the file, or pipe `terraform show -json FILE`",
        )));
    }
    std::fs::canonicalize(file).map_err(|cause| CliError::Read {
        name: file.display().to_string(),
        cause,
    })
}
