//! What snapshots are called, and which there are.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::super::{ArtifactError, ArtifactId, ArtifactName, Shelf};
use crate::domain::ids::SnapshotId;
use crate::domain::snapshot::{SnapshotNote, StackPlace};

/// What the sealed state is called after its id.
pub(super) const SEALED: &str = ".tfstate.age";
/// What the note beside it is called after the same id.
pub(super) const NOTE: &str = ".json";
/// What a copy in clear is called, as an earlier version made them.
pub(super) const CLEAR: &str = ".tfstate";

/// What the sealed state and its note are called.
pub(super) fn names(place: &StackPlace, id: SnapshotId) -> [ArtifactId; 2] {
    [SEALED, NOTE].map(|end| {
        ArtifactId::new(
            Shelf::Snapshots(place.clone()),
            ArtifactName::of(format!("{id}{end}")),
        )
    })
}

pub(super) fn id_of(name: &str, end: &str) -> Option<SnapshotId> {
    name.strip_suffix(end)?.parse().ok()
}

/// The files in a directory that are called an id and this end; none if there is no directory.
pub(super) fn files(
    directory: &Path,
    end: &str,
) -> Result<BTreeMap<SnapshotId, PathBuf>, ArtifactError> {
    let refused = |error| ArtifactError::file(directory, error);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(refused(error)),
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let entry = entry.map_err(refused)?;
        if let Some(id) = entry.file_name().to_str().and_then(|name| id_of(name, end)) {
            found.insert(id, entry.path());
        }
    }
    Ok(found)
}

pub(super) fn read_note(
    directory: &Path,
    id: SnapshotId,
) -> Result<Option<SnapshotNote>, ArtifactError> {
    let path = directory.join(format!("{id}{NOTE}"));
    match std::fs::read(&path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ArtifactError::file(&path, error)),
    }
}
