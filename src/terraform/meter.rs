//! What an engine and its providers use: processor time when each command has ended, memory while it
//! runs. Where the kernel does not tell, nothing is known, and nothing is concluded.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::Pid;

use crate::domain::cost::Spent;

/// Of the kernel's accounts, in a second (USER_HZ): the same on every Linux.
const TICKS: u64 = 100;
/// Between two looks at the memory of a command.
const INTERVAL: Duration = Duration::from_millis(250);

/// Counts for all commands of one run.
#[derive(Debug, Default)]
pub struct Meter {
    cpu_ms: AtomicU64,
    peak_bytes: AtomicU64,
}

impl Meter {
    /// What was used by now.
    pub fn spent(&self) -> Spent {
        Spent {
            cpu_ms: self.cpu_ms.load(Ordering::Relaxed),
            peak_bytes: self.peak_bytes.load(Ordering::Relaxed),
        }
    }

    /// Looks at the memory of a process that leads a group and of those in it, again and again, until
    /// dropped.
    pub(super) async fn watch(&self, pid: Option<Pid>) {
        let Some(pid) = pid.map(|pid| pid.as_raw_nonzero().get()) else {
            return std::future::pending().await;
        };
        let mut group = Group::led_by(pid);
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.peak_bytes.fetch_max(group.memory(), Ordering::Relaxed);
        }
    }

    /// Takes in the processor time of a process that has ended and is not reaped yet.
    pub(super) fn ended(&self, pid: Option<Pid>) {
        if let Some(pid) = pid {
            let cpu = cpu_ms(pid.as_raw_nonzero().get());
            self.cpu_ms.fetch_add(cpu.unwrap_or(0), Ordering::Relaxed);
        }
    }
}

/// A process and what it started, which stays in its group. They are found by going over all
/// processes, each of which is asked once for its group: to ask the threads of a process for its
/// children (`/proc/PID/task`) makes the kernel work for each thread that ends, a fifth of what a plan
/// costs.
struct Group {
    leader: i32,
    /// Every process, and whether it is one of the group.
    known: HashMap<i32, bool>,
}

impl Group {
    fn led_by(leader: i32) -> Self {
        Self {
            leader,
            known: HashMap::from([(leader, true)]),
        }
    }

    /// What all of them use now, in bytes, without pages of files, which they share.
    fn memory(&mut self) -> u64 {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let running: HashSet<i32> = entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        self.known.retain(|pid, _| running.contains(pid));
        let mut bytes = 0;
        for pid in running {
            let is_one = *self
                .known
                .entry(pid)
                .or_insert_with(|| group_of(pid) == Some(self.leader));
            if is_one {
                bytes += anonymous(pid).unwrap_or(0);
            }
        }
        bytes
    }
}

fn anonymous(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

fn group_of(pid: i32) -> Option<i32> {
    fields(pid)?.get(2)?.parse().ok()
}

/// Processor time of a process and of those that it waited for, from the accounts of the kernel
/// (proc_pid_stat(5): utime, stime, cutime, cstime).
fn cpu_ms(pid: i32) -> Option<u64> {
    let ticks: u64 = fields(pid)?
        .get(11..15)?
        .iter()
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Some(ticks * 1000 / TICKS)
}

/// The fields of proc_pid_stat(5) after the name of the program.
fn fields(pid: i32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    Some(after_name.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::super::process::{Stops, run};
    use super::*;

    #[tokio::test]
    async fn what_a_child_and_its_child_use_is_counted() {
        let meter = Meter::default();
        let mut command = tokio::process::Command::new("sh");
        // The outer shell waits for the inner one, which holds 40 MB and counts for a while.
        let inner = "x=$(head -c 20000000 /dev/zero | tr '\\0' x); i=0; \
                     while [ $i -lt 400000 ]; do i=$((i+1)); done; echo ${#x}";
        command
            .args(["-c", "sh -c \"$0\"; true", inner])
            .process_group(0)
            .stdin(std::process::Stdio::null());
        let stops = Stops {
            limit: Duration::from_secs(60),
            grace: Duration::from_secs(1),
        };
        let mut out = Vec::new();
        let cancel = CancellationToken::new();
        let mut take = |bytes: &[u8]| out.extend_from_slice(bytes);
        let ended = run(command, stops, &cancel, &mut take, &mut |_| {}, &meter).await;
        ended.unwrap();
        assert_eq!(String::from_utf8(out).unwrap().trim(), "20000000");
        let spent = meter.spent();
        assert!(spent.cpu_ms > 20, "{spent:?}");
        assert!(spent.peak_bytes > 15_000_000, "{spent:?}");
    }
}
