//! What holds for every graph of needs, and every queue.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::ids::RunId;
use super::super::queue::{Queue, Room};
use super::super::run::Run;
use super::*;

/// For each stack the stacks that it needs.
fn graphs() -> impl Strategy<Value = Vec<Vec<usize>>> {
    (1usize..12).prop_flat_map(|stacks| {
        let needs = prop::collection::vec(0..stacks, 0..3);
        prop::collection::vec(needs, stacks)
    })
}

fn id(stack: usize) -> StackId {
    StackId::new(format!("a/{stack:02}"))
}

fn order(graph: &[Vec<usize>]) -> Order {
    let ids: Vec<StackId> = (0..graph.len()).map(id).collect();
    let dirs: Vec<String> = (0..graph.len())
        .map(|stack| format!("{stack:02}"))
        .collect();
    let members = graph.iter().zip(&ids).map(|(needs, id)| Member {
        id,
        place: id.to_string(),
        source: "a",
        workspace: "default",
        name: None,
        needs: needs
            .iter()
            .map(|stack| Need::Directory(&dirs[*stack]))
            .collect(),
    });
    Order::of(members.collect())
}

fn reaches(graph: &[Vec<usize>], from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut left = graph[from].clone();
    while let Some(stack) = left.pop() {
        if reached.insert(stack) {
            left.extend(&graph[stack]);
        }
    }
    reached
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + minutes * 60).unwrap()
}

proptest! {
    #[test]
    fn a_stack_waits_for_what_it_needs_and_what_does_not_need_it_back(graph in graphs()) {
        let order = order(&graph);
        for (stack, needs) in graph.iter().enumerate() {
            let back = |other: &&usize| reaches(&graph, **other).contains(&stack) || **other == stack;
            let expected: BTreeSet<StackId> =
                needs.iter().filter(|other| !back(other)).map(|other| id(*other)).collect();
            let needed: BTreeSet<StackId> =
                order.needed_by(&id(stack)).into_iter().cloned().collect();
            prop_assert_eq!(&needed, &expected);
            for other in &needed {
                prop_assert!(order.in_need_of(other).contains(&&id(stack)));
            }
        }
        for circle in order.circles() {
            let place = |id: &StackId| (0..graph.len()).find(|stack| properties::id(*stack) == *id).unwrap();
            prop_assert!(circle.way.len() > 1 && circle.way.len() <= circle.stacks);
            let next = circle.way.iter().cycle().skip(1);
            for (stack, next) in circle.way.iter().zip(next) {
                prop_assert!(graph[place(stack)].contains(&place(next)), "{}", circle);
            }
        }
    }

    /// Whatever is queued when, and however long runs take, every run starts, and none while a run of
    /// what it needs is queued or under way, unless it has waited for very long.
    #[test]
    fn every_run_starts_and_in_order(
        graph in graphs(),
        arrivals in prop::collection::vec((0usize..12, 0usize..3), 1..60),
        places in 1usize..4,
        // A stack whose run never starts, as if its budget were never free again.
        stuck in prop::option::of(0usize..12),
    ) {
        let order = order(&graph);
        let stuck = stuck.filter(|stack| *stack < graph.len()).map(id);
        let (mut queue, mut waiting) = (Queue::default(), Waiting::default());
        let mut under_way: BTreeMap<StackId, (Trigger, usize)> = BTreeMap::new();
        let mut since: BTreeMap<StackId, Timestamp> = BTreeMap::new();
        let mut arrivals = arrivals.into_iter().enumerate();
        let changes = |trigger: Trigger| trigger.is_ordered();
        for tick in 0..2_000 {
            let now = at(tick);
            if let Some((number, (stack, trigger))) = arrivals.next() {
                let trigger = [Trigger::Schedule, Trigger::Git, Trigger::Person][trigger];
                let run_id = RunId::from_uuid(uuid::Uuid::from_u128(number as u128));
                let stack = id(stack % graph.len());
                queue.push(Run::queued(run_id, stack.clone(), trigger, now));
                since.entry(stack).or_insert(now);
            }
            under_way.retain(|_, (_, left)| { *left -= 1; *left > 0 });
            loop {
                let queued: Vec<StackId> = queue.ordered().map(|run| run.stack.clone()).collect();
                let active = under_way.iter().filter(|(_, (trigger, _))| changes(*trigger));
                let changing: Vec<StackId> = queued.iter().cloned().chain(active.map(|(id, _)| id.clone())).collect();
                let round = order.round(&changing);
                waiting.update(&round, &queued, now);
                let room = Room { runs: places - under_way.len(), memory: None, idle: under_way.is_empty() };
                let may = |run: &Run| {
                    let held = run.trigger.is_ordered() && waiting.needed(&run.stack, now).is_some();
                    !held && !under_way.contains_key(&run.stack) && Some(&run.stack) != stuck.as_ref()
                };
                let Some(run) = queue.next(&room, now, may, |_| 1) else { break };
                waiting.started(&run.stack);
                let waited = now.duration_since(since.remove(&run.stack).unwrap_or(now));
                if run.trigger.is_ordered() && waited < PATIENCE {
                    for needed in order.needed_by(&run.stack) {
                        prop_assert!(!changing.contains(needed), "{} before {}", run.stack, needed);
                    }
                }
                let lasts = 1 + run.id.uuid().as_u128() as usize % 4;
                under_way.insert(run.stack, (run.trigger, lasts));
            }
        }
        let left: Vec<StackId> = queue.stacks().cloned().collect();
        prop_assert!(left.iter().all(|stack| Some(stack) == stuck.as_ref()), "{:?}", left);
    }
}
