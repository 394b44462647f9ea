//! `mooring check`: one look at every stack below a directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use globset::GlobBuilder;
use tokio::sync::mpsc::unbounded_channel;

use crate::reconcile::local::{self, Request};
use crate::report::exit_code;
use crate::terraform::Limits;

use super::Global;
use super::error::CliError;
use super::output;
use super::progress;
use super::report::{ReportArgs, judging};
use super::signals::Signals;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Where to look for stacks.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Only stacks whose directory (relative to PATH) matches, for example `live/prod/**`.
    #[arg(long, value_name = "GLOB")]
    stack: Option<String>,
    /// How many stacks are planned at once [default: number of CPUs]
    #[arg(long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,
    #[command(flatten)]
    report: ReportArgs,
    /// Judge as this configuration says: its severities, noise and rules, what they ignore included.
    /// The tree is taken for its source, if it has but one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The program to plan with: `terraform`, `tofu` or a path [default: terraform, else tofu]
    #[arg(long, value_name = "PROGRAM", env = "MOORING_ENGINE")]
    engine: Option<String>,
    /// Stop a plan that takes longer than this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    timeout: u64,
}

/// Looks at the stacks and reports; the exit code is the report's.
pub(super) async fn check(args: CheckArgs, global: &Global) -> Result<u8, CliError> {
    require_directory(&args.path)?;
    args.report.require_writable()?;
    let signals = Signals::watch()?;
    let (sender, receiver) = unbounded_channel();
    let shown = tokio::spawn(progress::show(
        receiver,
        !global.quiet && output::error_is_terminal(),
    ));
    let request = request(&args)?;
    let work = local::check(request, sender, signals.stop.clone());
    let work = async move { work.await.map_err(CliError::from) };
    let checks = signals.guard(work).await?;
    // The progress display has ended when its channel has; a panic in it loses no report.
    let _shown = shown.await;
    let checks = match checks {
        Ok(checks) => checks,
        Err(code) => return Ok(code),
    };
    if checks.is_empty() {
        return Err(CliError::NoStack(args.path.display().to_string()));
    }
    if global.quiet {
        args.report.deliver_troubles(&checks, global)?;
    } else {
        args.report.deliver(&checks, global)?;
    }
    Ok(exit_code(&checks))
}

fn require_directory(path: &Path) -> Result<(), CliError> {
    let (what, hint) = match std::fs::metadata(path) {
        Ok(known) if known.is_dir() => return Ok(()),
        Ok(_) => (
            "it is not a directory".to_owned(),
            "name the directory that holds it",
        ),
        Err(error) => (error.to_string(), "name a directory that exists"),
    };
    Err(CliError::Usage {
        message: format!("cannot look for stacks in {}: {what}", path.display()),
        hint: hint.to_owned(),
    })
}

fn request(args: &CheckArgs) -> Result<Request, CliError> {
    let stacks = args.stack.as_deref().map(|text| {
        let glob = GlobBuilder::new(text).literal_separator(false).build();
        glob.map(|glob| glob.compile_matcher())
            .map_err(|error| CliError::Usage {
                message: format!("--stack {text}: {error}"),
                hint: "use a glob such as live/prod/** or *web*".to_owned(),
            })
    });
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let limit = Duration::from_secs(args.timeout.max(1));
    Ok(Request {
        path: args.path.clone(),
        stacks: stacks.transpose()?,
        jobs: args.jobs.map_or(cpus, usize::from),
        engine: args.engine.clone(),
        limits: Limits {
            init: limit,
            plan: limit,
            apply: limit,
            grace: Duration::from_secs(10),
        },
        cache: cache_dir()?,
        judging: judging(args.config.as_deref())?,
    })
}

/// `$XDG_CACHE_HOME/mooring`, or `~/.cache/mooring`.
fn cache_dir() -> Result<PathBuf, CliError> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|h| h.join(".cache")));
    base.map(|base| base.join("mooring"))
        .ok_or_else(|| CliError::Usage {
            message: "there is no place for a cache: neither XDG_CACHE_HOME nor HOME is set"
                .to_owned(),
            hint: "set XDG_CACHE_HOME to a directory that can be written".to_owned(),
        })
}
