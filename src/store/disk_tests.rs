//! The database as a file: whose it is, what damages it, and a disk that fills up.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::samples::*;
use super::tests::{finished, fresh, number};
use super::*;
use crate::domain::alert::AlertKind;

#[tokio::test]
async fn the_files_are_for_their_owner_only() {
    let (place, store) = fresh().await;
    let path = place.path();
    let directory = path.parent().unwrap();
    store.remember("k", "v").await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let modes =
        || ["mooring.db", "mooring.db-wal", "mooring.db-shm"].map(|f| mode(&directory.join(f)));
    assert_eq!(modes(), [0o600; 3]);
    store.close().await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = Store::open(&path).await.unwrap();
    store.remember("k", "w").await.unwrap();
    assert_eq!(modes(), [0o600; 3]);
}

#[tokio::test]
async fn a_path_with_odd_characters_is_taken_literally() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a b?c#d%20ü.db");
    let store = Store::open(&path).await.unwrap();
    store.remember("k", "v").await.unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() > 0);
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("none/mooring.db");
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");

    let path = directory.path().join("garbage.db");
    std::fs::write(&path, "this is no database at all, not even a little bit").unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    insta::assert_snapshot!(
        error,
        @"the database is damaged or not a Mooring database: file is not a database"
    );

    let error = Store::open(directory.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
}

#[tokio::test]
async fn damage_inside_the_file_is_told_apart() {
    let (place, store) = fresh().await;
    for n in 0..50 {
        store.save_stack(&stack(&format!("s{n}"))).await.unwrap();
    }
    store.close().await;
    let path = place.path();
    let mut bytes = std::fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[length / 4..].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let result = match Store::open(&path).await {
        Ok(store) => store.stacks().await.map(|_| ()),
        Err(error) => Err(error),
    };
    let error = result.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let (place, store) = fresh().await;
    let newer = sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9000, 'later', TRUE, x'00', 1)",
    );
    store.execute(newer).await.unwrap();
    let alone = sqlx::query("UPDATE reach SET oldest = 9000");
    store.execute(alone).await.unwrap();
    store.close().await;
    let error = Store::open(&place.path()).await.unwrap_err();
    assert!(
        matches!(error, StoreError::NewerSchema { found: 9000, .. }),
        "{error:?}"
    );
    insta::assert_snapshot!(format!("{error}\n{}", error.hint()), @r"
    the database has schema version 9000, and this Mooring knows versions up to 14
    Run the Mooring version that wrote it or a newer one; an older one could damage what it does not know.
    ");
}

/// Lets the database grow by so many pages and no further, as a full disk would. The limit is one of
/// the connection, which is replaced after a failure.
async fn leave_pages(store: &Store, pages: i64) {
    let limit = number(store, "PRAGMA page_count").await + pages;
    let limited = format!("PRAGMA max_page_count = {limit}");
    let limit = sqlx::query(sqlx::AssertSqlSafe(limited));
    store.execute(limit).await.unwrap();
}

/// A file system of this size in a directory of its own; none, said aloud, where mounting is not
/// allowed.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new(size: &str) -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(directory.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(directory)),
            _ => None,
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(self.0.path())
            .status();
    }
}

#[tokio::test]
#[allow(clippy::print_stderr)]
async fn a_real_disk_that_fills_up_and_is_cleared_again() {
    let Some(disk) = SmallDisk::new("1m") else {
        eprintln!("SKIPPED: mounting a tmpfs is not allowed here");
        return;
    };
    let path = disk.0.path().join("mooring.db");
    let store = Store::open(&path).await.unwrap();
    store.save_stack(&stack("a")).await.unwrap();
    let ballast = disk.0.path().join("ballast");
    let _ = std::fs::write(&ballast, vec![1; 1 << 20]);
    let mut huge = stack("b");
    huge.dir = "x".repeat(100_000);
    let run = finished(run(1, "b", 0), 1);
    let conclusion = Conclusion {
        run: Some(&run),
        stack: Some(&huge),
        ledger: None,
        alerts: &[],
        news: &[],
        requests: &[],
        memory: None,
        audit: &[],
    };
    for _ in 0..2 {
        let error = store.conclude(&conclusion).await.unwrap_err();
        assert!(matches!(error, StoreError::OutOfDisk), "{error:?}");
        let error = store.save_stack(&huge).await.unwrap_err();
        assert!(matches!(error, StoreError::OutOfDisk), "{error:?}");
        assert_eq!(store.stacks().await.unwrap(), [stack("a")]);
    }
    let error = Store::open(&disk.0.path().join("other.db")).await;
    assert!(matches!(error, Err(StoreError::OutOfDisk)), "{error:?}");
    std::fs::remove_file(&ballast).unwrap();
    store.conclude(&conclusion).await.unwrap();
    store.close().await;
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.stacks().await.unwrap(), [stack("a"), huge]);
}

#[tokio::test]
async fn a_full_disk_is_named_and_costs_nothing_that_was_stored() {
    let (_directory, store) = fresh().await;
    store.save_stack(&stack("a")).await.unwrap();
    let mut huge = stack("b");
    huge.dir = "x".repeat(1 << 20);
    let run = finished(run(1, "b", 0), 1);
    let conclusion = Conclusion {
        run: Some(&run),
        stack: Some(&huge),
        ledger: None,
        alerts: &[],
        news: &[],
        requests: &[],
        memory: None,
        audit: &[],
    };
    for _ in 0..2 {
        leave_pages(&store, 2).await;
        let error = store.conclude(&conclusion).await.unwrap_err();
        assert!(matches!(error, StoreError::OutOfDisk), "{error:?}");
        assert_eq!(
            error.failure().kind,
            crate::domain::failure::FailureKind::OutOfDisk
        );
        leave_pages(&store, 2).await;
        let error = store.save_stack(&huge).await.unwrap_err();
        assert!(matches!(error, StoreError::OutOfDisk), "{error:?}");
    }
    assert_eq!(store.run(&run.id).await.unwrap(), None);
    assert_eq!(store.stacks().await.unwrap(), [stack("a")]);
    leave_pages(&store, 100_000).await;
    store.conclude(&conclusion).await.unwrap();
    assert_eq!(store.stacks().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_look_cut_off_in_the_middle_is_not_stored_and_blocks_nothing() {
    let (_directory, store) = fresh().await;
    let run = finished(run(1, "a", 0), 1);
    {
        let mut transaction = store.begin().await.unwrap();
        runs::put_run(&mut transaction, &run).await.unwrap();
    }
    store.remember("k", "v").await.unwrap();
    assert_eq!(store.run(&run.id).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_written_is_synced_to_the_disk() {
    let (_place, store) = fresh().await;
    assert_eq!(number(&store, "PRAGMA synchronous").await, 2);
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&store.reader)
        .await
        .unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_on_one_file_open_and_write_at_once() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("mooring.db");
    let (a, b) = tokio::join!(Store::open(&path), Store::open(&path));
    let stores = [a.unwrap(), b.unwrap()];
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..60_u128 {
        let store = stores[usize::try_from(n % 2).unwrap()].clone();
        tasks.spawn(async move {
            let run = finished(run(n, &format!("s{n}"), 0), 1);
            let record = stack(&format!("s{n}"));
            let conclusion = Conclusion {
                run: Some(&run),
                stack: Some(&record),
                ledger: Some((&run.stack, &[ledger_entry("x")])),
                alerts: &[alert(n, &format!("s{n}"), AlertKind::Drift).into()],
                news: &[news(n, notices()[0].clone(), 1)],
                requests: &[],
                memory: None,
                audit: &[],
            };
            store.conclude(&conclusion).await?;
            store.remember(&format!("k{n}"), "v").await?;
            store.stack(&record.id).await
        });
    }
    for read in tasks.join_all().await {
        assert!(read.unwrap().is_some(), "a reader sees what was committed");
    }
    for store in &stores {
        assert_eq!(store.stacks().await.unwrap().len(), 60);
        let (waiting, _) = store.waiting_news("team").await.unwrap();
        assert_eq!(waiting.len(), 60);
    }
}
