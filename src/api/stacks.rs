//! `/api/v1/stacks`: what is known of the stacks, and planning one now.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::alert::AlertKind;
use crate::domain::check::StackCheck;
use crate::domain::finding::{Severity, Verdict};
use crate::domain::glance::Glance;
use crate::domain::ids::StackId;
use crate::domain::near::near;
use crate::domain::pause::Pause;
use crate::domain::request::Rollback;
use crate::domain::requirement::Voter;
use crate::domain::selection::Selection;
use crate::domain::source::SourceRecord;
use crate::domain::state_watch::StateMove;
use crate::reconcile::command::Refusal;
use crate::reconcile::handle::{StackView, Watched};
use crate::reconcile::recover::unseen;
use crate::report::{self, Format, Options};

use super::Api;
use super::ack::short;
use super::auth::Caller;
use super::error::ApiError;
use super::query::{Path, Query};
use super::replicas;
use super::runs::RunDto;
use super::select::select;

/// How many runs are shown with a stack.
const RUNS_SHOWN: u32 = 10;
/// Width of a text report unless asked otherwise.
pub(super) const WIDTH: usize = 100;

/// A stack in the list and on its own: the report's shape and what the daemon adds to it.
#[derive(Debug, Serialize)]
struct StackDto {
    #[serde(flatten)]
    report: Value,
    checked_at: Option<Timestamp>,
    since: Option<Timestamp>,
    labels: BTreeMap<String, String>,
    held: Option<String>,
    /// The pause that it is in, as a sentence.
    paused: Option<String>,
    /// The last time that somebody else wrote the state, as far as it was watched.
    state_moved: Option<StateMove>,
    /// The source addresses of its providers; null before they are known.
    providers: Option<BTreeSet<String>>,
    alerts: Vec<AlertDto>,
}

/// An open alert.
#[derive(Debug, Serialize)]
struct AlertDto {
    id: String,
    kind: AlertKind,
    severity: Severity,
    opened_at: Timestamp,
    changed_at: Timestamp,
}

/// A source.
#[derive(Debug, Serialize)]
struct SourceDto {
    name: String,
    commit: Option<String>,
    checked_at: Option<Timestamp>,
    error: Option<crate::domain::failure::Failure>,
}

impl From<&SourceRecord> for SourceDto {
    fn from(source: &SourceRecord) -> Self {
        Self {
            name: source.name.to_string(),
            commit: source.commit.as_ref().map(ToString::to_string),
            checked_at: source.checked_at,
            error: source.failure.clone(),
        }
    }
}

/// The look as it is to be shown now: an old one counts as unknown, one never made as nothing.
fn shown(view: &StackView) -> StackCheck {
    let last = view
        .record
        .last
        .clone()
        .unwrap_or_else(|| unseen(&view.record));
    StackCheck {
        verdict: view.verdict,
        ..last
    }
}

fn dto(view: &StackView) -> StackDto {
    let alerts = view.alerts.iter().map(|alert| AlertDto {
        id: alert.id.to_string(),
        kind: alert.kind,
        severity: alert.trouble.severity,
        opened_at: alert.begun_at(),
        changed_at: alert.changed_at,
    });
    StackDto {
        report: serde_json::to_value(report::stack_dto(&shown(view))).unwrap_or_default(),
        checked_at: view.record.checked_at,
        since: view.record.verdict_since,
        labels: view.record.labels.clone(),
        held: view.record.held.clone(),
        paused: view.paused.as_ref().map(Pause::words),
        state_moved: view.record.state_moved.clone(),
        providers: view.record.providers.clone(),
        alerts: alerts.collect(),
    }
}

/// What a list may be narrowed to.
#[derive(Debug, Default)]
struct Filter {
    verdict: Option<Verdict>,
    which: Selection,
}

impl Filter {
    fn read(query: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut filter = Self::default();
        for (name, value) in query {
            if name == "verdict" {
                let verdict = serde_json::from_value(Value::from(value.as_str()));
                filter.verdict = Some(verdict.map_err(|_| {
                    ApiError::BadRequest(format!("`{value}` is no verdict; see the summary"))
                })?);
            } else if !select(&mut filter.which, &name, &value)? {
                return Err(ApiError::BadRequest(
                    "unknown parameter; there are verdict, stack, source, label, owner".to_owned(),
                ));
            }
        }
        Ok(filter)
    }

    fn fits(&self, stack: &Glance, verdict: Verdict) -> bool {
        stack.is_in(&self.which) && self.verdict.is_none_or(|wanted| wanted == verdict)
    }
}

/// `GET /api/v1/stacks[?verdict=drifted&stack=…&source=…&label=k=v&owner=…]`.
pub(super) async fn list(
    State(api): State<Api>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let filter = Filter::read(query)?;
    let chosen = |stack: &Glance, verdict| filter.fits(stack, verdict);
    let (counts, stacks) = api.handle.stacks(chosen).await?;
    let sources: Vec<SourceDto> = api
        .handle
        .sources()
        .await?
        .iter()
        .map(SourceDto::from)
        .collect();
    Ok(Json(json!({
        "schema_version": 1,
        "summary": counts,
        "work": api.handle.outlook().await,
        "replicas": replicas::summary(&api.handle).await?,
        "sources": sources,
        "stacks": stacks.iter().map(dto).collect::<Vec<_>>(),
    })))
}

/// How a stack is to be shown.
#[derive(Debug, Deserialize)]
pub(super) struct Shape {
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    width: Option<usize>,
    #[serde(default)]
    color: bool,
    #[serde(default)]
    why: bool,
}

/// `GET /api/v1/stacks/{stack}[?format=text]`: JSON with its last runs, or a report.
pub(super) async fn show(
    State(api): State<Api>,
    Path(stack): Path<String>,
    Query(shape): Query<Shape>,
) -> Result<Response, ApiError> {
    let id = StackId::new(stack);
    let view = api.handle.stack(&id).await?;
    let Some(view) = view else {
        return Err(unknown(&api, &id).await);
    };
    let format = shape.format.as_deref().unwrap_or("json");
    let format: Format = format
        .parse()
        .map_err(|error: report::UnknownFormat| ApiError::BadRequest(error.to_string()))?;
    if format == Format::Json {
        let runs = api.handle.runs(Some(&id), RUNS_SHOWN).await?;
        let runs = RunDto::all(&api.handle, &runs).await;
        let mut body = serde_json::to_value(dto(&view)).unwrap_or_default();
        if let Some(fields) = body.as_object_mut() {
            fields.insert(
                "runs".to_owned(),
                serde_json::to_value(runs).unwrap_or_default(),
            );
            let next = json!(api.handle.next_look(&id).await);
            fields.insert("next_look_at".to_owned(), next);
            let watched = api.handle.watched(&view.record).await?;
            fields.insert("state_watch".to_owned(), watch_json(watched.as_ref()));
            let order = api.handle.neighbours(&id);
            let order = order.as_ref();
            let needs = json!(order.map(|order| &order.needs));
            fields.insert("needs".to_owned(), needs);
            let needed_by = json!(order.map(|order| &order.needed_by));
            fields.insert("needed_by".to_owned(), needed_by);
            let waits_for = json!(order.and_then(|order| order.waits_for.as_ref()));
            fields.insert("waits_for".to_owned(), waits_for);
            fields.insert("replicas".to_owned(), replicas::summary(&api.handle).await?);
        }
        return Ok(Json(body).into_response());
    }
    let options = Options {
        width: shape.width.unwrap_or(WIDTH),
        color: shape.color,
        verbose: true,
        why: shape.why,
    };
    let text = report::render(format, &[shown(&view)], &options)?;
    Ok(([(CONTENT_TYPE, format.content_type())], text).into_response())
}

/// Whether the state is watched, and why not; null if it is not to be.
fn watch_json(watched: Option<&Watched>) -> Value {
    match watched {
        None => Value::Null,
        Some(Watched::Yes) => json!({"watched": true, "why_not": null}),
        Some(Watched::NotYet) => json!({"watched": false, "why_not": null}),
        Some(Watched::No(why)) => json!({"watched": false, "why_not": why}),
    }
}

async fn explained(api: &Api, refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::UnknownStack(id) => unknown(api, &id).await,
        other => other.into(),
    }
}

/// There is no such stack, but perhaps one that is called like it.
pub(super) async fn unknown(api: &Api, id: &StackId) -> ApiError {
    let stacks = match api.handle.stack_ids().await {
        Ok(stacks) => stacks,
        Err(error) => return error.into(),
    };
    let known = stacks.iter().map(StackId::as_str);
    let near = near(id.as_str(), known);
    ApiError::UnknownStack {
        asked: id.to_string(),
        near: near.into_iter().map(str::to_owned).collect(),
    }
}

/// Who wants something done, if they say so.
#[derive(Debug, Deserialize)]
pub(super) struct By {
    by: Option<String>,
}

/// `POST /api/v1/stacks/{stack}/plan[?by=…]`: queues a run now.
pub(super) async fn plan(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(stack): Path<String>,
    Query(query): Query<By>,
) -> Result<Response, ApiError> {
    let by = caller.identity(query.by.as_deref())?;
    let asked = api.handle.plan_now(&StackId::new(stack), by).await;
    let run = match asked {
        Ok(run) => run,
        Err(refusal) => return Err(explained(&api, refusal).await),
    };
    Ok((StatusCode::ACCEPTED, Json(json!({"run": run}))).into_response())
}

/// `POST /api/v1/stacks/{stack}/resume[?by=…]`: a person has looked at a held stack.
pub(super) async fn resume(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(stack): Path<String>,
    Query(query): Query<By>,
) -> Result<Response, ApiError> {
    let by = caller.identity(query.by.as_deref())?;
    let asked = api.handle.resume(&StackId::new(stack), by).await;
    let run = match asked {
        Ok(run) => run,
        Err(refusal) => return Err(explained(&api, refusal).await),
    };
    Ok((StatusCode::ACCEPTED, Json(json!({"run": run}))).into_response())
}

/// To where, who wants it, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RollbackQuery {
    to: String,
    by: Option<String>,
    reason: Option<String>,
}

/// `POST /api/v1/stacks/{stack}/rollback?to=…&by=…[&reason=…]`: plans an earlier commit and asks people
/// about that.
pub(super) async fn rollback(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(stack): Path<String>,
    Query(query): Query<RollbackQuery>,
) -> Result<Response, ApiError> {
    let by = caller.named(query.by.as_deref())?;
    let rollback = Rollback {
        by: by.to_string(),
        reason: query.reason.as_deref().map(short),
        asker: Some(Voter::from(&by)),
    };
    let stack = StackId::new(stack);
    let asked = api.handle.roll_back(&stack, &query.to, rollback, by).await;
    let run = match asked {
        Ok(run) => run,
        Err(refusal) => return Err(explained(&api, refusal).await),
    };
    Ok((StatusCode::ACCEPTED, Json(json!({"run": run}))).into_response())
}
