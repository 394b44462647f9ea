//! From a plan to findings: which attribute of which object differs, and where that comes from.
//!
//! state = as recorded before the refresh, real = as refreshed, want = as planned. The rules are
//! those of the table in `ARCHITECTURE.md` ("Origins").

use std::collections::BTreeSet;

use super::finding::{
    AttributeChange, Finding, FindingAction, Findings, Origin, OutputFinding, Severity, Subject,
};
use super::irreversible::irreversible;
use super::join::Joined;
use super::mirrored::is_mirrored;
use super::noise::suppressed;
use super::plan::{Check, CheckStatus, Mode, Plan, PlannedAction, ResourceChange};
use super::rules::Rules;
use super::severity::severity;
use super::value::{AttributePath, Value};

/// Everything in `plan` that is not as it should be.
pub fn classify(plan: &Plan, rules: &Rules) -> Findings {
    let joined = Joined::of(plan);
    let mut resources: Vec<Finding> = joined
        .pairs
        .iter()
        .filter_map(|(change, drift)| {
            let finding = object(change, *drift)?;
            without_mirrored(plan, change, finding)
        })
        .collect();
    resources.extend(joined.rest.iter().filter_map(|drift| vanished(drift)));
    for finding in &mut resources {
        finding.irreversible = irreversible(finding, rules);
        (finding.severity, finding.severity_reason) = severity(finding, rules);
        finding.suppressed = suppressed(finding, rules);
    }
    let unknown_follows = resources.iter().any(|f| f.action != FindingAction::None);
    Findings {
        outputs: outputs(plan, unknown_follows),
        checks: plan
            .checks
            .iter()
            .filter(|c| is_failing(c))
            .cloned()
            .collect(),
        deferred: plan.deferred,
        resources,
    }
}

/// The finding without attributes that only show again what other resources declare; nothing if that
/// was all of it.
fn without_mirrored(plan: &Plan, change: &ResourceChange, finding: Finding) -> Option<Finding> {
    let mut finding = finding;
    let before = finding.attributes.len();
    finding.attributes.retain(|a| match &a.subject {
        Subject::Attribute(path) if a.origin == Origin::Unenforced => {
            !is_mirrored(plan, change, path, &a.state, &a.real)
        }
        _ => true,
    });
    let emptied = finding.attributes.is_empty() && before > 0;
    let nothing_else = finding.action == FindingAction::None
        && finding.previous_address.is_none()
        && !finding.importing;
    (!emptied || !nothing_else).then_some(finding)
}

fn is_failing(check: &Check) -> bool {
    matches!(check.status, CheckStatus::Fail | CheckStatus::Error)
}

/// A drift entry without a change entry: gone or changed in the world, and no longer configured.
fn vanished(drift: &ResourceChange) -> Option<Finding> {
    let attributes = if drift.action == PlannedAction::Delete {
        vec![AttributeChange::whole(Subject::Deleted, Origin::Unenforced)]
    } else {
        compare(&drift.before, &drift.after, &drift.after)
    };
    (!attributes.is_empty() && drift.mode == Mode::Managed)
        .then(|| finding(drift, FindingAction::None, attributes))
}

fn object(change: &ResourceChange, drift: Option<&ResourceChange>) -> Option<Finding> {
    let state = drift.map_or(&change.before, |drift| &drift.before);
    let deleted_by_hand = drift.is_some_and(|drift| drift.action == PlannedAction::Delete);
    let moved = change
        .previous_address
        .as_ref()
        .is_some_and(|from| from != &change.address);
    let (action, attributes) = match &change.action {
        PlannedAction::NoOp => (
            FindingAction::None,
            compare(state, &change.before, &change.before),
        ),
        PlannedAction::Update => (
            FindingAction::Update,
            compare(state, &change.before, &change.after),
        ),
        PlannedAction::Create if deleted_by_hand => {
            (FindingAction::Create, created_again(change, state))
        }
        PlannedAction::Create => (
            FindingAction::Create,
            vec![AttributeChange::whole(Subject::Create, Origin::Pending)],
        ),
        PlannedAction::Delete => (
            FindingAction::Delete,
            vec![AttributeChange::whole(Subject::Delete, Origin::Pending)],
        ),
        PlannedAction::Forget => (
            FindingAction::Forget,
            vec![AttributeChange::whole(Subject::Forget, Origin::Pending)],
        ),
        PlannedAction::Replace => (FindingAction::Replace, replacement(change, state)),
        PlannedAction::Read => (FindingAction::Read, Vec::new()),
        PlannedAction::Other(_) => (
            FindingAction::Other,
            compare(state, &change.before, &change.after),
        ),
    };
    let nothing = action == FindingAction::None
        && attributes.is_empty()
        && !moved
        && change.importing.is_none();
    (!nothing && (change.mode == Mode::Managed || action != FindingAction::None))
        .then(|| finding(change, action, attributes))
}

/// What was deleted by hand is created again; where the configuration wants something else by now,
/// that would deploy code.
fn created_again(change: &ResourceChange, state: &Value) -> Vec<AttributeChange> {
    let mut attributes = vec![AttributeChange::whole(Subject::Deleted, Origin::Drift)];
    let Value::Object(wanted) = &change.after else {
        return attributes;
    };
    for (name, want) in wanted {
        let known = state.field(name);
        if want.is_empty() || want.equal_but_unknown(known) || want.same_observed(known) {
            continue;
        }
        attributes.push(AttributeChange::new(
            Subject::Attribute(AttributePath::default().child(name)),
            Origin::Pending,
            [known.clone(), Value::Null, want.clone()],
        ));
    }
    attributes
}

fn finding(
    change: &ResourceChange,
    action: FindingAction,
    attributes: Vec<AttributeChange>,
) -> Finding {
    let previous_address = change
        .previous_address
        .clone()
        .filter(|from| from != &change.address);
    // An update that changes nothing visible is code too: a mark, a provider's private data.
    let plain = if previous_address.is_some()
        || change.importing.is_some()
        || matches!(action, FindingAction::Other | FindingAction::Update)
    {
        Origin::Pending
    } else {
        Origin::Consequence
    };
    Finding {
        address: change.address.clone(),
        resource_type: change.resource_type.clone(),
        mode: change.mode,
        deposed: change.deposed.clone(),
        previous_address,
        importing: change.importing.is_some(),
        action,
        origin: overall(&attributes).unwrap_or(plain),
        severity: Severity::Info,
        severity_reason: String::new(),
        irreversible: None,
        suppressed: None,
        reason: change.reason.clone(),
        attributes,
    }
}

fn overall(attributes: &[AttributeChange]) -> Option<Origin> {
    let origins: BTreeSet<Origin> = attributes.iter().map(|a| a.origin).collect();
    let has = |origin| origins.contains(&origin);
    let moved_in_git = has(Origin::Pending) || has(Origin::Input);
    if has(Origin::Both) || (has(Origin::Drift) && moved_in_git) {
        return Some(Origin::Both);
    }
    [
        Origin::Drift,
        Origin::Pending,
        Origin::Input,
        Origin::Consequence,
        Origin::Unenforced,
    ]
    .into_iter()
    .find(|origin| has(*origin))
}

/// Only what forces a replacement is compared: the rest is null against its default.
fn replacement(change: &ResourceChange, state: &Value) -> Vec<AttributeChange> {
    let mut seen = BTreeSet::new();
    let mut attributes = Vec::new();
    for path in change
        .replace_paths
        .iter()
        .filter(|path| seen.insert((*path).clone()))
    {
        let (state, real, want) = (
            state.at(path),
            change.before.at(path),
            change.after.at(path),
        );
        attributes.push(AttributeChange {
            forces_replacement: true,
            ..AttributeChange::new(
                Subject::Attribute(path.clone()),
                planned_origin(state, real, want),
                [state.clone(), real.clone(), want.clone()],
            )
        });
    }
    if attributes.is_empty() {
        attributes.push(AttributeChange::whole(Subject::Replace, Origin::Pending));
    }
    // Where code replaces the object, what was changed by hand is not lost from sight meanwhile.
    if attributes.iter().all(|a| a.origin == Origin::Pending) {
        let elsewhere = compare(state, &change.before, &change.before);
        let shown = |found: &AttributeChange| attributes.iter().any(|a| a.subject == found.subject);
        let elsewhere: Vec<_> = elsewhere
            .into_iter()
            .filter(|found| !shown(found))
            .collect();
        attributes.extend(elsewhere);
    }
    attributes
}

fn compare(state: &Value, real: &Value, want: &Value) -> Vec<AttributeChange> {
    let mut found = Vec::new();
    walk(&AttributePath::default(), state, real, want, &mut found);
    if found.iter().any(|change| !is_count(change)) {
        found.retain(|change| !is_count(change));
    }
    found
}

/// Names under which providers count the changes of an object.
const COUNTERS: &[&str] = &[
    "generation",
    "latest_version",
    "metageneration",
    "revision",
    "version",
];

/// Whether this only counts that something else of the object changed: beside that something it
/// says nothing. Versions that are no plain, growing number (of an engine, say) are no counters.
fn is_count(change: &AttributeChange) -> bool {
    let Subject::Attribute(path) = &change.subject else {
        return false;
    };
    let grows = match (&change.state, &change.real) {
        (Value::Number(state), Value::Number(real)) => {
            match (state.as_str().parse::<u64>(), real.as_str().parse::<u64>()) {
                (Ok(state), Ok(real)) => state < real,
                _ => false,
            }
        }
        _ => false,
    };
    let [name] = path.segments() else {
        return false;
    };
    grows && change.origin == Origin::Unenforced && COUNTERS.contains(&name.as_str())
}

/// Objects are compared key by key, everything else as a whole.
fn walk(
    path: &AttributePath,
    state: &Value,
    real: &Value,
    want: &Value,
    found: &mut Vec<AttributeChange>,
) {
    let sides = [state, real, want];
    let objects = sides
        .iter()
        .all(|v| matches!(v, Value::Object(_) | Value::Null));
    if objects && sides.iter().any(|v| matches!(v, Value::Object(_))) {
        let before = found.len();
        let keys: BTreeSet<&String> = sides
            .iter()
            .filter_map(|v| match v {
                Value::Object(fields) => Some(fields.keys()),
                _ => None,
            })
            .flatten()
            .collect();
        for key in keys {
            let child = path.child(key);
            walk(
                &child,
                state.field(key),
                real.field(key),
                want.field(key),
                found,
            );
        }
        if found.len() > before || path.segments().is_empty() {
            return;
        }
    }
    if let Some(origin) = origin(state, real, want) {
        found.push(AttributeChange::new(
            Subject::Attribute(path.clone()),
            origin,
            [state.clone(), real.clone(), want.clone()],
        ));
    }
}

fn origin(state: &Value, real: &Value, want: &Value) -> Option<Origin> {
    if real != want {
        Some(planned_origin(state, real, want))
    } else if !state.same_observed(real) {
        Some(Origin::Unenforced)
    } else {
        None
    }
}

/// The origin of an attribute that the plan changes.
fn planned_origin(state: &Value, real: &Value, want: &Value) -> Origin {
    if state == real {
        if want.has_unknown() && want.equal_but_unknown(real) {
            Origin::Consequence
        } else {
            Origin::Pending
        }
    } else if state == want {
        Origin::Drift
    } else if state.same_observed(real) {
        // The refresh only respelled an empty value; the configuration is what moved.
        Origin::Pending
    } else {
        Origin::Both
    }
}

fn outputs(plan: &Plan, unknown_follows: bool) -> Vec<OutputFinding> {
    let drifted = plan.relevant.iter().any(|relevant| {
        plan.drift.iter().any(|drift| {
            let resource = relevant.resource.as_str();
            let instance_of = drift
                .address
                .as_str()
                .strip_prefix(resource)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('['));
            instance_of
                && !drift
                    .before
                    .at(&relevant.path)
                    .same_observed(drift.after.at(&relevant.path))
        })
    });
    plan.outputs
        .iter()
        .map(|output| OutputFinding {
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
            } else if drifted {
                Origin::Drift
            } else {
                Origin::Pending
            },
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::value::Number;
    use super::*;

    fn paths(state: &[(&str, Value)], real: &[(&str, Value)]) -> Vec<String> {
        let object = |fields: &[(&str, Value)]| {
            let fields = fields.iter().cloned();
            let fields: BTreeMap<_, _> = fields.map(|(k, v)| (k.to_owned(), v)).collect();
            Value::Object(fields)
        };
        compare(&object(state), &object(real), &object(real))
            .iter()
            .map(|change| change.subject.to_string())
            .collect()
    }

    #[test]
    fn a_change_counter_is_left_out_beside_what_it_counts_and_only_there() {
        let number = |n: &str| Value::Number(Number::parse(n));
        let text = |t: &str| Value::String(t.to_owned());
        let version = |v| ("version", v);
        assert_eq!(
            paths(
                &[version(number("1")), ("value", text("a"))],
                &[version(number("2")), ("value", text("b"))]
            ),
            ["value"]
        );
        assert_eq!(
            paths(&[version(number("1"))], &[version(number("2"))]),
            ["version"]
        );
        for (state, real) in [(number("2"), number("1")), (text("1.30"), text("1.31"))] {
            assert_eq!(
                paths(
                    &[version(state), ("value", text("a"))],
                    &[version(real), ("value", text("b"))]
                ),
                ["value", "version"]
            );
        }
    }
}
