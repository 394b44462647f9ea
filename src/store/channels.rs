//! What is known of channels from their deliveries.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::row::{Columns, json};
use super::{Store, StoreError};
use crate::domain::channel::Channel;

const TABLE: &str = "channels";

/// How many messages to a notifier are not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Undelivered {
    /// To be sent.
    pub waiting: usize,
    /// Given up, and still remembered.
    pub given_up: usize,
}

impl Store {
    /// What is known of a channel.
    pub async fn channel(&self, notifier: &str) -> Result<Option<Channel>, StoreError> {
        let row = sqlx::query("SELECT channel FROM channels WHERE notifier = $1")
            .bind(notifier)
            .fetch_optional(&self.reader)
            .await?;
        row.map(|row| {
            let columns = Columns {
                table: TABLE,
                row: &row,
            };
            columns.json("channel")
        })
        .transpose()
    }

    /// How many messages are not delivered, by notifier; those without any are left out.
    pub async fn undelivered(&self) -> Result<BTreeMap<String, Undelivered>, StoreError> {
        let rows = sqlx::query(
            "SELECT notifier, \
             SUM(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END) AS waiting, \
             SUM(CASE WHEN state = 'given_up' THEN 1 ELSE 0 END) AS given_up \
             FROM messages WHERE state IN ('waiting', 'given_up') GROUP BY notifier",
        )
        .fetch_all(&self.reader)
        .await?;
        let mut counts = BTreeMap::new();
        for row in &rows {
            let columns = Columns {
                table: "messages",
                row,
            };
            let count = |name| Ok::<_, StoreError>(columns.count(name)? as usize);
            let undelivered = Undelivered {
                waiting: count("waiting")?,
                given_up: count("given_up")?,
            };
            counts.insert(columns.text("notifier")?, undelivered);
        }
        Ok(counts)
    }
}

pub(super) async fn put_channel(
    connection: &mut AnyConnection,
    channel: &Channel,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO channels (notifier, channel) VALUES ($1, $2) \
         ON CONFLICT (notifier) DO UPDATE SET channel = excluded.channel",
    )
    .bind(channel.notifier.as_str())
    .bind(json(TABLE, channel)?)
    .execute(connection)
    .await?;
    Ok(())
}
