//! Hiding: what is marked, and every text in which a marked value occurs.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::digest::{DigestKey, canonical_bytes};
use crate::domain::value::Value;
use crate::secret::{Masker, SHORTEST_MASKED};

use super::marks::Marks;

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

    /// A secret, and how it looks inside a JSON string (policies, user data), also as Terraform's
    /// `jsonencode` escapes it.
    fn add(&mut self, text: &str) {
        if text.chars().count() < SHORTEST_MASKED {
            return;
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
            let key = if depth == 0 {
                key
            } else {
                self.field_name(key)
            };
            (key, field)
        });
        Value::Object(hidden.collect())
    }

    /// A key in which a secret occurs keeps a piece of its fingerprint, so that two such keys stay
    /// apart and the same one stays the same.
    fn field_name(&self, key: String) -> String {
        let Some(masked) = self.masker.redact(&key) else {
            return key;
        };
        let fingerprint = self.fingerprint(&Value::String(key));
        let piece = fingerprint.as_str().get(..16).unwrap_or_default();
        format!("{masked}#{piece}")
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
