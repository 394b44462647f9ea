//! The document as Terraform and OpenTofu write it. Every field is optional: versions differ, and
//! what a version lacks must not make its plans unreadable.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use serde_json::Value as Json;
use serde_json::value::RawValue;

/// A list or map that may be absent or null.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Plan<'a> {
    pub(super) format_version: Option<String>,
    pub(super) terraform_version: Option<String>,
    pub(super) errored: Option<bool>,
    pub(super) complete: Option<bool>,
    pub(super) applyable: Option<bool>,
    #[serde(deserialize_with = "or_default")]
    pub(super) variables: BTreeMap<String, Variable>,
    #[serde(borrow)]
    pub(super) planned_values: Option<StateValues<'a>>,
    pub(super) resource_changes: Option<Vec<ResourceChange>>,
    pub(super) resource_drift: Option<Vec<ResourceChange>>,
    pub(super) output_changes: Option<BTreeMap<String, Change>>,
    #[serde(borrow)]
    pub(super) prior_state: Option<PriorState<'a>>,
    pub(super) configuration: Option<Configuration>,
    #[serde(deserialize_with = "or_default")]
    pub(super) relevant_attributes: Vec<RelevantAttribute>,
    #[serde(deserialize_with = "or_default")]
    pub(super) checks: Vec<Check>,
    #[serde(deserialize_with = "or_default")]
    pub(super) deferred_changes: Vec<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResourceChange {
    pub(super) address: String,
    pub(super) previous_address: Option<String>,
    pub(super) mode: String,
    #[serde(rename = "type")]
    pub(super) resource_type: String,
    pub(super) deposed: Option<String>,
    pub(super) change: Change,
    pub(super) action_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Change {
    #[serde(deserialize_with = "or_default")]
    pub(super) actions: Vec<String>,
    pub(super) before: Json,
    pub(super) after: Json,
    pub(super) after_unknown: Json,
    pub(super) before_sensitive: Json,
    pub(super) after_sensitive: Json,
    #[serde(deserialize_with = "or_default")]
    pub(super) replace_paths: Vec<Json>,
    pub(super) importing: Option<Importing>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Importing {
    pub(super) id: Option<String>,
    pub(super) identity: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Variable {
    pub(super) value: Json,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PriorState<'a> {
    #[serde(borrow)]
    pub(super) values: Option<StateValues<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StateValues<'a> {
    #[serde(deserialize_with = "or_default")]
    pub(super) outputs: BTreeMap<String, StateOutput>,
    #[serde(borrow)]
    pub(super) root_module: Option<StateModule<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StateOutput {
    pub(super) sensitive: Option<bool>,
    pub(super) value: Json,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StateModule<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(super) resources: Vec<StateResource<'a>>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(super) child_modules: Vec<StateModule<'a>>,
}

/// `values` stays text until a mark makes it worth reading.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StateResource<'a> {
    pub(super) address: String,
    pub(super) mode: String,
    pub(super) deposed_key: Option<String>,
    #[serde(borrow)]
    pub(super) values: Option<&'a RawValue>,
    pub(super) sensitive_values: Json,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Configuration {
    pub(super) root_module: Option<ConfigModule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConfigModule {
    #[serde(deserialize_with = "or_default")]
    pub(super) resources: Vec<ConfigResource>,
    #[serde(deserialize_with = "or_default")]
    pub(super) variables: BTreeMap<String, ConfigVariable>,
    #[serde(deserialize_with = "or_default")]
    pub(super) outputs: BTreeMap<String, ConfigOutput>,
    #[serde(deserialize_with = "or_default")]
    pub(super) module_calls: BTreeMap<String, ModuleCall>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConfigResource {
    pub(super) mode: String,
    pub(super) count_expression: Option<IgnoredAny>,
    pub(super) for_each_expression: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConfigVariable {
    pub(super) default: Json,
    pub(super) sensitive: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConfigOutput {
    pub(super) sensitive: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ModuleCall {
    #[serde(deserialize_with = "or_default")]
    pub(super) expressions: BTreeMap<String, Json>,
    pub(super) module: Option<ConfigModule>,
    pub(super) count_expression: Option<IgnoredAny>,
    pub(super) for_each_expression: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RelevantAttribute {
    pub(super) resource: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) attribute: Vec<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Check {
    pub(super) address: CheckAddress,
    pub(super) status: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) instances: Vec<CheckInstance>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CheckAddress {
    pub(super) to_display: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CheckInstance {
    pub(super) address: CheckAddress,
    #[serde(deserialize_with = "or_default")]
    pub(super) problems: Vec<Problem>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    pub(super) message: String,
}

/// Just enough of any JSON object to say what it is, if it is no plan.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Outline {
    #[serde(rename = "@level")]
    level: Option<IgnoredAny>,
    planned_values: Option<IgnoredAny>,
    resource_changes: Option<IgnoredAny>,
    resource_drift: Option<IgnoredAny>,
    output_changes: Option<IgnoredAny>,
    prior_state: Option<IgnoredAny>,
    provider_schemas: Option<IgnoredAny>,
    values: Option<IgnoredAny>,
    lineage: Option<IgnoredAny>,
    root_module: Option<IgnoredAny>,
    configuration: Option<IgnoredAny>,
    resource: Option<IgnoredAny>,
    module: Option<IgnoredAny>,
    terraform: Option<IgnoredAny>,
    variable: Option<IgnoredAny>,
    provider: Option<IgnoredAny>,
    pub(super) format_version: Option<Json>,
    terraform_version: Option<IgnoredAny>,
}

impl Outline {
    /// What the document is; `None` if it is a plan.
    pub(super) const fn other_than_plan(&self) -> Option<&'static str> {
        if self.level.is_some() {
            Some("the log stream of a command run with -json")
        } else if self.planned_values.is_some()
            || self.resource_changes.is_some()
            || self.resource_drift.is_some()
            || self.output_changes.is_some()
            || self.prior_state.is_some()
        {
            None
        } else if self.provider_schemas.is_some() {
            Some("a provider schema")
        } else if self.values.is_some()
            || self.lineage.is_some()
            || (self.format_version.is_some() && self.terraform_version.is_some())
        {
            Some("a state")
        } else if self.root_module.is_some()
            || self.configuration.is_some()
            || self.resource.is_some()
            || self.module.is_some()
            || self.terraform.is_some()
            || self.variable.is_some()
            || self.provider.is_some()
        {
            Some("a configuration")
        } else {
            Some("JSON of another kind")
        }
    }
}
