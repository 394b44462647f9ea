//! A generic webhook: a CloudEvent whose data is documented here and is an interface of its own:
//! fields may be added, never renamed.

mod body;
mod check;
mod signature;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

use crate::secret::SecretSource;

use self::body::{Body, body};
use super::http::HttpSender;
use super::settings::{Field, FieldKind, Form};
use super::{Channel, Delivery, Letter, Notifier, Pending, Preview, read_secret};

/// The `source` of the events unless the configuration says another.
const SOURCE: &str = "/mooring";

/// A program that takes the facts themselves.
pub(super) const CHANNEL: Channel = Channel {
    form: Form {
        name: "webhook",
        about: "A webhook that takes CloudEvents.",
        fields: &[
            Field {
                name: "url",
                about: "the URL",
                kind: FieldKind::SecretUrl,
                needed: true,
            },
            Field {
                name: "token",
                about: "a bearer token to send along",
                kind: FieldKind::Secret,
                needed: false,
            },
            Field {
                name: "secret",
                about: "the secret that signs the events (`whsec_…`), while it is replaced \
                        one in each line",
                kind: FieldKind::Secret,
                needed: false,
            },
            Field {
                name: "source",
                about: "The `source` of the events; default: `/mooring`.",
                kind: FieldKind::Text,
                needed: false,
            },
        ],
        smtp: false,
    },
    build: |blueprint| {
        Ok(Box::new(Webhook {
            url: blueprint.secret("url")?,
            token: blueprint.values.secret("token").cloned(),
            secret: blueprint.values.secret("secret").cloned(),
            source: blueprint.values.text("source").unwrap_or(SOURCE).to_owned(),
            http: blueprint.http()?,
        }))
    },
};

/// Delivers to one URL.
struct Webhook {
    url: SecretSource,
    token: Option<SecretSource>,
    secret: Option<SecretSource>,
    source: String,
    http: HttpSender,
}

impl Notifier for Webhook {
    fn takes_each(&self) -> bool {
        true
    }

    fn send<'a>(&'a self, letter: Letter<'a>) -> Pending<'a> {
        Box::pin(async move {
            let body = match serde_json::to_vec(&event(letter, &self.source)) {
                Ok(body) => body,
                Err(error) => {
                    return Delivery::Rejected {
                        error: format!("the message cannot be written as JSON: {error}"),
                    };
                }
            };
            let secret = match &self.secret {
                Some(secret) => match read_secret(secret).await {
                    Ok(secret) => Some(secret),
                    Err(delivery) => return delivery,
                },
                None => None,
            };
            let headers = match headers(letter, secret.as_ref(), Timestamp::now(), &body) {
                Ok(headers) => headers,
                Err(error) => {
                    return Delivery::Retry {
                        error: error.to_string(),
                        after: None,
                    };
                }
            };
            self.http
                .post(&self.url, self.token.as_ref(), &headers, body)
                .await
        })
    }

    fn preview(&self, letter: Letter<'_>) -> Vec<Preview> {
        Preview::json(&event(letter, &self.source))
    }
}

/// The headers of Standard Webhooks; they are signed if there is a secret. The time is that of the
/// attempt, so that receivers can refuse what somebody recorded and sends again.
fn headers(
    letter: Letter<'_>,
    secret: Option<&SecretString>,
    now: Timestamp,
    body: &[u8],
) -> Result<Vec<(&'static str, String)>, signature::SecretError> {
    let id = letter.id.to_string();
    let mut headers = vec![(
        "content-type",
        "application/cloudevents+json; charset=utf-8".to_owned(),
    )];
    if let Some(secret) = secret {
        let signature = signature::sign(secret, &id, now.as_second(), body)?;
        headers.push(("webhook-signature", signature));
    }
    headers.push(("webhook-timestamp", now.as_second().to_string()));
    headers.push(("webhook-id", id));
    Ok(headers)
}

/// A CloudEvent, version 1.0, in structured mode.
#[derive(Debug, Serialize)]
struct Event<'a> {
    /// Always `1.0`.
    specversion: &'static str,
    /// The message; the same in a duplicate, and in the header `Webhook-Id`.
    id: String,
    /// Which Mooring it comes from.
    source: &'a str,
    /// `mooring.alert.opened` (or another event of an alert), `mooring.repaired`, `mooring.summary`,
    /// `mooring.report` and so on, as the data's `notice` and `event` say.
    #[serde(rename = "type")]
    kind: String,
    /// The stack; absent in summaries and reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    /// When it happened.
    time: Timestamp,
    datacontenttype: &'static str,
    data: Body<'a>,
}

fn event<'a>(letter: Letter<'a>, source: &'a str) -> Event<'a> {
    let data = body(letter);
    let kind = match data.event {
        Some(event) => format!("mooring.{}.{event}", data.notice),
        None => format!("mooring.{}", data.notice),
    };
    Event {
        specversion: "1.0",
        id: data.id.clone(),
        source,
        kind,
        subject: data.stack,
        time: data.at,
        datacontenttype: "application/json",
        data,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
