//! E-mail through an SMTP server, in a form that mail programs show as people expect.

mod message;
mod server;

use std::sync::Arc;

use lettre::message::Mailbox;

use self::message::Envelope;
use self::server::Server;
use super::render::{Data, Mail, Renderer};
use super::settings::{Field, FieldKind, Form};
use super::words::clean;
use super::{Channel, Delivery, Letter, Notifier, NotifyError, Pending, Preview};

/// Mail to some addresses.
pub(super) const CHANNEL: Channel = Channel {
    form: Form {
        name: "email",
        about: "E-mail; needs `smtp`.",
        fields: &[
            Field {
                name: "to",
                about: "Recipients' addresses.",
                kind: FieldKind::Addresses,
                needed: true,
            },
            Field {
                name: "templates",
                about: "Directory of templates for these mails, instead of the general ones.",
                kind: FieldKind::Templates,
                needed: false,
            },
        ],
        smtp: true,
    },
    build: |blueprint| {
        let name = blueprint.name;
        let smtp = blueprint.smtp.ok_or_else(|| NotifyError::NoSmtp {
            name: name.to_owned(),
        })?;
        let authorities = blueprint.authorities.map(|(pem, _)| pem.as_slice());
        let renderer = match blueprint.values.templates("templates") {
            Some(own) => {
                Arc::new(Renderer::new(own.clone()).map_err(|error| NotifyError::template(&error))?)
            }
            None => Arc::clone(blueprint.renderer),
        };
        Ok(Box::new(Email {
            name: name.to_owned(),
            server: Server::new(smtp, authorities)?,
            to: recipients(name, blueprint.values.texts("to"))?,
            renderer,
        }))
    },
};

/// Delivers to a list of addresses, one mail for each: a server that refuses one recipient of a mail
/// refuses the whole mail, now or for good.
struct Email {
    name: String,
    server: Server,
    to: Vec<Mailbox>,
    renderer: Arc<Renderer>,
}

/// Checks the addresses.
fn recipients(name: &str, to: &[String]) -> Result<Vec<Mailbox>, NotifyError> {
    let whose = format!("a recipient of {name}");
    let mut mailboxes: Vec<Mailbox> = Vec::new();
    for address in to {
        let mailbox = mailbox(address, &whose)?;
        if mailboxes.iter().all(|known| known.email != mailbox.email) {
            mailboxes.push(mailbox);
        }
    }
    if mailboxes.is_empty() {
        return Err(NotifyError::NoRecipient {
            name: name.to_owned(),
        });
    }
    Ok(mailboxes)
}

fn mailbox(text: &str, whose: &str) -> Result<Mailbox, NotifyError> {
    text.parse().map_err(|error| NotifyError::Address {
        address: clean(text),
        whose: whose.to_owned(),
        cause: format!("{error}"),
    })
}

impl Email {
    fn mail(&self, letter: Letter<'_>) -> Result<Mail, String> {
        let data = Data::new(
            &letter.content(),
            letter.notice,
            &self.name,
            &letter.style.zone,
        );
        self.renderer.mail(&data).map_err(|e| format!("{e:#}"))
    }

    fn envelope<'a>(&'a self, letter: Letter<'a>, to: &'a Mailbox) -> Envelope<'a> {
        Envelope {
            letter,
            receiver: &self.name,
            from: &self.server.from,
            to,
        }
    }
}

impl Notifier for Email {
    fn send<'a>(&'a self, letter: Letter<'a>) -> Pending<'a> {
        Box::pin(async move {
            let mut known = self.to.iter();
            let to = known.find(|known| letter.recipient == Some(address(known).as_str()));
            let Some(to) = to else {
                return Delivery::Rejected {
                    error: "the configuration does not name this recipient any more".to_owned(),
                };
            };
            let made = self
                .mail(letter)
                .and_then(|mail| self.envelope(letter, to).message(mail));
            let (message, handle) = match made {
                Ok(made) => made,
                Err(error) => return Delivery::Rejected { error },
            };
            match self.server.send(message).await {
                Delivery::Accepted { .. } => Delivery::Accepted { handle },
                failed => failed,
            }
        })
    }

    fn shares(&self) -> Option<&'static str> {
        Some("smtp")
    }

    fn recipients(&self) -> Vec<String> {
        self.to.iter().map(address).collect()
    }

    fn preview(&self, letter: Letter<'_>) -> Vec<Preview> {
        let Ok(mail) = self.mail(letter) else {
            return Vec::new();
        };
        let mut previews = vec![
            Preview::new("html", mail.html.clone()),
            Preview::new("txt", mail.text.clone()),
        ];
        let to = self.to.first();
        let message = to.and_then(|to| self.envelope(letter, to).message(mail).ok());
        let message = message.map(|(message, _)| Preview::new("eml", message.formatted()));
        previews.extend(message);
        previews
    }
}

fn address(mailbox: &Mailbox) -> String {
    mailbox.email.to_string()
}
