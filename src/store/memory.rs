//! A small memory of named values, for schedules.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::row::Columns;
use super::{Store, StoreError};

const TABLE: &str = "memory";

impl Store {
    /// Remembers a value under a key, in place of the one before.
    pub async fn remember(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        put_memory(&mut transaction, key, value).await?;
        transaction.commit().await
    }

    /// The value under a key; if there is none, this one is remembered. Of several processes that do
    /// so at once all get the same.
    pub async fn recall_or_remember(&self, key: &str, value: &str) -> Result<String, StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO memory (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        )
        .bind(key)
        .bind(value)
        .execute(&mut *transaction)
        .await?;
        let row = sqlx::query("SELECT name, value FROM memory WHERE name = $1")
            .bind(key)
            .fetch_one(&mut *transaction)
            .await?;
        let (_, known) = read(&row)?;
        transaction.commit().await?;
        Ok(known)
    }

    /// The value under a key.
    pub async fn recall(&self, key: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT name, value FROM memory WHERE name = $1")
            .bind(key)
            .fetch_optional(&self.reader)
            .await?;
        Ok(row.as_ref().map(read).transpose()?.map(|(_, value)| value))
    }

    /// Every key that begins with `prefix`, with its value, by key.
    pub async fn recall_prefix(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query(
            "SELECT name, value FROM memory WHERE substr(name, 1, length($1)) = $1 ORDER BY name",
        )
        .bind(prefix)
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<(String, String), StoreError> {
    let columns = Columns { table: TABLE, row };
    Ok((columns.text("name")?, columns.text("value")?))
}

pub(super) async fn put_memory(
    connection: &mut AnyConnection,
    key: &str,
    value: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO memory (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(key)
    .bind(value)
    .execute(connection)
    .await?;
    Ok(())
}
