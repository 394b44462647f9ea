//! Runs that wait: in which order they start, and which of them fit beside those that are under way.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::ids::{RunId, StackId};
use super::run::Run;

/// What does not fit is passed over by smaller ones for so long; then nothing starts before it.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
/// Of so many that do not fit, none behind them is looked at.
const LOOK_AHEAD: usize = 64;

/// What is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How many more runs may be under way.
    pub runs: usize,
    /// Memory for more, in bytes; none if it is not known or not to be counted.
    pub memory: Option<u64>,
    /// Whether nothing is under way: then anything may start, however much it needs.
    pub idle: bool,
}

impl Room {
    fn fits(&self, memory: u64) -> bool {
        self.runs > 0 && (self.idle || self.memory.is_none_or(|free| memory <= free))
    }
}

/// Runs that wait, at most one of each stack.
#[derive(Debug, Default)]
pub struct Queue {
    order: BTreeMap<Place, Run>,
    places: BTreeMap<StackId, Place>,
    /// Those whose place depends on what other stacks they need.
    ordered: BTreeSet<StackId>,
    /// Since when something has been too large for what is free.
    too_large: BTreeMap<StackId, Timestamp>,
}

/// Earlier comes first. What is urgent has a head start and no more, so that nothing waits for ever.
type Place = (Timestamp, RunId);

fn place(run: &Run) -> Place {
    let at = run.queued_at.saturating_sub(run.trigger.head_start());
    (at.unwrap_or(Timestamp::MIN), run.id)
}

impl Queue {
    /// Puts a run in its place. A run of the same stack that waits already gives way to it.
    pub fn push(&mut self, run: Run) {
        let place = place(&run);
        if let Some(before) = self.places.insert(run.stack.clone(), place) {
            self.order.remove(&before);
        }
        match run.trigger.is_ordered() {
            true => self.ordered.insert(run.stack.clone()),
            false => self.ordered.remove(&run.stack),
        };
        self.order.insert(place, run);
    }

    /// The run of a stack that waits.
    pub fn of(&self, stack: &StackId) -> Option<&Run> {
        self.order.get(self.places.get(stack)?)
    }

    /// Takes a stack's run out.
    pub fn remove(&mut self, stack: &StackId) -> Option<Run> {
        self.too_large.remove(stack);
        self.ordered.remove(stack);
        self.order.remove(&self.places.remove(stack)?)
    }

    /// The stacks of which one waits.
    pub fn stacks(&self) -> impl Iterator<Item = &StackId> {
        self.places.keys()
    }

    /// The runs that wait and are no mere sweeps, sorted by stack.
    pub fn ordered(&self) -> impl Iterator<Item = &Run> {
        self.ordered.iter().filter_map(|stack| self.of(stack))
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Takes out the run that is to start next: the first that may, and whose memory fits. Those that
    /// may not are passed over; those that are too large for now as well, but not for long.
    pub fn next(
        &mut self,
        room: &Room,
        now: Timestamp,
        may: impl Fn(&Run) -> bool,
        needs: impl Fn(&StackId) -> u64,
    ) -> Option<Run> {
        if room.runs == 0 {
            return None;
        }
        let mut found = None;
        let mut larger = 0;
        for run in self.order.values().filter(|run| may(run)) {
            if room.fits(needs(&run.stack)) {
                found = Some(run.stack.clone());
                break;
            }
            let since = *self.too_large.entry(run.stack.clone()).or_insert(now);
            larger += 1;
            if now.duration_since(since) > PATIENCE || larger >= LOOK_AHEAD {
                return None;
            }
        }
        self.remove(&found?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::run::Trigger;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    fn run_id(number: u128) -> RunId {
        RunId::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn run(number: u128, stack: &str, trigger: Trigger, seconds: i64) -> Run {
        Run::queued(run_id(number), StackId::new(stack), trigger, at(seconds))
    }

    fn any() -> Room {
        Room {
            runs: 1,
            memory: None,
            idle: false,
        }
    }

    fn drained(queue: &mut Queue) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(run) = queue.next(&any(), at(0), |_| true, |_| 1) {
            names.push(run.stack.to_string());
        }
        names
    }

    #[test]
    fn what_is_urgent_comes_first_but_not_before_what_has_waited_for_hours() {
        let mut queue = Queue::default();
        queue.push(run(1, "swept", Trigger::Schedule, 0));
        queue.push(run(2, "pushed", Trigger::Git, 10));
        queue.push(run(3, "asked", Trigger::Person, 20));
        queue.push(run(4, "long ago", Trigger::Schedule, -3 * 3600));
        assert_eq!(
            drained(&mut queue),
            ["long ago", "asked", "pushed", "swept"]
        );
    }

    #[test]
    fn a_stack_waits_once() {
        let mut queue = Queue::default();
        queue.push(run(1, "a", Trigger::Schedule, 0));
        queue.push(run(1, "a", Trigger::Person, 0));
        assert_eq!(queue.len(), 1);
        assert_eq!(
            queue.of(&StackId::new("a")).unwrap().trigger,
            Trigger::Person
        );
        assert!(queue.remove(&StackId::new("a")).is_some());
        assert!(queue.is_empty() && queue.of(&StackId::new("a")).is_none());
    }

    #[test]
    fn smaller_ones_pass_a_large_one_for_a_while_and_then_wait_for_it() {
        let mut queue = Queue::default();
        queue.push(run(1, "large", Trigger::Schedule, 0));
        for number in 2..6 {
            queue.push(run(
                number,
                &format!("small {number}"),
                Trigger::Schedule,
                1,
            ));
        }
        let needs = |stack: &StackId| if stack.as_str() == "large" { 10 } else { 1 };
        let room = |free: u64, idle: bool| Room {
            runs: 1,
            memory: Some(free),
            idle,
        };
        let mut next = |free, seconds, idle| {
            let run = queue.next(&room(free, idle), at(seconds), |_| true, needs);
            run.map(|run| run.stack.to_string())
        };
        assert_eq!(next(5, 0, false).as_deref(), Some("small 2"));
        assert_eq!(next(5, 60, false).as_deref(), Some("small 3"));
        assert_eq!(next(5, 121, false), None, "it has waited long enough");
        assert_eq!(next(10, 122, false).as_deref(), Some("large"));
        assert_eq!(next(0, 123, false), None);
        assert_eq!(
            next(0, 124, true).as_deref(),
            Some("small 4"),
            "alone anything fits"
        );
    }

    proptest! {
        #[test]
        fn memory_is_never_overdrawn_by_two_and_every_run_starts(
            needs in prop::collection::vec(1u64..40, 1..40),
            order in prop::collection::vec(0usize..8, 0..400),
            capacity in 1u64..50,
            jobs in 1usize..5,
        ) {
            let mut queue = Queue::default();
            let name = |index: usize| StackId::new(index.to_string());
            for (index, _) in needs.iter().enumerate() {
                let trigger = if index % 3 == 0 { Trigger::Git } else { Trigger::Schedule };
                queue.push(run(index as u128, name(index).as_str(), trigger, 0));
            }
            let need = |stack: &StackId| needs[stack.as_str().parse::<usize>().unwrap()];
            let mut running: Vec<StackId> = Vec::new();
            let mut started = 0;
            let ends = order.into_iter().chain(std::iter::repeat_n(0, 4 * needs.len()));
            for (tick, ends) in ends.enumerate() {
                let now = at(i64::try_from(tick).unwrap() * 30);
                let used: u64 = running.iter().map(need).sum();
                let room = Room {
                    runs: jobs - running.len(),
                    memory: Some(capacity.saturating_sub(used)),
                    idle: running.is_empty(),
                };
                if let Some(run) = queue.next(&room, now, |_| true, need) {
                    started += 1;
                    running.push(run.stack);
                    let used: u64 = running.iter().map(need).sum();
                    prop_assert!(used <= capacity || running.len() == 1);
                    prop_assert!(running.len() <= jobs);
                } else if ends < running.len() {
                    running.remove(ends);
                }
            }
            prop_assert_eq!(started, needs.len());
        }
    }
}
