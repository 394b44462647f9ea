//! The outbox: messages wait here until a receiver accepts them or they are given up.

use jiff::Timestamp;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection};

use super::row::{Columns, json, word};
use super::threads::{Thread, put_thread};
use super::{Store, StoreError};
use crate::domain::message::{Addressee, Message};
use crate::domain::notice::Notice;

const TABLE: &str = "messages";

/// What [`bound`] fills.
macro_rules! insert {
    () => {
        "INSERT INTO messages (id, notifier, recipient, conversation, kind, notice, created_at, \
         attempts, next_at, state, last_error) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    };
}

/// Waiting messages `m` that no older one of the same conversation is before: an end must not be
/// told before the beginning that is yet to be delivered.
macro_rules! from_first_of_each_conversation {
    () => {
        " FROM messages m WHERE m.state = 'waiting' AND NOT EXISTS (\
           SELECT 1 FROM messages o WHERE o.state = 'waiting' \
           AND o.conversation = m.conversation AND o.notifier = m.notifier \
           AND COALESCE(o.recipient, '') = COALESCE(m.recipient, '') \
           AND (o.created_at < m.created_at OR (o.created_at = m.created_at AND o.id < m.id)))"
    };
}

impl Store {
    /// Messages whose time has come, the longest waiting first; of the messages of one conversation
    /// to one addressee only the oldest that still waits.
    pub async fn due_messages(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT m.*",
            from_first_of_each_conversation!(),
            " AND m.next_at <= $1 ORDER BY m.next_at, m.id LIMIT $2"
        ))
        .bind(now.as_microsecond())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read).collect()
    }

    /// How many messages are yet to be delivered.
    pub async fn waiting_messages(&self) -> Result<usize, StoreError> {
        let waiting: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM messages WHERE state = 'waiting'")
                .fetch_one(&self.reader)
                .await?;
        Ok(usize::try_from(waiting).unwrap_or(0))
    }

    /// How many messages to a notifier were given up and are still remembered.
    pub async fn given_up_messages(&self, notifier: &str) -> Result<usize, StoreError> {
        let given_up: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM messages WHERE state = 'given_up' AND notifier = $1",
        )
        .bind(notifier)
        .fetch_one(&self.reader)
        .await?;
        Ok(usize::try_from(given_up).unwrap_or(0))
    }

    /// When [`Self::due_messages`] will give something; none if nothing waits.
    pub async fn next_message_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT MIN(m.next_at) AS next_at",
            from_first_of_each_conversation!()
        ))
        .fetch_one(&self.reader)
        .await?;
        let columns = Columns {
            table: TABLE,
            row: &row,
        };
        columns.optional_time("next_at")
    }

    /// Stores a message, new or changed, and with it what its thread's next message is to be told.
    /// What a message says and to whom never changes.
    pub async fn save_message(
        &self,
        message: &Message,
        thread: Option<&Thread>,
    ) -> Result<(), StoreError> {
        let statement = concat!(
            insert!(),
            " ON CONFLICT (id) DO UPDATE SET attempts = excluded.attempts, next_at = excluded.next_at, \
              state = excluded.state, last_error = excluded.last_error"
        );
        let mut transaction = self.begin().await?;
        bound(sqlx::query(statement), message)?
            .execute(&mut *transaction)
            .await?;
        if let Some(thread) = thread {
            put_thread(&mut transaction, thread, message.next_at).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The newest messages in any state, newest first.
    pub async fn messages(&self, limit: u32) -> Result<Vec<Message>, StoreError> {
        let rows = sqlx::query("SELECT * FROM messages ORDER BY created_at DESC, id DESC LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(&self.reader)
            .await?;
        rows.iter().map(read).collect()
    }
}

pub(super) async fn insert_message(
    connection: &mut AnyConnection,
    message: &Message,
) -> Result<(), StoreError> {
    bound(sqlx::query(insert!()), message)?
        .execute(connection)
        .await?;
    Ok(())
}

type AnyQuery<'q> = Query<'q, Any, AnyArguments>;

fn bound<'q>(query: AnyQuery<'q>, message: &Message) -> Result<AnyQuery<'q>, StoreError> {
    let notice = json(TABLE, &message.notice)?;
    Ok(query
        .bind(message.id.to_string())
        .bind(message.to.notifier.clone())
        .bind(message.to.recipient.clone())
        .bind(message.notice.conversation())
        .bind("notice")
        .bind(notice)
        .bind(message.created_at.as_microsecond())
        .bind(i64::from(message.attempts))
        .bind(message.next_at.as_microsecond())
        .bind(word(TABLE, &message.state)?)
        .bind(message.last_error.clone()))
}

fn read(row: &AnyRow) -> Result<Message, StoreError> {
    let columns = Columns { table: TABLE, row };
    // Earlier versions kept the kind of a notice in a column of its own.
    let notice = match columns.text("kind")?.as_str() {
        "alert" => Notice::Alert(columns.json("notice")?),
        "repaired" => Notice::Repaired(columns.json("notice")?),
        "summary" => Notice::Summary(columns.json("notice")?),
        "notice" => columns.json("notice")?,
        other => return Err(StoreError::record(TABLE, format!("kind: {other:?}"))),
    };
    Ok(Message {
        id: columns.id("id")?,
        to: Addressee {
            notifier: columns.text("notifier")?,
            recipient: columns.optional_text("recipient")?,
        },
        notice,
        created_at: columns.time("created_at")?,
        attempts: columns.count("attempts")?,
        next_at: columns.time("next_at")?,
        state: columns.word("state")?,
        last_error: columns.optional_text("last_error")?,
    })
}
