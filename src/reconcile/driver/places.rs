//! Where runs are taken through: by this process, and by the replicas that it hands runs to.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::domain::cost::Cost;
use crate::domain::dedication::Described;
use crate::domain::ids::{RunId, SourceName, StackId};
use crate::domain::queue::Room;
use crate::domain::run::Run;
use crate::store::Replica;

use super::super::resolve::Tracked;
use super::Driver;

/// Where a run can be taken through.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// By this process.
    Here,
    /// By another replica.
    There(Replica),
}

impl Place {
    /// The number of the replica, if it is another one.
    pub(super) const fn number(&self) -> Option<i64> {
        match self {
            Self::Here => None,
            Self::There(replica) => Some(replica.number),
        }
    }
}

/// A run that another replica has.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) run: Run,
    pub(super) replica: i64,
    pub(super) source: SourceName,
}

/// The other replicas, and what they have.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) others: Vec<Replica>,
    pub(super) handed: BTreeMap<StackId, Handed>,
    /// When it is looked for what they have done.
    pub(super) look_at: Instant,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            others: Vec::new(),
            handed: BTreeMap::new(),
            look_at: Instant::now(),
        }
    }
}

impl Places {
    /// The run with this id, if another replica has it.
    pub(super) fn of(&self, id: &RunId) -> Option<&Handed> {
        self.handed.values().find(|handed| handed.run.id == *id)
    }
}

impl Driver {
    /// Where there is most room, of all places but those that take nothing more now; this process if
    /// it is nowhere better.
    pub(super) fn roomiest(&self, without: &BTreeSet<Option<i64>>) -> Option<Place> {
        let mut best: Option<(usize, Place)> = None;
        for place in self.all_places() {
            let runs = self.room(&place).runs;
            let better = best.as_ref().is_none_or(|(most, _)| runs > *most);
            if runs > 0 && better && !without.contains(&place.number()) {
                best = Some((runs, place));
            }
        }
        best.map(|(_, place)| place)
    }

    fn all_places(&self) -> impl Iterator<Item = Place> {
        let there = self.places.others.iter().cloned().map(Place::There);
        std::iter::once(Place::Here).chain(there)
    }

    /// What is free in a place.
    pub(super) fn room(&self, place: &Place) -> Room {
        let stacks: Vec<&StackId> = match place {
            Place::Here => {
                let here = |stack: &&StackId| !self.places.handed.contains_key(*stack);
                self.active.iter().filter(here).collect()
            }
            Place::There(replica) => {
                let there = self.places.handed.iter();
                let there = there.filter(|(_, handed)| handed.replica == replica.number);
                there.map(|(stack, _)| stack).collect()
            }
        };
        let (jobs, runs) = match place {
            Place::Here => (self.context.settings.jobs, self.running.len()),
            Place::There(replica) => (replica.about.jobs, stacks.len()),
        };
        let taken = stacks.iter().map(|stack| self.memory_of(stack)).sum();
        Room {
            runs: jobs.saturating_sub(runs),
            memory: self
                .memory_in(place)
                .map(|memory| memory.saturating_sub(taken)),
            idle: runs == 0,
        }
    }

    /// Whether a stack may be looked at in a place at all.
    pub(super) fn takes(&self, place: &Place, tracked: &Tracked) -> bool {
        let name = match (place, &self.context.lease) {
            (Place::There(replica), _) => &replica.about.name,
            (Place::Here, Some(own)) => &own.name,
            (Place::Here, None) => return true,
        };
        let stack = Described {
            id: &tracked.id,
            source: &tracked.source,
            labels: &tracked.settings.labels,
            owners: &tracked.owners,
        };
        self.context.settings.dedications.takes(name, stack) && self.is_large_enough(place, tracked)
    }

    /// Where there is not even room for it alone it is only looked at if there is no larger place.
    fn is_large_enough(&self, place: &Place, tracked: &Tracked) -> bool {
        let Some(memory) = self.memory_in(place) else {
            return true;
        };
        if self.memory_of(&tracked.id) <= memory {
            return true;
        }
        let mut all = self.all_places().filter_map(|place| self.memory_in(&place));
        all.all(|other| other <= memory)
    }

    fn memory_in(&self, place: &Place) -> Option<u64> {
        match place {
            Place::Here => self.context.machine.memory,
            Place::There(replica) => replica.about.memory,
        }
    }

    fn memory_of(&self, stack: &StackId) -> u64 {
        Cost::memory(self.context.costs.of(stack))
    }
}
