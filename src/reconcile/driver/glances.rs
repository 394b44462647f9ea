//! Glances at the states of stacks, between looks: few at once, spread over time, and none at a stack that
//! is looked at anyway.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::{JoinError, JoinSet};

use crate::domain::ids::StackId;
use crate::domain::run::Trigger;
use crate::domain::schedule::share;
use crate::store::StoreError;

use super::super::state_watch::{self, Glanced, glance};
use super::super::step::duration;
use super::Driver;

/// So many glances are made at once.
const AT_ONCE: usize = 8;
/// What was refused is not tried again before this time.
const REFUSED: SignedDuration = SignedDuration::from_hours(1);

/// When each stack is glanced at, and the glances under way.
#[derive(Debug, Default)]
pub(super) struct Glances {
    order: BTreeSet<(Timestamp, StackId)>,
    times: BTreeMap<StackId, Timestamp>,
    under_way: JoinSet<(StackId, Glanced)>,
}

impl Glances {
    /// A stack is glanced at then, or not at all.
    fn plan(&mut self, stack: &StackId, at: Option<Timestamp>) {
        let before = match at {
            Some(at) => self.times.insert(stack.clone(), at),
            None => self.times.remove(stack),
        };
        if let Some(before) = before {
            self.order.remove(&(before, stack.clone()));
        }
        self.order.extend(at.map(|at| (at, stack.clone())));
    }

    /// Takes out the stack whose time it is, if there is room for one more glance.
    fn take(&mut self, now: Timestamp) -> Option<StackId> {
        let (at, stack) = self.order.first()?;
        if *at > now || self.under_way.len() >= AT_ONCE {
            return None;
        }
        let stack = stack.clone();
        self.plan(&stack, None);
        Some(stack)
    }

    /// When the next one begins; none if that waits for others to end.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let (at, _) = self.order.first()?;
        (self.under_way.len() < AT_ONCE).then_some(*at)
    }

    /// A glance that has ended; none if none is under way.
    pub(super) async fn ended(&mut self) -> Option<Result<(StackId, Glanced), JoinError>> {
        self.under_way.join_next().await
    }

    fn is_planned(&self, stack: &StackId) -> bool {
        self.times.contains_key(stack)
    }
}

impl Driver {
    /// Watches a stack from now on, or no longer, as its settings say; the first glances of all are spread
    /// over the time between two of one.
    pub(super) fn watch_state(&mut self, stack: &StackId) {
        let followed = self.stacks.get(stack);
        let every = followed.and_then(|followed| followed.tracked.settings.state_watch);
        let Some(every) = every else {
            self.glances.plan(stack, None);
            return;
        };
        if !self.glances.is_planned(stack) {
            let within = share(stack, duration(every));
            let first = self.context.now().checked_add(within).ok();
            self.glances.plan(stack, first);
        }
    }

    /// Begins the glances whose time it is.
    pub(super) fn start_glances(&mut self) {
        let now = self.context.now();
        while let Some(stack) = self.glances.take(now) {
            let Some(followed) = self.stacks.get(&stack) else {
                continue;
            };
            // Also if this one breaks off.
            let (context, tracked) = (self.context.clone(), followed.tracked.clone());
            self.glance_again(&stack, None);
            // A look sees for itself, and takes note of what it saw.
            if self.active.contains(&stack) {
                continue;
            }
            self.glances.under_way.spawn(async move {
                let glanced = glance(&context, &tracked).await;
                (stack, glanced)
            });
        }
    }

    /// A glance has ended: whoever wrote the state meanwhile has the stack looked at.
    pub(super) async fn glanced(&mut self, ended: Result<(StackId, Glanced), JoinError>) {
        let (stack, glanced) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!("a glance at a state broke off: {error}");
                return;
            }
        };
        self.glance_again(&stack, Some(&glanced));
        let is_busy = self.active.contains(&stack) || self.unsettled.contains_key(&stack);
        if is_busy || !self.stacks.contains_key(&stack) {
            return;
        }
        if let Err(error) = self.heed(&stack, &glanced).await {
            let stack = stack.as_str();
            tracing::error!(stack, "cannot remember how its state was found: {error}");
        }
    }

    /// The run is queued before it is remembered what for: a crash in between only repeats it.
    async fn heed(&mut self, stack: &StackId, glanced: &Glanced) -> Result<(), StoreError> {
        let Some(news) = state_watch::news(&self.context, stack, glanced).await? else {
            return Ok(());
        };
        if news.wakes && !self.is_confirmed_soon(stack) {
            let now = self.context.now();
            self.wait_for(stack, Trigger::StateMoved, Some(now));
            self.enqueue_due().await;
        }
        state_watch::keep(&self.context, stack, &news).await
    }

    fn glance_again(&mut self, stack: &StackId, glanced: Option<&Glanced>) {
        let followed = self.stacks.get(stack);
        let every = followed.and_then(|followed| followed.tracked.settings.state_watch);
        let wait = every.map(|every: Duration| match glanced {
            Some(Glanced::Refused(_)) => duration(every).max(REFUSED),
            _ => duration(every),
        });
        let at = wait.and_then(|wait| self.context.now().checked_add(wait).ok());
        self.glances.plan(stack, at);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[tokio::test]
    async fn a_stack_has_one_time_and_few_are_glanced_at_at_once() {
        let mut glances = Glances::default();
        let stack = |n: usize| StackId::new(format!("infra/{n}"));
        for n in 0..10 {
            glances.plan(&stack(n), Some(at(10)));
        }
        glances.plan(&stack(0), Some(at(20)));
        glances.plan(&stack(1), None);
        assert_eq!((glances.order.len(), glances.times.len()), (9, 9));
        assert_eq!(glances.take(at(9)), None);
        assert_eq!(glances.next(), Some(at(10)));
        let mut taken = Vec::new();
        while let Some(next) = glances.take(at(30)) {
            taken.push(next.clone());
            glances
                .under_way
                .spawn(async move { (next, Glanced::TooEarly) });
        }
        assert_eq!(taken, (2..10).map(stack).collect::<Vec<_>>());
        assert_eq!(glances.next(), None, "others have to end first");
        assert!(glances.ended().await.unwrap().is_ok());
        assert_eq!(glances.take(at(30)), Some(stack(0)));
        assert_eq!(glances.next(), None, "nothing is left");
    }
}
