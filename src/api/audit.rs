//! `/api/v1/audit`: who did what.

use axum::Json;
use axum::extract::{Query, State};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::ids::StackId;
use crate::reconcile::handle::{AuditFilter, Paging};

use super::Api;
use super::error::ApiError;

/// How many entries a page has unless asked otherwise.
const ENTRIES: u32 = 100;
/// How many it has at most.
const MAX_ENTRIES: u32 = 1000;

/// Which page is wanted, and what it may be narrowed to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    after: Option<u64>,
    before: Option<u64>,
    stack: Option<String>,
    since: Option<Timestamp>,
    limit: Option<u32>,
}

/// `GET /api/v1/audit[?before=…&stack=…&since=…&limit=…]`: newest first; with `after=…` what came after
/// the entry of this number (0: all), oldest first. The head is that of the whole log.
pub(super) async fn list(
    State(api): State<Api>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, ApiError> {
    let paging = match (asked.after, asked.before) {
        (Some(_), Some(_)) => {
            let wrong = "a page goes on `after` an entry or back `before` one, not both";
            return Err(ApiError::BadRequest(wrong.to_owned()));
        }
        (Some(seq), None) => Paging::After(seq),
        (None, before) => Paging::Before(before),
    };
    let filter = AuditFilter {
        stack: asked.stack.map(StackId::new),
        since: asked.since,
    };
    let limit = asked.limit.unwrap_or(ENTRIES).min(MAX_ENTRIES);
    let entries = api.handle.audit(&filter, paging, limit).await?;
    let head = api.handle.audit_head().await?;
    Ok(Json(
        json!({"schema_version": 1, "entries": entries, "head": head}),
    ))
}
