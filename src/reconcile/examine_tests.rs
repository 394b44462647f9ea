#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::fixture::{daemon, settings};
use super::super::recover::settle;
use super::super::time::Time;
use super::*;
use crate::domain::approval::Approver;
use crate::domain::binding::Binding;
use crate::domain::ids::{ChangeDigest, Fingerprint, SourceName};
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::run::{RunState, Trigger};
use crate::notify::settings::NotifySettings;

/// A run that was applying, of a stack whose source is not configured any more.
async fn cut_off(dir: &tempfile::TempDir) -> (Arc<Context>, Run) {
    let context = daemon(
        settings(dir.path(), NotifySettings::default()),
        Time::default(),
    )
    .await;
    let (id, now) = (StackId::new("infra/live"), context.now());
    let record = StackRecord::new(
        id.clone(),
        SourceName::new("infra"),
        "live".to_owned(),
        "default".to_owned(),
        BTreeMap::new(),
        now,
    );
    context.store.save_stack(&record).await.unwrap();
    let mut run = Run::queued(super::super::fresh::run(), id.clone(), Trigger::Git, now);
    for state in [
        RunState::Syncing,
        RunState::Planning,
        RunState::Deciding,
        RunState::Applying,
    ] {
        run.step(state, now).unwrap();
    }
    let intent = Intent {
        run: run.id,
        binding: Binding {
            stack: id,
            digest: ChangeDigest::new("d"),
            lineage: "l".to_owned(),
            serial: 7,
            commit: None,
            inputs: Fingerprint::new("i"),
        },
        approver: Approver::Policy,
        decision: Decision::new(DecisionKind::Apply),
        snapshot: "snapshots/x/y.tfstate.age".to_owned(),
        at: now,
    };
    context.store.intend(&run, &intent, None).await.unwrap();
    (context, run)
}

#[tokio::test]
async fn what_can_be_seen_without_the_configuration_is_told_and_a_state_in_clear_is_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let (context, run) = cut_off(&dir).await;
    let checkout = context.layout.checkout(&run.stack).join("live");
    std::fs::create_dir_all(&checkout).unwrap();
    let errored = checkout.join(ERRORED);
    let state = r#"{"version":4,"serial":8,"lineage":"l","resources":[]}"#;
    std::fs::write(&errored, state).unwrap();

    assert!(
        settle(&context, run.clone(), "it was killed")
            .await
            .unwrap()
    );
    let stored = context.store.run(&run.id).await.unwrap().unwrap();
    assert_eq!(stored.state, RunState::Interrupted);
    let record = context.store.stack(&run.stack).await.unwrap().unwrap();
    let held = record.held.unwrap();
    for words in [
        "was cut off: it was killed",
        "Terraform is not running any more.",
        "could not be read: the stack is not in the configuration any more.",
        "Terraform could not save the state (serial 8).",
        "snapshots/x/y.tfstate.age",
    ] {
        assert!(held.contains(words), "{words}\n{held}");
    }
    assert!(!errored.exists());
    let kept = SnapshotId::not_saved(&run.id);
    let read = context.snapshots.read(&run.stack, kept).await.unwrap();
    assert_eq!(read.as_deref(), Some(state.as_bytes()));

    // Who was killed before that was recorded finds the same again.
    let facts = examine(&context, &run, "again").await.unwrap().unwrap();
    assert!(matches!(facts.not_saved, Some(NotSaved::Kept { snapshot, .. }) if snapshot == kept));
}

#[tokio::test]
async fn a_state_from_before_the_apply_is_somebody_else_s() {
    let dir = tempfile::tempdir().unwrap();
    let (context, run) = cut_off(&dir).await;
    let checkout = context.layout.checkout(&run.stack).join("live");
    std::fs::create_dir_all(&checkout).unwrap();
    let errored = checkout.join(ERRORED);
    std::fs::write(&errored, r#"{"version":4,"serial":8,"lineage":"l"}"#).unwrap();
    let before = std::time::SystemTime::now() - Duration::from_secs(3600);
    let file = std::fs::File::options().write(true).open(&errored).unwrap();
    file.set_modified(before).unwrap();
    let facts = examine(&context, &run, "x").await.unwrap().unwrap();
    assert_eq!(facts.not_saved, None);
    assert!(errored.exists());
}

#[tokio::test]
async fn nothing_is_recorded_when_the_daemon_stops_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let (context, run) = cut_off(&dir).await;
    context.stop.plans.cancel();
    assert!(
        !settle(&context, run.clone(), "it was killed")
            .await
            .unwrap()
    );
    let stored = context.store.run(&run.id).await.unwrap().unwrap();
    assert_eq!(stored.state, RunState::Applying);
    let record = context.store.stack(&run.stack).await.unwrap().unwrap();
    assert_eq!(record.held, None);
}
