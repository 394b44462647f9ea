//! A PostgreSQL server in place of the file: how it is reached, and who may write.
//!
//! The code above relies on one writer that nobody comes between. Here that is one connection of each
//! process, which holds what the process is among others as long as it lives; and a lock that whoever
//! writes holds until the end of their transaction.

mod keepalive;
mod listener;
mod member;
mod session;
mod url;

use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor};
use tokio::time::timeout;

pub(super) use listener::{Heard, is_server, listen};
pub(super) use session::{Session, Turn};

use self::url::Address;
use super::StoreError;
use super::replicas::{About, Joining};
use super::schema::{self, Engine, known};
use super::settings::PostgresSettings;
use super::stacks;
use super::trouble::ServerTrouble;
use crate::domain::replica::LEASE;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may take to show that it is there.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a reader waits for a connection.
const TURN: Duration = Duration::from_secs(30);
/// How long a server that is away is waited for by a daemon that starts.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same of whoever sits before a command line, and of a holder that may have just died.
const PATIENCE_ALONE: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_millis(200);

/// A session whose other end is gone is ended by the server, and its locks with it. What was written has
/// to be on the server's disk when the answer comes.
const WRITER: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; \
     SET tcp_keepalives_count = 3; SET statement_timeout = '60s'; SET lock_timeout = '45s'; \
     SET default_transaction_isolation = 'read committed'; \
     SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') IN ('off', 'local')";
/// The server's own clock ends the session of a process that it does not hear from: that is how long
/// others wait before they go on without it.
fn sharing() -> String {
    let lease = LEASE.as_secs();
    format!(
        "SET idle_session_timeout = '{lease}s'; \
         SET idle_in_transaction_session_timeout = '{lease}s'"
    )
}

/// Whether the schema is the same as before. The connection remembers its version at the first time.
const SAME: &str = "SELECT version = CASE WHEN COALESCE(remembered, '') = '' \
     THEN set_config('mooring.schema', version, false) ELSE remembered END \
     FROM (SELECT CAST(MAX(version) AS TEXT) AS version, \
     current_setting('mooring.schema', true) AS remembered FROM _sqlx_migrations) AS schema";
const READER: &str = "SET default_transaction_read_only = on; SET statement_timeout = '60s'";

/// What a connection that writes is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// One of several processes.
    Shared,
    /// What nobody may be in the way of, and may take its time.
    Alone,
}

/// Connects the one that writes, which brings the schema up to date, and those that read. The process
/// is one of those that share the database then, and does not lead.
pub(super) async fn join(
    settings: &PostgresSettings,
    joining: &Joining,
) -> Result<(Session, AnyPool), StoreError> {
    open(settings, joining, Use::Shared).await
}

/// The same, for whoever has the database to themselves, until they close it.
pub(super) async fn hold(settings: &PostgresSettings) -> Result<(Session, AnyPool), StoreError> {
    let joining = Joining {
        home: format!("alone-{}", uuid::Uuid::now_v7()),
        about: About {
            name: "the command line".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            configuration: String::new(),
            jobs: 0,
            memory: None,
        },
    };
    let (session, reader) = open(settings, &joining, Use::Alone).await?;
    match session.hold(PATIENCE_ALONE).await {
        Ok(()) => Ok((session, reader)),
        Err(error) => {
            session.close().await;
            Err(error)
        }
    }
}

async fn open(
    settings: &PostgresSettings,
    joining: &Joining,
    what_for: Use,
) -> Result<(Session, AnyPool), StoreError> {
    sqlx::any::install_default_drivers();
    let address = Address::read(settings).map_err(StoreError::Server)?;
    let mut connection = patiently(&address, what_for).await?;
    migrate(&mut connection).await?;
    let member = member::join(&mut connection, joining).await?;
    let reader = readers(&address, settings);
    let session = Session::new(
        connection,
        member,
        what_for,
        settings.clone(),
        reader.clone(),
    );
    Ok((session, reader))
}

/// A connection that reads beside whoever writes.
pub(super) async fn reader(settings: &PostgresSettings) -> Result<AnyConnection, StoreError> {
    sqlx::any::install_default_drivers();
    let address = Address::read(settings).map_err(StoreError::Server)?;
    let mut connection = connect(&address).await?;
    connection.execute(READER).await?;
    Ok(connection)
}

fn readers(address: &Address, settings: &PostgresSettings) -> AnyPool {
    let port = address.port;
    AnyPoolOptions::new()
        .max_connections(settings.max_connections.saturating_sub(2).max(1))
        .acquire_timeout(TURN)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(async move { Ok(answers(connection).await) }))
        .after_connect(move |connection, _| {
            keepalive::look_after(port);
            Box::pin(async move { connection.execute(READER).await.map(|_| ()) })
        })
        .connect_lazy_with(address.options.clone())
}

/// Whether the other end is there, and the schema is still the one that the connection was first used
/// with: statements that were prepared for another one fail.
async fn answers(connection: &mut AnyConnection) -> bool {
    let same = sqlx::query_scalar(SAME).fetch_one(connection);
    matches!(timeout(ANSWER, same).await, Ok(Ok(true)))
}

async fn connect(address: &Address) -> Result<AnyConnection, StoreError> {
    let unreachable = |cause: &str| {
        let trouble = ServerTrouble::Unreachable(format!("{}: {cause}", address.place));
        StoreError::Server(trouble)
    };
    let connected = timeout(CONNECT, AnyConnection::connect_with(&address.options)).await;
    keepalive::look_after(address.port);
    let connected = connected.map_err(|_| unreachable("it does not answer"))?;
    connected.map_err(|error| match ServerTrouble::of(&error) {
        Some(ServerTrouble::Unreachable(cause)) => unreachable(&cause),
        Some(trouble) => StoreError::Server(trouble),
        // What is wrong in a URL may be a part of its password.
        None if matches!(error, sqlx::Error::Configuration(_)) => {
            StoreError::Server(ServerTrouble::BadUrl("cannot be understood"))
        }
        None => StoreError::Database(error),
    })
}

/// Connects to a server that takes writes.
async fn connect_to_write(address: &Address, what_for: Use) -> Result<AnyConnection, StoreError> {
    let mut connection = connect(address).await?;
    connection.execute(WRITER).await?;
    if what_for == Use::Shared {
        connection.execute(AssertSqlSafe(sharing())).await?;
    }
    let (encoding, copy): (String, String) = sqlx::query_as(
        "SELECT current_setting('server_encoding'), current_setting('transaction_read_only')",
    )
    .fetch_one(&mut connection)
    .await?;
    if encoding != "UTF8" {
        return Err(StoreError::Server(ServerTrouble::Encoding(encoding)));
    }
    if copy == "on" {
        let cause = format!("{} is a copy, or set to read only", address.place);
        return Err(StoreError::Server(ServerTrouble::ReadOnly(cause)));
    }
    Ok(connection)
}

/// The same, where a server that is away is waited for.
async fn patiently(address: &Address, what_for: Use) -> Result<AnyConnection, StoreError> {
    let patience = match what_for {
        Use::Shared => PATIENCE,
        Use::Alone => PATIENCE_ALONE,
    };
    let deadline = tokio::time::Instant::now() + patience;
    let mut told = false;
    loop {
        let error = match connect_to_write(address, what_for).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        if !error.passes() || tokio::time::Instant::now() >= deadline {
            return Err(error);
        }
        if !std::mem::replace(&mut told, true) {
            let seconds = patience.as_secs();
            tracing::warn!(
                "waiting {seconds} s for the database: {error}. {}",
                error.hint()
            );
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Brings the schema up to date, all of it or nothing. Nobody else does so, or writes, at the same time.
async fn migrate(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    // A step over a large table takes as long as it takes.
    transaction
        .execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        .await?;
    member::wait_to_write(&mut transaction).await?;
    schema::migrate(Engine::Postgres, &mut transaction).await?;
    stacks::complete(&mut transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// Fails unless the schema is the one of this program.
pub(super) async fn same_schema(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let found: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await?;
    match found.cmp(&known()) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(StoreError::NewerSchema {
            found,
            known: known(),
        }),
        std::cmp::Ordering::Less => Err(StoreError::OlderSchema {
            found,
            known: known(),
        }),
    }
}
