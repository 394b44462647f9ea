//! Several daemons on one PostgreSQL database: how much they get done together, what that costs the
//! database, and how long it takes until another one leads.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "figures are for whoever runs it"
)]

#[path = "../../tests/harness/postgres.rs"]
#[allow(unreachable_pub, dead_code)]
mod postgres;
#[path = "../../tests/harness/skipped.rs"]
#[allow(unreachable_pub)]
mod skipping;
#[path = "../fleet/stub.rs"]
mod stub;
#[path = "../fleet/world.rs"]
mod world;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use postgres::Postgres;
use skipping::skipped;

/// Runs that each daemon has under way at once.
const JOBS: usize = 4;
/// What a plan takes, if nothing else is asked for.
const SLEEP_MS: u32 = 2000;

fn main() -> ExitCode {
    stub::or(measure)
}

fn measure(arguments: &[String]) -> io::Result<()> {
    let (sleep_ms, arguments) = sleep_of(arguments);
    let counts: Vec<usize> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    let counts = if counts.is_empty() {
        vec![1, 2, 4, 8]
    } else {
        counts
    };
    println!(
        "a plan sleeps for {} s; {JOBS} at once in each replica",
        f64::from(sleep_ms) / 1000.0
    );
    println!(
        "{:>8} {:>7} {:>8} {:>9} {:>8} {:>12} {:>14} {:>10} {:>11} {:>10}",
        "replicas",
        "runs",
        "wall s",
        "runs/s",
        "of ideal",
        "CPU ms/run",
        "DB CPU ms/run",
        "DB tx/run",
        "idle CPU %",
        "idle tx/s"
    );
    let mut times = Vec::new();
    for count in counts {
        let Some(server) = Postgres::start("the benchmark of replicas") else {
            return Ok(());
        };
        let fleet = Fleet::start(&server, count, sleep_ms)?;
        fleet.throughput(count)?;
        if count > 1 {
            times = fleet.takeovers()?;
        }
    }
    for (what, time) in times {
        println!(
            "{what:<24} another one leads after {:.1} s",
            time.as_secs_f64()
        );
    }
    Ok(())
}

/// What a plan takes (`--sleep MILLISECONDS`), and the other arguments.
fn sleep_of(arguments: &[String]) -> (u32, Vec<String>) {
    let mut others = arguments.to_vec();
    let Some(at) = others.iter().position(|argument| argument == "--sleep") else {
        return (SLEEP_MS, others);
    };
    let given = others.get(at + 1).and_then(|sleep| sleep.parse().ok());
    others.drain(at..others.len().min(at + 2));
    (given.unwrap_or(SLEEP_MS), others)
}

/// Until nothing is left to be done and the server has counted it, and how long it is looked at then.
const SETTLED: Duration = Duration::from_secs(20);
const REST: Duration = Duration::from_secs(20);

struct Fleet<'s> {
    server: &'s Postgres,
    dir: tempfile::TempDir,
    replicas: Vec<Replica>,
    stacks: usize,
    sleep_ms: u32,
}

struct Replica {
    child: Child,
    dir: PathBuf,
}

impl Replica {
    fn start(configuration: &str, dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("mooring.yaml"), configuration)?;
        let log = fs::File::create(dir.join("log"))?;
        let child = Command::new(env!("CARGO_BIN_EXE_mooring"))
            .args(["serve", "--config"])
            .arg(dir.join("mooring.yaml"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Self { child, dir })
    }

    fn leads(&self) -> bool {
        let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        log.contains("mooring is up")
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'s> Fleet<'s> {
    /// Daemons that have nothing to do yet.
    fn start(server: &'s Postgres, count: usize, sleep_ms: u32) -> io::Result<Self> {
        let stacks = 60 * count;
        let dir = tempfile::tempdir()?;
        world::prepare(dir.path(), stacks)?;
        fs::write(
            dir.path().join("bin").join(stub::SLEEP),
            sleep_ms.to_string(),
        )?;
        fs::write(dir.path().join("url"), server.database("m"))?;
        fs::write(dir.path().join("key"), [7; 32])?;
        fs::write(dir.path().join("token"), "a-token-for-the-benchmark")?;
        let configuration = format!(
            "data_dir: data\njobs: {JOBS}\nschedule: \"0 0 1 1 *\"\njitter: 0s\n\
             engine: {dir}/bin/terraform\nstore: {{ postgres_url_file: {dir}/url }}\n\
             installation_key_file: {dir}/key\n\
             api: {{ listen: \"127.0.0.1:0\", token_file: {dir}/token }}\n\
             sources: [{{ name: infra, path: {dir}/repository, poll: 1s }}]\n",
            dir = dir.path().display()
        );
        let start = |at: usize| {
            let path = dir.path().join(format!("replica-{at}"));
            Replica::start(&configuration, path)
        };
        let replicas = (0..count).map(start).collect::<io::Result<Vec<_>>>()?;
        let fleet = Self {
            server,
            dir,
            replicas,
            stacks,
            sleep_ms,
        };
        let leads = || fleet.replicas.iter().any(Replica::leads);
        fleet.until("one leads", leads)?;
        fleet.until("all have looked once", || fleet.ended() >= stacks)?;
        Ok(fleet)
    }

    fn count(&self, sql: &str) -> usize {
        self.server.sql("m", sql).parse().unwrap_or(0)
    }

    fn ended(&self) -> usize {
        self.count("SELECT COUNT(*) FROM runs WHERE state = 'finished'")
    }

    fn transactions(&self) -> usize {
        self.count("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'm'")
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) -> io::Result<Duration> {
        let began = Instant::now();
        while !holds() {
            if began.elapsed() > Duration::from_secs(1800) {
                return Err(io::Error::other(format!(
                    "half an hour, and not yet: {what}"
                )));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(began.elapsed())
    }

    /// How long it takes until every stack is looked at after a push.
    fn throughput(&self, count: usize) -> io::Result<()> {
        let before = self.ended();
        let (own, database, transactions) = (
            self.cpu_of_replicas()?,
            cpu_of_database()?,
            self.transactions(),
        );
        world::commit(self.dir.path(), "modules/shared/main.tf", "# changed\n")?;
        let all = || self.ended() >= before + self.stacks;
        let wall = self.until("all have looked again", all)?.as_secs_f64();
        let runs = number(self.stacks);
        let ideal = runs / (number(count * JOBS) * 1000.0) * f64::from(self.sleep_ms);
        let per_run =
            |from: Duration, to: Duration| to.saturating_sub(from).as_secs_f64() * 1000.0 / runs;
        let transactions = self.transactions().saturating_sub(transactions);
        let (own, database) = (
            per_run(own, self.cpu_of_replicas()?),
            per_run(database, cpu_of_database()?),
        );
        let idle = self.at_rest()?;
        println!(
            "{count:>8} {:>7} {wall:>8.1} {:>9.1} {:>8.2} {:>12.1} {:>14.1} {:>10.1} {:>11.2} {:>10.1}",
            self.stacks,
            runs / wall,
            ideal / wall,
            own,
            database,
            number(transactions) / runs,
            100.0 * idle.0,
            idle.1,
        );
        Ok(())
    }

    /// What each replica costs while there is nothing to do: the part of a core that it takes, and
    /// transactions a second.
    fn at_rest(&self) -> io::Result<(f64, f64)> {
        std::thread::sleep(SETTLED);
        let (cpu, transactions) = (self.cpu_of_replicas()?, self.transactions());
        std::thread::sleep(REST);
        let each = |of_all: f64| of_all / REST.as_secs_f64() / number(self.replicas.len());
        let cpu = self.cpu_of_replicas()?.saturating_sub(cpu).as_secs_f64();
        let transactions = self.transactions().saturating_sub(transactions);
        Ok((each(cpu), each(number(transactions))))
    }

    fn cpu_of_replicas(&self) -> io::Result<Duration> {
        let each = self.replicas.iter().map(|r| cpu_of(r.child.id()));
        each.sum()
    }

    /// How long it takes until another one leads, by what happened to the one that did.
    fn takeovers(mut self) -> io::Result<Vec<(&'static str, Duration)>> {
        let mut times = Vec::new();
        let ways = [
            ("told to end (SIGTERM)", Signal::TERM),
            ("killed (SIGKILL)", Signal::KILL),
            ("stopped (SIGSTOP)", Signal::STOP),
        ];
        for (what, signal) in ways {
            let Some(at) = self.replicas.iter().position(Replica::leads) else {
                break;
            };
            let leader = self.replicas.swap_remove(at);
            if self.replicas.is_empty() {
                break;
            }
            leader.signal(signal)?;
            let other = || self.replicas.iter().any(Replica::leads);
            times.push((what, self.until("another one leads", other)?));
            drop(leader);
        }
        Ok(times)
    }
}

fn number(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}

/// What a process has used by itself.
fn cpu_of(process: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok());
    let sum = ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0);
    // A hundred ticks a second, on every Linux.
    Ok(Duration::from_millis(sum * 10))
}

/// What every process of PostgreSQL on this machine has used, those that have ended not counted.
fn cpu_of_database() -> io::Result<Duration> {
    let mut sum = Duration::ZERO;
    for entry in fs::read_dir("/proc")?.flatten() {
        let is_it = fs::read_to_string(entry.path().join("comm"))
            .is_ok_and(|name| name.trim() == "postgres");
        let id = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let (true, Some(id)) = (is_it, id) {
            sum += cpu_of(id).unwrap_or_default();
        }
    }
    Ok(sum)
}
