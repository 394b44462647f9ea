//! Order between stacks: which runs wait for those of other stacks.

use crate::domain::ids::StackId;
use crate::domain::order::{Member, Need, Order, may_apply};
use crate::domain::run::{Run, Trigger};

use super::super::resolve::Tracked;
use super::Driver;

impl Driver {
    /// Finds out anew which stacks are applied before which, of all sources.
    pub(super) fn put_in_order(&self) {
        let tracked = || self.stacks.values().map(|followed| &followed.tracked);
        let needs = |stack: &Tracked| !(stack.needs.is_empty() && stack.settings.after.is_empty());
        let before = self.context.orders.order();
        if !tracked().any(needs) {
            self.context.orders.set(Order::default());
            return;
        }
        let order = Order::of(tracked().map(member).collect());
        for circle in order.circles() {
            if !before.circles().contains(circle) {
                tracing::warn!(
                    stacks = circle.stacks,
                    "a circle of stacks that need each other: {circle}; none of them waits for another"
                );
            }
        }
        self.context.orders.set(order);
    }

    /// Finds out which queued runs wait for those of other stacks. Sweeps neither wait nor are they
    /// waited for.
    pub(super) fn hold_back(&self) {
        let orders = &self.context.orders;
        let order = orders.order();
        if order.is_empty() {
            return;
        }
        let queued: Vec<&Run> = self.queue.ordered().collect();
        let may = |run: &&&Run| self.may_apply(&run.stack, run.trigger);
        let changing = queued.iter().filter(may).map(|run| &run.stack);
        let changing = changing.chain(&self.changing).chain(&self.confirming);
        let round = order.round(changing);
        let stacks = queued.iter().map(|run| &run.stack);
        for (stack, awaited) in orders.update(&round, stacks, self.context.now()) {
            let stack = stack.as_str();
            tracing::info!(stack, "its run waits for what may be applied in {awaited}");
        }
    }

    /// A run has begun: from now on it is waited for if it may apply something.
    pub(super) fn begins(&mut self, stack: &StackId, trigger: Trigger) {
        self.context.orders.started(stack);
        let confirms = self.confirming.remove(stack);
        if confirms || self.may_apply(stack, trigger) {
            self.changing.insert(stack.clone());
        }
    }

    /// A second look follows, which may apply something.
    pub(super) fn confirms(&mut self, stack: &StackId) {
        if self.may_apply(stack, Trigger::Confirmation) {
            self.confirming.insert(stack.clone());
        }
    }

    /// What waited for a stack is looked at again.
    pub(super) fn wake_held(&mut self, stack: &StackId) {
        let now = self.context.now();
        for held in self.context.orders.take_held(stack) {
            if !self.is_confirmed_soon(&held) {
                self.wait_for(&held, Trigger::Confirmation, Some(now));
            }
        }
    }

    fn may_apply(&self, stack: &StackId, trigger: Trigger) -> bool {
        let followed = self.stacks.get(stack);
        followed
            .is_some_and(|followed| may_apply(trigger, &followed.tracked.settings.policy.policy))
    }
}

fn member(tracked: &Tracked) -> Member<'_> {
    let directories = tracked.needs.iter().map(|dir| Need::Directory(dir));
    let patterns = tracked.settings.after.iter().map(Need::Matching);
    Member {
        id: &tracked.id,
        place: format!("{}/{}", tracked.source, tracked.dir),
        source: tracked.source.as_str(),
        workspace: &tracked.workspace,
        name: tracked.name.as_deref(),
        needs: directories.chain(patterns).collect(),
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
