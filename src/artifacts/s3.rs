//! Artifacts in an S3 bucket: `<prefix>/<run>/<name>` and `<prefix>/reports/<report>/<name>`. Credentials
//! are those of the profile that is set, else they come from where the AWS tools find them: environment,
//! profiles, single sign-on, web identity, instance.

mod parts;
mod prune;
mod refusal;

use std::path::Path;

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use jiff::Timestamp;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use self::refusal::SentToken;
use super::name::REPORTS;
use super::settings::{Encryption, S3Settings};
use super::{ArtifactError, ArtifactId, Kept, Shelf};
use crate::aws::{self, BadCaFile, chain};
use crate::domain::report::ReportId;

/// Larger artifacts are uploaded in parts.
const LARGEST_WHOLE: u64 = 16 * 1024 * 1024;

/// An S3 bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    client: Client,
    name: String,
    prefix: String,
    encryption: Encryption,
    token: SentToken,
}

impl Bucket {
    /// The bucket that the settings name; nothing is sent yet.
    pub(super) async fn connect(
        settings: &S3Settings,
        ca_file: Option<&Path>,
    ) -> Result<Self, ArtifactError> {
        let http = aws::http_client(ca_file)
            .await
            .map_err(|BadCaFile { path, cause }| ArtifactError::CaFile { path, cause })?;
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(settings.timeout)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.clone())
            .retry_config(RetryConfig::standard().with_max_attempts(settings.attempts))
            .timeout_config(timeouts);
        if let Some(region) = &settings.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &settings.profile {
            // By itself the SDK asks the environment first, whatever profile it is given.
            let region = match &settings.region {
                Some(region) => Some(Region::new(region.clone())),
                None => region_of(profile).await,
            };
            let provider = ProviderConfig::without_region()
                .with_region(region)
                .with_http_client(http);
            let credentials = ProfileFileCredentialsProvider::builder()
                .configure(&provider)
                .profile_name(profile)
                .build();
            loader = loader
                .profile_name(profile)
                .credentials_provider(credentials);
        }
        let shared = loader.load().await;
        let token = SentToken::default();
        let mut config = aws_sdk_s3::config::Builder::from(&shared)
            .force_path_style(settings.path_style)
            .interceptor(token.clone());
        if let Some(endpoint) = &settings.endpoint {
            // Stores other than AWS's own often do not know the newer checksums.
            config = config
                .endpoint_url(endpoint)
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
            if shared.region().is_none() {
                config = config.region(Region::new("us-east-1"));
            }
        } else if shared.region().is_none() {
            return Err(ArtifactError::NoRegion {
                bucket: settings.bucket.clone(),
            });
        }
        let prefix = settings.prefix.trim_matches('/');
        Ok(Self {
            client: Client::from_conf(config.build()),
            name: settings.bucket.clone(),
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
            encryption: settings.encryption.clone(),
            token,
        })
    }

    fn key(&self, artifact: &ArtifactId) -> String {
        format!("{}{artifact}", self.prefix)
    }

    fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.encryption {
            Encryption::Bucket => (None, None),
            Encryption::Aes256 => (Some(ServerSideEncryption::Aes256), None),
            Encryption::Kms { key } => (Some(ServerSideEncryption::AwsKms), key.clone()),
        }
    }

    /// Uploads a file, in place of the object there is.
    pub(super) async fn put(
        &self,
        artifact: &ArtifactId,
        path: &Path,
    ) -> Result<(), ArtifactError> {
        let unreadable = |error| ArtifactError::file(path, error);
        let mut file = File::open(path).await.map_err(unreadable)?;
        if file.metadata().await.map_err(unreadable)?.len() > LARGEST_WHOLE {
            return self.put_in_parts(artifact, path, &mut file).await;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).await.map_err(unreadable)?;
        let (encryption, key) = self.encryption();
        self.client
            .put_object()
            .bucket(&self.name)
            .key(self.key(artifact))
            .content_type(artifact.name.content_type())
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(key)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| self.refused("write an artifact", &error))?;
        Ok(())
    }

    pub(super) async fn get(
        &self,
        artifact: &ArtifactId,
    ) -> Result<Option<Vec<u8>>, ArtifactError> {
        const ACTION: &str = "read an artifact";
        let answer = self
            .client
            .get_object()
            .bucket(&self.name)
            .key(self.key(artifact))
            .send()
            .await;
        match answer {
            Ok(object) => match object.body.collect().await {
                Ok(body) => Ok(Some(body.to_vec())),
                Err(error) => Err(self.error(ACTION, None, &chain(&error))),
            },
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_no_such_key()) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.refused(ACTION, &error)),
        }
    }

    pub(super) async fn list(&self, shelf: &Shelf) -> Result<Vec<Kept>, ArtifactError> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(format!("{}{shelf}/", self.prefix))
            .into_paginator()
            .send();
        let mut kept = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.refused("list the artifacts", &error))?;
            kept.extend(page.contents().iter().filter_map(|object| {
                let at = object.last_modified();
                Some(Kept {
                    name: self.artifact(object.key()?)?.name,
                    bytes: u64::try_from(object.size()?).ok()?,
                    at: at.and_then(|at| Timestamp::from_second(at.secs()).ok()),
                })
            }));
        }
        Ok(kept)
    }

    pub(super) async fn reports(&self) -> Result<Vec<ReportId>, ArtifactError> {
        let prefix = format!("{}{REPORTS}/", self.prefix);
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(&prefix)
            .delimiter("/")
            .into_paginator()
            .send();
        let mut reports = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.refused("list the reports", &error))?;
            reports.extend(page.common_prefixes().iter().filter_map(|found| {
                let report = found.prefix()?.strip_prefix(&prefix)?;
                ReportId::parse(report.strip_suffix('/')?)
            }));
        }
        Ok(reports)
    }

    /// The artifact that a key stands for; none if the object is none of ours.
    fn artifact(&self, key: &str) -> Option<ArtifactId> {
        ArtifactId::parse(key.strip_prefix(&self.prefix)?)
    }
}

/// The region of the environment, else of a profile.
async fn region_of(profile: &str) -> Option<Region> {
    let chain = DefaultRegionChain::builder().profile_name(profile);
    chain.build().region().await
}
