//! Calls to the replica that leads.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use uuid::Uuid;

use super::samples::{operator, run_id, stack_id};
use super::tests::{fresh, number};
use super::*;
use crate::domain::call::{Reply, Wish, Withdrawn};
use crate::domain::ids::CallId;

const LASTS: Duration = Duration::from_secs(60);

fn id(n: u128) -> CallId {
    CallId::from_uuid(Uuid::from_u128(n))
}

fn wish(stack: &str) -> Wish {
    Wish::Plan {
        stack: stack_id(stack),
        by: operator(),
    }
}

async fn open(store: &Store) -> Vec<CallId> {
    let open = store.open_calls().await.unwrap();
    open.into_iter().map(|call| call.id).collect()
}

async fn change(store: &Store, statement: &'static str) {
    store.execute(sqlx::query(statement)).await.unwrap();
}

#[tokio::test]
async fn a_call_is_begun_once_and_answered_once() {
    let (_place, store) = fresh().await;
    for (n, stack) in [(2, "a"), (1, "b")] {
        store.post_call(&id(n), &wish(stack), LASTS).await.unwrap();
    }
    assert_eq!(open(&store).await, [id(2), id(1)], "oldest first");
    assert_eq!(store.open_calls().await.unwrap()[0].wish, wish("a"));
    assert!(store.begin_call(&id(2)).await.unwrap());
    assert!(!store.begin_call(&id(2)).await.unwrap());
    assert_eq!(open(&store).await, [id(1)]);
    assert_eq!(store.begun_calls().await.unwrap()[0].id, id(2));
    assert_eq!(store.answer_of(&id(2)).await.unwrap(), None);

    store.give_back_call(&id(2)).await.unwrap();
    assert_eq!(open(&store).await, [id(2), id(1)]);
    assert!(store.begin_call(&id(2)).await.unwrap());
    let reply = Reply::Queued { run: run_id(1) };
    store.answer_call(&id(2), &reply).await.unwrap();
    store.answer_call(&id(2), &Reply::Unclear).await.unwrap();
    assert_eq!(store.answer_of(&id(2)).await.unwrap(), Some(reply));
    store.give_back_call(&id(2)).await.unwrap();
    assert!(!store.begin_call(&id(2)).await.unwrap());
    assert!(store.begun_calls().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_withdrawn_or_has_ended_is_not_begun() {
    let (_place, store) = fresh().await;
    for n in 1..=3 {
        store.post_call(&id(n), &wish("a"), LASTS).await.unwrap();
    }
    let withdraw = async |n| store.withdraw_call(&id(n)).await.unwrap();
    assert_eq!(withdraw(1).await, Withdrawn::InTime);
    assert!(!store.begin_call(&id(1)).await.unwrap());
    assert!(store.begin_call(&id(2)).await.unwrap());
    assert_eq!(withdraw(2).await, Withdrawn::TooLate);
    assert_eq!(open(&store).await, [id(3)]);
    change(&store, "UPDATE calls SET ends_at = ends_at - 61000000").await;
    assert_eq!(open(&store).await, []);
    assert!(!store.begin_call(&id(3)).await.unwrap());
}

#[tokio::test]
async fn what_has_long_ended_is_forgotten() {
    let (_place, store) = fresh().await;
    for n in 1..=2 {
        store.post_call(&id(n), &wish("a"), LASTS).await.unwrap();
        store.begin_call(&id(n)).await.unwrap();
        store.answer_call(&id(n), &Reply::Done).await.unwrap();
    }
    let earlier = "UPDATE calls SET ends_at = ends_at - 3700000000 WHERE asked_at IN \
                   (SELECT MIN(asked_at) FROM calls)";
    change(&store, earlier).await;
    store.post_call(&id(3), &wish("a"), LASTS).await.unwrap();
    assert_eq!(number(&store, "SELECT COUNT(*) FROM calls").await, 2);
    assert_eq!(store.answer_of(&id(1)).await.unwrap(), None);
    assert_eq!(store.answer_of(&id(2)).await.unwrap(), Some(Reply::Done));
}

#[tokio::test]
async fn a_call_of_another_version_holds_up_no_other() {
    let (_place, store) = fresh().await;
    store.post_call(&id(1), &wish("a"), LASTS).await.unwrap();
    change(&store, "UPDATE calls SET wish = '{\"kind\":\"dance\"}'").await;
    store.post_call(&id(2), &wish("a"), LASTS).await.unwrap();
    assert_eq!(open(&store).await, [id(2)]);
}
