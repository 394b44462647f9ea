//! The one connection of this process that writes, and with which it holds what it is among others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as Known, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use sqlx::{AnyConnection, AnyPool, Executor};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task;
use tokio::time::{Instant, timeout};

use super::super::replicas::Area;
use super::super::schema;
use super::super::settings::PostgresSettings;
use super::super::trouble::ServerTrouble;
use super::super::{Leading, StoreError};
use super::member::{self, Member};
use super::url::Address;
use super::{Use, answers, connect_to_write};
use crate::domain::replica::PATIENCE_TO_LEAD;

/// How long a write waits for its turn, and for a server that is gone to come back.
const TURN: Duration = Duration::from_secs(60);
const BACK: Duration = Duration::from_secs(45);
/// The longest pause between two attempts.
const LONGEST: Duration = Duration::from_secs(5);
/// A connection that was used within this time is taken to be there.
const FRESH: Duration = Duration::from_secs(1);
/// The pauses between two attempts to be alone in an area.
const SHORTEST_KNOCK: Duration = Duration::from_millis(5);
const LONGEST_KNOCK: Duration = Duration::from_millis(100);

/// The connection that writes, with the right to do so. Clones share it.
#[derive(Debug, Clone)]
pub(in super::super) struct Session {
    line: Arc<Mutex<Line>>,
    waits: Arc<Known<Option<String>>>,
    settings: Arc<PostgresSettings>,
    reader: AnyPool,
    number: i64,
    what_for: Use,
}

#[derive(Debug)]
struct Line {
    connection: AnyConnection,
    state: State,
    used: Instant,
    member: Member,
    /// Where tasks of this process are alone.
    areas: BTreeMap<Area, Holder>,
}

/// A task that is alone in an area.
#[derive(Debug)]
struct Holder {
    task: Option<task::Id>,
    /// Whether the present connection holds it.
    held: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is under way.
    Idle,
    /// A transaction is under way, or was left behind.
    Begun,
    /// The connection is gone.
    Lost,
    /// Others have gone on without this process.
    Fenced,
    /// It was closed for good.
    Closed,
}

impl Session {
    pub(super) fn new(
        connection: AnyConnection,
        member: Member,
        what_for: Use,
        settings: PostgresSettings,
        reader: AnyPool,
    ) -> Self {
        let line = Line {
            connection,
            state: State::Idle,
            used: Instant::now(),
            member,
            areas: BTreeMap::new(),
        };
        Self {
            line: Arc::new(Mutex::new(line)),
            waits: Arc::default(),
            settings: Arc::new(settings),
            reader,
            number: member.number,
            what_for,
        }
    }

    /// The number of this process among those that share the database.
    pub(in super::super) const fn number(&self) -> i64 {
        self.number
    }

    /// Waits for a turn to write, and as long as is sensible for a server that is gone, and begins a
    /// transaction. Nothing was sent before, so this may be repeated.
    pub(in super::super) async fn begin(&self) -> Result<Turn, StoreError> {
        let mut line = self.line().await?;
        self.make_ready(&mut line, BACK).await?;
        line.is_whole()?;
        if let Err(error) = begin(&mut line).await {
            let lost = matches!(&error, StoreError::Server(ServerTrouble::Unreachable(_)));
            if !lost {
                return Err(error);
            }
            line.state = State::Lost;
            self.make_ready(&mut line, BACK).await?;
            line.is_whole()?;
            begin(&mut line).await?;
        }
        Ok(Turn { line })
    }

    /// Sees whether the connection is there, and tries once to get it back if not. Whoever writes now
    /// sees for themselves. The server hears of this process by this.
    pub(in super::super) async fn tend(&self) -> Result<(), StoreError> {
        if let Ok(address) = Address::read(&self.settings) {
            self.reader.set_connect_options(address.options);
        }
        let Ok(mut line) = self.line.try_lock() else {
            return Ok(());
        };
        line.used = Instant::now().checked_sub(FRESH).unwrap_or(line.used);
        match self.make_ready(&mut line, Duration::ZERO).await {
            Err(StoreError::Fenced) => Err(StoreError::Fenced),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// What is waited for, if anything is.
    pub(in super::super) fn waits_for(&self) -> Option<String> {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.clone()
    }

    /// Tries to lead.
    pub(in super::super) async fn lead(
        &self,
        waited: SignedDuration,
    ) -> Result<Leading, StoreError> {
        let mut turn = self.begin().await?;
        let member = turn.line.member;
        let leading = member::lead(turn.connection(), member, waited).await?;
        turn.store().await?;
        // Before anybody else has the line: whoever makes the connection anew has to know it.
        turn.line.member.leads = leading == Leading::Here;
        Ok(leading)
    }

    /// Leads, and makes sure that nobody else is there.
    pub(super) async fn hold(&self, patience: Duration) -> Result<(), StoreError> {
        let deadline = Instant::now() + patience;
        loop {
            let insist = Instant::now() >= deadline;
            let waited = match insist {
                true => PATIENCE_TO_LEAD,
                false => SignedDuration::ZERO,
            };
            let leading = self.lead(waited).await?;
            if leading == Leading::Here {
                let mut turn = self.begin().await?;
                let member = turn.line.member;
                let is_alone = member::is_alone(turn.connection(), member).await?;
                turn.commit().await?;
                if is_alone {
                    return Ok(());
                }
            }
            if insist {
                return Err(StoreError::Server(ServerTrouble::InUse));
            }
            tokio::time::sleep(super::RETRY).await;
        }
    }

    /// Takes away those that are gone.
    pub(in super::super) async fn reap(&self) -> Result<Vec<i64>, StoreError> {
        let mut turn = self.begin().await?;
        let lost = member::reap(turn.connection()).await?;
        turn.commit().await?;
        Ok(lost)
    }

    /// Waits until nobody else is in an area. Within this process one task at a time tries, and leaves the
    /// area in the end, also if it did not wait until it was in.
    pub(in super::super) async fn enter(&self, area: Area) -> Result<(), StoreError> {
        let deadline = Instant::now() + TURN;
        let mut pause = SHORTEST_KNOCK;
        loop {
            let mut line = self.line().await?;
            self.make_ready(&mut line, BACK).await?;
            // Whoever is no longer waited for may have entered all the same: then `exit` finds it here.
            let task = task::try_id();
            line.areas.insert(area, Holder { task, held: true });
            match member::enter(&mut line.connection, area).await {
                Ok(true) => {
                    line.used = Instant::now();
                    return Ok(());
                }
                Ok(false) => line.used = Instant::now(),
                Err(_) => line.state = State::Lost,
            }
            line.areas.remove(&area);
            drop(line);
            if Instant::now() + pause >= deadline {
                return Err(StoreError::Locked);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_KNOCK);
        }
    }

    /// Leaves an area.
    pub(in super::super) async fn exit(&self, area: Area) {
        let mut line = self.line.lock().await;
        let held = line.areas.remove(&area).is_some_and(|holder| holder.held);
        if !held || self.undo(&mut line).await != State::Idle {
            return;
        }
        let left = timeout(super::ANSWER, member::exit(&mut line.connection, area)).await;
        if !matches!(left, Ok(Ok(()))) {
            line.state = State::Lost;
        }
    }

    /// Lets go of everything.
    pub(in super::super) async fn close(&self) {
        let mut line = self.line.lock().await;
        if self.undo(&mut line).await == State::Idle {
            let member = line.member;
            let leave = member::leave(&mut line.connection, member);
            // The end of the connection ends it as well, a moment later.
            let _gone = timeout(super::ANSWER, leave).await;
        }
        line.state = State::Closed;
    }

    async fn line(&self) -> Result<OwnedMutexGuard<Line>, StoreError> {
        let line = timeout(TURN, self.line.clone().lock_owned()).await;
        line.map_err(|_| StoreError::Locked)
    }

    /// Undoes what was left behind.
    async fn undo(&self, line: &mut Line) -> State {
        if line.state == State::Begun {
            let leads = line.member.leads;
            let undone = timeout(super::ANSWER, member::undo(&mut line.connection, leads)).await;
            line.state = match undone {
                Ok(Ok(())) => State::Idle,
                _ => State::Lost,
            };
        }
        line.state
    }

    async fn make_ready(&self, line: &mut Line, patience: Duration) -> Result<(), StoreError> {
        match self.undo(line).await {
            State::Idle if line.used.elapsed() < FRESH => return Ok(()),
            State::Idle if answers(&mut line.connection).await => {
                line.used = Instant::now();
                return Ok(());
            }
            State::Closed => return Err(StoreError::Database(sqlx::Error::PoolClosed)),
            State::Fenced => return Err(StoreError::Fenced),
            State::Idle | State::Begun | State::Lost => line.state = State::Lost,
        }
        line.areas
            .values_mut()
            .for_each(|holder| holder.held = false);
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(100);
        loop {
            match self.connect(line.member).await {
                Ok(connection) => {
                    line.connection = connection;
                    line.state = State::Idle;
                    line.used = Instant::now();
                    self.back();
                    return Ok(());
                }
                Err(StoreError::Fenced) => {
                    line.state = State::Fenced;
                    return Err(StoreError::Fenced);
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

    async fn connect(&self, member: Member) -> Result<AnyConnection, StoreError> {
        let address = Address::read(&self.settings).map_err(StoreError::Server)?;
        let mut connection = connect_to_write(&address, self.what_for).await?;
        schema::is_within_reach(&mut connection).await?;
        member::take_up(&mut connection, member).await?;
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

impl Line {
    /// Fails if the task that writes takes itself to be alone where it is no longer.
    fn is_whole(&self) -> Result<(), StoreError> {
        let writes = task::try_id();
        let mut lost = self.areas.values().filter(|holder| !holder.held);
        if !lost.any(|holder| holder.task == writes) {
            return Ok(());
        }
        let cause = "the connection was lost in the middle of what belongs together".to_owned();
        Err(StoreError::Server(ServerTrouble::Unreachable(cause)))
    }
}

async fn begin(line: &mut Line) -> Result<(), StoreError> {
    line.state = State::Begun;
    let begun = timeout(TURN, member::begin(&mut line.connection)).await;
    begun.map_err(|_| StoreError::Locked)??;
    Ok(())
}

/// A turn to write: a transaction. What was not committed is undone before the next one.
#[derive(Debug)]
pub(in super::super) struct Turn {
    line: OwnedMutexGuard<Line>,
}

impl Turn {
    /// Commits it. An error may mean that it was committed all the same.
    pub(in super::super) async fn commit(mut self) -> Result<(), StoreError> {
        self.store().await
    }

    async fn store(&mut self) -> Result<(), StoreError> {
        self.line.connection.execute("COMMIT").await?;
        self.line.state = State::Idle;
        self.line.used = Instant::now();
        Ok(())
    }

    pub(in super::super) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.line.connection
    }

    pub(in super::super) fn shared(&self) -> &AnyConnection {
        &self.line.connection
    }
}
