//! Who waits for whom at a time, and for how long at most.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::super::ids::StackId;
use super::{Order, Place};

/// A run waits no longer than this for those of what its stack needs: theirs may be held up by
/// anything.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// Who has to wait as long as these stacks may be changed.
#[derive(Debug)]
pub struct Round<'a> {
    order: &'a Order,
    changing: BTreeSet<Place>,
    /// How many of each group may be changed.
    counts: BTreeMap<usize, usize>,
}

impl Order {
    /// Who has to wait while these stacks may be changed.
    pub fn round<'s>(&self, changing: impl IntoIterator<Item = &'s StackId>) -> Round<'_> {
        let mut round = Round {
            order: self,
            changing: BTreeSet::new(),
            counts: BTreeMap::new(),
        };
        if self.groups.is_empty() {
            return round;
        }
        let places = changing.into_iter().filter_map(|stack| self.place(stack));
        round.changing = places.collect();
        for place in &round.changing {
            for group in self.within.get(*place).into_iter().flatten() {
                *round.counts.entry(*group).or_default() += 1;
            }
        }
        round
    }
}

impl Round<'_> {
    /// A stack that this one has to wait for; none if there is none.
    pub fn needed(&self, stack: &StackId) -> Option<&StackId> {
        if self.counts.is_empty() {
            return None;
        }
        let needs = self.order.needs.get(self.order.place(stack)?)?;
        let group = needs.iter().find(|group| self.counts.contains_key(group))?;
        let mut places = self.order.groups.get(*group)?.iter();
        let place = places.find(|place| self.changing.contains(place))?;
        self.order.ids.get(*place)
    }
}

/// Runs that are held back, each since when and for which stack.
#[derive(Debug, Default)]
pub struct Waiting(BTreeMap<StackId, (Timestamp, StackId)>);

impl Waiting {
    /// Who waits now, of these that are queued; gives those that did not before.
    pub fn update<'s>(
        &mut self,
        round: &Round<'_>,
        queued: impl IntoIterator<Item = &'s StackId>,
        now: Timestamp,
    ) -> Vec<(StackId, StackId)> {
        let mut before = std::mem::take(&mut self.0);
        let mut new = Vec::new();
        for stack in queued {
            let Some(needed) = round.needed(stack) else {
                continue;
            };
            // There may be thousands, and this is asked whenever a run ends.
            let (stack, since) = match before.remove_entry(stack) {
                Some((stack, (since, before))) if before == *needed => {
                    self.0.insert(stack, (since, before));
                    continue;
                }
                Some((stack, (since, _))) => (stack, since),
                None => {
                    new.push((stack.clone(), needed.clone()));
                    (stack.clone(), now)
                }
            };
            self.0.insert(stack, (since, needed.clone()));
        }
        new
    }

    /// The stack that a queued run is held back for at a time; none if it may start.
    pub fn needed(&self, stack: &StackId, now: Timestamp) -> Option<&StackId> {
        let (since, needed) = self.0.get(stack)?;
        (now.duration_since(*since) < PATIENCE).then_some(needed)
    }

    /// The run of a stack has started: another one waits anew.
    pub fn started(&mut self, stack: &StackId) {
        self.0.remove(stack);
    }
}
