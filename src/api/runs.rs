//! `/api/v1/runs`: what was done, newest first.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::ids::{RunId, StackId};
use crate::domain::progress::Progress;
use crate::domain::run::{Outcome, Run, RunState, Trigger};
use crate::domain::state_watch::StateMove;
use crate::reconcile::handle::Handle;

use super::Api;
use super::error::ApiError;
use super::query::{Path, Query};

/// How many runs a list has unless asked otherwise.
const RUNS: u32 = 50;
/// How many it has at most.
const MAX_RUNS: u32 = 1000;

/// A run.
#[derive(Debug, Serialize)]
pub(super) struct RunDto {
    id: String,
    stack: String,
    trigger: Trigger,
    state: RunState,
    commit: Option<String>,
    queued_at: Timestamp,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    outcome: Option<Outcome>,
    /// What somebody else made of the state, if that is known.
    state_moved: Option<StateMove>,
    /// Of a run that applies now.
    progress: Option<Progress>,
}

impl RunDto {
    /// A run, and how far it has come.
    async fn of(handle: &Handle, run: &Run) -> Self {
        Self {
            progress: handle.progress(run).await,
            id: run.id.to_string(),
            stack: run.stack.to_string(),
            trigger: run.trigger,
            state: run.state,
            commit: run.commit.as_ref().map(ToString::to_string),
            queued_at: run.queued_at,
            started_at: run.started_at,
            ended_at: run.ended_at,
            outcome: run.outcome.clone(),
            state_moved: run.state_moved.clone(),
        }
    }

    /// Runs, each with how far it has come.
    pub(super) async fn all(handle: &Handle, runs: &[Run]) -> Vec<Self> {
        let mut all = Vec::with_capacity(runs.len());
        for run in runs {
            all.push(Self::of(handle, run).await);
        }
        all
    }
}

/// What a list may be narrowed to.
#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    stack: Option<String>,
    limit: Option<u32>,
}

/// `GET /api/v1/runs[?stack=…&limit=…]`.
pub(super) async fn list(
    State(api): State<Api>,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>, ApiError> {
    let stack = filter.stack.map(StackId::new);
    let limit = filter.limit.unwrap_or(RUNS).min(MAX_RUNS);
    let runs = api.handle.runs(stack.as_ref(), limit).await?;
    let runs = RunDto::all(&api.handle, &runs).await;
    Ok(Json(json!({"schema_version": 1, "runs": runs})))
}

/// `GET /api/v1/runs/{run}`.
pub(super) async fn show(
    State(api): State<Api>,
    Path(run): Path<String>,
) -> Result<Json<RunDto>, ApiError> {
    let unknown = || ApiError::NotFound(format!("there is no run {run}"));
    let id: RunId = run.parse().map_err(|_| unknown())?;
    let found = api.handle.run(&id).await?;
    let found = found.ok_or_else(unknown)?;
    Ok(Json(RunDto::of(&api.handle, &found).await))
}
