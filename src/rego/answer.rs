//! What a rule gives, read as conftest reads it: sets of messages, plain or as objects with `msg`.

use regorus::Value;

use crate::domain::ids::Address;
use crate::domain::opinion::SafeResource;

/// Messages of a rule, and what is wrong with those that are none.
pub(super) fn messages(value: &Value, rule: &str) -> (Vec<String>, Option<String>) {
    each(value, rule, "msg", |entry| match entry {
        Value::String(message) => Some(message.to_string()),
        Value::Object(_) => entry["msg"].as_string().ok().map(|text| text.to_string()),
        _ => None,
    })
}

/// Addresses of a rule, and what is wrong with those that are none.
pub(super) fn addresses(value: &Value, rule: &str) -> (Vec<SafeResource>, Option<String>) {
    each(value, rule, "address", |entry| match entry {
        Value::String(address) => Some(SafeResource {
            address: Address::new(address.as_ref()),
            reason: None,
        }),
        Value::Object(_) => Some(SafeResource {
            address: Address::new(entry["address"].as_string().ok()?.as_ref()),
            reason: match &entry["reason"] {
                Value::Undefined => None,
                reason => Some(reason.as_string().ok()?.to_string()),
            },
        }),
        _ => None,
    })
}

/// A rule that is undefined or false says nothing.
fn each<T>(
    value: &Value,
    rule: &str,
    key: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> (Vec<T>, Option<String>) {
    let entries: Vec<&Value> = match value {
        Value::Undefined | Value::Bool(false) => Vec::new(),
        Value::Set(entries) => entries.iter().collect(),
        Value::Array(entries) => entries.iter().collect(),
        other => {
            let wrong = format!(
                "it gives {}, not a set: write `{rule} contains {key} if {{ … }}`",
                kind(other)
            );
            return (Vec::new(), Some(wrong));
        }
    };
    let mut wrong = None;
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        match read(entry) {
            Some(entry) => found.push(entry),
            None => {
                wrong = Some(format!(
                    "it gives {}, neither a string nor an object with `{key}`",
                    kind(entry)
                ));
            }
        }
    }
    (found, wrong)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Set(_) => "a set",
        Value::Object(_) => "an object",
        Value::Undefined => "nothing",
    }
}
