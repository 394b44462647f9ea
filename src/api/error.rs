//! Errors as the API tells them: a status, a stable word, a message and a hint.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::artifacts::ArtifactError;
use crate::domain::failure::Failure;
use crate::domain::identity::Scope;
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
    /// The token does not open this.
    Forbidden(Scope),
    /// There is no such thing.
    NotFound(String),
    /// There is no such stack, but perhaps one of these was meant.
    UnknownStack {
        /// What was asked for.
        asked: String,
        /// Stacks that are called like it.
        near: Vec<String>,
    },
    /// There is nothing to take on.
    NothingOpen(String),
    /// The request makes no sense.
    BadRequest(String),
    /// It cannot be done now.
    Conflict(String),
    /// It cannot be done to what is there; where to look.
    Unfit(String, &'static str),
    /// It was tried and failed.
    Failed(Failure),
    /// The daemon is stopping.
    Stopping,
    /// Another replica has to be asked.
    Elsewhere(String),
    /// No replica leads that could do it.
    NotTakenUp(String),
    /// It is not known whether it is done.
    Unclear(String),
    /// The replica that leads failed; its log says why.
    FailedThere,
    /// The place of artifacts does not answer; the log says why.
    OutOfReach,
    /// The database does not answer now; the log says why.
    NoDatabase,
    /// Something inside failed; the log says what.
    Internal,
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!("the API cannot use the database: {error}");
        match error.passes() {
            true => Self::NoDatabase,
            false => Self::Internal,
        }
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
            Refusal::UnknownStack(stack) => Self::UnknownStack {
                asked: stack.to_string(),
                near: Vec::new(),
            },
            Refusal::UnknownSource(_)
            | Refusal::UnknownMessage(_)
            | Refusal::UnknownRequest(_)
            | Refusal::UnknownToken(_)
            | Refusal::UnknownNotifier(_) => Self::NotFound(refusal.to_string()),
            Refusal::Ambiguous(_) | Refusal::NoSuchCommit(_) | Refusal::BadGrant(_) => {
                Self::BadRequest(refusal.to_string())
            }
            Refusal::NoRandomness(_) => {
                tracing::error!("{refusal}");
                Self::Internal
            }
            Refusal::NotKept(_) | Refusal::StillPaused(_) => {
                tracing::error!("{refusal}");
                Self::Conflict(refusal.to_string())
            }
            Refusal::NotPaused(_) => {
                Self::Unfit(refusal.to_string(), "see what is paused: `mooring pause`")
            }
            Refusal::NothingToResume(_) => Self::Unfit(
                refusal.to_string(),
                "see how it stands: `mooring show`; what is paused along with others: `mooring pause`",
            ),
            Refusal::Unfit(_) => Self::Unfit(
                refusal.to_string(),
                "see how it stands: `mooring requests --all`",
            ),
            Refusal::NothingOpen(_) => Self::NothingOpen(refusal.to_string()),
            Refusal::Running(_)
            | Refusal::RevokedAlready(_)
            | Refusal::NotGivenUp(..)
            | Refusal::Objected(_)
            | Refusal::Moved
            | Refusal::NotProven => Self::Conflict(refusal.to_string()),
            Refusal::UnknownSnapshot(_) => Self::NotFound(refusal.to_string()),
            Refusal::Failure(failure) => Self::Failed(failure),
            Refusal::Stopping => Self::Stopping,
            Refusal::Elsewhere { .. } => Self::Elsewhere(refusal.to_string()),
            Refusal::NotTakenUp(_) => Self::NotTakenUp(refusal.to_string()),
            Refusal::Unclear => Self::Unclear(refusal.to_string()),
            Refusal::FailedThere(_) => {
                tracing::error!("{refusal}");
                Self::FailedThere
            }
            Refusal::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let scope = match &self {
            Self::Forbidden(scope) => Some(*scope),
            _ => None,
        };
        let (status, kind, message, hint) = match self {
            Self::Closed => (
                StatusCode::FORBIDDEN,
                "closed",
                "the API is closed: no token is configured".to_owned(),
                "set api.token_file in the configuration".to_owned(),
            ),
            Self::Unauthorised => (
                StatusCode::UNAUTHORIZED,
                "unauthorised",
                "the bearer token is missing or wrong".to_owned(),
                "send the token of api.token_file, or one of your own that is neither expired nor \
                 revoked, as `Authorization: Bearer …`"
                    .to_owned(),
            ),
            Self::Forbidden(scope) => (
                StatusCode::FORBIDDEN,
                "forbidden",
                format!("this token lacks the scope `{scope}`"),
                "use a token that has it, or ask whoever makes tokens for one".to_owned(),
            ),
            Self::NotFound(message) => (
                StatusCode::NOT_FOUND,
                "not_found",
                message,
                "list what there is: /api/v1/stacks, /api/v1/runs, /api/v1/messages, /api/v1/channels or \
                 /api/v1/tokens"
                    .to_owned(),
            ),
            Self::UnknownStack { asked, near } => (
                StatusCode::NOT_FOUND,
                "not_found",
                format!("there is no stack {asked}"),
                match near.as_slice() {
                    [] => "see what there is: `mooring stacks`".to_owned(),
                    near => format!("did you mean {}?", near.join(" or ")),
                },
            ),
            Self::NothingOpen(message) => (
                StatusCode::CONFLICT,
                "conflict",
                message,
                "see what is open: `mooring stacks`".to_owned(),
            ),
            Self::BadRequest(message) => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                message,
                "correct the request".to_owned(),
            ),
            Self::Conflict(message) => (
                StatusCode::CONFLICT,
                "conflict",
                message,
                "try again in a moment".to_owned(),
            ),
            Self::Unfit(message, hint) => {
                (StatusCode::CONFLICT, "conflict", message, hint.to_owned())
            }
            Self::Failed(failure) => {
                let (kind, message) = (failure.kind.as_str(), failure.message);
                return response(StatusCode::BAD_GATEWAY, kind, &message, &failure.hint, None);
            }
            Self::Stopping => (
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "the daemon is stopping".to_owned(),
                "try again after its restart".to_owned(),
            ),
            Self::Elsewhere(message) => (
                StatusCode::MISDIRECTED_REQUEST,
                "elsewhere",
                message,
                "ask the one that leads; /api/v1/replicas says which it is".to_owned(),
            ),
            Self::NotTakenUp(message) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "not_taken_up",
                message,
                "try again when one leads and has read its sources; /api/v1/replicas lists them"
                    .to_owned(),
            ),
            Self::Unclear(message) => (
                StatusCode::GATEWAY_TIMEOUT,
                "unclear",
                message,
                "see what came of it before you ask again: `mooring show` and `mooring runs`"
                    .to_owned(),
            ),
            Self::FailedThere => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the request failed inside the replica that leads".to_owned(),
                "look into its log".to_owned(),
            ),
            Self::OutOfReach => (
                StatusCode::SERVICE_UNAVAILABLE,
                "out_of_reach",
                "the artifacts cannot be read now".to_owned(),
                "the daemon's log says why".to_owned(),
            ),
            Self::NoDatabase => (
                StatusCode::SERVICE_UNAVAILABLE,
                "no_database",
                "the database does not answer now; something that was to be changed may have been"
                    .to_owned(),
                "see how it stands once /readyz says that the database is back".to_owned(),
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the request failed inside the daemon".to_owned(),
                "look into its log".to_owned(),
            ),
        };
        let mut response = response(status, kind, &message, &hint, scope);
        if status == StatusCode::UNAUTHORIZED {
            let challenge = axum::http::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn response(
    status: StatusCode,
    kind: &str,
    message: &str,
    hint: &str,
    scope: Option<Scope>,
) -> Response {
    let mut body = json!({"error": {"kind": kind, "message": message, "hint": hint}});
    if let Some(scope) = scope {
        body["error"]["scope"] = json!(scope);
    }
    (status, Json(body)).into_response()
}

/// For every path that is none of ours.
pub(super) async fn not_found() -> ApiError {
    ApiError::NotFound("there is no such path".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::Value;

    use super::*;

    async fn told(error: ApiError) -> (StatusCode, Value) {
        let response = error.into_response();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await;
        (status, serde_json::from_slice(&body.unwrap()).unwrap())
    }

    #[tokio::test]
    async fn a_database_that_is_away_is_no_failure_inside() {
        let away = ApiError::from(StoreError::Locked);
        let (status, told) = told(away).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(told["error"]["kind"], "no_database");
        let inside = ApiError::from(StoreError::Fenced);
        assert!(matches!(inside, ApiError::Internal));
    }

    #[tokio::test]
    async fn a_stack_that_is_none_is_told_with_those_that_may_be_meant() {
        let unknown = |near: &[&str]| ApiError::UnknownStack {
            asked: "infra/wbe".to_owned(),
            near: near.iter().map(|name| (*name).to_owned()).collect(),
        };
        let (status, body) = told(unknown(&["infra/web", "infra/webhooks"])).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(body["error"]["message"], "there is no stack infra/wbe");
        let hint = "did you mean infra/web or infra/webhooks?";
        assert_eq!(body["error"]["hint"], hint);
        let (_, body) = told(unknown(&[])).await;
        assert_eq!(body["error"]["hint"], "see what there is: `mooring stacks`");
    }

    #[tokio::test]
    async fn what_only_the_leading_replica_does_says_how_far_it_has_come() {
        let leader = Some("replica 1 (a)".to_owned());
        let waited = std::time::Duration::from_secs(25);
        let mut answers = Vec::new();
        for refusal in [
            Refusal::Elsewhere { leader },
            Refusal::Elsewhere { leader: None },
            Refusal::NotTakenUp(waited),
            Refusal::Unclear,
            Refusal::FailedThere("postgres://".to_owned()),
        ] {
            let (status, body) = told(refusal.into()).await;
            let (kind, message) = (&body["error"]["kind"], &body["error"]["message"]);
            assert!(!body["error"]["hint"].as_str().unwrap().is_empty());
            answers.push(format!("{} {kind} {message}", status.as_u16()));
        }
        insta::assert_snapshot!(answers.join("\n"), @r#"
        421 "elsewhere" "this is done by the replica that leads, and this one does not; replica 1 (a) leads"
        421 "elsewhere" "this is done by the replica that leads, and this one does not"
        503 "not_taken_up" "no replica that leads has taken this up within 25 s, so it is not done"
        504 "unclear" "the replica that leads has begun this and not answered: it may be done, or may yet be"
        500 "internal" "the request failed inside the replica that leads"
        "#);
    }
}
