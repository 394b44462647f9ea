//! Forgetting what is over and old.

use jiff::Timestamp;

use super::{Store, StoreError};

const FORGET: [&str; 4] = [
    "DELETE FROM runs WHERE state = 'finished' AND ended_at < $1 \
     AND EXISTS (SELECT 1 FROM runs AS newer WHERE newer.stack = runs.stack \
     AND (newer.queued_at, newer.id) > (runs.queued_at, runs.id)) \
     AND NOT EXISTS (SELECT 1 FROM intents WHERE intents.run = runs.id)",
    "DELETE FROM messages WHERE state <> 'waiting' AND created_at < $1",
    "DELETE FROM alerts WHERE resolved_at < $1",
    "DELETE FROM threads WHERE changed_at < $1",
];

impl Store {
    /// Forgets finished runs, messages that are delivered or given up, and resolved alerts from
    /// before a time; says how many. Each stack's newest run stays, and every run that applied or
    /// was about to.
    pub async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let mut forgotten = 0;
        for statement in FORGET {
            let result = sqlx::query(statement)
                .bind(before.as_microsecond())
                .execute(&mut *transaction)
                .await?;
            forgotten += result.rows_affected();
        }
        transaction.commit().await?;
        Ok(forgotten)
    }
}
