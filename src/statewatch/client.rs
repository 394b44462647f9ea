//! Clients of S3, one for all stacks that ask the same server as the same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    Credentials, ResponseChecksumValidation, SharedCredentialsProvider, SharedHttpClient,
};
use secrecy::ExposeSecret;

use super::ask::Asker;
use super::place::Access;

/// A glance that takes longer sees nothing.
const LONGEST: Duration = Duration::from_secs(15);
/// A client that nobody used for so long is let go; those that a change of credentials left behind, too.
const IDLE: Duration = Duration::from_hours(2);

/// Clients by whom they ask, and as whom.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<HashMap<[u8; 32], (Client, Instant)>>);

impl Clients {
    /// The client that asks so.
    pub(super) fn of(&self, access: &Access, http: &SharedHttpClient) -> Client {
        let digest = access.digest();
        let now = Instant::now();
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((client, used)) = clients.get_mut(&digest) {
            *used = now;
            return client.clone();
        }
        clients.retain(|_, (_, used)| now.saturating_duration_since(*used) < IDLE);
        let client = connect(access, http);
        clients.insert(digest, (client.clone(), now));
        client
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clients.len()
    }
}

fn connect(access: &Access, http: &SharedHttpClient) -> Client {
    let region = Region::new(access.region.clone());
    let timeouts = TimeoutConfig::builder().operation_timeout(LONGEST).build();
    // Not from the environment of this process: it is not the stack's.
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region.clone())
        .http_client(http.clone())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        // What is in the object is not asked for; stores other than AWS's own often do not know these.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .force_path_style(access.path_style)
        .credentials_provider(credentials(&access.asker, region, http));
    if let Some(endpoint) = &access.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}

fn credentials(
    asker: &Asker,
    region: Region,
    http: &SharedHttpClient,
) -> SharedCredentialsProvider {
    let provider = ProviderConfig::without_region()
        .with_region(Some(region))
        .with_http_client(http.clone());
    match asker {
        Asker::Keys(keys) => {
            let token = keys
                .token
                .as_ref()
                .map(|token| token.expose_secret().to_owned());
            let secret = keys.secret.expose_secret();
            let keys = Credentials::new(&keys.id, secret, token, None, "the stack");
            SharedCredentialsProvider::new(keys)
        }
        Asker::WebIdentity {
            role,
            token_file,
            session,
        } => SharedCredentialsProvider::new(
            WebIdentityTokenCredentialsProvider::builder()
                .configure(&provider)
                .static_configuration(StaticConfiguration {
                    web_identity_token_file: token_file.clone(),
                    role_arn: role.clone(),
                    session_name: session.clone(),
                })
                .build(),
        ),
        Asker::Profile(profile) => SharedCredentialsProvider::new(
            ProfileFileCredentialsProvider::builder()
                .configure(&provider)
                .profile_files(profile.files())
                .profile_name(&profile.name)
                .build(),
        ),
        Asker::Machine => SharedCredentialsProvider::new(
            ImdsCredentialsProvider::builder()
                .configure(&provider)
                .build(),
        ),
    }
}
