//! The format as Terraform and OpenTofu write it. Every field is optional: versions differ, and what
//! a version lacks must not make its plans unreadable. Values and marks stay text (`R`) until it is
//! known whether they are needed: borrowed from a document in memory, owned from a stream.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use serde_json::Value as Json;
use serde_json::value::RawValue;

/// A part of the document as text.
pub(super) trait Raw<'de>: Deserialize<'de> + Deref<Target = RawValue> {}

impl<'de, R: Deserialize<'de> + Deref<Target = RawValue>> Raw<'de> for R {}

/// The text of a part, if it is there and not null.
pub(super) fn text<R: Deref<Target = RawValue>>(part: Option<&R>) -> Option<&str> {
    part.map(|raw| raw.get())
}

/// A list or map that may be absent or null.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(super) struct ResourceChange<R> {
    #[serde(default)]
    pub(super) address: String,
    pub(super) previous_address: Option<String>,
    #[serde(default = "managed")]
    pub(super) mode: Mode,
    #[serde(rename = "type", default)]
    pub(super) resource_type: String,
    pub(super) deposed: Option<String>,
    pub(super) change: Option<Change<R>>,
    pub(super) action_reason: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    Managed,
    Data,
    #[default]
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(super) struct Change<R> {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) actions: Vec<String>,
    pub(super) before: Option<R>,
    pub(super) after: Option<R>,
    pub(super) after_unknown: Option<R>,
    pub(super) before_sensitive: Option<R>,
    pub(super) after_sensitive: Option<R>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) replace_paths: Vec<Json>,
    pub(super) importing: Option<Importing>,
}

/// What is not said to be something else is taken for something that can be lost.
const fn managed() -> Mode {
    Mode::Managed
}

/// A change that was put off.
#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(super) struct Deferred<R> {
    pub(super) resource_change: Option<ResourceChange<R>>,
}

/// An action of a provider that an apply would run.
#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(super) struct Invocation<R> {
    pub(super) config_values: Option<R>,
    pub(super) config_sensitive: Option<R>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Importing {
    pub(super) id: Option<String>,
    pub(super) identity: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(super) struct Variable<R> {
    pub(super) value: Option<R>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(super) struct StateOutput<R> {
    pub(super) sensitive: Option<bool>,
    pub(super) value: Option<R>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(super) struct StateResource<'a, R> {
    #[serde(borrow, default)]
    pub(super) address: Cow<'a, str>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) mode: Mode,
    pub(super) deposed_key: Option<String>,
    pub(super) values: Option<R>,
    pub(super) sensitive_values: Option<R>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(super) struct Configuration<R> {
    pub(super) root_module: Option<ConfigModule<R>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(super) struct ConfigModule<R> {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) resources: Vec<ConfigResource>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) variables: BTreeMap<String, ConfigVariable<R>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) outputs: BTreeMap<String, ConfigOutput<R>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) module_calls: BTreeMap<String, ModuleCall<R>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ConfigResource {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) mode: Mode,
    pub(super) count_expression: Option<IgnoredAny>,
    pub(super) for_each_expression: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(super) struct ConfigVariable<R> {
    pub(super) default: Option<R>,
    pub(super) sensitive: Option<bool>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(super) struct ConfigOutput<R> {
    pub(super) sensitive: Option<bool>,
    pub(super) expression: Option<R>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "R: Deserialize<'de>"))]
pub(super) struct ModuleCall<R> {
    pub(super) expressions: Option<R>,
    pub(super) module: Option<ConfigModule<R>>,
    pub(super) count_expression: Option<IgnoredAny>,
    pub(super) for_each_expression: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RelevantAttribute {
    pub(super) resource: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) attribute: Vec<Json>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Check {
    pub(super) address: CheckAddress,
    pub(super) status: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) instances: Vec<CheckInstance>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct CheckAddress {
    pub(super) to_display: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct CheckInstance {
    pub(super) address: CheckAddress,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) problems: Vec<Problem>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    pub(super) message: String,
}
