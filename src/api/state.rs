//! Snapshots of states: `/api/v1/stacks/{stack}/snapshots`. Opening one shows every secret in it, so it
//! is asked for as what changes something is.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::ids::{RestoreDigest, SnapshotId, StackId};
use crate::domain::restore::{Choices, Meaning};
use crate::domain::snapshot::SnapshotNote;
use crate::reconcile::handle::{Asked, Restore};

use super::Api;
use super::ack::short;
use super::auth::Caller;
use super::error::ApiError;
use super::query::{Path, Query};

/// A snapshot as it is listed.
#[derive(Debug, Serialize)]
struct SnapshotDto {
    snapshot: SnapshotId,
    made_at: Option<Timestamp>,
    /// What is known of it; null if what stood beside it is lost.
    #[serde(flatten)]
    note: Option<SnapshotNote>,
}

/// `GET /api/v1/stacks/{stack}/snapshots`: newest first.
pub(super) async fn list(
    State(api): State<Api>,
    Path(stack): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = StackId::new(stack);
    let snapshots = api.handle.snapshots(&id).await?;
    if snapshots.is_empty() && api.handle.stack(&id).await?.is_none() {
        return Err(ApiError::NotFound(format!("there is no stack {id}")));
    }
    let snapshots = snapshots.into_iter().rev();
    let snapshots: Vec<SnapshotDto> = snapshots
        .map(|(snapshot, note)| SnapshotDto {
            snapshot,
            made_at: snapshot.made_at(),
            note,
        })
        .collect();
    Ok(Json(
        json!({"schema_version": 1, "stack": id, "snapshots": snapshots}),
    ))
}

/// Who opens a snapshot.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenQuery {
    by: Option<String>,
}

/// `POST /api/v1/stacks/{stack}/snapshots/{snapshot}/open[?by=…]`: the state, as Terraform wrote it.
pub(super) async fn open(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path((stack, snapshot)): Path<(String, String)>,
    Query(query): Query<OpenQuery>,
) -> Result<Response, ApiError> {
    let (stack, by) = (StackId::new(stack), caller.named(query.by.as_deref())?);
    let state = api.handle.snapshot(&stack, id(&snapshot)?, &by).await?;
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, state).into_response())
}

/// How a snapshot is to be put back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestoreBody {
    by: Option<String>,
    #[serde(default)]
    choices: Choices,
    confirm: Option<RestoreDigest>,
}

/// What comes of it.
#[derive(Debug, Serialize)]
struct RestoreDto {
    schema_version: u8,
    #[serde(flatten)]
    meaning: Meaning,
    objections: Vec<String>,
    confirm: Option<RestoreDigest>,
    restored: bool,
    serial: Option<u64>,
    before: Option<SnapshotId>,
}

/// `POST /api/v1/stacks/{stack}/snapshots/{snapshot}/restore`: without `confirm` it only says what that
/// would mean.
pub(super) async fn restore(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path((stack, snapshot)): Path<(String, String)>,
    Json(body): Json<RestoreBody>,
) -> Result<Response, ApiError> {
    let asked = Asked {
        snapshot: id(&snapshot)?,
        choices: body.choices,
        confirm: body.confirm,
        by: caller.named(body.by.as_deref())?,
    };
    let Restore {
        meaning,
        objections,
        digest,
        done,
    } = api.handle.restore(&StackId::new(stack), asked).await?;
    let dto = RestoreDto {
        schema_version: 1,
        meaning,
        objections: objections.iter().map(ToString::to_string).collect(),
        confirm: digest.filter(|_| done.is_none()),
        restored: done.is_some(),
        serial: done.as_ref().map(|done| done.state.serial),
        before: done.and_then(|done| done.before),
    };
    Ok(Json(dto).into_response())
}

fn id(snapshot: &str) -> Result<SnapshotId, ApiError> {
    snapshot
        .parse()
        .map_err(|_| ApiError::NotFound(format!("there is no snapshot {}", short(snapshot))))
}
