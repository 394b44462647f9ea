//! What runs have to know of each other: which stacks are applied before which, who waits for whom, and
//! what is being applied now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::domain::finding::Verdict;
use crate::domain::ids::StackId;
use crate::domain::order::{Awaited, Awaits, Order, Round, Waiting};
use crate::domain::request::Request;
use crate::domain::stack::StackRecord;
use crate::store::StoreError;

use super::context::Context;
use super::resolve::Tracked;

/// What runs have to know of each other.
#[derive(Debug, Clone, Default)]
pub struct Orders(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    order: Arc<Order>,
    /// Whether the order was ever found out by this process.
    is_found_out: bool,
    waiting: Waiting,
    /// What is being applied, or may be, each as often as somebody says so.
    applied: BTreeMap<StackId, usize>,
    /// What was applied since it was last asked for.
    changed: BTreeSet<StackId>,
    /// Stacks of which an apply waits, by those that they wait for.
    held: BTreeMap<StackId, BTreeSet<StackId>>,
    /// What stacks need of which another replica has handed a run to this one.
    told: BTreeMap<StackId, Vec<StackId>>,
}

/// As long as this lives, a stack counts as being applied.
#[derive(Debug)]
pub(super) struct Applying {
    orders: Orders,
    stack: StackId,
}

impl Drop for Applying {
    fn drop(&mut self) {
        let mut known = self.orders.known();
        if let Some(times) = known.applied.get_mut(&self.stack) {
            *times = times.saturating_sub(1);
            if *times == 0 {
                known.applied.remove(&self.stack);
            }
        }
    }
}

impl Known {
    fn needed_by(&self, stack: &StackId) -> Vec<StackId> {
        match self.told.get(stack) {
            Some(told) => told.clone(),
            None => self.order.needed_by(stack).into_iter().cloned().collect(),
        }
    }

    fn hold(&mut self, stack: &StackId, awaited: &[Awaited]) {
        for awaited in awaited {
            let held = self.held.entry(awaited.stack.clone()).or_default();
            held.insert(stack.clone());
        }
    }
}

impl Orders {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which stacks are applied before which.
    pub(super) fn order(&self) -> Arc<Order> {
        self.known().order.clone()
    }

    /// The order, once this process has found it out. Only a driver does, when it has read a source.
    pub(super) fn found_out(&self) -> Option<Arc<Order>> {
        let known = self.known();
        known.is_found_out.then(|| known.order.clone())
    }

    /// The order is another from now on.
    pub(super) fn set(&self, order: Order) {
        let mut known = self.known();
        known.is_found_out = true;
        if order.is_empty() {
            known.waiting = Waiting::default();
        }
        known.order = Arc::new(order);
    }

    /// A stack is being applied from now on.
    pub(super) fn apply(&self, stack: &StackId) -> Applying {
        let mut known = self.known();
        *known.applied.entry(stack.clone()).or_default() += 1;
        known.changed.insert(stack.clone());
        drop(known);
        Applying {
            orders: self.clone(),
            stack: stack.clone(),
        }
    }

    /// The stacks that are applied before this one.
    pub(super) fn needed_by(&self, stack: &StackId) -> Vec<StackId> {
        self.known().needed_by(stack)
    }

    /// Another replica says which stacks are applied before this one.
    pub(super) fn is_told(&self, stack: &StackId, needed: Vec<StackId>) {
        self.known().told.insert(stack.clone(), needed);
    }

    /// A run of this stack that another replica has handed to this one is over; gives whom an apply of
    /// it waits for.
    pub(super) fn take_awaited(&self, stack: &StackId) -> Vec<StackId> {
        let mut known = self.known();
        known.told.remove(stack);
        let mut awaited = Vec::new();
        known.held.retain(|needed, waiting| {
            if waiting.remove(stack) {
                awaited.push(needed.clone());
            }
            !waiting.is_empty()
        });
        awaited
    }

    /// An apply of a stack waits for these, as another replica says.
    pub(super) fn hold_for(&self, stack: &StackId, awaited: &[StackId]) {
        let mut known = self.known();
        for awaited in awaited {
            let held = known.held.entry(awaited.clone()).or_default();
            held.insert(stack.clone());
        }
    }

    /// What of this is being applied by this process now.
    fn applied_of(&self, needed: &[StackId]) -> BTreeSet<StackId> {
        let known = self.known();
        let applied = needed
            .iter()
            .filter(|stack| known.applied.contains_key(*stack));
        applied.cloned().collect()
    }

    /// An apply of a stack waits for others: it is looked at again when one of them was.
    pub(super) fn hold(&self, stack: &StackId, awaited: &[Awaited]) {
        self.known().hold(stack, awaited);
    }

    /// A stack was applied, or may have been, by another replica.
    pub(super) fn changed(&self, stack: &StackId) {
        self.known().changed.insert(stack.clone());
    }

    /// Whether a stack was applied, or may have been, since this was last asked: a sweep may come to
    /// that too.
    pub(super) fn take_changed(&self, stack: &StackId) -> bool {
        self.known().changed.remove(stack)
    }

    /// The stacks of which an apply waited for this one.
    pub(super) fn take_held(&self, awaited: &StackId) -> BTreeSet<StackId> {
        self.known().held.remove(awaited).unwrap_or_default()
    }

    /// Who waits, of these whose runs are queued; gives those that did not before, and for whom.
    pub(super) fn update<'s>(
        &self,
        round: &Round<'_>,
        queued: impl IntoIterator<Item = &'s StackId>,
        now: Timestamp,
    ) -> Vec<(StackId, StackId)> {
        self.known().waiting.update(round, queued, now)
    }

    /// The stack that the queued run of another one waits for at a time.
    pub(super) fn awaited(&self, stack: &StackId, now: Timestamp) -> Option<StackId> {
        self.known().waiting.needed(stack, now).cloned()
    }

    /// The run of a stack has started.
    pub(super) fn started(&self, stack: &StackId) {
        self.known().waiting.started(stack);
    }
}

/// What a stack needs and is being applied now, by whatever replica. It is looked at again when that is
/// over, which may be as soon as this is known.
pub(super) async fn applied_before(
    context: &Context,
    stack: &StackId,
) -> Result<Vec<Awaited>, StoreError> {
    let needed = context.orders.needed_by(stack);
    if needed.is_empty() {
        return Ok(Vec::new());
    }
    let mut applied = context.orders.applied_of(&needed);
    if context.store.is_shared() {
        applied.extend(context.store.applying(&needed).await?);
    }
    let awaited: Vec<Awaited> = applied
        .into_iter()
        .map(|stack| Awaited {
            stack,
            why: Awaits::Applying,
            until: None,
        })
        .collect();
    context.orders.hold(stack, &awaited);
    Ok(awaited)
}

/// What holds back an apply that policy would make of a plan with this verdict, besides what is being
/// applied now: what the stack needs, and that is not as it is to be yet.
pub(super) async fn unready(
    context: &Context,
    tracked: &Tracked,
    verdict: Verdict,
) -> Result<Vec<Awaited>, StoreError> {
    let needed = context.orders.needed_by(&tracked.id);
    if needed.is_empty() {
        return Ok(Vec::new());
    }
    let now = context.now();
    // A repair brings back what there was, and waits for no code.
    let requests = match verdict {
        Verdict::Drifted => Vec::new(),
        _ => context.store.live_requests().await?,
    };
    let mut awaited = Vec::new();
    for stack in &needed {
        let Some(record) = context
            .store
            .stack(stack)
            .await?
            .filter(|record| record.tracked)
        else {
            continue;
        };
        let asked = requests.iter().filter(|request| request.stack == *stack);
        let asked = asked.filter(|_| record.source == tracked.source);
        let mut asked = asked.filter_map(|request| asks_about_code(request, &record));
        let next = match &record.held {
            Some(_) => Some((Awaits::Held, None)),
            None => asked.find(|(_, until)| until.is_none_or(|until| until > now)),
        };
        awaited.extend(next.map(|(why, until)| Awaited {
            stack: stack.clone(),
            why,
            until,
        }));
    }
    Ok(awaited)
}

/// Whether people are asked about code that waits in a stack, and until when others wait for that: as
/// long as people have to answer, from when the code was there.
fn asks_about_code(request: &Request, record: &StackRecord) -> Option<(Awaits, Option<Timestamp>)> {
    let has_code = matches!(
        request.asked.check.verdict,
        Verdict::Pending | Verdict::DriftedAndPending
    );
    if !has_code || request.asked.rollback.is_some() {
        return None;
    }
    let lasts = request.expires_at.duration_since(request.asked_at);
    let since = record.pending_since.unwrap_or(request.asked_at);
    let until = since.checked_add(lasts).unwrap_or(request.expires_at);
    let request = request.id.short();
    Some((Awaits::Asked { request }, Some(until)))
}

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
