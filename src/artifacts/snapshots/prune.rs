//! What has had its time goes, here and in the bucket; what the bucket lacks is sent again.

use super::super::files::blocking;
use super::super::{ArtifactError, ArtifactId, SpooledArtifacts};
use super::{SnapshotError, Snapshots, names, send};
use crate::domain::ids::{SnapshotId, StackId};
use crate::domain::snapshot::{SnapshotRetention, StackPlace};

/// How much is sent again at once, in bytes: it waits in the same place as everything else.
const SENT_AGAIN: u64 = 64 * 1024 * 1024;

impl Snapshots {
    /// Removes the snapshots of a stack that have had their time; says how many. Nothing is removed
    /// while the bucket does not answer: what is there would be left behind for good.
    pub async fn prune(
        &self,
        stack: &StackId,
        retention: SnapshotRetention,
    ) -> Result<usize, SnapshotError> {
        let place = StackPlace::of(stack);
        let mut all = self.here(&place).await?;
        if all.is_empty() {
            return Ok(0);
        }
        if let Some(elsewhere) = &self.elsewhere {
            all.extend(self.there(elsewhere, &place).await?);
        }
        let outdated = retention.outdated(&all);
        for id in &outdated {
            self.remove(&place, *id).await?;
        }
        Ok(outdated.len())
    }

    async fn remove(&self, place: &StackPlace, id: SnapshotId) -> Result<(), ArtifactError> {
        let names = names(place, id);
        if let Some(elsewhere) = &self.elsewhere {
            elsewhere.remove(&names).await?;
        }
        let paths = names.map(|name| self.root.join(name.to_string()));
        blocking(move || {
            for path in paths {
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(ArtifactError::file(&path, error));
                    }
                    _ => {}
                }
            }
            Ok(())
        })
        .await
    }

    /// Sends what is on this disk and not in the bucket, if nothing else waits to be sent; says how
    /// many snapshots that are.
    pub async fn send_missing(&self, stack: &StackId) -> Result<usize, SnapshotError> {
        let Some(elsewhere) = self.elsewhere.as_ref().filter(|spool| spool.waiting() == 0) else {
            return Ok(0);
        };
        let place = StackPlace::of(stack);
        let here = self.here(&place).await?;
        if here.is_empty() {
            return Ok(0);
        }
        let there = self.there(elsewhere, &place).await?;
        let (mut sent, mut size) = (0, 0);
        for id in here.into_iter().filter(|id| !there.contains(id)) {
            size += self.send_one(elsewhere, names(&place, id)).await?;
            sent += 1;
            if size > SENT_AGAIN {
                break;
            }
        }
        Ok(sent)
    }

    async fn send_one(
        &self,
        elsewhere: &SpooledArtifacts,
        files: [ArtifactId; 2],
    ) -> Result<u64, SnapshotError> {
        let mut size = 0;
        for artifact in files {
            if let Some(bytes) = self.bytes(&artifact).await? {
                size += bytes.len() as u64;
                send(elsewhere, artifact, bytes).await;
            }
        }
        Ok(size)
    }
}
