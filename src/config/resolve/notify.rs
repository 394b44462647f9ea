//! Receivers and the SMTP server.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::super::at::At;
use super::super::channel::{Entry, Filled, Notifier};
use super::super::error::quoted;
use super::super::written::{Auth, Configuration, Smtp, Tls};
use super::Checks;
use crate::notify::settings::{
    ChannelSettings, Field, FieldKind, NotifierSettings, NotifySettings, SmtpAuth, SmtpSettings,
    SmtpTls, Templates, Value,
};

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
            // One that does not exist is told of with the schedule.
            zone: written
                .timezone
                .as_ref()
                .and_then(|zone| TimeZone::get(zone).ok())
                .unwrap_or(TimeZone::UTC),
            templates: written
                .templates
                .as_ref()
                .and_then(|path| self.templates(path))
                .unwrap_or_default(),
        }
    }

    /// Templates are read here and now: one that is wrong must not wait for the first alert.
    fn templates(&mut self, written: &At<PathBuf>) -> Option<Templates> {
        let directory = self.path(Some(written))?;
        match Templates::read(&directory) {
            Ok(templates) => Some(templates),
            Err(errors) => {
                for error in errors {
                    self.problem(written, error.to_string(), error.remedy());
                }
                None
            }
        }
    }

    fn notifier(&mut self, written: &Notifier, smtp: bool) -> Option<NotifierSettings> {
        self.name(&written.name);
        let filled = match written.channels.as_slice() {
            [filled] => filled,
            [] => {
                self.problem(
                    &written.name,
                    "this receiver cannot be reached",
                    "give it a channel, such as `email` or `slack`",
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
        if filled.form.smtp && !smtp {
            self.problem(
                &filled.key,
                "there is no server to send this e-mail",
                "add the top-level key `smtp`, for example \
                 `smtp: { host: smtp.example.com, from: mooring@example.com }`",
            );
        }
        let fields = filled.form.fields.iter();
        let values = fields
            .filter_map(|field| Some((field.name, self.field(filled, field)?)))
            .collect();
        Some(NotifierSettings {
            name: written.name.to_string(),
            channel: ChannelSettings {
                channel: filled.form.name,
                values,
            },
        })
    }

    fn field(&mut self, filled: &Filled, field: &Field) -> Option<Value> {
        let entry = filled.entries.get(field.name);
        let value = match (field.kind, entry) {
            (FieldKind::Secret | FieldKind::SecretUrl, _) => {
                let path = match filled.entries.get(&format!("{}_file", field.name)) {
                    Some(Entry::Path(path)) => Some(path),
                    _ => None,
                };
                let variable = match filled.entries.get(&format!("{}_env", field.name)) {
                    Some(Entry::Text(name)) => Some(name),
                    _ => None,
                };
                self.secret(path, variable).map(Value::Secret)
            }
            (FieldKind::Text, Some(Entry::Text(text))) => Some(Value::Text(self.text(text))),
            (FieldKind::Url, Some(Entry::Text(url))) => {
                self.https_or_http(url);
                Some(Value::Text(url.trim_end_matches('/').to_owned()))
            }
            (FieldKind::OneOf(words), Some(Entry::Text(word))) => {
                if !words.contains(&word.as_str()) {
                    self.problem(
                        word,
                        format!("{} is none of the allowed words", quoted(word)),
                        format!("write one of: {}", words.join(", ")),
                    );
                }
                Some(Value::Text(word.to_string()))
            }
            (FieldKind::Addresses, Some(Entry::Texts(to))) => {
                if to.is_empty() {
                    self.problem(
                        to,
                        "the e-mail goes to nobody",
                        "name recipients, for example `to: [platform@example.com]`",
                    );
                }
                Some(Value::Texts(to.iter().map(|to| self.address(to)).collect()))
            }
            (FieldKind::Texts, Some(Entry::Texts(texts))) => Some(Value::Texts(self.texts(texts))),
            (FieldKind::Switch, Some(Entry::Switch(on))) => Some(Value::Switch(**on)),
            (FieldKind::Templates, Some(Entry::Path(path))) => {
                self.templates(path).map(Value::Templates)
            }
            _ => None,
        };
        if value.is_none() && field.needed {
            self.lacking(&filled.key, field);
        }
        value
    }

    fn lacking(&mut self, key: &At<String>, field: &Field) {
        let name = field.name;
        let place = format!(
            "put it in a file and name that with `{name}_file`, or name an environment variable \
             with `{name}_env`"
        );
        match field.kind {
            FieldKind::SecretUrl => self.problem(
                key,
                "the URL of this receiver's webhook is nowhere",
                format!("the URL is a secret: {place}"),
            ),
            FieldKind::Secret => self.problem(
                key,
                format!("{} is nowhere", field.about),
                format!("it is a secret: {place}"),
            ),
            _ => self.problem(
                key,
                format!("`{name}` is missing here"),
                format!("add `{name}: …`"),
            ),
        }
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
        let auth = match written.auth.as_deref() {
            None => SmtpAuth::Password,
            Some(Auth::Plain) => SmtpAuth::Plain,
            Some(Auth::Login) => SmtpAuth::Login,
            Some(Auth::Xoauth2) => SmtpAuth::Xoauth2,
        };
        if let (Some(auth), None) = (&written.auth, &written.username) {
            self.problem(
                auth,
                "nobody signs in at this server",
                "add `username` and `password_file`, or take `auth` away",
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
            auth,
            credentials,
        }
    }
}

fn is_this_host(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1")
}
