//! Hiding: what is marked, and every text in which a marked value occurs.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::digest::{DigestKey, canonical_bytes};
use crate::domain::ids::Address;
use crate::domain::value::{AttributePath, Value};
use crate::secret::{Masker, SHORTEST_MASKED};

use super::encoded;
use super::marks::Marks;

/// Longer secrets (whole files) are looked for as they are only.
const LONGEST_ENCODED: usize = 4096;

/// Parts nested deeper than this are compared by fingerprint and not shown, so that whatever walks
/// a value later needs little stack.
const SHOWN_DEEPEST: usize = 128;

/// What a part shows that is nested too deeply.
const TOO_DEEP: &str = "(nested too deeply to show)";

/// Secrets seen so far, long enough to be looked for inside other text.
#[derive(Default)]
pub(super) struct Secrets(BTreeSet<String>);

impl Secrets {
    /// Takes in every string and number of the marked parts of a value. Strings that are hidden
    /// only because the tool marks too little are no known secrets.
    pub(super) fn collect(&mut self, value: &Value, marks: &Marks) {
        match (value, marks) {
            (_, Marks::Nothing | Marks::Text | Marks::Strings)
            | (Value::Null | Value::Bool(_) | Value::Unknown, _)
            | (Value::Sensitive { .. } | Value::Redacted { .. }, _) => {}
            (Value::String(text), _) => self.add(text),
            (Value::Number(number), _) => self.add(number.as_str()),
            (Value::List(items), Marks::Items(_)) => {
                for (item, marks) in items.iter().zip(marks.clone().each(items.len())) {
                    self.collect(item, &marks);
                }
            }
            (Value::List(items), _) => {
                for item in items {
                    self.collect(item, &Marks::All);
                }
            }
            (Value::Object(fields), Marks::Fields(_)) => {
                for (key, field) in fields {
                    self.collect(field, &marks.field(key));
                }
            }
            (Value::Object(fields), _) => {
                for field in fields.values() {
                    self.collect(field, &Marks::All);
                }
            }
        }
    }

    /// A secret, how it looks inside a JSON string (policies, user data), also as Terraform's
    /// `jsonencode` escapes it, inside a URL and inside base64.
    fn add(&mut self, text: &str) {
        if text.chars().count() < SHORTEST_MASKED {
            return;
        }
        if text.len() <= LONGEST_ENCODED {
            self.0.extend(encoded::percent(text));
            self.0.extend(encoded::base64(text.as_bytes()));
        }
        let quoted = serde_json::Value::from(text).to_string();
        let escaped = quoted
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        if let Some(escaped) = escaped.filter(|escaped| *escaped != text) {
            self.0.insert(escaped.to_owned());
        }
        if text.contains(['<', '>', '&']) {
            let html = escaped.unwrap_or(text).replace('&', "\\u0026");
            self.0
                .insert(html.replace('<', "\\u003c").replace('>', "\\u003e"));
        }
        self.0.insert(text.to_owned());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn masker(&self) -> Masker {
        Masker::new(self.0.iter().map(String::as_str))
    }
}

/// The first instance key of an address that is text: what is before it, it, and what follows.
fn next_key(address: &str) -> Option<(&str, &str, &str)> {
    let start = address.find("[\"")? + 2;
    let inside = address.get(start..)?;
    let mut escaped = false;
    let length = inside.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let end = start + length.unwrap_or(inside.len());
    Some((
        address.get(..start)?,
        address.get(start..end)?,
        address.get(end..)?,
    ))
}

/// Replaces what must not be seen.
pub(super) struct Redactor<'k> {
    pub(super) key: &'k DigestKey,
    pub(super) masker: Masker,
}

impl Redactor<'_> {
    /// Where in a value a known secret occurs in other text.
    pub(super) fn occurrences(&self, value: &Value) -> Marks {
        match value {
            Value::String(text) if self.masker.redact(text).is_some() => Marks::Text,
            Value::Number(number) if self.masker.redact(number.as_str()).is_some() => Marks::Text,
            Value::List(items) => Marks::items(items.iter().map(|item| self.occurrences(item))),
            Value::Object(fields) => Marks::fields(
                fields
                    .iter()
                    .map(|(key, field)| (key.clone(), self.occurrences(field))),
            ),
            _ => Marks::Nothing,
        }
    }

    /// The value with everything hidden that is marked or holds a known secret, keys included.
    pub(super) fn redact(&self, value: Value, marks: Marks) -> Value {
        self.hide(value, marks, 1)
    }

    /// The same for an object of a resource, whose own keys are the provider's words: a secret that
    /// happens to be one of them must not change what an attribute is called.
    pub(super) fn redact_resource(&self, value: Value, marks: Marks) -> Value {
        self.hide(value, marks, 0)
    }

    fn hide(&self, value: Value, marks: Marks, depth: usize) -> Value {
        match (value, marks) {
            // That there is nothing, or nothing known yet, is no secret.
            (value @ (Value::Null | Value::Unknown), _) => value,
            (value @ (Value::List(_) | Value::Object(_)), _) if depth >= SHOWN_DEEPEST => {
                let fingerprint = self.key.fingerprint(&canonical_bytes(&value));
                let text = TOO_DEEP.to_owned();
                Value::Redacted { text, fingerprint }
            }
            (value, Marks::All) => self.whole(&value),
            (Value::String(text), marks) => match self.masker.redact(&text) {
                _ if !matches!(marks, Marks::Nothing | Marks::Text) => {
                    self.whole(&Value::String(text))
                }
                Some(masked) => Value::Redacted {
                    text: masked,
                    fingerprint: self.fingerprint(&Value::String(text)),
                },
                None if marks == Marks::Text => self.whole(&Value::String(text)),
                None => Value::String(text),
            },
            (value @ Value::Number(_), Marks::Nothing | Marks::Strings) => match &value {
                Value::Number(number) if self.masker.redact(number.as_str()).is_some() => {
                    self.whole(&value)
                }
                _ => value,
            },
            (value @ Value::Bool(_), Marks::Nothing | Marks::Strings | Marks::Text) => value,
            (Value::List(items), marks @ (Marks::Items(_) | Marks::Nothing | Marks::Strings)) => {
                let marks = marks.each(items.len());
                let hidden = items
                    .into_iter()
                    .zip(marks)
                    .map(|(item, marks)| self.hide(item, marks, depth + 1));
                Value::List(hidden.collect())
            }
            (Value::Object(fields), Marks::Fields(mut marks)) => {
                self.object(fields, depth, |key| marks.remove(key).unwrap_or_default())
            }
            (Value::Object(fields), marks @ (Marks::Nothing | Marks::Strings)) => {
                self.object(fields, depth, |_| marks.clone())
            }
            // Marks of another shape than the value: hidden as a whole rather than guessed at.
            (value, _) => self.whole(&value),
        }
    }

    fn object(
        &self,
        fields: BTreeMap<String, Value>,
        depth: usize,
        mut marks: impl FnMut(&str) -> Marks,
    ) -> Value {
        let hidden = fields.into_iter().map(|(key, field)| {
            let field = self.hide(field, marks(&key), depth + 1);
            let key = if depth == 0 { key } else { self.name(key) };
            (key, field)
        });
        Value::Object(hidden.collect())
    }

    /// A key in which a secret occurs keeps a piece of its fingerprint, so that two such keys stay
    /// apart and the same one stays the same.
    pub(super) fn name(&self, key: String) -> String {
        let Some(masked) = self.masker.redact(&key) else {
            return key;
        };
        let fingerprint = self.fingerprint(&Value::String(key));
        let piece = fingerprint.as_str().get(..16).unwrap_or_default();
        format!("{masked}#{piece}")
    }

    /// A path into a resource, its keys called what [`Self::redact_resource`] calls them.
    pub(super) fn path(&self, path: &AttributePath) -> AttributePath {
        let segments = path.segments().iter().enumerate();
        let renamed = segments.map(|(depth, key)| match depth {
            0 => key.clone(),
            _ => self.name(key.clone()),
        });
        AttributePath::new(renamed.collect())
    }

    /// An address. Types and names are words of the code and stay, since a secret that happens to
    /// be one of them (`postgres`) must not change what a resource is called; the keys of instances
    /// are data.
    pub(super) fn address(&self, address: &str) -> Address {
        let mut shown = String::with_capacity(address.len());
        let mut rest = address;
        while let Some((before, key, after)) = next_key(rest) {
            shown.push_str(before);
            shown.push_str(&self.name(key.to_owned()));
            rest = after;
        }
        shown.push_str(rest);
        Address::new(shown)
    }

    fn whole(&self, value: &Value) -> Value {
        Value::Sensitive {
            fingerprint: self.fingerprint(value),
            empty: value.is_empty(),
        }
    }

    fn fingerprint(&self, value: &Value) -> crate::domain::ids::Fingerprint {
        self.key.fingerprint(&canonical_bytes(value))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::super::value::value;
    use super::*;

    const KEY: DigestKey = DigestKey::new([7; 32]);

    fn redactor(secrets: &[&str]) -> Redactor<'static> {
        let mut known = Secrets::default();
        for secret in secrets {
            known.add(secret);
        }
        Redactor {
            key: &KEY,
            masker: known.masker(),
        }
    }

    fn shown(
        redactor: &Redactor<'_>,
        json: serde_json::Value,
        marks: &serde_json::Value,
    ) -> String {
        let hidden = redactor.redact(value(json), Marks::read(marks));
        hidden.to_json().to_string()
    }

    #[test]
    fn marked_parts_are_hidden_item_by_item_and_objects_as_one() {
        let redactor = redactor(&[]);
        let json = json!({"a": ["x", "y"], "b": {"p": "q"}, "c": 1, "d": null});
        assert_eq!(
            shown(
                &redactor,
                json,
                &json!({"a": [false, true], "b": true, "d": true})
            ),
            r#"{"a":["x","(sensitive)"],"b":"(sensitive)","c":1,"d":null}"#
        );
    }

    #[test]
    fn marks_of_another_shape_hide_the_whole() {
        let redactor = redactor(&[]);
        assert_eq!(
            shown(&redactor, json!({"a": {"b": "s"}}), &json!({"a": [true]})),
            r#"{"a":"(sensitive)"}"#
        );
        assert_eq!(
            shown(&redactor, json!({"a": "s"}), &json!({"a": {"b": true}})),
            r#"{"a":"(sensitive)"}"#
        );
    }

    #[test]
    fn a_secret_is_cut_out_of_text_keys_numbers_and_quoted_json() {
        let redactor = redactor(&["p<\"w\">12345", "1234567890123"]);
        assert_eq!(
            shown(
                &redactor,
                json!({"url": "db://u:p<\"w\">12345@h", "n": 1_234_567_890_123_u64,
                       "policy": "{\"k\":\"p\\u003c\\\"w\\\"\\u003e12345\"}"}),
                &json!(false)
            ),
            r#"{"n":"(sensitive)","policy":"{\"k\":\"(sensitive)\"}","url":"db://u:(sensitive)@h"}"#
        );
        let keys = shown(&redactor, json!({"1234567890123": 1}), &json!(false));
        assert!(keys.starts_with(r#"{"(sensitive)#"#), "{keys}");

        let named = Value::Object([("1234567890123".to_owned(), Value::Bool(true))].into());
        let kept = redactor.redact_resource(named.clone(), Marks::Nothing);
        assert_eq!(kept, named);
    }

    #[test]
    fn a_secret_is_found_in_urls_and_in_base64() {
        let redactor = redactor(&["p@ss w/rd+1", "a\"quoted\"one"]);
        for text in [
            "db://u:p%40ss%20w%2Frd%2B1@h/x",
            "db://u:p%40ss%20w%2Frd+1@h/x",
            "https://h/?q=p%40ss+w%2Frd%2B1&r=1",
            "cEBzcyB3L3JkKzE=",
            "dXNlcjpwQHNzIHcvcmQrMQ==",
            "eyJwYXNzd29yZCI6InBAc3Mgdy9yZCsxIn0=",
        ] {
            let masked = redactor.masker.redact(text);
            assert!(masked.is_some(), "{text}");
        }
        assert_eq!(redactor.masker.mask("cEBzcyB3L3JkKzE="), "(sensitive)");
        assert_eq!(redactor.masker.redact("dXNlcjpvdGhlcg=="), None);
    }

    #[test]
    fn the_keys_of_an_address_are_masked_and_stay_apart() {
        let redactor = redactor(&["hunter2-hunter2", "postgres"]);
        let shown = |address: &str| redactor.address(address).to_string();
        let plain = "module.postgres[0].aws_db_instance.postgres[\"a\\\"]b\"]";
        assert_eq!(shown(plain), plain);
        let one = shown("t.x[\"hunter2-hunter2/a\"].postgres");
        let two = shown("t.x[\"hunter2-hunter2/b\"].postgres");
        assert!(one.starts_with("t.x[\"(sensitive)/a#") && one.ends_with("\"].postgres"));
        assert_ne!(one, two.replace("/b", "/a"));
        let second = shown("module.m[\"k\"].t.x[\"hunter2-hunter2\"]");
        assert!(
            second.starts_with("module.m[\"k\"].t.x[\"(sensitive)#"),
            "{second}"
        );
        assert!(!shown("t.x[\"hunter2-hunter2").contains("hunter2"));
    }

    #[test]
    fn what_replaced_a_text_with_a_secret_is_hidden_too() {
        let redactor = redactor(&["old-password"]);
        let marks = redactor.occurrences(&value(json!({"url": "db://old-password@h"})));
        let real = redactor.redact(value(json!({"url": "db://new-password@h"})), marks);
        assert_eq!(real.to_json(), json!({"url": "(sensitive)"}));
    }

    #[test]
    fn equal_secrets_have_equal_fingerprints_and_others_have_not() {
        let redactor = redactor(&[]);
        let hide = |text: &str| redactor.redact(Value::String(text.into()), Marks::All);
        assert_eq!(hide("one"), hide("one"));
        assert_ne!(hide("one"), hide("two"));
        assert!(hide("").is_empty());
        assert!(!hide("one").is_empty());
    }
}
