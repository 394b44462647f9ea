//! Where an engine's process can be found again after Mooring itself was killed.
//!
//! While an apply runs, its engine holds a lock on its own log: its output goes there, and the lock
//! belongs to the open file, so it ends with the last process that has it. Beside the log stands who
//! that is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::{
    Pid, PidfdFlags, Signal, getuid, kill_process_group, pidfd_open, pidfd_send_signal,
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::environment::Environment;
use super::workdir::Limits;

/// How often a process that is no child of ours is looked for.
const LOOK: Duration = Duration::from_millis(500);

/// The process that an apply was started as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Its id, which is that of its group too.
    pub pid: i32,
    /// When it was started, in ticks since the boot, as `/proc` has it.
    pub ticks: u64,
    /// Which boot that was.
    pub boot: String,
    /// In which name space that id means anything.
    pub pid_namespace: String,
    /// The host's name.
    pub host: String,
    /// The name of the user, as an engine would tell it.
    pub user: String,
    /// When it was about to be started.
    pub at: Timestamp,
}

/// What has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is gone, or was never started.
    Gone,
    /// It runs; with its process if that can be reached from here.
    Runs(Option<Pid>),
    /// It cannot be told from here, for this reason.
    Unknown(String),
}

impl Trace {
    /// Whom an apply that is started now will name, and where it is.
    pub(super) fn of(pid: Pid, at: Timestamp, env: &Environment) -> io::Result<Self> {
        let raw = pid.as_raw_nonzero().get();
        let ticks = stat(raw).ok_or(ErrorKind::NotFound)?.ticks;
        Ok(Self {
            pid: raw,
            ticks,
            boot: boot()?,
            pid_namespace: pid_namespace()?,
            host: host(),
            user: user(env),
            at,
        })
    }

    /// Puts it beside the log of the apply.
    pub(super) fn write(&self, log: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(beside(log))?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()
    }

    /// What stands beside the log of an apply; none if nothing readable does.
    pub fn read(log: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(beside(log)).ok()?).ok()
    }

    /// Takes it away.
    pub fn remove(log: &Path) -> io::Result<()> {
        match std::fs::remove_file(beside(log)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Whom a lock of this process names.
    pub fn who(&self) -> String {
        format!("{}@{}", self.user, self.host)
    }

    fn is_of_this_boot(&self) -> bool {
        boot().is_ok_and(|boot| boot == self.boot)
    }

    fn is_reachable(&self) -> bool {
        self.is_of_this_boot() && pid_namespace().is_ok_and(|space| space == self.pid_namespace)
    }

    fn is_running(&self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.ticks == self.ticks && !stat.is_dead)
    }
}

/// What has become of the engine of an apply, by its log and what stands beside it.
pub fn fate(log: &Path) -> Fate {
    let trace = Trace::read(log);
    let reached = trace
        .as_ref()
        .filter(|trace| trace.is_reachable() && trace.is_running())
        .and_then(|trace| Pid::from_raw(trace.pid));
    if reached.is_some() {
        return Fate::Runs(reached);
    }
    let locked = match File::open(log) {
        Ok(file) => match file.try_lock() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(error)) => {
                return match trace {
                    Some(trace) if trace.is_reachable() => Fate::Gone,
                    _ => Fate::Unknown(format!("{} cannot be locked: {error}", log.display())),
                };
            }
        },
        // It is made before the engine is started and removed after its end.
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Fate::Unknown(format!("{}: {error}", log.display())),
    };
    match trace {
        _ if locked => Fate::Runs(None),
        // Another machine's kernel knows nothing of locks and processes here.
        Some(trace) if !trace.is_of_this_boot() && trace.host != host() => {
            Fate::Unknown(format!("it was started on the host {}", trace.host))
        }
        _ => Fate::Gone,
    }
}

/// Waits for the end of an engine that an earlier process started. At its time limit it gets one
/// interrupt and the grace period, as it would have; what its providers left behind is ended. None if
/// the wait was cancelled.
pub async fn wait_for_end(log: &Path, limits: Limits, cancel: &CancellationToken) -> Option<Fate> {
    let limit = Trace::read(log).and_then(|trace| trace.at.checked_add(limits.apply).ok());
    let mut interrupted: Option<Timestamp> = None;
    let mut told = false;
    loop {
        let pid = match fate(log) {
            Fate::Runs(pid) => pid,
            Fate::Gone => {
                end_left_behind(log);
                return Some(Fate::Gone);
            }
            unknown => return Some(unknown),
        };
        if !told {
            tracing::warn!("an apply of an earlier process still runs: its end is waited for");
            told = true;
        }
        let now = Timestamp::now();
        match (pid, interrupted) {
            (Some(pid), None) if limit.is_some_and(|limit| limit < now) => {
                tracing::warn!("the time limit of that apply is over: it is interrupted");
                signal(log, pid, Signal::INT);
                interrupted = Some(now);
            }
            (Some(pid), Some(at)) if at.checked_add(limits.grace).is_ok_and(|end| end < now) => {
                tracing::error!("that apply does not end: it is killed");
                signal(log, pid, Signal::KILL);
            }
            _ => {}
        }
        cancel.run_until_cancelled(tokio::time::sleep(LOOK)).await?;
    }
}

/// Signals the process of a trace and no other: it is held by a descriptor before it is looked at.
fn signal(log: &Path, pid: Pid, signal: Signal) {
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    if Trace::read(log).is_some_and(|trace| trace.is_reachable() && trace.is_running()) {
        // It fails only if the process is gone already.
        let _ = pidfd_send_signal(&process, signal);
    }
}

/// Providers outlive an engine that was killed, and work for nobody.
fn end_left_behind(log: &Path) {
    let Some(trace) = Trace::read(log).filter(Trace::is_reachable) else {
        return;
    };
    let (Some(group), None) = (Pid::from_raw(trace.pid), stat(trace.pid)) else {
        return;
    };
    let left = processes()
        .filter_map(stat)
        .any(|stat| stat.group == trace.pid && stat.ticks >= trace.ticks);
    if left {
        tracing::warn!("providers of an apply that was cut off still ran: they are ended");
        let _ = kill_process_group(group, Signal::KILL);
    }
}

struct Stat {
    group: i32,
    ticks: u64,
    is_dead: bool,
}

/// What `/proc` says of a process; none if there is none.
fn stat(pid: i32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold any character.
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    Some(Stat {
        is_dead: matches!(*fields.first()?, "Z" | "X" | "x"),
        group: fields.get(2)?.parse().ok()?,
        ticks: fields.get(19)?.parse().ok()?,
    })
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn boot() -> io::Result<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(id.trim().to_owned())
}

fn pid_namespace() -> io::Result<String> {
    let space = std::fs::read_link("/proc/self/ns/pid")?;
    Ok(space.display().to_string())
}

fn host() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

/// The user's name as engines find it: in the list of users, else in the environment.
fn user(env: &Environment) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let own = getuid().as_raw().to_string();
    let listed = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == own).then(|| name.to_owned())
    });
    let named = || env.text("USER").map(str::to_owned);
    listed.or_else(named).unwrap_or_default()
}

fn beside(log: &Path) -> PathBuf {
    log.with_extension("process")
}

#[cfg(test)]
#[path = "trace_tests.rs"]
mod tests;
