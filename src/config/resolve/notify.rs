//! Receivers and the SMTP server.

use std::path::PathBuf;

use super::super::at::At;
use super::super::written::{Configuration, Notifier, Smtp, Tls};
use super::Checks;
use crate::notify::settings::{
    ChannelSettings, NotifierSettings, NotifySettings, SmtpSettings, SmtpTls,
};
use crate::secret::SecretSource;

impl Checks<'_> {
    pub(super) fn notify(&mut self, written: &Configuration) -> NotifySettings {
        self.unique("receiver", written.notify.iter().map(|n| &n.name));
        let notifiers = written
            .notify
            .iter()
            .filter_map(|notifier| self.notifier(notifier, written.smtp.is_some()))
            .collect();
        NotifySettings {
            notifiers,
            smtp: written.smtp.as_ref().map(|smtp| self.smtp(smtp)),
            ca_file: written.ca_file.as_ref().map(|path| self.base.join(&**path)),
        }
    }

    fn notifier(&mut self, written: &Notifier, smtp: bool) -> Option<NotifierSettings> {
        self.name(&written.name);
        let channel = match (&written.slack, &written.email, &written.webhook) {
            (Some(slack), None, None) => ChannelSettings::Slack {
                webhook_url: self.url_secret(
                    &written.name,
                    "webhook_url",
                    slack.webhook_url_file.as_ref(),
                    slack.webhook_url_env.as_ref(),
                )?,
            },
            (None, Some(email), None) => {
                if !smtp {
                    self.problem(
                        &email.to,
                        "there is no server to send this e-mail",
                        "add the top-level key `smtp`, for example \
                         `smtp: { host: smtp.example.com, from: mooring@example.com }`",
                    );
                }
                if email.to.is_empty() {
                    self.problem(
                        &email.to,
                        "the e-mail goes to nobody",
                        "name recipients, for example `to: [platform@example.com]`",
                    );
                }
                ChannelSettings::Email {
                    to: email.to.iter().map(|to| self.address(to)).collect(),
                }
            }
            (None, None, Some(webhook)) => {
                let token = self.secret(webhook.token_file.as_ref(), webhook.token_env.as_ref());
                ChannelSettings::Webhook {
                    url: self.url_secret(
                        &written.name,
                        "url",
                        webhook.url_file.as_ref(),
                        webhook.url_env.as_ref(),
                    )?,
                    token,
                }
            }
            (None, None, None) => {
                self.problem(
                    &written.name,
                    "this receiver cannot be reached",
                    "add `slack`, `email` or `webhook`",
                );
                return None;
            }
            _ => {
                self.problem(
                    &written.name,
                    "this receiver has several channels",
                    "make one receiver of each",
                );
                return None;
            }
        };
        Some(NotifierSettings {
            name: written.name.to_string(),
            channel,
        })
    }

    fn url_secret(
        &mut self,
        name: &At<String>,
        key: &str,
        file: Option<&At<PathBuf>>,
        env: Option<&At<String>>,
    ) -> Option<SecretSource> {
        let source = self.secret(file, env);
        if source.is_none() {
            self.problem(
                name,
                "the URL of this receiver's webhook is nowhere",
                format!(
                    "the URL is a secret: put it in a file and name that with `{key}_file`, or \
                     name an environment variable with `{key}_env`"
                ),
            );
        }
        source
    }

    fn smtp(&mut self, written: &Smtp) -> SmtpSettings {
        let tls = match written.tls.as_deref() {
            None | Some(Tls::Starttls) => SmtpTls::StartTls,
            Some(Tls::Implicit) => SmtpTls::Tls,
            Some(Tls::None) => SmtpTls::None,
        };
        let port = match tls {
            SmtpTls::StartTls => 587,
            SmtpTls::Tls => 465,
            SmtpTls::None => 25,
        };
        if let Some(port) = written.port.as_ref().filter(|port| ***port == 0) {
            self.problem(
                port,
                "port 0 is no port",
                "587 is usual, or 465 with `tls: tls`",
            );
        }
        if written.host.is_empty() || written.host.contains(['/', ':', ' ', '@']) {
            self.problem(
                &written.host,
                "this is no host name",
                "write the name alone, for example `smtp.example.com`; the port goes into `port`",
            );
        }
        let password = self.secret(
            written.password_file.as_ref(),
            written.password_env.as_ref(),
        );
        if tls == SmtpTls::None && password.is_some() && !is_this_host(&written.host) {
            self.problem(
                &written.host,
                "the password would cross the network unprotected",
                "use `tls: starttls` or `tls: tls`",
            );
        }
        let credentials = match (&written.username, password) {
            (Some(username), Some(password)) => Some((self.text(username), password)),
            (Some(username), None) => {
                self.problem(
                    username,
                    "this user name has no password",
                    "name the file that holds it with `password_file`",
                );
                None
            }
            (None, Some(_)) => {
                self.problem(
                    &written.host,
                    "this server has a password but no user name",
                    "add `username: …`",
                );
                None
            }
            (None, None) => None,
        };
        SmtpSettings {
            host: written.host.to_string(),
            port: written.port.as_deref().copied().unwrap_or(port),
            from: self.address(&written.from),
            tls,
            credentials,
        }
    }
}

fn is_this_host(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1")
}
