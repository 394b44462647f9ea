//! From what was gathered to the domain: objects are paired with what the refresh saw of them, then
//! everything hidden is taken out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;

use crate::domain::digest::DigestKey;
use crate::domain::ids::Address;
use crate::domain::plan::{
    Check, CheckStatus, OutputChange, Plan, PlannedAction, RelevantAttribute,
};

use super::clear::Clear;
use super::configuration;
use super::gather::{Gathered, ObjectKey};
use super::marks::Marks;
use super::object::{Object, path};
use super::redact::Redactor;
use super::references;
use super::refresh_only::is_refresh_only;
use super::schema::Schema;
use super::wire::{self, Raw};
use super::{ReadError, Reading};

/// Attributes that stay readable in plans of versions that mark too little.
const NEVER_SECRET: &[&str] = &["arn", "id", "name", "tags", "tags_all"];

/// Earlier versions leave out marks that only a provider's schema sets.
const MARKS_SCHEMA_SINCE: (u64, u64) = (1, 1);

/// Converts a whole plan.
pub(super) fn plan<'de, R: Raw<'de>>(
    mut wire: Gathered<'_, R>,
    key: &DigestKey,
    schema: &Schema,
) -> Result<Reading, ReadError> {
    let blunt = !marks_schema(wire.terraform_version.as_deref());
    let refresh_only = is_refresh_only(&wire);
    configuration::declared(&mut wire);
    let mut changes = list(std::mem::take(&mut wire.changes), "resource_changes")?;
    let mut drift = list(std::mem::take(&mut wire.drift), "resource_drift")?;
    let mut outputs = outputs(std::mem::take(&mut wire.outputs))?;

    let mut wants_schema = BTreeSet::new();
    let pairs = pairs(&changes, &drift);
    for object in changes.iter_mut().chain(&mut drift) {
        let deposed = object.deposed.as_deref();
        let marks = wire.marks_at(&object.address, deposed);
        let from = object.previous_address.as_deref();
        let moved = from.map(|from| wire.marks_at(from, deposed));
        object.mark(marks.union(moved.unwrap_or_default()));
        by_schema(object, schema, blunt, &mut wants_schema);
    }
    share(&mut changes, &mut drift, &pairs);
    for (name, output) in &mut outputs {
        if wire.sensitive_outputs.contains(name) {
            output.mark(Marks::All);
        } else if blunt {
            output.mark(Marks::Strings);
        }
    }
    for object in all(&changes, &drift, &outputs) {
        wire.secrets.collect(&object.before, &object.marks);
        wire.secrets.collect(&object.after, &object.marks);
    }

    let redactor = Redactor {
        key,
        masker: wire.secrets.masker(),
    };
    let version = wire.terraform_version.take();
    let mut warnings = Vec::new();
    if blunt && !(wants_schema.is_empty() && outputs.is_empty()) {
        warnings.push(format!(
            "this plan was made by version {}, which does not mark every sensitive attribute: all \
             text is masked, except names, ids and tags",
            version.as_deref().unwrap_or("unknown"),
        ));
    }
    warnings.extend(unknown_actions(&changes, &redactor));
    if !wire.secrets.is_empty() {
        for object in changes.iter_mut().chain(&mut drift) {
            object.mark_occurrences(&redactor);
        }
        for (_, output) in &mut outputs {
            output.mark_occurrences(&redactor);
        }
        share(&mut changes, &mut drift, &pairs);
    }

    let moves = changes.iter().chain(&drift);
    let moves = moves.filter_map(|object| {
        let from = object.previous_address.as_deref()?;
        (from != object.address && wire.holds(from)).then(|| redactor.address(from))
    });
    let reoccupied = moves.collect();
    let root = wire.configuration.as_ref();
    let root = root.and_then(|configuration| configuration.root_module.as_ref());
    let errored = wire.errored.unwrap_or(false);
    let plan = Plan {
        errored,
        complete: !refresh_only && wire.complete.unwrap_or(!errored),
        refresh_only,
        reoccupied,
        changes: changes.into_iter().map(|o| o.finish(&redactor)).collect(),
        drift: drift.into_iter().map(|o| o.finish(&redactor)).collect(),
        outputs: outputs
            .into_iter()
            .filter_map(|(name, output)| {
                let made_from = root.and_then(|root| references::of_output(root, &name));
                output_change(name, output, made_from, &redactor)
            })
            .collect(),
        checks: wire
            .checks
            .into_iter()
            .map(|check| self::check(check, &redactor))
            .collect(),
        relevant: wire
            .relevant
            .into_iter()
            .map(|relevant| RelevantAttribute {
                resource: redactor.address(&relevant.resource),
                path: redactor.path(&path(&Json::Array(relevant.attribute))),
            })
            .collect(),
        deferred: wire.deferred,
        invocations: wire.invocations,
        terraform_version: version,
    };
    Ok(Reading {
        plan,
        masker: redactor.masker,
        warnings,
        wants_schema,
    })
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

/// What the provider's schema says of an object: what is sensitive in it, and which of its lists
/// have no order. Without it, and where the tool marks too little, all text is.
fn by_schema(object: &mut Object, schema: &Schema, blunt: bool, wanted: &mut BTreeSet<String>) {
    let kind = object.resource_type.as_str();
    if let Some(known) = schema.of(object.mode, kind) {
        object.mark(known.sensitive());
        let marks = object.marks.clone();
        known.sort_sets(&mut object.before, &marks);
        known.sort_sets(&mut object.after, &marks);
        if blunt {
            // A schema of another version, or a part of one, says nothing of these.
            let marks = blunt_marks(object, |name| !known.has(name));
            object.mark(marks);
        }
    } else if blunt {
        wanted.insert(kind.to_owned());
        let marks = blunt_marks(object, |_| true);
        object.mark(marks);
    }
}

fn blunt_marks(object: &Object, of: impl Fn(&str) -> bool) -> Marks {
    let keys = [&object.before, &object.after]
        .into_iter()
        .flat_map(|side| match side {
            Clear::Object(fields) => fields.keys().cloned().collect(),
            _ => Vec::new(),
        });
    Marks::fields(
        keys.filter(|key| !NEVER_SECRET.contains(&key.as_str()) && of(key))
            .map(|key| (key, Marks::Strings)),
    )
}

fn key_of(address: &str, object: &Object) -> ObjectKey {
    (address.to_owned(), object.deposed.clone())
}

fn list<'de, R: Raw<'de>>(
    entries: Vec<wire::ResourceChange<R>>,
    part: &'static str,
) -> Result<Vec<Object>, ReadError> {
    let entries = entries.into_iter();
    entries.map(|entry| Object::of_entry(entry, part)).collect()
}

fn outputs<'de, R: Raw<'de>>(
    changes: BTreeMap<String, wire::Change<R>>,
) -> Result<Vec<(String, Object)>, ReadError> {
    let changes = changes.into_iter();
    let read = changes.map(|(name, change)| {
        let output = Object::of_change(change, "output_changes")?;
        Ok((name, output))
    });
    read.collect()
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

fn output_change(
    name: String,
    output: Object,
    made_from: Option<BTreeSet<String>>,
    redactor: &Redactor<'_>,
) -> Option<OutputChange> {
    if output.action == PlannedAction::NoOp && output.before == output.after {
        return None;
    }
    Some(OutputChange {
        name: redactor.name(name),
        sensitive: output.marks.any(),
        before: redactor.redact(output.before, output.marks.clone()),
        after: redactor.redact(output.after, output.marks),
        action: output.action,
        made_from: made_from.map(|found| found.into_iter().map(Address::new).collect()),
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
            "fail" => CheckStatus::Fail,
            "error" => CheckStatus::Error,
            _ => CheckStatus::Unknown,
        },
        address: address.to_string(),
        messages,
    }
}
