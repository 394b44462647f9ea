//! The outbox: messages wait here until a receiver accepts them or they are given up.

use jiff::Timestamp;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection};

use super::audit::append;
use super::bell::{Topic, ring};
use super::channels::put_channel;
use super::row::{Columns, json, plain, word};
use super::threads::{Thread, put_thread};
use super::{Store, StoreError};
use crate::domain::audit::{Action, NewAudit};
use crate::domain::channel::Channel;
use crate::domain::identity::Identity;
use crate::domain::ids::MessageId;
use crate::domain::message::{Addressee, Message, MessageState};
use crate::domain::notice::Notice;

const TABLE: &str = "messages";

/// What [`bound`] fills.
macro_rules! insert {
    () => {
        "INSERT INTO messages (id, notifier, recipient, conversation, kind, notice, created_at, \
         attempts, next_at, state, last_error, since, urgent) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
    };
}

const SAVE: &str = concat!(
    insert!(),
    " ON CONFLICT (id) DO UPDATE SET attempts = excluded.attempts, next_at = excluded.next_at, \
      state = excluded.state, last_error = excluded.last_error, since = excluded.since"
);

/// Waiting messages `m` to a notifier that no older one of the same conversation is before: an end
/// must not be told before the beginning that is yet to be delivered.
macro_rules! from_first_of_each_conversation {
    () => {
        " FROM messages m WHERE m.state = 'waiting' AND m.notifier = $1 AND NOT EXISTS (\
           SELECT 1 FROM messages o WHERE o.state = 'waiting' \
           AND o.conversation = m.conversation AND o.notifier = m.notifier \
           AND COALESCE(o.recipient, '') = COALESCE(m.recipient, '') \
           AND (o.created_at < m.created_at OR (o.created_at = m.created_at AND o.id < m.id)))"
    };
}

/// What is urgent comes first. But what failed five times comes after what did not, and so on: one
/// message that never goes through holds up no other.
macro_rules! in_order {
    () => {
        " ORDER BY m.attempts / 5, m.urgent DESC, m.next_at, m.id LIMIT $2"
    };
}

/// What an attempt to deliver a message changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The message.
    pub message: Message,
    /// What its thread's next message is to be told.
    pub thread: Option<Thread>,
    /// What the attempt says of the channel.
    pub channel: Channel,
}

/// Which messages are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Only those in this state.
    pub state: Option<MessageState>,
    /// Only those to this notifier.
    pub notifier: Option<String>,
}

impl Store {
    /// Messages to a notifier whose time has come, in the order in which they go; of the messages of
    /// one conversation to one addressee only the oldest that still waits.
    pub async fn due_messages(
        &self,
        notifier: &str,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT m.*",
            from_first_of_each_conversation!(),
            " AND m.next_at <= $3",
            in_order!()
        ))
        .bind(notifier)
        .bind(i64::from(limit))
        .bind(now.as_microsecond())
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read).collect()
    }

    /// The message that goes first to a notifier, whether its time has come or not.
    pub async fn first_message(&self, notifier: &str) -> Result<Option<Message>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT m.*",
            from_first_of_each_conversation!(),
            in_order!()
        ))
        .bind(notifier)
        .bind(1_i64)
        .fetch_optional(&self.reader)
        .await?;
        row.as_ref().map(read).transpose()
    }

    /// How many messages are yet to be delivered.
    pub async fn waiting_messages(&self) -> Result<usize, StoreError> {
        let waiting: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM messages WHERE state = 'waiting'")
                .fetch_one(&self.reader)
                .await?;
        Ok(usize::try_from(waiting).unwrap_or(0))
    }

    /// When [`Self::due_messages`] will give something; none if nothing waits.
    pub async fn next_message_at(&self, notifier: &str) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT MIN(m.next_at) AS next_at",
            from_first_of_each_conversation!()
        ))
        .bind(notifier)
        .fetch_one(&self.reader)
        .await?;
        let columns = Columns {
            table: TABLE,
            row: &row,
        };
        columns.optional_time("next_at")
    }

    /// Stores a message, new or changed. What a message says and to whom never changes.
    pub async fn save_message(&self, message: &Message) -> Result<(), StoreError> {
        let save = bound(sqlx::query(SAVE), message)?;
        self.execute(save).await
    }

    /// Stores what an attempt changed: all of it or, on an error, nothing of it.
    pub async fn save_attempt(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        bound(sqlx::query(SAVE), &attempt.message)?
            .execute(&mut *transaction)
            .await?;
        if let Some(thread) = &attempt.thread {
            put_thread(&mut transaction, thread, attempt.message.next_at).await?;
        }
        put_channel(&mut transaction, &attempt.channel).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Gives up every message to a notifier that has waited since a time or longer; gives them.
    pub async fn give_up(
        &self,
        notifier: &str,
        since: Timestamp,
        error: &str,
    ) -> Result<Vec<Message>, StoreError> {
        let mut transaction = self.begin().await?;
        let rows = sqlx::query(
            "SELECT * FROM messages WHERE state = 'waiting' AND notifier = $1 AND since <= $2 \
             ORDER BY id",
        )
        .bind(notifier)
        .bind(since.as_microsecond())
        .fetch_all(&mut *transaction)
        .await?;
        let mut lost = Vec::with_capacity(rows.len());
        for row in &rows {
            let message = read(row)?.given_up(error);
            bound(sqlx::query(SAVE), &message)?
                .execute(&mut *transaction)
                .await?;
            lost.push(message);
        }
        transaction.commit().await?;
        Ok(lost)
    }

    /// The notifiers for which messages wait.
    pub async fn addressed_notifiers(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query_scalar(
            "SELECT DISTINCT notifier FROM messages WHERE state = 'waiting' ORDER BY notifier",
        )
        .fetch_all(&self.reader)
        .await?;
        Ok(rows)
    }

    /// The newest of these messages, newest first.
    pub async fn messages(
        &self,
        filter: &MessageFilter,
        limit: u32,
    ) -> Result<Vec<Message>, StoreError> {
        let state = filter.state.map(|state| word(TABLE, &state)).transpose()?;
        let rows = sqlx::query(
            "SELECT * FROM messages \
             WHERE ($1 = '' OR state = $1) AND ($2 = '' OR notifier = $2) \
             ORDER BY created_at DESC, id DESC LIMIT $3",
        )
        .bind(state.unwrap_or_default())
        .bind(filter.notifier.clone().unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&self.reader)
        .await?;
        rows.iter().map(read).collect()
    }

    /// One message.
    pub async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        let row = sqlx::query("SELECT * FROM messages WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.reader)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Has a message that was given up sent again, and stores who wanted it; whether it was one.
    pub async fn retry_message(
        &self,
        id: &MessageId,
        by: &Identity,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query("SELECT * FROM messages WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *transaction)
            .await?;
        let again = row.as_ref().map(read).transpose()?;
        let Some(again) = again.and_then(|message| message.again(now)) else {
            return Ok(false);
        };
        bound(sqlx::query(SAVE), &again)?
            .execute(&mut *transaction)
            .await?;
        let action = Action::MessageRetried {
            message: *id,
            notifier: again.to.notifier,
        };
        append(&mut transaction, &[NewAudit::asked(now, by, action)]).await?;
        ring(&mut transaction, Topic::News).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Has every message to a notifier that was given up sent again, and stores who wanted it; says
    /// how many there are.
    pub async fn retry_messages(
        &self,
        notifier: &str,
        by: &Identity,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut transaction = self.begin().await?;
        let rows = sqlx::query("SELECT * FROM messages WHERE state = 'given_up' AND notifier = $1")
            .bind(notifier)
            .fetch_all(&mut *transaction)
            .await?;
        let mut again = 0;
        for row in &rows {
            if let Some(message) = read(row)?.again(now) {
                bound(sqlx::query(SAVE), &message)?
                    .execute(&mut *transaction)
                    .await?;
                again += 1;
            }
        }
        if again > 0 {
            let action = Action::MessagesRetried {
                notifier: notifier.to_owned(),
                messages: again,
            };
            append(&mut transaction, &[NewAudit::asked(now, by, action)]).await?;
            ring(&mut transaction, Topic::News).await?;
        }
        transaction.commit().await?;
        Ok(again)
    }
}

/// Stores a new message behind all of its conversation that wait for the same addressee: the clock of
/// whoever made those may be ahead.
pub(super) async fn insert_message(
    connection: &mut AnyConnection,
    message: &Message,
) -> Result<(), StoreError> {
    let last: Option<i64> = sqlx::query_scalar(
        "SELECT created_at FROM messages WHERE state = 'waiting' AND conversation = $1 \
         AND notifier = $2 AND COALESCE(recipient, '') = $3 ORDER BY created_at DESC LIMIT 1",
    )
    .bind(message.notice.conversation())
    .bind(message.to.notifier.as_str())
    .bind(message.to.recipient.as_deref().unwrap_or_default())
    .fetch_optional(&mut *connection)
    .await?;
    let created_at = message.created_at.as_microsecond();
    let created_at = last.map_or(created_at, |last| created_at.max(last.saturating_add(1)));
    bound_at(sqlx::query(insert!()), message, created_at)?
        .execute(connection)
        .await?;
    Ok(())
}

type AnyQuery<'q> = Query<'q, Any, AnyArguments>;

fn bound<'q>(query: AnyQuery<'q>, message: &Message) -> Result<AnyQuery<'q>, StoreError> {
    bound_at(query, message, message.created_at.as_microsecond())
}

fn bound_at<'q>(
    query: AnyQuery<'q>,
    message: &Message,
    created_at: i64,
) -> Result<AnyQuery<'q>, StoreError> {
    let notice = json(TABLE, &message.notice)?;
    Ok(query
        .bind(message.id.to_string())
        .bind(message.to.notifier.clone())
        .bind(message.to.recipient.clone())
        .bind(message.notice.conversation())
        .bind("notice")
        .bind(notice)
        .bind(created_at)
        .bind(i64::from(message.attempts))
        .bind(message.next_at.as_microsecond())
        .bind(word(TABLE, &message.state)?)
        .bind(message.last_error.as_deref().map(plain))
        .bind(message.since.as_microsecond())
        .bind(i64::from(message.is_urgent())))
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
        since: columns.time("since")?,
        attempts: columns.count("attempts")?,
        next_at: columns.time("next_at")?,
        state: columns.word("state")?,
        last_error: columns.optional_text("last_error")?,
    })
}
