//! What a driver waits for when it starts.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::super::record::first_record;
use super::follow::Remembered;
use super::*;
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::stack::StackRecord;
use crate::domain::testing::check;
use crate::reconcile::fixture::{paused, tracked};

fn at(time: &str) -> Timestamp {
    format!("2026-11-23T{time}:00Z").parse().unwrap()
}

/// When a driver that starts at ten looks at a stack that was to be decided again.
async fn due(not_before: Option<Timestamp>) -> Option<Timestamp> {
    let directory = tempfile::tempdir().unwrap();
    let (context, _clock) = paused(directory.path(), at("10:00")).await;
    let tracked = tracked();
    let mut last = check(vec![]);
    last.decision = Decision {
        not_before,
        ..Decision::new(DecisionKind::Alert)
    };
    let record = StackRecord {
        checked_at: Some(at("09:59")),
        last: Some(last),
        ..first_record(&tracked, at("09:00"))
    };
    let mut driver = Driver::new(context, LeftOver::default());
    let known = Remembered::of(&record);
    driver.take_on(tracked.clone(), &CommitId::new("c"), Some(&known));
    driver.stacks.get(&tracked.id).unwrap().due
}

#[tokio::test]
async fn who_asks_when_a_run_has_just_begun_gets_another() {
    let directory = tempfile::tempdir().unwrap();
    let (context, _clock) = paused(directory.path(), at("10:00")).await;
    let tracked = tracked();
    context.heads.set(&tracked.source, CommitId::new("c"));
    let mut driver = Driver::new(Arc::clone(&context), LeftOver::default());
    let record = first_record(&tracked, at("09:00"));
    let known = Remembered::of(&record);
    driver.take_on(tracked.clone(), &CommitId::new("c"), Some(&known));
    let stack = &tracked.id;
    let first = driver.enqueue(stack, Trigger::Schedule, None).await;
    let first = first.unwrap();
    driver.start_runs().await;
    assert!(driver.queue.is_empty());
    let second = driver.enqueue(stack, Trigger::Git, None).await.unwrap();
    assert_ne!(first, second);
    // One that waits is shared, and the more urgent reason for it is kept.
    let third = driver.enqueue(stack, Trigger::Person, None).await.unwrap();
    assert_eq!(third, second);
    let stored = context.store.run(&second).await.unwrap().unwrap();
    assert_eq!(stored.trigger, Trigger::Person);
}

#[tokio::test]
async fn what_was_to_be_decided_again_is_after_a_restart() {
    let scheduled = due(None).await.unwrap();
    assert!(at("10:00") <= scheduled && scheduled <= at("10:30"));
    assert_eq!(due(Some(at("11:00"))).await, Some(scheduled));
    // Its time may have come while nobody was there.
    assert_eq!(due(Some(at("09:30"))).await, Some(at("09:30")));
}
