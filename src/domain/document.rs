//! Strings that are JSON documents: two of them are the same if they say the same, however they are
//! spelt.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::value::Number;

/// Elements of a policy statement whose lists have no order and stand for their only item.
/// Source: IAM JSON policy elements reference, "Grammar of the IAM JSON policy language".
const UNORDERED: &[&str] = &[
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
];

/// Whether both are JSON objects or lists, and the same one.
pub fn same_document(one: &str, other: &str) -> bool {
    match (document(one), document(other)) {
        (Some(one), Some(other)) => canonical(one) == canonical(other),
        _ => false,
    }
}

fn document(text: &str) -> Option<Json> {
    let text = text.trim();
    let framed = text.starts_with(['{', '[']) && text.ends_with(['}', ']']);
    if !framed {
        return None;
    }
    let Unambiguous = serde_json::from_str(text).ok()?;
    serde_json::from_str(text).ok()
}

/// A document without a key that stands twice in an object: which of the two counts is up to the
/// reader.
struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unambiguous {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document without keys that stand twice")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<Self>()?;
            if !keys.insert(key) {
                return Err(serde::de::Error::custom("a key stands there twice"));
            }
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

fn canonical(document: Json) -> Json {
    let mut document = plain(document);
    if let Some(statements) = document.get_mut("Statement") {
        if !statements.is_array() {
            *statements = Json::Array(vec![statements.take()]);
        }
        for statement in statements.as_array_mut().into_iter().flatten() {
            for element in UNORDERED {
                if let Some(element) = statement.get_mut(*element) {
                    unordered(element);
                }
            }
        }
        sort(statements);
    }
    document
}

/// Numbers by value, in all of a document.
fn plain(document: Json) -> Json {
    match document {
        Json::Number(number) => {
            let canonical = Number::parse(&number.to_string());
            serde_json::from_str(canonical.as_str()).unwrap_or(Json::Number(number))
        }
        Json::Array(items) => items.into_iter().map(plain).collect(),
        Json::Object(fields) => fields.into_iter().map(|(k, v)| (k, plain(v))).collect(),
        other => other,
    }
}

fn unordered(element: &mut Json) {
    match element {
        Json::Object(fields) => fields.values_mut().for_each(unordered),
        Json::Array(items) if items.len() == 1 => {
            let only = items.pop().unwrap_or_default();
            *element = only;
        }
        Json::Array(_) => sort(element),
        _ => {}
    }
}

fn sort(list: &mut Json) {
    if let Json::Array(items) = list {
        items.sort_by_cached_key(Json::to_string);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_compared_by_what_they_say() {
        for (one, other) in [
            (r#"{"a": 1, "b": [2]}"#, "{\"b\":[2.0],\n\"a\":1}"),
            ("[]", " [ ] "),
            (
                r#"{"Statement": {"Action": "s3:Get", "Principal": {"AWS": ["b", "a"]}}}"#,
                r#"{"Statement": [{"Principal": {"AWS": ["a", "b"]}, "Action": ["s3:Get"]}]}"#,
            ),
            (
                r#"{"Statement": [{"Sid": "1"}, {"Sid": "2"}]}"#,
                r#"{"Statement": [{"Sid": "2"}, {"Sid": "1"}]}"#,
            ),
        ] {
            assert!(same_document(one, other), "{one} {other}");
        }
        for (one, other) in [
            (r#"{"a": 1}"#, r#"{"a": 2}"#),
            (r#"{"a": [1, 2]}"#, r#"{"a": [2, 1]}"#),
            (r#"{"a": [1]}"#, r#"{"a": 1}"#),
            (r#"{"a": 1}"#, r#"{"a": "1"}"#),
            (
                r#"{"Statement": [{"Action": ["a"]}]}"#,
                r#"{"Statement": [{"Action": ["a", "b"]}]}"#,
            ),
            (r#"{"a": 1, "a": 2}"#, r#"{"a": 2}"#),
            ("1", "1.0"),
            ("{", "{"),
        ] {
            assert!(!same_document(one, other), "{one} {other}");
        }
    }
}
