//! What holds back an apply of a stack that needs others.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use jiff::SignedDuration;

use super::*;
use crate::domain::binding::Binding;
use crate::domain::finding::Finding;
use crate::domain::ids::{ChangeDigest, Fingerprint, SourceName};
use crate::domain::order::{Member, Need};
use crate::domain::request::{Asked, Event};
use crate::domain::testing::{check, drift, pending};
use crate::reconcile::facts::waits;
use crate::reconcile::fixture::{paused, tracked};
use crate::reconcile::fresh;
use crate::reconcile::record::first_record;
use crate::store::Conclusion;

const NET: &str = "infra/net";

fn begin() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

/// The order in which `infra/a` comes after `infra/net`.
fn after_net() -> Order {
    let (net, app) = (StackId::new(NET), tracked().id);
    let member = |id, place: &str, needs| Member {
        id,
        place: place.to_owned(),
        source: "infra",
        workspace: "default",
        name: None,
        needs,
    };
    let needs = vec![Need::Directory("net")];
    Order::of(vec![
        member(&net, NET, Vec::new()),
        member(&app, "infra/a", needs),
    ])
}

fn net() -> StackRecord {
    let tracked = Tracked {
        id: StackId::new(NET),
        dir: "net".to_owned(),
        ..tracked()
    };
    first_record(&tracked, begin())
}

/// Asks people about `infra/net`, instead of what they were asked before.
async fn ask(context: &Context, found: Finding, lasts: SignedDuration) {
    let (net, now) = (StackId::new(NET), context.now());
    let before = context.store.last_request(&net).await.unwrap();
    let over = before.map(|request| {
        let event = match now < request.expires_at {
            true => Event::Void(Vec::new()),
            false => Event::Pass,
        };
        request.after(event, now).unwrap()
    });
    let look = check(vec![found]);
    let binding = Binding {
        stack: StackId::new(NET),
        digest: ChangeDigest::new("d"),
        lineage: "l".into(),
        serial: 4,
        commit: None,
        inputs: Fingerprint::new("i"),
    };
    let asked = Asked::new(fresh::run(), binding, Vec::new(), None, &look);
    let request = Request::new(fresh::request(), net, asked, lasts, now);
    let requests: Vec<Request> = over.into_iter().chain([request]).collect();
    let conclusion = Conclusion {
        requests: &requests,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await.unwrap();
}

fn code() -> Finding {
    pending("aws_vpc.main", "tags.Env", "prod")
}

async fn awaited(context: &Context, verdict: Verdict) -> Vec<Awaits> {
    let awaited = unready(context, &tracked(), verdict).await.unwrap();
    awaited.into_iter().map(|awaited| awaited.why).collect()
}

#[tokio::test]
async fn code_waits_for_a_question_about_other_code_as_long_as_people_have_to_answer() {
    let directory = tempfile::tempdir().unwrap();
    let (context, clock) = paused(directory.path(), begin()).await;
    context.orders.set(after_net());
    let record = StackRecord {
        pending_since: Some(begin()),
        ..net()
    };
    context.store.save_stack(&record).await.unwrap();
    assert!(awaited(&context, Verdict::Pending).await.is_empty());
    ask(&context, code(), SignedDuration::from_hours(24)).await;
    let held = awaited(&context, Verdict::Pending).await;
    assert!(
        matches!(held.as_slice(), [Awaits::Asked { .. }]),
        "{held:?}"
    );
    assert!(
        awaited(&context, Verdict::Drifted).await.is_empty(),
        "a repair is no code"
    );
    // Whoever never answers holds others up no longer than that, however often they are asked.
    *clock.lock().unwrap() = begin().checked_add(SignedDuration::from_hours(24)).unwrap();
    ask(&context, code(), SignedDuration::from_hours(24)).await;
    assert!(awaited(&context, Verdict::Pending).await.is_empty());
}

#[tokio::test]
async fn questions_about_drift_and_of_other_sources_hold_nothing_up() {
    let directory = tempfile::tempdir().unwrap();
    let (context, _clock) = paused(directory.path(), begin()).await;
    context.orders.set(after_net());
    context.store.save_stack(&net()).await.unwrap();
    ask(
        &context,
        drift("aws_vpc.main", "tags.Env", "x"),
        SignedDuration::from_hours(1),
    )
    .await;
    assert!(awaited(&context, Verdict::Pending).await.is_empty());
    let elsewhere = StackRecord {
        source: SourceName::new("other"),
        ..net()
    };
    context.store.save_stack(&elsewhere).await.unwrap();
    ask(&context, code(), SignedDuration::from_hours(1)).await;
    assert!(awaited(&context, Verdict::Pending).await.is_empty());
}

#[tokio::test]
async fn what_is_held_holds_up_whoever_needs_it_until_it_is_released() {
    let directory = tempfile::tempdir().unwrap();
    let (context, _clock) = paused(directory.path(), begin()).await;
    context.orders.set(after_net());
    let mut record = StackRecord {
        held: Some("the apply was killed".to_owned()),
        ..net()
    };
    context.store.save_stack(&record).await.unwrap();
    for verdict in [Verdict::Drifted, Verdict::Pending] {
        assert_eq!(awaited(&context, verdict).await, [Awaits::Held]);
    }
    record.release();
    context.store.save_stack(&record).await.unwrap();
    assert!(awaited(&context, Verdict::Drifted).await.is_empty());
    record.held = Some("again".to_owned());
    record.tracked = false;
    context.store.save_stack(&record).await.unwrap();
    assert!(
        awaited(&context, Verdict::Drifted).await.is_empty(),
        "it is gone"
    );
}

#[tokio::test]
async fn what_is_being_applied_keeps_even_what_was_approved_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    let (context, _clock) = paused(directory.path(), begin()).await;
    context.orders.set(after_net());
    let app = tracked();
    let now = || waits(&context, &app);
    let applying = context.orders.apply(&StackId::new(NET));
    assert_eq!(
        now().await.unwrap().as_deref(),
        Some("infra/net, which this stack needs, is being applied")
    );
    drop(applying);
    assert_eq!(now().await.unwrap(), None);
    let woken = context.orders.take_held(&StackId::new(NET));
    assert!(woken.contains(&tracked().id));
}
