//! Artifacts in an S3 bucket: `<prefix>/<run>/<name>`. Credentials come from where the AWS tools
//! find them: environment, profiles, single sign-on, web identity, instance.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};

use super::{ArtifactError, ArtifactName};
use crate::domain::ids::RunId;

const ATTEMPT: Duration = Duration::from_secs(60);
const OPERATION: Duration = Duration::from_secs(240);

/// How to reach S3.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) path_style: bool,
    pub(super) ca_file: Option<PathBuf>,
}

/// Artifacts in an S3 bucket.
#[derive(Debug, Clone)]
pub struct S3Artifacts {
    client: Client,
    bucket: String,
    prefix: String,
}

impl S3Artifacts {
    pub(super) async fn new(
        bucket: String,
        prefix: &str,
        access: Access,
    ) -> Result<Self, ArtifactError> {
        let tls = tls(access.ca_file.as_deref()).await?;
        let http = Builder::new().build_with_connector_fn(move |settings, components| {
            let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(|c| c.sleep_impl()));
            connector
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .tls_context(tls.clone())
                .build()
        });
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(region) = access.region {
            loader = loader.region(Region::new(region));
        }
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        let shared = loader.timeout_config(timeouts).load().await;
        let mut config =
            aws_sdk_s3::config::Builder::from(&shared).force_path_style(access.path_style);
        if let Some(endpoint) = access.endpoint {
            // Stores other than AWS's own often do not know the newer checksums.
            config = config
                .endpoint_url(endpoint)
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
            if shared.region().is_none() {
                config = config.region(Region::new("us-east-1"));
            }
        } else if shared.region().is_none() {
            return Err(ArtifactError::NoRegion { bucket });
        }
        let prefix = prefix.trim_matches('/');
        Ok(Self {
            client: Client::from_conf(config.build()),
            bucket,
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
        })
    }

    fn directory(&self, run: &RunId) -> String {
        format!("{}{run}/", self.prefix)
    }

    fn key(&self, run: &RunId, name: &ArtifactName) -> String {
        format!("{}{name}", self.directory(run))
    }

    pub(super) async fn put(
        &self,
        run: &RunId,
        name: &ArtifactName,
        bytes: Vec<u8>,
    ) -> Result<(), ArtifactError> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(self.key(run, name))
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| self.refused("write an artifact", &error))?;
        Ok(())
    }

    pub(super) async fn get(
        &self,
        run: &RunId,
        name: &ArtifactName,
    ) -> Result<Option<Vec<u8>>, ArtifactError> {
        const ACTION: &str = "read an artifact";
        let answer = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(self.key(run, name))
            .send()
            .await;
        match answer {
            Ok(object) => match object.body.collect().await {
                Ok(body) => Ok(Some(body.to_vec())),
                Err(error) => Err(self.error(ACTION, None, chain(&error))),
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

    pub(super) async fn list(&self, run: &RunId) -> Result<Vec<ArtifactName>, ArtifactError> {
        let directory = self.directory(run);
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(&directory)
            .into_paginator()
            .send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.refused("list the artifacts", &error))?;
            names.extend(
                page.contents().iter().filter_map(|object| {
                    ArtifactName::parse(object.key()?.strip_prefix(&directory)?)
                }),
            );
        }
        names.sort_unstable();
        Ok(names)
    }

    fn refused<E, R>(&self, action: &'static str, error: &SdkError<E, R>) -> ArtifactError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug,
    {
        let (code, cause) = match error {
            SdkError::ServiceError(service) => {
                let code = service.err().code().map(str::to_owned);
                let words = [code.as_deref(), service.err().message()];
                (
                    code.clone(),
                    words.into_iter().flatten().collect::<Vec<_>>().join(": "),
                )
            }
            other => (None, chain(other)),
        };
        self.error(action, code, cause)
    }

    fn error(&self, action: &'static str, code: Option<String>, cause: String) -> ArtifactError {
        ArtifactError::S3 {
            action,
            bucket: self.bucket.clone(),
            code,
            cause,
        }
    }
}

/// The error with everything it was caused by.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut words: Vec<String> = causes.map(ToString::to_string).collect();
    words.dedup();
    words.join(": ")
}

/// Trusts the system's authorities and those in the file. The SDK panics at the first connection if
/// a certificate cannot be used, so they are tried here.
async fn tls(ca_file: Option<&Path>) -> Result<TlsContext, ArtifactError> {
    let mut trust = TrustStore::default();
    if let Some(path) = ca_file {
        let unusable = |cause: String| ArtifactError::CaFile {
            path: path.to_owned(),
            cause,
        };
        let pem = tokio::fs::read(path)
            .await
            .map_err(|error| unusable(error.to_string()))?;
        let certificates =
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unusable(chain(&error)))?;
        if certificates.is_empty() {
            return Err(unusable("there is no certificate in it".to_owned()));
        }
        reqwest::Client::builder()
            .tls_certs_only(certificates)
            .build()
            .map_err(|error| unusable(chain(&error)))?;
        trust = trust.with_pem_certificate(pem);
    }
    TlsContext::builder()
        .with_trust_store(trust)
        .build()
        .map_err(|error| ArtifactError::CaFile {
            path: ca_file.map(Path::to_owned).unwrap_or_default(),
            cause: chain(&error),
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ca_file_that_is_none_is_refused_at_the_start() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("ca.pem");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "no PEM", broken] {
            std::fs::write(&path, text).unwrap();
            let result = tls(Some(&path)).await;
            assert!(
                matches!(result, Err(ArtifactError::CaFile { .. })),
                "{text:?}"
            );
        }
        let result = tls(Some(&directory.path().join("none"))).await;
        assert!(matches!(result, Err(ArtifactError::CaFile { .. })));
    }
}
