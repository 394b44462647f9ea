//! The processes that share one database on a server. A file has one process, which leads.

use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::postgres::Session;
use super::row::{Columns, json};
use super::writer::Writer;
use super::{Store, StoreError};

const TABLE: &str = "replicas";

/// Who joins those that share a database.
#[derive(Debug, Clone)]
pub struct Joining {
    /// The data directory, by a name that no other one has: only one process at a time uses it.
    pub home: String,
    /// What people are told of it.
    pub about: About,
}

/// What people are told of a replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Its name; others may have the same.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its configuration file, as hexadecimal digits.
    pub configuration: String,
    /// How many runs it has under way at most.
    pub jobs: usize,
    /// The memory that it has for them, in bytes, if that is known.
    pub memory: Option<u64>,
}

/// A replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Its number, which no other one ever has.
    pub number: i64,
    /// Its data directory, by a name that no other one has.
    pub home: String,
    /// What people are told of it.
    pub about: About,
    /// Whether it leads.
    pub leads: bool,
}

/// Who leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leading {
    /// This process.
    Here,
    /// Another one; its number, if that is known.
    Elsewhere(Option<i64>),
    /// Nobody. Whoever did may come back in a moment.
    Vacant,
}

/// What only one task of all processes does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// From when applies are counted until the next is recorded, so that no two of them are within a
    /// limit that lets one pass.
    Applying,
    /// While it is decided who is told what, so that a baseline and a look never pass each other.
    Telling,
}

impl Area {
    pub(super) const fn number(self) -> i32 {
        match self {
            Self::Applying => 1,
            Self::Telling => 2,
        }
    }
}

/// In this process.
#[derive(Debug, Clone, Default)]
pub(super) struct Areas {
    applying: Arc<Mutex<()>>,
    telling: Arc<Mutex<()>>,
}

impl Areas {
    async fn enter(&self, area: Area) -> OwnedMutexGuard<()> {
        let area = match area {
            Area::Applying => &self.applying,
            Area::Telling => &self.telling,
        };
        area.clone().lock_owned().await
    }
}

/// As long as this lives, nobody else is in its area. If the session that holds it is lost, nothing is
/// written before this is dropped.
#[derive(Debug)]
pub struct Alone {
    session: Option<(Session, Area)>,
    here: Option<OwnedMutexGuard<()>>,
}

impl Drop for Alone {
    fn drop(&mut self) {
        let Some((session, area)) = self.session.take() else {
            return;
        };
        let here = self.here.take();
        // Without a runtime the process ends, and its session with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                session.exit(area).await;
                drop(here);
            });
        }
    }
}

impl Store {
    /// Waits until nobody else is in an area, in whatever process.
    pub async fn alone(&self, area: Area) -> Result<Alone, StoreError> {
        let mut alone = Alone {
            session: None,
            here: Some(self.areas.enter(area).await),
        };
        if let Writer::Server(session) = &self.writer {
            // Before it is asked for, so that it is left again if nobody waits for the answer.
            alone.session = Some((session.clone(), area));
            session.enter(area).await?;
        }
        Ok(alone)
    }

    /// Tells the others something else of this process than when it joined.
    pub async fn describe(&self, about: &About) -> Result<(), StoreError> {
        let Some(number) = self.replica() else {
            return Ok(());
        };
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE replicas SET about = $1 WHERE number = $2")
            .bind(json(TABLE, about)?)
            .bind(number)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }

    /// Makes sure that nobody has gone on without this process: for what cannot be undone and is recorded
    /// only afterwards.
    pub async fn confirm(&self) -> Result<(), StoreError> {
        match &self.writer {
            Writer::File(_) => Ok(()),
            Writer::Server(session) => session.begin().await?.commit().await,
        }
    }

    /// Tries to lead, having waited for so long while nobody did. Whoever led until now may come back in a
    /// moment; once another one leads, nothing of theirs is written any more.
    pub async fn lead(&self, waited: SignedDuration) -> Result<Leading, StoreError> {
        match &self.writer {
            Writer::File(_) => Ok(Leading::Here),
            Writer::Server(session) => session.lead(waited).await,
        }
    }

    /// Takes away the replicas that have been gone for too long; gives their numbers. Whatever they
    /// still believe, nothing of it is written.
    pub async fn reap(&self) -> Result<Vec<i64>, StoreError> {
        match &self.writer {
            Writer::File(_) => Ok(Vec::new()),
            Writer::Server(session) => session.reap().await,
        }
    }

    /// The number of this process among those that share the database; none of the one that uses a file.
    pub fn replica(&self) -> Option<i64> {
        match &self.writer {
            Writer::File(_) => None,
            Writer::Server(session) => Some(session.number()),
        }
    }

    /// Every replica, by number.
    pub async fn replicas(&self) -> Result<Vec<Replica>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, home, about, CASE WHEN leadership.replica = number THEN 1 ELSE 0 END AS leads \
             FROM replicas, leadership ORDER BY number",
        )
        .fetch_all(&self.reader)
        .await?;
        let read = |row| {
            let leads: i64 = sqlx::any::AnyRow::try_get(row, "leads")?;
            Ok(Replica {
                number: sqlx::any::AnyRow::try_get(row, "number")?,
                home: Columns { table: TABLE, row }.text("home")?,
                about: Columns { table: TABLE, row }.json("about")?,
                leads: leads == 1,
            })
        };
        rows.iter().map(read).collect()
    }
}
