//! What is to be looked at, and why.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::domain::audit::{Action, NewAudit};
use crate::domain::identity::Identity;
use crate::domain::ids::{RunId, StackId};
use crate::domain::run::{Run, RunState, Trigger};
use crate::store::StoreError;
use crate::telemetry::metrics;

use super::super::command::Refusal;
use super::super::fresh;
use super::super::release::release;
use super::{Driver, RETRY};

impl Driver {
    pub(super) async fn run_now(
        &mut self,
        stack: &StackId,
        trigger: Trigger,
        by: Option<&Identity>,
    ) -> Result<RunId, Refusal> {
        if !self.stacks.contains_key(stack) {
            return Err(Refusal::UnknownStack(stack.clone()));
        }
        Ok(self.enqueue(stack, trigger, by).await?)
    }

    pub(super) async fn resume(
        &mut self,
        stack: &StackId,
        by: &Identity,
    ) -> Result<RunId, Refusal> {
        if self.active.contains(stack) || self.unsettled.contains_key(stack) {
            return Err(Refusal::Running(stack.clone()));
        }
        if !self.stacks.contains_key(stack) {
            return Err(Refusal::UnknownStack(stack.clone()));
        }
        release(&self.context, stack, by).await?;
        self.run_now(stack, Trigger::Person, None).await
    }

    pub(super) async fn enqueue_due(&mut self) {
        let now = self.context.now();
        let due = self.dues.iter().take_while(|(due, _)| *due <= now);
        let due: Vec<(StackId, Trigger)> = due
            .filter_map(|(_, id)| Some((id.clone(), self.stacks.get(id)?.trigger)))
            .collect();
        let due = self.roll_back_again(due).await;
        let (mut new, mut hastened) = (Vec::new(), Vec::new());
        for (id, trigger) in &due {
            match self.queue.of(id) {
                Some(queued) => hastened.extend(hasten(queued, *trigger)),
                None => new.push(Run::queued(fresh::run(), id.clone(), *trigger, now)),
            }
        }
        let stored = self.context.store.enqueue_all(&new, &hastened).await;
        let queued = match stored {
            Ok(stored) => {
                let (new, known): (Vec<Run>, Vec<Run>) =
                    new.into_iter().partition(|run| stored.contains(&run.id));
                new.into_iter()
                    .chain(hastened)
                    .for_each(|run| self.queue.push(run));
                self.take_up_queued(&known).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &queued {
            tracing::error!(runs = due.len(), "cannot queue runs: {error}");
        }
        for (id, trigger) in due {
            let (trigger, next) = match queued {
                Ok(()) => (Trigger::Schedule, self.next_scheduled(&id, now)),
                Err(_) => (trigger, now.checked_add(RETRY).ok()),
            };
            self.wait_for(&id, trigger, next);
        }
        metrics::queue_length(self.queue.len());
    }

    /// Runs that the database has as queued for these stacks and that are not known here.
    pub(super) async fn take_up_queued(&mut self, known: &[Run]) -> Result<(), StoreError> {
        if known.is_empty() {
            return Ok(());
        }
        let unfinished = self.context.store.unfinished_runs().await?;
        let queued = unfinished
            .into_iter()
            .filter(|run| run.state == RunState::Queued);
        let stacks: BTreeSet<&StackId> = known.iter().map(|run| &run.stack).collect();
        for run in queued.filter(|run| stacks.contains(&run.stack)) {
            self.queue.push(run);
        }
        Ok(())
    }

    pub(super) fn next_scheduled(&self, id: &StackId, after: Timestamp) -> Option<Timestamp> {
        let followed = self.stacks.get(id)?;
        self.scheduled(&followed.tracked, after)
    }

    /// Queues a run of a stack, or finds the one that is queued already; keeps who asked for it.
    pub(super) async fn enqueue(
        &mut self,
        stack: &StackId,
        trigger: Trigger,
        by: Option<&Identity>,
    ) -> Result<RunId, StoreError> {
        let now = self.context.now();
        let asked = |run: RunId| {
            let stack = stack.clone();
            by.map(|by| NewAudit::asked(now, by, Action::PlanRequested { stack, run }))
        };
        let store = &self.context.store;
        if let Some(queued) = self.queue.of(stack) {
            let id = queued.id;
            store.record(asked(id).as_slice()).await?;
            if let Some(run) = hasten(queued, trigger) {
                store.save_run(&run).await?;
                self.queue.push(run);
            }
            return Ok(id);
        }
        let run = Run::queued(fresh::run(), stack.clone(), trigger, now);
        let run = if store.enqueue(&run, asked(run.id).as_ref()).await? {
            run
        } else {
            let mut stored = store.unfinished_runs().await?.into_iter();
            let queued = stored.find(|r| &r.stack == stack && r.state == RunState::Queued);
            let run = queued.unwrap_or(run);
            store.record(asked(run.id).as_slice()).await?;
            run
        };
        let id = run.id;
        self.queue.push(run);
        Ok(id)
    }
}

/// A queued run that somebody else wants too, if for a reason that is more urgent.
fn hasten(queued: &Run, trigger: Trigger) -> Option<Run> {
    (trigger.head_start() > queued.trigger.head_start()).then(|| Run {
        trigger,
        ..queued.clone()
    })
}
