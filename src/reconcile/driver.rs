//! The driver: one task that knows what is due, queued and under way, and lets nothing run twice.

mod apart;
mod approvals;
mod enqueue;
mod follow;
mod glances;
mod handed;
mod order;
mod places;
mod rollbacks;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::domain::budget::Account;
use crate::domain::ids::{CommitId, RunId, SourceName, StackId};
use crate::domain::queue::Queue;
use crate::domain::request::Rollback;
use crate::domain::run::{Run, Trigger};
use crate::store::Topic;

use self::apart::{Settled, Unsettled};
use self::approvals::Approvals;
use self::glances::Glances;
use self::places::{Handed, Places};
use self::rollbacks::CutOff;
use super::command::Command;
use super::context::Context;
use super::leave;
use super::pulse::Part;
use super::recover::{self, LeftOver};
use super::resolve::Tracked;
use super::step::{Next, duration};
use super::undertake::Broken;

/// The clock is looked at this often at least, so that a jump of it is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// What broke off is tried again after this time.
const RETRY: SignedDuration = SignedDuration::from_secs(10);
/// The wait doubles this often, to about an hour and a half.
const LAST_DOUBLING: u32 = 9;

#[derive(Debug)]
struct Followed {
    tracked: Tracked,
    /// The commit that its settings are of.
    commit: CommitId,
    due: Option<Timestamp>,
    trigger: Trigger,
    looked: bool,
    /// How many runs in a row broke off.
    broken: u32,
    /// The budgets that it shares, by their places.
    budgets: Vec<usize>,
}

/// A run that ended, and what is to come.
type Ended = (Run, Result<Next, Broken>);

/// The driver's own state. The database holds the same runs; this is what is acted on.
#[derive(Debug)]
pub struct Driver {
    context: Arc<Context>,
    stacks: BTreeMap<StackId, Followed>,
    /// When each of them is due.
    dues: BTreeSet<(Timestamp, StackId)>,
    queue: Queue,
    active: BTreeSet<StackId>,
    /// Those under way that may come to apply something.
    changing: BTreeSet<StackId>,
    /// Those that may apply something once a second look has said the same as the first.
    confirming: BTreeSet<StackId>,
    running: JoinSet<Ended>,
    /// Runs that broke off and whose end is not recorded yet: until it is, their stacks are left
    /// alone, because an apply may have been among what they did.
    unsettled: BTreeMap<StackId, Unsettled>,
    settling: JoinSet<(StackId, Settled)>,
    /// Stacks that somebody else works on; each ends when it is given back.
    borrowed: JoinSet<StackId>,
    /// Sources whose first sight has been told.
    baselines: BTreeSet<SourceName>,
    /// What stacks share, in the order of the settings.
    accounts: Vec<Account>,
    /// What runs under way take of them.
    charged: BTreeMap<StackId, Vec<usize>>,
    /// Who wants which rollback that is queued or under way. A restart forgets those that no other replica
    /// has: nobody was asked yet.
    wanted: BTreeMap<RunId, Rollback>,
    /// Rollbacks whose runs broke off.
    cut_off: BTreeMap<StackId, CutOff>,
    approvals: Approvals,
    /// Glances at the objects that hold states.
    glances: Glances,
    /// Other replicas, and the runs that they have.
    places: Places,
}

impl Driver {
    /// A driver that begins with the runs that a restart left over.
    pub fn new(context: Arc<Context>, left_over: LeftOver) -> Self {
        let cut_off = left_over.cut_off.into_iter();
        let mut queue = Queue::default();
        left_over.again.into_iter().for_each(|run| queue.push(run));
        let budgets = context.settings.budgets.iter().cloned();
        let unsettled = cut_off.map(|run| {
            let stack = run.stack.clone();
            let unsettled = Unsettled::new(&context.orders, run, recover::STOPPED);
            (stack, unsettled)
        });
        let unsettled = unsettled.collect();
        let (mut places, mut wanted) = (Places::default(), BTreeMap::new());
        for left in left_over.elsewhere {
            wanted.extend(left.wanted.map(|rollback| (left.run.id, rollback)));
            let stack = left.run.stack.clone();
            let handed = Handed {
                run: left.run,
                replica: left.replica,
                source: left.source,
            };
            places.handed.insert(stack, handed);
        }
        let elsewhere = || places.handed.keys().cloned();
        Self {
            accounts: budgets.map(Account::new).collect(),
            context,
            stacks: BTreeMap::new(),
            dues: BTreeSet::new(),
            baselines: BTreeSet::new(),
            charged: BTreeMap::new(),
            queue,
            active: elsewhere().collect(),
            changing: elsewhere().collect(),
            confirming: BTreeSet::new(),
            running: JoinSet::new(),
            unsettled,
            settling: JoinSet::new(),
            borrowed: JoinSet::new(),
            wanted,
            cut_off: BTreeMap::new(),
            approvals: Approvals::default(),
            glances: Glances::default(),
            places,
        }
    }

    /// Drives until the daemon stops, then waits for what is under way.
    pub async fn drive(mut self, mut commands: mpsc::Receiver<Command>) {
        let stop = self.context.stop.plans.clone();
        let mut ends = self.context.store.bell(Topic::Ends);
        loop {
            self.context.pulse.beat(Part::Driver);
            self.settle();
            self.collect().await;
            self.take_up_missed_approvals().await;
            self.start_runs().await;
            self.start_glances();
            let sleep = self.until_due();
            tokio::select! {
                () = stop.cancelled() => break,
                Some(command) = commands.recv() => self.obey(command).await,
                Some(ended) = self.running.join_next() => self.ended(ended).await,
                Some(settled) = self.settling.join_next() => self.settled(settled),
                Some(stack) = self.borrowed.join_next() => self.given_back(stack),
                Some(glanced) = self.glances.ended() => self.glanced(glanced).await,
                () = ends.rung() => self.places.look_at = Instant::now(),
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
                let planned = self.run_now(&stack, Trigger::Person, Some(&by)).await;
                let _gone = reply.send(planned);
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
            Command::Outlook(reply) => {
                let _gone = reply.send(self.outlook());
            }
            Command::NextLook(stack, reply) => {
                let _gone = reply.send(self.next_look(&stack));
            }
            Command::Borrow(stack, reply) => {
                let _gone = reply.send(self.borrow(&stack));
            }
        }
    }

    async fn ended(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        let Ok((run, next)) = ended else {
            return;
        };
        self.active.remove(&run.stack);
        let wanted = self.wanted.remove(&run.id);
        let applied = self.context.orders.take_changed(&run.stack);
        let changed = self.changing.remove(&run.stack) || applied;
        if let Err(broken) = &next {
            tracing::error!(run = %run.id, stack = run.stack.as_str(), "the run broke off: {broken}");
            let orders = &self.context.orders;
            let broken = Unsettled::new(orders, run.clone(), &broken.to_string());
            self.unsettled.insert(run.stack.clone(), broken);
        }
        let throttled = self.context.costs.take_throttled(&run.stack);
        let now = self.context.now();
        for at in self.charged.remove(&run.stack).unwrap_or_default() {
            if let Some(account) = self.accounts.get_mut(at) {
                account.end(throttled, now);
            }
        }
        let Some(followed) = self.stacks.get_mut(&run.stack) else {
            // It left its source while it was looked at, and the run has remembered it again.
            if let Err(error) = leave::forget(&self.context, &run.stack).await {
                tracing::error!(
                    stack = run.stack.as_str(),
                    "cannot take leave of it: {error}"
                );
            }
            self.wake_held(&run.stack);
            return;
        };
        let source = followed.tracked.source.clone();
        match next {
            Ok(Next::Rest) => {
                (followed.looked, followed.broken) = (true, 0);
                self.take_in_habit(&run.stack);
            }
            Ok(Next::LookAt(at)) => {
                (followed.looked, followed.broken) = (true, 0);
                self.take_in_habit(&run.stack);
                let scheduled = self.next_scheduled(&run.stack, now);
                let due = Some(scheduled.map_or(at, |scheduled| scheduled.min(at)));
                self.wait_for(&run.stack, Trigger::Confirmation, due);
            }
            Ok(Next::LookAgain) => {
                followed.broken = 0;
                let after = duration(followed.tracked.settings.policy.confirm_after);
                let due = now.checked_add(after).ok();
                self.wait_for(&run.stack, Trigger::Confirmation, due);
                self.confirms(&run.stack);
            }
            Err(_) => {
                let wait = RETRY.saturating_mul(1 << followed.broken.min(LAST_DOUBLING));
                followed.broken = followed.broken.saturating_add(1);
                followed.looked = true;
                self.wait_for(&run.stack, run.trigger, now.checked_add(wait).ok());
                if let Some(rollback) = wanted {
                    self.cut_off(&run, rollback);
                }
            }
        }
        if changed {
            self.wake_held(&run.stack);
        }
        self.tell_baseline(&source).await;
    }

    fn until_due(&self) -> Duration {
        let now = self.context.now();
        let next = self.dues.first().map(|(due, _)| *due);
        let opens = self
            .accounts
            .iter()
            .filter_map(|account| account.opens_at(now));
        let opens = opens.filter(|at| *at > now).chain(self.glances.next());
        let next = next.into_iter().chain(opens).min();
        let wait = next.map_or(LONGEST_SLEEP, |due| {
            Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO)
        });
        let wait = wait.min(LONGEST_SLEEP);
        match self.context.store.is_shared() {
            true => wait.min(
                self.places
                    .look_at
                    .saturating_duration_since(Instant::now()),
            ),
            false => wait,
        }
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
