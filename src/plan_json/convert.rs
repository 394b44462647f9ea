//! From the wire format to the domain: objects are paired with what the refresh saw of them, then
//! everything hidden is taken out.

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::domain::digest::DigestKey;
use crate::domain::plan::{
    Check, CheckStatus, Mode, OutputChange, Plan, PlannedAction, RelevantAttribute, ResourceChange,
};
use crate::domain::value::{AttributePath, Value};

use super::Reading;
use super::marks::Marks;
use super::redact::Redactor;
use super::refresh_only::is_refresh_only;
use super::state::{self, ObjectKey, Seen};
use super::value::{value, with_unknown};
use super::wire;

/// Attributes that stay readable in plans of versions that mark too little.
const NEVER_SECRET: &[&str] = &["arn", "id", "name", "tags", "tags_all"];

/// Earlier versions leave out marks that only a provider's schema sets.
const MARKS_SCHEMA_SINCE: (u64, u64) = (1, 1);

/// One entry of `resource_changes` or `resource_drift`, in clear.
struct Object {
    address: String,
    previous_address: Option<String>,
    deposed: Option<String>,
    mode: Mode,
    resource_type: String,
    action: PlannedAction,
    before: Value,
    after: Value,
    replace_paths: Vec<AttributePath>,
    reason: Option<String>,
    importing: Option<String>,
    marks: Marks,
}

/// Converts a whole plan.
pub(super) fn plan(mut wire: wire::Plan<'_>, key: &DigestKey) -> Reading {
    let mut warnings = Vec::new();
    let blunt = !marks_schema(wire.terraform_version.as_deref());
    if blunt {
        warnings.push(format!(
            "this plan was made by version {}, which does not mark every sensitive attribute: all \
             text is masked, except names, ids and tags",
            wire.terraform_version.as_deref().unwrap_or("unknown"),
        ));
    }
    let refresh_only = is_refresh_only(&wire);
    let mut seen = Seen::default();
    state::variables(&mut seen, &mut wire);
    for values in [
        wire.prior_state.take().and_then(|prior| prior.values),
        wire.planned_values.take(),
    ]
    .into_iter()
    .flatten()
    {
        state::values(&mut seen, values);
    }

    let mut changes: Vec<Object> = list(wire.resource_changes);
    let mut drift: Vec<Object> = list(wire.resource_drift);
    let mut outputs: Vec<(String, Object)> = wire
        .output_changes
        .unwrap_or_default()
        .into_iter()
        .map(|(name, change)| (name, from_change(change)))
        .collect();
    let pairs = pairs(&changes, &drift);
    for object in changes.iter_mut().chain(&mut drift) {
        let marks = seen.marks(&key_of(&object.address, object));
        let before_move = object.previous_address.as_deref();
        let moved = before_move.map(|from| seen.marks(&key_of(from, object)));
        object.mark(marks.union(moved.unwrap_or_default()));
        if blunt {
            object.mark(blunt_marks(object));
        }
    }
    share(&mut changes, &mut drift, &pairs);
    for (name, output) in &mut outputs {
        if seen.sensitive_outputs.contains(name) {
            output.mark(Marks::All);
        } else if blunt {
            output.mark(Marks::Strings);
        }
    }
    for object in all(&changes, &drift, &outputs) {
        seen.secrets.collect(&object.before, &object.marks);
        seen.secrets.collect(&object.after, &object.marks);
    }

    let redactor = Redactor {
        key,
        masker: seen.secrets.masker(),
    };
    warnings.extend(unknown_actions(&changes, &redactor));
    if !seen.secrets.is_empty() {
        for object in changes.iter_mut().chain(&mut drift) {
            object.mark_occurrences(&redactor);
        }
        for (_, output) in &mut outputs {
            output.mark_occurrences(&redactor);
        }
        share(&mut changes, &mut drift, &pairs);
    }

    let errored = wire.errored.unwrap_or(false);
    let plan = Plan {
        errored,
        complete: !refresh_only && wire.complete.unwrap_or(!errored),
        refresh_only,
        changes: changes.into_iter().map(|o| o.finish(&redactor)).collect(),
        drift: drift.into_iter().map(|o| o.finish(&redactor)).collect(),
        outputs: outputs
            .into_iter()
            .filter_map(|(name, output)| output_change(name, output, &redactor))
            .collect(),
        checks: wire
            .checks
            .into_iter()
            .map(|check| self::check(check, &redactor))
            .collect(),
        relevant: wire
            .relevant_attributes
            .into_iter()
            .map(|relevant| RelevantAttribute {
                resource: redactor.address(&relevant.resource),
                path: redactor.path(&path(&Json::Array(relevant.attribute))),
            })
            .collect(),
        deferred: wire.deferred_changes.len(),
        terraform_version: wire.terraform_version,
    };
    Reading {
        plan,
        masker: redactor.masker,
        warnings,
    }
}

fn marks_schema(version: Option<&str>) -> bool {
    let mut numbers = version
        .unwrap_or_default()
        .split('.')
        .map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= MARKS_SCHEMA_SINCE,
        _ => false,
    }
}

fn blunt_marks(object: &Object) -> Marks {
    let keys = [&object.before, &object.after]
        .into_iter()
        .flat_map(|side| match side {
            Value::Object(fields) => fields.keys().cloned().collect(),
            _ => Vec::new(),
        });
    Marks::fields(
        keys.filter(|key| !NEVER_SECRET.contains(&key.as_str()))
            .map(|key| (key, Marks::Strings)),
    )
}

fn key_of(address: &str, object: &Object) -> ObjectKey {
    (address.to_owned(), object.deposed.clone())
}

fn list(entries: Option<Vec<wire::ResourceChange>>) -> Vec<Object> {
    let entries = entries.unwrap_or_default().into_iter();
    entries
        .map(|entry| Object {
            address: entry.address,
            previous_address: entry.previous_address,
            deposed: entry.deposed,
            mode: match entry.mode.as_str() {
                "managed" => Mode::Managed,
                "data" => Mode::Data,
                _ => Mode::Other,
            },
            resource_type: entry.resource_type,
            reason: entry.action_reason,
            ..from_change(entry.change)
        })
        .collect()
}

fn from_change(change: wire::Change) -> Object {
    let unknown = Marks::read(&change.after_unknown);
    Object {
        address: String::new(),
        previous_address: None,
        deposed: None,
        mode: Mode::Other,
        resource_type: String::new(),
        action: action(change.actions),
        before: value(change.before),
        after: with_unknown(value(change.after), unknown),
        replace_paths: change
            .replace_paths
            .iter()
            .map(path)
            .filter(|path| !path.segments().is_empty())
            .collect(),
        reason: None,
        importing: change.importing.map(|importing| {
            let unnamed = if importing.identity.is_some() {
                "(identity)"
            } else {
                "(unknown)"
            };
            importing.id.unwrap_or_else(|| unnamed.to_owned())
        }),
        marks: Marks::read(&change.before_sensitive).union(Marks::read(&change.after_sensitive)),
    }
}

impl Object {
    fn mark(&mut self, marks: Marks) {
        self.marks = std::mem::take(&mut self.marks).union(marks);
    }

    /// Marks text in which a secret occurs, unless it is hidden already.
    fn mark_occurrences(&mut self, redactor: &Redactor<'_>) {
        let before = redactor.occurrences(&self.before);
        let after = redactor.occurrences(&self.after);
        let known = std::mem::take(&mut self.marks);
        let known = known
            .clone()
            .fitted(&self.before)
            .union(known.fitted(&self.after));
        self.marks = known.union(before.union(after));
    }

    fn finish(self, redactor: &Redactor<'_>) -> ResourceChange {
        ResourceChange {
            before: redactor.redact_resource(self.before, self.marks.clone()),
            after: redactor.redact_resource(self.after, self.marks),
            address: redactor.address(&self.address),
            previous_address: self.previous_address.map(|from| redactor.address(&from)),
            mode: self.mode,
            resource_type: self.resource_type,
            deposed: self.deposed,
            action: self.action,
            replace_paths: self
                .replace_paths
                .iter()
                .map(|path| redactor.path(path))
                .collect(),
            reason: self.reason.map(|reason| redactor.masker.mask(&reason)),
            importing: self.importing.map(|id| redactor.masker.mask(&id)),
        }
    }
}

/// For each drift entry the change entry of the same object, also across a move.
fn pairs(changes: &[Object], drift: &[Object]) -> Vec<Option<usize>> {
    let mut places: HashMap<ObjectKey, usize> = HashMap::new();
    for (place, change) in changes.iter().enumerate() {
        places.insert(key_of(&change.address, change), place);
    }
    for (place, change) in changes.iter().enumerate() {
        if let Some(from) = &change.previous_address {
            places.entry(key_of(from, change)).or_insert(place);
        }
    }
    let find = |entry: &Object| {
        let from = entry.previous_address.as_deref();
        places
            .get(&key_of(&entry.address, entry))
            .or_else(|| places.get(&key_of(from?, entry)))
            .copied()
    };
    drift.iter().map(find).collect()
}

/// Gives both entries of an object the marks of either.
fn share(changes: &mut [Object], drift: &mut [Object], pairs: &[Option<usize>]) {
    for (entry, place) in drift.iter().zip(pairs) {
        if let Some(change) = place.and_then(|place| changes.get_mut(place)) {
            change.mark(entry.marks.clone());
        }
    }
    for (entry, place) in drift.iter_mut().zip(pairs) {
        if let Some(change) = place.and_then(|place| changes.get(place)) {
            entry.mark(change.marks.clone());
        }
    }
}

fn all<'a>(
    changes: &'a [Object],
    drift: &'a [Object],
    outputs: &'a [(String, Object)],
) -> impl Iterator<Item = &'a Object> {
    let outputs = outputs.iter().map(|(_, output)| output);
    changes.iter().chain(drift).chain(outputs)
}

fn action(names: Vec<String>) -> PlannedAction {
    let words: Vec<&str> = names.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["no-op"] => PlannedAction::NoOp,
        ["create"] => PlannedAction::Create,
        ["read"] => PlannedAction::Read,
        ["update"] => PlannedAction::Update,
        ["delete"] => PlannedAction::Delete,
        ["forget"] => PlannedAction::Forget,
        ["delete", "create"] | ["create", "delete"] => PlannedAction::Replace,
        _ => PlannedAction::Other(names),
    }
}

fn unknown_actions(changes: &[Object], redactor: &Redactor<'_>) -> impl Iterator<Item = String> {
    changes.iter().filter_map(|change| match &change.action {
        PlannedAction::Other(names) => Some(format!(
            "{}: this program does not know the action \"{}\" and treats it as unsafe",
            redactor.address(&change.address),
            redactor.masker.mask(&names.join(", "))
        )),
        _ => None,
    })
}

/// A path of keys, cut at the first list index.
fn path(json: &Json) -> AttributePath {
    let steps = json.as_array().map(Vec::as_slice).unwrap_or_default();
    let keys = steps.iter().map_while(Json::as_str).map(str::to_owned);
    AttributePath::new(keys.collect())
}

fn output_change(name: String, output: Object, redactor: &Redactor<'_>) -> Option<OutputChange> {
    if output.action == PlannedAction::NoOp && output.before == output.after {
        return None;
    }
    Some(OutputChange {
        name: redactor.name(name),
        sensitive: output.marks.any(),
        before: redactor.redact(output.before, output.marks.clone()),
        after: redactor.redact(output.after, output.marks),
        action: output.action,
    })
}

fn check(check: wire::Check, redactor: &Redactor<'_>) -> Check {
    let shown = |address: &wire::CheckAddress| redactor.address(&address.to_display);
    let address = shown(&check.address);
    let mut messages = Vec::new();
    for instance in check.instances {
        for problem in instance.problems {
            let message = redactor.masker.mask(&problem.message);
            let place = shown(&instance.address);
            let own = place == address || place.as_str().is_empty();
            messages.push(if own {
                message
            } else {
                format!("{place}: {message}")
            });
        }
    }
    Check {
        status: match check.status.as_str() {
            "pass" => CheckStatus::Pass,
            "fail" => CheckStatus::Fail,
            "error" => CheckStatus::Error,
            _ => CheckStatus::Unknown,
        },
        address: address.to_string(),
        messages,
    }
}
