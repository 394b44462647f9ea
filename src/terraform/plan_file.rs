//! A saved plan on disk: it holds secrets in clear and lives no longer than it has to.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zip::result::ZipError;

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::stack::StateIdentity;

use super::failures::plain;
use super::state::Wire;
use super::workdir::disk_failure;

/// Ends the names of plan files that are ours; see `sweep`.
pub(super) const SUFFIX: &str = ".mooring-plan";
/// A state inside a plan larger than this is not read.
const LARGEST_STATE: u64 = 4 << 30;
/// States shrink to a tenth or a twentieth in a plan file. What grows more than this when it is
/// unpacked, and is not small, is a trap.
const MOST_GROWN: u64 = 200;
const SMALL_STATE: u64 = 16 << 20;

/// A saved plan. Our own are readable by us only and removed with the last clone of this value.
#[derive(Debug, Clone)]
pub struct PlanFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Locked for as long as the file is in use, so that a sweep can tell a left-over.
    lock: Option<File>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.lock.is_some()
            && let Err(cause) = std::fs::remove_file(&self.path)
            && cause.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %cause, "a plan file could not be removed");
        }
    }
}

/// What a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The state that the backend had; none if there was none yet.
    pub state: Option<StateIdentity>,
    /// How many managed objects the refreshed state lists.
    pub objects: usize,
}

impl PlanFile {
    /// A new, empty file in a private directory, for an engine to write to.
    pub(super) fn create(scratch: &Path) -> Result<Self, Failure> {
        let path = scratch.join(format!("{}{SUFFIX}", uuid::Uuid::now_v7()));
        let open = || {
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            file.try_lock().map_err(std::io::Error::from)?;
            Ok(file)
        };
        let file = open().map_err(|cause| disk_failure(&path, &cause))?;
        Ok(Self(Arc::new(Inner {
            path,
            lock: Some(file),
        })))
    }

    /// A plan file of somebody else's, which is left where it is.
    pub fn open_existing(path: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            path: path.into(),
            lock: None,
        }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Closes the file to others, whatever mode the engine has given it.
    pub(super) fn close_to_others(&self) -> std::io::Result<()> {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(self.path(), mode)
    }

    /// Whether a plan is in it, as far as its table of contents says.
    pub(super) fn is_whole(&self) -> bool {
        let archive = File::open(self.path())
            .map_err(ZipError::Io)
            .and_then(|file| zip::ZipArchive::new(BufReader::new(file)));
        archive.is_ok_and(|archive| archive.index_for_name("tfplan").is_some())
    }

    /// What this plan was made from: the state that the backend had when planning began, whatever the
    /// refresh found. Fails with `unreadable_plan` if this is not a plan file, or an encrypted one.
    pub fn base(&self) -> Result<Base, Failure> {
        let unreadable = |cause: &dyn std::fmt::Display| {
            plain(
                FailureKind::UnreadablePlan,
                format!(
                    "{} is not a readable plan file: {cause}",
                    self.path().display()
                ),
            )
        };
        let file = File::open(self.path()).map_err(|cause| unreadable(&cause))?;
        let mut archive =
            zip::ZipArchive::new(BufReader::new(file)).map_err(|cause| unreadable(&cause))?;
        let entry = archive
            .by_name("tfstate")
            .map_err(|cause| unreadable(&cause))?;
        let most = believable(entry.compressed_size());
        if entry.size() > most {
            return Err(unreadable(&format!(
                "the state in it has {} bytes unpacked, more than can be true",
                entry.size()
            )));
        }
        let state: Wire = serde_json::from_reader(BufReader::new(entry.take(most)))
            .map_err(|cause| unreadable(&cause))?;
        Ok(Base {
            objects: state.objects(),
            state: state.identity(),
        })
    }
}

/// How much a state of this compressed size can have unpacked, in bytes.
pub(super) fn believable(compressed: u64) -> u64 {
    let grown = compressed.saturating_mul(MOST_GROWN);
    grown.clamp(SMALL_STATE, LARGEST_STATE)
}
