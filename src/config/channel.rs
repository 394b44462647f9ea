//! A receiver as written: its name and its channel. What a channel asks for stands in its form, so
//! the file's own form and its JSON Schema follow the channels there are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json, json};

use super::at::At;
use super::written::{Hours, Limit};
use crate::notify::settings::{Field, FieldKind, Form, form, forms};

/// A receiver of alerts.
pub(super) struct Notifier {
    /// Its name.
    pub(super) name: At<String>,
    /// The channels it is given; one is right.
    pub(super) channels: Vec<Filled>,
    /// When only what is critical gets through.
    pub(super) quiet: Option<Hours>,
    /// The most messages in a while.
    pub(super) limit: Option<Limit>,
}

/// A channel's form as filled in.
pub(super) struct Filled {
    /// The form.
    pub(super) form: &'static Form,
    /// The key of the channel.
    pub(super) key: At<String>,
    /// Values by key as written (`token_file`, not `token`).
    pub(super) entries: BTreeMap<String, Entry>,
}

/// A value in a form.
pub(super) enum Entry {
    Path(At<PathBuf>),
    Text(At<String>),
    Texts(At<Vec<At<String>>>),
    Switch(At<bool>),
}

/// The keys under which a field is written, each with the kind of its entry.
fn keys(field: &Field) -> Vec<(String, EntryKind)> {
    let name = field.name;
    match field.kind {
        FieldKind::Secret | FieldKind::SecretUrl => vec![
            (format!("{name}_file"), EntryKind::Path),
            (format!("{name}_env"), EntryKind::Text),
        ],
        FieldKind::Text | FieldKind::Url | FieldKind::OneOf(_) => {
            vec![(name.to_owned(), EntryKind::Text)]
        }
        FieldKind::Addresses | FieldKind::Texts => vec![(name.to_owned(), EntryKind::Texts)],
        FieldKind::Switch => vec![(name.to_owned(), EntryKind::Switch)],
        FieldKind::Templates => vec![(name.to_owned(), EntryKind::Path)],
    }
}

#[derive(Clone, Copy)]
enum EntryKind {
    Path,
    Text,
    Texts,
    Switch,
}

impl<'de> DeserializeSeed<'de> for EntryKind {
    type Value = Entry;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Entry, D::Error> {
        Ok(match self {
            Self::Path => Entry::Path(At::deserialize(deserializer)?),
            Self::Text => Entry::Text(At::deserialize(deserializer)?),
            Self::Texts => Entry::Texts(At::deserialize(deserializer)?),
            Self::Switch => Entry::Switch(At::deserialize(deserializer)?),
        })
    }
}

impl<'de> Deserialize<'de> for Notifier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NotifierVisitor)
    }
}

struct NotifierVisitor;

impl<'de> Visitor<'de> for NotifierVisitor {
    type Value = Notifier;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a receiver")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Notifier, A::Error> {
        let (mut name, mut channels) = (None, Vec::new());
        let (mut quiet, mut limit) = (None, None);
        while let Some(key) = map.next_key::<At<String>>()? {
            if key.as_str() == "name" {
                name = Some(map.next_value()?);
            } else if key.as_str() == "quiet" {
                quiet = Some(map.next_value()?);
            } else if key.as_str() == "limit" {
                limit = Some(map.next_value()?);
            } else if let Some(form) = form(&key) {
                channels.push(map.next_value_seed(Channel { form, key })?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Notifier {
            name: name.ok_or_else(|| A::Error::missing_field("name"))?,
            channels,
            quiet,
            limit,
        })
    }
}

struct Channel {
    form: &'static Form,
    key: At<String>,
}

impl<'de> DeserializeSeed<'de> for Channel {
    type Value = Filled;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Filled, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Channel {
    type Value = Filled;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings of a channel")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Filled, A::Error> {
        let known: BTreeMap<String, EntryKind> = self.form.fields.iter().flat_map(keys).collect();
        let mut entries = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            match known.get(&key) {
                Some(kind) => {
                    let entry = map.next_value_seed(*kind)?;
                    entries.insert(key, entry);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Filled {
            form: self.form,
            key: self.key,
            entries,
        })
    }
}

impl JsonSchema for Notifier {
    fn schema_name() -> Cow<'static, str> {
        "Notifier".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let names: Vec<String> = forms().map(|form| format!("`{}`", form.name)).collect();
        let mut properties = Map::new();
        properties.insert(
            "name".to_owned(),
            json!({
                "description": "Its name, unique in this file.",
                "type": "string",
                "pattern": "^[a-z0-9][a-z0-9_-]*$",
            }),
        );
        let (hours, limit) = (
            generator.subschema_for::<Hours>(),
            generator.subschema_for::<Limit>(),
        );
        properties.insert("quiet".to_owned(), hours.to_value());
        properties.insert("limit".to_owned(), limit.to_value());
        properties.extend(forms().map(|form| (form.name.to_owned(), channel_schema(form))));
        let schema = json!({
            "description": format!("A receiver of alerts: give one of {}.", names.join(", ")),
            "type": "object",
            "properties": properties,
            "required": ["name"],
            "additionalProperties": false,
        });
        Schema::try_from(schema).unwrap_or_default()
    }
}

fn channel_schema(form: &Form) -> Json {
    let properties: Map<String, Json> = form.fields.iter().flat_map(properties).collect();
    let required = form.fields.iter().filter(|field| {
        field.needed && !matches!(field.kind, FieldKind::Secret | FieldKind::SecretUrl)
    });
    json!({
        "description": form.about,
        "type": "object",
        "properties": properties,
        "required": required.map(|field| field.name).collect::<Vec<_>>(),
        "additionalProperties": false,
    })
}

fn properties(field: &Field) -> Vec<(String, Json)> {
    let about = field.about;
    let text = json!({"description": about, "type": "string"});
    match field.kind {
        FieldKind::Secret | FieldKind::SecretUrl => vec![
            (
                format!("{}_file", field.name),
                json!({"description": format!("File that holds {about}."), "type": "string"}),
            ),
            (
                format!("{}_env", field.name),
                json!({
                    "description": format!("Environment variable that holds {about}."),
                    "type": "string",
                }),
            ),
        ],
        FieldKind::Text | FieldKind::Url | FieldKind::Templates => {
            vec![(field.name.to_owned(), text)]
        }
        FieldKind::OneOf(words) => vec![(
            field.name.to_owned(),
            json!({"description": about, "type": "string", "enum": words}),
        )],
        FieldKind::Addresses | FieldKind::Texts => vec![(
            field.name.to_owned(),
            json!({"description": about, "type": "array", "items": {"type": "string"}}),
        )],
        FieldKind::Switch => vec![(
            field.name.to_owned(),
            json!({"description": about, "type": "boolean"}),
        )],
    }
}
