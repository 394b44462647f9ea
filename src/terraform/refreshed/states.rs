//! The state before the refresh and the one after it, object by object. What counts as a difference
//! is what `classify` says of it, as it would of the same two sides in the plan's JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::classify::classify;
use crate::domain::ids::Address;
use crate::domain::mirrored;
use crate::domain::plan::{Mode, Plan, PlannedAction, ResourceChange};
use crate::domain::rules::Rules;
use crate::domain::value::Value;

use super::attributes::InClear;
use super::{Refreshed, Unknown};

/// The version of the format that Terraform writes since 0.12, and OpenTofu.
const VERSION: u64 = 4;

/// Objects that are spelt differently and longer than this together are not compared, in bytes.
const LARGEST_COMPARED: usize = 4 << 20;

#[derive(Deserialize)]
struct State<'a> {
    version: u64,
    #[serde(borrow)]
    resources: Option<Vec<Resource<'a>>>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    module: Cow<'a, str>,
    mode: &'a str,
    #[serde(rename = "type")]
    resource_type: &'a str,
    name: &'a str,
    #[serde(borrow)]
    instances: Vec<Instance<'a>>,
}

#[derive(Deserialize)]
struct Instance<'a> {
    #[serde(borrow)]
    index_key: Option<&'a RawValue>,
    deposed: Option<&'a str>,
    status: Option<&'a str>,
    #[serde(default)]
    schema_version: u64,
    #[serde(borrow)]
    attributes: &'a RawValue,
    #[serde(borrow)]
    attributes_flat: Option<&'a RawValue>,
}

/// Module, type, name, index and deposed key of a managed object.
type Key<'a> = (
    Cow<'a, str>,
    &'a str,
    &'a str,
    Option<&'a str>,
    Option<&'a str>,
);

type Objects<'a> = BTreeMap<Key<'a>, Instance<'a>>;

/// [`Refreshed::Same`] if nothing moved in the world that anybody would be told.
pub(super) fn compare(before: &[u8], after: &[u8]) -> Result<Refreshed, Unknown> {
    let (before, after) = (objects(before)?, objects(after)?);
    if !before.keys().eq(after.keys()) {
        return Ok(Refreshed::Differs("an object is in one state only"));
    }
    let mut plan = Plan {
        complete: true,
        ..Plan::default()
    };
    let mut room = LARGEST_COMPARED;
    let mut declaring = Vec::new();
    for ((key, state), real) in before.iter().zip(after.values()) {
        if state.status != real.status {
            return Ok(Refreshed::Differs("an object has another status"));
        }
        if state.schema_version != real.schema_version {
            return Err(Unknown("an object has two schema versions"));
        }
        let (_, resource_type, ..) = *key;
        let unmoved = state.attributes.get() == real.attributes.get();
        if unmoved {
            if mirrored::declares(resource_type) {
                declaring.push((resource_type, real.attributes));
            }
            continue;
        }
        let length = state.attributes.get().len() + real.attributes.get().len();
        let Some(left) = room.checked_sub(length) else {
            return Ok(TOO_MUCH);
        };
        room = left;
        let address = Address::new(plan.changes.len().to_string());
        let (state, real) = (in_clear(state.attributes)?, in_clear(real.attributes)?);
        let drift = entry(address.clone(), resource_type, state, real.clone());
        plan.drift.push(ResourceChange {
            action: PlannedAction::Update,
            ..drift
        });
        plan.changes
            .push(entry(address, resource_type, real.clone(), real));
    }
    if plan.drift.is_empty() {
        return Ok(Refreshed::Same);
    }
    for (resource_type, attributes) in declaring {
        let Some(left) = room.checked_sub(attributes.get().len()) else {
            return Ok(TOO_MUCH);
        };
        room = left;
        let address = Address::new(plan.changes.len().to_string());
        let real = in_clear(attributes)?;
        plan.changes
            .push(entry(address, resource_type, real.clone(), real));
    }
    let findings = classify(&plan, &Rules::default());
    Ok(if findings.resources.is_empty() {
        Refreshed::Same
    } else {
        Refreshed::Differs("an object is not as it was")
    })
}

const TOO_MUCH: Refreshed = Refreshed::Differs("too much is spelt differently");

/// What a plan would list for an object that it leaves as it is.
fn entry(address: Address, resource_type: &str, before: Value, after: Value) -> ResourceChange {
    ResourceChange {
        address,
        previous_address: None,
        mode: Mode::Managed,
        resource_type: resource_type.to_owned(),
        deposed: None,
        action: PlannedAction::NoOp,
        before,
        after,
        replace_paths: Vec::new(),
        reason: None,
        importing: None,
    }
}

/// The managed objects of a state, by what they are called.
fn objects(state: &[u8]) -> Result<Objects<'_>, Unknown> {
    let state: State<'_> =
        serde_json::from_slice(state).map_err(|_| Unknown("a state in it has another form"))?;
    if state.version != VERSION {
        return Err(Unknown("a state in it has a version that is not known"));
    }
    let mut objects = BTreeMap::new();
    for resource in state.resources.into_iter().flatten() {
        match resource.mode {
            "managed" => {}
            // A data source is read, not refreshed: what it says anew shows in what uses it.
            "data" => continue,
            _ => return Err(Unknown("a state in it has an object of another mode")),
        }
        for instance in resource.instances {
            if instance.attributes_flat.is_some() {
                return Err(Unknown("an object has attributes of an old form"));
            }
            let key = (
                resource.module.clone(),
                resource.resource_type,
                resource.name,
                instance.index_key.map(RawValue::get),
                instance.deposed,
            );
            if objects.insert(key, instance).is_some() {
                return Err(Unknown("a state in it has an object twice"));
            }
        }
    }
    Ok(objects)
}

fn in_clear(attributes: &RawValue) -> Result<Value, Unknown> {
    match serde_json::from_str(attributes.get()) {
        Ok(InClear(object @ Value::Object(_))) => Ok(object),
        _ => Err(Unknown("an object has attributes of an unknown form")),
    }
}
