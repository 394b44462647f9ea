//! A PostgreSQL server in place of the file: how it is reached, and who may write.
//!
//! The code above relies on one writer that nobody comes between. Here that is one connection, which
//! holds an advisory lock of the database as long as it lives: whoever cannot get the lock cannot
//! write, not even after a connection was lost and made again.

mod session;
mod url;

use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, Connection, Executor};
use tokio::time::timeout;

pub(super) use session::{Session, Turn};

use self::url::Address;
use super::StoreError;
use super::schema::{self, Engine, known};
use super::settings::PostgresSettings;
use super::trouble::ServerTrouble;

/// Held by whoever writes, for as long as it is connected.
const LOCK: i64 = 0x6d6f_6f72_696e_6721;
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may take to show that it is there.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a reader waits for a connection.
const TURN: Duration = Duration::from_secs(30);
/// How long a server that just starts is waited for, and a lock whose holder may have just died.
const PATIENCE: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_millis(200);

/// A session whose other end is gone is ended by the server within half a minute, and its lock with
/// it. What was written has to be on the server's disk when the answer comes.
const WRITER: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; \
     SET tcp_keepalives_count = 3; SET statement_timeout = '60s'; \
     SET default_transaction_isolation = 'read committed'; \
     SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') IN ('off', 'local')";
/// The connection remembers the version at the first time.
const SAME: &str = "SELECT version = CASE WHEN COALESCE(remembered, '') = '' \
     THEN set_config('mooring.schema', version, false) ELSE remembered END \
     FROM (SELECT CAST(MAX(version) AS TEXT) AS version, \
     current_setting('mooring.schema', true) AS remembered FROM _sqlx_migrations) AS schema";
const READER: &str = "SET default_transaction_read_only = on; SET statement_timeout = '60s'";

/// Connects the one that writes, which brings the schema up to date, and those that read.
pub(super) async fn open(settings: &PostgresSettings) -> Result<(Session, AnyPool), StoreError> {
    sqlx::any::install_default_drivers();
    let address = Address::read(settings).map_err(StoreError::Server)?;
    let mut connection = patiently(&address).await?;
    migrate(&mut connection).await?;
    let reader = readers(&address, settings);
    let session = Session::new(connection, settings.clone(), reader.clone());
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
    AnyPoolOptions::new()
        .max_connections(settings.max_connections.saturating_sub(1).max(1))
        .acquire_timeout(TURN)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(async move { Ok(answers(connection).await) }))
        .after_release(|connection, _| Box::pin(async move { Ok(answers(connection).await) }))
        .after_connect(|connection, _| {
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

/// Connects, and gets the right to write.
async fn connect_to_write(address: &Address) -> Result<AnyConnection, StoreError> {
    let mut connection = connect(address).await?;
    connection.execute(WRITER).await?;
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
    let held: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(LOCK)
        .fetch_one(&mut connection)
        .await?;
    if held {
        Ok(connection)
    } else {
        Err(StoreError::Server(ServerTrouble::InUse))
    }
}

/// The same, where a server that just starts and a holder that just ended are waited for.
async fn patiently(address: &Address) -> Result<AnyConnection, StoreError> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let error = match connect_to_write(address).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        let passing = matches!(
            error,
            StoreError::Server(ServerTrouble::InUse | ServerTrouble::Unreachable(_))
        );
        if !passing || tokio::time::Instant::now() >= deadline {
            return Err(error);
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Brings the schema up to date, all of it or nothing. Nobody else does so at the same time: that
/// takes the right to write.
async fn migrate(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    // A step over a large table takes as long as it takes.
    transaction
        .execute("SET LOCAL statement_timeout = 0")
        .await?;
    schema::migrate(Engine::Postgres, &mut transaction).await?;
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
