//! Validated settings of the artifact store.

use std::time::Duration;

use age::x25519::Recipient;

use crate::secret::SecretSource;

/// How copies of states are sealed, and how long they stay.
#[derive(Debug, Clone)]
pub struct SnapshotSettings {
    /// The keys.
    pub keys: SnapshotKeys,
    /// Those younger than this stay.
    pub keep: Keep,
    /// The newest of each stack that stay whatever their age.
    pub keep_last: usize,
}

/// The keys of copies of states. Without any, the installation has one of its own.
#[derive(Debug, Clone, Default)]
pub struct SnapshotKeys {
    /// Holds one or more age identities: the first seals, all of them open.
    pub key: Option<SecretSource>,
    /// Public keys that they are sealed for as well.
    pub recipients: Vec<Recipient>,
}

/// Where kept copies go, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactSettings {
    /// Where they go.
    pub place: ArtifactPlace,
    /// How long they stay; those of runs that applied something stay as long as the run's record.
    pub keep: Keep,
}

/// How long artifacts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Until somebody else removes them.
    Forever,
    /// For this long after the run began.
    For(Duration),
}

/// Where kept copies go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactPlace {
    /// A directory under the data directory.
    Local,
    /// An S3 bucket; state snapshots stay here all the same, and go there too.
    S3(S3Settings),
}

/// An S3 bucket and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Settings {
    /// Bucket.
    pub bucket: String,
    /// Key prefix.
    pub prefix: String,
    /// Region, if not from the environment.
    pub region: Option<String>,
    /// Profile of the AWS configuration files: its credentials are used, whatever the environment has.
    pub profile: Option<String>,
    /// Endpoint of an S3-compatible store.
    pub endpoint: Option<String>,
    /// Address the bucket in the path instead of the host name.
    pub path_style: bool,
    /// How objects are encrypted at rest.
    pub encryption: Encryption,
    /// How often a request is tried, the first time included.
    pub attempts: u32,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// How the store is asked to encrypt objects at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// As the bucket has it.
    Bucket,
    /// With keys of S3.
    Aes256,
    /// With a key in KMS.
    Kms {
        /// The key's id, alias or ARN; none for the one that AWS manages.
        key: Option<String>,
    },
}
