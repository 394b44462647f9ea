//! What is paused, as every process knows it.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Executor};

use super::row::{Columns, json};
use super::{Store, StoreError};
use crate::domain::pause::{Pause, Pauses, Scope};

const TABLE: &str = "pauses";
const ALL: &str = "SELECT pause FROM pauses ORDER BY scope";

impl Store {
    /// What is paused now.
    pub async fn pauses(&self) -> Result<Pauses, StoreError> {
        let rows = sqlx::query(ALL).fetch_all(&self.reader).await?;
        rows.iter().map(read).collect()
    }

    /// Adds pauses to those of others, as [`Pauses::joined`] does, and gives all.
    pub async fn pause(&self, thrown: &Pauses) -> Result<Pauses, StoreError> {
        let mut transaction = self.begin().await?;
        let before = all(&mut transaction).await?;
        let after = before.joined(thrown);
        for pause in after.iter().filter(|pause| !before.holds(pause)) {
            sqlx::query(
                "INSERT INTO pauses (scope, pause) VALUES ($1, $2) \
                 ON CONFLICT (scope) DO UPDATE SET pause = excluded.pause",
            )
            .bind(json(TABLE, &pause.scope)?)
            .bind(json(TABLE, pause)?)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(after)
    }

    /// Ends the pause of a scope; says whether there was one.
    pub async fn end_pause(&self, scope: &Scope) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let ended = sqlx::query("DELETE FROM pauses WHERE scope = $1")
            .bind(json(TABLE, scope)?)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(ended.rows_affected() > 0)
    }
}

/// What is paused, as a transaction sees it.
pub(super) async fn all(connection: &mut AnyConnection) -> Result<Pauses, StoreError> {
    let rows = connection.fetch_all(ALL).await?;
    rows.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<Pause, StoreError> {
    Columns { table: TABLE, row }.json("pause")
}
