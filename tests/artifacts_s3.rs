//! Artifacts in S3, against two servers that have no line in common: moto and s3s.

use std::path::{Path, PathBuf};
use std::process::Command;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use jiff::Timestamp;
use mooring::artifacts::settings::{ArtifactPlace, Encryption, S3Settings};
use mooring::artifacts::{ArtifactError, ArtifactId, ArtifactName, Artifacts, Retention, Shelf};
use mooring::domain::ids::RunId;
use mooring::domain::report::ReportId;

use self::stores::{Server, Store};

mod contract;
mod faults;
mod outage;
mod signed;
mod snapshots;
mod stores;

const BUCKET: &str = "mooring-artifacts";
const STORE: &str = "MOORING_TEST_S3_STORE";
const ENDPOINT: &str = "MOORING_TEST_S3_ENDPOINT";
const CA_FILE: &str = "MOORING_TEST_S3_CA_FILE";

const ACCESS_KEY: &str = "test";
const SECRET_KEY: &str = "a-secret-that-must-not-show";

/// The credentials are the environment's, as in earnest, so the test proper runs in a child with an
/// environment of its own.
fn child(test: &str, server: Option<&Server>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--ignored", "--nocapture"])
        .arg(format!("artifacts_s3::{test}"))
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_SESSION_TOKEN", "a-token-that-must-not-show")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("NO_PROXY", "127.0.0.1")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_REGION")
        .env_remove("AWS_DEFAULT_REGION")
        .env_remove("AWS_ENDPOINT_URL")
        .env_remove(STORE);
    if let Some(server) = server {
        command
            .env(STORE, server.store.name())
            .env(ENDPOINT, &server.endpoint)
            .env(CA_FILE, server.ca_file.clone().unwrap_or_default());
    }
    command
}

fn check(test: &str, server: Option<&Server>) {
    check_that(child(test, server));
}

fn check_that(mut child: Command) {
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    assert!(!said.contains("that-must-not-show"), "{said}");
}

fn check_against(store: Store, test: &str) {
    if let Some(server) = store.start() {
        check(test, Some(&server));
    }
}

/// The store that a child was sent to.
struct Place {
    store: Store,
    endpoint: String,
    ca_file: Option<PathBuf>,
}

impl Place {
    fn given() -> Option<Self> {
        Some(Self {
            store: Store::named(&std::env::var(STORE).ok()?)?,
            endpoint: std::env::var(ENDPOINT).ok()?,
            ca_file: std::env::var_os(CA_FILE)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
        })
    }

    /// A client that is not Mooring's, for what Mooring never does.
    async fn client(&self) -> Client {
        let mut trust = TrustStore::default();
        if let Some(path) = &self.ca_file {
            trust = trust.with_pem_certificate(std::fs::read(path).unwrap());
        }
        let tls = TlsContext::builder().with_trust_store(trust).build();
        let http = Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls.unwrap())
            .build_https();
        let shared = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .region(Region::new("us-east-1"))
            .endpoint_url(&self.endpoint)
            .load()
            .await;
        let config = aws_sdk_s3::config::Builder::from(&shared).force_path_style(true);
        Client::from_conf(config.build())
    }
}

async fn create_bucket(place: &Place) -> Result<(), Box<dyn std::error::Error>> {
    let client = place.client().await;
    client.create_bucket().bucket(BUCKET).send().await?;
    Ok(())
}

fn settings(bucket: &str, prefix: &str, endpoint: Option<&str>) -> S3Settings {
    S3Settings {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        region: None,
        profile: None,
        path_style: endpoint.is_some(),
        endpoint: endpoint.map(str::to_owned),
        encryption: Encryption::Bucket,
        attempts: 1,
        timeout: std::time::Duration::from_secs(60),
    }
}

async fn open(
    settings: S3Settings,
    data: &Path,
    ca_file: Option<&Path>,
) -> Result<Artifacts, ArtifactError> {
    Artifacts::open(&ArtifactPlace::S3(settings), data, ca_file).await
}

/// Uploads everything that waits.
async fn upload(artifacts: &Artifacts) -> Result<(), ArtifactError> {
    let Artifacts::S3(spooled) = artifacts else {
        panic!("a bucket");
    };
    while spooled.upload_oldest().await?.is_some() {}
    Ok(())
}

fn artifact(run: u128, name: &str) -> ArtifactId {
    let run = RunId::from_uuid(uuid::Uuid::from_u128(run));
    ArtifactId::new(run, ArtifactName::parse(name).unwrap())
}

async fn names_of(artifacts: &Artifacts, shelf: &Shelf) -> Vec<ArtifactName> {
    let kept = artifacts.list(shelf).await.unwrap().into_iter();
    kept.map(|kept| kept.name).collect()
}
