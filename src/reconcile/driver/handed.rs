//! Runs that other replicas have: how they come back, and what becomes of those whose replica is gone.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ids::{RunId, StackId};
use crate::domain::run::Run;
use crate::store::{Replica, StoreError};

use super::super::habits::Habit;
use super::super::handed::{HandedBack, Task};
use super::super::undertake::Broken;
use super::Driver;

/// How often it is looked for what came back, and for who is there, if nothing rings.
const SOON: Duration = Duration::from_secs(2);
const LATER: Duration = Duration::from_secs(5);

impl Driver {
    /// Hands a run to a replica. Whether it was handed out is known in the end, also where the answer of
    /// the database got lost: a run that is taken through twice would be worse than one that waits.
    pub(super) async fn hand_out(
        &self,
        run: &Run,
        replica: &Replica,
        task: &Task,
    ) -> Result<(), StoreError> {
        let store = &self.context.store;
        let Err(error) = store.hand_out(run, replica.number, task).await else {
            return Ok(());
        };
        loop {
            match store.was_handed_out(&run.id).await {
                Ok(true) => return Ok(()),
                Ok(false) | Err(StoreError::Fenced) => return Err(error),
                Err(unknown) => {
                    tracing::warn!(run = %run.id, "whether it was handed out is not known yet: {unknown}");
                }
            }
            let pause = tokio::time::sleep(SOON);
            if self
                .context
                .stop
                .plans
                .run_until_cancelled(pause)
                .await
                .is_none()
            {
                return Err(error);
            }
        }
    }

    /// Takes back what other replicas have done, if it is time to look.
    pub(super) async fn collect(&mut self) {
        if !self.context.store.is_shared() || Instant::now() < self.places.look_at {
            return;
        }
        if let Err(error) = self.collect_now().await {
            tracing::error!("cannot read what other replicas have done: {error}");
        }
        let wait = match self.places.handed.is_empty() {
            true => LATER,
            false => SOON,
        };
        self.places.look_at = Instant::now() + wait;
    }

    async fn collect_now(&mut self) -> Result<(), StoreError> {
        let replicas = self.context.store.replicas().await?;
        let back = self.context.store.handed_back::<HandedBack>().await?;
        let mut settled: Vec<RunId> = Vec::new();
        for (id, back) in back {
            let known = self.places.of(&id).map(|handed| handed.run.stack.clone());
            let Some(stack) = known else {
                settled.push(id);
                continue;
            };
            if self.is_read(&stack) {
                settled.push(id);
                self.came_back(&stack, back).await;
            }
        }
        let is_there = |number: i64| replicas.iter().any(|replica| replica.number == number);
        let lost = self.places.handed.iter();
        let lost = lost.filter(|(stack, handed)| !is_there(handed.replica) && self.is_read(stack));
        let lost: Vec<StackId> = lost.map(|(stack, _)| stack.clone()).collect();
        for stack in lost {
            if let Some(run) = self.taken(&stack) {
                settled.push(run.id);
                let name = run.lease.as_ref().map(|lease| lease.name.clone());
                let broken = Broken::Lost(name.unwrap_or_default());
                self.ended(Ok((run, Err(broken)))).await;
            }
        }
        let own = self.context.lease.as_ref();
        let is_alike = |configuration: &str, version: &str| {
            configuration == self.context.settings.digest && version == env!("CARGO_PKG_VERSION")
        };
        let others = replicas.into_iter().filter(|replica| {
            own.is_some_and(|own| own.replica != replica.number)
                && is_alike(&replica.about.configuration, &replica.about.version)
        });
        self.places.others = others.collect();
        self.context.store.settle_handed(&settled).await
    }

    /// What is not followed has left its source only if that has been read since the start.
    fn is_read(&self, stack: &StackId) -> bool {
        let Some(handed) = self.places.handed.get(stack) else {
            return false;
        };
        let mut followed = self.stacks.values();
        self.stacks.contains_key(stack)
            || followed.any(|followed| followed.tracked.source == handed.source)
    }

    fn taken(&mut self, stack: &StackId) -> Option<Run> {
        let handed = self.places.handed.remove(stack)?;
        Some(handed.run)
    }

    async fn came_back(&mut self, stack: &StackId, back: HandedBack) {
        let Some(run) = self.taken(stack) else {
            return;
        };
        match self.context.store.stack(stack).await {
            Ok(Some(record)) => {
                if let Some(cost) = record.cost {
                    self.context.costs.learn(stack, cost);
                }
                self.context.habits.know(stack, Habit::of(&record));
            }
            Ok(None) => {}
            Err(error) => tracing::warn!("cannot read what a look has cost: {error}"),
        }
        if back.throttled {
            self.context.costs.throttled(stack);
        }
        if back.applied {
            self.context.orders.changed(stack);
        }
        self.context.orders.hold_for(stack, &back.awaited);
        let replica = run.lease.as_ref().map(|lease| lease.name.clone());
        let next = back.next.map_err(|why| Broken::Elsewhere {
            replica: replica.unwrap_or_default(),
            why,
        });
        self.ended(Ok((run, next))).await;
    }
}
