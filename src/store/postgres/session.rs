//! The one connection that writes.

use std::sync::{Arc, Mutex as Known, PoisonError};
use std::time::Duration;

use sqlx::{AnyConnection, AnyPool, Executor};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, timeout};

use super::super::schema;
use super::super::StoreError;
use super::super::settings::PostgresSettings;
use super::url::Address;
use super::{answers, connect_to_write};

/// How long a write waits for its turn, and for a server that is gone to come back.
const TURN: Duration = Duration::from_secs(60);
const BACK: Duration = Duration::from_secs(45);
/// The longest pause between two attempts.
const LONGEST: Duration = Duration::from_secs(5);

/// The connection that writes, with the right to do so. Clones share it.
#[derive(Debug, Clone)]
pub(in super::super) struct Session {
    line: Arc<Mutex<Line>>,
    waits: Arc<Known<Option<String>>>,
    settings: Arc<PostgresSettings>,
    reader: AnyPool,
}

#[derive(Debug)]
struct Line {
    connection: AnyConnection,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is under way.
    Idle,
    /// A transaction is under way, or was left behind.
    Begun,
    /// The connection is gone.
    Lost,
    /// It was closed for good.
    Closed,
}

impl Session {
    pub(super) fn new(
        connection: AnyConnection,
        settings: PostgresSettings,
        reader: AnyPool,
    ) -> Self {
        let line = Line {
            connection,
            state: State::Idle,
        };
        Self {
            line: Arc::new(Mutex::new(line)),
            waits: Arc::default(),
            settings: Arc::new(settings),
            reader,
        }
    }

    /// Waits for a turn to write, and as long as is sensible for a server that is gone. Nothing was
    /// sent before, so this may be repeated.
    pub(in super::super) async fn turn(&self) -> Result<Turn, StoreError> {
        let turn = timeout(TURN, self.line.clone().lock_owned()).await;
        let mut line = turn.map_err(|_| StoreError::Locked)?;
        self.make_ready(&mut line, BACK).await?;
        Ok(Turn { line })
    }

    /// Sees whether the connection is there, and tries once to get it back if not. Whoever writes now
    /// sees for themselves.
    pub(in super::super) async fn tend(&self) {
        if let Ok(address) = Address::read(&self.settings) {
            self.reader.set_connect_options(address.options);
        }
        if let Ok(mut line) = self.line.try_lock()
            && line.state != State::Closed
        {
            let _told = self.make_ready(&mut line, Duration::ZERO).await;
        }
    }

    /// What is waited for, if anything is.
    pub(in super::super) fn waits_for(&self) -> Option<String> {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.clone()
    }

    /// Lets go of the right to write.
    pub(in super::super) async fn close(&self) {
        let mut line = self.line.lock().await;
        if line.state != State::Closed {
            line.state = State::Closed;
            let unlock = line.connection.execute("SELECT pg_advisory_unlock_all()");
            // The end of the connection ends it as well, a moment later.
            let _gone = timeout(super::ANSWER, unlock).await;
        }
    }

    async fn make_ready(&self, line: &mut Line, patience: Duration) -> Result<(), StoreError> {
        if line.state == State::Begun {
            let undone = timeout(super::ANSWER, line.connection.execute("ROLLBACK")).await;
            line.state = if matches!(undone, Ok(Ok(_))) {
                State::Idle
            } else {
                State::Lost
            };
        }
        match line.state {
            State::Idle if answers(&mut line.connection).await => return Ok(()),
            State::Closed => return Err(StoreError::Database(sqlx::Error::PoolClosed)),
            State::Idle | State::Begun | State::Lost => line.state = State::Lost,
        }
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(100);
        loop {
            match self.connect().await {
                Ok(connection) => {
                    line.connection = connection;
                    line.state = State::Idle;
                    self.back();
                    return Ok(());
                }
                Err(error) => {
                    self.waiting(&error);
                    let for_good = matches!(error, StoreError::NewerSchema { .. });
                    if for_good || Instant::now() + pause >= deadline {
                        return Err(error);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    async fn connect(&self) -> Result<AnyConnection, StoreError> {
        let address = Address::read(&self.settings).map_err(StoreError::Server)?;
        let mut connection = connect_to_write(&address).await?;
        schema::is_within_reach(&mut connection).await?;
        Ok(connection)
    }

    fn waiting(&self, error: &StoreError) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let cause = error.to_string();
        if waits.as_ref() != Some(&cause) {
            tracing::warn!(
                "nothing can be recorded, so nothing new begins until the database is back: \
                 {cause}. {}",
                error.hint()
            );
            *waits = Some(cause);
        }
    }

    fn back(&self) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        if waits.take().is_some() {
            tracing::info!("the database is back");
        } else {
            tracing::info!("the connection to the database was lost and is back");
        }
    }
}

/// A turn to write. What was begun and not committed is undone before the next one.
#[derive(Debug)]
pub(in super::super) struct Turn {
    line: OwnedMutexGuard<Line>,
}

impl Turn {
    /// Begins a transaction.
    pub(in super::super) async fn begin(&mut self) -> Result<(), StoreError> {
        self.line.state = State::Begun;
        self.line.connection.execute("BEGIN").await?;
        Ok(())
    }

    /// Commits it. An error may mean that it was committed all the same.
    pub(in super::super) async fn commit(mut self) -> Result<(), StoreError> {
        self.line.connection.execute("COMMIT").await?;
        self.line.state = State::Idle;
        Ok(())
    }

    pub(in super::super) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.line.connection
    }

    pub(in super::super) fn shared(&self) -> &AnyConnection {
        &self.line.connection
    }
}
