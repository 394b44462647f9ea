//! A Slack app that posts with a bot token: an alert is one message that always shows how things
//! stand, and a thread below it.

use jiff::SignedDuration;
use reqwest::{Method, Url};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::domain::notice::Turn;
use crate::secret::SecretSource;

use super::chat;
use super::content::Content;
use super::http::{Answer, HttpSender};
use super::settings::{Field, FieldKind, Form};
use super::slack::{MOST_BLOCKS, body, text};
use super::words::cut;
use super::{Channel, Delivery, Letter, Notifier, Pending, Preview, read_secret};

const API: &str = "https://slack.com/api";
/// Slack counts the blocks of a message and of its attachments together.
const MOST_IN_ATTACHMENT: usize = MOST_BLOCKS - 1;
/// How long to wait if Slack asks for less haste without saying how long.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// A Slack app with a bot token.
pub(super) const CHANNEL: Channel = Channel {
    form: Form {
        name: "slack_bot",
        about: "A Slack app with a bot token: one message for each alert, kept up to date, and its thread.",
        fields: &[
            Field {
                name: "token",
                about: "the bot token (`xoxb-…`) with the scope `chat:write`",
                kind: FieldKind::Secret,
                needed: true,
            },
            Field {
                name: "channel",
                about: "the channel's id; the app must be a member of it",
                kind: FieldKind::Text,
                needed: true,
            },
            Field {
                name: "api_url",
                about: "another API than https://slack.com/api, such as that of GovSlack",
                kind: FieldKind::Url,
                needed: false,
            },
        ],
        smtp: false,
    },
    build: |blueprint| {
        let channel = blueprint.values.text("channel");
        let api = blueprint.values.text("api_url").unwrap_or(API);
        Ok(Box::new(SlackBot {
            token: blueprint.secret("token")?,
            channel: channel
                .ok_or_else(|| blueprint.missing("channel"))?
                .to_owned(),
            api: api.to_owned(),
            http: blueprint.http()?,
        }))
    },
};

/// Delivers to one channel.
struct SlackBot {
    token: SecretSource,
    channel: String,
    api: String,
    http: HttpSender,
}

/// Where a message is: a channel's id, and the time that is the message's name in it.
struct Place<'a> {
    channel: &'a str,
    ts: &'a str,
}

impl<'a> Place<'a> {
    fn parse(handle: &'a str) -> Option<Self> {
        let (channel, ts) = handle.split_once('/')?;
        Some(Self { channel, ts })
    }
}

/// What Slack did with a call.
enum Outcome {
    Done(Value),
    /// The message that was to be edited is not there any more.
    Gone,
    /// It is there, but is not to be edited any more.
    Fixed,
    Not(Delivery),
}

impl Notifier for SlackBot {
    fn send<'a>(&'a self, letter: Letter<'a>) -> Pending<'a> {
        Box::pin(async move {
            let content = letter.content();
            let token = match read_secret(&self.token).await {
                Ok(token) => token,
                Err(delivery) => return delivery,
            };
            let turn = letter.notice.turn();
            match letter.handle.and_then(Place::parse) {
                Some(first) if turn != Turn::Alone => {
                    self.follow(&token, &content, turn, &first).await
                }
                _ => self.begin(&token, &content).await,
            }
        })
    }

    fn preview(&self, letter: Letter<'_>) -> Vec<Preview> {
        Preview::json(&message(&letter.content()))
    }
}

impl SlackBot {
    /// A message of its own, which later ones of the thread follow.
    async fn begin(&self, token: &SecretString, content: &Content) -> Delivery {
        let mut message = message(content);
        message["channel"] = json!(self.channel);
        match self.call(token, "chat.postMessage", &message).await {
            Outcome::Done(answer) => {
                let place = answer["channel"].as_str().zip(answer["ts"].as_str());
                Delivery::Accepted {
                    handle: place.map(|(channel, ts)| format!("{channel}/{ts}")),
                }
            }
            other => other.failed(),
        }
    }

    /// The first message as things are now, and a reply to it. The edit comes first: done twice it
    /// changes nothing, so that a repeat after a failure between the two posts one reply.
    async fn follow(
        &self,
        token: &SecretString,
        content: &Content,
        turn: Turn,
        first: &Place<'_>,
    ) -> Delivery {
        let mut edit = message(content);
        edit["channel"] = json!(first.channel);
        edit["ts"] = json!(first.ts);
        match self.call(token, "chat.update", &edit).await {
            Outcome::Done(_) | Outcome::Fixed => {}
            Outcome::Gone => return self.begin(token, content).await,
            // What cannot be shown in place can still be told.
            Outcome::Not(Delivery::Rejected { .. }) => {}
            Outcome::Not(delivery) => return delivery,
        }
        let mut reply = message(content);
        reply["channel"] = json!(first.channel);
        reply["thread_ts"] = json!(first.ts);
        // Neither an edit nor a reply calls anybody to the channel.
        reply["reply_broadcast"] = json!(turn == Turn::GoesOn);
        match self.call(token, "chat.postMessage", &reply).await {
            Outcome::Done(_) => Delivery::Accepted { handle: None },
            Outcome::Gone => self.begin(token, content).await,
            other => other.failed(),
        }
    }

    async fn call(&self, token: &SecretString, method: &str, message: &Value) -> Outcome {
        let address = Url::parse(&format!("{}/{method}", self.api));
        let request = address
            .map_err(|error| Delivery::Rejected {
                error: format!("`api_url` is not a URL: {error}"),
            })
            .and_then(|address| Ok((address, chat::json(message)?)));
        let (address, body) = match request {
            Ok(request) => request,
            Err(delivery) => return Outcome::Not(delivery),
        };
        let http = &self.http;
        // The token is the only secret of the exchange.
        let sent = http.call(Method::POST, address, token, Some(token), body);
        match sent.await {
            Ok(answer) => outcome(&answer),
            Err(delivery) => Outcome::Not(delivery),
        }
    }
}

impl Outcome {
    fn failed(self) -> Delivery {
        match self {
            Self::Not(delivery) => delivery,
            Self::Done(_) | Self::Gone | Self::Fixed => Delivery::Retry {
                error: "Slack does not find the message it was asked for".to_owned(),
                after: None,
            },
        }
    }
}

/// Slack answers 200 and says in the body what went wrong.
/// See <https://docs.slack.dev/reference/methods/chat.postmessage#errors>.
fn outcome(answer: &Answer) -> Outcome {
    if !answer.status.is_success() {
        return Outcome::Not(answer.delivery());
    }
    let said = answer.json();
    if said["ok"] == true {
        return Outcome::Done(said);
    }
    let Some(code) = said["error"].as_str() else {
        return Outcome::Not(Delivery::Retry {
            error: "what answered is not the API of Slack".to_owned(),
            after: answer.after,
        });
    };
    let mut after = answer.after;
    let hint = match code {
        "message_not_found" | "thread_not_found" => return Outcome::Gone,
        "cant_update_message" | "edit_window_closed" | "update_failed" => return Outcome::Fixed,
        "msg_too_long"
        | "msg_blocks_too_long"
        | "no_text"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "invalid_attachments"
        | "too_many_attachments"
        | "invalid_arguments"
        | "invalid_json" => {
            let error = format!("Slack does not take the message: {}", answer.quote(code));
            return Outcome::Not(Delivery::Rejected { error });
        }
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => {
            after = after.or(Some(PAUSE));
            ""
        }
        "invalid_auth"
        | "not_authed"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "no_permission"
        | "missing_scope"
        | "not_allowed_token_type" => {
            ". The credential is refused: put a bot token with the scope chat:write into the secret"
        }
        "channel_not_found" | "not_in_channel" => {
            ". Is `channel` its id, and is the app a member? Invite it there"
        }
        "is_archived" => ". The channel is archived: name another as `channel`",
        _ => "",
    };
    Outcome::Not(Delivery::Retry {
        error: format!("Slack answered: {}{hint}", answer.quote(code)),
        after,
    })
}

/// A message without its place. The headline is plain text, the rest stands behind a bar in the
/// colour of how bad it is.
fn message(content: &Content) -> Value {
    let headline = json!({
        "type": "plain_text",
        "text": cut(&content.headline, 300),
        "emoji": false,
    });
    let mut message = json!({
        "text": text(content),
        // An edit would make links of names without it.
        "parse": "none",
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": [{"type": "section", "text": headline}],
    });
    let body = body(content, MOST_IN_ATTACHMENT);
    // An empty list also takes away what an earlier state had to say.
    message["attachments"] = if body.is_empty() {
        json!([])
    } else {
        json!([{"color": chat::hex_colour(content), "blocks": body}])
    };
    message
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
