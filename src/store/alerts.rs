//! Alerts.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::row::{Columns, micros, word};
use super::{Store, StoreError};
use crate::domain::alert::{Alert, Trouble};
use crate::domain::ids::StackId;

const TABLE: &str = "alerts";

impl Store {
    /// The alerts that are not resolved, of one stack or of all, oldest first. A stack has at most
    /// one of each kind.
    pub async fn open_alerts(&self, stack: Option<&StackId>) -> Result<Vec<Alert>, StoreError> {
        let query = match stack {
            Some(stack) => sqlx::query(
                "SELECT * FROM alerts WHERE resolved_at IS NULL AND stack = $1 \
                 ORDER BY opened_at, id",
            )
            .bind(stack.as_str()),
            None => {
                sqlx::query("SELECT * FROM alerts WHERE resolved_at IS NULL ORDER BY opened_at, id")
            }
        };
        let rows = query.fetch_all(&self.reader).await?;
        rows.iter().map(read).collect()
    }
}

pub(super) async fn put_alert(
    connection: &mut AnyConnection,
    alert: &Alert,
) -> Result<(), StoreError> {
    let resolution = alert
        .resolved
        .map(|(_, resolution)| word(TABLE, &resolution))
        .transpose()?;
    sqlx::query(
        "INSERT INTO alerts (id, stack, kind, content, severity, opened_at, changed_at, \
         resolved_at, resolution) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (id) DO UPDATE SET \
         content = excluded.content, severity = excluded.severity, \
         changed_at = excluded.changed_at, resolved_at = excluded.resolved_at, \
         resolution = excluded.resolution",
    )
    .bind(alert.id.to_string())
    .bind(alert.stack.as_str())
    .bind(word(TABLE, &alert.kind)?)
    .bind(alert.trouble.content.as_str())
    .bind(word(TABLE, &alert.trouble.severity)?)
    .bind(alert.opened_at.as_microsecond())
    .bind(alert.changed_at.as_microsecond())
    .bind(micros(alert.resolved.map(|(at, _)| at)))
    .bind(resolution)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) fn read(row: &AnyRow) -> Result<Alert, StoreError> {
    let columns = Columns { table: TABLE, row };
    let resolved_at = columns.optional_time("resolved_at")?;
    Ok(Alert {
        id: columns.id("id")?,
        stack: StackId::new(columns.text("stack")?),
        kind: columns.word("kind")?,
        trouble: Trouble {
            content: columns.text("content")?,
            severity: columns.word("severity")?,
        },
        opened_at: columns.time("opened_at")?,
        changed_at: columns.time("changed_at")?,
        resolved: resolved_at.zip(columns.optional_word("resolution")?),
    })
}
