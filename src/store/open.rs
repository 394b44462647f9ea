//! Opening the SQLite file: who may read it, how it lasts, and its schema.

use std::fs::{File, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Executor};

use super::StoreError;
use super::schema::{self, Engine};
use super::stacks;
use super::writer::BEGIN_WRITE;

/// How long a write waits for another process.
const BUSY: Duration = Duration::from_secs(10);
/// How long a task waits for its turn: longer than `BUSY`, so that the true reason is told.
const TURN: Duration = Duration::from_secs(60);
const READERS: u32 = 2;

const FIRST: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; \
                     PRAGMA synchronous = FULL;";
const WRITER: &str =
    "PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";
const READER: &str = "PRAGMA busy_timeout = 10000; PRAGMA query_only = ON;";

/// One connection that writes, so that writes of this process queue in order instead of contending,
/// and a few that read.
pub(super) async fn open(path: &Path) -> Result<(AnyPool, AnyPool), StoreError> {
    sqlx::any::install_default_drivers();
    create(path)?;
    let url = url(path)?;
    retry_while_locked(|| prepare(&url))
        .await
        .map_err(|error| located(error, path))?;
    let writer = connect(&url, 1, WRITER).await?;
    let reader = connect(&url, READERS, READER).await?;
    Ok((writer, reader))
}

/// A connection to an existing file that reads beside whoever writes.
pub(super) async fn reader(path: &Path) -> Result<AnyConnection, StoreError> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect_with(&url(path)?)
        .await
        .map_err(|error| located(error.into(), path))?;
    connection.execute(READER).await?;
    Ok(connection)
}

/// Makes a database that nobody uses one file alone, which can be moved and copied.
pub async fn seal(path: &Path) -> Result<(), StoreError> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect_with(&url(path)?).await?;
    connection.execute("PRAGMA journal_mode = DELETE").await?;
    connection.close().await?;
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| StoreError::Open {
        path: path.to_owned(),
        cause: error.to_string(),
    })
}

/// Creates the file before SQLite does, for its owner only; SQLite gives -wal and -shm the same
/// mode. An existing file is never opened here: closing it would drop the locks that other
/// connections of this process hold on it.
fn create(path: &Path) -> Result<(), StoreError> {
    let refused = |error: &std::io::Error| match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::Permission {
            path: Some(path.to_owned()),
            cause: error.to_string(),
        },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::OutOfDisk,
        _ => StoreError::Open {
            path: path.to_owned(),
            cause: error.to_string(),
        },
    };
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match created {
        Ok(file) => {
            file.sync_all().map_err(|error| refused(&error))?;
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))
                .and_then(|directory| directory.sync_all())
                .map_err(|error| refused(&error))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if !path.is_file() {
                return Err(StoreError::Open {
                    path: path.to_owned(),
                    cause: "it is not a regular file".to_owned(),
                });
            }
            for suffix in ["", "-wal", "-shm"] {
                let mut name = path.as_os_str().to_owned();
                name.push(suffix);
                tighten(&PathBuf::from(name)).map_err(|error| refused(&error))?;
            }
            Ok(())
        }
        Err(error) => Err(refused(&error)),
    }
}

fn tighten(path: &Path) -> std::io::Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o077 != 0 => {
            std::fs::set_permissions(path, Permissions::from_mode(0o600))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn url(path: &Path) -> Result<AnyConnectOptions, StoreError> {
    let unusable = |cause: String| StoreError::Open {
        path: path.to_owned(),
        cause,
    };
    let absolute = std::path::absolute(path).map_err(|error| unusable(error.to_string()))?;
    let text = absolute
        .to_str()
        .ok_or_else(|| unusable("the path is not UTF-8 text".to_owned()))?;
    // sqlx decodes percent signs in the path but does not encode them.
    let url = SqliteConnectOptions::new()
        .filename(text.replace('%', "%25"))
        .to_url_lossy();
    Ok(AnyConnectOptions::from_url(&url)?)
}

async fn connect(
    options: &AnyConnectOptions,
    connections: u32,
    pragmas: &'static str,
) -> Result<AnyPool, StoreError> {
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(TURN)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(usable(connection)))
        .after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(pragmas).await.map(|_| ()) })
        })
        .connect_with(options.clone())
        .await?;
    Ok(pool)
}

/// SQLite rolls back by itself when the disk is full; sqlx then waits for ever for a rollback that
/// works, and the connection could begin no transaction again. Such a one is replaced. The ping
/// lets a rollback under way finish first.
async fn usable(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// SQLite does not wait by itself when two processes switch a new file to WAL at once.
async fn retry_while_locked<F, T>(mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let start = Instant::now();
    loop {
        match attempt().await {
            Err(StoreError::Locked) if start.elapsed() < BUSY => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            result => return result,
        }
    }
}

/// Makes the file a database in WAL mode with the present schema. This connection stands alone
/// because a pool would repeat a failing one until its time is up, and hide why. One transaction
/// goes around all migrations, so that two processes that start at once do not both migrate.
async fn prepare(options: &AnyConnectOptions) -> Result<(), StoreError> {
    let mut connection = AnyConnection::connect_with(options).await?;
    connection.execute(FIRST).await?;
    let mut transaction = connection.begin_with(BEGIN_WRITE).await?;
    schema::migrate(Engine::Sqlite, &mut transaction).await?;
    stacks::complete(&mut transaction).await?;
    transaction.commit().await?;
    connection.close().await?;
    Ok(())
}

fn located(error: StoreError, path: &Path) -> StoreError {
    match error {
        StoreError::Permission { cause, .. } => StoreError::Permission {
            path: Some(path.to_owned()),
            cause,
        },
        other => other,
    }
}
