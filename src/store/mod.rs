//! What Mooring remembers, in one SQLite file or one PostgreSQL database: sources, stacks, runs, decisions, intents, requests,
//! alerts, the outbox, channels, tokens and the audit log.
//!
//! Everything that is asked for has a column; the rest of a record is the JSON text of its domain
//! type. Times are kept in microseconds. Every write is on the disk when its call returns, and what
//! belongs together is one transaction. The SQL is the common ground of SQLite and PostgreSQL. Only one
//! writes at a time, of all processes, so that what a transaction reads is still so when it writes.

mod alerts;
mod audit;
mod bell;
mod calls;
mod channels;
mod conclude;
mod decisions;
mod envelopes;
mod error;
mod handed;
mod history;
mod memory;
mod open;
mod outbox;
mod pauses;
mod postgres;
mod prune;
mod replicas;
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
mod bell_tests;
#[cfg(test)]
mod calls_tests;
#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod place;
#[cfg(test)]
pub(crate) mod postgres_tests;
#[cfg(test)]
pub(crate) mod replicas_tests;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transfer_tests;

use std::path::Path;

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyPool};

pub use alerts::AlertEntry;
pub use audit::{AuditFilter, Paging};
pub use bell::{Bell, Topic};
pub use channels::Undelivered;
pub use conclude::Conclusion;
pub use envelopes::Addressed;
pub use error::StoreError;
pub use open::seal;
pub use outbox::{Attempt, MessageFilter};
pub use replicas::{About, Alone, Area, Joining, Leading, Replica};
pub use starting::Grounds;
pub use threads::Thread;
pub use trouble::ServerTrouble;

use bell::Bells;
use replicas::Areas;
use settings::PostgresSettings;
use writer::{Writer, Writing};

/// The open store. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    writer: Writer,
    reader: AnyPool,
    areas: Areas,
    bells: Bells,
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
            areas: Areas::default(),
            bells: Bells::new(None),
        })
    }

    /// Opens a PostgreSQL database, bringing its schema up to date as needed, and holds it: no daemon
    /// uses it while this does.
    pub async fn connect(settings: &PostgresSettings) -> Result<Self, StoreError> {
        let (session, reader) = postgres::hold(settings).await?;
        Ok(Self::on_server(session, reader, settings))
    }

    /// Opens a PostgreSQL database, bringing its schema up to date as needed, as one of those that
    /// share it. It does not lead before it has asked to ([`Store::lead`]).
    pub async fn join(settings: &PostgresSettings, joining: &Joining) -> Result<Self, StoreError> {
        let (session, reader) = postgres::join(settings, joining).await?;
        Ok(Self::on_server(session, reader, settings))
    }

    fn on_server(session: postgres::Session, reader: AnyPool, settings: &PostgresSettings) -> Self {
        Self {
            writer: Writer::Server(session),
            reader,
            areas: Areas::default(),
            bells: Bells::new(Some(settings.clone())),
        }
    }

    /// Looks after the connection to a server, if it is one: the server hears of this process, and a
    /// lost connection is made again. To be called every few seconds.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if others have gone on without this process: nothing can be written any
    /// more.
    pub async fn tend(&self) -> Result<(), StoreError> {
        match &self.writer {
            Writer::File(_) => Ok(()),
            Writer::Server(session) => session.tend().await,
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
        self.bells.silence();
        self.reader.close().await;
        self.writer.close().await;
    }

    async fn begin(&self) -> Result<Writing, StoreError> {
        self.writer.begin().await
    }

    /// Writes what one statement says.
    async fn execute(&self, statement: Query<'_, Any, AnyArguments>) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        statement.execute(&mut *transaction).await?;
        transaction.commit().await
    }
}
