//! `/api/v1/messages` and `/api/v1/channels`: what is in the outbox, how the channels are, and having
//! sent again what was given up.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::channel::Circuit;
use crate::domain::finding::Severity;
use crate::domain::ids::MessageId;
use crate::domain::message::MessageState;
use crate::reconcile::handle::{ChannelView, MessageFilter, MessageView};

use super::Api;
use super::ack::short;
use super::auth::Caller;
use super::error::ApiError;
use super::query::{Path, Query};

/// How many messages a list has unless asked otherwise.
const MESSAGES: u32 = 50;
/// How many it has at most.
const MAX_MESSAGES: u32 = 1000;

/// A message.
#[derive(Debug, Serialize)]
struct MessageDto {
    id: String,
    notifier: String,
    recipient: Option<String>,
    about: String,
    stack: Option<String>,
    severity: Severity,
    state: MessageState,
    attempts: u32,
    created_at: Timestamp,
    /// Of a waiting message; a channel that is left alone takes it later.
    next_at: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    last_error: Option<String>,
}

impl From<&MessageView> for MessageDto {
    fn from(view: &MessageView) -> Self {
        let message = &view.message;
        let if_in = |state| (message.state == state).then_some(message.next_at);
        Self {
            id: message.id.to_string(),
            notifier: message.to.notifier.clone(),
            recipient: message.to.recipient.clone(),
            about: view.about.clone(),
            stack: message.notice.stack().map(ToString::to_string),
            severity: message.notice.severity(),
            state: message.state,
            attempts: message.attempts,
            created_at: message.created_at,
            next_at: if_in(MessageState::Waiting),
            delivered_at: if_in(MessageState::Delivered),
            last_error: message.last_error.clone(),
        }
    }
}

/// A channel.
#[derive(Debug, Serialize)]
struct ChannelDto {
    name: String,
    /// `closed` (messages go to it), `open` (it is left alone) or `half_open` (it is tried).
    state: &'static str,
    /// Since when it has been closed, or has been failing.
    since: Timestamp,
    /// When one that is left alone is tried.
    next_trial_at: Option<Timestamp>,
    waiting: usize,
    given_up: usize,
    last_error: Option<String>,
    last_delivery_at: Option<Timestamp>,
}

impl From<ChannelView> for ChannelDto {
    fn from(view: ChannelView) -> Self {
        let channel = view.channel;
        Self {
            state: channel.circuit.as_str(),
            since: channel.since,
            next_trial_at: match channel.circuit {
                Circuit::Open(until) => Some(until),
                Circuit::Closed | Circuit::HalfOpen => None,
            },
            waiting: view.undelivered.waiting,
            given_up: view.undelivered.given_up,
            last_error: channel.last_error,
            last_delivery_at: channel.last_delivery,
            name: channel.notifier,
        }
    }
}

/// What a list may be narrowed to.
#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    state: Option<MessageState>,
    notifier: Option<String>,
    limit: Option<u32>,
}

/// `GET /api/v1/messages[?state=given_up&notifier=…&limit=…]`.
pub(super) async fn list(
    State(api): State<Api>,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>, ApiError> {
    let limit = filter.limit.unwrap_or(MESSAGES).min(MAX_MESSAGES);
    let filter = MessageFilter {
        state: filter.state,
        notifier: filter.notifier,
    };
    let messages = api.handle.messages(&filter, limit).await?;
    let messages: Vec<MessageDto> = messages.iter().map(MessageDto::from).collect();
    Ok(Json(json!({"schema_version": 1, "messages": messages})))
}

/// `GET /api/v1/messages/{message}`: with its text.
pub(super) async fn show(
    State(api): State<Api>,
    Path(message): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = id(&message)?;
    let found = api.handle.message(&id).await?;
    let (view, text) = found.ok_or_else(|| unknown(&message))?;
    let mut body = serde_json::to_value(MessageDto::from(&view)).unwrap_or_default();
    body["text"] = json!(text);
    Ok(Json(body))
}

/// Who has something sent again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryQuery {
    by: Option<String>,
}

/// `POST /api/v1/messages/{message}/retry?by=…`: sends a message that was given up again.
pub(super) async fn retry(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(message): Path<String>,
    Query(query): Query<RetryQuery>,
) -> Result<Response, ApiError> {
    let by = caller.named(query.by.as_deref())?;
    api.handle.retry_message(&id(&message)?, &by).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"messages": 1}))).into_response())
}

/// Who has what sent again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryAllQuery {
    by: Option<String>,
    notifier: Option<String>,
}

/// `POST /api/v1/messages/retry?by=…[&notifier=…]`: sends all that was given up again.
pub(super) async fn retry_all(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<RetryAllQuery>,
) -> Result<Response, ApiError> {
    let by = caller.named(query.by.as_deref())?;
    let notifier = query.notifier.as_deref();
    let messages = api.handle.retry_messages(notifier, &by).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"messages": messages}))).into_response())
}

/// `GET /api/v1/channels`.
pub(super) async fn channels(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    let channels = api.handle.channels().await?.into_iter();
    let channels: Vec<ChannelDto> = channels.map(ChannelDto::from).collect();
    Ok(Json(json!({"schema_version": 1, "channels": channels})))
}

fn id(message: &str) -> Result<MessageId, ApiError> {
    message.parse().map_err(|_| unknown(message))
}

fn unknown(message: &str) -> ApiError {
    ApiError::NotFound(format!("there is no message {}", short(message)))
}
