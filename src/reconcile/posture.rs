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
    let records = store.stacks().await?;
    let alerts = store.alerts_between(window.from(), window.to()).await?;
    let mut runs: BTreeMap<_, Run> = BTreeMap::new();
    for run in store.applies_between(window.from(), window.to()).await? {
        runs.insert(run.id, run);
    }
    for alert in &alerts {
        if alert.kind == AlertKind::Drift && window.contains(alert.opened_at) {
            let looks = store
                .runs_until(&alert.stack, alert.opened_at, LOOKS_BEFORE)
                .await?;
            runs.extend(looks.into_iter().map(|run| (run.id, run)));
        }
    }
    let by_id: BTreeMap<_, &StackRecord> = records.iter().map(|r| (&r.id, r)).collect();
    let input = Input {
        made_at: now,
        window,
        known_from: now.checked_sub(KEPT).ok(),
        filter,
        stacks: records
            .iter()
            .map(|record| StackNow::of(record, owners(record), now))
            .collect(),
        alerts: alerts
            .iter()
            .map(|alert| AlertSeen::of(alert, by_id.get(&alert.stack).copied(), None))
            .collect(),
        runs: runs.values().filter_map(RunSeen::of).collect(),
    };
    Ok(Posture::of(&input))
}

fn owners(record: &StackRecord) -> Vec<String> {
    let labels = OWNERS.iter().filter_map(|label| record.labels.get(*label));
    let names = labels.flat_map(|names| names.split(','));
    let names = names.map(str::trim).filter(|name| !name.is_empty());
    let names: BTreeSet<String> = names.map(str::to_owned).collect();
    names.into_iter().collect()
}
