//! Alerts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::row::{Columns, json, micros, word};
use super::{Store, StoreError};
use crate::domain::alert::{Acknowledgement, Alert, Lull, Trouble};
use crate::domain::cause::Cause;
use crate::domain::ids::StackId;
use crate::domain::notice::AlertNotice;

const TABLE: &str = "alerts";

/// An alert to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertEntry {
    /// The alert.
    pub alert: Alert,
    /// As it would be told now, for when time alone moves it; none leaves what was stored before.
    pub notice: Option<AlertNotice>,
    /// When time alone moves it next.
    pub due: Option<Timestamp>,
}

impl From<Alert> for AlertEntry {
    fn from(alert: Alert) -> Self {
        Self {
            alert,
            notice: None,
            due: None,
        }
    }
}

/// What of an alert has no column of its own.
#[derive(Debug, Serialize, Deserialize)]
struct Details {
    parts: BTreeMap<String, String>,
    cause: Option<Cause>,
    seen_at: Timestamp,
    looks: u32,
    persist: SignedDuration,
    spoken_at: Timestamp,
    escalated_at: Option<Timestamp>,
    #[serde(default)]
    free_since: Option<Timestamp>,
    acknowledged: Option<Acknowledgement>,
    lull: Option<Lull>,
    returns: Vec<Timestamp>,
    #[serde(default)]
    told_to: BTreeSet<String>,
}

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

    /// The alerts of a stack that are not resolved, or that ended after a time, oldest first.
    pub async fn alerts_since(
        &self,
        stack: &StackId,
        ended_after: Timestamp,
    ) -> Result<Vec<Alert>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM alerts WHERE stack = $1 AND (resolved_at IS NULL OR resolved_at >= $2) \
             ORDER BY opened_at, id",
        )
        .bind(stack.as_str())
        .bind(ended_after.as_microsecond())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read).collect()
    }

    /// The open alerts that time alone moves by now, each as it would be told.
    pub async fn due_alerts(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(Alert, Option<AlertNotice>)>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM alerts WHERE resolved_at IS NULL AND due_at <= $1 ORDER BY due_at, id",
        )
        .bind(now.as_microsecond())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read_with_notice).collect()
    }

    /// Every open alert as it would be told, oldest first.
    pub async fn open_alerts_as_told(
        &self,
    ) -> Result<Vec<(Alert, Option<AlertNotice>)>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM alerts WHERE resolved_at IS NULL ORDER BY opened_at, id")
                .fetch_all(&self.reader)
                .await?;
        rows.iter().map(read_with_notice).collect()
    }

    /// When time alone moves an alert next; none if none is open.
    pub async fn next_alert_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query("SELECT MIN(due_at) AS due_at FROM alerts WHERE resolved_at IS NULL")
            .fetch_one(&self.reader)
            .await?;
        let columns = Columns {
            table: TABLE,
            row: &row,
        };
        columns.optional_time("due_at")
    }
}

pub(super) async fn put_alert(
    connection: &mut AnyConnection,
    entry: &AlertEntry,
) -> Result<(), StoreError> {
    let alert = &entry.alert;
    let resolution = alert
        .resolved
        .map(|(_, resolution)| word(TABLE, &resolution))
        .transpose()?;
    let notice = entry
        .notice
        .as_ref()
        .map(|notice| json(TABLE, notice))
        .transpose()?;
    sqlx::query(
        "INSERT INTO alerts (id, stack, kind, content, severity, opened_at, changed_at, \
         resolved_at, resolution, told, due_at, details, notice) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (id) DO UPDATE SET \
         content = excluded.content, severity = excluded.severity, \
         opened_at = excluded.opened_at, changed_at = excluded.changed_at, \
         resolved_at = excluded.resolved_at, resolution = excluded.resolution, \
         told = excluded.told, due_at = excluded.due_at, details = excluded.details, \
         notice = COALESCE(excluded.notice, alerts.notice)",
    )
    .bind(alert.id.to_string())
    .bind(alert.stack.as_str())
    .bind(word(TABLE, &alert.kind)?)
    .bind(alert.trouble.content.as_str())
    .bind(word(TABLE, &alert.trouble.severity)?)
    .bind(alert.begun_at().as_microsecond())
    .bind(alert.changed_at.as_microsecond())
    .bind(micros(alert.resolved.map(|(at, _)| at)))
    .bind(resolution)
    .bind(i64::from(alert.opened_at.is_some()))
    .bind(micros(entry.due))
    .bind(json(TABLE, &details(alert))?)
    .bind(notice)
    .execute(connection)
    .await?;
    Ok(())
}

fn details(alert: &Alert) -> Details {
    let alert = alert.clone();
    Details {
        parts: alert.trouble.parts,
        cause: alert.trouble.cause,
        seen_at: alert.seen_at,
        looks: alert.looks,
        persist: alert.persist,
        spoken_at: alert.spoken_at,
        escalated_at: alert.escalated_at,
        free_since: alert.free_since,
        acknowledged: alert.acknowledged,
        lull: alert.lull,
        returns: alert.returns,
        told_to: alert.told_to,
    }
}

pub(super) fn read(row: &AnyRow) -> Result<Alert, StoreError> {
    let columns = Columns { table: TABLE, row };
    let resolved_at = columns.optional_time("resolved_at")?;
    let opened_at = columns.time("opened_at")?;
    let changed_at = columns.time("changed_at")?;
    // Rows of versions that kept none were told when they were seen.
    let details = columns.optional_json("details")?.unwrap_or(Details {
        parts: BTreeMap::new(),
        cause: None,
        seen_at: opened_at,
        looks: 1,
        persist: SignedDuration::ZERO,
        spoken_at: changed_at,
        escalated_at: None,
        free_since: None,
        acknowledged: None,
        lull: None,
        returns: Vec::new(),
        told_to: BTreeSet::new(),
    });
    Ok(Alert {
        id: columns.id("id")?,
        stack: StackId::new(columns.text("stack")?),
        kind: columns.word("kind")?,
        trouble: Trouble {
            content: columns.text("content")?,
            severity: columns.word("severity")?,
            parts: details.parts,
            cause: details.cause,
        },
        seen_at: details.seen_at,
        looks: details.looks,
        persist: details.persist,
        opened_at: (columns.count("told")? == 1).then_some(opened_at),
        changed_at,
        spoken_at: details.spoken_at,
        escalated_at: details.escalated_at,
        free_since: details.free_since,
        acknowledged: details.acknowledged,
        lull: details.lull,
        returns: details.returns,
        told_to: details.told_to,
        resolved: resolved_at.zip(columns.optional_word("resolution")?),
    })
}

fn read_with_notice(row: &AnyRow) -> Result<(Alert, Option<AlertNotice>), StoreError> {
    let columns = Columns { table: TABLE, row };
    Ok((read(row)?, columns.optional_json("notice")?))
}
