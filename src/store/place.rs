//! Where the store of a test is: in a file, or in a database of its own on the server that
//! [`super::postgres_tests`] has started. The same tests run on both.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use sqlx::{AnyConnection, Connection, Executor};
use tempfile::TempDir;

use super::Store;
use super::settings::PostgresSettings;
use crate::secret::SecretSource;

/// The URL of the server, up to the name of a database; not set where files are meant.
pub(super) const SERVER: &str = "MOORING_TEST_POSTGRES";

pub(super) struct Place {
    directory: TempDir,
    database: Option<PostgresSettings>,
}

impl Place {
    pub(super) async fn fresh() -> Self {
        let directory = TempDir::new().unwrap();
        let database = match std::env::var(SERVER) {
            Ok(server) => Some(database(&server, directory.path()).await),
            Err(_) => None,
        };
        Self {
            directory,
            database,
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("mooring.db")
    }

    pub(super) fn is_server(&self) -> bool {
        self.database.is_some()
    }

    /// Opens it, for the first time or again.
    pub(super) async fn open(&self) -> Store {
        match &self.database {
            Some(settings) => Store::connect(settings).await.unwrap(),
            None => Store::open(&self.path()).await.unwrap(),
        }
    }
}

async fn database(server: &str, directory: &Path) -> PostgresSettings {
    sqlx::any::install_default_drivers();
    let name = format!("t{}", uuid::Uuid::now_v7().simple());
    let mut connection = AnyConnection::connect(&format!("{server}postgres"))
        .await
        .unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    connection.execute(create).await.unwrap();
    connection.close().await.unwrap();
    settings(&format!("{server}{name}"), directory)
}

/// The settings of a store whose URL is written into a file in this directory.
pub(super) fn settings(url: &str, directory: &Path) -> PostgresSettings {
    let file = directory.join("postgres-url");
    std::fs::write(&file, format!("{url}\n")).unwrap();
    PostgresSettings {
        url: SecretSource::File(file),
        max_connections: 3,
        ca_file: None,
    }
}
