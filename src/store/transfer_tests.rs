//! Records that are brought from one database to another.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use sqlx::Executor;
use tempfile::TempDir;

use super::samples::{
    alert, at, intent, ledger_entry, message, news, notices, operator, run, stack, stack_id,
};
use super::transfer::{Place, Transferred, transfer, verify};
use super::*;
use crate::domain::alert::AlertKind;
use crate::domain::audit::{Action, NewAudit};

/// Something of most kinds, and more rows of some than are read at once.
pub(super) async fn filled(store: &Store) {
    let recorded: Vec<NewAudit> = (1..=250)
        .map(|n| {
            let action = Action::PlanRequested {
                stack: stack_id("a"),
                run: run(1, "a", 0).id,
            };
            NewAudit::asked(at(n), &operator(), action)
        })
        .collect();
    store.record(&recorded).await.unwrap();
    let applied = run(1, "a", 0);
    store.save_run(&applied).await.unwrap();
    let meant = intent(applied.id);
    store.intend(&applied, &meant, None).await.unwrap();
    let [one, two, _] = notices();
    let record = stack("a");
    let conclusion = Conclusion {
        stack: Some(&record),
        ledger: Some((&record.id, &[ledger_entry("x"), ledger_entry("y")])),
        alerts: &[AlertEntry::from(alert(1, "a", AlertKind::Drift))],
        news: &[news(1, one, 1)],
        memory: Some(("key", "ümlaut")),
        ..Conclusion::default()
    };
    store.conclude(&conclusion).await.unwrap();
    store.save_stack(&stack("B-before-a")).await.unwrap();
    store.save_message(&message(1, two, 2)).await.unwrap();
}

/// Everything that was filled in is there.
pub(super) async fn assert_filled(store: &Store) {
    let stacks = store.stacks().await.unwrap();
    assert_eq!(stacks, [stack("B-before-a"), stack("a")]);
    let ledger = store.ledger(&stack_id("a")).await.unwrap();
    assert_eq!(ledger, [ledger_entry("x"), ledger_entry("y")]);
    let id = run(1, "a", 0).id;
    assert_eq!(store.intent(&id).await.unwrap(), Some(intent(id)));
    assert_eq!(store.open_alerts(None).await.unwrap().len(), 1);
    assert_eq!(store.waiting_news("team").await.unwrap().0.len(), 1);
    assert_eq!(store.waiting_messages().await.unwrap(), 1);
    let value = store.recall("key").await.unwrap();
    assert_eq!(value.as_deref(), Some("ümlaut"));
    assert_eq!(store.audit_head().await.unwrap().seq, 251);
}

fn rows(of: &Transferred) -> Vec<(&str, u64)> {
    let rows = of.tables.iter().map(|sum| (sum.name.as_str(), sum.rows));
    rows.filter(|(_, rows)| *rows > 0).collect()
}

#[tokio::test]
async fn every_record_is_brought_over_and_the_chain_goes_on() {
    let directory = TempDir::new().unwrap();
    let (old, new) = (directory.path().join("old"), directory.path().join("new"));
    let store = Store::open(&old).await.unwrap();
    filled(&store).await;
    let moved = transfer(Place::File(&old), Place::File(&new))
        .await
        .unwrap();
    let expected = [
        ("alerts", 1),
        ("audit", 251),
        ("envelopes", 1),
        ("glances", 2),
        ("intents", 1),
        ("ledger", 2),
        ("memory", 1),
        ("messages", 1),
        ("runs", 1),
        ("stacks", 2),
        ("states", 1),
    ];
    assert_eq!(rows(&moved), expected);
    assert_eq!(moved.audit, Ok(store.audit_head().await.unwrap()));
    let copy = Store::open(&new).await.unwrap();
    assert_filled(&copy).await;
    let action = Action::PlanRequested {
        stack: stack_id("a"),
        run: run(1, "a", 0).id,
    };
    let next = NewAudit::asked(at(999), &operator(), action);
    copy.record(&[next]).await.unwrap();
    assert_eq!(verify(&copy).await.unwrap().unwrap().seq, 252);
    copy.close().await;
    seal(&new).await.unwrap();
    assert!(!directory.path().join("new-wal").exists());
    let copy = Store::open(&new).await.unwrap();
    assert_eq!(copy.audit_head().await.unwrap().seq, 252);
}

#[tokio::test]
async fn nothing_is_mixed_with_records_that_are_there() {
    let directory = TempDir::new().unwrap();
    let (old, new) = (directory.path().join("old"), directory.path().join("new"));
    filled(&Store::open(&old).await.unwrap()).await;
    let store = Store::open(&new).await.unwrap();
    store.remember("k", "v").await.unwrap();
    let error = transfer(Place::File(&old), Place::File(&new)).await;
    let error = error.unwrap_err();
    assert!(matches!(&error, StoreError::NotEmpty { table } if table == "memory"));
    assert_eq!(store.stacks().await.unwrap(), []);
}

#[tokio::test]
async fn a_copy_that_differs_is_none() {
    let directory = TempDir::new().unwrap();
    let (old, new) = (directory.path().join("old"), directory.path().join("new"));
    filled(&Store::open(&old).await.unwrap()).await;
    let store = Store::open(&new).await.unwrap();
    let spoil = "CREATE TRIGGER spoil AFTER INSERT ON memory \
                 BEGIN UPDATE memory SET value = 'else'; END";
    store.execute(sqlx::query(spoil)).await.unwrap();
    let error = transfer(Place::File(&old), Place::File(&new)).await;
    assert!(matches!(error, Err(StoreError::Differs { table }) if table == "memory"));
    assert_eq!(store.stacks().await.unwrap(), []);
    assert_eq!(store.audit_head().await.unwrap().seq, 0);
}

#[tokio::test]
async fn an_audit_log_that_was_changed_is_not_brought_over_in_silence() {
    let directory = TempDir::new().unwrap();
    let (old, new) = (directory.path().join("old"), directory.path().join("new"));
    let store = Store::open(&old).await.unwrap();
    filled(&store).await;
    let mut transaction = store.begin().await.unwrap();
    for statement in [
        "DROP TRIGGER audit_is_not_changed",
        "UPDATE audit SET action = 'x' WHERE seq = 100",
    ] {
        transaction.execute(statement).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let moved = transfer(Place::File(&old), Place::File(&new))
        .await
        .unwrap();
    assert_eq!(moved.audit.unwrap_err().seq, 100);
    let copy = Store::open(&new).await.unwrap();
    assert_eq!(copy.audit_head().await.unwrap().seq, 251, "it is evidence");
}
