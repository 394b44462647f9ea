//! Calls to the replica that leads. Times are the database's own: the clocks of processes may differ.

use std::time::Duration;

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::bell::Topic;
use super::postgres::is_server;
use super::row::{Columns, json};
use super::{Store, StoreError};
use crate::domain::call::{Call, Reply, Wish, Withdrawn};
use crate::domain::ids::CallId;

const TABLE: &str = "calls";
/// What came of a call is kept for an hour after its end, in microseconds.
const KEPT: i64 = 3_600_000_000;

impl Store {
    /// Stores a call, for whoever leads. Nobody begins it after `lasts`. Calls that have long ended are
    /// forgotten.
    ///
    /// # Errors
    /// Nobody has begun it, and nobody will: where the answer of the database got lost, it is withdrawn. If
    /// that comes too late, or cannot be done either, it counts as stored.
    pub async fn post_call(
        &self,
        id: &CallId,
        wish: &Wish,
        lasts: Duration,
    ) -> Result<(), StoreError> {
        let lasts = i64::try_from(lasts.as_micros()).unwrap_or(KEPT);
        let mut transaction = self.begin().await?;
        let now = clock(&mut transaction).await?;
        sqlx::query("DELETE FROM calls WHERE ends_at < $1")
            .bind(now.saturating_sub(KEPT))
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO calls (id, wish, asked_at, ends_at) VALUES ($1, $2, $3, $4)")
            .bind(id.to_string())
            .bind(json(TABLE, wish)?)
            .bind(now)
            .bind(now.saturating_add(lasts))
            .execute(&mut *transaction)
            .await?;
        let Err(error) = self.commit_and_ring(transaction, Topic::Calls).await else {
            return Ok(());
        };
        match self.withdraw_call(id).await {
            Ok(Withdrawn::InTime) => Err(error),
            Ok(Withdrawn::TooLate) | Err(_) => {
                tracing::warn!(call = %id, "perhaps it is called for all the same: {error}");
                Ok(())
            }
        }
    }

    /// The calls that nobody has begun and that have not ended, oldest first.
    pub async fn open_calls(&self) -> Result<Vec<Call>, StoreError> {
        let mut connection = self.reader.acquire().await?;
        let now = clock(&mut connection).await?;
        let rows = sqlx::query(
            "SELECT id, wish FROM calls WHERE begun_at IS NULL AND reply IS NULL AND ends_at > $1 \
             ORDER BY asked_at, id",
        )
        .bind(now)
        .fetch_all(&mut *connection)
        .await?;
        Ok(understood(&rows))
    }

    /// The calls that were begun and that nobody has answered.
    pub async fn begun_calls(&self) -> Result<Vec<Call>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, wish FROM calls WHERE begun_at IS NOT NULL AND reply IS NULL \
             ORDER BY asked_at, id",
        )
        .fetch_all(&self.reader)
        .await?;
        Ok(understood(&rows))
    }

    /// Takes note that a call is begun; false if somebody has begun it, it was withdrawn or it has ended.
    pub async fn begin_call(&self, id: &CallId) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let now = clock(&mut transaction).await?;
        let begun = sqlx::query(
            "UPDATE calls SET begun_at = $1 WHERE id = $2 AND begun_at IS NULL AND reply IS NULL \
             AND ends_at > $1",
        )
        .bind(now)
        .bind(id.to_string())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(begun.rows_affected() == 1)
    }

    /// A call was not begun after all: it is open again.
    pub async fn give_back_call(&self, id: &CallId) -> Result<(), StoreError> {
        let given_back =
            sqlx::query("UPDATE calls SET begun_at = NULL WHERE id = $1 AND reply IS NULL")
                .bind(id.to_string());
        self.execute(given_back).await
    }

    /// Stores what came of a call.
    pub async fn answer_call(&self, id: &CallId, reply: &Reply) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE calls SET reply = $1 WHERE id = $2 AND reply IS NULL")
            .bind(json(TABLE, reply)?)
            .bind(id.to_string())
            .execute(&mut *transaction)
            .await?;
        self.commit_and_ring(transaction, Topic::Answers).await
    }

    /// What came of a call, once that is known.
    pub async fn answer_of(&self, id: &CallId) -> Result<Option<Reply>, StoreError> {
        let row = sqlx::query("SELECT reply FROM calls WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.reader)
            .await?;
        let reply = |row: &AnyRow| Columns { table: TABLE, row }.optional_json("reply");
        Ok(row.as_ref().map(reply).transpose()?.flatten())
    }

    /// Nobody waits for a call any more, so nobody is to begin it. Neither will one that was never stored:
    /// what was begun before is over when this is known.
    pub async fn withdraw_call(&self, id: &CallId) -> Result<Withdrawn, StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("DELETE FROM calls WHERE id = $1 AND begun_at IS NULL")
            .bind(id.to_string())
            .execute(&mut *transaction)
            .await?;
        let begun: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM calls WHERE id = $1")
            .bind(id.to_string())
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(match begun {
            0 => Withdrawn::InTime,
            _ => Withdrawn::TooLate,
        })
    }
}

/// What time it is in the database, in microseconds since 1970.
async fn clock(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    let clock = match is_server(connection) {
        true => "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
        false => "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
    };
    Ok(sqlx::query_scalar(clock).fetch_one(connection).await?)
}

/// A call that this version does not know does not hold up the others: it ends without an answer.
fn understood(rows: &[AnyRow]) -> Vec<Call> {
    let calls = rows.iter().filter_map(|row| match read(row) {
        Ok(call) => Some(call),
        Err(error) => {
            tracing::warn!("a call of another replica is left alone: {error}");
            None
        }
    });
    calls.collect()
}

fn read(row: &AnyRow) -> Result<Call, StoreError> {
    let columns = Columns { table: TABLE, row };
    Ok(Call {
        id: columns.id("id")?,
        wish: columns.json("wish")?,
    })
}
