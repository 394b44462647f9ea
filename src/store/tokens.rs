//! The tokens of people. Only their hashes are stored.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::audit::append;
use super::conclude::put_conclusion;
use super::row::{Columns, json, micros};
use super::{Conclusion, Store, StoreError};
use crate::domain::audit::{Action, NewAudit};
use crate::domain::identity::Identity;
use crate::domain::ids::TokenId;
use crate::domain::token::{Token, TokenHash};

const TABLE: &str = "tokens";

impl Store {
    /// Stores a new token, and who made it.
    pub async fn create_token(
        &self,
        token: &Token,
        hash: &TokenHash,
        by: &Identity,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO tokens (id, hash, permit, created_at, last_used_at, revoked_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(token.id.to_string())
        .bind(hash.as_str().to_owned())
        .bind(json(TABLE, &token.grant)?)
        .bind(token.created_at.as_microsecond())
        .bind(micros(token.last_used_at))
        .bind(micros(token.revoked_at))
        .execute(&mut *transaction)
        .await?;
        let action = Action::TokenCreated {
            token: token.id,
            grant: token.grant.clone(),
        };
        let created = NewAudit::asked(token.created_at, by, action);
        append(&mut transaction, &[created]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Every token, newest first, expired and revoked ones too.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let rows = sqlx::query("SELECT * FROM tokens ORDER BY created_at DESC, id DESC")
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(read).collect()
    }

    /// One token.
    pub async fn token(&self, id: &TokenId) -> Result<Option<Token>, StoreError> {
        let row = sqlx::query("SELECT * FROM tokens WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The token with this hash, whether it opens anything or not.
    pub async fn token_of(&self, hash: &TokenHash) -> Result<Option<Token>, StoreError> {
        let row = sqlx::query("SELECT * FROM tokens WHERE hash = $1")
            .bind(hash.as_str().to_owned())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Remembers that a token was used.
    pub async fn token_used(&self, id: &TokenId, now: Timestamp) -> Result<(), StoreError> {
        let save = sqlx::query("UPDATE tokens SET last_used_at = $1 WHERE id = $2")
            .bind(now.as_microsecond())
            .bind(id.to_string());
        self.execute(save).await
    }

    /// Revokes a token, and stores who did and what follows from it; false, and nothing is stored, if
    /// it is revoked already or there is none.
    pub async fn revoke_token(
        &self,
        id: &TokenId,
        by: &Identity,
        now: Timestamp,
        follows: &Conclusion<'_>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query("SELECT * FROM tokens WHERE id = $1 AND revoked_at IS NULL")
            .bind(id.to_string())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(token) = row.as_ref().map(read).transpose()? else {
            return Ok(false);
        };
        sqlx::query("UPDATE tokens SET revoked_at = $1 WHERE id = $2")
            .bind(now.as_microsecond())
            .bind(id.to_string())
            .execute(&mut *transaction)
            .await?;
        let action = Action::TokenRevoked {
            token: token.id,
            name: token.grant.name,
        };
        append(&mut transaction, &[NewAudit::asked(now, by, action)]).await?;
        put_conclusion(&mut transaction, follows).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

fn read(row: &AnyRow) -> Result<Token, StoreError> {
    let columns = Columns { table: TABLE, row };
    Ok(Token {
        id: columns.id("id")?,
        grant: columns.json("permit")?,
        created_at: columns.time("created_at")?,
        last_used_at: columns.optional_time("last_used_at")?,
        revoked_at: columns.optional_time("revoked_at")?,
    })
}
