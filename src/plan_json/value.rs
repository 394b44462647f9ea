//! Values in clear, before anything is hidden.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::domain::value::{Number, Value};

use super::marks::Marks;

/// A JSON value in clear.
pub(super) fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(b),
        Json::Number(number) => Value::Number(Number::parse(&number.to_string())),
        Json::String(text) => Value::String(text),
        Json::Array(items) => Value::List(items.into_iter().map(value).collect()),
        Json::Object(fields) => {
            Value::Object(fields.into_iter().map(|(k, v)| (k, value(v))).collect())
        }
    }
}

/// Puts [`Value::Unknown`] where `after_unknown` says so, also where `after` leaves the place out.
pub(super) fn with_unknown(known: Value, unknown: Marks) -> Value {
    match (known, unknown) {
        (known, Marks::Nothing | Marks::Text | Marks::Strings) => known,
        (_, Marks::All) => Value::Unknown,
        (known, Marks::Fields(marks)) => {
            let mut fields = match known {
                Value::Object(fields) => fields,
                _ => BTreeMap::new(),
            };
            for (key, marks) in marks {
                let field = fields.remove(&key).unwrap_or(Value::Null);
                fields.insert(key, with_unknown(field, marks));
            }
            Value::Object(fields)
        }
        (known, Marks::Items(marks)) => {
            let mut items = match known {
                Value::List(items) => items,
                _ => Vec::new(),
            };
            items.resize(items.len().max(marks.len()), Value::Null);
            for (item, marks) in items.iter_mut().zip(marks) {
                *item = with_unknown(std::mem::replace(item, Value::Null), marks);
            }
            Value::List(items)
        }
    }
}
