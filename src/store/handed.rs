//! Runs that the replica that leads hands to others, and their ends.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::row::{Columns, json};
use super::runs::{self, put_run};
use super::{Store, StoreError, Topic};
use crate::domain::ids::RunId;
use crate::domain::run::Run;

const TABLE: &str = "handed";

impl Store {
    /// Stores that a run begins, and hands it to a replica with all that it has to know.
    pub async fn hand_out<T: Serialize>(
        &self,
        run: &Run,
        replica: i64,
        task: &T,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        put_run(&mut transaction, run).await?;
        sqlx::query("INSERT INTO handed (run, replica, task) VALUES ($1, $2, $3)")
            .bind(run.id.to_string())
            .bind(replica)
            .bind(json(TABLE, task)?)
            .execute(&mut *transaction)
            .await?;
        self.commit_and_ring(transaction, Topic::Runs).await
    }

    /// Whether a run was handed out, where the answer to that got lost. What was begun before is over when
    /// this is known.
    pub async fn was_handed_out(&self, run: &RunId) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM handed WHERE run = $1")
            .bind(run.to_string())
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(rows > 0)
    }

    /// The runs that were handed to a replica and have not ended.
    pub async fn handed_to<T: DeserializeOwned>(
        &self,
        replica: i64,
    ) -> Result<Vec<(Run, T)>, StoreError> {
        let rows = sqlx::query(
            "SELECT runs.*, handed.task AS task FROM handed JOIN runs ON runs.id = handed.run \
             WHERE handed.replica = $1 AND handed.ended IS NULL ORDER BY runs.queued_at, runs.id",
        )
        .bind(replica)
        .fetch_all(&self.reader)
        .await?;
        let read = |row| {
            let task = Columns { table: TABLE, row }.json("task")?;
            Ok((runs::read(row)?, task))
        };
        rows.iter().map(read).collect()
    }

    /// Stores that a run that was handed out has ended, and what follows from it.
    pub async fn hand_back<E: Serialize>(&self, run: &RunId, ended: &E) -> Result<(), StoreError> {
        let statement = sqlx::query("UPDATE handed SET ended = $1 WHERE run = $2")
            .bind(json(TABLE, ended)?)
            .bind(run.to_string());
        let mut transaction = self.begin().await?;
        statement.execute(&mut *transaction).await?;
        self.commit_and_ring(transaction, Topic::Ends).await
    }

    /// The runs that were handed out and have ended.
    pub async fn handed_back<E: DeserializeOwned>(&self) -> Result<Vec<(RunId, E)>, StoreError> {
        let rows = sqlx::query("SELECT run, ended FROM handed WHERE ended IS NOT NULL")
            .fetch_all(&self.reader)
            .await?;
        let read = |row| {
            let columns = Columns { table: TABLE, row };
            Ok((columns.id("run")?, columns.json("ended")?))
        };
        rows.iter().map(read).collect()
    }

    /// Forgets that runs were handed out.
    pub async fn settle_handed(&self, runs: &[RunId]) -> Result<(), StoreError> {
        if runs.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        for run in runs {
            sqlx::query("DELETE FROM handed WHERE run = $1")
                .bind(run.to_string())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }
}
