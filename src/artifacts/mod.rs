//! Blobs kept for a run or a report: looks, logs, the forms of reports, in a local directory or in S3. What goes to S3
//! waits in a spool on the disk until it is there. Copies of a state ([`Snapshots`]) are sealed and
//! kept on this disk in any case.

mod error;
mod files;
mod local;
mod name;
mod retention;
mod s3;
pub mod settings;
mod snapshots;
mod spool;
mod spooled;

use std::path::Path;

pub use error::ArtifactError;
pub use name::{ArtifactId, ArtifactName, Kept, Shelf};
pub use retention::Retention;
pub use snapshots::{Kept as KeptSnapshot, SnapshotError, Snapshots, Subject};
pub use spooled::SpooledArtifacts;

use local::LocalArtifacts;
use settings::ArtifactPlace;

use crate::domain::report::ReportId;

/// The place where artifacts are kept.
#[derive(Debug, Clone)]
pub enum Artifacts {
    /// A directory.
    Local(LocalArtifacts),
    /// An S3 bucket, behind a spool on the disk.
    S3(SpooledArtifacts),
}

impl Artifacts {
    /// The place that the settings name. `data_dir` is where local ones and the spool go; `ca_file`
    /// is a PEM file of certificates to trust besides the system's. Nothing is sent yet: an S3 bucket
    /// that cannot be reached shows at the first upload.
    pub async fn open(
        place: &ArtifactPlace,
        data_dir: &Path,
        ca_file: Option<&Path>,
    ) -> Result<Self, ArtifactError> {
        match place {
            ArtifactPlace::Local => {
                Ok(Self::Local(LocalArtifacts::new(data_dir.join("artifacts"))))
            }
            ArtifactPlace::S3(settings) => {
                let spool = data_dir.join("spool");
                let spooled = SpooledArtifacts::open(settings, spool, ca_file).await?;
                Ok(Self::S3(spooled))
            }
        }
    }

    /// Keeps an artifact, in place of the one there is. Readers see the old one or the new one, never
    /// a part. It is on the disk when this returns, and on its way if it goes elsewhere; no outage
    /// holds this up. Gives what had to be dropped, the oldest first, because too much waits.
    pub async fn put(
        &self,
        artifact: ArtifactId,
        bytes: Vec<u8>,
    ) -> Result<Vec<ArtifactId>, ArtifactError> {
        match self {
            Self::Local(local) => local.put(artifact, bytes).await.map(|()| Vec::new()),
            Self::S3(spooled) => spooled.put(artifact, bytes).await,
        }
    }

    /// An artifact, if there is one of that name; one that waits to be uploaded is read from the disk.
    pub async fn get(&self, artifact: &ArtifactId) -> Result<Option<Vec<u8>>, ArtifactError> {
        match self {
            Self::Local(local) => local.get(artifact.clone()).await,
            Self::S3(spooled) => spooled.get(artifact).await,
        }
    }

    /// The artifacts of a run or report, by name.
    pub async fn list(&self, shelf: &Shelf) -> Result<Vec<Kept>, ArtifactError> {
        match self {
            Self::Local(local) => local.list(shelf).await,
            Self::S3(spooled) => spooled.list(shelf).await,
        }
    }

    /// The reports that are kept, newest first.
    pub async fn reports(&self) -> Result<Vec<ReportId>, ArtifactError> {
        let mut reports = match self {
            Self::Local(local) => local.reports().await,
            Self::S3(spooled) => spooled.reports().await,
        }?;
        reports.sort_unstable_by(|a, b| b.cmp(a));
        reports.dedup();
        Ok(reports)
    }

    /// Removes artifacts that have had their time; says of how many runs and reports.
    pub async fn prune(&self, retention: Retention) -> Result<u64, ArtifactError> {
        match self {
            Self::Local(local) => local.prune(retention).await,
            Self::S3(spooled) => spooled.prune(&retention).await,
        }
    }
}
