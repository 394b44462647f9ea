//! Which drift entry belongs to which change of a plan.

use std::collections::{BTreeMap, BTreeSet};

use super::ids::Address;
use super::plan::{Mode, Plan, ResourceChange};

/// Changes with the drift entry of the same object, and drift entries of objects that have no change.
pub(super) struct Joined<'a> {
    /// Each change, with its drift entry if it has one.
    pub(super) pairs: Vec<(&'a ResourceChange, Option<&'a ResourceChange>)>,
    /// Drift entries of objects that are no longer configured.
    pub(super) rest: Vec<&'a ResourceChange>,
}

type ObjectKey<'a> = (&'a Address, Option<&'a str>, Mode);

impl<'a> Joined<'a> {
    /// By the present address first; by the one before a move only if no other object has it now.
    pub(super) fn of(plan: &'a Plan) -> Self {
        fn key<'a>(entry: &'a ResourceChange, address: &'a Address) -> ObjectKey<'a> {
            (address, entry.deposed.as_deref(), entry.mode)
        }
        let mut drift = BTreeMap::new();
        for entry in &plan.drift {
            drift.entry(key(entry, &entry.address)).or_insert(entry);
        }
        let present: BTreeSet<ObjectKey<'_>> = plan
            .changes
            .iter()
            .map(|change| key(change, &change.address))
            .collect();
        let pairs = plan.changes.iter().map(|change| {
            let before = change
                .previous_address
                .as_ref()
                .map(|from| key(change, from));
            let before = before
                .filter(|before| !present.contains(before) && !plan.reoccupied.contains(before.0));
            let own = drift.remove(&key(change, &change.address));
            let entry = own.or_else(|| before.and_then(|before| drift.remove(&before)));
            (change, entry)
        });
        let pairs: Vec<_> = pairs.collect();
        let moved = |entry: &ResourceChange| {
            let from = entry.previous_address.as_ref();
            from.is_some_and(|from| {
                present.contains(&key(entry, from)) || plan.reoccupied.contains(from)
            })
        };
        let rest = drift.into_values().filter(|entry| !moved(entry)).collect();
        Self { pairs, rest }
    }
}
