//! E-mail through an SMTP server.

use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::response::Code;
use lettre::transport::smtp::{AsyncSmtpTransportBuilder, Error as SmtpError, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};

use crate::secret::{Masker, SecretSource};

use super::content::content;
use super::http::with_causes;
use super::render::Renderer;
use super::settings::{Field, FieldKind, Form, SmtpSettings, SmtpTls};
use super::words::clean;
use super::{Channel, Delivery, Letter, Notifier, NotifyError, Pending, read_secret};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one mail may take from connecting to the server's acceptance.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);

/// Mail to some addresses.
pub(super) const CHANNEL: Channel = Channel {
    form: Form {
        name: "email",
        about: "E-mail; needs `smtp`.",
        fields: &[Field {
            name: "to",
            about: "Recipients' addresses.",
            kind: FieldKind::Addresses,
            needed: true,
        }],
        smtp: true,
    },
    build: |blueprint| {
        let name = blueprint.name;
        let smtp = blueprint.smtp.ok_or_else(|| NotifyError::NoSmtp {
            name: name.to_owned(),
        })?;
        let authorities = blueprint.authorities.map(|(pem, _)| pem.as_slice());
        let server = Server::new(smtp, authorities)?;
        let to = blueprint.values.texts("to");
        let renderer = std::sync::Arc::clone(blueprint.renderer);
        Ok(Box::new(Email::new(name, server, to, renderer)?))
    },
};

/// The SMTP server and how to sign in.
struct Server {
    host: String,
    port: u16,
    from: Mailbox,
    tls: Tls,
    credentials: Option<(String, SecretSource)>,
}

impl Server {
    /// Checks the settings; `authorities` is PEM to trust besides the system's.
    fn new(settings: &SmtpSettings, authorities: Option<&[u8]>) -> Result<Self, NotifyError> {
        let parameters = || {
            let mut builder = TlsParameters::builder(settings.host.clone());
            if let Some(pem) = authorities {
                let certificate = lettre::transport::smtp::client::Certificate::from_pem(pem)?;
                builder = builder.add_root_certificate(certificate);
            }
            builder.build()
        };
        let tls = match settings.tls {
            SmtpTls::StartTls => parameters().map(Tls::Required),
            SmtpTls::Tls => parameters().map(Tls::Wrapper),
            SmtpTls::None => Ok(Tls::None),
        };
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            from: mailbox(&settings.from, "the sender")?,
            tls: tls.map_err(|error| NotifyError::Tls {
                cause: with_causes(&error),
            })?,
            credentials: settings.credentials.clone(),
        })
    }

    /// A transport of its own for each delivery: the password may have been rotated since the last.
    fn transport(&self, password: Option<&SecretString>) -> AsyncSmtpTransport<Tokio1Executor> {
        let mut builder: AsyncSmtpTransportBuilder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
                .port(self.port)
                .tls(self.tls.clone())
                .timeout(Some(CONNECT_TIMEOUT))
                .pool_config(PoolConfig::new().max_size(1));
        if let (Some((user, _)), Some(password)) = (&self.credentials, password) {
            builder = builder.credentials(Credentials::new(
                user.clone(),
                password.expose_secret().to_owned(),
            ));
        }
        builder.build()
    }
}

fn mailbox(text: &str, whose: &str) -> Result<Mailbox, NotifyError> {
    text.parse().map_err(|error| NotifyError::Address {
        address: clean(text),
        whose: whose.to_owned(),
        cause: format!("{error}"),
    })
}

/// Delivers to a list of addresses, one mail for each: a server that refuses one recipient of a mail
/// refuses the whole mail, now or for good.
struct Email {
    server: Server,
    to: Vec<Mailbox>,
    renderer: std::sync::Arc<Renderer>,
}

impl Email {
    /// Checks the addresses.
    fn new(
        name: &str,
        server: Server,
        to: &[String],
        renderer: std::sync::Arc<Renderer>,
    ) -> Result<Self, NotifyError> {
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
        Ok(Self {
            server,
            to: mailboxes,
            renderer,
        })
    }

    fn message(&self, letter: Letter<'_>, to: &Mailbox) -> Result<Message, String> {
        let words = content(letter.notice);
        let text = self.renderer.text(&words).map_err(|e| format!("{e:#}"))?;
        let html = self.renderer.html(&words).map_err(|e| format!("{e:#}"))?;
        let domain = self.server.from.email.domain();
        let conversation = format!("<{}@mooring.{domain}>", letter.notice.conversation());
        let mut message = Message::builder()
            .from(self.server.from.clone())
            .to(to.clone())
            .subject(words.subject)
            .date(SystemTime::from(letter.created_at))
            .message_id(Some(format!("<{}@mooring.{domain}>", letter.id)))
            .in_reply_to(conversation.clone())
            .references(conversation)
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        if let Some(stack) = letter.notice.stack() {
            message = message.raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("X-Mooring-Stack"),
                clean(stack.as_str()),
            ));
        }
        let body = MultiPart::alternative()
            .boundary(format!("mooring-{}", letter.id))
            .singlepart(SinglePart::plain(text))
            .singlepart(SinglePart::html(html));
        message.multipart(body).map_err(|e| with_causes(&e))
    }

    async fn hand_over(
        &self,
        transport: &AsyncSmtpTransport<Tokio1Executor>,
        message: Message,
    ) -> Result<(), Trouble> {
        match tokio::time::timeout(EXCHANGE_TIMEOUT, transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Trouble::of(&error)),
            Err(_) => Err(Trouble::passing(format!(
                "the SMTP server took longer than {} s",
                EXCHANGE_TIMEOUT.as_secs()
            ))),
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
            let password = match &self.server.credentials {
                Some((_, source)) => match read_secret(source).await {
                    Ok(password) => Some(password),
                    Err(delivery) => return delivery,
                },
                None => None,
            };
            let masker = Masker::new(password.as_ref().map(ExposeSecret::expose_secret));
            let message = match self.message(letter, to) {
                Ok(message) => message,
                Err(error) => return Delivery::Rejected { error },
            };
            let transport = self.server.transport(password.as_ref());
            let outcome = self.hand_over(&transport, message).await;
            let _ = tokio::time::timeout(Duration::from_secs(2), transport.shutdown()).await;
            match outcome {
                Ok(()) => Delivery::Accepted { handle: None },
                Err(trouble) => trouble.delivery(&masker),
            }
        })
    }

    fn recipients(&self) -> Vec<String> {
        self.to.iter().map(address).collect()
    }
}

fn address(mailbox: &Mailbox) -> String {
    mailbox.email.to_string()
}

/// Why a mail was not taken, and whether trying again can help.
struct Trouble {
    error: String,
    lasting: bool,
}

impl Trouble {
    fn passing(error: String) -> Self {
        Self {
            error,
            lasting: false,
        }
    }

    const fn lasting(error: String) -> Self {
        Self {
            error,
            lasting: true,
        }
    }

    fn of(error: &SmtpError) -> Self {
        let words = with_causes(error);
        let Some(code) = error.status().filter(|_| error.is_permanent()) else {
            let hint = if error.is_tls() || words.contains("certificate") {
                ". If the server's certificate comes from an authority of your own, name that \
                 authority in ca_file"
            } else {
                ""
            };
            return Self::passing(format!("{words}{hint}"));
        };
        if concerns_sign_in(code) {
            return Self::passing(format!(
                "{words}. The SMTP server refuses the user name or password: check both"
            ));
        }
        Self::lasting(words)
    }

    fn delivery(self, masker: &Masker) -> Delivery {
        let error = masker.mask(&self.error);
        if self.lasting {
            Delivery::Rejected { error }
        } else {
            Delivery::Retry { error, after: None }
        }
    }
}

/// 530, 534, 535 and 538 (RFC 4954): a password that is being rotated looks like this.
fn concerns_sign_in(code: Code) -> bool {
    matches!(u16::from(code), 530 | 534 | 535 | 538)
}
