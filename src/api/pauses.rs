//! `/api/v1/pauses`: nothing is changed for now. To pause and to list asks no database.

use axum::extract::State;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::ids::{SourceName, StackId};
use crate::domain::pause::{Pause, Scope};

use super::Api;
use super::ack::short;
use super::auth::Caller;
use super::error::ApiError;
use super::query::Query;

/// What is to be paused, or to go on: one of the three.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PauseQuery {
    #[serde(default)]
    all: bool,
    source: Option<String>,
    stack: Option<String>,
    by: Option<String>,
    reason: Option<String>,
    until: Option<Timestamp>,
}

impl PauseQuery {
    fn scope(&self) -> Result<Scope, ApiError> {
        match (self.all, &self.source, &self.stack) {
            (true, None, None) => Ok(Scope::All),
            (false, Some(source), None) => Ok(Scope::Source(SourceName::new(source))),
            (false, None, Some(stack)) => Ok(Scope::Stack(StackId::new(stack))),
            _ => Err(ApiError::BadRequest(
                "give one of `all=true`, `source` and `stack`".to_owned(),
            )),
        }
    }
}

/// `GET /api/v1/pauses`.
pub(super) async fn list(State(api): State<Api>) -> Json<Value> {
    let pauses = api.handle.pauses();
    let pauses: Vec<Value> = pauses.iter().map(dto).collect();
    Json(json!({"schema_version": 1, "pauses": pauses}))
}

/// `POST /api/v1/pauses?all=true|source=…|stack=…[&by=…&reason=…&until=…]`.
pub(super) async fn pause(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<PauseQuery>,
) -> Result<Json<Value>, ApiError> {
    let now = Timestamp::now();
    if query.until.is_some_and(|until| until <= now) {
        return Err(ApiError::BadRequest("`until` is over already".to_owned()));
    }
    let by = caller.named(query.by.as_deref())?;
    let pause = Pause {
        scope: query.scope()?,
        by: by.to_string(),
        reason: query.reason.as_deref().map(short),
        at: now,
        until: query.until,
    };
    let answer = dto(&pause);
    api.handle.pause(pause, by)?;
    Ok(Json(answer))
}

/// `POST /api/v1/pauses/end?all=true|source=…|stack=…[&by=…]`.
pub(super) async fn end(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<PauseQuery>,
) -> Result<Json<Value>, ApiError> {
    let scope = query.scope()?;
    let by = caller.named(query.by.as_deref())?;
    api.handle.unpause(&scope, &by).await?;
    Ok(Json(json!({"ended": scope.to_string()})))
}

fn dto(pause: &Pause) -> Value {
    let (source, stack) = match &pause.scope {
        Scope::All => (None, None),
        Scope::Source(source) => (Some(source.as_str()), None),
        Scope::Stack(stack) => (None, Some(stack.as_str())),
    };
    json!({
        "all": pause.scope == Scope::All,
        "source": source,
        "stack": stack,
        "by": pause.by,
        "reason": pause.reason,
        "at": pause.at,
        "until": pause.until,
        "words": pause.words(),
    })
}
