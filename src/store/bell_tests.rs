//! Bells of several processes on one real PostgreSQL server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use tokio::time::timeout;

use super::postgres_tests::fresh;
use super::replicas_tests::joined;
use super::samples::{news, notices};
use super::*;

async fn rings(bell: &mut Bell) {
    let rung = timeout(Duration::from_secs(60), bell.rung()).await;
    rung.expect("it rings");
}

async fn tell_something(store: &Store, n: u128) {
    let [notice, ..] = notices();
    let conclusion = Conclusion {
        news: &[news(n, notice, 1)],
        ..Conclusion::default()
    };
    store.conclude(&conclusion).await.unwrap();
}

#[tokio::test]
async fn news_of_one_process_ring_in_the_others() {
    let Some((_server, _directory, settings)) = fresh("store::news_of_one_process_ring") else {
        return;
    };
    let (a, b) = (joined(&settings, "a").await, joined(&settings, "b").await);
    let (mut there, mut calls) = (b.bell(Topic::News), b.bell(Topic::Calls));
    // What was stored before it was listened is not missed.
    rings(&mut there).await;
    rings(&mut calls).await;
    tell_something(&a, 1).await;
    rings(&mut there).await;
    let quiet = Duration::from_millis(100);
    assert!(timeout(quiet, calls.rung()).await.is_err());
    a.conclude(&Conclusion::default()).await.unwrap();
    assert!(timeout(quiet, there.rung()).await.is_err(), "no news");
}

#[tokio::test]
async fn a_connection_that_no_longer_hears_is_made_again() {
    let Some((server, _directory, settings)) = fresh("store::a_connection_that_no_longer") else {
        return;
    };
    let (a, b) = (joined(&settings, "a").await, joined(&settings, "b").await);
    let mut there = b.bell(Topic::News);
    rings(&mut there).await;
    let listeners = "FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    let cut = format!("SELECT COUNT(pg_terminate_backend(pid, 5000)) {listeners}");
    assert_eq!(server.sql("m", &cut), "1");
    tell_something(&a, 1).await;
    rings(&mut there).await;
    tell_something(&a, 2).await;
    rings(&mut there).await;
    // Nobody listens for a store that is closed.
    drop(there);
    b.close().await;
    let gone = async {
        while server.sql("m", &format!("SELECT COUNT(*) {listeners}")) != "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), gone).await.unwrap();
}
