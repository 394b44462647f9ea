//! The store on a real PostgreSQL server. What holds on files is tested there again: this program of
//! tests is started once more, with a server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "../../tests/harness/postgres.rs"]
#[allow(unreachable_pub, dead_code)]
pub(crate) mod server;
#[path = "../../tests/harness/skipped.rs"]
#[allow(unreachable_pub)]
mod skipping;

use std::time::Duration;

use tempfile::TempDir;

use self::server::{PASSWORD, Postgres};
use self::skipping::skipped;
use super::place::{SERVER, settings};
use super::samples::{at, notices, operator, stack};
use super::tests::number;
use super::transfer::{self, Place};
use super::*;
use crate::domain::audit::{Action, NewAudit, verify};
use crate::domain::ids::RunId;
use crate::secret::SecretSource;

#[test]
fn what_holds_on_files_holds_on_a_server() {
    let Some(server) = Postgres::start("store::what_holds_on_files_holds_on_a_server") else {
        return;
    };
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "store::tests::",
            "store::audit_tests::",
            "store::asked_tests::",
            "store::calls_tests::",
            "store::shared_tests::",
        ])
        .args(["store::decisions::", "store::history::"])
        .args(["--skip", "restore::", "--test-threads", "3"])
        .env(SERVER, server.url(""))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let passed = said.matches("... ok").count();
    assert!(passed > 30, "only {passed} tests ran: {said}");
}

/// A server, and settings of a fresh database on it.
pub(crate) fn fresh(test: &str) -> Option<(Postgres, TempDir, PostgresSettings)> {
    let server = Postgres::start(test)?;
    let directory = TempDir::new().unwrap();
    let settings = settings(&server.database("m"), directory.path());
    Some((server, directory, settings))
}

pub(super) fn plan(n: i64) -> NewAudit {
    let action = Action::PlanRequested {
        stack: samples::stack_id("a"),
        run: RunId::from_uuid(uuid::Uuid::from_u128(1)),
    };
    NewAudit::asked(at(n), &operator(), action)
}

fn trouble(error: StoreError) -> ServerTrouble {
    match error {
        StoreError::Server(trouble) => trouble,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_cannot_be_used_says_why_and_no_password() {
    let Some((server, directory, _)) = fresh("store::what_cannot_be_used_says_why") else {
        return;
    };
    server.sql(
        "m",
        "CREATE ROLE weak LOGIN PASSWORD 'weak-secret'; \
         CREATE ROLE latin LOGIN",
    );
    server.sql(
        "m",
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    );
    let weak = server.url("m").replace(PASSWORD, "weak-secret");
    let weak = weak.replace("//mooring", "//weak");
    let nowhere = server.url("m").replace("127.0.0.1", "host.invalid");
    let closed = format!("postgres://mooring:{PASSWORD}@127.0.0.1:1/m");
    let mut told = Vec::new();
    for url in [
        weak.clone(),
        weak.replace("weak-secret", "wrong-secret"),
        server.url("none"),
        server.url("latin"),
        format!("{}?sslmode=require", server.url("m")),
        closed,
        format!("{nowhere}?sslmode=disable"),
        "postgres://u:12/cret@db/m".to_owned(),
    ] {
        let error = Store::connect(&settings(&url, directory.path())).await;
        let error = error.unwrap_err();
        assert!(!error.hint().is_empty());
        let text = format!("{error} {error:?}");
        for secret in ["secret", "ecret", "cret"] {
            assert!(!text.contains(secret), "{text}");
        }
        told.push(trouble(error));
    }
    assert!(matches!(told[0], ServerTrouble::NotAllowed(_)), "{told:?}");
    assert!(
        matches!(told[1], ServerTrouble::LetsNobodyIn(_)),
        "{told:?}"
    );
    assert!(matches!(told[2], ServerTrouble::NoDatabase(_)), "{told:?}");
    assert!(matches!(told[3], ServerTrouble::Encoding(_)), "{told:?}");
    assert!(matches!(told[4], ServerTrouble::Tls(_)), "{told:?}");
    assert!(matches!(told[5], ServerTrouble::Unreachable(_)), "{told:?}");
    assert!(matches!(told[6], ServerTrouble::Unreachable(_)), "{told:?}");
    assert!(matches!(told[7], ServerTrouble::BadUrl(_)), "{told:?}");
    let nowhere = PostgresSettings {
        url: SecretSource::File(directory.path().join("none")),
        max_connections: 2,
        ca_file: None,
    };
    let error = Store::connect(&nowhere).await.unwrap_err();
    assert!(matches!(trouble(error), ServerTrouble::NoUrl(_)));
}

#[test]
fn a_certificate_that_is_not_trusted_is_no_server_that_is_down() {
    let untrusted = std::io::Error::new(std::io::ErrorKind::InvalidData, "UnknownIssuer");
    let trouble = ServerTrouble::of(&sqlx::Error::Io(untrusted)).unwrap();
    assert!(matches!(&trouble, ServerTrouble::Tls(_)), "{trouble:?}");
    assert!(trouble.hint().contains("ca_file"));
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let Some((server, _directory, settings)) = fresh("store::postgres newer version") else {
        return;
    };
    Store::connect(&settings).await.unwrap().close().await;
    server.sql(
        "m",
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9000, 'later', TRUE, '', 1); UPDATE reach SET oldest = 9000",
    );
    let error = Store::connect(&settings).await.unwrap_err();
    assert!(
        matches!(error, StoreError::NewerSchema { found: 9000, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn whoever_has_the_database_alone_loses_it_for_good_to_whoever_takes_it_over() {
    let Some((server, _directory, settings)) = fresh("store::whoever_has_the_database_alone")
    else {
        return;
    };
    let first = Store::connect(&settings).await.unwrap();
    first.record(&[plan(1)]).await.unwrap();
    let error = Store::connect(&settings).await.unwrap_err();
    assert_eq!(trouble(error), ServerTrouble::InUse);

    server.sql(
        "m",
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'",
    );
    let second = Store::connect(&settings).await.unwrap();
    second.record(&[plan(2)]).await.unwrap();
    assert!(matches!(first.tend().await, Err(StoreError::Fenced)));
    first.sources().await.unwrap();

    second.close().await;
    let error = first.record(&[plan(3)]).await.unwrap_err();
    assert!(matches!(error, StoreError::Fenced), "{error:?}");
    let filter = AuditFilter::default();
    let entries = first.audit(&filter, Paging::After(0), 9).await.unwrap();
    assert_eq!(verify(&entries, None).unwrap().entries, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_is_waited_for_and_what_was_cut_off_is_not_stored() {
    let Some((mut server, directory, settings)) = fresh("store::a_server_that_restarts") else {
        return;
    };
    let store = Store::connect(&settings).await.unwrap();
    store.save_stack(&stack("a")).await.unwrap();
    let mut cut_off = store.begin().await.unwrap();
    stacks::put_stack(&mut cut_off, &stack("b")).await.unwrap();
    server.sql("m", "ALTER ROLE mooring PASSWORD 'another'");
    let rotated = server.url("m").replace(PASSWORD, "another");
    place::settings(&rotated, directory.path());
    server.stop();
    let error = cut_off.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Server(_)), "{error:?}");
    store.tend().await.unwrap();
    let waits = store.waits_for().unwrap();
    assert!(waits.contains("cannot be reached"), "{waits}");

    let writes = tokio::spawn({
        let store = store.clone();
        async move { store.save_stack(&stack("c")).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!writes.is_finished(), "it waits");
    server.run();
    writes.await.unwrap().unwrap();
    assert_eq!(store.waits_for(), None);
    let stored: Vec<_> = store.stacks().await.unwrap();
    assert_eq!(stored, [stack("a"), stack("c")]);
}

#[tokio::test]
async fn what_was_begun_and_left_is_undone() {
    let Some((_server, _directory, settings)) = fresh("store::what_was_begun_and_left") else {
        return;
    };
    let store = Store::connect(&settings).await.unwrap();
    {
        let mut left = store.begin().await.unwrap();
        stacks::put_stack(&mut left, &stack("a")).await.unwrap();
    }
    store.save_stack(&stack("b")).await.unwrap();
    assert_eq!(store.stacks().await.unwrap(), [stack("b")]);
    assert_eq!(number(&store, "SELECT COUNT(*) FROM stacks").await, 1);
}

#[tokio::test]
async fn a_text_that_a_server_cannot_keep_is_kept_without_that_character() {
    let Some((_server, _directory, settings)) = fresh("store::a_text_that_a_server") else {
        return;
    };
    let store = Store::connect(&settings).await.unwrap();
    let [notice, ..] = notices();
    let message = samples::message(1, notice, 1).given_up("an\0swer");
    store.save_message(&message).await.unwrap();
    let kept = store.message(&message.id).await.unwrap().unwrap();
    assert_eq!(kept.last_error.as_deref(), Some("an\u{fffd}swer"));
}

#[tokio::test]
async fn records_move_to_a_server_and_back() {
    let Some((server, directory, settings)) = fresh("store::records_move_to_a_server") else {
        return;
    };
    let (old, new) = (directory.path().join("old"), directory.path().join("new"));
    let store = Store::open(&old).await.unwrap();
    transfer_tests::filled(&store).await;
    let (from, to) = (Place::File(&old), Place::Server(&settings));
    let there = transfer::transfer(from, to).await.unwrap();
    assert_eq!(server.sql("m", "SELECT COUNT(*) FROM audit"), "251");
    let again = transfer::transfer(from, to).await;
    assert!(matches!(again, Err(StoreError::NotEmpty { .. })));

    let held = Store::connect(&settings).await.unwrap();
    transfer_tests::assert_filled(&held).await;
    let back = transfer::transfer(Place::Server(&settings), Place::File(&new)).await;
    assert_eq!(back.unwrap(), there);
    transfer_tests::assert_filled(&Store::open(&new).await.unwrap()).await;
    let error = transfer::transfer(from, to).await.unwrap_err();
    assert_eq!(trouble(error), ServerTrouble::InUse);
}
