//! The HTTP API: health and metrics for machines, and `/api/v1` behind a bearer token.

mod ack;
mod artifacts;
mod auth;
mod decisions;
mod error;
mod health;
mod messages;
mod report;
mod runs;
mod stacks;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::reconcile::handle::Handle;
use crate::secret::SecretSource;
use crate::telemetry::Metrics;

/// What every route may use.
#[derive(Debug, Clone)]
struct Api {
    handle: Handle,
    metrics: Metrics,
    token: Option<SecretSource>,
}

/// Serves until `stop`, then finishes the requests under way.
pub async fn serve(
    listener: TcpListener,
    handle: Handle,
    metrics: Metrics,
    token: Option<SecretSource>,
    stop: CancellationToken,
) {
    let router = router(Api {
        handle,
        metrics,
        token,
    });
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!("the API ended: {error}");
    }
}

fn router(api: Api) -> Router {
    let guarded = Router::new()
        .route("/stacks", get(stacks::list))
        .route("/stacks/{stack}", get(stacks::show))
        .route("/stacks/{stack}/plan", post(stacks::plan))
        .route("/stacks/{stack}/resume", post(stacks::resume))
        .route("/stacks/{stack}/ack", post(ack::of_stack))
        .route("/causes/{cause}/ack", post(ack::of_cause))
        .route("/report", get(report::report))
        .route("/runs", get(runs::list))
        .route("/reports", get(artifacts::reports))
        .route("/reports/{report}", get(artifacts::of_report))
        .route("/reports/{report}/{name}", get(artifacts::one_of_report))
        .route("/runs/{run}", get(runs::show))
        .route("/runs/{run}/why", get(decisions::why))
        .route("/decisions", get(decisions::list))
        .route("/channels", get(messages::channels))
        .route("/messages", get(messages::list))
        .route("/messages/retry", post(messages::retry_all))
        .route("/messages/{message}", get(messages::show))
        .route("/messages/{message}/retry", post(messages::retry))
        .route("/runs/{run}/artifacts", get(artifacts::of_run))
        .route("/runs/{run}/artifacts/{name}", get(artifacts::one_of_run))
        .route_layer(from_fn_with_state(api.clone(), auth::bearer));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics_text))
        .nest("/api/v1", guarded)
        .fallback(error::not_found)
        .with_state(api)
}
