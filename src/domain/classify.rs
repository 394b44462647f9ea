//! From a plan to findings: which attribute of which object differs, and where that comes from.
//!
//! state = as recorded before the refresh, real = as refreshed, want = as planned. The rules are
//! those of the table in `ARCHITECTURE.md` ("Origins").

use std::collections::{BTreeMap, BTreeSet};

use super::assess::assess;
use super::compare::{compare, difference, planned_origin};
use super::finding::{
    AttributeChange, Finding, FindingAction, Findings, Origin, Severity, Subject,
};
use super::join::Joined;
use super::mirrored::is_mirrored;
use super::outputs::outputs;
use super::place::Background;
use super::plan::{Check, CheckStatus, Mode, Plan, PlannedAction, ResourceChange};
use super::rules::Rules;
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
        assess(finding, rules);
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
        invocations: plan.invocations,
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
    let with_defaults = with_default_tags(state, &change.before);
    let state = with_defaults.as_ref().unwrap_or(state);
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
        PlannedAction::Supersede => {
            let mut attributes = replacement(change, state);
            attributes.push(AttributeChange::whole(Subject::Forget, Origin::Pending));
            (FindingAction::Replace, attributes)
        }
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

/// The state with the default tags of the provider among its `tags`, where the refresh shows them
/// there: the AWS provider does so as soon as the code has others, though the object has had them all
/// the time, as `tags_all` says.
fn with_default_tags(state: &Value, real: &Value) -> Option<Value> {
    let all = state.field("tags_all");
    let (Value::Object(fields), Value::Object(shown)) = (state, real.field("tags")) else {
        return None;
    };
    let known = state.field("tags");
    let defaults = shown
        .iter()
        .filter(|(key, value)| known.field(key) == &Value::Null && all.field(key) == *value);
    let defaults: Vec<_> = defaults.map(|(k, v)| (k.clone(), v.clone())).collect();
    if defaults.is_empty() {
        return None;
    }
    let mut tags = match known {
        Value::Object(tags) => tags.clone(),
        _ => BTreeMap::new(),
    };
    tags.extend(defaults);
    let mut fields = fields.clone();
    fields.insert("tags".to_owned(), Value::Object(tags));
    Some(Value::Object(fields))
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
        if is_unset(want, known) || want.equal_but_unknown(known) || want.same_observed(known) {
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

/// Code that a replacement would deploy besides what forces it. Where either side has nothing it is
/// null against a default.
fn rides_along(change: &ResourceChange, state: &Value) -> Vec<AttributeChange> {
    let Value::Object(wanted) = &change.after else {
        return Vec::new();
    };
    let mut attributes = Vec::new();
    for (name, want) in wanted {
        let path = AttributePath::default().child(name);
        let forces = change.replace_paths.iter().any(|p| p.starts_with(&path));
        let (known, real) = (state.field(name), change.before.field(name));
        let told = |side: &Value| !side.is_empty() && side != want;
        if !forces && !want.is_empty() && !want.has_unknown() && told(known) && told(real) {
            attributes.push(difference(
                Subject::Attribute(path),
                planned_origin(known, real, want),
                [known, real, want],
            ));
        }
    }
    attributes
}

/// Whether nothing is wanted, and the state has what providers write for that.
fn is_unset(want: &Value, known: &Value) -> bool {
    let zero = match known {
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_str() == "0",
        known => known.is_empty(),
    };
    want.is_empty() && zero
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
        origin: Origin::over(&attributes).unwrap_or(plain),
        severity: Severity::Info,
        severity_reason: String::new(),
        irreversible: None,
        suppressed: None,
        ignored: None,
        background: Background::default(),
        reason: change.reason.clone(),
        attributes,
    }
}

/// What was changed by hand on an object that is replaced is gone with it; it is drift where the new
/// one has the old value again.
fn put_back(found: AttributeChange, change: &ResourceChange) -> AttributeChange {
    let Subject::Attribute(path) = &found.subject else {
        return found;
    };
    let want = change.after.at(path);
    if *want == found.real || !want.same_observed(&found.state) {
        return found;
    }
    AttributeChange {
        origin: Origin::Drift,
        want: want.clone(),
        ..found
    }
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
            ..difference(
                Subject::Attribute(path.clone()),
                planned_origin(state, real, want),
                [state, real, want],
            )
        });
    }
    if attributes.is_empty() {
        attributes.push(AttributeChange::whole(Subject::Replace, Origin::Pending));
    }
    // What is pending already needs no more to be told apart from drift.
    if attributes.iter().all(|a| a.origin == Origin::Drift) {
        attributes.extend(rides_along(change, state));
    }
    // Where code replaces the object, what was changed by hand is not lost from sight meanwhile.
    if attributes.iter().all(|a| a.origin == Origin::Pending) {
        let elsewhere = compare(state, &change.before, &change.before);
        let shown = |found: &AttributeChange| attributes.iter().any(|a| a.subject == found.subject);
        let elsewhere = elsewhere.into_iter().filter(|found| !shown(found));
        let elsewhere: Vec<_> = elsewhere.map(|found| put_back(found, change)).collect();
        attributes.extend(elsewhere);
    }
    attributes
}
