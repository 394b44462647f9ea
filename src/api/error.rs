//! Errors as the API tells them: a status, a stable word, a message and a hint.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::artifacts::ArtifactError;
use crate::domain::failure::Failure;
use crate::reconcile::command::Refusal;
use crate::report::RenderError;
use crate::store::StoreError;

/// Why a request is not answered.
#[derive(Debug)]
pub(super) enum ApiError {
    /// No token is configured.
    Closed,
    /// The token is missing or wrong.
    Unauthorised,
    /// There is no such thing.
    NotFound(String),
    /// The request makes no sense.
    BadRequest(String),
    /// It cannot be done now.
    Conflict(String),
    /// It was tried and failed.
    Failed(Failure),
    /// The daemon is stopping.
    Stopping,
    /// The place of artifacts does not answer; the log says why.
    OutOfReach,
    /// Something inside failed; the log says what.
    Internal,
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!("the API cannot use the database: {error}");
        Self::Internal
    }
}

impl From<ArtifactError> for ApiError {
    fn from(error: ArtifactError) -> Self {
        tracing::error!(
            "the API cannot use the artifacts: {error}. {}",
            error.hint()
        );
        Self::OutOfReach
    }
}

impl From<RenderError> for ApiError {
    fn from(error: RenderError) -> Self {
        tracing::error!("{error}");
        Self::Internal
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownStack(_) | Refusal::UnknownMessage(_) | Refusal::UnknownNotifier(_) => {
                Self::NotFound(refusal.to_string())
            }
            Refusal::UnknownSnapshot(_) => Self::NotFound(refusal.to_string()),
            Refusal::Running(_)
            | Refusal::NothingOpen(_)
            | Refusal::NotGivenUp(..)
            | Refusal::Objected(_)
            | Refusal::Moved
            | Refusal::NotProven => Self::Conflict(refusal.to_string()),
            Refusal::Failure(failure) => Self::Failed(failure),
            Refusal::Stopping => Self::Stopping,
            Refusal::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, kind, message, hint) = match self {
            Self::Closed => (
                StatusCode::FORBIDDEN,
                "closed",
                "the API is closed: no token is configured".to_owned(),
                "set api.token_file in the configuration",
            ),
            Self::Unauthorised => (
                StatusCode::UNAUTHORIZED,
                "unauthorised",
                "the bearer token is missing or wrong".to_owned(),
                "send the token of api.token_file as `Authorization: Bearer …`",
            ),
            Self::NotFound(message) => (
                StatusCode::NOT_FOUND,
                "not_found",
                message,
                "list what there is: /api/v1/stacks, /api/v1/runs, /api/v1/messages or /api/v1/channels",
            ),
            Self::BadRequest(message) => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                message,
                "correct the request",
            ),
            Self::Conflict(message) => (
                StatusCode::CONFLICT,
                "conflict",
                message,
                "try again in a moment",
            ),
            Self::Failed(failure) => {
                let (kind, message) = (failure.kind.as_str(), failure.message);
                return response(StatusCode::BAD_GATEWAY, kind, &message, &failure.hint);
            }
            Self::Stopping => (
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "the daemon is stopping".to_owned(),
                "try again after its restart",
            ),
            Self::OutOfReach => (
                StatusCode::SERVICE_UNAVAILABLE,
                "out_of_reach",
                "the artifacts cannot be read now".to_owned(),
                "the daemon's log says why",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the request failed inside the daemon".to_owned(),
                "look into its log",
            ),
        };
        let mut response = response(status, kind, &message, hint);
        if status == StatusCode::UNAUTHORIZED {
            let challenge = axum::http::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn response(status: StatusCode, kind: &str, message: &str, hint: &str) -> Response {
    let body = json!({"error": {"kind": kind, "message": message, "hint": hint}});
    (status, Json(body)).into_response()
}

/// For every path that is none of ours.
pub(super) async fn not_found() -> ApiError {
    ApiError::NotFound("there is no such path".to_owned())
}
