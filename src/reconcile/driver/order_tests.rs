//! Runs that wait for those of what their stacks need.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Mutex;

use super::super::super::fixture::{self, Clock, stack_settings};
use super::super::super::orders::applied_before;
use super::super::super::record::first_record;
use super::super::super::step::Next;
use super::super::follow::Remembered;
use super::super::{Driver, LeftOver};
use super::*;
use crate::domain::ids::{CommitId, RunId};
use crate::domain::order::{Awaited, Awaits, PATIENCE};
use crate::domain::pattern::StackPattern;
use crate::domain::policy::{Policy, PolicyMode};
use crate::notify::settings::NotifySettings;
use crate::reconcile::settings::{PolicySettings, StackSettings};
use crate::reconcile::time::Time;

struct World {
    driver: Driver,
    clock: Clock,
    _directory: tempfile::TempDir,
}

/// The stack `infra/NAME`, in a mode, after others.
fn stack(name: &str, mode: PolicyMode, after: &[&str]) -> Tracked {
    let settings = StackSettings {
        after: after
            .iter()
            .map(|text| StackPattern::parse(text).unwrap())
            .collect(),
        policy: PolicySettings {
            policy: Policy {
                mode,
                ..Policy::default()
            },
            ..PolicySettings::default()
        },
        ..stack_settings()
    };
    Tracked {
        id: StackId::new(format!("infra/{name}")),
        dir: name.to_owned(),
        settings: settings.into(),
        ..fixture::tracked()
    }
}

impl World {
    /// A driver of these stacks, none of which has anything to do yet.
    async fn of(stacks: Vec<Tracked>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock: Clock = Clock::new(Mutex::new("2026-11-23T10:00:00Z".parse().unwrap()));
        let mut settings = fixture::settings(directory.path(), NotifySettings::default());
        settings.jobs = 16;
        let context = fixture::daemon(settings, Time::Paused(clock.clone())).await;
        context.heads.set(&stacks[0].source, CommitId::new("c"));
        let mut driver = Driver::new(context.clone(), LeftOver::default());
        for tracked in stacks {
            let mut record = first_record(&tracked, context.now());
            record.checked_at = Some(context.now());
            driver.take_on(tracked, &CommitId::new("c"), Some(&Remembered::of(&record)));
        }
        driver.put_in_order();
        Self {
            driver,
            clock,
            _directory: directory,
        }
    }

    async fn wants(&mut self, name: &str, trigger: Trigger) -> RunId {
        let stack = StackId::new(format!("infra/{name}"));
        self.driver.enqueue(&stack, trigger, None).await.unwrap()
    }

    /// Starts what may start; says what waits still.
    async fn waiting(&mut self) -> Vec<String> {
        self.driver.start_runs().await;
        self.driver
            .queue
            .stacks()
            .map(ToString::to_string)
            .collect()
    }

    async fn ends(&mut self, run: RunId, next: Next) {
        let run = self.driver.context.store.run(&run).await.unwrap().unwrap();
        self.driver.ended(Ok((run, Ok(next)))).await;
    }

    fn pass(&self, time: jiff::SignedDuration) {
        let mut now = self.clock.lock().unwrap();
        *now = now.checked_add(time).unwrap();
    }
}

#[tokio::test]
async fn a_pushed_stack_waits_until_what_it_needs_has_been_looked_at_twice() {
    let sync = PolicyMode::Sync;
    let (net, app) = (stack("net", sync, &[]), stack("app", sync, &["infra/net"]));
    let mut world = World::of(vec![app, net]).await;
    world.wants("app", Trigger::Git).await;
    let first = world.wants("net", Trigger::Git).await;
    assert_eq!(world.waiting().await, ["infra/app"]);
    let (app, now) = (StackId::new("infra/app"), world.driver.context.now());
    let awaited = world.driver.context.orders.awaited(&app, now);
    assert_eq!(awaited, Some(StackId::new("infra/net")));
    // The first look has seen something: it is the second that applies.
    world.ends(first, Next::LookAgain).await;
    assert_eq!(world.waiting().await, ["infra/app"]);
    let second = world.wants("net", Trigger::Confirmation).await;
    assert_eq!(world.waiting().await, ["infra/app"]);
    world.ends(second, Next::Rest).await;
    assert!(world.waiting().await.is_empty());
}

#[tokio::test]
async fn a_run_waits_for_no_sweep_no_observer_and_not_for_ever() {
    let stacks = || {
        let app = stack("app", PolicyMode::Observe, &["infra/{net,eye}"]);
        let net = stack("net", PolicyMode::Heal, &[]);
        vec![app, net, stack("eye", PolicyMode::Observe, &[])]
    };
    let mut world = World::of(stacks()).await;
    world.wants("eye", Trigger::Git).await;
    world.wants("net", Trigger::Schedule).await;
    world.wants("app", Trigger::Git).await;
    assert!(world.waiting().await.is_empty());

    let mut world = World::of(stacks()).await;
    world.wants("net", Trigger::Person).await;
    world.wants("app", Trigger::Schedule).await;
    assert!(world.waiting().await.is_empty(), "a sweep waits for nobody");

    let mut world = World::of(stacks()).await;
    world.wants("net", Trigger::Approval).await;
    world.wants("app", Trigger::Git).await;
    assert_eq!(world.waiting().await, ["infra/app"]);
    world.pass(PATIENCE);
    assert!(world.waiting().await.is_empty());
}

#[tokio::test]
async fn stacks_that_need_each_other_all_start() {
    let sync = PolicyMode::Sync;
    let (a, b) = (
        stack("a", sync, &["infra/b"]),
        stack("b", sync, &["infra/a"]),
    );
    let mut world = World::of(vec![a, b]).await;
    world.wants("a", Trigger::Git).await;
    world.wants("b", Trigger::Git).await;
    assert!(world.waiting().await.is_empty());
    assert_eq!(world.driver.context.orders.order().circles().len(), 1);
}

#[tokio::test]
async fn an_apply_that_waited_is_looked_at_when_the_other_is_done() {
    let sync = PolicyMode::Sync;
    let (net, app) = (stack("net", sync, &[]), stack("app", sync, &["infra/net"]));
    let mut world = World::of(vec![app, net]).await;
    let (net, app) = (StackId::new("infra/net"), StackId::new("infra/app"));
    let run = world.wants("net", Trigger::Approval).await;
    world.waiting().await;
    let context = world.driver.context.clone();
    let orders = context.orders.clone();
    let applying = orders.apply(&net);
    let before = applied_before(&context, &app).await.unwrap();
    let expected = Awaited {
        stack: net.clone(),
        why: Awaits::Applying,
        until: None,
    };
    assert_eq!(before, [expected]);
    assert!(applied_before(&context, &net).await.unwrap().is_empty());
    drop(applying);
    assert!(applied_before(&context, &app).await.unwrap().is_empty());
    world.ends(run, Next::Rest).await;
    let now = world.driver.context.now();
    assert_eq!(world.driver.stacks[&app].due, Some(now));
    assert!(orders.take_held(&net).is_empty(), "once is enough");
}

#[tokio::test]
async fn an_apply_that_waited_for_that_of_a_sweep_is_looked_at_when_it_is_done() {
    let heal = PolicyMode::Heal;
    let (net, app) = (stack("net", heal, &[]), stack("app", heal, &["infra/net"]));
    let mut world = World::of(vec![app, net]).await;
    let (net, app) = (StackId::new("infra/net"), StackId::new("infra/app"));
    let context = world.driver.context.clone();
    let orders = context.orders.clone();
    let now = world.driver.context.now();
    orders.hold(
        &app,
        &[Awaited {
            stack: net.clone(),
            why: Awaits::Held,
            until: None,
        }],
    );
    let idle = world.wants("net", Trigger::Schedule).await;
    world.waiting().await;
    world.ends(idle, Next::Rest).await;
    assert_ne!(world.driver.stacks[&app].due, Some(now), "nothing was done");
    let run = world.wants("net", Trigger::Schedule).await;
    world.waiting().await;
    let applying = orders.apply(&net);
    assert_eq!(applied_before(&context, &app).await.unwrap().len(), 1);
    drop(applying);
    world.ends(run, Next::Rest).await;
    assert_eq!(world.driver.stacks[&app].due, Some(now));
}

#[tokio::test]
async fn a_stack_that_leaves_takes_its_order_with_it() {
    let sync = PolicyMode::Sync;
    let (net, app) = (stack("net", sync, &[]), stack("app", sync, &["infra/net"]));
    let mut world = World::of(vec![app, net]).await;
    world.wants("net", Trigger::Git).await;
    world.wants("app", Trigger::Git).await;
    assert_eq!(world.waiting().await, ["infra/app"]);
    world
        .driver
        .follow_on(stack("app", sync, &[]), &CommitId::new("d"));
    world.driver.put_in_order();
    assert!(world.waiting().await.is_empty());
}
