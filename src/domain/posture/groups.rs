//! The posture by source, by owner and by the values of labels.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{AlertSeen, Listed, Scope, StackNow, Window};
use crate::domain::counts::VerdictCounts;
use crate::domain::ids::StackId;

/// The posture by source, by owner and by the values of labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// By source. A stack is in one of them.
    pub sources: Listed<Group>,
    /// By owner. A stack is in that of each of its owners; one without is in that without a name.
    pub owners: Listed<Group>,
    /// By each label's value; a stack without the label is in that without a name.
    pub labels: Vec<LabelGroups>,
}

/// The groups that one label makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelGroups {
    /// The label's key.
    pub label: String,
    /// One for each value.
    pub values: Listed<Group>,
}

/// Stacks that have something in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What they have in common; none if it is missing.
    pub name: Option<String>,
    /// How many stacks have each verdict now.
    pub counts: VerdictCounts,
    /// Alerts opened in the window.
    pub opened: usize,
    /// Alerts resolved in the window.
    pub resolved: usize,
    /// Alerts open at its end.
    pub open: usize,
}

impl Groups {
    /// At most so many groups of each kind.
    pub(super) fn shorten(&mut self, most: usize) {
        self.sources.items.truncate(most);
        self.owners.items.truncate(most);
        self.labels.truncate(most);
        for label in &mut self.labels {
            label.values.items.truncate(most);
        }
    }
}

pub(super) fn groups(scope: &Scope<'_>, window: Window) -> Groups {
    let tracked: Vec<&StackNow> = scope.tracked().collect();
    let alerts = by_stack(&scope.alerts);
    let group = |names: &dyn Fn(&StackNow) -> Vec<Option<String>>| {
        let mut members: BTreeMap<Option<String>, Vec<&StackNow>> = BTreeMap::new();
        for stack in &tracked {
            let names: BTreeSet<Option<String>> = names(stack).into_iter().collect();
            for name in names {
                members.entry(name).or_default().push(stack);
            }
        }
        let mut groups: Vec<Group> = members
            .into_iter()
            .map(|(name, stacks)| one(name, &stacks, &alerts, window))
            .collect();
        // What lacks a name comes last.
        groups.sort_by(|a, b| (a.name.is_none(), &a.name).cmp(&(b.name.is_none(), &b.name)));
        Listed::all(groups)
    };
    let labels: BTreeSet<&String> = tracked.iter().flat_map(|s| s.labels.keys()).collect();
    Groups {
        sources: group(&|stack| vec![Some(stack.source.to_string())]),
        owners: group(&|stack| match stack.owners.as_slice() {
            [] => vec![None],
            owners => owners.iter().cloned().map(Some).collect(),
        }),
        labels: labels
            .into_iter()
            .map(|label| LabelGroups {
                label: label.clone(),
                values: group(&|stack| vec![stack.labels.get(label).cloned()]),
            })
            .collect(),
    }
}

fn by_stack<'a>(alerts: &[&'a AlertSeen]) -> BTreeMap<&'a StackId, Vec<&'a AlertSeen>> {
    let mut by_stack: BTreeMap<&StackId, Vec<&AlertSeen>> = BTreeMap::new();
    for alert in alerts {
        by_stack.entry(&alert.stack).or_default().push(alert);
    }
    by_stack
}

fn one(
    name: Option<String>,
    stacks: &[&StackNow],
    alerts: &BTreeMap<&StackId, Vec<&AlertSeen>>,
    window: Window,
) -> Group {
    let own = || {
        let own = stacks.iter().filter_map(|stack| alerts.get(&stack.id));
        own.flatten()
    };
    let resolved = |alert: &&&AlertSeen| alert.ended_at().is_some_and(|at| window.contains(at));
    Group {
        name,
        counts: VerdictCounts::of(stacks.iter().map(|stack| stack.verdict)),
        opened: own().filter(|a| window.contains(a.opened_at)).count(),
        resolved: own().filter(resolved).count(),
        open: own().filter(|a| a.is_open_before(window.to())).count(),
    }
}
