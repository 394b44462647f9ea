//! Order between stacks: which of them are applied before which. Whoever needs another waits for it,
//! unless both are in one circle of needs: then none of the circle waits for another of it, so that
//! nothing can wait for itself in the end.

mod components;
mod need;
mod needed;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use self::need::{Member, Need};
pub use self::needed::{Awaited, Awaits};
pub use self::waiting::{PATIENCE, Round, Waiting};

use self::components::components;
use self::need::Index;
use super::ids::StackId;
use super::policy::{Policy, PolicyMode};
use super::run::Trigger;

/// Stacks by their places in the order of their ids.
type Place = usize;

/// Which stacks are applied before which. What many stacks need together is kept once, so that it is
/// small however much they have in common.
#[derive(Debug, Default)]
pub struct Order {
    /// Sorted.
    ids: Vec<StackId>,
    /// Stacks that are needed together.
    groups: Vec<Vec<Place>>,
    /// The groups that each stack needs.
    needs: Vec<Vec<usize>>,
    /// The groups that each stack is in.
    within: Vec<Vec<usize>>,
    circles: Vec<Circle>,
}

/// Stacks that need each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    /// A shortest way round: each needs the next, and the last the first.
    pub way: Vec<StackId>,
    /// How many need each other in all.
    pub stacks: usize,
}

impl std::fmt::Display for Circle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for stack in &self.way {
            write!(f, "{stack} needs ")?;
        }
        self.way.first().map_or(Ok(()), |first| first.fmt(f))
    }
}

impl Order {
    /// The order of these stacks, each of which is given once.
    pub fn of(mut members: Vec<Member<'_>>) -> Self {
        members.sort_by_key(|member| member.id);
        let stacks = members.len();
        let mut index = Index::of(&members);
        let mut needs: Vec<Vec<usize>> = Vec::with_capacity(stacks);
        for member in &members {
            let groups = member.needs.iter();
            let groups: BTreeSet<usize> = groups
                .filter_map(|need| index.group(need, member))
                .collect();
            needs.push(groups.into_iter().collect());
        }
        let mut groups = index.groups;
        // Stacks come first, then the groups: a stack leads to its groups, a group to what is in it.
        let lead = needs
            .iter()
            .map(|of| of.iter().map(|g| stacks + g).collect());
        let graph: Vec<Vec<usize>> = lead.chain(groups.iter().cloned()).collect();
        let component = components(&graph);
        let of = |node: usize| component.get(node).copied();
        let circles = circles(&graph, &component, &members);
        // A stack and a group that it needs are in one component if some of the group need the stack
        // in turn. It waits for the others of the group only.
        let mut apart: BTreeMap<usize, Option<usize>> = BTreeMap::new();
        for (stack, groups_of) in needs.iter_mut().enumerate() {
            let mut kept = Vec::with_capacity(groups_of.len());
            for group in groups_of.drain(..) {
                if of(stack) != of(stacks + group) {
                    kept.push(group);
                    continue;
                }
                let rest = apart.entry(group).or_insert_with(|| {
                    let all = groups.get(group).into_iter().flatten().copied();
                    let rest: Vec<Place> = all.filter(|one| of(*one) != of(stack)).collect();
                    (!rest.is_empty()).then(|| {
                        groups.push(rest);
                        groups.len() - 1
                    })
                });
                kept.extend(*rest);
            }
            *groups_of = kept;
        }
        let mut within = vec![Vec::new(); stacks];
        for (group, places) in groups.iter().enumerate() {
            for place in places {
                if let Some(within) = within.get_mut(*place) {
                    within.push(group);
                }
            }
        }
        Self {
            ids: members.iter().map(|member| member.id.clone()).collect(),
            groups,
            needs,
            within,
            circles,
        }
    }

    /// Whether no stack needs any.
    pub const fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The stacks that are applied before this one, sorted.
    pub fn needed_by(&self, stack: &StackId) -> Vec<&StackId> {
        let groups = self.place(stack).and_then(|place| self.needs.get(place));
        let groups = groups.into_iter().flatten();
        let places = groups.filter_map(|group| self.groups.get(*group)).flatten();
        let places: BTreeSet<Place> = places.copied().collect();
        places.iter().filter_map(|at| self.ids.get(*at)).collect()
    }

    /// The stacks that are applied after this one, sorted.
    pub fn in_need_of(&self, stack: &StackId) -> Vec<&StackId> {
        let within = self.place(stack).and_then(|place| self.within.get(place));
        let within: BTreeSet<usize> = within.into_iter().flatten().copied().collect();
        if within.is_empty() {
            return Vec::new();
        }
        let all = self.ids.iter().zip(&self.needs);
        let needing = all.filter(|(_, groups)| groups.iter().any(|group| within.contains(group)));
        needing.map(|(id, _)| id).collect()
    }

    /// The circles that there are.
    pub fn circles(&self) -> &[Circle] {
        &self.circles
    }

    fn place(&self, stack: &StackId) -> Option<Place> {
        self.ids.binary_search(stack).ok()
    }
}

impl Trigger {
    /// Whether a run that was started for this reason waits for the runs of what its stack needs.
    pub const fn is_ordered(self) -> bool {
        !matches!(self, Self::Schedule | Self::FirstSight | Self::StateMoved)
    }
}

/// Whether a run that was started for this reason may come to apply something. A sweep may too, where
/// what it sees was seen before, but nobody waits for sweeps.
pub fn may_apply(trigger: Trigger, policy: &Policy) -> bool {
    let by_itself = policy.furthest() != PolicyMode::Observe;
    let may = match trigger {
        Trigger::Approval | Trigger::Rollback => true,
        Trigger::Git | Trigger::Person | Trigger::Confirmation => by_itself,
        Trigger::Schedule | Trigger::FirstSight | Trigger::StateMoved => false,
    };
    may && !policy.shadow
}

/// One circle of each component in which there are several stacks.
fn circles(graph: &[Vec<usize>], component: &[usize], members: &[Member<'_>]) -> Vec<Circle> {
    let mut together: BTreeMap<usize, Vec<Place>> = BTreeMap::new();
    for (place, component) in component.iter().take(members.len()).enumerate() {
        together.entry(*component).or_default().push(place);
    }
    let several = together.values().filter(|places| places.len() > 1);
    let circle = |places: &Vec<Place>| {
        let way = way_round(graph, component, *places.first()?);
        let way = way.into_iter().filter_map(|node| members.get(node));
        Some(Circle {
            way: way.map(|member| member.id.clone()).collect(),
            stacks: places.len(),
        })
    };
    let mut circles: Vec<Circle> = several.filter_map(circle).collect();
    circles.sort_by(|a, b| a.way.cmp(&b.way));
    circles
}

/// A shortest way from a stack back to it by way of another one.
fn way_round(graph: &[Vec<usize>], component: &[usize], start: Place) -> Vec<Place> {
    let next_to = |node: usize| graph.get(node).into_iter().flatten().copied();
    let mut came_from: BTreeMap<Place, Place> = BTreeMap::new();
    let mut groups = BTreeSet::new();
    let mut queue = VecDeque::from([start]);
    while let Some(stack) = queue.pop_front() {
        let leads_back = |group| next_to(group).any(|next| next == start);
        if stack != start && next_to(stack).any(leads_back) {
            let mut way: Vec<Place> =
                std::iter::successors(Some(stack), |at| came_from.get(at).copied()).collect();
            way.reverse();
            return way;
        }
        for next in next_to(stack)
            .filter(|group| groups.insert(*group))
            .flat_map(next_to)
        {
            let inside = component.get(next) == component.get(start);
            if inside && next != start && !came_from.contains_key(&next) {
                came_from.insert(next, stack);
                queue.push_back(next);
            }
        }
    }
    vec![start]
}
