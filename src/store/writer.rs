//! The right to write, of both engines: one at a time.

use std::ops::{Deref, DerefMut};

use sqlx::{Any, AnyConnection, AnyPool, Transaction};

use super::StoreError;
use super::postgres::{Session, Turn};

/// Takes the right to write at once: a transaction that reads first and writes later would fail,
/// not wait, if another one wrote in between.
pub(super) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// Who writes.
#[derive(Debug, Clone)]
pub(super) enum Writer {
    /// The one connection of this process to the file.
    File(AnyPool),
    /// The one connection of this process to a server.
    Server(Session),
}

impl Writer {
    /// Begins a transaction.
    pub(super) async fn begin(&self) -> Result<Writing, StoreError> {
        Ok(match self {
            Self::File(pool) => Writing::File(pool.begin_with(BEGIN_WRITE).await?),
            Self::Server(session) => Writing::Server(session.begin().await?),
        })
    }

    pub(super) async fn close(&self) {
        match self {
            Self::File(pool) => pool.close().await,
            Self::Server(session) => session.close().await,
        }
    }
}

/// A transaction; what is dropped without [`Writing::commit`] is undone.
#[derive(Debug)]
pub(super) enum Writing {
    File(Transaction<'static, Any>),
    Server(Turn),
}

impl Writing {
    /// Stores it for good. After an error it is stored as a whole or not at all, and it may not be
    /// known which.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::File(transaction) => Ok(transaction.commit().await?),
            Self::Server(turn) => turn.commit().await,
        }
    }
}

impl Deref for Writing {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        match self {
            Self::File(transaction) => transaction,
            Self::Server(turn) => turn.shared(),
        }
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        match self {
            Self::File(transaction) => transaction,
            Self::Server(turn) => turn.connection(),
        }
    }
}
