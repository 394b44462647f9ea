//! What can go wrong with artifacts.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::domain::failure::{Failure, FailureKind};

/// An artifact cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// There is no room.
    #[error("the disk is full: cannot write {path}")]
    OutOfDisk {
        /// The file.
        path: PathBuf,
    },
    /// A file or directory cannot be used for another reason.
    #[error("cannot use {path}: {cause}")]
    File {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file of certificates to trust is not one.
    #[error("the CA file {path} cannot be used: {cause}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// Neither the settings nor the environment name a region.
    #[error("no AWS region is set for the artifact bucket {bucket}")]
    NoRegion {
        /// The bucket.
        bucket: String,
    },
    /// S3 refused a request, or could not be reached.
    #[error("cannot {action} in the bucket {bucket}: {cause}")]
    S3 {
        /// What was being done.
        action: &'static str,
        /// The bucket.
        bucket: String,
        /// The error code of S3, if it answered.
        code: Option<String>,
        /// What it or the network said.
        cause: String,
    },
}

impl ArtifactError {
    pub(super) fn file(path: &Path, cause: std::io::Error) -> Self {
        let path = path.to_owned();
        match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::OutOfDisk { path },
            _ => Self::File { path, cause },
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::OutOfDisk { .. } => "Free space on the disk of the data directory.",
            Self::File { .. } => {
                "The data directory has to be readable and writable for the user that runs Mooring."
            }
            Self::CaFile { .. } => {
                "Name a readable PEM file with one or more certificates of authorities."
            }
            Self::NoRegion { .. } => {
                "Set the region in the artifact settings, AWS_REGION, or the AWS profile."
            }
            Self::S3 { code, .. } => match code.as_deref() {
                Some("AccessDenied") => {
                    "Allow s3:PutObject and s3:GetObject on the prefix, and s3:ListBucket on the \
                     bucket, for the credentials Mooring uses."
                }
                Some("NoSuchBucket") => "Create the bucket, or correct its name or region.",
                Some(
                    "InvalidAccessKeyId"
                    | "SignatureDoesNotMatch"
                    | "ExpiredToken"
                    | "InvalidToken",
                ) => "Renew or correct the AWS credentials.",
                Some("PermanentRedirect" | "AuthorizationHeaderMalformed") => {
                    "Set the region that the bucket is in."
                }
                Some(_) => "See the S3 documentation for this error code.",
                None => {
                    "Check the endpoint, the network, the proxy, the CA file, and where the AWS \
                     credentials come from."
                }
            },
        }
    }

    /// The same for reports and alerts.
    pub fn failure(&self) -> Failure {
        let kind = match self {
            Self::OutOfDisk { .. } => FailureKind::OutOfDisk,
            Self::File { .. } | Self::CaFile { .. } | Self::NoRegion { .. } | Self::S3 { .. } => {
                FailureKind::Internal
            }
        };
        Failure::new(kind, self.to_string(), self.hint())
    }
}
