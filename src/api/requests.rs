//! `/api/v1/requests`: what people are asked, and their answers.

use axum::extract::State;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::brief::brief;
use crate::domain::finding::Severity;
use crate::domain::ids::StackId;
use crate::domain::pause::Pause;
use crate::domain::request::{Request, RequestState};
use crate::reconcile::handle::Answer;
use crate::report;

use super::Api;
use super::ack::short;
use super::auth::Caller;
use super::error::ApiError;
use super::query::{Path, Query};

/// How many requests a list has at most.
const MAX_REQUESTS: u32 = 1000;

/// A request.
#[derive(Debug, Serialize)]
struct RequestDto<'a> {
    id: String,
    /// What people type.
    short: String,
    stack: &'a str,
    /// `open`, `approved`, `used`, `rejected`, `void` or `expired`.
    state: &'static str,
    /// What is needed yet, in words.
    missing: Vec<String>,
    /// Who has said yes.
    approved_by: Vec<VoteDto<'a>>,
    /// Who has said no.
    rejected_by: Option<VoteDto<'a>>,
    /// How the plan of today differs from the one asked about.
    differs: &'a [String],
    /// The run that asked, and the one that applied.
    run: String,
    applied_by_run: Option<String>,
    commit: Option<&'a str>,
    severity: Option<Severity>,
    /// The plan in a line.
    about: String,
    asked_at: Timestamp,
    expires_at: Timestamp,
    changed_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct VoteDto<'a> {
    by: &'a str,
    /// Whether a token of their own shows that it was they.
    proven: bool,
    at: Timestamp,
    reason: Option<&'a str>,
}

impl<'a> From<&'a crate::domain::request::Vote> for VoteDto<'a> {
    fn from(vote: &'a crate::domain::request::Vote) -> Self {
        Self {
            by: &vote.voter.name,
            proven: vote.voter.proven,
            at: vote.at,
            reason: vote.reason.as_deref(),
        }
    }
}

impl<'a> From<&'a Request> for RequestDto<'a> {
    fn from(request: &'a Request) -> Self {
        let asked = &request.asked;
        let findings = asked.check.findings.resources.iter();
        let is_over = request.state.is_over();
        Self {
            id: request.id.to_string(),
            short: request.id.short(),
            stack: request.stack.as_str(),
            state: request.state.as_str(),
            missing: if is_over {
                Vec::new()
            } else {
                request.missing()
            },
            approved_by: request.votes.iter().map(VoteDto::from).collect(),
            rejected_by: match &request.state {
                RequestState::Rejected { vote } => Some(vote.into()),
                _ => None,
            },
            differs: match &request.state {
                RequestState::Void { differs } => differs,
                _ => &[],
            },
            run: asked.run.to_string(),
            applied_by_run: match &request.state {
                RequestState::Used { run } => Some(run.to_string()),
                _ => None,
            },
            commit: asked.binding.commit.as_ref().map(|commit| commit.as_str()),
            severity: findings.map(|finding| finding.severity).max(),
            about: brief(&asked.check),
            asked_at: request.asked_at,
            expires_at: request.expires_at,
            changed_at: request.changed_at,
        }
    }
}

/// What a list may be narrowed to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    stack: Option<String>,
    #[serde(default)]
    all: bool,
    limit: Option<u32>,
}

/// `GET /api/v1/requests[?stack=…&all=true&limit=…]`: those that are not over, or all.
pub(super) async fn list(
    State(api): State<Api>,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>, ApiError> {
    let stack = filter.stack.map(StackId::new);
    let limit = filter.limit.unwrap_or(50).min(MAX_REQUESTS);
    let requests = api
        .handle
        .requests(stack.as_ref(), filter.all, limit)
        .await?;
    let requests: Vec<RequestDto<'_>> = requests.iter().map(RequestDto::from).collect();
    Ok(Json(json!({"schema_version": 1, "requests": requests})))
}

/// `GET /api/v1/requests/{request}`: with the plan as people are asked about it.
pub(super) async fn show(
    State(api): State<Api>,
    Path(request): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let request = api.handle.request(&short(&request)).await?;
    let mut body = serde_json::to_value(RequestDto::from(&request)).unwrap_or_default();
    body["plan"] =
        serde_json::to_value(report::stack_dto(&request.asked.check)).unwrap_or_default();
    Ok(Json(body))
}

/// Who answers, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerQuery {
    by: Option<String>,
    reason: Option<String>,
}

/// `POST /api/v1/requests/{request}/approve[?by=…&reason=…]`: exactly this plan may be applied.
pub(super) async fn approve(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(request): Path<String>,
    Query(query): Query<AnswerQuery>,
) -> Result<Json<Value>, ApiError> {
    answer(&api, &caller, &request, Answer::Approve, query).await
}

/// `POST /api/v1/requests/{request}/reject[?by=…&reason=…]`: it may not.
pub(super) async fn reject(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(request): Path<String>,
    Query(query): Query<AnswerQuery>,
) -> Result<Json<Value>, ApiError> {
    answer(&api, &caller, &request, Answer::Reject, query).await
}

/// `POST /api/v1/requests/{request}/revoke[?by=…]`: an approval is taken back.
pub(super) async fn revoke(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(request): Path<String>,
    Query(query): Query<AnswerQuery>,
) -> Result<Json<Value>, ApiError> {
    answer(&api, &caller, &request, Answer::Revoke, query).await
}

async fn answer(
    api: &Api,
    caller: &Caller,
    request: &str,
    answer: Answer,
    query: AnswerQuery,
) -> Result<Json<Value>, ApiError> {
    let by = caller.named(query.by.as_deref())?;
    let reason = query.reason.as_deref().map(short);
    let request = api.handle.request(&short(request)).await?;
    let after = api.handle.answer(&request.id, answer, &by, reason).await?;
    let stack = api.handle.stack(&after.stack).await?;
    let paused = stack.and_then(|stack| stack.paused);
    let mut body = serde_json::to_value(RequestDto::from(&after)).unwrap_or_default();
    body["paused"] = json!(paused.as_ref().map(Pause::words));
    Ok(Json(body))
}
