//! The driver: one task that knows what is due, queued and under way, and lets nothing run twice.

mod apart;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::domain::audit::{Action, NewAudit};
use crate::domain::identity::Identity;
use crate::domain::ids::{RunId, SourceName, StackId};
use crate::domain::pause::Scope;
use crate::domain::request::Rollback;
use crate::domain::run::{Run, RunState, Trigger};
use crate::store::StoreError;
use crate::telemetry::{metrics, run_span};

use self::apart::{Settled, Unsettled};
use super::command::{Command, Refusal, SourceUpdate};
use super::context::Context;
use super::fresh;
use super::pass::{first_record, pass};
use super::pulse::Part;
use super::recover::{self, LeftOver};
use super::release::release;
use super::resolve::Tracked;
use super::step::{Next, duration};
use super::{clock, leave, rollback, summary};

/// The clock is looked at this often at least, so that a jump of it is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// What broke off is tried again after this time.
const RETRY: SignedDuration = SignedDuration::from_secs(10);
/// The wait doubles this often, to about an hour and a half.
const LAST_DOUBLING: u32 = 9;

#[derive(Debug)]
struct Followed {
    tracked: Tracked,
    due: Option<Timestamp>,
    trigger: Trigger,
    looked: bool,
    /// How many runs in a row broke off.
    broken: u32,
}

/// Why a run came to no end of its own.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("it cannot be recorded: {0}")]
    Store(#[from] StoreError),
    #[error("it stopped unexpectedly: {0}")]
    Panic(#[from] tokio::task::JoinError),
}

/// A run that ended, and what is to come.
type Ended = (Run, Result<Next, Broken>);

/// The driver's own state. The database holds the same runs; this is what is acted on.
#[derive(Debug)]
pub struct Driver {
    context: Arc<Context>,
    stacks: BTreeMap<StackId, Followed>,
    queue: VecDeque<Run>,
    active: BTreeSet<StackId>,
    running: JoinSet<Ended>,
    /// Runs that broke off and whose end is not recorded yet: until it is, their stacks are left
    /// alone, because an apply may have been among what they did.
    unsettled: BTreeMap<StackId, Unsettled>,
    settling: JoinSet<(StackId, Settled)>,
    /// Stacks that somebody else works on; each ends when it is given back.
    borrowed: JoinSet<StackId>,
    /// Who wants which rollback that is queued. A restart forgets them: nobody was asked yet.
    wanted: BTreeMap<RunId, Rollback>,
}

impl Driver {
    /// A driver that begins with the runs that a restart left over.
    pub fn new(context: Arc<Context>, left_over: LeftOver) -> Self {
        let cut_off = left_over.cut_off.into_iter();
        Self {
            context,
            stacks: BTreeMap::new(),
            queue: left_over.again.into(),
            active: BTreeSet::new(),
            running: JoinSet::new(),
            unsettled: cut_off
                .map(|run| (run.stack.clone(), Unsettled::new(run, recover::STOPPED)))
                .collect(),
            settling: JoinSet::new(),
            borrowed: JoinSet::new(),
            wanted: BTreeMap::new(),
        }
    }

    /// Drives until the daemon stops, then waits for what is under way.
    pub async fn drive(mut self, mut commands: mpsc::Receiver<Command>) {
        let stop = self.context.stop.plans.clone();
        loop {
            self.context.pulse.beat(Part::Driver);
            self.settle();
            self.start_runs();
            let sleep = self.until_due();
            tokio::select! {
                () = stop.cancelled() => break,
                Some(command) = commands.recv() => self.obey(command).await,
                Some(ended) = self.running.join_next() => self.ended(ended).await,
                Some(settled) = self.settling.join_next() => self.settled(settled),
                Some(stack) = self.borrowed.join_next() => self.given_back(stack),
                () = tokio::time::sleep(sleep) => self.enqueue_due().await,
            }
        }
        commands.close();
        while let Some(ended) = self.running.join_next().await {
            self.ended(ended).await;
        }
        while let Some(stack) = self.borrowed.join_next().await {
            self.given_back(stack);
        }
        self.settle();
        while let Some(settled) = self.settling.join_next().await {
            self.settled(settled);
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Source(update, done) => {
                self.take_source(update).await;
                let _gone = done.send(());
            }
            Command::PlanNow(stack, by, reply) => {
                let _gone = reply.send(self.plan_now(&stack, Some(&by)).await);
            }
            Command::Rollback(stack, to, (rollback, by), reply) => {
                let _gone = reply.send(self.roll_back(&stack, &to, rollback, &by).await);
            }
            Command::Unpaused(scope) => self.take_up(&scope).await,
            Command::Approved(stack, reply) => {
                let _gone = reply.send(self.run_now(&stack, Trigger::Approval, None).await);
            }
            Command::Resume(stack, by, reply) => {
                let _gone = reply.send(self.resume(&stack, &by).await);
            }
            Command::Borrow(stack, reply) => {
                let _gone = reply.send(self.borrow(&stack));
            }
        }
    }

    async fn plan_now(&mut self, stack: &StackId, by: Option<&Identity>) -> Result<RunId, Refusal> {
        self.run_now(stack, Trigger::Person, by).await
    }

    async fn run_now(
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

    async fn roll_back(
        &mut self,
        stack: &StackId,
        to: &str,
        rollback: Rollback,
        by: &Identity,
    ) -> Result<RunId, Refusal> {
        let Some(followed) = self.stacks.get(stack) else {
            return Err(Refusal::UnknownStack(stack.clone()));
        };
        if self.unsettled.contains_key(stack) {
            return Err(Refusal::Running(stack.clone()));
        }
        let commit = rollback::commit_named(&self.context, &followed.tracked, to).await?;
        let id = self.enqueue(stack, Trigger::Rollback, None).await?;
        // A look that was queued already gives way: another follows it.
        if let Some(run) = self.queue.iter_mut().find(|run| run.id == id) {
            (run.trigger, run.commit) = (Trigger::Rollback, Some(commit));
            self.context.store.save_run(run).await?;
        }
        let wanted = Action::RollbackWanted {
            stack: stack.clone(),
            run: id,
            to: to.to_owned(),
            reason: rollback.reason.clone(),
        };
        let entry = NewAudit::asked(self.context.now(), by, wanted);
        self.context.store.record(&[entry]).await?;
        self.wanted.insert(id, rollback);
        Ok(id)
    }

    async fn resume(&mut self, stack: &StackId, by: &Identity) -> Result<RunId, Refusal> {
        if self.active.contains(stack) || self.unsettled.contains_key(stack) {
            return Err(Refusal::Running(stack.clone()));
        }
        let recorded = release(&self.context, stack, by).await?;
        self.plan_now(stack, (!recorded).then_some(by)).await
    }

    async fn take_source(&mut self, update: SourceUpdate) {
        let present: BTreeSet<&StackId> = update.stacks.iter().map(|stack| &stack.id).collect();
        let gone: Vec<StackId> = self
            .stacks
            .values()
            .filter(|f| f.tracked.source == update.source && !present.contains(&f.tracked.id))
            .map(|f| f.tracked.id.clone())
            .collect();
        self.stacks.retain(|id, _| !gone.contains(id));
        self.queue.retain(|run| !gone.contains(&run.stack));
        if let Err(error) = leave::leave(&self.context, &update).await {
            tracing::error!("cannot remember which stacks left: {error}");
        }
        let mut new = BTreeSet::new();
        for tracked in update.stacks {
            if !self.stacks.contains_key(&tracked.id) {
                new.insert(tracked.id.clone());
            }
            self.follow(tracked, &update.touched).await;
        }
        self.take_up_looks(&new).await;
        self.take_up_approvals().await;
        self.enqueue_due().await;
        self.tell_baseline(&update.source).await;
    }

    async fn follow(&mut self, tracked: Tracked, touched: &BTreeSet<StackId>) {
        let id = tracked.id.clone();
        let now = self.context.now();
        let record = self.context.store.stack(&id).await.unwrap_or_default();
        if record.is_none() {
            // Known from now on, if only as `unknown`.
            let record = first_record(&tracked, now);
            if let Err(error) = self.context.store.save_stack(&record).await {
                tracing::error!(stack = id.as_str(), "cannot remember the stack: {error}");
            }
        }
        let unsettled = record
            .as_ref()
            .is_some_and(|r| r.doubt.unconfirmed.is_some());
        let checked = record.as_ref().and_then(|record| record.checked_at);
        // An earlier process may have said when it decides again.
        let last = record.as_ref().and_then(|record| record.last.as_ref());
        let again = last.and_then(|check| check.decision.not_before);
        let (trigger, due) = match checked {
            _ if touched.contains(&id) => (Trigger::Git, Some(now)),
            None => (Trigger::FirstSight, Some(now)),
            Some(_) if unsettled => (Trigger::Confirmation, Some(now)),
            Some(at) => {
                let scheduled = tracked.settings.schedule.next(at, &id);
                (Trigger::Schedule, scheduled.into_iter().chain(again).min())
            }
        };
        let before = self.stacks.remove(&id);
        // A stack that is known keeps what it waits for, unless Git gives a reason to look now.
        let (trigger, due) = match &before {
            Some(before) if trigger != Trigger::Git => (before.trigger, before.due),
            _ => (trigger, due),
        };
        let looked = checked.is_some() || before.is_some_and(|before| before.looked);
        self.stacks.insert(
            id,
            Followed {
                tracked,
                due,
                trigger,
                looked,
                broken: 0,
            },
        );
    }

    /// Stacks that an alert wants looked at before people are told are, after a restart too.
    async fn take_up_looks(&mut self, new: &BTreeSet<StackId>) {
        let looks = match clock::looks(&self.context).await {
            Ok(looks) => looks,
            Err(error) => {
                tracing::error!("cannot read which looks are awaited: {error}");
                return;
            }
        };
        for (stack, at) in looks.into_iter().filter(|(stack, _)| new.contains(stack)) {
            let due = self.stacks.get(&stack).and_then(|followed| followed.due);
            if due.is_none_or(|due| at < due) {
                self.wait_for(&stack, Trigger::Confirmation, Some(at));
            }
        }
    }

    /// What was approved while nobody could act on it is looked at now.
    async fn take_up_approvals(&mut self) {
        let live = match self.context.store.live_requests().await {
            Ok(live) => live,
            Err(error) => {
                tracing::error!("cannot read what was approved: {error}");
                return;
            }
        };
        let now = self.context.now();
        for request in live.iter().filter(|request| request.is_live(now)) {
            self.wait_for(&request.stack, Trigger::Approval, Some(now));
        }
    }

    /// What was held back by a pause is looked at now.
    async fn take_up(&mut self, scope: &Scope) {
        let now = self.context.now();
        let drifting = match self.context.store.stacks().await {
            Ok(records) => records.into_iter().filter(|r| r.drift_since.is_some()),
            Err(error) => {
                tracing::error!("cannot read which stacks were paused: {error}");
                return;
            }
        };
        for record in drifting.filter(|record| scope.holds(&record.id, &record.source)) {
            self.wait_for(&record.id, Trigger::Schedule, Some(now));
        }
        self.take_up_approvals().await;
        self.enqueue_due().await;
    }

    async fn enqueue_due(&mut self) {
        let now = self.context.now();
        let due: Vec<(StackId, Trigger)> = self
            .stacks
            .iter()
            .filter(|(_, followed)| followed.due.is_some_and(|due| due <= now))
            .map(|(id, followed)| (id.clone(), followed.trigger))
            .collect();
        for (id, trigger) in due {
            let next = match self.enqueue(&id, trigger, None).await {
                Ok(_) => self.next_scheduled(&id, now),
                Err(error) => {
                    tracing::error!(stack = id.as_str(), "cannot queue a run: {error}");
                    now.checked_add(RETRY).ok()
                }
            };
            self.wait_for(&id, Trigger::Schedule, next);
        }
        metrics::queue_length(self.queue.len());
    }

    fn next_scheduled(&self, id: &StackId, after: Timestamp) -> Option<Timestamp> {
        let followed = self.stacks.get(id)?;
        followed.tracked.settings.schedule.next(after, id)
    }

    fn wait_for(&mut self, id: &StackId, trigger: Trigger, due: Option<Timestamp>) {
        if let Some(followed) = self.stacks.get_mut(id) {
            followed.trigger = trigger;
            followed.due = due;
        }
    }

    /// Queues a run of a stack, or finds the one that is queued already; keeps who asked for it.
    async fn enqueue(
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
        if let Some(queued) = self.queue.iter().find(|run| &run.stack == stack) {
            store.record(asked(queued.id).as_slice()).await?;
            return Ok(queued.id);
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
        self.queue.push_back(run);
        Ok(id)
    }

    /// Starts what fits: no more than configured, never two runs of one stack.
    fn start_runs(&mut self) {
        let mut waiting = VecDeque::new();
        while let Some(run) = self.queue.pop_front() {
            let full = self.running.len() >= self.context.settings.jobs;
            let taken = self.active.contains(&run.stack) || self.unsettled.contains_key(&run.stack);
            if full || taken || !self.start(&run) {
                waiting.push_back(run);
            }
        }
        self.queue = waiting;
        metrics::queue_length(self.queue.len());
        metrics::runs_active(self.running.len());
    }

    /// Starts a run, unless its stack is not known yet (sources are still being read).
    fn start(&mut self, run: &Run) -> bool {
        let Some(followed) = self.stacks.get(&run.stack) else {
            return false;
        };
        let Some(commit) = self.context.heads.get(&followed.tracked.source) else {
            return false;
        };
        let (context, tracked) = (self.context.clone(), followed.tracked.clone());
        let span = run_span(&run.id, &run.stack);
        self.active.insert(run.stack.clone());
        let (run, span_of_pass) = (run.clone(), span.clone());
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
        true
    }

    async fn ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        let Ok((run, next)) = ended else {
            return;
        };
        self.active.remove(&run.stack);
        if let Err(broken) = &next {
            tracing::error!(run = %run.id, stack = run.stack.as_str(), "the run broke off: {broken}");
            let broken = Unsettled::new(run.clone(), &broken.to_string());
            self.unsettled.insert(run.stack.clone(), broken);
        }
        let Some(followed) = self.stacks.get_mut(&run.stack) else {
            // It left its source while it was looked at, and the run has remembered it again.
            if let Err(error) = leave::forget(&self.context, &run.stack).await {
                tracing::error!(
                    stack = run.stack.as_str(),
                    "cannot take leave of it: {error}"
                );
            }
            return;
        };
        let now = self.context.now();
        match next {
            Ok(Next::Rest) => (followed.looked, followed.broken) = (true, 0),
            Ok(Next::LookAt(at)) => {
                let scheduled = followed.tracked.settings.schedule.next(now, &run.stack);
                followed.due = Some(scheduled.map_or(at, |scheduled| scheduled.min(at)));
                followed.trigger = Trigger::Confirmation;
                (followed.looked, followed.broken) = (true, 0);
            }
            Ok(Next::LookAgain) => {
                let after = duration(followed.tracked.settings.policy.confirm_after);
                followed.due = now.checked_add(after).ok();
                followed.trigger = Trigger::Confirmation;
                followed.broken = 0;
            }
            Err(_) => {
                let wait = RETRY.saturating_mul(1 << followed.broken.min(LAST_DOUBLING));
                followed.broken = followed.broken.saturating_add(1);
                followed.due = now.checked_add(wait).ok();
                followed.trigger = run.trigger;
                followed.looked = true;
            }
        }
        let source = followed.tracked.source.clone();
        self.tell_baseline(&source).await;
    }

    async fn tell_baseline(&self, source: &SourceName) {
        let own = || self.stacks.values().filter(|f| &f.tracked.source == source);
        if own().next().is_some()
            && own().all(|followed| followed.looked)
            && let Err(error) = summary::first_sight(&self.context, source).await
        {
            tracing::error!("cannot tell the baseline: {error}");
        }
    }

    fn until_due(&self) -> Duration {
        let now = self.context.now();
        let next = self
            .stacks
            .values()
            .filter_map(|followed| followed.due)
            .min();
        let wait = next.map_or(LONGEST_SLEEP, |due| {
            Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO)
        });
        wait.min(LONGEST_SLEEP)
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
