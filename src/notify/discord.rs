//! A webhook of Discord. The first message of an alert always shows how things stand; later ones
//! follow it in the channel, since a webhook cannot reply.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode, Url};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::domain::notice::Turn;
use crate::secret::SecretSource;

use super::chat::{self, Dialect};
use super::content::Content;
use super::http::{Answer, HttpSender, address};
use super::settings::{Field, FieldKind, Form};
use super::{Channel, Delivery, Letter, Notifier, Pending, Preview, read_secret};

/// Limits of an embed, of 6000 characters in all.
/// See <https://discord.com/developers/docs/resources/message#embed-object-embed-limits>.
const TITLE: usize = 256;
const DESCRIPTION: usize = 4096;
const FOOTER: usize = 1000;
/// The code of an error that says that a message is not there.
const UNKNOWN_MESSAGE: u64 = 10008;

const MARKDOWN: Dialect = Dialect {
    escaped: "\\`*_[]#~|><@",
    mentions: false,
    length: chat::code_units,
};

/// A webhook of Discord, with an embed.
pub(super) const CHANNEL: Channel = Channel {
    form: Form {
        name: "discord",
        about: "A webhook of Discord.",
        fields: &[Field {
            name: "webhook_url",
            about: "the webhook's URL",
            kind: FieldKind::SecretUrl,
            needed: true,
        }],
        smtp: false,
    },
    build: |blueprint| {
        Ok(Box::new(Discord {
            url: blueprint.secret("webhook_url")?,
            http: blueprint.http()?,
        }))
    },
};

/// Delivers to one channel.
struct Discord {
    url: SecretSource,
    http: HttpSender,
}

impl Notifier for Discord {
    fn send<'a>(&'a self, letter: Letter<'a>) -> Pending<'a> {
        Box::pin(async move {
            match self.deliver(letter).await {
                Ok(delivery) | Err(delivery) => delivery,
            }
        })
    }

    fn preview(&self, letter: Letter<'_>) -> Vec<Preview> {
        Preview::json(&message(&letter.content()))
    }
}

impl Discord {
    /// The edit comes first: done twice it changes nothing, so that a repeat after a failure
    /// between the two posts one message.
    async fn deliver(&self, letter: Letter<'_>) -> Result<Delivery, Delivery> {
        let secret = read_secret(&self.url).await?;
        let url = address(&secret).map_err(|error| Delivery::Retry { error, after: None })?;
        let body = chat::json(&message(&letter.content()))?;
        let mut followed = false;
        if letter.notice.turn() != Turn::Alone
            && let Some(edit) = letter.handle.and_then(|id| place_of(&url, id))
        {
            let answer = self.call(Method::PATCH, edit, &secret, &body).await?;
            match done(&answer) {
                // What cannot be shown in place can still be told.
                Ok(()) | Err(Delivery::Rejected { .. }) => followed = true,
                Err(delivery) if !gone(&answer) => return Err(delivery),
                Err(_) => {}
            }
        }
        let mut post = url;
        post.query_pairs_mut().append_pair("wait", "true");
        let answer = self.call(Method::POST, post, &secret, &body).await?;
        done(&answer)?;
        let said = answer.json();
        let handle = said["id"].as_str().filter(|_| !followed);
        Ok(Delivery::Accepted {
            handle: handle.map(str::to_owned),
        })
    }

    async fn call(
        &self,
        method: Method,
        to: Url,
        secret: &SecretString,
        body: &[u8],
    ) -> Result<Answer, Delivery> {
        let body = body.to_vec();
        self.http.call(method, to, secret, None, body).await
    }
}

/// Where a message of the webhook is edited; what the URL asks for, such as a thread, stays.
fn place_of(webhook: &Url, message: &str) -> Option<Url> {
    let number = !message.is_empty() && message.bytes().all(|byte| byte.is_ascii_digit());
    let mut url = webhook.clone();
    url.path_segments_mut()
        .ok()?
        .pop_if_empty()
        .extend(["messages", message]);
    number.then_some(url)
}

fn gone(answer: &Answer) -> bool {
    answer.status == StatusCode::NOT_FOUND && answer.json()["code"] == UNKNOWN_MESSAGE
}

/// Whether a call did what it should. Discord says more exactly in the body than in the header how
/// long it wants to be left alone.
fn done(answer: &Answer) -> Result<(), Delivery> {
    match answer.delivery() {
        Delivery::Accepted { .. } => Ok(()),
        Delivery::Retry { error, after } => {
            let seconds = answer.json()["retry_after"].as_f64();
            let told = seconds.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
            let told = told.filter(|told| !told.is_negative());
            Err(Delivery::Retry {
                error,
                after: told.or(after),
            })
        }
        rejected => Err(rejected),
    }
}

/// The body of a message; nobody is mentioned, whatever stands in it.
fn message(content: &Content) -> Value {
    let mut embed = json!({
        "title": MARKDOWN.cut(&MARKDOWN.escape(&content.headline), TITLE),
        "color": chat::colour(content),
    });
    let description = MARKDOWN.sections(&content.sections, DESCRIPTION);
    if !description.is_empty() {
        embed["description"] = json!(description);
    }
    let facts = MARKDOWN.cut(&content.facts.join("\n"), FOOTER);
    if !facts.is_empty() {
        embed["footer"] = json!({"text": facts});
    }
    json!({"allowed_mentions": {"parse": []}, "embeds": [embed]})
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
