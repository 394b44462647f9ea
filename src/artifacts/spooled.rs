//! Artifacts in S3 behind a spool: they are put on the disk, and go from there to the bucket when it
//! can be reached.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::files::blocking;
use super::s3::Bucket;
use super::settings::S3Settings;
use super::spool::Spool;
use super::{ArtifactError, ArtifactId, Kept, Retention, Shelf};
use crate::domain::report::ReportId;

/// How many bytes may wait.
const LIMIT: u64 = 256 * 1024 * 1024;
/// An upload in parts that began this long ago is nobody's any more.
const LEFT_OVER: SignedDuration = SignedDuration::from_hours(24);

/// Artifacts in S3, behind a spool.
#[derive(Debug, Clone)]
pub struct SpooledArtifacts {
    spool: Spool,
    bucket: Bucket,
}

impl SpooledArtifacts {
    pub(super) async fn open(
        settings: &S3Settings,
        spool: PathBuf,
        ca_file: Option<&Path>,
    ) -> Result<Self, ArtifactError> {
        Ok(Self {
            bucket: Bucket::connect(settings, ca_file).await?,
            spool: blocking(|| Spool::open(spool, LIMIT)).await?,
        })
    }

    pub(super) async fn put(
        &self,
        artifact: ArtifactId,
        bytes: Vec<u8>,
    ) -> Result<Vec<ArtifactId>, ArtifactError> {
        let spool = self.spool.clone();
        blocking(move || spool.put(artifact, &bytes)).await
    }

    pub(super) async fn get(
        &self,
        artifact: &ArtifactId,
    ) -> Result<Option<Vec<u8>>, ArtifactError> {
        if let Some(path) = self.spool.find(artifact) {
            match tokio::fs::read(&path).await {
                Ok(bytes) => return Ok(Some(bytes)),
                // It has been uploaded just now.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(ArtifactError::file(&path, error)),
            }
        }
        self.bucket.get(artifact).await
    }

    pub(super) async fn list(&self, shelf: &Shelf) -> Result<Vec<Kept>, ArtifactError> {
        // In this order: what is uploaded in between is then there, and what waits is newer.
        let mut kept = self.spool.list(shelf);
        kept.extend(self.bucket.list(shelf).await?);
        kept.sort_by(|a, b| a.name.cmp(&b.name));
        kept.dedup_by(|later, first| later.name == first.name);
        Ok(kept)
    }

    pub(super) async fn reports(&self) -> Result<Vec<ReportId>, ArtifactError> {
        let mut reports = self.spool.reports();
        reports.extend(self.bucket.reports().await?);
        Ok(reports)
    }

    pub(super) async fn prune(&self, retention: &Retention) -> Result<u64, ArtifactError> {
        let removed = self.bucket.prune(retention).await?;
        let began_before = Timestamp::now()
            .checked_sub(LEFT_OVER)
            .unwrap_or(Timestamp::MIN);
        self.bucket.abort_left_over(began_before).await?;
        Ok(removed)
    }

    /// Removes artifacts from the bucket; those that are not there are no error.
    pub(super) async fn remove(&self, artifacts: &[ArtifactId]) -> Result<(), ArtifactError> {
        self.bucket.delete(artifacts).await
    }

    /// How many artifacts wait to be uploaded.
    pub fn waiting(&self) -> usize {
        self.spool.len()
    }

    /// Waits until an artifact has been put since the last time.
    pub async fn rung(&self) {
        self.spool.rung().await;
    }

    /// Uploads the artifact that has waited longest and lets it go; none if none waits. After an
    /// error it still waits, unless its file cannot be read: that one is left for the next start, so
    /// that it holds up no other.
    pub async fn upload_oldest(&self) -> Result<Option<ArtifactId>, ArtifactError> {
        while let Some((number, artifact)) = self.spool.oldest() {
            let path = self.spool.path(number, &artifact);
            match self.bucket.put(&artifact, &path).await {
                Ok(()) => {
                    let (spool, uploaded) = (self.spool.clone(), artifact.clone());
                    blocking(move || spool.remove(number, &uploaded)).await?;
                    return Ok(Some(artifact));
                }
                // It was dropped meanwhile.
                Err(_) if !self.spool.holds(number) => {}
                Err(error @ ArtifactError::File { .. }) => {
                    self.spool.pass_over(number);
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
