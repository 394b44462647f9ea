//! What looks at each stack usually use, and where an API asked for patience, for whoever decides what
//! may run at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use crate::domain::cost::{Cost, Spent};
use crate::domain::ids::StackId;

/// Costs by stack.
#[derive(Debug, Default)]
pub struct Costs {
    known: Mutex<BTreeMap<StackId, Cost>>,
    throttled: Mutex<BTreeSet<StackId>>,
}

impl Costs {
    /// Takes over what was known of a stack before a restart.
    pub fn know(&self, stack: &StackId, cost: Cost) {
        let mut costs = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        costs.entry(stack.clone()).or_insert(cost);
    }

    /// Another replica has looked at a stack, and this is known of it now.
    pub fn learn(&self, stack: &StackId, cost: Cost) {
        let mut costs = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        costs.insert(stack.clone(), cost);
    }

    /// What is known of a stack.
    pub fn of(&self, stack: &StackId) -> Option<Cost> {
        let costs = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        costs.get(stack).copied()
    }

    /// One more look was made; gives what is known now.
    pub fn saw(&self, stack: &StackId, spent: Spent, wall_ms: u64) -> Cost {
        let mut costs = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let cost = Cost::after(costs.get(stack).copied(), spent, wall_ms);
        costs.insert(stack.clone(), cost);
        cost
    }

    /// An API asked for patience while this stack was looked at.
    pub fn throttled(&self, stack: &StackId) {
        let mut throttled = self
            .throttled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        throttled.insert(stack.clone());
    }

    /// Whether that happened since it was asked last.
    pub fn take_throttled(&self, stack: &StackId) -> bool {
        let mut throttled = self
            .throttled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        throttled.remove(stack)
    }
}
