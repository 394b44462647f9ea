//! Requests by revision, and what is asked of stacks, alerts and applies by time.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use jiff::SignedDuration;
use uuid::Uuid;

use super::samples::*;
use super::tests::{finished, fresh};
use super::*;
use crate::domain::alert::{Alert, AlertKind, Resolution};
use crate::domain::ids::RequestId;
use crate::domain::request::{Asked, Event, Request, Vote};
use crate::domain::requirement::{Requirement, Voter};

fn request(n: u128, stack: &str, seconds: i64) -> Request {
    let anybody = Requirement {
        count: 1,
        groups: [].into(),
        not_author: false,
    };
    let binding = intent(run_id(1)).binding;
    let asked = Asked::new(run_id(1), binding, vec![anybody], None, &check(stack));
    let hour = SignedDuration::from_hours(1);
    let id = RequestId::from_uuid(Uuid::from_u128(n));
    Request::new(id, stack_id(stack), asked, hour, at(seconds))
}

async fn put(store: &Store, requests: &[Request]) -> Result<(), StoreError> {
    let conclusion = Conclusion {
        requests,
        ..Conclusion::default()
    };
    store.conclude(&conclusion).await
}

#[tokio::test]
async fn a_request_changes_only_from_the_revision_that_was_read() {
    let (_place, store) = fresh().await;
    let (first, other) = (request(1, "a", 1), request(2, "b", 2));
    put(&store, &[first.clone(), other.clone()]).await.unwrap();
    put(&store, &[request(3, "a", 3)]).await.unwrap_err();
    let void = first.after(Event::Void(vec!["moved".into()]), at(5));
    let void = void.unwrap();
    put(&store, std::slice::from_ref(&void)).await.unwrap();
    let late = put(&store, std::slice::from_ref(&void)).await.unwrap_err();
    assert!(matches!(late, StoreError::Moved(id) if id == first.id));
    assert_eq!(store.request(&first.id).await.unwrap(), Some(void.clone()));
    let last = store.last_request(&first.stack).await.unwrap();
    assert_eq!(last, Some(void.clone()));
    let live = store.live_requests().await.unwrap();
    assert_eq!(live, std::slice::from_ref(&other));
    let of_a = store.requests(Some(&first.stack), 9).await.unwrap();
    assert_eq!(of_a, std::slice::from_ref(&void));
    let all = store.requests(None, 9).await.unwrap();
    assert_eq!(all, [other.clone(), void]);
    assert_eq!(store.due_requests(at(10)).await.unwrap(), []);
    assert_eq!(store.due_requests(at(9_999)).await.unwrap(), [other]);
}

#[tokio::test]
async fn a_request_that_is_not_over_is_found_whatever_the_clocks_say() {
    let (_place, store) = fresh().await;
    let asked = request(1, "a", 9);
    put(&store, std::slice::from_ref(&asked)).await.unwrap();
    let over = asked.after(Event::Void(vec!["moved".into()]), at(9));
    let live = request(2, "a", 1);
    put(&store, &[over.unwrap(), live.clone()]).await.unwrap();
    let last = store.last_request(&live.stack).await.unwrap();
    assert_eq!(last, Some(live));
}

#[tokio::test]
async fn the_last_request_is_the_one_stored_last_whatever_the_clocks_say() {
    let (_place, store) = fresh().await;
    let ahead = request(2, "a", 40);
    put(&store, std::slice::from_ref(&ahead)).await.unwrap();
    let void = ahead.after(Event::Void(vec!["moved".into()]), at(40));
    let behind = request(1, "a", 20);
    put(&store, &[void.unwrap(), behind.clone()]).await.unwrap();
    let vote = Vote {
        voter: Voter {
            name: "ann".to_owned(),
            proven: false,
            groups: [].into(),
            emails: [].into(),
        },
        at: at(30),
        reason: None,
        proof: None,
    };
    let rejected = behind.after(Event::Reject(vote), at(30)).unwrap();
    put(&store, std::slice::from_ref(&rejected)).await.unwrap();
    let last = store.last_request(&behind.stack).await.unwrap();
    assert_eq!(last, Some(rejected));
}

#[tokio::test]
async fn alerts_are_found_by_when_time_moves_them_and_when_they_ended() {
    let (_place, store) = fresh().await;
    let open = alert(1, "a", AlertKind::Drift);
    let ended = Alert {
        resolved: Some((at(20), Resolution::PutBack)),
        ..alert(2, "a", AlertKind::Failed)
    };
    assert_eq!(store.next_alert_at().await.unwrap(), None);
    let due = AlertEntry {
        due: Some(at(50)),
        ..AlertEntry::from(open.clone())
    };
    let conclusion = Conclusion {
        alerts: &[due, ended.clone().into()],
        ..Conclusion::default()
    };
    store.conclude(&conclusion).await.unwrap();
    assert_eq!(store.next_alert_at().await.unwrap(), Some(at(50)));
    assert_eq!(store.due_alerts(at(49)).await.unwrap(), []);
    let told = [(open.clone(), None)];
    assert_eq!(store.due_alerts(at(50)).await.unwrap(), told);
    assert_eq!(store.open_alerts_as_told().await.unwrap(), told);
    let stack = stack_id("a");
    let since = store.alerts_since(&stack, at(20)).await.unwrap();
    assert_eq!(since, [open.clone(), ended]);
    let since = store.alerts_since(&stack, at(21)).await.unwrap();
    assert_eq!(since, [open]);
}

#[tokio::test]
async fn applies_are_found_by_time_and_stack() {
    let (_place, store) = fresh().await;
    for (n, stack) in [(1, "a"), (2, "b")] {
        let run = run(n, stack, 0);
        let meant = intent(run.id);
        store.intend(&run, &meant, None).await.unwrap();
        store.save_run(&finished(run, 20)).await.unwrap();
    }
    let of_a = stack_id("a");
    let one = store.applies(Some(&of_a), at(8), 9).await.unwrap();
    assert_eq!(one, [at(9)]);
    assert_eq!(store.applies(None, at(8), 9).await.unwrap().len(), 2);
    assert_eq!(store.applies(None, at(9), 9).await.unwrap(), []);
    let runs = store.applied_runs().await.unwrap();
    assert_eq!(runs, [run_id(1), run_id(2)].into());
}

/// Upper case comes before lower case, and a path before what only begins like it, on every engine.
#[tokio::test]
async fn stacks_are_gone_over_in_the_order_of_their_bytes() {
    let (_place, store) = fresh().await;
    let names: Vec<String> = ["B", "Z/a", "a", "a b", "a-b", "a/b", "ab", "ö"]
        .map(str::to_owned)
        .into_iter()
        .chain((100..300).map(|n| format!("n{n}")))
        .collect();
    let records: Vec<_> = names.iter().rev().map(|name| stack(name)).collect();
    store.add_stacks(&records).await.unwrap();
    store.add_stacks(&records).await.unwrap();
    let seen = store.each_stack(|record| Some(record.id)).await.unwrap();
    let mut sorted: Vec<_> = names.iter().map(|name| stack_id(name)).collect();
    sorted.sort();
    assert_eq!(seen, sorted);
}
