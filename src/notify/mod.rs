//! Channels to people: one file each, and the rendering of notices into their forms.
//!
//! A notice becomes words once (`content`, `words`, `steps`); `render` and the channels only lay
//! them out. The generic webhook sends the facts themselves.

mod chat;
mod commands;
mod concern;
mod content;
mod declared;
mod discord;
mod email;
mod github_issues;
mod gitlab_issues;
mod heartbeat;
mod http;
mod issues;
mod line;
mod markdown;
mod matrix;
mod mattermost;
mod pagerduty;
mod preview;
mod render;
mod rest;
mod section;
pub mod settings;
mod slack;
mod slack_bot;
mod specimens;
mod steps;
mod style;
mod teams;
mod templates;
mod webhook;
mod words;
mod wrap;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use secrecy::SecretString;

use crate::domain::ids::MessageId;
use crate::domain::message::Addressee;
use crate::domain::notice::Notice;
use crate::secret::SecretSource;

use self::content::Content;
pub use self::heartbeat::Switch;
use self::http::HttpSender;
pub use self::preview::Preview;
use self::render::Renderer;
use self::settings::{ChannelSettings, Form, NotifySettings, SmtpSettings, Values};
pub use self::specimens::Specimen;
use self::style::{Occasion, Style};
pub use self::templates::{ABOUT, Part};

/// Every channel: one file and one line each.
const CHANNELS: &[Channel] = &[
    discord::CHANNEL,
    email::CHANNEL,
    github_issues::CHANNEL,
    gitlab_issues::CHANNEL,
    matrix::CHANNEL,
    mattermost::CHANNEL,
    pagerduty::CHANNEL,
    slack::CHANNEL,
    slack_bot::CHANNEL,
    teams::CHANNEL,
    webhook::CHANNEL,
];

/// How a delivery went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The receiver has taken the message over.
    Accepted {
        /// What the channel wants to be told with the next message of the same thread, such as the
        /// id of the message to edit or of the issue to close; none leaves what it said before.
        handle: Option<String>,
    },
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
    /// There is no such channel.
    #[error("the notifier {name} has the channel {channel}, which this program does not know")]
    NoChannel {
        /// The notifier.
        name: String,
        /// The channel.
        channel: &'static str,
    },
    /// A setting that the channel cannot do without.
    #[error("the notifier {name} lacks `{field}`")]
    Missing {
        /// The notifier.
        name: String,
        /// The setting.
        field: &'static str,
    },
    /// A setting that does not hold what it should.
    #[error("{value:?} (`{field}` of {name}) is not usable: {cause}")]
    Unusable {
        /// The notifier.
        name: String,
        /// The setting.
        field: &'static str,
        /// As written.
        value: String,
        /// What is wrong with it.
        cause: String,
    },
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
    /// A template is broken.
    #[error("a template is broken: {cause}")]
    Template {
        /// Where and why.
        cause: String,
    },
}

impl NotifyError {
    fn template(error: &minijinja::Error) -> Self {
        Self::Template {
            cause: format!("{error:#}"),
        }
    }
}

/// A message on its way.
#[derive(Clone, Copy)]
struct Letter<'a> {
    id: &'a MessageId,
    recipient: Option<&'a str>,
    notice: &'a Notice,
    created_at: Timestamp,
    /// What the channel gave back with the last message of the same thread.
    handle: Option<&'a str>,
    style: &'a Style,
}

impl Letter<'_> {
    /// What it says, in the zone of its reader.
    fn content(&self) -> Content {
        self.style.content(self.notice)
    }
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

    /// Whether it wants every piece of news by itself, as machines do, and nothing put together.
    fn takes_each(&self) -> bool {
        false
    }

    /// Whether it tells of receivers that cannot be reached. What has no place for it takes none.
    fn tells_of_receivers(&self) -> bool {
        true
    }

    /// What several receivers are reached through, so that they are out of reach together.
    fn shares(&self) -> Option<&'static str> {
        None
    }

    /// Which thread of the channel a message belongs to: later ones of it get the handle that an
    /// earlier one gave back. One alert is one thread unless the channel knows better.
    fn thread(&self, notice: &Notice) -> String {
        notice.conversation()
    }

    /// What would be sent, for people to look at; nothing if the words alone say it.
    fn preview(&self, _: Letter<'_>) -> Vec<Preview> {
        Vec::new()
    }
}

/// A kind of channel: what it asks for, and how one is made.
struct Channel {
    form: Form,
    build: fn(&Blueprint<'_>) -> Result<Box<dyn Notifier>, NotifyError>,
}

/// What a channel is made from.
struct Blueprint<'a> {
    name: &'a str,
    values: &'a Values,
    smtp: Option<&'a SmtpSettings>,
    renderer: &'a Arc<Renderer>,
    authorities: Option<&'a Authorities>,
}

impl Blueprint<'_> {
    /// A sender of requests. Made only where needed: without any root certificates none can be.
    fn http(&self) -> Result<HttpSender, NotifyError> {
        let certificates = self.authorities.map(|(_, parsed)| parsed.clone());
        HttpSender::new(certificates.unwrap_or_default(), http::TIMEOUT).map_err(|error| {
            NotifyError::Tls {
                cause: http::with_causes(&error),
            }
        })
    }

    fn missing(&self, field: &'static str) -> NotifyError {
        NotifyError::Missing {
            name: self.name.to_owned(),
            field,
        }
    }

    /// Text that the channel cannot do without.
    fn text(&self, field: &'static str) -> Result<&str, NotifyError> {
        self.values.text(field).ok_or_else(|| self.missing(field))
    }

    /// The URL of a server, or of the service that everybody uses. Paths can be put below it.
    fn server(&self, field: &'static str, usual: &'static str) -> Result<Url, NotifyError> {
        let text = self.values.text(field).unwrap_or(usual);
        let unusable = |cause: String| NotifyError::Unusable {
            name: self.name.to_owned(),
            field,
            value: text.to_owned(),
            cause,
        };
        let url = Url::parse(text).map_err(|error| unusable(error.to_string()))?;
        match url.scheme() {
            "http" | "https" => Ok(url),
            _ => Err(unusable("it begins with neither http nor https".to_owned())),
        }
    }

    /// The place of a secret that the channel cannot do without.
    fn secret(&self, field: &'static str) -> Result<SecretSource, NotifyError> {
        let source = self.values.secret(field).cloned();
        source.ok_or_else(|| self.missing(field))
    }
}

/// All configured receivers.
pub struct Notifiers {
    channels: BTreeMap<String, Box<dyn Notifier>>,
    renderer: Arc<Renderer>,
    style: Style,
}

impl Notifiers {
    /// Builds the channels. Reads the certificate authorities, but no secret: those are read at
    /// each delivery.
    pub fn build(settings: &NotifySettings) -> Result<Self, NotifyError> {
        let renderer = Renderer::new(settings.templates.clone())
            .map_err(|error| NotifyError::template(&error))?;
        let renderer = Arc::new(renderer);
        let authorities = authorities(settings.ca_file.as_deref())?;
        let mut channels: BTreeMap<String, Box<dyn Notifier>> = BTreeMap::new();
        for notifier in &settings.notifiers {
            let name = &notifier.name;
            let ChannelSettings { channel, values } = &notifier.channel;
            let known = CHANNELS.iter().find(|known| known.form.name == *channel);
            let known = known.ok_or_else(|| NotifyError::NoChannel {
                name: name.clone(),
                channel,
            })?;
            let blueprint = Blueprint {
                name,
                values,
                smtp: settings.smtp.as_ref(),
                renderer: &renderer,
                authorities: authorities.as_ref(),
            };
            channels.insert(name.clone(), (known.build)(&blueprint)?);
        }
        Ok(Self {
            channels,
            renderer,
            style: Style {
                zone: settings.zone.clone(),
                occasion: Occasion::Real,
            },
        })
    }

    /// The same receivers, for messages that say of themselves that they are a test.
    #[must_use]
    pub fn on_trial(mut self) -> Self {
        self.style.occasion = Occasion::Trial;
        self
    }

    /// The names of the notifiers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }

    /// Whether a notifier wants every piece of news by itself.
    pub fn takes_each(&self, name: &str) -> bool {
        self.channels
            .get(name)
            .is_some_and(|channel| channel.takes_each())
    }

    /// Whether a notifier tells of others that cannot be reached.
    pub fn tells_of_receivers(&self, name: &str) -> bool {
        self.channels
            .get(name)
            .is_some_and(|channel| channel.tells_of_receivers())
    }

    /// What this notifier is reached through together with others; none if by itself.
    pub fn shares(&self, name: &str) -> Option<&'static str> {
        self.channels.get(name)?.shares()
    }

    /// Everybody who can be told.
    pub fn addressees(&self) -> Vec<Addressee> {
        let names = self.channels.keys();
        names.flat_map(|name| self.addressees_of(name)).collect()
    }

    /// Everybody whom this notifier tells; nobody if there is no such notifier.
    pub fn addressees_of(&self, name: &str) -> Vec<Addressee> {
        let Some(channel) = self.channels.get(name) else {
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

    /// The thread of a notifier that a notice belongs to; none if there is no such notifier.
    pub fn thread(&self, notifier: &str, notice: &Notice) -> Option<String> {
        Some(self.channels.get(notifier)?.thread(notice))
    }

    /// Delivers one message to one addressee. A message delivered twice has the same `Message-ID`
    /// or `Webhook-Id` both times, made from `id`; `created_at` is its date; `handle` is what
    /// the last delivery of the same thread gave back.
    pub async fn deliver(
        &self,
        to: &Addressee,
        id: &MessageId,
        notice: &Notice,
        created_at: Timestamp,
        handle: Option<&str>,
    ) -> Delivery {
        let Some(channel) = self.channels.get(&to.notifier) else {
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
            handle,
            style: &self.style,
        };
        channel.send(letter).await
    }
}

impl std::fmt::Debug for Notifiers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.channels.keys()).finish()
    }
}

type Authorities = (Vec<u8>, Vec<reqwest::Certificate>);

fn authorities(ca_file: Option<&Path>) -> Result<Option<Authorities>, NotifyError> {
    let Some(path) = ca_file else {
        return Ok(None);
    };
    let unusable = |cause: String| NotifyError::Authorities {
        path: path.to_owned(),
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
