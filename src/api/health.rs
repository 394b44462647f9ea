//! Health and metrics: for orchestrators and Prometheus, without a token and without names of
//! anything that is managed.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::domain::counts::VerdictCounts;
use crate::telemetry::metrics;

use super::Api;
use super::error::ApiError;

/// `/healthz`: the process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `/readyz`: the database answers and every source has been tried once.
pub(super) async fn ready(State(api): State<Api>) -> Response {
    match api.handle.not_ready().await {
        None => "ready\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// `/metrics` in the Prometheus text format. Gauges over the whole fleet are taken when asked for.
pub(super) async fn metrics_text(State(api): State<Api>) -> Result<Response, ApiError> {
    let tallies = api.handle.tallies().await?;
    metrics::stacks(&VerdictCounts::of(
        tallies.iter().map(|(verdict, _)| *verdict),
    ));
    metrics::findings(tallies.into_iter().flat_map(|(_, findings)| findings));
    metrics::alerts_open(api.handle.alerts().await?.iter().map(|alert| alert.kind));
    metrics::outbox_waiting(api.handle.waiting_messages().await?);
    let kind = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, api.metrics.render()).into_response())
}
