//! What Mooring itself costs around Terraform, with a stand-in for Terraform that costs nothing.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures are for whoever runs it"
)]

mod daemon;
mod stub;

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use daemon::{Account, Daemon};
use jiff::Timestamp;

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    let done = if program.ends_with("/terraform") {
        stub::run(&arguments)
    } else {
        measure(&arguments).map(|()| ExitCode::SUCCESS)
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
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

/// A repository with so many stacks, the stand-in, and what it hands out.
fn prepare(dir: &Path, stacks: usize) -> io::Result<()> {
    let (bin, made) = (dir.join("bin"), dir.join("made"));
    fs::create_dir_all(&bin)?;
    fs::create_dir_all(&made)?;
    fs::copy(std::env::current_exe()?, bin.join("terraform"))?;
    fs::write(
        made.join("main.tf"),
        "resource \"terraform_data\" \"a\" {\n  input = 1\n}\n",
    )?;
    for arguments in [
        ["init", "-input=false", "-no-color"].as_slice(),
        &["apply", "-auto-approve", "-no-color"],
        &["plan", "-no-color", "-out=plan"],
    ] {
        run("terraform", arguments, &made)?;
    }
    fs::rename(made.join("plan"), bin.join(stub::PLAN))?;
    fs::rename(made.join("terraform.tfstate"), bin.join(stub::STATE))?;

    let repository = dir.join("repository");
    fs::create_dir_all(repository.join("modules/shared"))?;
    fs::write(
        repository.join("modules/shared/main.tf"),
        "variable \"a\" {}\n",
    )?;
    for stack in 0..stacks {
        let path = repository.join(format!("stacks/s{stack:05}"));
        fs::create_dir_all(&path)?;
        fs::write(
            path.join("main.tf"),
            format!(
                "terraform {{\n  backend \"s3\" {{\n    bucket = \"b\"\n    key = \"{stack}\"\n  }}\n}}\n\
                 module \"shared\" {{\n  source = \"../../modules/shared\"\n  a = {stack}\n}}\n"
            ),
        )?;
    }
    run(
        "git",
        &["init", "--quiet", "--initial-branch=main"],
        &repository,
    )?;
    commit(dir, "README", "a fleet\n")
}

fn commit(dir: &Path, path: &str, text: &str) -> io::Result<()> {
    let repository = dir.join("repository");
    let file = repository.join(path);
    let before = fs::read_to_string(&file).unwrap_or_default();
    fs::write(file, before + text)?;
    run("git", &["add", "--all"], &repository)?;
    let identity = [
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=ada@example.com",
        "-c",
        "commit.gpgsign=false",
    ];
    run(
        "git",
        &[&identity[..], &["commit", "--quiet", "-m", "x"]].concat(),
        &repository,
    )
}

fn run(program: &str, arguments: &[&str], dir: &Path) -> io::Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("{program} {arguments:?}: {said}")))
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
