//! `mooring check`: one look at every stack below a directory.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use globset::GlobBuilder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use crate::domain::finding::Verdict;
use crate::reconcile::local::{self, Request};
use crate::report::{Format, TextOptions, exit_code, render};
use crate::terraform::Limits;

use super::Global;
use super::error::CliError;
use super::output;
use super::progress;

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
    /// Form of the report.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write the report to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The program to plan with: `terraform`, `tofu` or a path [default: terraform, else tofu]
    #[arg(long, value_name = "PROGRAM", env = "MOORING_ENGINE")]
    engine: Option<String>,
    /// Stop a plan that takes longer than this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    timeout: u64,
}

/// Looks at the stacks and reports; the exit code is the report's.
pub(super) async fn check(args: CheckArgs, global: &Global) -> Result<u8, CliError> {
    if let Err(cause) = std::fs::read_dir(&args.path) {
        return Err(CliError::Usage {
            message: format!("cannot look into {}: {cause}", args.path.display()),
            hint: "name a directory that exists and that you may read".to_owned(),
        });
    }
    let cancel = CancellationToken::new();
    let signalled = watch_signals(&cancel)?;
    let (sender, receiver) = unbounded_channel();
    let shown = tokio::spawn(progress::show(
        receiver,
        !global.quiet && output::error_is_terminal(),
    ));
    let request = request(&args)?;
    let mut checks = local::check(request, sender, cancel).await?;
    // The progress display has ended when its channel has; a panic in it loses no report.
    let _shown = shown.await;
    if let Some(signal) = signalled.get() {
        return Ok(128 + signal);
    }
    if checks.is_empty() {
        return Err(CliError::NoStack(args.path.display().to_string()));
    }
    let code = exit_code(&checks);
    if global.quiet && args.format != Format::Json {
        checks.retain(|check| check.verdict != Verdict::InSync);
    }
    let options = TextOptions {
        width: output::width(),
        color: args.output.is_none() && output::color(),
        verbose: global.verbose > 0,
    };
    output::deliver(
        &render(args.format, &checks, &options),
        args.output.as_deref(),
    )?;
    Ok(code)
}

/// The signal that ended the check, once one has.
type Signalled = std::sync::Arc<std::sync::OnceLock<u8>>;

fn watch_signals(cancel: &CancellationToken) -> Result<Signalled, CliError> {
    let signalled = Signalled::default();
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ] {
        let mut stream = signal(kind).map_err(CliError::Runtime)?;
        let (cancel, signalled) = (cancel.clone(), signalled.clone());
        tokio::spawn(async move {
            if stream.recv().await.is_some() {
                let _first_wins = signalled.set(u8::try_from(kind.as_raw_value()).unwrap_or(0));
                cancel.cancel();
            }
        });
    }
    Ok(signalled)
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
