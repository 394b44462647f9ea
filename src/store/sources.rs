//! Sources.

use sqlx::any::AnyRow;

use super::row::{Columns, json, micros};
use super::{Store, StoreError};
use crate::domain::ids::{CommitId, SourceName};
use crate::domain::source::SourceRecord;

const TABLE: &str = "sources";

impl Store {
    /// Every source ever seen, by name.
    pub async fn sources(&self) -> Result<Vec<SourceRecord>, StoreError> {
        let rows = sqlx::query("SELECT * FROM sources ORDER BY name")
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Stores what is known of a source.
    pub async fn save_source(&self, source: &SourceRecord) -> Result<(), StoreError> {
        let failure = source
            .failure
            .as_ref()
            .map(|failure| json(TABLE, failure))
            .transpose()?;
        let save = sqlx::query(
            "INSERT INTO sources (name, commit_id, checked_at, failures, failure) \
             VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO UPDATE SET \
             commit_id = excluded.commit_id, checked_at = excluded.checked_at, \
             failures = excluded.failures, failure = excluded.failure",
        )
        .bind(source.name.as_str())
        .bind(source.commit.as_ref().map(CommitId::as_str))
        .bind(micros(source.checked_at))
        .bind(i64::from(source.failures))
        .bind(failure);
        self.execute(save).await
    }
}

fn read(row: &AnyRow) -> Result<SourceRecord, StoreError> {
    let columns = Columns { table: TABLE, row };
    Ok(SourceRecord {
        name: SourceName::new(columns.text("name")?),
        commit: columns.optional_text("commit_id")?.map(CommitId::new),
        checked_at: columns.optional_time("checked_at")?,
        failures: columns.count("failures")?,
        failure: columns.optional_json("failure")?,
    })
}
