//! What starts next: what may, and what fits.

use std::collections::BTreeSet;

use crate::domain::cost::Cost;
use crate::domain::ids::StackId;
use crate::domain::lease::Lease;
use crate::domain::outlook::Outlook;
use crate::domain::run::{Run, RunState};
use crate::store::{Replica, StoreError};
use crate::telemetry::metrics;

use super::super::handed::Task;
use super::super::step::{advance, step};
use super::super::undertake::undertake;
use super::Driver;
use super::places::{Handed, Place};

impl Driver {
    /// Starts what fits, here and elsewhere: no more than configured, never two runs of one stack.
    pub(super) async fn start_runs(&mut self) {
        self.hold_back();
        let mut full = BTreeSet::new();
        while let Some(place) = self.roomiest(&full) {
            let Some(run) = self.next_for(&place) else {
                full.insert(place.number());
                continue;
            };
            if let Err(error) = self.start(&run, &place).await {
                tracing::error!(run = %run.id, "cannot start it: {error}");
                self.queue.push(run);
                break;
            }
        }
        metrics::queue_length(self.queue.len());
        metrics::runs_active(self.running.len());
    }

    /// Takes the run out of the queue that starts next in a place.
    fn next_for(&mut self, place: &Place) -> Option<Run> {
        let (room, now) = (self.room(place), self.context.now());
        let mut queue = std::mem::take(&mut self.queue);
        // Until its source has been read a stack is not known.
        let may = |run: &Run| {
            let Some(followed) = self.stacks.get(&run.stack) else {
                return false;
            };
            let (accounts, orders) = (&self.accounts, &self.context.orders);
            let mut shared = followed.budgets.iter().filter_map(|at| accounts.get(*at));
            self.context.heads.get(&followed.tracked.source).is_some()
                && shared.all(|account| account.allows(now))
                && !self.active.contains(&run.stack)
                && !self.unsettled.contains_key(&run.stack)
                && !(run.trigger.is_ordered() && orders.awaited(&run.stack, now).is_some())
                && self.takes(place, &followed.tracked)
        };
        let needs = |stack: &StackId| Cost::memory(self.context.costs.of(stack));
        let next = queue.next(&room, now, may, needs);
        self.queue = queue;
        next
    }

    /// What is yet to be done.
    pub(super) fn outlook(&self) -> Outlook {
        let wall = |stack: &StackId| self.context.costs.of(stack).map(|cost| cost.wall_ms);
        let waiting = self.queue.stacks().map(wall);
        let under_way = self.charged.keys().map(wall);
        let there = self.places.others.iter().map(|replica| replica.about.jobs);
        let places = self.context.settings.jobs + there.sum::<usize>();
        Outlook::of(waiting, under_way, places, self.context.now())
    }

    /// Starts a run, here or by handing it to another replica. From then on it is none of those that
    /// wait, in the database too: who wants the stack looked at from now on gets another.
    pub(super) async fn start(&mut self, queued: &Run, place: &Place) -> Result<(), StoreError> {
        let Some(followed) = self.stacks.get(&queued.stack) else {
            return Ok(());
        };
        let (mut run, tracked) = (queued.clone(), followed.tracked.clone());
        // Not the head: what the repository says of policy is known as of this commit.
        let commit = followed.commit.clone();
        let wanted = self.wanted.get(&run.id).cloned();
        let now = self.context.now();
        match place {
            Place::Here => {
                run.lease.clone_from(&self.context.lease);
                step(&self.context, &mut run, RunState::Syncing).await?;
            }
            Place::There(replica) => {
                run.lease = Some(lease(replica));
                advance(&mut run, RunState::Syncing, now);
                let task = Task {
                    source: tracked.source.clone(),
                    commit: commit.clone(),
                    wanted: wanted.clone(),
                    needed: self.context.orders.needed_by(&run.stack),
                };
                self.hand_out(&run, replica, &task).await?;
                let handed = Handed {
                    run: run.clone(),
                    replica: replica.number,
                    source: tracked.source.clone(),
                };
                self.places.handed.insert(run.stack.clone(), handed);
            }
        }
        for at in &followed.budgets {
            if let Some(account) = self.accounts.get_mut(*at) {
                account.begin(now);
            }
        }
        self.charged
            .insert(run.stack.clone(), followed.budgets.clone());
        self.active.insert(run.stack.clone());
        self.begins(&run.stack, run.trigger);
        if matches!(place, Place::Here) {
            let context = self.context.clone();
            self.running.spawn(async move {
                let next = undertake(context, tracked, run.clone(), commit, wanted).await;
                (run, next)
            });
        }
        Ok(())
    }
}

fn lease(replica: &Replica) -> Lease {
    Lease {
        replica: replica.number,
        home: replica.home.clone(),
        name: replica.about.name.clone(),
    }
}
