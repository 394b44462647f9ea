//! Who may use the API: whoever has the operator's token, and people with tokens of their own, each
//! as far as its scopes go.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::domain::identity::{Identity, Scope, Scopes};
use crate::domain::token::PREFIX;

use super::Api;
use super::ack::short;
use super::error::ApiError;

/// Who sent a request, and what they may.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    identity: Identity,
    scopes: Scopes,
}

impl Caller {
    /// Who it is. With the operator's token that is who they say they are; a token of one's own says
    /// it, and nobody else can be said.
    pub(super) fn identity(&self, by: Option<&str>) -> Result<Identity, ApiError> {
        let by = by.map(str::trim).filter(|by| !by.is_empty());
        match (&self.identity, by) {
            (Identity::Operator { .. }, by) => Ok(Identity::Operator {
                claims: by.map(short),
            }),
            (Identity::Person { name, .. }, Some(by)) if by != name => Err(ApiError::BadRequest(
                format!("this token is one of {name}: `by` cannot be somebody else"),
            )),
            (person, _) => Ok(person.clone()),
        }
    }

    /// The same for what has to have a name.
    pub(super) fn named(&self, by: Option<&str>) -> Result<Identity, ApiError> {
        let identity = self.identity(by)?;
        if identity.name().is_none() {
            return Err(ApiError::BadRequest("`by` says who asks for it".to_owned()));
        }
        Ok(identity)
    }

    /// What they may.
    pub(super) const fn scopes(&self) -> &Scopes {
        &self.scopes
    }
}

/// Lets a request through that carries a token, and says whose it is. The operator's token is read
/// again at each request, so that a rotated one works at once.
pub(super) async fn bearer(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let header = request.headers().get(AUTHORIZATION);
    let header = header.and_then(|value| value.to_str().ok());
    let given = header
        .and_then(|text| text.strip_prefix("Bearer "))
        .unwrap_or_default()
        .trim()
        .to_owned();
    let caller = match api.handle.token_of(&given).await? {
        Some(token) => Caller {
            identity: token.identity(),
            scopes: token.grant.scopes,
        },
        None => operator(&api, &given)?,
    };
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

fn operator(api: &Api, given: &str) -> Result<Caller, ApiError> {
    let Some(source) = &api.token else {
        return Err(if given.starts_with(PREFIX) {
            ApiError::Unauthorised
        } else {
            ApiError::Closed
        });
    };
    let expected = source.read().map_err(|error| {
        tracing::error!("the API token cannot be read: {error}");
        ApiError::Internal
    })?;
    if !same(given, expected.expose_secret()) {
        return Err(ApiError::Unauthorised);
    }
    Ok(Caller {
        identity: Identity::Operator { claims: None },
        scopes: Scopes::all(),
    })
}

/// Lets a request through whose sender has the scope.
pub(super) async fn demand(
    State(scope): State<Scope>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if caller.scopes.hold(scope) {
        Ok(next.run(request).await)
    } else {
        Err(ApiError::Forbidden(scope))
    }
}

/// Compares hashes, so that the time taken tells nothing about the token.
fn same(given: &str, expected: &str) -> bool {
    Sha256::digest(given.as_bytes()) == Sha256::digest(expected.as_bytes())
}
