//! What channels gave back with the last message of each thread.

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::row::{Columns, plain};
use super::{Store, StoreError};

const TABLE: &str = "threads";

/// What a channel wants to be told with the next message of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The notifier.
    pub notifier: String,
    /// The thread, as the notifier names it.
    pub thread: String,
    /// Its own words.
    pub handle: String,
}

impl Store {
    /// What the notifier gave back with the last message of this thread.
    pub async fn thread_handle(
        &self,
        notifier: &str,
        thread: &str,
    ) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT handle FROM threads WHERE notifier = $1 AND thread = $2")
            .bind(notifier)
            .bind(thread)
            .fetch_optional(&self.reader)
            .await?;
        row.map(|row| {
            let columns = Columns {
                table: TABLE,
                row: &row,
            };
            columns.text("handle")
        })
        .transpose()
    }
}

pub(super) async fn put_thread(
    connection: &mut AnyConnection,
    thread: &Thread,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO threads (notifier, thread, handle, changed_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (notifier, thread) DO UPDATE SET \
         handle = excluded.handle, changed_at = excluded.changed_at",
    )
    .bind(thread.notifier.as_str())
    .bind(thread.thread.as_str())
    .bind(plain(&thread.handle))
    .bind(now.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}
