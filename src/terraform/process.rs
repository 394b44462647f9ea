//! Children: started in a group of their own, watched, stopped and cleaned up after.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::failure::{Failure, FailureKind};

use super::environment::Environment;
use super::failures::plain;
use super::meter::Meter;

/// Between the first and the second interrupt of something that may be stopped.
const SECOND_INTERRUPT: Duration = Duration::from_secs(1);
/// How long a pipe is waited for after the last process of the group is gone: something that left
/// the group may hold it for ever.
const DRAIN: Duration = Duration::from_secs(2);

/// How a child came to its end.
#[derive(Debug)]
pub(super) enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// It was stopped because its time was up.
    TimedOut,
    /// It was stopped because somebody asked for it.
    Cancelled,
}

/// When and how to stop a child.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stops {
    /// From start to the first interrupt.
    pub(super) limit: Duration,
    /// From the last interrupt to the kill.
    pub(super) grace: Duration,
}

/// A command in exactly this environment, with standard input closed.
pub(super) fn command(
    program: &Path,
    argv: impl IntoIterator<Item = std::ffi::OsString>,
    dir: &Path,
    env: &Environment,
) -> Command {
    let mut command = Command::new(program);
    command
        .args(argv)
        .current_dir(dir)
        .env_clear()
        .envs(env.iter())
        .env("TF_IN_AUTOMATION", "1")
        .env("TF_INPUT", "0")
        .env("CHECKPOINT_DISABLE", "1")
        .stdin(Stdio::null())
        .process_group(0);
    command
}

/// A running child that leads its own process group. It is only reaped by [`Leader::reap`], so its
/// id and its group's stay ours until then and no signal can hit a stranger.
pub(super) struct Leader {
    child: Child,
    pid: Option<Pid>,
    deaths: SignalStream,
    kill_on_drop: bool,
}

impl Leader {
    /// Starts the command. With `kill_on_drop` the whole group is killed when this value goes.
    pub(super) fn spawn(mut command: Command, kill_on_drop: bool) -> std::io::Result<Self> {
        let deaths = signal(SignalKind::child())?;
        let child = command.spawn()?;
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Ok(Self {
            child,
            pid,
            deaths,
            kill_on_drop,
        })
    }

    /// Its id, until it is reaped.
    pub(super) const fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// Waits until the leader has ended, without reaping it.
    pub(super) async fn ended(&mut self) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while let Some(pid) = self.pid {
            match waitid(WaitId::Pid(pid), options) {
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                Ok(Some(_)) | Err(_) => return,
            }
            if self.deaths.recv().await.is_none() {
                return;
            }
        }
    }

    /// The code that the ended leader exited with, if it was not killed.
    pub(super) fn exit_code(&self) -> Option<i32> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        waitid(WaitId::Pid(self.pid?), options).ok()??.exit_status()
    }

    /// Interrupts the leader alone: an engine tells its own providers.
    pub(super) fn interrupt(&self) {
        if let Some(pid) = self.pid {
            // It fails only if the process is gone already.
            let _ = kill_process(pid, Signal::INT);
        }
    }

    /// Kills whatever is in the group.
    pub(super) fn kill_group(&self) {
        if let Some(pid) = self.pid {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }

    /// The exit status; the ids are free for others afterwards.
    pub(super) async fn reap(mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.pid = None;
        status
    }

    async fn supervise(&mut self, stops: Stops, cancel: &CancellationToken) -> Option<Stopped> {
        let why = tokio::select! {
            () = self.ended() => return None,
            () = tokio::time::sleep(stops.limit) => Stopped::TimedOut,
            () = cancel.cancelled() => Stopped::Cancelled,
        };
        self.interrupt();
        if tokio::time::timeout(SECOND_INTERRUPT, self.ended())
            .await
            .is_err()
        {
            self.interrupt();
            if tokio::time::timeout(stops.grace, self.ended())
                .await
                .is_err()
            {
                self.kill_group();
                self.ended().await;
            }
        }
        Some(why)
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if self.kill_on_drop {
            self.kill_group();
        }
    }
}

enum Stopped {
    TimedOut,
    Cancelled,
}

/// Takes in what a pipe brings.
pub(super) type Sink<'a> = &'a mut (dyn FnMut(&[u8]) + Send);

/// Where the bytes of a pipe go.
enum Out<'a> {
    /// Taken in at once.
    Sink(Sink<'a>),
    /// Handed over piece by piece; while the other end is behind, the child waits.
    Channel(&'a mpsc::Sender<Vec<u8>>),
}

impl Out<'_> {
    /// False if nobody wants more.
    async fn take(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Sink(sink) => {
                sink(bytes);
                true
            }
            Self::Channel(pieces) => pieces.send(bytes.to_owned()).await.is_ok(),
        }
    }
}

/// Runs a command that may be stopped at any time: two interrupts, then a kill of its group, which
/// also happens if this future is dropped. Nothing of the group outlives the call.
pub(super) async fn run(
    command: Command,
    stops: Stops,
    cancel: &CancellationToken,
    stdout: Sink<'_>,
    stderr: Sink<'_>,
    meter: &Meter,
) -> std::io::Result<Ended> {
    watch(command, stops, cancel, (Out::Sink(stdout), stderr), meter).await
}

/// The same with standard output in pieces of at most 64 KiB. If the receiving end goes away the
/// command is stopped as if by `cancel`.
pub(super) async fn feed(
    command: Command,
    stops: Stops,
    cancel: &CancellationToken,
    pieces: &mpsc::Sender<Vec<u8>>,
    stderr: Sink<'_>,
    meter: &Meter,
) -> std::io::Result<Ended> {
    let stop = cancel.child_token();
    let watching = watch(command, stops, &stop, (Out::Channel(pieces), stderr), meter);
    tokio::pin!(watching);
    tokio::select! {
        ended = &mut watching => ended,
        () = pieces.closed() => {
            stop.cancel();
            watching.await
        }
    }
}

async fn watch(
    mut command: Command,
    stops: Stops,
    cancel: &CancellationToken,
    (stdout, stderr): (Out<'_>, Sink<'_>),
    meter: &Meter,
) -> std::io::Result<Ended> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut leader = Leader::spawn(command, true)?;
    let pipes = (leader.child.stdout.take(), leader.child.stderr.take());
    let over = CancellationToken::new();
    let stopped = {
        let pumping = async {
            tokio::join!(
                pump(pipes.0, stdout, &over),
                pump(pipes.1, Out::Sink(stderr), &over)
            );
        };
        tokio::pin!(pumping);
        let mut drained = false;
        let stopped = {
            let metering = meter.watch(leader.pid);
            let supervising = leader.supervise(stops, cancel);
            tokio::pin!(supervising, metering);
            loop {
                tokio::select! {
                    stopped = &mut supervising => break stopped,
                    () = &mut pumping, if !drained => drained = true,
                    () = &mut metering => {}
                }
            }
        };
        meter.ended(leader.pid);
        leader.kill_group();
        over.cancel();
        if !drained {
            pumping.await;
        }
        stopped
    };
    let status = leader.reap().await?;
    Ok(match stopped {
        None => Ended::Exited(status),
        Some(Stopped::TimedOut) => Ended::TimedOut,
        Some(Stopped::Cancelled) => Ended::Cancelled,
    })
}

/// Reads a pipe to its end. Once the group is `over`, what is missing after [`DRAIN`] of waiting is
/// held by a process that left the group; the time that `out` takes does not count.
async fn pump(pipe: Option<impl AsyncRead + Unpin>, mut out: Out<'_>, over: &CancellationToken) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; 64 * 1024];
    let mut patience = DRAIN;
    loop {
        let read = if over.is_cancelled() {
            let started = Instant::now();
            let read = tokio::time::timeout(patience, pipe.read(&mut buffer)).await;
            patience = patience.saturating_sub(started.elapsed());
            let Ok(read) = read else { return };
            read
        } else {
            tokio::select! {
                read = pipe.read(&mut buffer) => read,
                () = over.cancelled() => continue,
            }
        };
        let Ok(length @ 1..) = read else { return };
        if !out.take(buffer.get(..length).unwrap_or_default()).await {
            return;
        }
    }
}

/// Why a command could not be started.
pub(super) fn cannot_start(program: &Path, dir: &Path, cause: &std::io::Error) -> Failure {
    if !dir.is_dir() {
        return Failure::new(
            FailureKind::DirectoryMissing,
            format!("{} is not a directory", dir.display()),
            "Check the path of the stack.",
        );
    }
    if cause.kind() == std::io::ErrorKind::StorageFull {
        return plain(
            FailureKind::OutOfDisk,
            format!("cannot start {}: {cause}", program.display()),
        );
    }
    plain(
        FailureKind::EngineMissing,
        format!("cannot start {}: {cause}", program.display()),
    )
}
