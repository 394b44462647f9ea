//! A person takes the troubles of a stack on, or those of one cause.

use axum::extract::State;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::alert::Acknowledgement;
use crate::domain::identity::Identity;
use crate::domain::ids::StackId;
use crate::reconcile::command::Concern;

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::query::{Path, Query};
use super::stacks::unknown;

/// Longest name or reason taken over, in characters.
const LONGEST: usize = 500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AckQuery {
    by: Option<String>,
    until: Option<Timestamp>,
    reason: Option<String>,
}

/// `POST /api/v1/stacks/{stack}/ack`: nobody is reminded of the stack's open alerts until they grow
/// or until a time.
pub(super) async fn of_stack(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(stack): Path<String>,
    Query(query): Query<AckQuery>,
) -> Result<Json<Value>, ApiError> {
    let by = caller.named(query.by.as_deref())?;
    let id = StackId::new(stack);
    let taken_on = acknowledge(&api, &by, &Concern::Stack(id.clone()), query).await;
    // A source alerts like a stack of its name, so what is open comes first.
    if let Err(ApiError::NothingOpen(_)) = taken_on
        && api.handle.stack(&id).await?.is_none()
    {
        return Err(unknown(&api, &id).await);
    }
    taken_on
}

/// `POST /api/v1/causes/{cause}/ack`: the same for the open alerts of every stack with this cause.
pub(super) async fn of_cause(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(cause): Path<String>,
    Query(query): Query<AckQuery>,
) -> Result<Json<Value>, ApiError> {
    let by = caller.named(query.by.as_deref())?;
    acknowledge(&api, &by, &Concern::Cause(cause), query).await
}

async fn acknowledge(
    api: &Api,
    by: &Identity,
    concern: &Concern,
    query: AckQuery,
) -> Result<Json<Value>, ApiError> {
    let now = Timestamp::now();
    if query.until.is_some_and(|until| until <= now) {
        return Err(ApiError::BadRequest("`until` is over already".to_owned()));
    }
    let acknowledgement = Acknowledgement {
        by: by.to_string(),
        at: now,
        until: query.until,
        reason: query.reason.as_deref().map(short),
    };
    let alerts = api
        .handle
        .acknowledge(concern, &acknowledgement, by, now)
        .await?;
    Ok(Json(
        json!({"alerts": alerts, "until": acknowledgement.until}),
    ))
}

/// No more of a text than anybody reads.
pub(super) fn short(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
