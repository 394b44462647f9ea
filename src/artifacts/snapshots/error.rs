//! What can go wrong with copies of a state.

use std::path::PathBuf;

use super::super::ArtifactError;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::SnapshotId;
use crate::secret::SecretError;

/// A copy of a state cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file or the bucket cannot be used.
    #[error("cannot keep or read a state snapshot: {0}")]
    Place(#[from] ArtifactError),
    /// The key cannot be read.
    #[error("no key for state snapshots: {0}")]
    Key(#[from] SecretError),
    /// What stands where the key should be is none.
    #[error("what is configured as the key of state snapshots is no age identity")]
    NoKeyThere,
    /// It cannot be sealed.
    #[error("a state snapshot cannot be sealed: {0}")]
    Unsealed(String),
    /// What was read back is not what was to be kept.
    #[error("the state snapshot {path} does not open to what was sealed")]
    NotProven {
        /// The file.
        path: PathBuf,
    },
    /// Another state is kept under this id.
    #[error("another state is kept as {path} already")]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// It is no state that could be put back.
    #[error("what was read as the state has no lineage and serial, so it would be no way back")]
    NoState,
    /// No key at hand opens it.
    #[error("no key at hand opens the state snapshot {id}, or it is damaged")]
    Closed {
        /// Which.
        id: SnapshotId,
    },
}

impl SnapshotError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Place(error) => error.hint(),
            Self::Key(_) => {
                "Make the file or variable of snapshots.key_file or key_env readable for Mooring."
            }
            Self::NoKeyThere => {
                "It is what `age-keygen` writes: a line that begins with AGE-SECRET-KEY-1."
            }
            Self::Unsealed(_) => "Check snapshots.recipients in the configuration.",
            Self::NotProven { .. } => "Check the disk of the data directory.",
            Self::Taken { .. } => "Move that file away, and look at how it came there.",
            Self::NoState => "Look at the output of `terraform state pull` in the stack.",
            Self::Closed { .. } => {
                "Give Mooring the private key that it was sealed for (snapshots.key_file), or open it \
                 with `age -d -i KEY FILE` where that key is."
            }
        }
    }

    /// The same for reports and alerts: nothing was changed because of it.
    pub fn failure(&self) -> Failure {
        let kind = match self {
            Self::Place(ArtifactError::OutOfDisk { .. }) => FailureKind::OutOfDisk,
            _ => FailureKind::Internal,
        };
        let hint = format!("{} Nothing was changed.", self.hint());
        Failure::new(kind, self.to_string(), hint)
    }
}
