//! What can go wrong with artifacts.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::ArtifactId;
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
    /// An artifact is larger than all that may wait for its upload.
    #[error("{artifact} has {size} bytes, and no more than {limit} may wait to be uploaded")]
    TooLarge {
        /// The artifact.
        artifact: ArtifactId,
        /// Its size in bytes.
        size: u64,
        /// What may wait, in bytes.
        limit: u64,
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
            Self::TooLarge { .. } => "It is not kept. Find out why it is that large.",
            Self::S3 { code, .. } => match code.as_deref() {
                Some("AccessDenied") => {
                    "Allow s3:PutObject, s3:GetObject, s3:DeleteObject and s3:AbortMultipartUpload on \
                     the prefix, and s3:ListBucket and s3:ListBucketMultipartUploads on the bucket, \
                     for the credentials Mooring uses; with a key in KMS also kms:GenerateDataKey and \
                     kms:Decrypt on it."
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
                Some("SlowDown" | "ServiceUnavailable" | "InternalError" | "RequestTimeout") => {
                    "S3 is overloaded or down. Nothing is to be done: it is tried again."
                }
                Some(code) if code.starts_with("KMS.") => {
                    "Check kms_key_id, and that the key is enabled and in the bucket's region."
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
            Self::File { .. }
            | Self::CaFile { .. }
            | Self::NoRegion { .. }
            | Self::TooLarge { .. }
            | Self::S3 { .. } => FailureKind::Internal,
        };
        Failure::new(kind, self.to_string(), self.hint())
    }
}
