//! What Mooring remembers, in one SQLite file or one PostgreSQL database: sources, stacks, runs, decisions, intents, requests,
//! alerts, the outbox, channels, tokens and the audit log.
//!
//! Everything that is asked for has a column; the rest of a record is the JSON text of its domain
//! type. Times are kept in microseconds. Every write is on the disk when its call returns, and what
//! belongs together is one transaction. The SQL is the common ground of SQLite and PostgreSQL. Only one
//! writes at a time, and only one process, so that what a transaction reads is still so when it writes.

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
mod pauses;
mod postgres;
mod prune;
mod requests;
mod row;
mod runs;
mod schema;
pub mod settings;
mod sources;
mod stacks;
mod starting;
mod state_watches;
mod states;
mod threads;
mod tokens;
pub mod transfer;
mod trouble;
mod writer;

#[cfg(test)]
mod asked_tests;
#[cfg(test)]
mod audit_tests;
#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod place;
#[cfg(test)]
mod postgres_tests;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transfer_tests;

use std::path::Path;
use std::time::Duration;

use sqlx::AnyPool;

pub use alerts::AlertEntry;
pub use audit::{AuditFilter, Paging};
pub use channels::Undelivered;
pub use conclude::Conclusion;
pub use envelopes::Addressed;
pub use error::StoreError;
pub use open::seal;
pub use outbox::{Attempt, MessageFilter};
pub use starting::Grounds;
pub use threads::Thread;
pub use trouble::ServerTrouble;

use settings::PostgresSettings;
use writer::{Write, Writer, Writing};

/// How long the database may take to show that it is there.
const ANSWER: Duration = Duration::from_secs(5);

/// The open store. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    writer: Writer,
    reader: AnyPool,
}

impl Store {
    /// Opens the database at `path`, creating it (readable for its owner only) and bringing its
    /// schema up to date as needed. The directory must exist. A damaged file, one that a newer
    /// version wrote, missing permissions and a full disk are told apart in the error.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let (writer, reader) = open::open(path).await?;
        Ok(Self {
            writer: Writer::File(writer),
            reader,
        })
    }

    /// Opens a PostgreSQL database, bringing its schema up to date as needed, and holds it: nobody
    /// else can while this one does.
    pub async fn connect(settings: &PostgresSettings) -> Result<Self, StoreError> {
        let (session, reader) = postgres::open(settings).await?;
        Ok(Self {
            writer: Writer::Server(session),
            reader,
        })
    }

    /// Whether the database answers, soon.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let ping = sqlx::query("SELECT COUNT(*) FROM memory").fetch_one(&self.reader);
        let answer = tokio::time::timeout(ANSWER, ping).await;
        answer.map_err(|_| StoreError::Locked)??;
        Ok(())
    }

    /// Looks after the connection to a server, if it is one: a lost one is made again, with the right
    /// to write. To be called again and again.
    pub async fn tend(&self) {
        if let Writer::Server(session) = &self.writer {
            session.tend().await;
        }
    }

    /// Whether other processes may have it too.
    pub const fn is_shared(&self) -> bool {
        matches!(self.writer, Writer::Server(_))
    }

    /// What is in the way of writing, if that is known: a server that is gone.
    pub fn waits_for(&self) -> Option<String> {
        match &self.writer {
            Writer::File(_) => None,
            Writer::Server(session) => session.waits_for(),
        }
    }

    /// Waits for writes under way and closes every connection; other clones are closed too.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    async fn write(&self) -> Result<Write, StoreError> {
        self.writer.write().await
    }

    async fn begin(&self) -> Result<Writing, StoreError> {
        self.writer.begin().await
    }
}
