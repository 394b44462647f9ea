//! Large artifacts go to S3 in parts, and what was begun and not ended is cleared away.

use std::path::Path;

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use jiff::Timestamp;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::Bucket;
use crate::artifacts::{ArtifactError, ArtifactId};

/// The size of all parts but the last. S3 takes ten thousand of them.
const PART: u64 = 8 * 1024 * 1024;

const ACTION: &str = "write an artifact in parts";
const CLEAR: &str = "clear away uploads that were not ended";

impl Bucket {
    pub(super) async fn put_in_parts(
        &self,
        artifact: &ArtifactId,
        path: &Path,
        file: &mut File,
    ) -> Result<(), ArtifactError> {
        let key = self.key(artifact);
        let (encryption, kms_key) = self.encryption();
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&self.name)
            .key(&key)
            .content_type(artifact.name.content_type())
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key)
            .send()
            .await
            .map_err(|error| self.refused(ACTION, &error))?;
        let upload = begun.upload_id().unwrap_or_default();
        let sent = self.send_parts(&key, upload, path, file).await;
        if sent.is_err() {
            // What cannot be aborted now is found when what is old is cleared away.
            let _aborted = self.abort(&key, upload).await;
        }
        sent
    }

    async fn send_parts(
        &self,
        key: &str,
        upload: &str,
        path: &Path,
        file: &mut File,
    ) -> Result<(), ArtifactError> {
        let mut parts = Vec::new();
        for number in 1.. {
            let mut bytes = Vec::new();
            let read = (&mut *file).take(PART).read_to_end(&mut bytes).await;
            if read.map_err(|error| ArtifactError::file(path, error))? == 0 {
                break;
            }
            let part = self
                .client
                .upload_part()
                .bucket(&self.name)
                .key(key)
                .upload_id(upload)
                .part_number(number)
                .body(ByteStream::from(bytes))
                .send()
                .await
                .map_err(|error| self.refused(ACTION, &error))?;
            parts.push(
                CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(part.e_tag)
                    .set_checksum_crc32(part.checksum_crc32)
                    .build(),
            );
        }
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        self.client
            .complete_multipart_upload()
            .bucket(&self.name)
            .key(key)
            .upload_id(upload)
            .multipart_upload(parts)
            .send()
            .await
            .map_err(|error| self.refused(ACTION, &error))?;
        Ok(())
    }

    async fn abort(&self, key: &str, upload: &str) -> Result<(), ArtifactError> {
        self.client
            .abort_multipart_upload()
            .bucket(&self.name)
            .key(key)
            .upload_id(upload)
            .send()
            .await
            .map_err(|error| self.refused(CLEAR, &error))?;
        Ok(())
    }

    /// Aborts uploads of artifacts that began before a time and never ended, since S3 bills their
    /// parts; says how many.
    pub(in crate::artifacts) async fn abort_left_over(
        &self,
        began_before: Timestamp,
    ) -> Result<u64, ArtifactError> {
        let mut aborted = 0;
        let mut request = self
            .client
            .list_multipart_uploads()
            .bucket(&self.name)
            .prefix(&self.prefix);
        loop {
            let page = match request.clone().send().await {
                Ok(page) => page,
                Err(error) => match self.refused(CLEAR, &error) {
                    // Some stores have no such list.
                    ArtifactError::S3 {
                        code: Some(code), ..
                    } if code == "NotImplemented" => {
                        return Ok(aborted);
                    }
                    error => return Err(error),
                },
            };
            for upload in page.uploads() {
                let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) else {
                    continue;
                };
                let old = upload
                    .initiated()
                    .is_some_and(|at| is_before(at, began_before));
                if old && self.artifact(key).is_some() {
                    self.abort(key, id).await?;
                    aborted += 1;
                }
            }
            if page.is_truncated() != Some(true) {
                return Ok(aborted);
            }
            request = request
                .set_key_marker(page.next_key_marker)
                .set_upload_id_marker(page.next_upload_id_marker);
        }
    }
}

fn is_before(at: &DateTime, time: Timestamp) -> bool {
    Timestamp::from_second(at.secs()).is_ok_and(|at| at < time)
}
