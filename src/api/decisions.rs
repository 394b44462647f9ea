//! `/api/v1/runs/{run}/why` and `/api/v1/decisions`: what was decided, by what, and from what.

use axum::Json;
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::ids::RunId;
use crate::report::decision_dto;

use super::Api;
use super::error::ApiError;

/// How many decisions a list has at most: each has all that was found.
const MOST: u32 = 100;

/// `GET /api/v1/runs/{run}/why`.
pub(super) async fn why(
    State(api): State<Api>,
    Path(run): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let unknown = || ApiError::NotFound(format!("there is no run {run}"));
    let id: RunId = run.parse().map_err(|_| unknown())?;
    let known = api.handle.run(&id).await?.ok_or_else(unknown)?;
    let Some(decided) = api.handle.decision(&id).await? else {
        let why = "nothing was to be decided, or it is not kept any more";
        return Err(ApiError::NotFound(format!("of run {run}: {why}")));
    };
    let facts = &decided.inputs.facts;
    Ok(Json(json!({
        "schema_version": 1,
        "run": run,
        "stack": known.stack,
        "decided_at": decided.at,
        "verdict": decided.inputs.verdict,
        "findings": decided.inputs.findings.resources.len(),
        "guards": facts.guards,
        "decision": decision_dto(&decided.decision),
    })))
}

/// Which decisions.
#[derive(Debug, Deserialize)]
pub(super) struct Since {
    since: Timestamp,
    /// The run and time of the last one seen, to go on after it.
    after: Option<String>,
    after_time: Option<Timestamp>,
}

/// `GET /api/v1/decisions?since=…[&after=…&after_time=…]`: oldest first, each with what it was made
/// from.
pub(super) async fn list(
    State(api): State<Api>,
    Query(which): Query<Since>,
) -> Result<Json<Value>, ApiError> {
    let after = match which.after {
        Some(run) => {
            let wrong = || ApiError::BadRequest(format!("{run} is no id of a run"));
            let run = run.parse().map_err(|_| wrong())?;
            Some((which.after_time.unwrap_or(which.since), run))
        }
        None => None,
    };
    let decisions = api.handle.decisions(which.since, after, MOST).await?;
    Ok(Json(json!({"schema_version": 1, "decisions": decisions})))
}
