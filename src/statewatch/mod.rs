//! From a backend's settings to a glance at the object that holds the state: whether somebody wrote it,
//! without reading it. Only backends of type `s3` are known, and of those only what is surely understood:
//! a glance asks as the stack itself would, or not at all.

mod ask;
mod client;
mod place;
mod profile;

use std::path::PathBuf;

use aws_sdk_s3::config::SharedHttpClient;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use jiff::Timestamp;
use tokio::sync::OnceCell;

pub use self::place::Place;

use self::client::Clients;
use crate::aws::{self, chain};
use crate::domain::state_watch::{Glance, Mark};
use crate::secret::without_url_credentials;

/// Why an object cannot be watched, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unwatched(String);

impl Unwatched {
    fn because(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Why a glance saw nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unseen {
    /// It will be no better next time, as far as can be told.
    #[error("{0}")]
    Refused(String),
    /// It may be better next time.
    #[error("{0}")]
    Unreachable(String),
}

/// Glances at objects. Those who ask as the same, of the same server, share a client.
#[derive(Debug)]
pub struct Watcher {
    ca_file: Option<PathBuf>,
    http: OnceCell<SharedHttpClient>,
    clients: Clients,
}

impl Watcher {
    /// Nothing is sent, or read, before the first glance.
    pub fn new(ca_file: Option<PathBuf>) -> Self {
        Self {
            ca_file,
            http: OnceCell::new(),
            clients: Clients::default(),
        }
    }

    /// One glance.
    ///
    /// # Errors
    /// If it saw nothing; the error holds no credentials.
    pub async fn glance(&self, place: &Place) -> Result<Glance, Unseen> {
        let http = self
            .http
            .get_or_try_init(|| aws::http_client(self.ca_file.as_deref()))
            .await
            .map_err(|bad| Unseen::Unreachable(bad.to_string()))?;
        let client = self.clients.of(&place.access, http);
        let object = format!("s3://{}/{}", place.bucket, place.key);
        let answer = client
            .head_object()
            .bucket(&place.bucket)
            .key(&place.key)
            .send()
            .await;
        let error = match answer {
            Ok(found) => return mark(&found, &object),
            Err(error) => error,
        };
        match &error {
            SdkError::ServiceError(service) => match service.raw().status().as_u16() {
                404 => Ok(Glance::Absent),
                status @ (400 | 401 | 403 | 301 | 307) => Err(Unseen::Refused(format!(
                    "S3 refuses to say anything of {object} (HTTP status {status})"
                ))),
                status => Err(Unseen::Unreachable(format!(
                    "S3 says nothing of {object} for now (HTTP status {status})"
                ))),
            },
            other => {
                let cause = place.access.masker().mask(&chain(other));
                let cause = without_url_credentials(&cause);
                Err(Unseen::Unreachable(format!(
                    "{object} cannot be glanced at: {cause}"
                )))
            }
        }
    }
}

fn mark(found: &HeadObjectOutput, object: &str) -> Result<Glance, Unseen> {
    let etag = found
        .e_tag()
        .ok_or_else(|| Unseen::Refused(format!("the store says nothing of what is in {object}")))?;
    let modified_at = found.last_modified();
    Ok(Glance::There(Mark {
        etag: etag.to_owned(),
        version: found.version_id().map(str::to_owned),
        modified_at: modified_at.and_then(|at| Timestamp::from_second(at.secs()).ok()),
    }))
}

#[cfg(test)]
mod tests;
