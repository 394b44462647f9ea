//! Several processes on one real PostgreSQL server, each as a store of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use jiff::SignedDuration;

use super::postgres_tests::{fresh, plan, server};
use super::replicas::{About, Joining};
use super::samples::{run, stack};
use super::settings::PostgresSettings;
use super::{Area, AuditFilter, Leading, Paging, Store, StoreError};
use crate::domain::audit::verify;
use crate::domain::ids::RunId;
use crate::domain::replica::PATIENCE_TO_LEAD;
use crate::domain::run::Run;

/// A store that joins from a home of this name.
pub(crate) async fn joined(settings: &PostgresSettings, home: &str) -> Store {
    let joining = Joining {
        home: home.to_owned(),
        about: about(home, 1),
    };
    Store::join(settings, &joining).await.unwrap()
}

fn about(name: &str, jobs: usize) -> About {
    About {
        name: name.to_owned(),
        version: "1".to_owned(),
        configuration: "c".to_owned(),
        jobs,
        memory: None,
    }
}

/// Ends every session that holds a lock, as a server does that hears nothing of a process.
fn cut(server: &server::Postgres) {
    server.sql(
        "m",
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'",
    );
}

#[tokio::test]
async fn one_leads_and_all_write() {
    let Some((_server, _directory, settings)) = fresh("store::one_leads_and_all_write") else {
        return;
    };
    let (a, b) = (joined(&settings, "a").await, joined(&settings, "b").await);
    assert_eq!(a.lead(SignedDuration::ZERO).await.unwrap(), Leading::Here);
    assert_eq!(
        b.lead(PATIENCE_TO_LEAD).await.unwrap(),
        Leading::Elsewhere(a.replica())
    );
    a.record(&[plan(1)]).await.unwrap();
    b.record(&[plan(2)]).await.unwrap();
    let filter = AuditFilter::default();
    let entries = a.audit(&filter, Paging::After(0), 9).await.unwrap();
    assert_eq!(verify(&entries, None).unwrap().entries, 2);
    let known = a.replicas().await.unwrap();
    let known: Vec<_> = known.iter().map(|r| (&*r.about.name, r.leads)).collect();
    assert_eq!(known, [("a", true), ("b", false)]);
    b.describe(&about("b", 0)).await.unwrap();
    let jobs = a.replicas().await.unwrap();
    let jobs: Vec<usize> = jobs.iter().map(|replica| replica.about.jobs).collect();
    assert_eq!(jobs, [1, 0]);
    let error = Store::connect(&settings).await.unwrap_err();
    assert!(error.to_string().contains("another Mooring"), "{error}");
    // Whoever leaves with a word is not waited for.
    a.close().await;
    assert_eq!(b.lead(SignedDuration::ZERO).await.unwrap(), Leading::Here);
}

#[tokio::test]
async fn many_that_write_at_once_come_one_after_the_other() {
    let Some((_server, _directory, settings)) = fresh("store::many_that_write_at_once") else {
        return;
    };
    let (a, b) = (joined(&settings, "a").await, joined(&settings, "b").await);
    let write = async |store: &Store| {
        for n in 0..20 {
            store.record(&[plan(n)]).await.unwrap();
        }
    };
    tokio::join!(write(&a), write(&b), write(&a), write(&b));
    let filter = AuditFilter::default();
    let entries = a.audit(&filter, Paging::After(0), 99).await.unwrap();
    assert_eq!(verify(&entries, None).unwrap().entries, 80);
}

#[tokio::test]
async fn whoever_loses_the_connection_takes_it_up_again_if_nobody_went_on() {
    let Some((server, _directory, settings)) = fresh("store::whoever_loses_the_connection") else {
        return;
    };
    let (a, b) = (joined(&settings, "a").await, joined(&settings, "b").await);
    assert_eq!(a.lead(SignedDuration::ZERO).await.unwrap(), Leading::Here);
    cut(&server);
    assert_eq!(b.lead(SignedDuration::ZERO).await.unwrap(), Leading::Vacant);
    a.save_stack(&stack("a")).await.unwrap();
    b.save_stack(&stack("b")).await.unwrap();
    assert_eq!(
        b.lead(PATIENCE_TO_LEAD).await.unwrap(),
        Leading::Elsewhere(a.replica())
    );

    cut(&server);
    assert_eq!(b.lead(PATIENCE_TO_LEAD).await.unwrap(), Leading::Here);
    let error = a.save_stack(&stack("c")).await.unwrap_err();
    assert!(matches!(error, StoreError::Fenced), "{error:?}");
    assert!(matches!(a.tend().await, Err(StoreError::Fenced)));
    assert!(matches!(
        a.lead(PATIENCE_TO_LEAD).await,
        Err(StoreError::Fenced)
    ));
    assert_eq!(b.stacks().await.unwrap(), [stack("a"), stack("b")]);
}

#[tokio::test]
async fn a_process_that_comes_back_to_its_home_waits_for_nobody() {
    let Some((server, _directory, settings)) = fresh("store::a_process_that_comes_back") else {
        return;
    };
    let before = joined(&settings, "a").await;
    assert_eq!(
        before.lead(SignedDuration::ZERO).await.unwrap(),
        Leading::Here
    );
    cut(&server);
    let after = joined(&settings, "a").await;
    assert_eq!(
        after.lead(SignedDuration::ZERO).await.unwrap(),
        Leading::Here
    );
    assert!(matches!(before.tend().await, Err(StoreError::Fenced)));
}

#[tokio::test]
async fn a_replica_that_is_gone_for_too_long_is_taken_away_and_writes_no_more() {
    let Some((server, _directory, settings)) = fresh("store::a_replica_that_is_gone") else {
        return;
    };
    let (a, b) = (joined(&settings, "a").await, joined(&settings, "b").await);
    assert!(a.reap().await.unwrap().is_empty());
    let missing = "SELECT COUNT(*) FROM replicas WHERE missing_since IS NOT NULL";
    cut(&server);
    assert!(a.reap().await.unwrap().is_empty());
    assert_eq!(server.sql("m", missing), "1");
    // It is back in time.
    b.save_stack(&stack("b")).await.unwrap();
    assert_eq!(server.sql("m", missing), "0");

    cut(&server);
    assert!(a.reap().await.unwrap().is_empty());
    server.sql(
        "m",
        "UPDATE replicas SET missing_since = missing_since - 16000000",
    );
    assert_eq!(a.reap().await.unwrap(), [b.replica().unwrap()]);
    let error = b.save_stack(&stack("c")).await.unwrap_err();
    assert!(matches!(error, StoreError::Fenced), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_task_of_all_processes_is_alone_in_an_area() {
    let Some((server, _directory, settings)) = fresh("store::one_task_of_all_processes") else {
        return;
    };
    let (a, b) = (joined(&settings, "a").await, joined(&settings, "b").await);
    let alone = a.alone(Area::Telling).await.unwrap();
    let beside = b.alone(Area::Applying).await.unwrap();
    let waiting = tokio::spawn({
        let b = b.clone();
        async move { b.alone(Area::Telling).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished(), "it waits");
    b.save_stack(&stack("b")).await.unwrap();
    drop(alone);
    drop(waiting.await.unwrap().unwrap());
    let alone = b.alone(Area::Telling).await.unwrap();

    cut(&server);
    let error = b.save_stack(&stack("c")).await.unwrap_err();
    assert!(matches!(error, StoreError::Server(_)), "{error:?}");
    // What another task writes has nothing to do with it.
    let beside_it = b.clone();
    let other = tokio::spawn(async move { beside_it.save_stack(&stack("e")).await });
    other.await.unwrap().unwrap();
    let _others = a.alone(Area::Telling).await.unwrap();
    let error = b.save_stack(&stack("c")).await.unwrap_err();
    assert!(error.to_string().contains("in the middle"), "{error}");
    drop((alone, beside));
    let written = async || b.save_stack(&stack("d")).await.is_ok();
    while !written().await {
        tokio::task::yield_now().await;
    }
}

/// A request whose client hangs up is dropped wherever it waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_wait_until_it_is_alone_keeps_nobody_out() {
    let Some((_server, _directory, settings)) = fresh("store::whoever_does_not_wait") else {
        return;
    };
    let (a, b) = (joined(&settings, "a").await, joined(&settings, "b").await);
    for pause in (0..3000).step_by(50) {
        let pause = Duration::from_micros(pause);
        let _given_up = tokio::time::timeout(pause, a.alone(Area::Telling)).await;
        let _polled_once = tokio::select! {
            biased;
            alone = a.alone(Area::Telling) => alone.is_ok(),
            () = std::future::ready(()) => false,
        };
    }
    let other = tokio::time::timeout(Duration::from_secs(10), b.alone(Area::Telling));
    drop(other.await.expect("nobody is there").unwrap());
    a.save_stack(&stack("a")).await.unwrap();
}

#[tokio::test]
async fn a_run_is_handed_out_and_comes_back_once() {
    let Some((_server, _directory, settings)) = fresh("store::a_run_is_handed_out") else {
        return;
    };
    let (a, b) = (joined(&settings, "a").await, joined(&settings, "b").await);
    let (run, number) = (run(1, "a", 1), b.replica().unwrap());
    assert!(!a.was_handed_out(&run.id).await.unwrap());
    a.hand_out(&run, number, &"task").await.unwrap();
    assert!(a.was_handed_out(&run.id).await.unwrap());
    assert!(a.hand_out(&run, number, &"task").await.is_err(), "once");
    let handed: Vec<(Run, String)> = b.handed_to(number).await.unwrap();
    assert_eq!(handed, [(run.clone(), "task".to_owned())]);
    let elsewhere: Vec<(Run, String)> = a.handed_to(a.replica().unwrap()).await.unwrap();
    assert!(elsewhere.is_empty());
    b.hand_back(&run.id, &"end").await.unwrap();
    let handed: Vec<(Run, String)> = b.handed_to(number).await.unwrap();
    assert!(handed.is_empty(), "it has ended");
    // What came back stays, also if who had it has left.
    b.close().await;
    a.reap().await.unwrap();
    let back: Vec<(RunId, String)> = a.handed_back().await.unwrap();
    assert_eq!(back, [(run.id, "end".to_owned())]);
    a.settle_handed(&[run.id]).await.unwrap();
    let back: Vec<(RunId, String)> = a.handed_back().await.unwrap();
    assert!(back.is_empty());
}
