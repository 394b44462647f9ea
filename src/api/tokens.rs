//! `/api/v1/tokens`: the tokens of people.

use std::collections::BTreeSet;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::identity::{Scopes, UnknownScope};
use crate::domain::ids::TokenId;
use crate::domain::token::{Grant, Token, TokenState};

use super::Api;
use super::ack::short;
use super::auth::Caller;
use super::error::ApiError;

/// A token, without the token itself.
#[derive(Debug, Serialize)]
struct TokenDto {
    id: TokenId,
    #[serde(flatten)]
    grant: Grant,
    created_at: Timestamp,
    /// To about an hour.
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    state: TokenState,
}

impl TokenDto {
    fn new(token: Token, state: TokenState) -> Self {
        Self {
            id: token.id,
            grant: token.grant,
            created_at: token.created_at,
            last_used_at: token.last_used_at,
            revoked_at: token.revoked_at,
            state,
        }
    }
}

/// Whose token is to be made. Lists are parted by commas.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    by: Option<String>,
    name: String,
    #[serde(default)]
    groups: String,
    #[serde(default)]
    emails: String,
    scopes: String,
    expires_at: Timestamp,
}

/// Who revokes a token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeQuery {
    by: Option<String>,
}

/// `GET /api/v1/tokens`: newest first.
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Value>, ApiError> {
    let tokens = api.handle.tokens().await?.into_iter();
    let tokens: Vec<TokenDto> = tokens
        .map(|(token, state)| TokenDto::new(token, state))
        .collect();
    Ok(Json(json!({"schema_version": 1, "tokens": tokens})))
}

/// `POST /api/v1/tokens?name=…&scopes=…&expires_at=…[&groups=…&emails=…]`: makes a token and tells it,
/// this once.
pub(super) async fn create(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Query(order): Query<Order>,
) -> Result<Response, ApiError> {
    let by = caller.named(order.by.as_deref())?;
    let scopes = parts(&order.scopes).map(str::parse);
    let scopes: Result<Scopes, UnknownScope> = scopes.collect();
    let scopes = scopes.map_err(|error| ApiError::BadRequest(error.to_string()))?;
    if let Some(scope) = scopes.beyond(caller.scopes()) {
        return Err(ApiError::Forbidden(scope));
    }
    let grant = Grant {
        name: order.name,
        groups: all(&order.groups),
        emails: all(&order.emails),
        scopes,
        expires_at: order.expires_at,
    };
    let (token, secret) = api.handle.create_token(grant, &by).await?;
    let mut body = json!(TokenDto::new(token, TokenState::Active));
    body["token"] = json!(secret.expose_secret());
    let headers = [(CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, headers, Json(body)).into_response())
}

/// `POST /api/v1/tokens/{token}/revoke`: takes a token back, for good.
pub(super) async fn revoke(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    Path(token): Path<String>,
    Query(query): Query<RevokeQuery>,
) -> Result<Json<Value>, ApiError> {
    let by = caller.named(query.by.as_deref())?;
    let id: TokenId = token
        .parse()
        .map_err(|_| ApiError::NotFound(format!("there is no token {}", short(&token))))?;
    api.handle.revoke_token(&id, &by).await?;
    Ok(Json(json!({"id": id})))
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn all(list: &str) -> BTreeSet<String> {
    parts(list).map(str::to_owned).collect()
}
