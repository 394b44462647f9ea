//! What a driver waits for when it starts.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::super::record::first_record;
use super::follow::Remembered;
use super::*;
use crate::domain::budget::Budget;
use crate::domain::cadence::Cadence;
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::provider::ProviderPattern;
use crate::domain::selection::Selection;
use crate::domain::stack::StackRecord;
use crate::domain::state_watch::{Glance, Mark};
use crate::domain::testing::check;
use crate::notify::settings::NotifySettings;
use crate::reconcile::fixture::{self, paused, tracked};
use crate::reconcile::habits::Habit;
use crate::reconcile::settings::Settings;
use crate::reconcile::state_watch::{Glanced, Seen};
use crate::reconcile::time::Time;

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

/// The state of `infra/a` as somebody wrote it.
fn written(etag: &str) -> Result<(StackId, Glanced), tokio::task::JoinError> {
    let seen = Seen {
        place: "here".to_owned(),
        glance: Glance::There(Mark {
            etag: etag.to_owned(),
            version: None,
            modified_at: None,
        }),
    };
    Ok((tracked().id, Glanced::Seen(seen)))
}

#[tokio::test]
async fn a_stack_whose_state_somebody_wrote_is_looked_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (context, clock) = paused(directory.path(), at("10:00")).await;
    let mut tracked = tracked();
    let mut settings = (*tracked.settings).clone();
    settings.state_watch = Some(Duration::from_mins(1));
    tracked.settings = Arc::new(settings);
    let mut driver = Driver::new(Arc::clone(&context), LeftOver::default());
    let record = StackRecord {
        checked_at: Some(at("09:59")),
        ..first_record(&tracked, at("09:00"))
    };
    let known = Remembered::of(&record);
    driver.take_on(tracked.clone(), &CommitId::new("c"), Some(&known));
    let stack = &tracked.id;
    let first = driver.glances.next().unwrap();
    assert!(at("10:00") <= first && first < at("10:01"));

    driver.glanced(written("a")).await;
    assert!(driver.queue.is_empty(), "what is seen first is remembered");
    assert_eq!(driver.glances.next(), Some(at("10:01")));
    driver.glanced(written("b")).await;
    assert_eq!(driver.queue.of(stack).unwrap().trigger, Trigger::StateMoved);
    let run = driver.queue.remove(stack).unwrap();
    assert_eq!(context.store.run(&run.id).await.unwrap(), Some(run.clone()));
    driver.glanced(written("b")).await;
    assert!(driver.queue.is_empty(), "it has woken the stack already");

    // One under way sees for itself; what is written afterwards is still noticed.
    driver.active.insert(stack.clone());
    driver.glanced(written("c")).await;
    assert!(driver.queue.is_empty());
    driver.active.remove(stack);
    let over = finished_run(run);
    context.store.save_run(&over).await.unwrap();
    let waiting = driver.enqueue(stack, Trigger::Schedule, None).await;
    driver.glanced(written("c")).await;
    let queued = driver.queue.of(stack).unwrap();
    assert_eq!(
        (queued.id, queued.trigger),
        (waiting.unwrap(), Trigger::StateMoved)
    );

    // A second look that is to come after a while is not hastened, and sees it as well.
    driver.queue.remove(stack);
    driver.wait_for(stack, Trigger::Confirmation, Some(at("10:01")));
    driver.glanced(written("d")).await;
    assert!(driver.queue.is_empty());
    assert_eq!(driver.stacks[stack].due, Some(at("10:01")));

    // A stack that is no longer watched is left alone.
    *clock.lock().unwrap() = at("10:05");
    driver.follow_on(fixture::tracked(), &CommitId::new("c"));
    assert_eq!(driver.glances.next(), None);
}

fn finished_run(mut run: Run) -> Run {
    run.step(crate::domain::run::RunState::Finished, at("10:00"))
        .unwrap();
    run
}

#[tokio::test]
async fn a_state_that_cannot_be_watched_says_why_and_is_tried_again_rarely() {
    let directory = tempfile::tempdir().unwrap();
    let (context, _clock) = paused(directory.path(), at("10:00")).await;
    let mut tracked = tracked();
    let mut settings = (*tracked.settings).clone();
    settings.state_watch = Some(Duration::from_mins(1));
    tracked.settings = Arc::new(settings);
    let mut driver = Driver::new(Arc::clone(&context), LeftOver::default());
    driver.take_on(tracked.clone(), &CommitId::new("c"), None);
    driver.queue.remove(&tracked.id);
    let why = || context.store.state_watch(&tracked.id);
    let refused = Glanced::Refused("denied".to_owned());
    driver.glanced(Ok((tracked.id.clone(), refused))).await;
    assert_eq!(driver.glances.next(), Some(at("11:00")));
    let watch = why().await.unwrap().unwrap();
    assert_eq!(watch.unwatched.as_deref(), Some("denied"));
    driver.glanced(written("a")).await;
    assert_eq!(driver.glances.next(), Some(at("10:01")));
    assert_eq!(why().await.unwrap().unwrap().unwatched, None);
    let early = Glanced::TooEarly;
    driver.glanced(Ok((tracked.id.clone(), early))).await;
    let known = why().await.unwrap().unwrap();
    assert!(known.read.is_some(), "what is known stays");
}

#[tokio::test]
async fn a_stack_counts_to_the_budget_of_a_provider_until_it_is_known_to_have_another() {
    let directory = tempfile::tempdir().unwrap();
    let budget = Budget {
        name: "aws".to_owned(),
        which: Selection::default(),
        providers: vec![ProviderPattern::parse("hashicorp/aws").unwrap()],
        runs: Some(1),
        starts: None,
    };
    let settings = Settings {
        budgets: vec![budget],
        ..fixture::settings(directory.path(), NotifySettings::default())
    };
    let context = fixture::daemon(settings, Time::default()).await;
    let mut driver = Driver::new(Arc::clone(&context), LeftOver::default());
    let tracked = tracked();
    driver.take_on(tracked.clone(), &CommitId::new("c"), None);
    let shared = |driver: &Driver| driver.stacks.get(&tracked.id).unwrap().budgets.clone();
    assert_eq!(shared(&driver), [0], "nothing is known of it");
    let providers = |kind: &str| {
        let address = format!("registry.terraform.io/hashicorp/{kind}");
        StackRecord {
            providers: Some(BTreeSet::from([address])),
            checked_at: Some(at("09:59")),
            ..first_record(&tracked, at("09:00"))
        }
    };
    context
        .habits
        .know(&tracked.id, Habit::of(&providers("null")));
    driver.take_in_habit(&tracked.id);
    assert_eq!(shared(&driver), Vec::<usize>::new());
    // Read again from its source, and after a restart.
    driver.follow_on(tracked.clone(), &CommitId::new("d"));
    assert_eq!(shared(&driver), Vec::<usize>::new());
    for (kind, expected) in [("null", vec![]), ("aws", vec![0])] {
        let mut driver = Driver::new(Arc::clone(&context), LeftOver::default());
        let known = Remembered::of(&providers(kind));
        driver.take_on(tracked.clone(), &CommitId::new("c"), Some(&known));
        assert_eq!(shared(&driver), expected, "{kind}");
    }
}

#[tokio::test]
async fn a_quiet_stack_is_looked_at_less_often_until_something_happens() {
    let directory = tempfile::tempdir().unwrap();
    let (context, clock) = paused(directory.path(), at("10:00")).await;
    let mut tracked = tracked();
    let mut settings = (*tracked.settings).clone();
    settings.adaptive = Some(Cadence {
        max_interval: SignedDuration::from_hours(4),
    });
    tracked.settings = Arc::new(settings);
    let quiet = |since: Option<Timestamp>| StackRecord {
        quiet_since: since,
        checked_at: Some(at("10:00")),
        ..first_record(&tracked, at("09:00"))
    };
    let long_ago = at("10:00") - SignedDuration::from_hours(24);
    let mut driver = Driver::new(Arc::clone(&context), LeftOver::default());
    let known = Remembered::of(&quiet(Some(long_ago)));
    driver.take_on(tracked.clone(), &CommitId::new("c"), Some(&known));
    let id = &tracked.id;
    assert_eq!(driver.next_look(id), Some(at("12:00")));
    *clock.lock().unwrap() = at("12:00");
    driver.enqueue_due().await;
    assert_eq!(driver.next_look(id), None, "a run waits");
    driver.queue.remove(id);
    assert_eq!(driver.next_look(id), Some(at("14:00")));
    // The look found drift: back to the schedule at once.
    context.habits.know(id, Habit::of(&quiet(None)));
    driver.take_in_habit(id);
    assert_eq!(driver.next_look(id), Some(at("12:30")));
    // A push that comes while it rests is not put off by the end of a look.
    driver.wait_for(id, Trigger::Git, Some(at("12:01")));
    driver.take_in_habit(id);
    assert_eq!(driver.next_look(id), Some(at("12:01")));
}
