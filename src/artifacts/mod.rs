//! Blobs kept for a run: reports, redacted plans, logs, in a local directory or in S3. Copies of a
//! state are kept apart ([`snapshot`]) and never leave the machine.

mod error;
mod files;
mod local;
mod s3;
pub mod settings;
pub mod snapshot;

use std::path::Path;

pub use error::ArtifactError;

use crate::domain::ids::RunId;
use local::LocalArtifacts;
use s3::S3Artifacts;
use settings::ArtifactSettings;

/// The name of an artifact within its run: 1 to 128 of `a-z`, `0-9`, `.`, `_` and `-`, not
/// beginning with a dot, so that it is one plain file name and one plain key everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactName(String);

impl ArtifactName {
    /// The name, if the text is one.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        let fits = (1..=128).contains(&text.len()) && !text.starts_with('.');
        (fits && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The place where artifacts are kept.
#[derive(Debug, Clone)]
pub enum Artifacts {
    /// A directory.
    Local(LocalArtifacts),
    /// An S3 bucket.
    S3(S3Artifacts),
}

impl Artifacts {
    /// The place that the settings name. `data_dir` is where local ones go; `ca_file` is a PEM file
    /// of certificates to trust besides the system's. Nothing is sent yet: an S3 bucket that cannot
    /// be reached shows at the first use.
    pub async fn open(
        settings: &ArtifactSettings,
        data_dir: &Path,
        ca_file: Option<&Path>,
    ) -> Result<Self, ArtifactError> {
        match settings {
            ArtifactSettings::Local => {
                Ok(Self::Local(LocalArtifacts::new(data_dir.join("artifacts"))))
            }
            ArtifactSettings::S3 {
                bucket,
                prefix,
                region,
                endpoint,
                path_style,
            } => {
                let access = s3::Access {
                    region: region.clone(),
                    endpoint: endpoint.clone(),
                    path_style: *path_style,
                    ca_file: ca_file.map(Path::to_owned),
                };
                Ok(Self::S3(
                    S3Artifacts::new(bucket.clone(), prefix, access).await?,
                ))
            }
        }
    }

    /// Keeps an artifact of a run, in place of one of the same name. Readers see the old one or the
    /// new one, never a part.
    pub async fn put(
        &self,
        run: &RunId,
        name: &ArtifactName,
        bytes: Vec<u8>,
    ) -> Result<(), ArtifactError> {
        match self {
            Self::Local(local) => local.put(*run, name.clone(), bytes).await,
            Self::S3(s3) => s3.put(run, name, bytes).await,
        }
    }

    /// An artifact of a run, if there is one of that name.
    pub async fn get(
        &self,
        run: &RunId,
        name: &ArtifactName,
    ) -> Result<Option<Vec<u8>>, ArtifactError> {
        match self {
            Self::Local(local) => local.get(*run, name.clone()).await,
            Self::S3(s3) => s3.get(run, name).await,
        }
    }

    /// The names of a run's artifacts, sorted.
    pub async fn list(&self, run: &RunId) -> Result<Vec<ArtifactName>, ArtifactError> {
        match self {
            Self::Local(local) => local.list(*run).await,
            Self::S3(s3) => s3.list(run).await,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_one_plain_path_segment(text in ".*|[a-z0-9._-]{1,130}|\\.{1,3}") {
            if let Some(name) = ArtifactName::parse(&text) {
                let mut parts = Path::new(name.as_str()).components();
                prop_assert!(matches!(parts.next(), Some(std::path::Component::Normal(part)) if part == text.as_str()));
                prop_assert!(parts.next().is_none() && text.len() <= 128);
            }
        }
    }

    #[test]
    fn names_are_told_from_other_text() {
        for good in ["report.html", "plan-1.json", "_", "0"] {
            assert!(ArtifactName::parse(good).is_some(), "{good}");
        }
        for bad in ["", ".", "..", ".tmp", "a/b", "A", "a b", "ü", "a\0"] {
            assert_eq!(ArtifactName::parse(bad), None, "{bad}");
        }
    }
}
