//! Validated settings of the artifact store.

/// Where kept copies go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactSettings {
    /// A directory under the data directory.
    Local,
    /// An S3 bucket; state snapshots stay local all the same.
    S3 {
        /// Bucket.
        bucket: String,
        /// Key prefix.
        prefix: String,
        /// Region, if not from the environment.
        region: Option<String>,
        /// Endpoint of an S3-compatible store.
        endpoint: Option<String>,
        /// Address the bucket in the path instead of the host name.
        path_style: bool,
    },
}
