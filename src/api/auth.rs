//! Who may use the API: whoever has the token.

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::Api;
use super::error::ApiError;

/// Lets a request through that carries the configured bearer token. The token is read again at each
/// request, so that a rotated one works at once.
pub(super) async fn bearer(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Some(source) = &api.token else {
        return Err(ApiError::Closed);
    };
    let expected = source.read().map_err(|error| {
        tracing::error!("the API token cannot be read: {error}");
        ApiError::Internal
    })?;
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let given = header
        .and_then(|text| text.strip_prefix("Bearer "))
        .unwrap_or_default();
    if same(given.trim(), expected.expose_secret()) {
        Ok(next.run(request).await)
    } else {
        Err(ApiError::Unauthorised)
    }
}

/// Compares hashes, so that the time taken tells nothing about the token.
fn same(given: &str, expected: &str) -> bool {
    Sha256::digest(given.as_bytes()) == Sha256::digest(expected.as_bytes())
}
