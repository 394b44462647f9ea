//! The HTTP API: health and metrics for machines, and `/api/v1` behind bearer tokens, each route with
//! the scope that opens it.

mod ack;
mod artifacts;
mod audit;
mod auth;
mod decisions;
mod error;
mod health;
mod messages;
mod pauses;
mod query;
mod replicas;
mod report;
mod requests;
mod runs;
mod select;
mod stacks;
mod state;
#[cfg(test)]
mod tests;
mod through;
mod tokens;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::domain::identity::Scope;
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
        .merge(opened_by(Scope::Read, reading()))
        .merge(opened_by(Scope::Plan, planning()))
        .merge(opened_by(Scope::Ack, attending()))
        .merge(opened_by(Scope::Approve, approving()))
        .merge(opened_by(Scope::Admin, administering()))
        .route_layer(from_fn(through::to_its_end))
        .route_layer(from_fn_with_state(api.clone(), auth::bearer));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics_text))
        .nest("/api/v1", guarded)
        .fallback(error::not_found)
        .with_state(api)
}

/// Routes that demand a scope.
fn opened_by(scope: Scope, routes: Router<Api>) -> Router<Api> {
    routes.route_layer(from_fn_with_state(scope, auth::demand))
}

fn reading() -> Router<Api> {
    Router::new()
        .route("/stacks", get(stacks::list))
        .route("/stacks/{stack}", get(stacks::show))
        .route("/report", get(report::report))
        .route("/runs", get(runs::list))
        .route("/runs/{run}", get(runs::show))
        .route("/runs/{run}/why", get(decisions::why))
        .route("/decisions", get(decisions::list))
        .route("/runs/{run}/artifacts", get(artifacts::of_run))
        .route("/runs/{run}/artifacts/{name}", get(artifacts::one_of_run))
        .route("/replicas", get(replicas::list))
        .route("/reports", get(artifacts::reports))
        .route("/reports/{report}", get(artifacts::of_report))
        .route("/reports/{report}/{name}", get(artifacts::one_of_report))
        .route("/channels", get(messages::channels))
        .route("/messages", get(messages::list))
        .route("/messages/{message}", get(messages::show))
        .route("/audit", get(audit::list))
        .route("/pauses", get(pauses::list))
        .route("/stacks/{stack}/snapshots", get(state::list))
        .route("/requests", get(requests::list))
        .route("/requests/{request}", get(requests::show))
}

fn planning() -> Router<Api> {
    Router::new()
        .route("/stacks/{stack}/plan", post(stacks::plan))
        .route("/stacks/{stack}/rollback", post(stacks::rollback))
}

fn attending() -> Router<Api> {
    Router::new()
        .route("/stacks/{stack}/ack", post(ack::of_stack))
        .route("/causes/{cause}/ack", post(ack::of_cause))
        .route("/pauses", post(pauses::pause))
        .route("/messages/retry", post(messages::retry_all))
        .route("/messages/{message}/retry", post(messages::retry))
}

fn approving() -> Router<Api> {
    Router::new()
        .route("/stacks/{stack}/resume", post(stacks::resume))
        .route("/pauses/end", post(pauses::end))
        .route("/requests/{request}/approve", post(requests::approve))
        .route("/requests/{request}/reject", post(requests::reject))
        .route("/requests/{request}/revoke", post(requests::revoke))
}

fn administering() -> Router<Api> {
    Router::new()
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route(
            "/stacks/{stack}/snapshots/{snapshot}/open",
            post(state::open),
        )
        .route(
            "/stacks/{stack}/snapshots/{snapshot}/restore",
            post(state::restore),
        )
        .route("/tokens/{token}/revoke", post(tokens::revoke))
}
