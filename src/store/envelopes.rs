//! News that waits to become messages, and what is remembered of earlier messages.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::outbox::insert_message;
use super::row::{Columns, json};
use super::{Store, StoreError};
use crate::domain::compose::{Desk, Envelope};
use crate::domain::ids::EnvelopeId;
use crate::domain::message::Message;

const TABLE: &str = "envelopes";
const DESKS: &str = "desks";

/// News for one notifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressed {
    /// The notifier.
    pub notifier: String,
    /// The news.
    pub envelope: Envelope,
}

impl Store {
    /// The notifiers for which news waits.
    pub async fn awaited_notifiers(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query_scalar("SELECT DISTINCT notifier FROM envelopes ORDER BY notifier")
            .fetch_all(&self.reader)
            .await?;
        Ok(rows)
    }

    /// The news that waits for a notifier, in the order of its coming, and what is remembered of
    /// earlier messages to it.
    pub async fn waiting_news(&self, notifier: &str) -> Result<(Vec<Envelope>, Desk), StoreError> {
        let rows = sqlx::query("SELECT * FROM envelopes WHERE notifier = $1 ORDER BY id")
            .bind(notifier)
            .fetch_all(&self.reader)
            .await?;
        let desk = sqlx::query("SELECT desk FROM desks WHERE notifier = $1")
            .bind(notifier)
            .fetch_optional(&self.reader)
            .await?;
        let desk = desk.map(|row| {
            let columns = Columns {
                table: DESKS,
                row: &row,
            };
            columns.json("desk")
        });
        let envelopes = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok((envelopes, desk.transpose()?.unwrap_or_default()))
    }

    /// Puts messages into the outbox in place of the news that is in them: all of it or, on an
    /// error, nothing of it.
    pub async fn post(
        &self,
        notifier: &str,
        messages: &[Message],
        used: &[EnvelopeId],
        desk: &Desk,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for message in messages {
            insert_message(&mut transaction, message).await?;
        }
        for envelope in used {
            sqlx::query("DELETE FROM envelopes WHERE id = $1 AND notifier = $2")
                .bind(envelope.to_string())
                .bind(notifier)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(
            "INSERT INTO desks (notifier, desk) VALUES ($1, $2) \
             ON CONFLICT (notifier) DO UPDATE SET desk = excluded.desk",
        )
        .bind(notifier)
        .bind(json(DESKS, desk)?)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Stores news behind all that waits. An id that comes before another one's was made by a replica whose
/// clock is behind: it gives way to one that comes after it.
pub(super) async fn put_news(
    connection: &mut AnyConnection,
    news: &Addressed,
) -> Result<(), StoreError> {
    let last = sqlx::query("SELECT id FROM envelopes ORDER BY id DESC LIMIT 1")
        .fetch_optional(&mut *connection)
        .await?;
    let last: Option<EnvelopeId> = last
        .map(|row| {
            let columns = Columns {
                table: TABLE,
                row: &row,
            };
            columns.id("id")
        })
        .transpose()?;
    let id = match last {
        Some(last) if news.envelope.id < last => last.following(),
        _ => news.envelope.id,
    };
    sqlx::query("INSERT INTO envelopes (id, notifier, notice, came_at) VALUES ($1, $2, $3, $4)")
        .bind(id.to_string())
        .bind(news.notifier.as_str())
        .bind(json(TABLE, &news.envelope.notice)?)
        .bind(news.envelope.at.as_microsecond())
        .execute(connection)
        .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Envelope, StoreError> {
    let columns = Columns { table: TABLE, row };
    Ok(Envelope {
        id: columns.id("id")?,
        notice: columns.json("notice")?,
        at: columns.time("came_at")?,
    })
}
