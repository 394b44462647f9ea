//! What can go wrong with the store, told apart by what to do about it.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;

use super::trouble::{self, ServerTrouble};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::RequestId;

/// The store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no room for a write; nothing of it was stored, and nothing stored before is lost.
    #[error("the disk that holds the database is full")]
    OutOfDisk,
    /// Another process held the database for longer than the wait allows, or it did not answer in time.
    #[error("the database is locked by another process, or overloaded")]
    Locked,
    /// The file is damaged, or is no database.
    #[error("the database is damaged or not a Mooring database: {cause}")]
    Corrupt {
        /// What the database says.
        cause: String,
    },
    /// A newer Mooring has used the database.
    #[error(
        "the database has schema version {found}, and this Mooring knows versions up to {known}"
    )]
    NewerSchema {
        /// The version in the database.
        found: i64,
        /// The newest one this program knows.
        known: i64,
    },
    /// An older Mooring has used the database, and this is no moment to bring it up to date.
    #[error("the database has schema version {found}, and this Mooring works with {known}")]
    OlderSchema {
        /// The version in the database.
        found: i64,
        /// The one this program works with.
        known: i64,
    },
    /// Older programs are at work that could not go on with the schema of this one.
    #[error("the database cannot be brought up to date while an older Mooring uses it")]
    OlderAtWork,
    /// The process may not read or write the file or its directory.
    #[error("no permission to use the database{}: {cause}", at(.path.as_ref()))]
    Permission {
        /// The file, if known.
        path: Option<PathBuf>,
        /// What the system says.
        cause: String,
    },
    /// The directory or file cannot be used for another reason.
    #[error("cannot open the database {path}: {cause}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The PostgreSQL database cannot be used.
    #[error("{0}")]
    Server(ServerTrouble),
    /// A record does not have the form this version expects.
    #[error("a record in {table} cannot be read or written: {cause}")]
    Record {
        /// The table.
        table: &'static str,
        /// Which part, and why.
        cause: String,
    },
    /// There are records where there should be none.
    #[error("the database that is to be filled has records already, in {table}")]
    NotEmpty {
        /// The first table that has any.
        table: String,
    },
    /// What was read back is not what was written; nothing was stored.
    #[error("the rows of {table} are not the same after they were copied")]
    Differs {
        /// The table.
        table: String,
    },
    /// Other replicas have gone on without this process, because nothing was heard of it for too long:
    /// nothing was stored, and nothing will be.
    #[error("the database no longer knows this process: others have gone on without it")]
    Fenced,
    /// Somebody else changed a request in between; nothing was stored.
    #[error("the request {0} was changed in between")]
    Moved(RequestId),
    /// Another process has done something that keeps an apply from starting; nothing was stored.
    #[error("{0}")]
    Barred(String),
    /// The database refused an operation for another reason.
    #[error("the database refused an operation: {0}")]
    Database(sqlx::Error),
}

fn at(path: Option<&PathBuf>) -> String {
    path.map_or_else(String::new, |path| format!(" {}", path.display()))
}

impl StoreError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::OutOfDisk => {
                "Free space on the disk of the data directory, or of the PostgreSQL server if the \
                 database is there. What was stored is intact, and Mooring goes on by itself when \
                 there is room."
            }
            Self::Locked => {
                "Make sure that only one Mooring uses the data directory and that no other tool \
                 holds the database open for writing. If it is PostgreSQL: look at what the server \
                 is busy with, or whether it can be reached."
            }
            Self::Corrupt { .. } => {
                "Stop Mooring, move the database aside with its -wal and -shm files and restore a \
                 backup. Without one, Mooring starts afresh: it looks at every stack again as if \
                 for the first time."
            }
            Self::NewerSchema { .. } => {
                "Run the Mooring version that wrote it or a newer one; an older one could damage \
                 what it does not know."
            }
            Self::OlderSchema { .. } => {
                "Start the daemon of this version once, which brings it up to date, or use the version \
                 that wrote it."
            }
            Self::OlderAtWork => {
                "Stop every Mooring that uses it, and start them with the new version. Or start the \
                 versions in between one after the other, where the change log says so: then some of \
                 them go on all the time."
            }
            Self::Permission { .. } => {
                "Make the data directory and the files in it readable and writable for the user \
                 that runs Mooring."
            }
            Self::Open { .. } => {
                "The directory has to exist, on a local disk: SQLite needs working file locks."
            }
            Self::Server(trouble) => trouble.hint(),
            Self::Record { .. } => {
                "The database was edited by hand or by another version of Mooring. Restore a \
                 backup or use the version that wrote it."
            }
            Self::NotEmpty { .. } => "Name an empty one, so that no records are mixed or lost.",
            Self::Differs { .. } => "Nothing was changed. Try again, and report this defect.",
            Self::Fenced => {
                "Start it again, and it joins the others anew. If that happens often, look at whether \
                 the machine stands still or the network to the database is cut."
            }
            Self::Moved(_) => "Nothing is lost: it is done again with the request as it is now.",
            Self::Barred(_) => "Nothing was changed: the stack is looked at again.",
            Self::Database(_) => "See the log for what was being done when it happened.",
        }
    }

    /// Whether it may be over in a moment without anybody doing anything about it, as when a server is
    /// restarted, fails over to another one, or has too much to do.
    pub const fn passes(&self) -> bool {
        matches!(
            self,
            Self::Locked
                | Self::Server(
                    ServerTrouble::Unreachable(_)
                        | ServerTrouble::ReadOnly(_)
                        | ServerTrouble::TooMany(_)
                )
        )
    }

    /// The same for reports and alerts.
    pub fn failure(&self) -> Failure {
        let kind = match self {
            Self::OutOfDisk => FailureKind::OutOfDisk,
            _ => FailureKind::Internal,
        };
        Failure::new(kind, self.to_string(), self.hint())
    }

    pub(super) fn record(table: &'static str, cause: impl std::fmt::Display) -> Self {
        Self::Record {
            table,
            cause: cause.to_string(),
        }
    }

    pub(super) fn migration(error: MigrateError, known: i64) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            MigrateError::VersionMissing(found) if found > known => {
                Self::NewerSchema { found, known }
            }
            other => Self::Corrupt {
                cause: other.to_string(),
            },
        }
    }
}

/// Primary result codes of SQLite (the low byte of an extended code).
mod code {
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const AUTH: i32 = 23;
    pub(super) const NOTADB: i32 = 26;
    /// Extended: the shared-memory file cannot grow, which is how a full disk shows there.
    pub(super) const IOERR_SHMSIZE: i32 = 4874;
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let server = match &error {
            sqlx::Error::Database(error) => error.try_downcast_ref::<PgDatabaseError>().is_some(),
            other => ServerTrouble::of(other).is_some(),
        };
        if server {
            return trouble::of_statement(error);
        }
        let number = error
            .as_database_error()
            .and_then(|error| error.code())
            .and_then(|code| code.parse::<i32>().ok());
        let cause = || {
            error
                .as_database_error()
                .map_or_else(|| error.to_string(), |error| error.message().to_owned())
        };
        match (&error, number) {
            (sqlx::Error::PoolTimedOut, _) => Self::Locked,
            (_, Some(code::IOERR_SHMSIZE)) => Self::OutOfDisk,
            (_, Some(number)) => match number & 0xff {
                code::FULL => Self::OutOfDisk,
                code::BUSY | code::LOCKED => Self::Locked,
                code::CORRUPT | code::NOTADB => Self::Corrupt { cause: cause() },
                code::PERM | code::READONLY | code::CANTOPEN | code::AUTH => Self::Permission {
                    path: None,
                    cause: cause(),
                },
                _ => Self::Database(error),
            },
            _ => Self::Database(error),
        }
    }
}
