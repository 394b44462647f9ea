//! How AWS and what speaks like it are reached: through the proxies of the environment, and trusting the
//! system's authorities and those of a file.

use std::path::{Path, PathBuf};

use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};

/// The file of certificates to trust is not one.
#[derive(Debug, thiserror::Error)]
#[error("the CA file {path} cannot be used: {cause}")]
pub struct BadCaFile {
    /// The file; empty if it is the system's own certificates that cannot be used.
    pub path: PathBuf,
    /// Why.
    pub cause: String,
}

/// What requests are sent with. The SDK panics at the first connection if a certificate cannot be used,
/// so they are tried here.
pub async fn http_client(ca_file: Option<&Path>) -> Result<SharedHttpClient, BadCaFile> {
    let tls = tls(ca_file).await?;
    Ok(
        Builder::new().build_with_connector_fn(move |settings, components| {
            let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(|c| c.sleep_impl()));
            connector
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .tls_context(tls.clone())
                .build()
        }),
    )
}

async fn tls(ca_file: Option<&Path>) -> Result<TlsContext, BadCaFile> {
    let mut trust = TrustStore::default();
    if let Some(path) = ca_file {
        let unusable = |cause: String| BadCaFile {
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
        .map_err(|error| BadCaFile {
            path: ca_file.map(Path::to_owned).unwrap_or_default(),
            cause: chain(&error),
        })
}

/// The error with everything it was caused by.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut words: Vec<String> = causes.map(ToString::to_string).collect();
    words.dedup();
    words.join(": ")
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
            assert!(http_client(Some(&path)).await.is_err(), "{text:?}");
        }
        let missing = directory.path().join("none");
        assert!(http_client(Some(&missing)).await.is_err());
    }
}
