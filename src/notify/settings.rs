//! Validated settings of the channels.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::tz::TimeZone;

use crate::secret::SecretSource;

pub use super::templates::{TemplateError, Templates};

/// One configured receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifierSettings {
    /// Its name, unique in the configuration.
    pub name: String,
    /// How it is reached.
    pub channel: ChannelSettings,
}

/// How a receiver is reached: a channel, and what its form asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSettings {
    /// The name of the channel, one of [`forms`].
    pub channel: &'static str,
    /// The fields that were filled in.
    pub values: Values,
}

/// What a channel asks for in the configuration.
#[derive(Debug)]
pub struct Form {
    /// Its key, for example `slack`.
    pub name: &'static str,
    /// What it is, for the JSON Schema.
    pub about: &'static str,
    /// Its settings.
    pub fields: &'static [Field],
    /// Whether it needs the SMTP server.
    pub smtp: bool,
}

/// One setting of a channel.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its key; a secret is given as `NAME_file` or `NAME_env`.
    pub name: &'static str,
    /// What it is, for the JSON Schema.
    pub about: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether the channel cannot do without it.
    pub needed: bool,
}

/// What a setting of a channel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A secret that is a URL, such as that of an incoming webhook.
    SecretUrl,
    /// Any other secret.
    Secret,
    /// Text.
    Text,
    /// The URL of a server, without credentials.
    Url,
    /// Mail addresses, at least one.
    Addresses,
    /// A list of texts.
    Texts,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A directory of templates.
    Templates,
}

/// The forms of all channels, in the order in which they are documented.
pub fn forms() -> impl Iterator<Item = &'static Form> {
    super::CHANNELS.iter().map(|channel| &channel.form)
}

/// The form of a channel.
pub fn form(channel: &str) -> Option<&'static Form> {
    forms().find(|form| form.name == channel)
}

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The place of a secret.
    Secret(SecretSource),
    /// Text, a URL or a word.
    Text(String),
    /// Mail addresses or texts.
    Texts(Vec<String>),
    /// Whether something is wanted.
    Switch(bool),
    /// Templates, read and proven.
    Templates(Templates),
}

/// The settings of a channel as far as they were filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// Whether a setting was filled in.
    pub fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// The place of a secret.
    pub fn secret(&self, field: &str) -> Option<&SecretSource> {
        match self.0.get(field) {
            Some(Value::Secret(source)) => Some(source),
            _ => None,
        }
    }

    /// Text, a URL or a word.
    pub fn text(&self, field: &str) -> Option<&str> {
        match self.0.get(field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A list of texts or addresses; empty if it was not filled in.
    pub fn texts(&self, field: &str) -> &[String] {
        match self.0.get(field) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// Whether something is wanted; `None` if nothing was said.
    pub fn switch(&self, field: &str) -> Option<bool> {
        match self.0.get(field) {
            Some(Value::Switch(on)) => Some(*on),
            _ => None,
        }
    }

    /// Templates of one's own.
    pub fn templates(&self, field: &str) -> Option<&Templates> {
        match self.0.get(field) {
            Some(Value::Templates(templates)) => Some(templates),
            _ => None,
        }
    }
}

impl FromIterator<(&'static str, Value)> for Values {
    fn from_iter<I: IntoIterator<Item = (&'static str, Value)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// How the connection to the SMTP server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// Plain connection that must be upgraded (usually port 587).
    StartTls,
    /// TLS from the first byte (usually port 465).
    Tls,
    /// No protection; only for a server on this host.
    None,
}

/// How to sign in at the SMTP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SmtpAuth {
    /// With a password, by PLAIN or LOGIN, whichever the server offers.
    #[default]
    Password,
    /// By PLAIN only.
    Plain,
    /// By LOGIN only.
    Login,
    /// By XOAUTH2: what is called password is an access token.
    Xoauth2,
}

/// The SMTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpSettings {
    /// Host name.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Sender address.
    pub from: String,
    /// Protection.
    pub tls: SmtpTls,
    /// How to sign in.
    pub auth: SmtpAuth,
    /// User name and password, if the server wants them.
    pub credentials: Option<(String, SecretSource)>,
}

/// Everything the channels need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifySettings {
    /// The receivers.
    pub notifiers: Vec<NotifierSettings>,
    /// The SMTP server, present if any receiver is reached by e-mail.
    pub smtp: Option<SmtpSettings>,
    /// Extra certificate authorities (PEM) to trust.
    pub ca_file: Option<PathBuf>,
    /// The zone in which messages tell times.
    pub zone: TimeZone,
    /// Templates of one's own, for all mails.
    pub templates: Templates,
}

impl Default for NotifySettings {
    fn default() -> Self {
        Self {
            notifiers: Vec::new(),
            smtp: None,
            ca_file: None,
            zone: TimeZone::UTC,
            templates: Templates::default(),
        }
    }
}
