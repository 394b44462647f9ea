//! Queries and paths that make no sense are refused in the form of every other error.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// The query of a request.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(ApiError::BadRequest(rejection.body_text())),
        }
    }
}

/// The names in the path of a request.
#[derive(Debug)]
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(names)) => Ok(Self(names)),
            Err(rejection) => Err(ApiError::BadRequest(rejection.body_text())),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use axum::http::Request;
    use axum::response::IntoResponse;
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[allow(dead_code)]
        limit: Option<u32>,
    }

    async fn refused(uri: &str) -> Value {
        let (mut parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
        let asked: Result<Query<Asked>, ApiError> =
            Query::from_request_parts(&mut parts, &()).await;
        let response = asked.unwrap_err().into_response();
        assert_eq!(response.status(), 400);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await;
        serde_json::from_slice(&body.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_query_that_makes_no_sense_is_told_as_json() {
        for (uri, wrong) in [("/runs?limit=many", "limit"), ("/runs?limmit=1", "limmit")] {
            let body = refused(uri).await;
            assert_eq!(body["error"]["kind"], "bad_request");
            let message = body["error"]["message"].as_str().unwrap();
            assert!(message.contains(wrong), "{message}");
            assert!(body["error"]["hint"].is_string());
        }
    }
}
