//! Programs of two versions on one database, one after the other and at the same time.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use sqlx::migrate::MigrationType;
use sqlx::{AnyConnection, Connection, SqlSafeStr};
use tempfile::TempDir;

use super::super::postgres_tests::{fresh, plan};
use super::super::samples::{run, stack};
use super::super::tests::finished;
use super::super::transfer::{Place, transfer};
use super::super::{AuditFilter, Paging, Store, StoreError};
use super::{Engine, Migration, Program, known};
use crate::domain::audit::verify;

const NEXT: i64 = 9000;
/// What may be done at any time.
const ADDITION: &str = "ALTER TABLE runs ADD COLUMN later TEXT; \
     ALTER TABLE stacks ADD COLUMN later BIGINT NOT NULL DEFAULT 7; \
     CREATE TABLE later (id BIGINT NOT NULL PRIMARY KEY)";
/// What breaks the programs before it.
const REMOVAL: &str = "ALTER TABLE runs DROP COLUMN state_moved";

/// The program after this one.
fn next(engine: Engine, sql: &'static str) -> Program {
    let kind = MigrationType::Simple;
    let step = Migration::new(NEXT, "next".into(), kind, sql.into_sql_str(), false);
    let mut program = Program::this(engine);
    program.steps.push(step);
    if sql == REMOVAL {
        program.not_additive = &[(NEXT, NEXT)];
    }
    program
}

/// The next program brings a database up to date, as it does whenever it starts.
async fn starts(program: &Program, url: &str) -> Result<(), StoreError> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await?;
    let mut transaction = connection.begin().await?;
    program.migrate(&mut transaction).await?;
    transaction.commit().await?;
    Ok(connection.close().await?)
}

async fn starts_on_file(sql: &'static str, path: &Path) -> Result<(), StoreError> {
    let url = format!("sqlite://{}", path.display());
    starts(&next(Engine::Sqlite, sql), &url).await
}

/// The program of today does what it always does.
async fn works(store: &Store, n: u128) {
    let run = finished(run(n, "a", 1), 2);
    store.save_run(&run).await.unwrap();
    store.save_run(&run).await.unwrap();
    assert_eq!(store.run(&run.id).await.unwrap(), Some(run));
    store.save_stack(&stack("a")).await.unwrap();
    assert_eq!(store.stacks().await.unwrap(), [stack("a")]);
    store.record(&[plan(1)]).await.unwrap();
}

fn is_refused(result: &Result<Store, StoreError>) -> bool {
    let Err(StoreError::NewerSchema {
        found,
        known: known_here,
    }) = *result
    else {
        return false;
    };
    (found, known_here) == (NEXT, known())
}

#[tokio::test]
async fn an_older_program_goes_on_with_a_file_to_which_a_newer_one_has_only_added() {
    let directory = TempDir::new().unwrap();
    let (path, other) = (
        directory.path().join("m.db"),
        directory.path().join("other.db"),
    );
    let store = Store::open(&path).await.unwrap();
    works(&store, 1).await;
    store.close().await;
    starts_on_file(ADDITION, &path).await.unwrap();
    let store = Store::open(&path).await.unwrap();
    works(&store, 2).await;
    store.close().await;
    starts_on_file(ADDITION, &path).await.unwrap();
    // Records that it does not know would be left behind without a word.
    Store::open(&other).await.unwrap().close().await;
    for (from, to) in [(&path, &other), (&other, &path)] {
        let error = transfer(Place::File(from), Place::File(to)).await;
        assert!(matches!(
            error,
            Err(StoreError::NewerSchema { found: NEXT, .. })
        ));
    }
}

#[tokio::test]
async fn an_older_program_leaves_a_file_alone_that_it_cannot_work_with_any_more() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("m.db");
    Store::open(&path).await.unwrap().close().await;
    starts_on_file(REMOVAL, &path).await.unwrap();
    assert!(is_refused(&Store::open(&path).await));
    starts_on_file(REMOVAL, &path).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_program_joins_while_an_older_one_writes_and_this_may_even_start_again() {
    let Some((server, _directory, settings)) = fresh("store::a_newer_program_joins") else {
        return;
    };
    let store = Store::connect(&settings).await.unwrap();
    works(&store, 1).await;
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for n in 0..200 {
            writer.record(&[plan(n)]).await.unwrap();
        }
    });
    let program = next(Engine::Postgres, ADDITION);
    starts(&program, &server.url("m")).await.unwrap();
    works(&store, 2).await;
    server.sql("m", "UPDATE runs SET later = 'x'");
    works(&store, 2).await;
    writing.await.unwrap();
    starts(&program, &server.url("m")).await.unwrap();
    store.close().await;
    let store = Store::connect(&settings).await.unwrap();
    works(&store, 3).await;
    let filter = AuditFilter::default();
    let entries = store.audit(&filter, Paging::After(0), 999).await.unwrap();
    assert_eq!(verify(&entries, None).unwrap().entries, 204);
}

#[tokio::test]
async fn a_newer_program_takes_nothing_from_an_older_one_that_is_at_work() {
    let Some((server, _directory, settings)) = fresh("store::a_newer_program_takes_nothing") else {
        return;
    };
    let store = Store::connect(&settings).await.unwrap();
    works(&store, 1).await;
    let program = next(Engine::Postgres, REMOVAL);
    let error = starts(&program, &server.url("m")).await.unwrap_err();
    insta::assert_snapshot!(format!("{error}\n{}", error.hint()), @r"
    the database cannot be brought up to date while an older Mooring uses it
    Stop every Mooring that uses it, and start them with the new version. Or start the versions in between one after the other, where the change log says so: then some of them go on all the time.
    ");
    works(&store, 2).await;
    // The server takes it for gone, which it finds out only when it writes again.
    server.sql(
        "m",
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'",
    );
    starts(&program, &server.url("m")).await.unwrap();
    let error = store.record(&[plan(9)]).await.unwrap_err();
    assert!(
        matches!(error, StoreError::NewerSchema { found: NEXT, .. }),
        "{error:?}"
    );
    assert_eq!(server.sql("m", "SELECT COUNT(*) FROM audit"), "2");
    store.close().await;
    assert!(is_refused(&Store::connect(&settings).await));
}
