//! Runs one tool in a process of its own and watches what that costs.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// What a run cost.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    /// Peaks, in bytes: all resident memory, and what of it is no page of a mapped file.
    pub(crate) resident: u64,
    pub(crate) anonymous: u64,
    /// What the tool printed: its two counts.
    pub(crate) counts: String,
}

/// Runs a command to its end; `piped` is written to its standard input through a pipe.
pub(crate) fn run(mut command: Command, piped: Option<&Path>) -> io::Result<Cost> {
    command.stdout(Stdio::piped()).stdin(match piped {
        Some(_) => Stdio::piped(),
        None => Stdio::null(),
    });
    let start = Instant::now();
    let mut child = command.spawn()?;
    let feeder = piped.zip(child.stdin.take()).map(|(path, mut stdin)| {
        let path = path.to_owned();
        thread::spawn(move || io::copy(&mut File::open(path)?, &mut stdin).map(drop))
    });
    let mut cost = watch(&mut child)?;
    cost.wall = start.elapsed();
    // It has ended but is not reaped: its accounts can still be read.
    cost.cpu = cpu(child.id());
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut cost.counts)?;
    }
    let status = child.wait()?;
    if let Some(feeder) = feeder {
        let fed = feeder.join();
        fed.map_err(|_| io::Error::other("the feeding thread panicked"))??;
    }
    if !status.success() {
        return Err(io::Error::other(format!("it ended with {status}")));
    }
    cost.own_account();
    Ok(cost)
}

/// Looks at the memory of a process again and again until it has ended.
fn watch(child: &mut Child) -> io::Result<Cost> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("no process id"))?;
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let mut cost = Cost::default();
    while waitid(WaitId::Pid(pid), ended)?.is_none() {
        let memory = Memory::of(&child.id().to_string());
        cost.resident = cost.resident.max(memory.resident_peak);
        cost.anonymous = cost.anonymous.max(memory.anonymous);
        thread::sleep(Duration::from_millis(1));
    }
    Ok(cost)
}

impl Cost {
    /// Takes in what a child of ours has printed about itself on a last line, since a short run
    /// may end between two looks.
    fn own_account(&mut self) {
        let Some((counts, memory)) = self.counts.split_once("memory ") else {
            return;
        };
        let mut peaks = memory.split_whitespace().map_while(|n| n.parse().ok());
        self.resident = self.resident.max(peaks.next().unwrap_or(0));
        self.anonymous = self.anonymous.max(peaks.next().unwrap_or(0));
        self.counts = counts.to_owned();
    }
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident_peak: u64,
    pub(crate) anonymous: u64,
}

impl Memory {
    /// Of a process by its id, or of `self`.
    pub(crate) fn of(process: &str) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = line.and_then(|rest| rest.split_whitespace().next());
            kilobytes.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
        };
        Self {
            resident_peak: field("VmHWM:"),
            anonymous: field("RssAnon:"),
        }
    }
}

/// In which `/proc` counts time, on every architecture.
const TICKS_PER_SECOND: u64 = 100;

fn cpu(process: u32) -> Duration {
    let ticks = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = ticks.rsplit_once(')').map_or("", |(_, rest)| rest);
    let times = after_name.split_whitespace().skip(11).take(2);
    let ticks: u64 = times.filter_map(|t| t.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}
