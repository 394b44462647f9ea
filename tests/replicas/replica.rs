//! A daemon among others.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::docker::{address, docker, runs, unless_gone};
use crate::harness::eventually;

/// A daemon in a directory of its own, with the configuration that all of them have; killed with this
/// value.
pub(super) struct Replica {
    /// The daemon, or `docker run`, which ends with its container and as that does.
    child: Child,
    container: Option<String>,
    dir: PathBuf,
    /// Where its own part of the log begins.
    since: usize,
}

impl Replica {
    pub(super) fn start(dir: &Path, configuration: &str, env: &[(String, String)]) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join("mooring.yaml"), configuration).unwrap();
        let (log, since) = log(dir);
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
            container: None,
            dir: dir.to_owned(),
            since,
        }
    }

    /// The same in a container, as `docker run` is told.
    pub(super) fn in_container(name: &str, dir: &Path, options: &[String]) -> Self {
        let (log, since) = log(dir);
        let child = Command::new("docker")
            .args(["run", "--rm"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut replica = Self {
            child,
            container: Some(name.to_owned()),
            dir: dir.to_owned(),
            since,
        };
        eventually("the container runs", Duration::from_secs(60), || {
            (runs(name) || replica.ended().is_some()).then_some(())
        });
        replica
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
        let said_address = said.split("address=").nth(1)?;
        let end = said_address.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'));
        let listens = &said_address[..end?];
        match &self.container {
            None => Some(listens.to_owned()),
            Some(name) => Some(listens.replace("0.0.0.0", &address(name)?)),
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        let Some(name) = &self.container else {
            return kill_process(Pid::from_child(&self.child), signal).unwrap();
        };
        match signal {
            Signal::STOP => unless_gone(name, &["pause", name]),
            Signal::CONT => unless_gone(name, &["unpause", name]),
            other => {
                let number = other.as_raw().to_string();
                unless_gone(name, &["kill", "--signal", &number, name]);
            }
        }
    }

    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(name) = &self.container {
            docker(&["rm", "--force", "--volumes", name]);
        }
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Where it logs, and where its own part of that begins.
fn log(dir: &Path) -> (File, usize) {
    let mut options = File::options();
    options.append(true).create(true);
    let log = options.open(dir.join("log")).unwrap();
    let since = usize::try_from(log.metadata().unwrap().len()).unwrap();
    (log, since)
}

pub(super) fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
