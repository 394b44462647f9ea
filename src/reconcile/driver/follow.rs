//! Which stacks there are, and when each of them is due.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::domain::budget::Account;
use crate::domain::cadence::Rest;
use crate::domain::cost::Cost;
use crate::domain::ids::{CommitId, SourceName, StackId};
use crate::domain::pause::Scope;
use crate::domain::run::Trigger;
use crate::domain::stack::StackRecord;

use super::super::command::SourceUpdate;
use super::super::habits::Habit;
use super::super::record::first_record;
use super::super::resolve::Tracked;
use super::super::step::duration;
use super::super::{clock, leave, summary};
use super::{Driver, Followed};

/// What the driver has to know of a stack from before its start.
#[derive(Debug, Clone, Default)]
pub(super) struct Remembered {
    checked_at: Option<Timestamp>,
    /// Whether a look waits for a second one.
    unsettled: bool,
    cost: Option<Cost>,
    habit: Habit,
    /// When an earlier process said that it decides again.
    not_before: Option<Timestamp>,
}

impl Remembered {
    pub(super) fn of(record: &StackRecord) -> Self {
        let last = record.last.as_ref();
        Self {
            checked_at: record.checked_at,
            unsettled: record.doubt.unconfirmed.is_some(),
            cost: record.cost,
            habit: Habit::of(record),
            not_before: last.and_then(|check| check.decision.not_before),
        }
    }
}

impl Driver {
    pub(super) async fn take_source(&mut self, update: SourceUpdate) {
        let present: BTreeSet<&StackId> = update.stacks.iter().map(|stack| &stack.id).collect();
        let gone: Vec<StackId> = self
            .stacks
            .values()
            .filter(|f| f.tracked.source == update.source && !present.contains(&f.tracked.id))
            .map(|f| f.tracked.id.clone())
            .collect();
        for stack in &gone {
            self.unfollow(stack);
            self.queue.remove(stack);
        }
        if let Err(error) = leave::leave(&self.context, &update).await {
            tracing::error!("cannot remember which stacks left: {error}");
        }
        let (known, new): (Vec<Tracked>, Vec<Tracked>) = update
            .stacks
            .into_iter()
            .partition(|tracked| self.stacks.contains_key(&tracked.id));
        for tracked in known {
            self.follow_on(tracked, &update.commit);
        }
        let ids: BTreeSet<StackId> = new.iter().map(|tracked| tracked.id.clone()).collect();
        let remembered = self.remember(&new).await;
        for tracked in new {
            let known = remembered.get(&tracked.id);
            self.take_on(tracked, &update.commit, known);
        }
        let now = self.context.now();
        for touched in &update.touched {
            self.wait_for(touched, Trigger::Git, Some(now));
        }
        self.put_in_order();
        self.take_up_looks(&ids).await;
        self.take_up_approvals().await;
        self.enqueue_due().await;
        self.tell_baseline(&update.source).await;
    }

    /// Takes up a stack that is not known here yet, with what is remembered of it.
    pub(super) fn take_on(
        &mut self,
        tracked: Tracked,
        commit: &CommitId,
        known: Option<&Remembered>,
    ) {
        let id = tracked.id.clone();
        let known = known.cloned().unwrap_or_default();
        if let Some(cost) = known.cost {
            self.context.costs.know(&id, cost);
        }
        self.context.habits.know(&id, known.habit);
        let now = self.context.now();
        let (trigger, due) = match known.checked_at {
            None => (Trigger::FirstSight, Some(now)),
            Some(_) if known.unsettled => (Trigger::Confirmation, Some(now)),
            Some(at) => {
                let scheduled = self.scheduled(&tracked, at).into_iter();
                (Trigger::Schedule, scheduled.chain(known.not_before).min())
            }
        };
        let followed = Followed {
            budgets: self.budgets(&tracked),
            tracked,
            commit: commit.clone(),
            due: None,
            trigger,
            looked: known.checked_at.is_some(),
            broken: 0,
        };
        self.stacks.insert(id.clone(), followed);
        self.wait_for(&id, trigger, due);
        self.watch_state(&id);
        if known.unsettled {
            self.confirms(&id);
        }
    }

    /// A stack that is known keeps what it waits for.
    pub(super) fn follow_on(&mut self, tracked: Tracked, commit: &CommitId) {
        let budgets = self.budgets(&tracked);
        let id = tracked.id.clone();
        if let Some(followed) = self.stacks.get_mut(&id) {
            followed.budgets = budgets;
            followed.commit = commit.clone();
            followed.tracked = tracked;
        }
        self.watch_state(&id);
    }

    /// The budgets that a stack shares.
    pub(super) fn budgets(&self, tracked: &Tracked) -> Vec<usize> {
        let providers = self.context.habits.of(&tracked.id).providers;
        let shares = |account: &Account| {
            let (which, labels) = (&account.budget().which, &tracked.settings.labels);
            let source = Some(&tracked.source);
            which.fits(tracked.id.as_str(), source, labels, &tracked.owners)
                && account.budget().takes_providers(providers.as_deref())
        };
        let accounts = self.accounts.iter().enumerate();
        let shared = accounts.filter(|(_, account)| shares(account));
        shared.map(|(at, _)| at).collect()
    }

    /// When a stack that was looked at then is looked at next, as its schedule has it and as it has been
    /// quiet.
    pub(super) fn scheduled(&self, tracked: &Tracked, last: Timestamp) -> Option<Timestamp> {
        let settings = &tracked.settings;
        let Some(cadence) = settings.adaptive else {
            return settings.schedule.next(last, &tracked.id);
        };
        let rest = Rest {
            stack: &tracked.id,
            last,
            quiet_since: self.context.habits.of(&tracked.id).quiet_since,
            max_age: duration(settings.policy.max_age),
        };
        cadence.next(&settings.schedule, &rest)
    }

    /// When a stack is looked at next, unless a run of it waits or is under way.
    pub(super) fn next_look(&self, id: &StackId) -> Option<Timestamp> {
        let is_now = self.queue.of(id).is_some() || self.active.contains(id);
        self.stacks.get(id)?.due.filter(|_| !is_now)
    }

    /// A look at a stack has ended: which budgets it shares, and when it is looked at next if nothing else
    /// is awaited, may be other than before.
    pub(super) fn take_in_habit(&mut self, id: &StackId) {
        let Some(followed) = self.stacks.get(id) else {
            return;
        };
        let budgets = self.budgets(&followed.tracked);
        let now = self.context.now();
        let adapts =
            followed.tracked.settings.adaptive.is_some() && followed.trigger == Trigger::Schedule;
        let due = adapts.then(|| self.scheduled(&followed.tracked, now));
        if let Some(followed) = self.stacks.get_mut(id) {
            followed.budgets = budgets;
        }
        if let Some(due) = due {
            self.wait_for(id, Trigger::Schedule, due);
        }
    }

    /// Stacks that are new to the database are known from now on, if only as `unknown`.
    pub(super) async fn remember(&self, new: &[Tracked]) -> BTreeMap<StackId, Remembered> {
        if new.is_empty() {
            return BTreeMap::new();
        }
        let remembered = |record: StackRecord| Some((record.id.clone(), Remembered::of(&record)));
        let known = self.context.store.each_stack(remembered).await;
        let known = known.unwrap_or_else(|error| {
            tracing::error!("cannot read what is remembered of stacks: {error}");
            Vec::new()
        });
        let known: BTreeMap<StackId, Remembered> = known.into_iter().collect();
        let now = self.context.now();
        let unknown = new.iter().filter(|stack| !known.contains_key(&stack.id));
        let records: Vec<StackRecord> = unknown.map(|stack| first_record(stack, now)).collect();
        if let Err(error) = self.context.store.add_stacks(&records).await {
            tracing::error!(stacks = records.len(), "cannot remember stacks: {error}");
        }
        known
    }

    /// Stacks that an alert wants looked at before people are told are, after a restart too.
    pub(super) async fn take_up_looks(&mut self, new: &BTreeSet<StackId>) {
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

    /// What was held back by a pause is looked at now.
    pub(super) async fn take_up(&mut self, scope: &Scope) {
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

    pub(super) fn wait_for(&mut self, id: &StackId, trigger: Trigger, due: Option<Timestamp>) {
        if let Some(followed) = self.stacks.get_mut(id) {
            followed.trigger = trigger;
            let before = std::mem::replace(&mut followed.due, due);
            if let Some(before) = before {
                self.dues.remove(&(before, id.clone()));
            }
            self.dues.extend(due.map(|due| (due, id.clone())));
        }
    }

    /// Whether a second look comes soon that is to come after a while and not at once: it sees whatever
    /// else there is to see.
    pub(super) fn is_confirmed_soon(&self, id: &StackId) -> bool {
        let Some(followed) = self.stacks.get(id) else {
            return false;
        };
        let after = duration(followed.tracked.settings.policy.confirm_after);
        let soon = self.context.now().checked_add(after).ok();
        followed.trigger == Trigger::Confirmation
            && followed.due.is_some_and(|due| Some(due) <= soon)
    }

    pub(super) fn unfollow(&mut self, id: &StackId) -> Option<Followed> {
        self.wait_for(id, Trigger::Schedule, None);
        let gone = self.stacks.remove(id);
        self.watch_state(id);
        self.confirming.remove(id);
        self.cut_off.remove(id);
        gone
    }

    pub(super) async fn tell_baseline(&mut self, source: &SourceName) {
        if self.baselines.contains(source) {
            return;
        }
        let own = || self.stacks.values().filter(|f| &f.tracked.source == source);
        if own().next().is_none() || !own().all(|followed| followed.looked) {
            return;
        }
        match summary::first_sight(&self.context, source).await {
            Ok(()) => {
                self.baselines.insert(source.clone());
            }
            Err(error) => tracing::error!("cannot tell the baseline: {error}"),
        }
    }
}
