//! What starts next: what may, and what fits.

use tracing::Instrument;

use crate::domain::cost::Cost;
use crate::domain::ids::StackId;
use crate::domain::outlook::Outlook;
use crate::domain::queue::Room;
use crate::domain::run::{Run, RunState};
use crate::store::StoreError;
use crate::telemetry::{metrics, run_span};

use super::super::pass::pass;
use super::super::rollback;
use super::super::step::step;
use super::{Broken, Driver};

impl Driver {
    /// Starts what fits: no more than configured, never two runs of one stack.
    pub(super) async fn start_runs(&mut self) {
        self.hold_back();
        loop {
            let now = self.context.now();
            let room = Room {
                runs: self
                    .context
                    .settings
                    .jobs
                    .saturating_sub(self.running.len()),
                memory: self.memory_left(),
                idle: self.running.is_empty(),
            };
            let (stacks, heads) = (&self.stacks, &self.context.heads);
            let (active, unsettled) = (&self.active, &self.unsettled);
            let (accounts, orders) = (&self.accounts, &self.context.orders);
            // Until its source has been read a stack is not known.
            let may = |run: &Run| {
                let Some(followed) = stacks.get(&run.stack) else {
                    return false;
                };
                let mut shared = followed.budgets.iter().filter_map(|at| accounts.get(*at));
                heads.get(&followed.tracked.source).is_some()
                    && shared.all(|account| account.allows(now))
                    && !active.contains(&run.stack)
                    && !unsettled.contains_key(&run.stack)
                    && !(run.trigger.is_ordered() && orders.awaited(&run.stack, now).is_some())
            };
            let needs = |stack: &StackId| Cost::memory(self.context.costs.of(stack));
            match self.queue.next(&room, now, may, needs) {
                Some(run) => {
                    if let Err(error) = self.start(&run).await {
                        tracing::error!(run = %run.id, "cannot start it: {error}");
                        self.queue.push(run);
                        break;
                    }
                }
                None => break,
            }
        }
        metrics::queue_length(self.queue.len());
        metrics::runs_active(self.running.len());
    }

    /// Memory that no run under way is taken to need, in bytes.
    pub(super) fn memory_left(&self) -> Option<u64> {
        let running = self.active.iter();
        let taken = running.map(|stack| Cost::memory(self.context.costs.of(stack)));
        Some(self.context.machine.memory?.saturating_sub(taken.sum()))
    }

    /// What is yet to be done.
    pub(super) fn outlook(&self) -> Outlook {
        let wall = |stack: &StackId| self.context.costs.of(stack).map(|cost| cost.wall_ms);
        let waiting = self.queue.stacks().map(wall);
        let under_way = self.charged.keys().map(wall);
        let (places, now) = (self.context.settings.jobs, self.context.now());
        Outlook::of(waiting, under_way, places, now)
    }

    /// Starts a run. From then on it is none of those that wait, in the database too: who wants the
    /// stack looked at from now on gets another.
    pub(super) async fn start(&mut self, queued: &Run) -> Result<(), StoreError> {
        let Some(followed) = self.stacks.get(&queued.stack) else {
            return Ok(());
        };
        let mut run = queued.clone();
        run.lease.clone_from(&self.context.lease);
        step(&self.context, &mut run, RunState::Syncing).await?;
        let (context, tracked) = (self.context.clone(), followed.tracked.clone());
        // Not the head: what the repository says of policy is known as of this commit.
        let commit = followed.commit.clone();
        let now = self.context.now();
        for at in &followed.budgets {
            if let Some(account) = self.accounts.get_mut(*at) {
                account.begin(now);
            }
        }
        self.charged
            .insert(run.stack.clone(), followed.budgets.clone());
        let span = run_span(&run.id, &run.stack);
        self.active.insert(run.stack.clone());
        self.begins(&run.stack, run.trigger);
        let span_of_pass = span.clone();
        let wanted = self.wanted.remove(&run.id);
        let work = async move {
            let (pass_run, commit) = (run.clone(), commit);
            let pass = async move {
                match (wanted, pass_run.commit.clone()) {
                    (Some(wanted), Some(to)) => {
                        rollback::pass(&context, &tracked, pass_run, wanted, &to, None).await
                    }
                    _ => pass(&context, &tracked, pass_run, &commit).await,
                }
            };
            // A task of its own, so that a panic is that run's alone.
            let ended = tokio::spawn(pass.instrument(span_of_pass)).await;
            (
                run,
                ended
                    .map_err(Broken::from)
                    .and_then(|next| next.map_err(Broken::from)),
            )
        };
        self.running.spawn(work.instrument(span));
        Ok(())
    }
}
