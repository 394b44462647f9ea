//! An incoming webhook of Mattermost.

use serde_json::{Value, json};

use crate::secret::SecretSource;

use super::chat::{self, Dialect};
use super::content::Content;
use super::http::HttpSender;
use super::settings::{Field, FieldKind, Form};
use super::words::cut;
use super::{Channel, Letter, Notifier, Pending, Preview};

/// The longest text of a post; a longer one would be torn into several.
const TEXT_CHARACTERS: usize = 16_383;

const MARKDOWN: Dialect = Dialect {
    escaped: "\\`*_[]#~|>",
    mentions: true,
    length: chat::characters,
};

/// An incoming webhook of Mattermost, with a coloured attachment.
pub(super) const CHANNEL: Channel = Channel {
    form: Form {
        name: "mattermost",
        about: "An incoming webhook of Mattermost.",
        fields: &[
            Field {
                name: "webhook_url",
                about: "the webhook's URL",
                kind: FieldKind::SecretUrl,
                needed: true,
            },
            Field {
                name: "channel",
                about: "another channel than the webhook's own, by its name in URLs",
                kind: FieldKind::Text,
                needed: false,
            },
            Field {
                name: "username",
                about: "another name than the webhook's own",
                kind: FieldKind::Text,
                needed: false,
            },
        ],
        smtp: false,
    },
    build: |blueprint| {
        let text = |field| blueprint.values.text(field).map(str::to_owned);
        Ok(Box::new(Mattermost {
            url: blueprint.secret("webhook_url")?,
            channel: text("channel"),
            username: text("username"),
            http: blueprint.http()?,
        }))
    },
};

/// Delivers to one channel.
struct Mattermost {
    url: SecretSource,
    channel: Option<String>,
    username: Option<String>,
    http: HttpSender,
}

impl Notifier for Mattermost {
    fn send<'a>(&'a self, letter: Letter<'a>) -> Pending<'a> {
        Box::pin(async move {
            match chat::json(&self.body(letter)) {
                Ok(body) => self.http.post(&self.url, None, &[], body).await,
                Err(delivery) => delivery,
            }
        })
    }

    fn preview(&self, letter: Letter<'_>) -> Vec<Preview> {
        Preview::json(&self.body(letter))
    }
}

impl Mattermost {
    /// The body of the POST.
    fn body(&self, letter: Letter<'_>) -> Value {
        let mut body = message(&letter.content());
        for (key, value) in [("channel", &self.channel), ("username", &self.username)] {
            if let Some(value) = value {
                body[key] = json!(value);
            }
        }
        body
    }
}

fn message(content: &Content) -> Value {
    let facts = content.facts.join("\n");
    json!({"attachments": [{
        "fallback": MARKDOWN.escape(&content.subject),
        "color": chat::hex_colour(content),
        "title": MARKDOWN.escape(&cut(&content.headline, 300)),
        "text": MARKDOWN.sections(&content.sections, TEXT_CHARACTERS),
        "footer": MARKDOWN.escape(&cut(&facts, 300)),
    }]})
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
