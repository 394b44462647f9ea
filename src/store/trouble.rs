//! What can go wrong with a PostgreSQL server, told apart by what to do about it.

use std::io::ErrorKind;

use sqlx::postgres::PgDatabaseError;

use super::StoreError;

/// Why a PostgreSQL database cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerTrouble {
    /// Its URL cannot be read from where it is kept.
    #[error("the URL of the PostgreSQL database cannot be read: {0}")]
    NoUrl(String),
    /// Its URL makes no sense. What is in it is not repeated: it holds a password.
    #[error("the URL of the PostgreSQL database {0}")]
    BadUrl(&'static str),
    /// The server cannot be reached, or does not serve now.
    #[error("the PostgreSQL server cannot be reached: {0}")]
    Unreachable(String),
    /// The encrypted connection does not come about.
    #[error("no encrypted connection to the PostgreSQL server comes about: {0}")]
    Tls(String),
    /// User or password is wrong, or the server lets nobody in from here.
    #[error("the PostgreSQL server lets nobody in: {0}")]
    LetsNobodyIn(String),
    /// The server has no such database.
    #[error("the PostgreSQL server has no such database: {0}")]
    NoDatabase(String),
    /// The user may not do what is needed.
    #[error("the PostgreSQL user may not do this: {0}")]
    NotAllowed(String),
    /// The server takes no writes.
    #[error("the PostgreSQL server takes no writes: {0}")]
    ReadOnly(String),
    /// The server has no connection left.
    #[error("the PostgreSQL server has no connection left: {0}")]
    TooMany(String),
    /// The database keeps text in another encoding.
    #[error("the PostgreSQL database keeps text as {0}")]
    Encoding(String),
    /// Another process holds it.
    #[error("another Mooring uses the PostgreSQL database")]
    InUse,
}

impl ServerTrouble {
    /// What to do about it.
    pub(super) const fn hint(&self) -> &'static str {
        match self {
            Self::NoUrl(_) => {
                "Make the file readable for the user that runs Mooring, or set the variable: \
                 store.postgres_url_file or store.postgres_url_env."
            }
            Self::BadUrl(_) => {
                "Write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with whatever is not a letter \
                 or a digit in user and password as a percent sign and two digits."
            }
            Self::Unreachable(_) => {
                "Look whether the server runs and can be reached from here; a daemon that is up goes \
                 on when it is back."
            }
            Self::Tls(_) => {
                "Name the authority that signed the server's certificate with ca_file, and the host \
                 as the certificate has it; sslmode in the URL says what is demanded."
            }
            Self::LetsNobodyIn(_) => {
                "Correct user and password in the URL, or let this host in (pg_hba.conf)."
            }
            Self::NoDatabase(_) => "Make it: CREATE DATABASE … OWNER …, or correct the URL.",
            Self::NotAllowed(_) => {
                "Make the user the owner of the database: it makes the tables and changes them with \
                 new versions."
            }
            Self::ReadOnly(_) => {
                "Let the URL lead to the server that takes writes, not to a copy of it."
            }
            Self::TooMany(_) => {
                "Raise max_connections of the server, or lower store.max_connections here."
            }
            Self::Encoding(_) => "Make the database with ENCODING 'UTF8'.",
            Self::InUse => {
                "Stop the other one, or give this one a database of its own. A connection of a \
                 Mooring that has died is gone within half a minute."
            }
        }
    }

    /// What the server answered, if it is about the server and not about one statement.
    pub(super) fn of(error: &sqlx::Error) -> Option<Self> {
        let cause = || error.to_string();
        Some(match error {
            // So a handshake says that it does not trust a certificate.
            sqlx::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
                Self::Tls(error.to_string())
            }
            sqlx::Error::Io(error) => Self::Unreachable(error.to_string()),
            sqlx::Error::Tls(error) => Self::Tls(error.to_string()),
            sqlx::Error::Protocol(_) => Self::Unreachable(cause()),
            sqlx::Error::Database(error) => {
                let error = error.try_downcast_ref::<PgDatabaseError>()?;
                let said = error.message().to_owned();
                match error.code() {
                    "25P03" | "57P01" | "57P02" | "57P03" | "57P05" => Self::Unreachable(said),
                    code if code.starts_with("08") => Self::Unreachable(said),
                    code if code.starts_with("28") => Self::LetsNobodyIn(said),
                    "3D000" => Self::NoDatabase(said),
                    "42501" => Self::NotAllowed(said),
                    "25006" => Self::ReadOnly(said),
                    "53300" => Self::TooMany(said),
                    _ => return None,
                }
            }
            _ => return None,
        })
    }
}

/// What PostgreSQL says of a statement, for the kinds that SQLite knows as well.
pub(super) fn of_statement(error: sqlx::Error) -> StoreError {
    if let Some(trouble) = ServerTrouble::of(&error) {
        return StoreError::Server(trouble);
    }
    let said = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
        .map(|error| (error.code().to_owned(), error.message().to_owned()));
    match said {
        Some((code, _)) if code == "53100" => StoreError::OutOfDisk,
        // Serialization, deadlock, a lock or the answer that did not come in time.
        Some((code, _)) if matches!(code.as_str(), "40001" | "40P01" | "55P03" | "57014") => {
            StoreError::Locked
        }
        Some((code, cause)) if code.starts_with("XX") => StoreError::Corrupt { cause },
        _ => StoreError::Database(error),
    }
}
