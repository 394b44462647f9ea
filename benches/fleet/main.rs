//! What Mooring itself costs around Terraform, with a stand-in for Terraform that costs nothing.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures are for whoever runs it"
)]

mod daemon;
mod stub;
mod world;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use daemon::{Account, Daemon};
use jiff::Timestamp;
use world::{commit, prepare};

fn main() -> ExitCode {
    stub::or(measure)
}

fn measure(arguments: &[String]) -> io::Result<()> {
    let sizes: Vec<usize> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    let sizes = if sizes.is_empty() {
        vec![1000, 5000, 10_000]
    } else {
        sizes
    };
    println!(
        "{:>7} {:>12} {:>12} {:>11} {:>10} {:>10} {:>10} {:>12}",
        "stacks",
        "first ms/run",
        "sweep ms/run",
        "late s",
        "peak MB",
        "idle MB",
        "idle CPU %",
        "push CPU s"
    );
    for stacks in sizes {
        fleet(stacks)?;
    }
    Ok(())
}

fn fleet(stacks: usize) -> io::Result<()> {
    let dir = tempfile::tempdir()?;
    prepare(dir.path(), stacks)?;
    let sweep_at = sweep_after_first_looks(stacks);
    let minute = sweep_at.strftime("%-M");
    let daemon = Daemon::start(dir.path(), &format!("{minute} * * * *"), 4)?;
    let runs = || daemon.metric("mooring_runs_total").unwrap_or(0.0);
    let until = |count: usize| {
        #[allow(clippy::cast_precision_loss, reason = "there are not so many")]
        daemon.until("every stack is looked at", || runs() >= count as f64)
    };
    until(stacks)?;
    let first = daemon.account()?;
    if Timestamp::now() >= sweep_at {
        return Err(io::Error::other("the first looks lasted into the sweep"));
    }
    let wait = sweep_at.duration_since(Timestamp::now()).unsigned_abs();
    std::thread::sleep(wait.saturating_sub(Duration::from_secs(1)));
    let rested_first = daemon.account()?;
    until(2 * stacks)?;
    let second = daemon.account()?;
    let began = Instant::now();
    let idle = daemon.account()?;
    std::thread::sleep(Duration::from_secs(20));
    let rested = daemon.account()?;
    let share = rested.cpu.saturating_sub(idle.cpu).as_secs_f64() / began.elapsed().as_secs_f64();
    commit(dir.path(), "stacks/s00007/main.tf", "# changed\n")?;
    let pushed = daemon.account()?;
    until(2 * stacks + 1)?;
    let taken = daemon.account()?;
    drop(daemon);
    let late = lateness(dir.path(), sweep_at)?;
    let per_run = |from: Account, to: Account| {
        to.cpu.saturating_sub(from.cpu).as_secs_f64() * 1000.0
            / f64::from(u32::try_from(stacks).unwrap_or(1))
    };
    let mb = |bytes: u64| bytes / 1_000_000;
    println!(
        "{stacks:>7} {:>12.2} {:>12.2} {late:>11} {:>10} {:>10} {:>10.2} {:>12.2}",
        per_run(Account::default(), first),
        per_run(rested_first, second),
        mb(taken.peak),
        mb(rested.resident),
        share * 100.0,
        taken.cpu.saturating_sub(pushed.cpu).as_secs_f64(),
    );
    Ok(())
}

/// When the one sweep comes, within the hour: well after every stack has been looked at once.
fn sweep_after_first_looks(stacks: usize) -> Timestamp {
    let after =
        Duration::from_secs(120) + Duration::from_millis(40) * u32::try_from(stacks).unwrap_or(1);
    let seconds = Timestamp::now().as_second() + i64::try_from(after.as_secs()).unwrap_or_default();
    Timestamp::from_second(seconds - seconds % 60 + 60).unwrap_or_default()
}

/// How long after its time the last run of the sweep was queued, as the database says.
fn lateness(dir: &Path, sweep_at: Timestamp) -> io::Result<String> {
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
    let options = SqliteConnectOptions::new().filename(dir.join("data/mooring.db"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let read = runtime.block_on(async {
        let pool = SqlitePool::connect_with(options).await?;
        sqlx::query_scalar::<_, i64>(
            "SELECT MAX(queued_at) FROM runs WHERE trigger_reason = 'schedule'",
        )
        .fetch_one(&pool)
        .await
    });
    let last = read.map_err(|error| io::Error::other(error.to_string()))?;
    let micros = last - sweep_at.as_microsecond();
    Ok(format!(
        "{}.{:02}",
        micros / 1_000_000,
        micros % 1_000_000 / 10_000
    ))
}
