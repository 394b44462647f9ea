//! Which program plans and applies, and what it can do.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::domain::failure::{Failure, FailureKind};

use super::argv;
use super::environment::Environment;
use super::failures::{plain, without_secrets};
use super::meter::Meter;
use super::output::Capture;
use super::process::{self, Ended, Stops};

/// The oldest Terraform whose plans can be read.
const OLDEST_TERRAFORM: (u64, u64) = (1, 0);
/// Terraform whose `init` can report as events.
const JSON_INIT: (u64, u64) = (1, 9);

/// Asking for a version touches neither network nor state.
const STOPS: Stops = Stops {
    limit: Duration::from_secs(30),
    grace: Duration::from_secs(1),
};

/// How a binary begins.
const ELF: &[u8; 4] = b"\x7fELF";

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// HashiCorp Terraform.
    Terraform,
    /// OpenTofu.
    OpenTofu,
}

/// A Terraform or OpenTofu program that has said its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Absolute path.
    pub program: PathBuf,
    /// Which of the two; told by the program's file name, symbolic links followed.
    pub flavour: Flavour,
    /// Its version, for example `1.11.4`.
    pub version: String,
}

#[derive(Deserialize)]
struct VersionOutput {
    terraform_version: String,
}

impl Engine {
    /// Finds a program by name on the environment's `PATH`, or by path, and asks for its version.
    /// Fails with `engine_missing` if it is not there, does not start, is none of the two or is
    /// older than Terraform 1.0.
    pub async fn find(
        program: &str,
        env: &Environment,
        cancel: &CancellationToken,
    ) -> Result<Self, Failure> {
        let path = locate(program, env).ok_or_else(|| {
            plain(
                FailureKind::EngineMissing,
                format!("{program} is not an executable file, nor one on PATH"),
            )
        })?;
        let known = Identity::of(&path);
        if let Some(version) = known.as_ref().and_then(Identity::version) {
            return Ok(Self {
                flavour: flavour(&path),
                program: path,
                version,
            });
        }
        let (mut out, mut err) = (Capture::messages(), Capture::messages());
        let dir = path.parent().unwrap_or(Path::new("/"));
        let mut command = process::command(&path, argv::version(), dir, env);
        // Arguments meant for other commands would make this one fail.
        command.env_remove("TF_CLI_ARGS");
        let ended = process::run(
            command,
            STOPS,
            cancel,
            &mut |bytes| out.take(bytes),
            &mut |bytes| err.take(bytes),
            &Meter::default(),
        )
        .await
        .map_err(|cause| process::cannot_start(&path, dir, &cause))?;
        match ended {
            Ended::Exited(status) if status.success() => {}
            Ended::Exited(status) => {
                let text = format!(
                    "{program} does not say its version ({status}): {}",
                    err.text()
                );
                return Err(plain(
                    FailureKind::EngineMissing,
                    without_secrets(text.trim(), &env.masker()),
                ));
            }
            Ended::TimedOut => {
                return Err(plain(
                    FailureKind::TimedOut,
                    format!(
                        "{program} did not say its version in {} s",
                        STOPS.limit.as_secs()
                    ),
                ));
            }
            Ended::Cancelled => {
                return Err(plain(
                    FailureKind::Interrupted,
                    "stopped while looking for the engine",
                ));
            }
        }
        let said: VersionOutput = serde_json::from_slice(&out.into_bytes()).map_err(|cause| {
            plain(
                FailureKind::EngineMissing,
                format!("{program} is neither Terraform nor OpenTofu: its version is unreadable ({cause})"),
            )
        })?;
        let engine = Self {
            flavour: flavour(&path),
            program: path,
            version: said.terraform_version,
        };
        if engine.flavour == Flavour::Terraform && engine.number() < OLDEST_TERRAFORM {
            return Err(plain(
                FailureKind::EngineMissing,
                format!("{program} is Terraform {}, older than 1.0", engine.version),
            ));
        }
        if let Some(known) = known {
            known.keep(&engine.version);
        }
        Ok(engine)
    }

    /// Whether `init` can report as events.
    pub(super) fn has_json_init(&self) -> bool {
        self.flavour == Flavour::Terraform && self.number() >= JSON_INIT
    }

    fn number(&self) -> (u64, u64) {
        let mut parts = self
            .version
            .split(['.', '-', '+'])
            .map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }
}

/// A program as a file: as long as it is this one, its version need not be asked for again.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    path: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

static VERSIONS: Mutex<BTreeMap<Identity, String>> = Mutex::new(BTreeMap::new());

impl Identity {
    /// None if it is no binary: a script can start another version every time.
    fn of(path: &Path) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let mut magic = [0; ELF.len()];
        file.read_exact(&mut magic).ok()?;
        let about = file.metadata().ok()?;
        (magic == *ELF).then(|| Self {
            path: path.to_owned(),
            device: about.dev(),
            inode: about.ino(),
            size: about.size(),
            changed: (about.ctime(), about.ctime_nsec()),
        })
    }

    fn version(&self) -> Option<String> {
        let known = VERSIONS.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(self).cloned()
    }

    fn keep(self, version: &str) {
        let mut known = VERSIONS.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|other, _| other.path != self.path);
        known.insert(self, version.to_owned());
    }
}

fn locate(program: &str, env: &Environment) -> Option<PathBuf> {
    let is_program = |path: &Path| {
        path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
    };
    if program.contains('/') {
        let path = std::path::absolute(program).ok()?;
        return is_program(&path).then_some(path);
    }
    let dirs = env.get("PATH")?;
    std::env::split_paths(dirs)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(program))
        .find(|path| is_program(path))
}

fn flavour(path: &Path) -> Flavour {
    let named_tofu = |path: &Path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().to_lowercase().contains("tofu"))
    };
    let real = path.canonicalize();
    if named_tofu(path) || real.is_ok_and(|real| named_tofu(&real)) {
        Flavour::OpenTofu
    } else {
        Flavour::Terraform
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        let engine = |version: &str, flavour| Engine {
            program: "/bin/x".into(),
            flavour,
            version: version.into(),
        };
        assert!(engine("1.11.4", Flavour::Terraform).has_json_init());
        assert!(engine("1.9.0-rc1", Flavour::Terraform).has_json_init());
        assert!(!engine("1.8.5", Flavour::Terraform).has_json_init());
        assert!(!engine("1.9.0", Flavour::OpenTofu).has_json_init());
        assert!(engine("0.15.5", Flavour::Terraform).number() < OLDEST_TERRAFORM);
        assert!(engine("gibberish", Flavour::Terraform).number() < OLDEST_TERRAFORM);
    }
}
