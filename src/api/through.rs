//! What a request asks to be changed is changed to the end, also if whoever asked hangs up in between.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;

/// The server drops a request whose connection is gone, wherever it waits just then: a vote would be
/// stored, and nobody told of it.
pub(super) async fn to_its_end(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let answered = tokio::spawn(next.run(request)).await;
    answered.unwrap_or_else(|error| {
        tracing::error!("a request did not end well: {error}");
        ApiError::Internal.into_response()
    })
}
