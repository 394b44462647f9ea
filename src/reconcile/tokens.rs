//! The tokens of people: made, known again, and taken back.

use secrecy::SecretString;

use crate::domain::identity::Identity;
use crate::domain::ids::TokenId;
use crate::domain::token::{Grant, PREFIX, Token, TokenHash, TokenState};
use crate::store::StoreError;

use super::command::Refusal;
use super::context::Context;
use super::fresh;
use super::layout::random_key;
use super::vote;

/// Makes a token; what is stored of it is its hash.
pub(super) async fn create(
    context: &Context,
    grant: Grant,
    by: &Identity,
) -> Result<(Token, SecretString), Refusal> {
    let now = context.now();
    let token = Token {
        id: fresh::token(),
        grant: grant.checked(now)?,
        created_at: now,
        last_used_at: None,
        revoked_at: None,
    };
    let random = random_key().map_err(Refusal::NoRandomness)?;
    let secret = format!("{PREFIX}{}", hex::encode(random));
    let hash = TokenHash::of(&secret);
    context.store.create_token(&token, &hash, by).await?;
    tracing::info!(%by, token = %token.id, name = token.grant.name, "token made");
    Ok((token, SecretString::from(secret)))
}

/// The active token that this is. That its use cannot be noted keeps nobody out.
pub(super) async fn token_of(context: &Context, secret: &str) -> Result<Option<Token>, StoreError> {
    if !secret.starts_with(PREFIX) {
        return Ok(None);
    }
    let now = context.now();
    let token = context.store.token_of(&TokenHash::of(secret)).await?;
    let token = token.filter(|token| token.state(now) == TokenState::Active);
    if let Some(token) = token.as_ref().filter(|token| token.is_used_anew(now))
        && let Err(error) = context.store.token_used(&token.id, now).await
    {
        tracing::warn!(token = %token.id, "cannot remember the use of a token: {error}");
    }
    Ok(token)
}

/// Takes a token back, and with it what was approved with it and is not used yet.
pub(super) async fn revoke(context: &Context, id: &TokenId, by: &Identity) -> Result<(), Refusal> {
    if vote::revoke_token(context, id, by).await? {
        tracing::info!(%by, token = %id, "token revoked");
        return Ok(());
    }
    let known = context.store.token(id).await?;
    Err(known.map_or(Refusal::UnknownToken(*id), |_| Refusal::RevokedAlready(*id)))
}

/// Every token with what it is now.
pub(super) async fn list(context: &Context) -> Result<Vec<(Token, TokenState)>, StoreError> {
    let now = context.now();
    let tokens = context.store.tokens().await?.into_iter();
    Ok(tokens
        .map(|token| {
            let state = token.state(now);
            (token, state)
        })
        .collect())
}
