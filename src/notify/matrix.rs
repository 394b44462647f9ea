//! A room on a Matrix homeserver. An alert is a thread: its first message is edited when it is over,
//! and what happens in between is told below it.

use jiff::SignedDuration;
use reqwest::{Method, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::domain::finding::Severity;
use crate::domain::notice::{Notice, Turn};
use crate::secret::{Masker, SecretSource};

use super::content::Content;
use super::http::HttpSender;
use super::rest::{Answer, Request, below, credential};
use super::section::{Item, Section};
use super::settings::{Field, FieldKind, Form};
use super::words::cut;
use super::{Channel, Delivery, Letter, Notifier, NotifyError, Pending, Preview, read_secret};

/// An event has at most 65,536 bytes, of which each quote and backslash takes two.
const TEXT_BYTES: usize = 8_000;
const HTML_BYTES: usize = 20_000;
const HINT: &str = "The room needs to exist, and the user of the token to have joined it and to be \
                    allowed to write there";

/// A room.
pub(super) const CHANNEL: Channel = Channel {
    form: Form {
        name: "matrix",
        about: "A room on a Matrix homeserver.",
        fields: &[
            Field {
                name: "homeserver",
                about: "The homeserver's URL.",
                kind: FieldKind::Url,
                needed: true,
            },
            Field {
                name: "token",
                about: "the access token of a user who has joined the room",
                kind: FieldKind::Secret,
                needed: true,
            },
            Field {
                name: "room",
                about: "The room's id (`!…`) or alias (`#name:server`).",
                kind: FieldKind::Text,
                needed: true,
            },
        ],
        smtp: false,
    },
    build: |blueprint| {
        let room = blueprint.text("room")?;
        if !room.starts_with(['!', '#']) {
            return Err(NotifyError::Unusable {
                name: blueprint.name.to_owned(),
                field: "room",
                value: room.to_owned(),
                cause: "a room's id begins with `!`, an alias with `#`".to_owned(),
            });
        }
        blueprint.text("homeserver")?;
        Ok(Box::new(Matrix {
            homeserver: blueprint.server("homeserver", "")?,
            room: room.to_owned(),
            token: blueprint.secret("token")?,
            http: blueprint.http()?,
        }))
    },
};

/// Delivers to one room.
struct Matrix {
    homeserver: Url,
    room: String,
    token: SecretSource,
    http: HttpSender,
}

/// What is remembered of a thread.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// The room, as the thread stays where it began.
    room: String,
    /// The event at its beginning.
    root: String,
}

impl Notifier for Matrix {
    fn send<'a>(&'a self, letter: Letter<'a>) -> Pending<'a> {
        Box::pin(async move {
            match self.deliver(letter).await {
                Ok(handle) => Delivery::Accepted { handle },
                Err(delivery) => delivery,
            }
        })
    }

    fn preview(&self, letter: Letter<'_>) -> Vec<Preview> {
        Preview::json(&message(letter.notice, &letter.content()))
    }
}

impl Matrix {
    // Each event has a transaction id made from the message's: the server takes it once, however
    // often it is sent.
    async fn deliver(&self, letter: Letter<'_>) -> Result<Option<String>, Delivery> {
        let token = read_secret(&self.token).await?;
        let content = letter.content();
        let message = message(letter.notice, &content);
        let id = letter.id.to_string();
        let room = self.resolve(&token).await?;
        let kept = letter.handle.map(serde_json::from_str::<Kept>);
        let kept = kept.and_then(Result::ok).filter(|kept| kept.room == room);
        let Some(kept) = kept else {
            let root = self.put(&token, &room, &id, message).await?;
            if letter.notice.turn() == Turn::Alone {
                return Ok(None);
            }
            // Text is always JSON.
            return Ok(serde_json::to_string(&Kept { room, root }).ok());
        };
        if letter.notice.turn() == Turn::Ends {
            let edit = edited(&kept.root, &message, &content);
            let id = format!("{id}-edit");
            self.put(&token, &room, &id, edit).await?;
        }
        let message = threaded(&kept.root, message);
        self.put(&token, &room, &id, message).await?;
        Ok(None)
    }

    /// The id of the room: an alias may be moved to another one.
    async fn resolve(&self, token: &SecretString) -> Result<String, Delivery> {
        if self.room.starts_with('!') {
            return Ok(self.room.clone());
        }
        let path = ["_matrix", "client", "v3", "directory", "room", &self.room];
        let request = Request::get(below(&self.homeserver, path));
        let answer = self.ask(token, request).await?;
        text(&answer, "room_id")
    }

    /// Sends an event and gives back its id.
    async fn put(
        &self,
        token: &SecretString,
        room: &str,
        transaction: &str,
        event: Json,
    ) -> Result<String, Delivery> {
        let path = ["_matrix", "client", "v3", "rooms", room, "send"];
        let path = path.into_iter().chain(["m.room.message", transaction]);
        let url = below(&self.homeserver, path);
        let request = Request::with(Method::PUT, url, event);
        let answer = self.ask(token, request).await?;
        text(&answer, "event_id")
    }

    async fn ask(&self, token: &SecretString, request: Request) -> Result<Answer, Delivery> {
        let masker = Masker::new([token.expose_secret()]);
        let headers = [credential("authorization", "Bearer ", token)?];
        let headers = headers.into_iter().collect();
        let mut answer = self.http.ask(request, headers, &masker).await?;
        // Older servers say it in the body only.
        if answer.status == StatusCode::TOO_MANY_REQUESTS
            && let Some(wait) = answer.json["retry_after_ms"].as_u64()
        {
            let seconds = i64::try_from(wait.div_ceil(1000)).unwrap_or(i64::MAX);
            answer.wait = Some(SignedDuration::from_secs(seconds));
        }
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(answer.refusal("the homeserver", HINT))
    }
}

fn text(answer: &Answer, field: &str) -> Result<String, Delivery> {
    let text = answer.json[field].as_str().map(str::to_owned);
    text.ok_or_else(|| Delivery::Retry {
        error: format!("the homeserver's answer lacks {field}. Is its URL right?"),
        after: None,
    })
}

/// A message that calls nobody, whatever names stand in it. What begins wakes people; what follows
/// is there to be read.
fn message(notice: &Notice, content: &Content) -> Json {
    let begins = notice.turn() == Turn::Begins && notice.severity() > Severity::Info;
    json!({
        "msgtype": if begins { "m.text" } else { "m.notice" },
        "body": plain(content),
        "format": "org.matrix.custom.html",
        "formatted_body": html(content),
        "m.mentions": {},
    })
}

/// The message below the one that began.
fn threaded(root: &str, mut message: Json) -> Json {
    message["m.relates_to"] = json!({
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": true,
        "m.in_reply_to": {"event_id": root},
    });
    message
}

/// The message in place of the one that began.
fn edited(root: &str, message: &Json, content: &Content) -> Json {
    json!({
        "msgtype": message["msgtype"],
        "body": format!("* {}", content.subject),
        "m.mentions": {},
        "m.new_content": message,
        "m.relates_to": {"rel_type": "m.replace", "event_id": root},
    })
}

/// Parts up to a size; none is torn apart.
fn fitting(parts: impl IntoIterator<Item = String>, most: usize, rest: &str) -> String {
    let mut text = String::new();
    for part in parts {
        if text.len() + part.len() + rest.len() > most {
            text.push_str(rest);
            break;
        }
        text.push_str(&part);
    }
    text
}

fn plain(content: &Content) -> String {
    let mut parts = vec![cut(&content.headline, 500)];
    parts.extend(
        content
            .facts
            .iter()
            .map(|fact| format!("\n{}", cut(fact, 500))),
    );
    for section in &content.sections {
        parts.push(format!("\n\n{}", section.title));
        let items = section.items.iter();
        parts.extend(items.map(|item| format!("\n- {}", item.plain())));
        parts.extend(section.more.iter().map(|more| format!("\n{more}")));
    }
    fitting(parts, TEXT_BYTES, "\n… this is not all of it")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

fn html(content: &Content) -> String {
    let headline = escape(&cut(&content.headline, 500));
    let mut parts = vec![format!("<b>{headline}</b>")];
    let facts = content.facts.iter();
    parts.extend(facts.map(|fact| format!("<br>{}", escape(&cut(fact, 500)))));
    parts.extend(content.sections.iter().flat_map(paragraphs));
    fitting(parts, HTML_BYTES, "<p>… this is not all of it</p>")
}

/// Each part is whole in itself, so that what is left out leaves no tag open.
fn paragraphs(section: &Section) -> Vec<String> {
    let mut parts = vec![format!("<p><b>{}</b></p>", escape(section.title))];
    parts.extend(section.items.iter().map(entry));
    let more = section.more.iter();
    parts.extend(more.map(|more| format!("<p>{}</p>", escape(more))));
    parts
}

fn entry(item: &Item) -> String {
    let mut entry = item.head(code, escape);
    let link = |place: &str, to: &str| format!("<a href=\"{}\">{}</a>", escape(to), escape(place));
    for line in &item.lines {
        entry.push_str(&format!("<br>{}", line.form(code, escape, link)));
    }
    format!("<ul><li>{entry}</li></ul>")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
