//! Hiding: what is marked, and every text in which a marked value occurs.

use std::collections::{BTreeMap, HashSet};

use crate::domain::digest::DigestKey;
use crate::domain::ids::{Address, Fingerprint};
use crate::domain::value::{AttributePath, TOO_DEEP, Value};
use crate::secret::{Masker, SHORTEST_MASKED};

use super::clear::{Clear, strings};
use super::instance_key;
use super::marks::Marks;

/// Secrets seen so far, long enough to be looked for inside other text.
#[derive(Default)]
pub(super) struct Secrets(HashSet<Box<str>>);

impl Secrets {
    /// Takes in every string of the marked parts of a value. Strings that are hidden only because
    /// the tool marks too little are no known secrets; numbers and booleans would hide innocent
    /// ones.
    pub(super) fn collect(&mut self, value: &Clear, marks: &Marks) {
        match (value, marks) {
            (_, Marks::Nothing | Marks::Text | Marks::Strings)
            | (Clear::Null | Clear::Bool(_) | Clear::Number(_) | Clear::Unknown, _) => {}
            (Clear::String(text), _) => self.add(text),
            (Clear::Deep(raw), _) => {
                for text in strings(raw) {
                    self.add(&text);
                }
            }
            (Clear::List(items), Marks::Items(_)) => {
                for (item, marks) in items.iter().zip(marks.clone().each(items.len())) {
                    self.collect(item, &marks);
                }
            }
            (Clear::List(items), _) => {
                for item in items {
                    self.collect(item, &Marks::All);
                }
            }
            (Clear::Object(fields), Marks::Fields(_)) => {
                for (key, field) in fields {
                    self.collect(field, &marks.field(key));
                }
            }
            (Clear::Object(fields), _) => {
                for field in fields.values() {
                    self.collect(field, &Marks::All);
                }
            }
        }
    }

    fn add(&mut self, text: &str) {
        let long = text.chars().nth(SHORTEST_MASKED - 1).is_some();
        if long && !self.0.contains(text) {
            self.0.insert(text.into());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn masker(&self) -> Masker {
        Masker::new(self.0.iter().map(|secret| &**secret))
    }
}

/// Replaces what must not be seen.
pub(super) struct Redactor<'k> {
    pub(super) key: &'k DigestKey,
    pub(super) masker: Masker,
}

impl Redactor<'_> {
    /// Where in a value a known secret occurs in other text.
    pub(super) fn occurrences(&self, value: &Clear) -> Marks {
        match value {
            Clear::String(text) if self.masker.knows_any_of(text) => Marks::Text,
            Clear::List(items) => Marks::items(items.iter().map(|item| self.occurrences(item))),
            Clear::Object(fields) => Marks::fields(
                fields
                    .iter()
                    .map(|(key, field)| (key.clone(), self.occurrences(field))),
            ),
            _ => Marks::Nothing,
        }
    }

    /// The value with everything hidden that is marked or holds a known secret, keys included.
    pub(super) fn redact(&self, value: Clear, marks: Marks) -> Value {
        self.hide(value, marks, 1)
    }

    /// The same for an object of a resource, whose own keys are the provider's words: a secret that
    /// happens to be one of them must not change what an attribute is called.
    pub(super) fn redact_resource(&self, value: Clear, marks: Marks) -> Value {
        self.hide(value, marks, 0)
    }

    fn hide(&self, value: Clear, marks: Marks, depth: usize) -> Value {
        match (value, marks) {
            // That there is nothing, or nothing known yet, is no secret.
            (Clear::Null, _) => Value::Null,
            (Clear::Unknown, _) => Value::Unknown,
            (value, Marks::All) => self.whole(&value),
            (value @ Clear::Deep(_), marks) if !marks.any() => Value::Redacted {
                text: TOO_DEEP.to_owned(),
                fingerprint: self.fingerprint(&value),
            },
            (Clear::String(text), Marks::Nothing) => self.text(text),
            (Clear::String(text), Marks::Text) => match self.masker.redact(&text) {
                Some(masked) => self.redacted(masked, text),
                None => self.whole(&Clear::String(text)),
            },
            (Clear::Number(number), Marks::Nothing | Marks::Strings) => Value::Number(number),
            (Clear::Bool(b), Marks::Nothing | Marks::Strings | Marks::Text) => Value::Bool(b),
            (Clear::List(items), marks @ (Marks::Items(_) | Marks::Nothing | Marks::Strings)) => {
                let marks = marks.each(items.len());
                let hidden = items
                    .into_iter()
                    .zip(marks)
                    .map(|(item, marks)| self.hide(item, marks, depth + 1));
                Value::List(hidden.collect())
            }
            (Clear::Object(fields), Marks::Fields(mut marks)) => {
                self.object(fields, depth, |key| marks.remove(key).unwrap_or_default())
            }
            (Clear::Object(fields), marks @ (Marks::Nothing | Marks::Strings)) => {
                self.object(fields, depth, |_| marks.clone())
            }
            // Marks of another shape than the value: hidden as a whole rather than guessed at.
            (value, _) => self.whole(&value),
        }
    }

    fn text(&self, text: String) -> Value {
        match self.masker.redact(&text) {
            Some(masked) => self.redacted(masked, text),
            None => Value::String(text),
        }
    }

    fn redacted(&self, masked: String, text: String) -> Value {
        Value::Redacted {
            text: masked,
            fingerprint: self.fingerprint(&Clear::String(text)),
        }
    }

    fn object(
        &self,
        fields: BTreeMap<String, Clear>,
        depth: usize,
        mut marks: impl FnMut(&str) -> Marks,
    ) -> Value {
        let name = own_name(&fields);
        let hidden = fields.into_iter().map(|(key, field)| {
            let named = match &field {
                Clear::String(text) => {
                    let name = if key == "value" { &name } else { &None };
                    Masker::is_named(name.as_deref().unwrap_or(&key), text)
                }
                _ => false,
            };
            let marks = if named { Marks::All } else { marks(&key) };
            let field = self.hide(field, marks, depth + 1);
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
        let fingerprint = self.fingerprint(&Clear::String(key));
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
        while let Some(instance_key::Found {
            before,
            written,
            key,
            after,
        }) = instance_key::next(rest)
        {
            shown.push_str(before);
            match self.masker.redact(&key) {
                Some(_) => shown.push_str(&instance_key::written(&self.name(key))),
                None => shown.push_str(written),
            }
            rest = after;
        }
        shown.push_str(rest);
        Address::new(shown)
    }

    fn whole(&self, value: &Clear) -> Value {
        Value::Sensitive {
            fingerprint: self.fingerprint(value),
            empty: value.is_empty(),
        }
    }

    fn fingerprint(&self, value: &Clear) -> Fingerprint {
        self.key.fingerprint(&value.canonical())
    }
}

/// What an object in a list of names and values calls its value.
fn own_name(fields: &BTreeMap<String, Clear>) -> Option<String> {
    match fields.get("name").or_else(|| fields.get("key"))? {
        Clear::String(name) => Some(name.clone()),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[allow(
        clippy::needless_pass_by_value,
        reason = "the callers make it on the spot"
    )]
    fn value(json: serde_json::Value) -> Clear {
        Clear::parse(&json.to_string()).unwrap()
    }

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
        let hidden = redactor.redact(value(json), Marks::parse(Some(&marks.to_string())));
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
        let redactor = redactor(&["p<\"w\">12345", "key-of-something"]);
        assert_eq!(
            shown(
                &redactor,
                json!({"url": "db://h/p<\"w\">12345@h", "n": 1_234_567_890_123_u64,
                       "policy": "{\"k\":\"p\\u003c\\\"w\\\"\\u003e12345\"}"}),
                &json!(false)
            ),
            r#"{"n":1234567890123,"policy":"{\"k\":\"(sensitive)\"}","url":"db://h/(sensitive)@h"}"#
        );
        let keys = shown(&redactor, json!({"key-of-something": 1}), &json!(false));
        assert!(keys.starts_with(r#"{"(sensitive)#"#), "{keys}");

        let named = value(json!({"key-of-something": true}));
        let kept = redactor.redact_resource(named, Marks::Nothing);
        assert_eq!(kept.to_json(), json!({"key-of-something": true}));
    }

    #[test]
    fn what_is_named_as_a_credential_is_hidden() {
        let json = json!({
            "env": {"DB_PASSWORD": "hunter", "PORT": "5432", "PASSWORD_FILE": "/run/x"},
            "set": [{"name": "auth.password", "value": "hunter"}, {"name": "x", "value": "y"}],
        });
        assert_eq!(
            shown(&redactor(&[]), json, &json!(false)),
            concat!(
                r#"{"env":{"DB_PASSWORD":"(sensitive)","PASSWORD_FILE":"/run/x","PORT":"5432"},"#,
                r#""set":[{"name":"auth.password","value":"(sensitive)"},{"name":"x","value":"y"}]}"#,
            )
        );
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
        let hide = |text: &str| redactor.redact(Clear::String(text.into()), Marks::All);
        assert_eq!(hide("one"), hide("one"));
        assert_ne!(hide("one"), hide("two"));
        assert!(hide("").is_empty());
        assert!(!hide("one").is_empty());
    }
}
