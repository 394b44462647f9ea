//! What is remembered, gathered into the posture of many stacks over a time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::domain::alert::AlertKind;
use crate::domain::posture::{
    AlertSeen, Filter, Input, LOOKS_BEFORE, Posture, RunSeen, StackNow, Window,
};
use crate::domain::run::Run;
use crate::domain::stack::StackRecord;
use crate::store::{Store, StoreError};

use super::housekeeping::KEPT;

/// The labels that name who answers for a stack; several names are parted by commas.
const OWNERS: [&str; 2] = ["owner", "team"];

/// The posture of the stacks that pass the filter.
pub(super) async fn posture(
    store: &Store,
    window: Window,
    filter: Filter,
    now: Timestamp,
) -> Result<Posture, StoreError> {
    let input = gather(store, window, now).await?;
    Ok(Posture::of(&Input { filter, ..input }))
}

/// What a posture is made from, for every stack.
pub(super) async fn gather(
    store: &Store,
    window: Window,
    now: Timestamp,
) -> Result<Input, StoreError> {
    let records = store.stacks().await?;
    let alerts = store.alerts_between(window.from(), window.to()).await?;
    let mut runs: BTreeMap<_, Run> = BTreeMap::new();
    for run in store.applies_between(window.from(), window.to()).await? {
        runs.insert(run.id, run);
    }
    for alert in &alerts {
        let begun_at = alert.begun_at();
        if alert.kind == AlertKind::Drift && window.contains(begun_at) {
            let looks = store
                .runs_until(&alert.stack, begun_at, LOOKS_BEFORE)
                .await?;
            runs.extend(looks.into_iter().map(|run| (run.id, run)));
        }
    }
    let by_id: BTreeMap<_, &StackRecord> = records.iter().map(|r| (&r.id, r)).collect();
    Ok(Input {
        made_at: now,
        window,
        known_from: now.checked_sub(KEPT).ok(),
        filter: Filter::default(),
        stacks: records
            .iter()
            .map(|record| StackNow::of(record, owners(record), now))
            .collect(),
        alerts: alerts
            .iter()
            .map(|alert| AlertSeen::of(alert, by_id.get(&alert.stack).copied()))
            .collect(),
        runs: runs.values().filter_map(RunSeen::of).collect(),
    })
}

fn owners(record: &StackRecord) -> Vec<String> {
    let labels = OWNERS.iter().filter_map(|label| record.labels.get(*label));
    let names = labels.flat_map(|names| names.split(','));
    let names = names.map(str::trim).filter(|name| !name.is_empty());
    let names = names
        .map(str::to_owned)
        .chain(record.owners.iter().cloned());
    let names: BTreeSet<String> = names.collect();
    names.into_iter().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;
    use crate::domain::alert::{Alert, Resolution, Trouble};
    use crate::domain::finding::{Severity, Verdict};
    use crate::domain::ids::{AlertId, RunId, SourceName, StackId};
    use crate::domain::pattern::NamePattern;
    use crate::domain::posture::Seconds;
    use crate::domain::run::{Outcome, RunState, Trigger};
    use crate::domain::selection::Selection;
    use crate::store::Conclusion;

    fn minute(minutes: i64) -> Timestamp {
        let start: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
        start + SignedDuration::from_mins(minutes)
    }

    fn run(n: u128, at: i64, outcome: Outcome) -> Run {
        let id = RunId::from_uuid(Uuid::from_u128(n));
        let stack = StackId::new("infra/web");
        let mut run = Run::queued(id, stack, Trigger::Schedule, minute(at));
        run.step(RunState::Syncing, minute(at)).unwrap();
        run.finish(outcome, minute(at + 1)).unwrap();
        run
    }

    #[tokio::test]
    async fn what_the_store_remembers_becomes_a_posture() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("mooring.db"))
            .await
            .unwrap();
        let stack = StackRecord::new(
            StackId::new("infra/web"),
            SourceName::new("infra"),
            "web".to_owned(),
            "default".to_owned(),
            BTreeMap::from([("team".to_owned(), " web, platform,".to_owned())]),
            minute(0),
        );
        let drift = Alert {
            id: AlertId::from_uuid(Uuid::from_u128(1)),
            stack: stack.id.clone(),
            kind: AlertKind::Drift,
            trouble: Trouble {
                parts: BTreeMap::new(),
                cause: None,
                content: "a".to_owned(),
                severity: Severity::High,
            },
            seen_at: minute(33),
            looks: 1,
            persist: SignedDuration::ZERO,
            opened_at: Some(minute(33)),
            spoken_at: minute(33),
            escalated_at: None,
            free_since: None,
            acknowledged: None,
            lull: None,
            returns: Vec::new(),
            told_to: BTreeSet::new(),
            changed_at: minute(33),
            resolved: Some((minute(90), Resolution::Repaired)),
        };
        let conclusion = Conclusion {
            stack: Some(&stack),
            alerts: &[drift.into()],
            ..Conclusion::default()
        };
        store.conclude(&conclusion).await.unwrap();
        let unconfirmed = Outcome::Unconfirmed {
            verdict: Verdict::Drifted,
        };
        let checked = |verdict| Outcome::Checked { verdict };
        store
            .save_run(&run(1, 0, checked(Verdict::InSync)))
            .await
            .unwrap();
        store.save_run(&run(2, 30, unconfirmed)).await.unwrap();
        store
            .save_run(&run(3, 32, checked(Verdict::Drifted)))
            .await
            .unwrap();

        let window = Window::new(minute(10), minute(100)).unwrap();
        let of = |owner: Option<&str>| Filter {
            which: Selection {
                owners: owner.into_iter().map(NamePattern::exactly).collect(),
                ..Selection::default()
            },
            ..Filter::default()
        };
        let posture_of = async |owner| posture(&store, window, of(owner), minute(100)).await;
        let told = posture_of(Some("platform")).await.unwrap();
        assert_eq!(told.stacks.items[0].owners, ["platform", "web"]);
        assert_eq!((told.alerts.opened, told.alerts.resolved), (1, 1));
        assert_eq!(told.fixed_by.mooring, 1);
        let detected = told.time_to_detect.all.median_seconds;
        assert_eq!(
            detected,
            Some(Seconds(31 * 60)),
            "also with a look from before the window"
        );
        assert_eq!(told.known_from, None);
        let others = posture_of(Some("nobody")).await.unwrap();
        assert_eq!((others.counts.stacks, others.alerts.opened), (0, 0));
    }
}
