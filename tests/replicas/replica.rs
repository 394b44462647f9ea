//! A daemon among others.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A daemon in a directory of its own, with the configuration that all of them have; killed with this
/// value.
pub(super) struct Replica {
    child: Child,
    dir: PathBuf,
    /// Where its own part of the log begins.
    since: usize,
}

impl Replica {
    pub(super) fn start(dir: &Path, configuration: &str, env: &[(String, String)]) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join("mooring.yaml"), configuration).unwrap();
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(dir.join("log"))
            .unwrap();
        let since = usize::try_from(log.metadata().unwrap().len()).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_mooring"))
            .args(["serve", "--config"])
            .arg(dir.join("mooring.yaml"))
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", dir)
            .env("MOORING_LOG", "info,mooring=debug")
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            child,
            dir: dir.to_owned(),
            since,
        }
    }

    /// What it has logged, without those that had its directory before.
    pub(super) fn log(&self) -> String {
        let log = std::fs::read(self.dir.join("log")).unwrap();
        String::from_utf8_lossy(&log[self.since..]).into_owned()
    }

    /// Whether it leads, or did.
    pub(super) fn leads(&self) -> bool {
        self.log().contains("mooring is up")
    }

    /// Whether it has learned that others have gone on without it.
    pub(super) fn is_fenced(&self) -> bool {
        self.log().contains("others have gone on without it")
    }

    /// Where its API is, once it listens.
    pub(super) fn address(&self) -> Option<String> {
        let log = self.log();
        let said = log.split("listening").nth(1)?;
        let address = said.split("address=").nth(1)?;
        let end = address.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'));
        Some(address[..end?].to_owned())
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

pub(super) fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
