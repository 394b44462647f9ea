//! What every process has to know at once, on either engine.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use sqlx::Executor;

use super::place::Place;
use super::samples::{at, intent, run, run_id, stack, stack_id};
use super::*;
use crate::domain::ids::{SourceName, StackId};
use crate::domain::pause::{Pause, Pauses, Scope};

fn pause(scope: Scope, seconds: i64) -> Pause {
    Pause {
        scope,
        by: "ann".to_owned(),
        reason: Some("an \"incident\"\0".to_owned()),
        at: at(seconds),
        until: None,
    }
}

fn one(pause: Pause) -> Pauses {
    Pauses::default().with(pause)
}

#[tokio::test]
async fn pauses_are_kept_one_of_each_scope_until_they_are_ended() {
    let place = Place::fresh().await;
    let store = place.open().await;
    let source = Scope::Source(SourceName::new("infra"));
    let first = one(pause(Scope::All, 1)).with(pause(source.clone(), 1));
    assert_eq!(store.pause(&first).await.unwrap(), first);
    let later = pause(Scope::All, 2);
    let both = store.pause(&one(later.clone())).await.unwrap();
    assert_eq!(both, first.with(later));
    assert_eq!(store.pauses().await.unwrap(), both);
    assert!(!store.end_pause(&Scope::Stack(stack_id("a"))).await.unwrap());
    assert!(store.end_pause(&Scope::All).await.unwrap());
    assert!(!store.end_pause(&Scope::All).await.unwrap());
    store.close().await;
    let left = place.open().await.pauses().await.unwrap();
    assert_eq!(left, one(pause(source, 1)));
}

#[tokio::test]
async fn two_stacks_on_one_state_know_of_each_other_until_one_leaves() {
    let place = Place::fresh().await;
    let store = place.open().await;
    let (a, b) = (stack_id("a"), stack_id("b"));
    let none: [StackId; 0] = [];
    assert_eq!(store.claim_state("s", &a).await.unwrap(), none);
    assert_eq!(store.claim_state("s", &a).await.unwrap(), none);
    assert_eq!(
        store.claim_state("s", &b).await.unwrap(),
        std::slice::from_ref(&a)
    );
    assert_eq!(
        store.claim_state("s", &a).await.unwrap(),
        std::slice::from_ref(&b)
    );
    assert_eq!(store.claim_state("other", &b).await.unwrap(), none);
    assert_eq!(store.claim_state("s", &a).await.unwrap(), none);
    store.claim_state("s", &b).await.unwrap();
    let gone = crate::domain::stack::StackRecord {
        tracked: false,
        ..stack("b")
    };
    store.save_stack(&gone).await.unwrap();
    assert_eq!(store.claim_state("s", &a).await.unwrap(), none);
}

#[tokio::test]
async fn an_intent_is_barred_by_what_another_process_did_in_between() {
    let place = Place::fresh().await;
    let store = place.open().await;
    let applying = run(1, "a", 0);
    let meant = intent(applying.id);
    let source = SourceName::new("infra");
    let grounds = Grounds {
        source: &source,
        state: "s",
    };
    let start = || store.record_intent(&applying, &meant, None, grounds);
    let barred = |started: Result<(), StoreError>| match started {
        Err(StoreError::Barred(why)) => why,
        other => panic!("{other:?}"),
    };
    for scope in [
        Scope::All,
        Scope::Source(source.clone()),
        Scope::Stack(meant.binding.stack.clone()),
    ] {
        store.pause(&one(pause(scope.clone(), 1))).await.unwrap();
        assert!(barred(start().await).contains("is paused by ann"));
        store.end_pause(&scope).await.unwrap();
    }
    let elsewhere = Scope::Source(SourceName::new("apps"));
    store.pause(&one(pause(elsewhere, 1))).await.unwrap();
    store.claim_state("s", &stack_id("other")).await.unwrap();
    assert!(barred(start().await).contains("infra/other"));
    assert_eq!(store.intent(&run_id(1)).await.unwrap(), None);
    assert_eq!(store.run(&run_id(1)).await.unwrap(), None);
    store.claim_state("t", &stack_id("other")).await.unwrap();
    start().await.unwrap();
    let known = store.claim_state("s", &stack_id("late")).await.unwrap();
    assert_eq!(
        known,
        std::slice::from_ref(&meant.binding.stack),
        "the intent is a claim"
    );
}

#[tokio::test]
async fn where_stacks_were_before_there_was_a_table_is_known() {
    let place = Place::fresh().await;
    let store = place.open().await;
    let there = |name, backend: Option<&str>, tracked| crate::domain::stack::StackRecord {
        backend: backend.map(str::to_owned),
        tracked,
        ..stack(name)
    };
    for record in [
        there("a", Some("s"), true),
        there("left", Some("s"), false),
        there("new", None, true),
    ] {
        store.save_stack(&record).await.unwrap();
    }
    let mut before = store.begin().await.unwrap();
    for undo in ["DELETE FROM states", "DELETE FROM glances"] {
        before.execute(undo).await.unwrap();
    }
    before.commit().await.unwrap();
    store.close().await;
    let store = place.open().await;
    let known = store.claim_state("s", &stack_id("new")).await.unwrap();
    assert_eq!(known, [stack_id("a")]);
}

#[tokio::test]
async fn what_is_remembered_first_stays() {
    let place = Place::fresh().await;
    let store = place.open().await;
    let first = store.recall_or_remember("key", "one").await.unwrap();
    let second = store.recall_or_remember("key", "two").await.unwrap();
    assert_eq!((first.as_str(), second.as_str()), ("one", "one"));
}
