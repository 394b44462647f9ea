//! What happened in a time: alerts that were open in it, runs that applied in it, and the looks
//! that lead up to a moment.

use jiff::Timestamp;

use super::{Store, StoreError, alerts, runs};
use crate::domain::alert::Alert;
use crate::domain::ids::StackId;
use crate::domain::run::Run;

impl Store {
    /// Every alert that was open at some moment from `from` until just before `to`, and every one
    /// that is open now, oldest first. Those that were forgotten are missing.
    pub async fn alerts_between(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Alert>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM alerts WHERE resolved_at IS NULL \
             OR (opened_at < $1 AND resolved_at >= $2) ORDER BY opened_at, id",
        )
        .bind(to.as_microsecond())
        .bind(from.as_microsecond())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(alerts::read).collect()
    }

    /// Every run that ended from `from` until just before `to` and had stored the intent to apply,
    /// in the order they ended.
    pub async fn applies_between(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query(
            "SELECT runs.* FROM runs JOIN intents ON intents.run = runs.id \
             WHERE runs.ended_at >= $1 AND runs.ended_at < $2 ORDER BY runs.ended_at, runs.id",
        )
        .bind(from.as_microsecond())
        .bind(to.as_microsecond())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(runs::read).collect()
    }

    /// The last runs of a stack that were queued no later than a moment, newest first.
    pub async fn runs_until(
        &self,
        stack: &StackId,
        moment: Timestamp,
        limit: u32,
    ) -> Result<Vec<Run>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM runs WHERE stack = $1 AND queued_at <= $2 \
             ORDER BY queued_at DESC, id DESC LIMIT $3",
        )
        .bind(stack.as_str())
        .bind(moment.as_microsecond())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(runs::read).collect()
    }
}
