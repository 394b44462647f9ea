//! Channels to people: one file each, and the rendering of notices into their forms.
//!
//! A notice becomes words once (`content`, `words`, `steps`); `render` and the channels only lay
//! them out. The generic webhook sends the facts themselves.

mod content;
mod email;
mod http;
mod render;
pub mod settings;
mod slack;
mod steps;
mod webhook;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::domain::ids::MessageId;
use crate::domain::message::Addressee;
use crate::domain::notice::Notice;
use crate::secret::SecretSource;

use self::email::{Email, Server};
use self::http::HttpSender;
use self::render::Renderer;
use self::settings::{ChannelSettings, NotifySettings};
use self::slack::Slack;
use self::webhook::Webhook;

/// How a delivery went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The receiver has taken the message over.
    Accepted,
    /// It has not, and trying again can help.
    Retry {
        /// Why, without anything secret.
        error: String,
        /// How long the receiver asked to be left alone.
        after: Option<SignedDuration>,
    },
    /// It has not and will not.
    Rejected {
        /// Why, without anything secret.
        error: String,
    },
}

/// Settings that no channel can be built from.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// A receiver is reached by mail and there is no SMTP server.
    #[error("the notifier {name} sends e-mail, but there is no SMTP server: add `smtp`")]
    NoSmtp {
        /// The notifier.
        name: String,
    },
    /// A mail without recipients.
    #[error("the notifier {name} has no recipient: add one to `to`")]
    NoRecipient {
        /// The notifier.
        name: String,
    },
    /// Something that is no mail address.
    #[error("{address:?} ({whose}) is not an e-mail address: {cause}")]
    Address {
        /// As written.
        address: String,
        /// Where it stands.
        whose: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The extra certificate authorities cannot be read.
    #[error("cannot use the certificate authorities in {path}: {cause}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {cause}. Is a package of root certificates installed?")]
    Tls {
        /// Why.
        cause: String,
    },
    /// The built-in templates are broken.
    #[error("a built-in template is broken: {cause}")]
    Template {
        /// Where and why.
        cause: String,
    },
}

/// A message on its way.
#[derive(Clone, Copy)]
struct Letter<'a> {
    id: &'a MessageId,
    recipient: Option<&'a str>,
    notice: &'a Notice,
    created_at: Timestamp,
}

/// A delivery under way.
type Pending<'a> = Pin<Box<dyn Future<Output = Delivery> + Send + 'a>>;

/// A channel to people.
trait Notifier: Send + Sync {
    /// Delivers one message; secrets are read now, so that a rotated one works without a restart.
    fn send<'a>(&'a self, letter: Letter<'a>) -> Pending<'a>;

    /// Those who are told one by one; empty if there is one receiver only.
    fn recipients(&self) -> Vec<String> {
        Vec::new()
    }
}

/// All configured receivers.
pub struct Notifiers(BTreeMap<String, Box<dyn Notifier>>);

impl Notifiers {
    /// Builds the channels. Reads the certificate authorities, but no secret: those are read at
    /// each delivery.
    pub fn build(settings: &NotifySettings) -> Result<Self, NotifyError> {
        let renderer = Renderer::new().map_err(|error| NotifyError::Template {
            cause: format!("{error:#}"),
        })?;
        let renderer = Arc::new(renderer);
        let authorities = authorities(settings)?;
        // Made only where needed: without any root certificates neither can be.
        let http = || {
            let certificates = authorities.as_ref().map(|(_, parsed)| parsed.clone());
            HttpSender::new(certificates.unwrap_or_default(), http::TIMEOUT).map_err(|error| {
                NotifyError::Tls {
                    cause: http::with_causes(&error),
                }
            })
        };
        let server = |name: &str| match &settings.smtp {
            Some(smtp) => Server::new(smtp, authorities.as_ref().map(|(pem, _)| pem.as_slice())),
            None => Err(NotifyError::NoSmtp {
                name: name.to_owned(),
            }),
        };
        let mut notifiers: BTreeMap<String, Box<dyn Notifier>> = BTreeMap::new();
        for notifier in &settings.notifiers {
            let name = &notifier.name;
            let channel: Box<dyn Notifier> = match &notifier.channel {
                ChannelSettings::Email { to } => {
                    Box::new(Email::new(name, server(name)?, to, Arc::clone(&renderer))?)
                }
                ChannelSettings::Slack { webhook_url } => Box::new(Slack {
                    url: webhook_url.clone(),
                    http: http()?,
                }),
                ChannelSettings::Webhook { url, token } => Box::new(Webhook {
                    url: url.clone(),
                    token: token.clone(),
                    http: http()?,
                }),
            };
            notifiers.insert(name.clone(), channel);
        }
        Ok(Self(notifiers))
    }

    /// Everybody who can be told.
    pub fn addressees(&self) -> Vec<Addressee> {
        let names = self.0.keys();
        names.flat_map(|name| self.addressees_of(name)).collect()
    }

    /// Everybody whom this notifier tells; nobody if there is no such notifier.
    pub fn addressees_of(&self, name: &str) -> Vec<Addressee> {
        let Some(channel) = self.0.get(name) else {
            return Vec::new();
        };
        let to = |recipient| Addressee {
            notifier: name.to_owned(),
            recipient,
        };
        let recipients = channel.recipients();
        if recipients.is_empty() {
            return vec![to(None)];
        }
        recipients.into_iter().map(|one| to(Some(one))).collect()
    }

    /// Delivers one message to one addressee. A message delivered twice has the same `Message-ID`
    /// or `Idempotency-Key` both times, made from `id`; `created_at` is its date.
    pub async fn deliver(
        &self,
        to: &Addressee,
        id: &MessageId,
        notice: &Notice,
        created_at: Timestamp,
    ) -> Delivery {
        let Some(channel) = self.0.get(&to.notifier) else {
            return Delivery::Rejected {
                error: format!(
                    "there is no notifier {} in the configuration any more",
                    to.notifier
                ),
            };
        };
        let letter = Letter {
            id,
            recipient: to.recipient.as_deref(),
            notice,
            created_at,
        };
        channel.send(letter).await
    }
}

impl std::fmt::Debug for Notifiers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

type Authorities = (Vec<u8>, Vec<reqwest::Certificate>);

fn authorities(settings: &NotifySettings) -> Result<Option<Authorities>, NotifyError> {
    let Some(path) = &settings.ca_file else {
        return Ok(None);
    };
    let unusable = |cause: String| NotifyError::Authorities {
        path: path.clone(),
        cause,
    };
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let certificates = reqwest::Certificate::from_pem_bundle(&pem)
        .map_err(|error| unusable(http::with_causes(&error)))?;
    if certificates.is_empty() {
        return Err(unusable("there is no PEM certificate in it".to_owned()));
    }
    Ok(Some((pem, certificates)))
}

/// A secret as it is now. One that cannot be read may be about to be replaced: try again.
async fn read_secret(source: &SecretSource) -> Result<SecretString, Delivery> {
    let source = source.clone();
    let read = tokio::task::spawn_blocking(move || source.read()).await;
    let error = match read {
        Ok(Ok(secret)) => return Ok(secret),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    Err(Delivery::Retry { error, after: None })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod samples;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
