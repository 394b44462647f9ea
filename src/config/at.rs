//! A written value together with the place where it stands.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, Spanned};

use super::written::SecretPlace;

/// A value and where it was written; the schema is the value's own.
#[derive(Clone)]
pub(super) struct At<T>(Spanned<T>);

impl<T> At<T> {
    /// Where the value stands (an alias stands where it is used).
    pub(super) const fn place(&self) -> Location {
        self.0.referenced
    }
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// The value of an environment variable: text, or the place of a secret.
#[derive(Clone)]
pub(super) enum EnvText {
    /// Text.
    Text(String),
    /// YAML takes it for a number, a truth value or nothing, so what the variable would contain is
    /// a guess.
    NotText,
    /// `{ file: … }` or `{ env: … }`.
    Secret(Box<SecretPlace>),
}

impl<'de> Deserialize<'de> for EnvText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EnvVisitor)
    }
}

struct EnvVisitor;

impl<'de> Visitor<'de> for EnvVisitor {
    type Value = EnvText;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("text in quotes, `{ file: … }` or `{ env: … }`")
    }

    fn visit_str<E>(self, text: &str) -> Result<EnvText, E> {
        Ok(EnvText::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<EnvText, E> {
        Ok(EnvText::NotText)
    }

    fn visit_i64<E>(self, _: i64) -> Result<EnvText, E> {
        Ok(EnvText::NotText)
    }

    fn visit_i128<E>(self, _: i128) -> Result<EnvText, E> {
        Ok(EnvText::NotText)
    }

    fn visit_u64<E>(self, _: u64) -> Result<EnvText, E> {
        Ok(EnvText::NotText)
    }

    fn visit_u128<E>(self, _: u128) -> Result<EnvText, E> {
        Ok(EnvText::NotText)
    }

    fn visit_f64<E>(self, _: f64) -> Result<EnvText, E> {
        Ok(EnvText::NotText)
    }

    fn visit_unit<E>(self) -> Result<EnvText, E> {
        Ok(EnvText::NotText)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EnvText, A::Error> {
        SecretPlace::deserialize(MapAccessDeserializer::new(map))
            .map(|place| EnvText::Secret(Box::new(place)))
    }
}

impl JsonSchema for EnvText {
    fn schema_name() -> Cow<'static, str> {
        "EnvironmentValue".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "Text in quotes, or the place of a secret.",
            "anyOf": [{ "type": "string" }, generator.subschema_for::<SecretPlace>()]
        })
    }
}
