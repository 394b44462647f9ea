//! Kept copies: `/api/v1/runs/{run}/artifacts` and `/api/v1/reports`. A copy of a state is none of
//! them, and stays where it is.

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::ids::RunId;
use crate::domain::report::ReportId;
use crate::reconcile::handle::{Copy, CopyLine};

use super::Api;
use super::error::ApiError;
use super::query::{Path, Query};

/// How many reports a list has unless asked otherwise.
const REPORTS: usize = 50;
/// How many it has at most.
const MAX_REPORTS: usize = 1000;

/// A kept copy as it is listed.
#[derive(Debug, Serialize)]
struct CopyDto {
    name: String,
    bytes: u64,
    content_type: &'static str,
    /// When it was kept, if the place says so.
    at: Option<Timestamp>,
}

fn listed(lines: Vec<CopyLine>) -> Vec<CopyDto> {
    let lines = lines.into_iter().map(|line| CopyDto {
        content_type: line.name.content_type(),
        name: line.name.to_string(),
        bytes: line.bytes,
        at: line.at,
    });
    lines.collect()
}

/// Browsers are not to guess what it is, nor to show it as a page of this address.
fn sent(name: &str, copy: Copy) -> Response {
    let headers = [
        (CONTENT_TYPE, copy.content_type.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    (headers, copy.bytes).into_response()
}

fn run_id(text: &str) -> Result<RunId, ApiError> {
    let id = text.parse();
    id.map_err(|_| ApiError::NotFound(format!("there is no run {text}")))
}

fn report_id(text: &str) -> Result<ReportId, ApiError> {
    let id = ReportId::parse(text);
    id.ok_or_else(|| ApiError::NotFound(format!("there is no report {text}")))
}

/// `GET /api/v1/runs/{run}/artifacts`.
pub(super) async fn of_run(
    State(api): State<Api>,
    Path(run): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = run_id(&run)?;
    let artifacts = api.handle.copies(id).await?;
    if artifacts.is_empty() && api.handle.run(&id).await?.is_none() {
        return Err(ApiError::NotFound(format!("there is no run {run}")));
    }
    let artifacts = listed(artifacts);
    Ok(Json(
        json!({"schema_version": 1, "run": id, "artifacts": artifacts}),
    ))
}

/// `GET /api/v1/runs/{run}/artifacts/{name}`.
pub(super) async fn one_of_run(
    State(api): State<Api>,
    Path((run, name)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let copy = api.handle.copy(run_id(&run)?, &name).await?;
    let copy = copy.ok_or_else(|| {
        ApiError::NotFound(format!("the run {run} has no artifact called {name}"))
    })?;
    Ok(sent(&name, copy))
}

/// What the list of reports may be narrowed to.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    limit: Option<usize>,
}

/// `GET /api/v1/reports[?limit=…]`.
pub(super) async fn reports(
    State(api): State<Api>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, ApiError> {
    let reports = api.handle.reports().await?.into_iter();
    let limit = asked.limit.unwrap_or(REPORTS).min(MAX_REPORTS);
    let reports = reports.take(limit);
    let reports: Vec<Value> = reports
        .map(|id| json!({"report": id, "made_at": id.made_at()}))
        .collect();
    Ok(Json(json!({"schema_version": 1, "reports": reports})))
}

/// `GET /api/v1/reports/{report}`.
pub(super) async fn of_report(
    State(api): State<Api>,
    Path(report): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = report_id(&report)?;
    let artifacts = listed(api.handle.copies(id.clone()).await?);
    if artifacts.is_empty() {
        return Err(ApiError::NotFound(format!("there is no report {report}")));
    }
    Ok(Json(json!({
        "schema_version": 1,
        "report": id,
        "made_at": id.made_at(),
        "artifacts": artifacts,
    })))
}

/// `GET /api/v1/reports/{report}/{name}`.
pub(super) async fn one_of_report(
    State(api): State<Api>,
    Path((report, name)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let copy = api.handle.copy(report_id(&report)?, &name).await?;
    let copy = copy.ok_or_else(|| {
        ApiError::NotFound(format!("the report {report} has no form called {name}"))
    })?;
    Ok(sent(&format!("{report}-{name}"), copy))
}
