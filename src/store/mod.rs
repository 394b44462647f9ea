//! What Mooring remembers, in one SQLite file: sources, stacks, runs, decisions, intents, requests,
//! alerts, the outbox, channels, tokens and the audit log.
//!
//! Everything that is asked for has a column; the rest of a record is the JSON text of its domain
//! type. Times are kept in microseconds. Every write is on the disk when its call returns, and what
//! belongs together is one transaction. The SQL is the common ground of SQLite and PostgreSQL.

mod alerts;
mod audit;
mod channels;
mod conclude;
mod decisions;
mod envelopes;
mod error;
mod history;
mod memory;
mod open;
mod outbox;
mod prune;
mod requests;
mod row;
mod runs;
mod sources;
mod stacks;
mod state_watches;
mod threads;
mod tokens;

#[cfg(test)]
mod audit_tests;
#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use std::path::Path;

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, Transaction};

pub use alerts::AlertEntry;
pub use audit::{AuditFilter, Paging};
pub use channels::Undelivered;
pub use conclude::Conclusion;
pub use envelopes::Addressed;
pub use error::StoreError;
pub use outbox::{Attempt, MessageFilter};
pub use threads::Thread;

/// Takes the right to write at once: a transaction that reads first and writes later would fail,
/// not wait, if another one wrote in between.
const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// The open store. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    writer: AnyPool,
    reader: AnyPool,
}

impl Store {
    /// Opens the database at `path`, creating it (readable for its owner only) and bringing its
    /// schema up to date as needed. The directory must exist. A damaged file, one that a newer
    /// version wrote, missing permissions and a full disk are told apart in the error.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let (writer, reader) = open::open(path).await?;
        Ok(Self { writer, reader })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT COUNT(*) FROM memory")
            .fetch_one(&self.reader)
            .await?;
        Ok(())
    }

    /// Waits for writes under way and closes every connection; other clones are closed too.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    async fn write(&self) -> Result<PoolConnection<Any>, StoreError> {
        Ok(self.writer.acquire().await?)
    }

    async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        Ok(self.writer.begin_with(BEGIN_WRITE).await?)
    }
}
