//! A store that speaks S3 and checks signatures: s3s over files.

use std::path::Path;

use axum::Router;
use axum::error_handling::HandleError;
use axum::http::StatusCode;
use s3s::HttpError;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;

/// One for whoever has a key and its secret. Its buckets are the directories in `root`.
pub fn s3s(
    root: &Path,
    (key, secret): (&str, &str),
    set: impl FnOnce(&mut S3ServiceBuilder),
) -> Router {
    let mut service = S3ServiceBuilder::new(FileSystem::new(root).unwrap());
    service.set_auth(SimpleAuth::from_single(key, secret));
    set(&mut service);
    Router::new().fallback_service(HandleError::new(service.build(), broken))
}

async fn broken(error: HttpError) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}"))
}
