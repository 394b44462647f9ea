//! `mooring explain`: what a plan means.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::domain::check::StackCheck;
use crate::domain::failure::{Failure, FailureKind};
use crate::plan_json::Schema;
use crate::reconcile::explain::{Engined, Explaining, from_file, from_plan_file, from_stream};
use crate::reconcile::replay::Judging;
use crate::report::exit_code;

use super::Global;
use super::error::CliError;
use super::report::{ReportArgs, judging};
use super::signals::Signals;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A saved plan file, or the output of `terraform show -json` (`-` = standard input).
    file: PathBuf,
    #[command(flatten)]
    report: ReportArgs,
    /// Judge as this configuration says: its severities, noise and rules, what they ignore included.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The output of `terraform providers schema -json`: tells which lists have no order, and what
    /// is sensitive in plans of versions that do not mark it.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
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
    let how = Explaining {
        schema: match &args.schema {
            Some(file) => schema(file)?,
            None => Schema::default(),
        },
        judging: judging(args.config.as_deref())?,
    };
    let check = if args.file == Path::new("-") {
        from_stream(std::io::stdin().lock(), &how)?
    } else if is_plan_file(&args.file)? {
        match planned(&args, &how.judging).await? {
            Ok(check) => check,
            Err(code) => return Ok(code),
        }
    } else {
        from_file(&args.file, &how)?
    };
    let checks = [check];
    args.report.deliver(&checks, global)?;
    Ok(exit_code(&checks))
}

/// Has an engine read a saved plan file; the inner error is the exit code of a signal.
async fn planned(
    args: &ExplainArgs,
    judging: &Judging,
) -> Result<Result<StackCheck, u8>, CliError> {
    let file = std::fs::canonicalize(&args.file).map_err(|cause| unreadable(&args.file, cause))?;
    let signals = Signals::watch()?;
    let engined = Engined {
        engine: args.engine.as_deref(),
        limit: Duration::from_secs(600),
        cancel: signals.stop.clone(),
    };
    let work = async {
        from_plan_file(&file, &engined, judging)
            .await
            .map_err(CliError::from)
    };
    signals.guard(work).await
}

fn is_plan_file(path: &Path) -> Result<bool, CliError> {
    let failed = |cause| unreadable(path, cause);
    let file = File::open(path).map_err(failed)?;
    // What can be read only once is not a file that an engine could read again.
    let about = file.metadata().map_err(failed)?;
    if about.is_dir() {
        return Err(failed(std::io::ErrorKind::IsADirectory.into()));
    }
    if !about.is_file() {
        return Ok(false);
    }
    let mut head = Vec::new();
    file.take(ZIP.len() as u64)
        .read_to_end(&mut head)
        .map_err(failed)?;
    Ok(head == ZIP)
}

fn schema(path: &Path) -> Result<Schema, CliError> {
    let file = File::open(path).map_err(|cause| unreadable(path, cause))?;
    Schema::read(file, None).map_err(|error| {
        CliError::Failure(Failure::new(
            FailureKind::UnreadablePlan,
            format!("{}: {error}", path.display()),
            "give the whole output of `terraform providers schema -json`",
        ))
    })
}

fn unreadable(path: &Path, cause: std::io::Error) -> CliError {
    CliError::Read {
        name: path.display().to_string(),
        cause,
    }
}
