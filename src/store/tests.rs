#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::place::Place;
use super::samples::{
    alert, at, failure, intent, ledger_entry, message, news, notices, operator, run, run_id, stack,
    stack_id,
};
use super::*;
use crate::domain::alert::{AlertKind, Resolution};
use crate::domain::channel::Channel;
use crate::domain::compose::Desk;
use crate::domain::finding::Verdict;
use crate::domain::ids::{CommitId, SourceName};
use crate::domain::lease::Lease;
use crate::domain::message::MessageState;
use crate::domain::run::{Outcome, Run, RunState, Trigger};
use crate::domain::source::SourceRecord;
use crate::domain::state_watch::StateMove;

pub(super) async fn fresh() -> (Place, Store) {
    let place = Place::fresh().await;
    let store = place.open().await;
    (place, store)
}

pub(super) async fn number(store: &Store, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement)
        .fetch_one(&mut *store.begin().await.unwrap())
        .await
        .unwrap()
}

pub(super) fn finished(mut run: Run, seconds: i64) -> Run {
    let outcome = Outcome::Checked {
        verdict: Verdict::Drifted,
    };
    run.finish(outcome, at(seconds)).unwrap();
    run
}

#[tokio::test]
async fn sources_and_stacks_come_back_as_they_were_after_reopening() {
    let (place, store) = fresh().await;
    let plain = SourceRecord::new(SourceName::new("a"));
    let full = SourceRecord {
        commit: Some(CommitId::new("abc")),
        checked_at: Some(at(1)),
        failures: u32::MAX,
        failure: Some(failure()),
        ..SourceRecord::new(SourceName::new("b"))
    };
    store.save_source(&full).await.unwrap();
    store.save_source(&plain).await.unwrap();
    store
        .save_source(&SourceRecord::new(full.name.clone()))
        .await
        .unwrap();
    store.save_source(&full).await.unwrap();
    let bare = crate::domain::stack::StackRecord::new(
        stack_id("bare"),
        SourceName::new("a"),
        "bare".into(),
        "default".into(),
        Default::default(),
        at(0),
    );
    store.save_stack(&bare).await.unwrap();
    store.save_stack(&stack("full")).await.unwrap();
    store.close().await;

    let store = place.open().await;
    assert_eq!(store.sources().await.unwrap(), [plain, full]);
    assert_eq!(store.stacks().await.unwrap(), [bare.clone(), stack("full")]);
    assert_eq!(store.stack(&bare.id).await.unwrap(), Some(bare));
    assert_eq!(store.stack(&stack_id("none")).await.unwrap(), None);
}

#[tokio::test]
async fn a_stack_has_one_queued_run_even_while_another_is_under_way() {
    let (_directory, store) = fresh().await;
    let mut first = run(1, "a", 0);
    assert!(store.enqueue(&first, None).await.unwrap());
    assert!(!store.enqueue(&run(2, "a", 1), None).await.unwrap());
    assert_eq!(store.run(&run_id(2)).await.unwrap(), None);
    assert!(store.enqueue(&run(3, "b", 2), None).await.unwrap());
    first.step(RunState::Syncing, at(3)).unwrap();
    store.save_run(&first).await.unwrap();
    assert!(store.enqueue(&run(4, "a", 4), None).await.unwrap());
    assert!(!store.enqueue(&run(5, "a", 5), None).await.unwrap());
    let waiting: Vec<_> = store.unfinished_runs().await.unwrap();
    assert_eq!(waiting, [first, run(3, "b", 2), run(4, "a", 4)]);
}

#[tokio::test]
async fn the_same_run_is_not_enqueued_twice() {
    let (_directory, store) = fresh().await;
    let mut first = run(1, "a", 0);
    assert!(store.enqueue(&first, None).await.unwrap());
    assert!(!store.enqueue(&first, None).await.unwrap());
    first.step(RunState::Syncing, at(3)).unwrap();
    store.save_run(&first).await.unwrap();
    assert!(store.enqueue(&run(1, "a", 0), None).await.is_err());
    assert_eq!(store.run(&first.id).await.unwrap(), Some(first));
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_the_finished_ones_are_over() {
    let (_directory, store) = fresh().await;
    for n in 0..6_u32 {
        let name = if n % 2 == 0 { "a" } else { "b" };
        let run = run(u128::from(n), name, i64::from(n));
        store.save_run(&finished(run, 100)).await.unwrap();
    }
    let mut cut = run(9, "a", 9);
    for next in [
        RunState::Syncing,
        RunState::Planning,
        RunState::Deciding,
        RunState::Applying,
        RunState::Interrupted,
    ] {
        cut.step(next, at(10)).unwrap();
    }
    store.save_run(&cut).await.unwrap();
    let ids = |runs: Vec<Run>| runs.into_iter().map(|run| run.id).collect::<Vec<_>>();
    let newest = store.runs(None, 3).await.unwrap();
    assert_eq!(ids(newest), [run_id(9), run_id(5), run_id(4)]);
    let of_b = store.runs(Some(&stack_id("b")), 10).await.unwrap();
    assert_eq!(ids(of_b), [run_id(5), run_id(3), run_id(1)]);
    assert_eq!(store.unfinished_runs().await.unwrap(), []);
}

#[tokio::test]
async fn many_runs_are_queued_at_once_and_none_twice() {
    let (_directory, store) = fresh().await;
    let waiting = run(1, "a", 0);
    assert!(store.enqueue(&waiting, None).await.unwrap());
    let new = [run(2, "a", 1), run(3, "b", 1)];
    let hastened = Run {
        trigger: Trigger::Git,
        ..waiting.clone()
    };
    let stored = store
        .enqueue_all(&new, std::slice::from_ref(&hastened))
        .await
        .unwrap();
    assert_eq!(stored, BTreeSet::from([run_id(3)]));
    assert_eq!(store.run(&run_id(1)).await.unwrap(), Some(hastened));
    assert_eq!(store.run(&run_id(2)).await.unwrap(), None);
    assert_eq!(store.unfinished_runs().await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_intent_is_stored_with_its_run_once() {
    let (_directory, store) = fresh().await;
    let mut run = run(1, "a", 0);
    for next in [
        RunState::Syncing,
        RunState::Planning,
        RunState::Deciding,
        RunState::Applying,
    ] {
        run.step(next, at(1)).unwrap();
    }
    assert_eq!(store.intent(&run.id).await.unwrap(), None);
    store.intend(&run, &intent(run.id), None).await.unwrap();
    assert_eq!(store.intent(&run.id).await.unwrap(), Some(intent(run.id)));
    assert_eq!(store.run(&run.id).await.unwrap(), Some(run.clone()));

    assert!(store.intend(&run, &intent(run.id), None).await.is_err());
    let other = samples::run(2, "b", 0);
    assert!(
        store
            .intend(&other, &intent(run_id(3)), None)
            .await
            .is_err()
    );
    assert_eq!(store.run(&other.id).await.unwrap(), None, "all or nothing");
}

#[tokio::test]
async fn every_number_of_a_report_comes_back() {
    let (_directory, store) = fresh().await;
    let told = [news(1, samples::report(), 1)];
    let conclusion = Conclusion {
        news: &told,
        ..Conclusion::default()
    };
    store.conclude(&conclusion).await.unwrap();
    let (waiting, desk) = store.waiting_news("team").await.unwrap();
    assert_eq!(waiting, told.map(|news| news.envelope));
    let message = message(1, samples::report(), 2);
    let messages = std::slice::from_ref(&message);
    store.post("team", messages, &[], &desk).await.unwrap();
    let all = MessageFilter::default();
    assert_eq!(store.messages(&all, 9).await.unwrap(), messages);
}

#[tokio::test]
async fn a_look_is_concluded_as_a_whole() {
    let (_directory, store) = fresh().await;
    let run = finished(run(1, "a", 0), 5);
    let [one, two, three] = notices();
    let told = [news(1, one, 1), news(2, two, 2), news(3, three, 3)];
    let alerts = [
        alert(1, "a", AlertKind::Drift),
        alert(2, "a", AlertKind::Failed),
    ];
    let ledger = [ledger_entry("x"), ledger_entry("a"), ledger_entry("m")];
    let record = stack("a");
    let conclusion = Conclusion {
        run: Some(&run),
        stack: Some(&record),
        ledger: Some((&record.id, &ledger)),
        alerts: &alerts.clone().map(AlertEntry::from),
        news: &told,
        requests: &[],
        memory: None,
        audit: &[],
    };
    store.conclude(&conclusion).await.unwrap();
    assert_eq!(store.run(&run.id).await.unwrap(), Some(run.clone()));
    assert_eq!(store.stack(&record.id).await.unwrap(), Some(record.clone()));
    assert_eq!(store.ledger(&record.id).await.unwrap(), ledger);
    assert_eq!(store.open_alerts(None).await.unwrap(), alerts);
    let (waiting, desk) = store.waiting_news("team").await.unwrap();
    assert_eq!(waiting, told.map(|news| news.envelope));
    assert_eq!(desk, Desk::default());

    let later = finished(samples::run(2, "a", 6), 7);
    let mut resolved = alerts[0].clone();
    resolved.resolved = Some((at(7), Resolution::Repaired));
    let reopened = alert(3, "a", AlertKind::Drift);
    store
        .conclude(&Conclusion {
            run: Some(&later),
            stack: None,
            ledger: None,
            alerts: &[reopened.clone().into(), resolved.into()],
            news: &[],
            requests: &[],
            memory: None,
            audit: &[],
        })
        .await
        .unwrap();
    assert_eq!(store.ledger(&record.id).await.unwrap(), ledger);
    assert_eq!(
        store.open_alerts(Some(&record.id)).await.unwrap(),
        [alerts[1].clone(), reopened]
    );
    assert_eq!(store.open_alerts(Some(&stack_id("b"))).await.unwrap(), []);
    store
        .conclude(&Conclusion {
            run: Some(&later),
            stack: None,
            ledger: Some((&record.id, &[])),
            alerts: &[],
            news: &[],
            requests: &[],
            memory: None,
            audit: &[],
        })
        .await
        .unwrap();
    assert_eq!(store.ledger(&record.id).await.unwrap(), []);
}

#[tokio::test]
async fn a_look_whose_last_part_fails_leaves_no_trace() {
    let (_directory, store) = fresh().await;
    let run = finished(run(1, "a", 0), 5);
    let [one, two, _] = notices();
    let before = stack("a");
    store.save_stack(&before).await.unwrap();
    let mut after = before.clone();
    after.held = None;
    let conclusion = Conclusion {
        run: Some(&run),
        stack: Some(&after),
        ledger: Some((&run.stack, &[ledger_entry("x")])),
        alerts: &[alert(1, "a", AlertKind::Drift).into()],
        news: &[news(1, one, 1), news(1, two, 2)],
        requests: &[],
        memory: None,
        audit: &[],
    };
    assert!(store.conclude(&conclusion).await.is_err());
    assert_eq!(store.run(&run.id).await.unwrap(), None);
    assert_eq!(store.stack(&before.id).await.unwrap(), Some(before.clone()));
    assert_eq!(store.ledger(&before.id).await.unwrap(), []);
    assert_eq!(store.open_alerts(None).await.unwrap(), []);
    assert_eq!(store.waiting_news("team").await.unwrap().0, []);
    store.save_stack(&after).await.unwrap();
}

#[tokio::test]
async fn a_stack_never_has_two_open_alerts_of_a_kind() {
    let (_directory, store) = fresh().await;
    let run = finished(run(1, "a", 0), 5);
    let twice = [
        alert(1, "a", AlertKind::Drift),
        alert(2, "a", AlertKind::Drift),
    ];
    let conclusion = Conclusion {
        run: Some(&run),
        stack: None,
        ledger: None,
        alerts: &twice.map(AlertEntry::from),
        news: &[],
        requests: &[],
        memory: None,
        audit: &[],
    };
    assert!(store.conclude(&conclusion).await.is_err());
    assert_eq!(store.open_alerts(None).await.unwrap(), []);
}

#[tokio::test]
async fn the_outbox_gives_what_is_due_and_says_when_the_next_is() {
    let (_directory, store) = fresh().await;
    assert_eq!(store.next_message_at("team").await.unwrap(), None);
    let [one, two, three] = notices();
    let (one, two, three) = (message(1, one, 5), message(2, two, 6), message(3, three, 7));
    for message in [&three, &one, &two] {
        store.save_message(message).await.unwrap();
    }
    assert_eq!(store.due_messages("team", at(4), 10).await.unwrap(), []);
    assert_eq!(store.next_message_at("team").await.unwrap(), Some(at(5)));
    assert_eq!(
        store.due_messages("team", at(6), 10).await.unwrap(),
        [one.clone(), two.clone()]
    );
    assert_eq!(
        store.due_messages("team", at(6), 1).await.unwrap(),
        std::slice::from_ref(&one)
    );

    let one = one.after_failure(
        "connection refused",
        Some(SignedDuration::from_secs(30)),
        at(6),
    );
    let two = two.delivered(at(6));
    let three = three.rejected("no such channel");
    for message in [&one, &two, &three] {
        store.save_message(message).await.unwrap();
    }
    let next = store.next_message_at("team").await.unwrap().unwrap();
    assert_eq!(next, at(36));
    let due = store.due_messages("team", next, 10).await.unwrap();
    assert_eq!(due, std::slice::from_ref(&one));
    assert_eq!(
        store.messages(&MessageFilter::default(), 10).await.unwrap(),
        [three, two, one]
    );
}

#[tokio::test]
async fn a_message_waits_for_the_older_ones_of_its_conversation() {
    let (_directory, store) = fresh().await;
    let [alert, _, other] = notices();
    let opened = message(1, alert.clone(), 0).after_failure(
        "down",
        Some(SignedDuration::from_secs(20)),
        at(0),
    );
    let resolved = message(3, alert.clone(), 5);
    let elsewhere = message(4, alert, 5);
    let unrelated = message(5, other, 6);
    for message in [&resolved, &unrelated, &elsewhere, &opened] {
        store.save_message(message).await.unwrap();
    }
    let due = |seconds| {
        let store = store.clone();
        async move { store.due_messages("team", at(seconds), 10).await.unwrap() }
    };
    assert_eq!(due(10).await, [elsewhere.clone(), unrelated.clone()]);
    for message in [elsewhere, unrelated] {
        store
            .save_message(&message.delivered(at(10)))
            .await
            .unwrap();
    }
    assert_eq!(store.next_message_at("team").await.unwrap(), Some(at(20)));
    assert_eq!(due(20).await, std::slice::from_ref(&opened));
    store
        .save_message(&opened.clone().delivered(at(20)))
        .await
        .unwrap();
    assert_eq!(due(20).await, std::slice::from_ref(&resolved));
    store
        .save_message(&opened.rejected("no such user"))
        .await
        .unwrap();
    assert_eq!(due(20).await, [resolved]);
}

#[tokio::test]
async fn what_was_given_up_is_found_and_sent_again() {
    let (_directory, store) = fresh().await;
    let [one, two, three] = notices();
    let (one, two, three) = (message(1, one, 5), message(2, two, 6), message(3, three, 7));
    for message in [&one, &two, &three] {
        store.save_message(message).await.unwrap();
    }
    assert_eq!(store.addressed_notifiers().await.unwrap(), ["team"]);
    let lost = store.give_up("team", at(6), "down").await.unwrap();
    let given_up = [one.given_up("down"), two.given_up("down")];
    assert_eq!(lost, given_up);
    assert_eq!(store.give_up("other", at(9), "down").await.unwrap(), []);
    let filter = MessageFilter {
        state: Some(MessageState::GivenUp),
        notifier: None,
    };
    let [one, two] = given_up;
    let found = store.messages(&filter, 9).await.unwrap();
    assert_eq!(found, [two.clone(), one.clone()]);
    let other = MessageFilter {
        state: None,
        notifier: Some("other".to_owned()),
    };
    assert_eq!(store.messages(&other, 9).await.unwrap(), []);
    let counts = store.undelivered().await.unwrap();
    let undelivered = Undelivered {
        waiting: 1,
        given_up: 2,
    };
    assert_eq!(
        counts.into_iter().collect::<Vec<_>>(),
        [("team".into(), undelivered)]
    );

    assert!(
        !store
            .retry_message(&three.id, &operator(), at(50))
            .await
            .unwrap()
    );
    assert!(
        store
            .retry_message(&one.id, &operator(), at(50))
            .await
            .unwrap()
    );
    assert!(
        !store
            .retry_message(&one.id, &operator(), at(50))
            .await
            .unwrap()
    );
    assert_eq!(
        store
            .retry_messages("other", &operator(), at(60))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        store
            .retry_messages("team", &operator(), at(60))
            .await
            .unwrap(),
        1
    );
    assert_eq!(store.message(&one.id).await.unwrap(), one.again(at(50)));
    assert_eq!(store.message(&two.id).await.unwrap(), two.again(at(60)));
}

#[tokio::test]
async fn an_attempt_is_stored_whole() {
    let (_directory, store) = fresh().await;
    let [notice, ..] = notices();
    let message = message(1, notice, 5);
    store.save_message(&message).await.unwrap();
    assert_eq!(store.channel("team").await.unwrap(), None);
    let channel = Channel::new("team", at(5)).failed("down", None, 0, at(6));
    let attempt = Attempt {
        message: message.after_failure("down", Some(SignedDuration::from_secs(30)), at(6)),
        thread: Some(Thread {
            notifier: "team".into(),
            thread: "t".into(),
            handle: "h".into(),
        }),
        channel: channel.failed("down", Some(SignedDuration::from_secs(9)), 0, at(6)),
    };
    store.save_attempt(&attempt).await.unwrap();
    let id = attempt.message.id;
    assert_eq!(store.message(&id).await.unwrap(), Some(attempt.message));
    assert_eq!(store.channel("team").await.unwrap(), Some(attempt.channel));
    let handle = store.thread_handle("team", "t").await.unwrap();
    assert_eq!(handle.as_deref(), Some("h"));
}

#[tokio::test]
async fn memory_is_by_key_and_prefix_literally() {
    let (_directory, store) = fresh().await;
    for (key, value) in [
        ("cron/a", "1"),
        ("cron/b", "2"),
        ("cron", "3"),
        ("cr_n/%", "4"),
        ("ümlaut/x", "5"),
    ] {
        store.remember(key, "old").await.unwrap();
        store.remember(key, value).await.unwrap();
    }
    assert_eq!(store.recall("cron").await.unwrap().as_deref(), Some("3"));
    assert_eq!(store.recall("nothing").await.unwrap(), None);
    let pairs = |list: &[(&str, &str)]| {
        list.iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        store.recall_prefix("cron/").await.unwrap(),
        pairs(&[("cron/a", "1"), ("cron/b", "2")])
    );
    assert_eq!(
        store.recall_prefix("cr_n").await.unwrap(),
        pairs(&[("cr_n/%", "4")])
    );
    assert_eq!(
        store.recall_prefix("ümlaut").await.unwrap(),
        pairs(&[("ümlaut/x", "5")])
    );
}

#[tokio::test]
async fn pruning_keeps_what_is_new_newest_unfinished_or_applied() {
    let (_directory, store) = fresh().await;
    store.save_run(&finished(run(1, "a", 0), 1)).await.unwrap();
    let mut applied = run(2, "a", 2);
    for next in [
        RunState::Syncing,
        RunState::Planning,
        RunState::Deciding,
        RunState::Applying,
    ] {
        applied.step(next, at(2)).unwrap();
    }
    store
        .intend(&applied, &intent(applied.id), None)
        .await
        .unwrap();
    store.save_run(&finished(applied, 3)).await.unwrap();
    store.save_run(&finished(run(3, "a", 4), 5)).await.unwrap();
    store.save_run(&finished(run(4, "b", 0), 1)).await.unwrap();
    store.save_run(&finished(run(5, "c", 0), 50)).await.unwrap();
    store.save_run(&run(6, "c", 1)).await.unwrap();
    let [one, two, three] = notices();
    for message in [
        message(1, one, 0).delivered(at(1)),
        message(2, two, 0).after_failure("down", None, at(1)),
        message(3, three, 20).delivered(at(20)),
    ] {
        store.save_message(&message).await.unwrap();
    }
    let mut old = alert(1, "a", AlertKind::Drift);
    old.resolved = Some((at(1), Resolution::PutBack));
    store
        .conclude(&Conclusion {
            run: Some(&run(6, "c", 1)),
            stack: None,
            ledger: None,
            alerts: &[old.into(), alert(2, "a", AlertKind::Failed).into()],
            news: &[],
            requests: &[],
            memory: None,
            audit: &[],
        })
        .await
        .unwrap();

    assert_eq!(store.prune(at(10)).await.unwrap(), 3);
    let mut left: Vec<_> = (store.runs(None, 99).await.unwrap().iter())
        .map(|run| run.id)
        .collect();
    left.sort_unstable();
    assert_eq!(left, [2, 3, 4, 5, 6].map(run_id));
    assert_eq!(
        store
            .messages(&MessageFilter::default(), 9)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(store.open_alerts(None).await.unwrap().len(), 1);
    assert_eq!(store.prune(at(10)).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_one_of_many_wins_the_queue() {
    let (_directory, store) = fresh().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..20 {
        let store = store.clone();
        tasks.spawn(async move { store.enqueue(&run(n, "a", 0), None).await.unwrap() });
    }
    let won = tasks.join_all().await.into_iter().filter(|won| *won);
    assert_eq!(won.count(), 1);
}

fn outcomes() -> impl Strategy<Value = Option<Outcome>> {
    let failed = Outcome::Failed { failure: failure() };
    let unconfirmed = Outcome::Unconfirmed {
        verdict: Verdict::Unknown,
    };
    proptest::sample::select(vec![
        None,
        Some(failed),
        Some(unconfirmed),
        Some(Outcome::Repaired),
        Some(Outcome::PartlyRepaired),
        Some(Outcome::Busy),
        Some(Outcome::Cancelled),
    ])
}

fn any_run() -> impl Strategy<Value = Run> {
    let states = [
        RunState::Queued,
        RunState::Syncing,
        RunState::Planning,
        RunState::Deciding,
        RunState::Applying,
        RunState::Verifying,
        RunState::Finished,
        RunState::Interrupted,
    ];
    let triggers = [
        Trigger::Schedule,
        Trigger::Git,
        Trigger::Person,
        Trigger::FirstSight,
        Trigger::Confirmation,
        Trigger::StateMoved,
    ];
    let time = (-1_000_000_i64..4_000_000_000)
        .prop_map(|s| jiff::Timestamp::from_microsecond(s * 1_000_000 + 123_456).unwrap());
    (
        any::<u128>(),
        // No path has a zero byte, and PostgreSQL takes none.
        "[^\\x00]*",
        proptest::sample::select(triggers.to_vec()),
        proptest::sample::select(states.to_vec()),
        proptest::option::of("[0-9a-f]{40}"),
        proptest::collection::vec(time, 3),
        any::<(bool, bool)>(),
        outcomes(),
    )
        .prop_map(
            |(id, stack, trigger, state, commit, times, some, outcome)| Run {
                lease: some.1.then(|| Lease {
                    replica: 7,
                    home: "h".to_owned(),
                    name: "n".to_owned(),
                }),
                id: run_id(id),
                stack: stack_id(&stack),
                trigger,
                state,
                commit: commit.map(CommitId::new),
                queued_at: times[0],
                started_at: some.0.then_some(times[1]),
                ended_at: some.1.then_some(times[2]),
                outcome,
                state_moved: some.0.then(|| StateMove {
                    at: some.1.then_some(times[1]),
                    from: None,
                    to: None,
                }),
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_run_comes_back_as_it_was(expected in any_run()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_directory, store) = fresh().await;
            store.save_run(&expected).await.unwrap();
            let found = store.run(&expected.id).await.unwrap();
            assert_eq!(found.as_ref(), Some(&expected));
            let unfinished = store.unfinished_runs().await.unwrap();
            assert_eq!(unfinished.is_empty(), expected.state.is_over());
        });
    }
}

#[test]
fn every_word_is_the_one_serde_writes() {
    for state in [
        MessageState::Waiting,
        MessageState::Delivered,
        MessageState::GivenUp,
    ] {
        assert_eq!(row::word("messages", &state).unwrap(), state.as_str());
    }
    assert_eq!(row::word("runs", &RunState::Queued).unwrap(), "queued");
}

#[tokio::test]
async fn what_another_program_left_in_a_column_is_named() {
    let (_directory, store) = fresh().await;
    store.save_run(&run(1, "a", 0)).await.unwrap();
    let edit = sqlx::query("UPDATE runs SET state = 'dreaming'");
    store.execute(edit).await.unwrap();
    let error = store.run(&run_id(1)).await.unwrap_err();
    insta::assert_snapshot!(error, @"a record in runs cannot be read or written: state: unknown variant `dreaming`, expected one of `queued`, `syncing`, `planning`, `deciding`, `applying`, `verifying`, `finished`, `interrupted`");
}
