//! Sealed copies of states: the way back. Each is proven to open before it counts.
//!
//! `<data>/snapshots/<stack>/<id>.tfstate.age` is the copy, `<id>.json` beside it what may be known
//! without opening it. They are on the disk when they count. Where artifacts go to S3, a copy of both
//! follows them there by the spool; an outage of it holds up nothing, since what stays here is whole.

mod error;
mod files;
mod keys;
mod prune;
mod seal;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use age::x25519::Identity;
use serde::Deserialize;

pub use error::SnapshotError;

use self::files::{CLEAR, NOTE, SEALED, files, id_of, names, read_note};
use self::keys::{Keys, Loaded};
use super::files::{blocking, make_directory, sync_directory, write_aside};
use super::name::SNAPSHOTS;
use super::settings::SnapshotKeys;
use super::{ArtifactError, ArtifactId, Artifacts, Shelf, SpooledArtifacts};
use crate::domain::digest::DigestKey;
use crate::domain::ids::{RunId, SnapshotId, StackId};
use crate::domain::snapshot::{SnapshotNote, SnapshotReason, StackPlace};
use crate::domain::stack::StateIdentity;

/// The sealed copies of all states.
#[derive(Debug, Clone)]
pub struct Snapshots {
    root: PathBuf,
    keys: Keys,
    digests: DigestKey,
    elsewhere: Option<SpooledArtifacts>,
}

/// What is to be kept.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What it will be called.
    pub id: SnapshotId,
    /// Whose state it is.
    pub stack: StackId,
    /// Why it is kept.
    pub reason: SnapshotReason,
    /// The run that it belongs to, if there is one.
    pub run: Option<RunId>,
    /// Lineage and serial of the state.
    pub state: StateIdentity,
    /// How many managed objects it lists.
    pub objects: usize,
}

/// A snapshot that is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What is known of it.
    pub note: SnapshotNote,
    /// Where it is, relative to the data directory.
    pub path: PathBuf,
}

#[derive(Deserialize)]
struct Head {
    lineage: String,
    serial: u64,
}

impl Snapshots {
    /// The snapshots in a data directory. Nothing is read yet.
    pub fn new(
        data_dir: &Path,
        keys: SnapshotKeys,
        digests: DigestKey,
        artifacts: &Artifacts,
    ) -> Self {
        Self {
            root: data_dir.to_owned(),
            keys: Keys::new(data_dir, keys),
            digests,
            elsewhere: match artifacts {
                Artifacts::Local(_) => None,
                Artifacts::S3(spooled) => Some(spooled.clone()),
            },
        }
    }

    /// Why no snapshot could be made now, as far as the keys tell.
    pub async fn check(&self) -> Result<(), SnapshotError> {
        self.loaded().await.map(|_| ())
    }

    /// Keeps a state: sealed, on the disk, and proven to open to the same bytes with the same lineage
    /// and serial. Where Mooring has no key that opens it, it is sealed for one more key that exists
    /// only until the proof is made; what remains unproven then is that somebody has the others. A
    /// copy that exists is never replaced; keeping the same state again is no error.
    pub async fn keep(&self, subject: Subject, state: Vec<u8>) -> Result<Kept, SnapshotError> {
        let this = self.clone();
        let (kept, files) = off_the_runtime(move || this.keep_here(subject, &state)).await?;
        if let Some(elsewhere) = &self.elsewhere {
            for (artifact, bytes) in files {
                send(elsewhere, artifact, bytes).await;
            }
        }
        Ok(kept)
    }

    fn keep_here(&self, subject: Subject, state: &[u8]) -> Result<(Kept, Files), SnapshotError> {
        let Loaded {
            mut identities,
            mut recipients,
            opens,
        } = self.keys.load()?;
        let sealed_for = recipients.iter().map(ToString::to_string).collect();
        if !opens {
            let passing = Identity::generate();
            recipients.push(passing.to_public());
            identities.push(passing);
        }
        let place = StackPlace::of(&subject.stack);
        let directory = self.directory(&place);
        let note = SnapshotNote {
            id: subject.id,
            stack: subject.stack,
            reason: subject.reason,
            run: subject.run,
            state: subject.state,
            objects: subject.objects,
            bytes: state.len() as u64,
            digest: self.digests.fingerprint(state),
            sealed_for,
        };
        let sealed = seal::seal(recipients.iter(), state)?;
        let name = format!("{}{SEALED}", note.id);
        let path = directory.join(&name);
        let refused = |error| ArtifactError::file(&path, error);
        make_directory(&directory).map_err(refused)?;
        let file = write_aside(&directory, &sealed).map_err(refused)?;
        prove(file.path(), &identities, state, &note.state)?;
        match file.persist_noclobber(&path) {
            Ok(_) => {}
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
                let known = read_note(&directory, note.id)?;
                if known.is_none_or(|known| known.digest != note.digest) {
                    return Err(SnapshotError::Taken { path });
                }
            }
            Err(error) => return Err(refused(error.error).into()),
        }
        let text = serde_json::to_vec_pretty(&note).unwrap_or_default();
        let beside = directory.join(format!("{}{NOTE}", note.id));
        let unwritten = |error| ArtifactError::file(&beside, error);
        let file = write_aside(&directory, &text).map_err(unwritten)?;
        file.persist(&beside)
            .map_err(|error| unwritten(error.error))?;
        sync_directory(&directory).map_err(refused)?;
        let files = names(&place, note.id).into_iter().zip([sealed, text]);
        let kept = Kept {
            path: path.strip_prefix(&self.root).unwrap_or(&path).to_owned(),
            note,
        };
        Ok((kept, files.collect()))
    }

    /// The snapshots of a stack with what is known of each. What is only in the bucket is among them
    /// if that answers.
    pub async fn list(
        &self,
        stack: &StackId,
    ) -> Result<BTreeMap<SnapshotId, Option<SnapshotNote>>, SnapshotError> {
        let place = StackPlace::of(stack);
        let mut ids = self.here(&place).await?;
        if let Some(elsewhere) = &self.elsewhere {
            match self.there(elsewhere, &place).await {
                Ok(more) => ids.extend(more),
                Err(error) => tracing::warn!("only snapshots on this disk are listed: {error}"),
            }
        }
        let mut listed = BTreeMap::new();
        for id in ids {
            listed.insert(id, self.note(stack, id).await?);
        }
        Ok(listed)
    }

    /// Where a snapshot is or would be, relative to the data directory.
    pub fn path(&self, stack: &StackId, id: SnapshotId) -> PathBuf {
        let [name, _] = names(&StackPlace::of(stack), id);
        PathBuf::from(name.to_string())
    }

    /// What is known of a snapshot without opening it.
    pub async fn note(
        &self,
        stack: &StackId,
        id: SnapshotId,
    ) -> Result<Option<SnapshotNote>, SnapshotError> {
        let [_, name] = names(&StackPlace::of(stack), id);
        let bytes = self.bytes(&name).await?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The state in a snapshot; none if there is no such snapshot.
    pub async fn read(
        &self,
        stack: &StackId,
        id: SnapshotId,
    ) -> Result<Option<Vec<u8>>, SnapshotError> {
        let [name, _] = names(&StackPlace::of(stack), id);
        let Some(sealed) = self.bytes(&name).await? else {
            return Ok(None);
        };
        let keys = self.keys.clone();
        off_the_runtime(move || {
            let Loaded { identities, .. } = keys.load()?;
            let state = seal::open(&identities, &sealed);
            state.map(Some).ok_or(SnapshotError::Closed { id })
        })
        .await
    }

    /// A file, from this disk or from the bucket.
    async fn bytes(&self, artifact: &ArtifactId) -> Result<Option<Vec<u8>>, SnapshotError> {
        let path = self.root.join(artifact.to_string());
        let here = blocking(move || match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ArtifactError::file(&path, error)),
        })
        .await?;
        match (&self.elsewhere, here) {
            (Some(elsewhere), None) => Ok(elsewhere.get(artifact).await?),
            (_, here) => Ok(here),
        }
    }

    /// Seals what an earlier version kept in clear, and removes that; says how many there were.
    pub async fn seal_clear(&self, stack: &StackId) -> Result<usize, SnapshotError> {
        let directory = self.directory(&StackPlace::of(stack));
        let clear = blocking(move || files(&directory, CLEAR)).await?;
        let mut sealed = 0;
        for (id, path) in clear {
            let read = path.clone();
            let state = blocking(move || {
                std::fs::read(&read).map_err(|error| ArtifactError::file(&read, error))
            })
            .await?;
            let head: Head = serde_json::from_slice(&state).map_err(|_| SnapshotError::NoState)?;
            let subject = Subject {
                id,
                stack: stack.clone(),
                reason: SnapshotReason::BeforeApply,
                run: Some(RunId::from_uuid(id.uuid())),
                state: StateIdentity {
                    lineage: head.lineage,
                    serial: head.serial,
                },
                objects: 0,
            };
            self.keep(subject, state).await?;
            blocking(move || {
                std::fs::remove_file(&path).map_err(|error| ArtifactError::file(&path, error))
            })
            .await?;
            sealed += 1;
        }
        Ok(sealed)
    }

    fn directory(&self, place: &StackPlace) -> PathBuf {
        self.root.join(SNAPSHOTS).join(place.as_str())
    }

    async fn here(&self, place: &StackPlace) -> Result<BTreeSet<SnapshotId>, ArtifactError> {
        let directory = self.directory(place);
        let files = blocking(move || files(&directory, SEALED)).await?;
        Ok(files.into_keys().collect())
    }

    async fn there(
        &self,
        elsewhere: &SpooledArtifacts,
        place: &StackPlace,
    ) -> Result<BTreeSet<SnapshotId>, ArtifactError> {
        let kept = elsewhere.list(&Shelf::Snapshots(place.clone())).await?;
        let names = kept.iter().map(|kept| kept.name.as_str());
        Ok(names.filter_map(|name| id_of(name, SEALED)).collect())
    }

    async fn loaded(&self) -> Result<Loaded, SnapshotError> {
        let keys = self.keys.clone();
        off_the_runtime(move || keys.load()).await
    }
}

/// Files by what they are called elsewhere.
type Files = Vec<(ArtifactId, Vec<u8>)>;

/// Reads a sealed state back from the disk and opens it: the same bytes, and a state.
fn prove(
    path: &Path,
    identities: &[Identity],
    state: &[u8],
    identity: &StateIdentity,
) -> Result<(), SnapshotError> {
    let sealed = std::fs::read(path).map_err(|error| ArtifactError::file(path, error))?;
    let not_proven = || SnapshotError::NotProven {
        path: path.to_owned(),
    };
    let opened = seal::open(identities, &sealed).ok_or_else(not_proven)?;
    if opened != state {
        return Err(not_proven());
    }
    match serde_json::from_slice::<Head>(&opened) {
        Ok(head) if !head.lineage.is_empty() => {
            if head.lineage == identity.lineage && head.serial == identity.serial {
                Ok(())
            } else {
                Err(not_proven())
            }
        }
        _ => Err(SnapshotError::NoState),
    }
}

/// Puts a copy on its way. That it cannot be is no loss: what is on this disk is whole, and it is
/// tried again when what is old is cleared away.
async fn send(elsewhere: &SpooledArtifacts, artifact: ArtifactId, bytes: Vec<u8>) {
    let name = artifact.to_string();
    match elsewhere.put(artifact, bytes).await {
        Ok(dropped) => {
            for lost in dropped {
                tracing::error!("too many artifacts wait to be uploaded: {lost} is lost");
            }
        }
        Err(error) => tracing::warn!("{name} stays on this disk: {error}. {}", error.hint()),
    }
}

async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(SnapshotError::Unsealed(error.to_string())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
