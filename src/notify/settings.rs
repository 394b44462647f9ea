//! Validated settings of the channels.

use std::path::PathBuf;

use crate::secret::SecretSource;

/// One configured receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifierSettings {
    /// Its name, unique in the configuration.
    pub name: String,
    /// How it is reached.
    pub channel: ChannelSettings,
}

/// How a receiver is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelSettings {
    /// E-mail through the configured SMTP server.
    Email {
        /// Recipients' addresses.
        to: Vec<String>,
    },
    /// A Slack-compatible incoming webhook.
    Slack {
        /// Holds the webhook's URL, which is itself the credential.
        webhook_url: SecretSource,
    },
    /// A generic JSON webhook.
    Webhook {
        /// Holds the URL.
        url: SecretSource,
        /// Holds the bearer token sent along, if any.
        token: Option<SecretSource>,
    },
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
    /// User name and password, if the server wants them.
    pub credentials: Option<(String, SecretSource)>,
}

/// Everything the channels need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotifySettings {
    /// The receivers.
    pub notifiers: Vec<NotifierSettings>,
    /// The SMTP server, present if any receiver is reached by e-mail.
    pub smtp: Option<SmtpSettings>,
    /// Extra certificate authorities (PEM) to trust.
    pub ca_file: Option<PathBuf>,
}
