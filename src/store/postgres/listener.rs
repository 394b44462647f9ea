//! A connection of its own that hears what is said on a server.

use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{AnyConnection, Executor};
use tokio::time::timeout;

use super::super::StoreError;
use super::super::settings::PostgresSettings;
use super::super::trouble::ServerTrouble;
use super::url::Address;
use super::{ANSWER, CONNECT, keepalive};

/// The pause before a lost connection is made again.
const AGAIN: Duration = Duration::from_secs(1);
/// After so long a silence it is asked whether the other end is still there.
const SILENCE: Duration = Duration::from_secs(20);

/// The server ends the session of a process that is gone.
const LISTENER: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; \
     SET tcp_keepalives_count = 3";

/// What is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Heard<'a> {
    /// Something on a channel.
    Said(&'a str),
    /// It is listened from now on; what was said before was not heard.
    NothingSoFar,
}

/// Whether a connection leads to a server.
pub(in super::super) fn is_server(connection: &AnyConnection) -> bool {
    connection.backend_name() == "PostgreSQL"
}

/// Listens for ever. A connection that is lost is made again.
pub(in super::super) async fn listen(
    settings: &PostgresSettings,
    channels: &[&str],
    heard: &(impl Fn(Heard<'_>) + Sync),
) {
    let mut silent = false;
    loop {
        let listened = |said: Heard<'_>| {
            if said == Heard::NothingSoFar {
                silent = false;
            }
            heard(said);
        };
        if let Err(error) = hear(settings, channels, listened).await
            && !std::mem::replace(&mut silent, true)
        {
            tracing::warn!(
                "what other replicas say is not heard until the connection to the database is back, \
                 and takes some seconds longer: {error}"
            );
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Listens until the connection is lost.
async fn hear(
    settings: &PostgresSettings,
    channels: &[&str],
    mut heard: impl FnMut(Heard<'_>),
) -> Result<(), StoreError> {
    let address = Address::read(settings).map_err(StoreError::Server)?;
    // What is wrong in a URL may be a part of its password.
    let options = PgConnectOptions::from_url(&address.options.database_url)
        .map_err(|_| StoreError::Server(ServerTrouble::BadUrl("cannot be understood")))?;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(CONNECT)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    keepalive::look_after(address.port);
    listener.eager_reconnect(false);
    listener.execute(LISTENER).await?;
    listener.listen_all(channels.iter().copied()).await?;
    heard(Heard::NothingSoFar);
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(said) => match said? {
                Some(said) => heard(Heard::Said(said.channel())),
                None => return Ok(()),
            },
            Err(_) => {
                let there = timeout(ANSWER, listener.execute("SELECT 1")).await;
                there.map_err(|_| StoreError::Locked)??;
            }
        }
    }
}
