//! The audit log tells of applies, of how they ended, and of who asked for what.

use jiff::Timestamp;
use tempfile::TempDir;

use crate::domain::approval::{Approver, Intent};
use crate::domain::audit::{Entry, verify};
use crate::domain::binding::Binding;
use crate::domain::ids::{ChangeDigest, Fingerprint, RunId, StackId};
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::run::{Run, RunState, Trigger};
use crate::domain::stack::StateIdentity;
use crate::store::{AuditFilter, Paging, Store};

use super::command::Refusal;
use super::fixture::{driven, operator, paused};
use super::{fresh, recover};

fn now() -> Timestamp {
    "2026-11-28T08:00:00Z".parse().unwrap()
}

async fn entries(store: &Store) -> Vec<Entry> {
    let filter = AuditFilter::default();
    let entries = store.audit(&filter, Paging::After(0), 100).await.unwrap();
    verify(&entries, None).unwrap();
    entries
}

fn words(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.action.as_str()).collect()
}

fn intent(run: RunId) -> Intent {
    Intent {
        run,
        binding: Binding {
            stack: StackId::new("infra/a"),
            digest: ChangeDigest::new("d1"),
            lineage: "l".into(),
            serial: 4,
            commit: None,
            inputs: Fingerprint::new("i"),
        },
        approver: Approver::Policy,
        decision: Decision::because(
            DecisionKind::Apply,
            "aws_sqs_queue.jobs: safe by rule delays",
        ),
        snapshot: "snapshots/a/1.tfstate".into(),
        at: now(),
    }
}

async fn applying(store: &Store, stack: &str) -> Run {
    let mut run = Run::queued(fresh::run(), StackId::new(stack), Trigger::Schedule, now());
    for next in [
        RunState::Syncing,
        RunState::Planning,
        RunState::Deciding,
        RunState::Applying,
    ] {
        run.step(next, now()).unwrap();
    }
    store.intend(&run, &intent(run.id), None).await.unwrap();
    run
}

#[tokio::test]
async fn an_apply_that_was_cut_off_is_told_with_what_it_was_about_to_do() {
    let directory = TempDir::new().unwrap();
    let (context, _) = paused(directory.path(), now()).await;
    // Of one stack more is known than its name, of the other nothing.
    driven(&context).await;
    let known = applying(&context.store, "infra/a").await;
    let unknown = applying(&context.store, "infra/b").await;
    let left = recover::recover(&context).await.unwrap();
    for run in left.cut_off {
        assert!(
            recover::settle(&context, run, recover::STOPPED)
                .await
                .unwrap()
        );
    }
    let told = entries(&context.store).await;
    assert_eq!(
        words(&told),
        [
            "apply_started",
            "apply_started",
            "apply_interrupted",
            "apply_interrupted"
        ]
    );
    insta::assert_snapshot!(told[0].details, @r#"{"approver":"policy","commit":null,"digest":"d1","inputs":"i","lineage":"l","reasons":["aws_sqs_queue.jobs: safe by rule delays"],"serial":4,"snapshot":"snapshots/a/1.tfstate"}"#);
    for (entry, run) in told[2..].iter().zip([known, unknown]) {
        assert_eq!(entry.subject["run"], run.id.to_string());
        assert_eq!(entry.stack(), Some(run.stack));
        let why = entry.details["why"].as_str().unwrap();
        assert!(why.contains(recover::STOPPED), "{why}");
        assert_eq!(entry.who(), "mooring");
    }
    let left = recover::recover(&context).await.unwrap();
    assert!(left.cut_off.is_empty());
    assert_eq!(entries(&context.store).await.len(), 4);
}

#[tokio::test]
async fn whoever_asks_for_a_plan_is_told_whether_one_is_queued_already_or_not() {
    let directory = TempDir::new().unwrap();
    let (context, _) = paused(directory.path(), now()).await;
    let handle = driven(&context).await;
    let stack = StackId::new("infra/a");
    let first = handle.plan_now(&stack, operator()).await.unwrap();
    let second = handle.plan_now(&stack, operator()).await.unwrap();
    assert_eq!(first, second);
    let nowhere = StackId::new("infra/none");
    handle.plan_now(&nowhere, operator()).await.unwrap_err();
    let told = entries(&context.store).await;
    assert_eq!(words(&told), ["plan_requested", "plan_requested"]);
    for entry in &told {
        assert_eq!(entry.subject["run"], first.to_string());
        assert_eq!(entry.who(), "ada (claimed)");
    }
}

#[tokio::test]
async fn whoever_lets_a_held_stack_go_is_told_with_why_it_was_held() {
    let directory = TempDir::new().unwrap();
    let (context, _) = paused(directory.path(), now()).await;
    let handle = driven(&context).await;
    let stack = StackId::new("infra/a");
    handle.resume(&stack, operator()).await.unwrap();
    let record = context.store.stack(&stack).await.unwrap().unwrap();
    assert_eq!(record.held, None);
    let told = entries(&context.store).await;
    assert_eq!(words(&told), ["stack_resumed"]);
    assert_eq!(told[0].details["held"], "the state went back");
}

#[tokio::test]
async fn a_stack_that_waits_for_nobody_is_not_resumed() {
    let directory = TempDir::new().unwrap();
    let (context, _) = paused(directory.path(), now()).await;
    let handle = driven(&context).await;
    let stack = StackId::new("infra/a");
    handle.resume(&stack, operator()).await.unwrap();
    let seen = StateIdentity {
        lineage: "l".to_owned(),
        serial: 4,
    };
    let mut record = context.store.stack(&stack).await.unwrap().unwrap();
    record.state = Some(seen.clone());
    context.store.save_stack(&record).await.unwrap();
    let refused = handle.resume(&stack, operator()).await.unwrap_err();
    assert!(matches!(refused, Refusal::NothingToResume(_)), "{refused}");
    let record = context.store.stack(&stack).await.unwrap().unwrap();
    assert_eq!(record.state, Some(seen));
    let told = entries(&context.store).await;
    assert_eq!(words(&told), ["stack_resumed"]);
}
