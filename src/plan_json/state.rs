//! What the rest of the document says about secrets: the marks in both states, sensitive variables
//! and sensitive outputs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::marks::Marks;
use super::redact::Secrets;
use super::value::value;
use super::wire;

/// Address and deposed key.
pub(super) type ObjectKey = (String, Option<String>);

/// What was seen so far.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) secrets: Secrets,
    pub(super) sensitive_outputs: BTreeSet<String>,
    objects: HashMap<ObjectKey, Marks>,
}

impl Seen {
    /// The marks of an object in either state.
    pub(super) fn marks(&self, key: &ObjectKey) -> Marks {
        self.objects.get(key).cloned().unwrap_or_default()
    }
}

/// Takes in a state (`prior_state.values`, `planned_values`).
pub(super) fn values(seen: &mut Seen, state: wire::StateValues<'_>) {
    for (name, output) in state.outputs {
        if output.sensitive == Some(true) {
            seen.secrets.collect(&value(output.value), &Marks::All);
            seen.sensitive_outputs.insert(name);
        }
    }
    if let Some(root) = state.root_module {
        module(seen, root);
    }
}

fn module(seen: &mut Seen, module: wire::StateModule<'_>) {
    for resource in module.resources {
        let marks = Marks::read(&resource.sensitive_values);
        if !marks.any() {
            continue;
        }
        let values = resource.values.map_or(Json::Null, parse);
        seen.secrets.collect(&value(values), &marks);
        let known = seen
            .objects
            .entry((resource.address, resource.deposed_key))
            .or_default();
        *known = std::mem::take(known).union(marks);
    }
    for child in module.child_modules {
        self::module(seen, child);
    }
}

/// A part of a document that has been scanned before, so its syntax is right.
fn parse(raw: &RawValue) -> Json {
    let mut reader = serde_json::Deserializer::from_str(raw.get());
    reader.disable_recursion_limit();
    serde::Deserialize::deserialize(&mut reader).unwrap_or_default()
}

/// Takes in variables and outputs that the configuration declares sensitive.
pub(super) fn variables(seen: &mut Seen, plan: &mut wire::Plan<'_>) {
    let configuration = plan.configuration.take().unwrap_or_default();
    let root = configuration.root_module.unwrap_or_default();
    let sensitive = root
        .outputs
        .iter()
        .filter(|(_, o)| o.sensitive == Some(true));
    seen.sensitive_outputs
        .extend(sensitive.map(|(name, _)| name.clone()));
    let mut given: BTreeMap<String, Json> = std::mem::take(&mut plan.variables)
        .into_iter()
        .map(|(name, variable)| (name, variable.value))
        .collect();
    declared(seen, root, &mut given);
}

fn declared(seen: &mut Seen, module: wire::ConfigModule, given: &mut BTreeMap<String, Json>) {
    for (name, variable) in module.variables {
        if variable.sensitive == Some(true) {
            for secret in [given.remove(&name), Some(variable.default)]
                .into_iter()
                .flatten()
            {
                seen.secrets.collect(&value(secret), &Marks::All);
            }
        }
    }
    for call in module.module_calls.into_values() {
        let mut constants = call
            .expressions
            .into_iter()
            .filter_map(|(name, mut expression)| {
                Some((name, expression.get_mut("constant_value")?.take()))
            })
            .collect();
        declared(seen, call.module.unwrap_or_default(), &mut constants);
    }
}
