//! Artifacts that wait on the disk to be uploaded: `<root>/<number>.<shelf>~<name>`, with `~` for `/`
//! in the shelf, numbered in the order in which they were put. A file is whole as soon as it has such a name, and loses it only
//! after its upload, so that whoever stops in between loses nothing and at worst uploads it again.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::files::{INCOMPLETE, make_directory, sync_directory, write_aside};
use super::{ArtifactError, ArtifactId, Kept, Shelf};
use crate::domain::report::ReportId;

/// A spool. Its clones are the same one; no other process may use its directory.
#[derive(Debug, Clone)]
pub(super) struct Spool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    limit: u64,
    queue: Mutex<Queue>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// The number of the next artifact.
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
}

/// An artifact that waits.
#[derive(Debug)]
struct Waiting {
    artifact: ArtifactId,
    /// In bytes.
    size: u64,
}

impl Queue {
    fn size(&self) -> u64 {
        self.waiting.values().map(|waiting| waiting.size).sum()
    }
}

impl Spool {
    /// The spool in a directory, with what an earlier process left in it. It never holds more than
    /// `limit` bytes for long.
    pub(super) fn open(root: PathBuf, limit: u64) -> Result<Self, ArtifactError> {
        let refused = |error| ArtifactError::file(&root, error);
        make_directory(&root).map_err(refused)?;
        let mut queue = Queue::default();
        for entry in fs::read_dir(&root).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(INCOMPLETE) {
                fs::remove_file(entry.path()).map_err(refused)?;
            } else if let Some((number, artifact)) = parse(name) {
                let size = entry.metadata().map_err(refused)?.len();
                queue.next = queue.next.max(number.saturating_add(1));
                queue.waiting.insert(number, Waiting { artifact, size });
            }
        }
        Ok(Self(Arc::new(Inner {
            root,
            limit,
            queue: Mutex::new(queue),
            bell: Notify::new(),
        })))
    }

    /// Puts an artifact behind those that wait. Gives what had to be dropped for it, the oldest
    /// first.
    pub(super) fn put(
        &self,
        artifact: ArtifactId,
        bytes: &[u8],
    ) -> Result<Vec<ArtifactId>, ArtifactError> {
        let root = &self.0.root;
        let refused = |error| ArtifactError::file(root, error);
        let size = bytes.len() as u64;
        if size > self.0.limit {
            return Err(ArtifactError::TooLarge {
                artifact,
                size,
                limit: self.0.limit,
            });
        }
        let file = write_aside(root, bytes).map_err(refused)?;
        let dropped = {
            let mut queue = self.queue();
            let number = queue.next;
            file.persist(self.path(number, &artifact))
                .map_err(|error| refused(error.error))?;
            queue.next = number.saturating_add(1);
            queue.waiting.insert(number, Waiting { artifact, size });
            self.trim(&mut queue)
        };
        sync_directory(root).map_err(refused)?;
        self.0.bell.notify_one();
        Ok(dropped)
    }

    /// Drops the oldest until the rest fits. That comes after the newest is safe: who stops in
    /// between has too much rather than too little.
    fn trim(&self, queue: &mut Queue) -> Vec<ArtifactId> {
        let mut dropped = Vec::new();
        let mut size = queue.size();
        while size > self.0.limit
            && let Some((number, oldest)) = queue.waiting.pop_first()
        {
            size -= oldest.size;
            // One that cannot be removed is found again at the next start.
            let _removed = fs::remove_file(self.path(number, &oldest.artifact));
            dropped.push(oldest.artifact);
        }
        dropped
    }

    /// The artifact that is to be uploaded next, by its number.
    pub(super) fn oldest(&self) -> Option<(u64, ArtifactId)> {
        let queue = self.queue();
        let (number, oldest) = queue.waiting.first_key_value()?;
        Some((*number, oldest.artifact.clone()))
    }

    /// Whether an artifact still waits.
    pub(super) fn holds(&self, number: u64) -> bool {
        self.queue().waiting.contains_key(&number)
    }

    /// Where an artifact is.
    pub(super) fn path(&self, number: u64, artifact: &ArtifactId) -> PathBuf {
        self.0.root.join(file_name(number, artifact))
    }

    /// Lets an artifact go that has been uploaded. That is on the disk when this returns, lest an old
    /// one return after a power cut and replace a newer one of its name.
    pub(super) fn remove(&self, number: u64, artifact: &ArtifactId) -> Result<(), ArtifactError> {
        let path = self.path(number, artifact);
        let refused = |error| ArtifactError::file(&path, error);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(refused(error));
            }
            _ => sync_directory(&self.0.root).map_err(refused)?,
        }
        self.pass_over(number);
        Ok(())
    }

    /// Leaves an artifact alone until the next start.
    pub(super) fn pass_over(&self, number: u64) {
        self.queue().waiting.remove(&number);
    }

    /// The file of the newest artifact of this name that waits.
    pub(super) fn find(&self, artifact: &ArtifactId) -> Option<PathBuf> {
        let queue = self.queue();
        let mut newest_first = queue.waiting.iter().rev();
        newest_first
            .find(|(_, waiting)| waiting.artifact == *artifact)
            .map(|(number, _)| self.path(*number, artifact))
    }

    /// The artifacts of a run or report that wait, the newest first.
    pub(super) fn list(&self, shelf: &Shelf) -> Vec<Kept> {
        let queue = self.queue();
        let waiting = queue.waiting.iter().rev();
        waiting
            .filter(|(_, waiting)| waiting.artifact.shelf == *shelf)
            .map(|(number, waiting)| Kept {
                name: waiting.artifact.name.clone(),
                bytes: waiting.size,
                at: fs::metadata(self.path(*number, &waiting.artifact))
                    .and_then(|file| file.modified())
                    .ok()
                    .and_then(|at| at.try_into().ok()),
            })
            .collect()
    }

    /// The reports of which something waits.
    pub(super) fn reports(&self) -> Vec<ReportId> {
        let queue = self.queue();
        let waiting = queue.waiting.values();
        waiting
            .filter_map(|waiting| match &waiting.artifact.shelf {
                Shelf::Report(report) => Some(report.clone()),
                Shelf::Run(_) | Shelf::Snapshots(_) => None,
            })
            .collect()
    }

    /// How many artifacts wait.
    pub(super) fn len(&self) -> usize {
        self.queue().waiting.len()
    }

    /// Waits until something has been put since the last time.
    pub(super) async fn rung(&self) {
        self.0.bell.notified().await;
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn file_name(number: u64, artifact: &ArtifactId) -> String {
    let artifact = artifact.to_string().replace('/', "~");
    format!("{number:020}.{artifact}")
}

fn parse(file: &str) -> Option<(u64, ArtifactId)> {
    let (number, artifact) = file.split_once('.')?;
    let artifact = ArtifactId::parse(&artifact.replace('~', "/"))?;
    let number = number.parse().ok()?;
    (file == file_name(number, &artifact)).then_some((number, artifact))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
