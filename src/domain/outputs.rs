//! Outputs that would change, and where that comes from.

use std::collections::BTreeSet;

use super::finding::{FindingAction, Origin, OutputFinding};
use super::ids::without_keys;
use super::plan::{OutputChange, Plan, PlannedAction, RelevantAttribute, ResourceChange};

/// What the plan says of outputs; `unknown_follows` if something else changes, so that an unknown
/// value follows from it.
pub(super) fn outputs(plan: &Plan, unknown_follows: bool) -> Vec<OutputFinding> {
    let drifted: BTreeSet<String> = plan
        .relevant
        .iter()
        .filter(|relevant| plan.drift.iter().any(|drift| moved(drift, relevant)))
        .map(|relevant| without_keys(relevant.resource.as_str()))
        .collect();
    let follows_drift = |output: &OutputChange| match &output.made_from {
        Some(objects) => objects
            .iter()
            .any(|object| drifted.contains(object.as_str())),
        None => !drifted.is_empty(),
    };
    let finding = |output: &OutputChange| OutputFinding {
        name: output.name.clone(),
        action: match output.action {
            PlannedAction::Create => FindingAction::Create,
            PlannedAction::Delete => FindingAction::Delete,
            PlannedAction::Update => FindingAction::Update,
            _ => FindingAction::Other,
        },
        sensitive: output.sensitive,
        origin: if output.after.has_unknown() && unknown_follows {
            Origin::Consequence
        } else if follows_drift(output) {
            Origin::Drift
        } else {
            Origin::Pending
        },
    };
    plan.outputs.iter().map(finding).collect()
}

/// Whether an attribute that something depends on drifted.
fn moved(drift: &ResourceChange, relevant: &RelevantAttribute) -> bool {
    // Some versions name the resource without the keys of its instances.
    let instance_of = drift.address == relevant.resource
        || without_keys(drift.address.as_str()) == relevant.resource.as_str();
    let (before, after) = (
        drift.before.at(&relevant.path),
        drift.after.at(&relevant.path),
    );
    instance_of && !before.same_observed(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Address;
    use crate::domain::testing::{change, object};
    use crate::domain::value::{AttributePath, Value};

    #[test]
    fn an_output_drifts_only_with_what_it_is_made_from() {
        let drifted = change(
            "t.a[0]",
            PlannedAction::Update,
            object(&[("x", "old")]),
            object(&[("x", "new")]),
        );
        let output = |made_from: Option<&[&str]>| OutputChange {
            name: "o".to_owned(),
            action: PlannedAction::Update,
            sensitive: false,
            before: Value::Null,
            after: Value::Bool(true),
            made_from: made_from.map(|all| all.iter().map(|one| Address::new(*one)).collect()),
        };
        let plan = Plan {
            drift: vec![drifted],
            relevant: vec![RelevantAttribute {
                resource: Address::new("t.a"),
                path: AttributePath::new(vec!["x".to_owned()]),
            }],
            outputs: vec![output(Some(&["t.a"])), output(Some(&["t.b"])), output(None)],
            ..Plan::default()
        };
        let origins: Vec<Origin> = outputs(&plan, false).iter().map(|o| o.origin).collect();
        assert_eq!(origins, [Origin::Drift, Origin::Pending, Origin::Drift]);
    }
}
