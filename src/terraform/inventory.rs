//! The objects in a state, and a state with another serial.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::domain::digest::DigestKey;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::{Address, Fingerprint};
use crate::domain::restore::Inventory;

use super::failures::plain;
use super::state::State;

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    module: Option<String>,
    mode: String,
    r#type: String,
    name: String,
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    index_key: Option<Value>,
    deposed: Option<String>,
    status: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, Value>,
}

impl State {
    /// The managed objects in it. Of their attributes nothing is kept but names and fingerprints.
    pub fn inventory(&self, key: &DigestKey) -> Result<Inventory, Failure> {
        if self.bytes.is_empty() {
            return Ok(Inventory::default());
        }
        let wire: Wire = serde_json::from_slice(&self.bytes).map_err(|cause| unreadable(&cause))?;
        let mut objects = BTreeMap::new();
        for resource in wire.resources.iter().filter(|r| r.mode == "managed") {
            for instance in &resource.instances {
                objects.insert(address(resource, instance), attributes(instance, key));
            }
        }
        Ok(Inventory(objects))
    }

    /// The same state with this serial; everything else is as it was, to the last digit.
    pub fn with_serial(&self, serial: u64) -> Result<Vec<u8>, Failure> {
        let mut parts: BTreeMap<&str, &RawValue> =
            serde_json::from_slice(&self.bytes).map_err(|cause| unreadable(&cause))?;
        let serial =
            RawValue::from_string(serial.to_string()).map_err(|cause| unreadable(&cause))?;
        parts.insert("serial", &serial);
        serde_json::to_vec_pretty(&parts).map_err(|cause| unreadable(&cause))
    }
}

fn address(resource: &Resource, instance: &Instance) -> Address {
    let mut text = String::new();
    if let Some(module) = &resource.module {
        text.push_str(module);
        text.push('.');
    }
    text.push_str(&format!("{}.{}", resource.r#type, resource.name));
    if let Some(key) = &instance.index_key {
        text.push_str(&format!("[{key}]"));
    }
    if let Some(deposed) = &instance.deposed {
        text.push_str(&format!(" (deposed {deposed})"));
    }
    Address::new(text)
}

fn attributes(instance: &Instance, key: &DigestKey) -> BTreeMap<String, Fingerprint> {
    let attributes = instance.attributes.iter();
    let mut known: BTreeMap<String, Fingerprint> = attributes
        .map(|(name, value)| {
            (
                name.clone(),
                key.fingerprint(&serde_json::to_vec(value).unwrap_or_default()),
            )
        })
        .collect();
    if let Some(status) = &instance.status {
        known.insert("<status>".to_owned(), key.fingerprint(status.as_bytes()));
    }
    known
}

fn unreadable(cause: &serde_json::Error) -> Failure {
    // The cause itself may quote a value.
    plain(
        FailureKind::TerraformError,
        format!(
            "the state is not readable at line {}, column {}",
            cause.line(),
            cause.column()
        ),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const STATE: &str = r#"{"version":4,"serial":7,"lineage":"l","outputs":{"n":{"value":1.000000000000000000000000001}},"resources":[
      {"mode":"managed","type":"a","name":"one","instances":[{"attributes":{"id":"x","secret":"hunter2"}}]},
      {"mode":"managed","type":"a","name":"many","instances":[{"index_key":0,"attributes":{}},{"index_key":1,"status":"tainted","attributes":{}}]},
      {"module":"module.m[\"k\"]","mode":"managed","type":"a","name":"each","instances":[{"index_key":"a\"b","attributes":{}},{"deposed":"0123","attributes":{}}]},
      {"mode":"data","type":"a","name":"read","instances":[{"attributes":{}}]}]}"#;

    fn state(text: &str) -> State {
        State::read(text.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn objects_are_called_what_terraform_calls_them_and_show_no_value() {
        let key = DigestKey::new([1; 32]);
        let inventory = state(STATE).inventory(&key).unwrap();
        let names: Vec<&str> = inventory.0.keys().map(Address::as_str).collect();
        assert_eq!(
            names,
            [
                "a.many[0]",
                "a.many[1]",
                "a.one",
                r#"module.m["k"].a.each (deposed 0123)"#,
                r#"module.m["k"].a.each["a\"b"]"#,
            ]
        );
        assert!(!format!("{inventory:?}").contains("hunter2"));
        assert_eq!(state("").inventory(&key).unwrap(), Inventory::default());
        let respelt = STATE.replace("{\"id\":\"x\",", "{ \"id\" : \"\\u0078\",");
        assert_eq!(state(&respelt).inventory(&key).unwrap(), inventory);
        let other = STATE.replace("hunter2", "hunter3");
        assert_ne!(state(&other).inventory(&key).unwrap(), inventory);
    }

    #[test]
    fn another_serial_changes_nothing_else() {
        let moved = State::read(state(STATE).with_serial(12).unwrap()).unwrap();
        assert_eq!(moved.identity.as_ref().unwrap().serial, 12);
        let text = String::from_utf8(moved.bytes.clone()).unwrap();
        assert!(text.contains("1.000000000000000000000000001"));
        let key = DigestKey::new([1; 32]);
        assert_eq!(moved.inventory(&key), state(STATE).inventory(&key));
    }

    #[test]
    fn a_broken_state_never_shows_in_the_failure() {
        let broken = State {
            bytes: br#"{"resources":"hunter2"}"#.to_vec(),
            identity: None,
            resources: 0,
        };
        let failure = broken.inventory(&DigestKey::new([1; 32])).unwrap_err();
        assert!(!failure.message.contains("hunter2"));
    }
}
