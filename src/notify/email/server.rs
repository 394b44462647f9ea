//! The SMTP server: how to reach it, to sign in, and to keep a connection for several mails.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::response::Code;
use lettre::transport::smtp::{AsyncSmtpTransportBuilder, Error as SmtpError, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::secret::{Masker, SecretSource};

use super::super::http::with_causes;
use super::super::settings::{SmtpAuth, SmtpSettings, SmtpTls};
use super::super::{Delivery, NotifyError, read_secret};
use super::mailbox;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one mail may take from connecting to the server's acceptance.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection is kept for the next mail: long enough for those of one alert, short enough
/// to be no burden to the server.
const IDLE: Duration = Duration::from_secs(10);

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// The SMTP server and how to sign in.
pub(super) struct Server {
    host: String,
    port: u16,
    pub(super) from: Mailbox,
    tls: Tls,
    auth: SmtpAuth,
    credentials: Option<(String, SecretSource)>,
    /// The transport of the last mail and the password it signed in with.
    open: Mutex<Option<(Option<SecretString>, Transport)>>,
}

impl Server {
    /// Checks the settings; `authorities` is PEM to trust besides the system's.
    pub(super) fn new(
        settings: &SmtpSettings,
        authorities: Option<&[u8]>,
    ) -> Result<Self, NotifyError> {
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
            auth: settings.auth,
            credentials: settings.credentials.clone(),
            open: Mutex::new(None),
        })
    }

    /// Hands a mail over. The password is read now; a connection that signed in with another one is
    /// not used any more.
    pub(super) async fn send(&self, message: Message) -> Delivery {
        let password = match &self.credentials {
            Some((_, source)) => match read_secret(source).await {
                Ok(password) => Some(password),
                Err(delivery) => return delivery,
            },
            None => None,
        };
        let masker = Masker::new(password.as_ref().map(ExposeSecret::expose_secret));
        let transport = self.transport(password).await;
        let sent = tokio::time::timeout(EXCHANGE_TIMEOUT, transport.send(message)).await;
        // The pool takes its connection back in a task of its own, which has to come before the next
        // mail.
        tokio::task::yield_now().await;
        let trouble = match sent {
            Ok(Ok(_)) => return Delivery::Accepted { handle: None },
            Ok(Err(error)) => self.trouble(&error),
            Err(_) => Trouble::passing(format!(
                "the SMTP server took longer than {} s",
                EXCHANGE_TIMEOUT.as_secs()
            )),
        };
        trouble.delivery(&masker)
    }

    async fn transport(&self, password: Option<SecretString>) -> Transport {
        let exposed = |password: &Option<SecretString>| {
            let password = password.as_ref();
            password.map(|password| password.expose_secret().to_owned())
        };
        let mut open = self.open.lock().await;
        match open.as_ref() {
            Some((known, transport)) if exposed(known) == exposed(&password) => transport.clone(),
            _ => {
                let transport = self.connect_as(password.as_ref());
                *open = Some((password, transport.clone()));
                transport
            }
        }
    }

    fn connect_as(&self, password: Option<&SecretString>) -> Transport {
        let mut builder: AsyncSmtpTransportBuilder = Transport::builder_dangerous(&self.host)
            .port(self.port)
            .tls(self.tls.clone())
            .timeout(Some(CONNECT_TIMEOUT))
            .pool_config(PoolConfig::new().max_size(1).idle_timeout(IDLE));
        if let (Some((user, _)), Some(password)) = (&self.credentials, password) {
            let mechanisms = match self.auth {
                SmtpAuth::Password => vec![Mechanism::Plain, Mechanism::Login],
                SmtpAuth::Plain => vec![Mechanism::Plain],
                SmtpAuth::Login => vec![Mechanism::Login],
                SmtpAuth::Xoauth2 => vec![Mechanism::Xoauth2],
            };
            builder = builder
                .authentication(mechanisms)
                .credentials(Credentials::new(
                    user.clone(),
                    password.expose_secret().to_owned(),
                ));
        }
        builder.build()
    }

    fn trouble(&self, error: &SmtpError) -> Trouble {
        let words = with_causes(error);
        if words.contains("No compatible authentication mechanism") {
            return Trouble::passing(format!(
                "{words}. The SMTP server offers no way of signing in that smtp.auth allows: \
                 leave it out, or write another one"
            ));
        }
        // A server that refuses a token explains itself first, which the client does not expect.
        if self.auth == SmtpAuth::Xoauth2 && words.contains("does not expect a challenge") {
            return Trouble::passing(
                "the SMTP server refuses the access token: it may be over, or not be meant for mail"
                    .to_owned(),
            );
        }
        Trouble::of(error)
    }
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
