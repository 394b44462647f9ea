//! The policy as written: its rules, and when nothing is applied. The doc comments are the
//! descriptions in the JSON Schema.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::At;
use crate::domain::finding::{Origin, Severity};
use crate::domain::policy::EffectKind;

/// A list in which something stands.
pub(super) type Listed = Option<At<Vec<At<String>>>>;

/// Policies in Rego. A denial means that people are asked; what their `safe` in package `mooring` names
/// may be put back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rego {
    /// Files and directories of policies.
    pub policies: Vec<At<PathBuf>>,
    /// JSON and YAML files, and directories of them, for `data`.
    #[serde(default)]
    pub data: Vec<At<PathBuf>>,
    /// The packages whose rules count, or `["*"]` for all of them. Default: main.
    pub namespaces: Option<Vec<String>>,
    /// How long they may take over one plan. Default: 5s.
    pub time: Option<At<String>>,
}

/// A rule; of those that fit the first decides. Everything that is given has to fit.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// How reasons call it.
    pub name: At<String>,
    /// What it does.
    pub effect: At<EffectKind>,
    /// Names of sources.
    #[schemars(with = "Option<Vec<String>>")]
    pub sources: Listed,
    /// Patterns on the stack's id; one has to fit.
    #[schemars(with = "Option<Vec<String>>")]
    pub stacks: Listed,
    /// Labels with patterns on their values.
    #[serde(default)]
    pub labels: BTreeMap<String, At<String>>,
    /// Resource types (patterns).
    #[schemars(with = "Option<Vec<String>>")]
    pub types: Listed,
    /// Addresses (patterns), with or without instance keys.
    #[schemars(with = "Option<Vec<String>>")]
    pub addresses: Listed,
    /// Modules (patterns) without instance keys, like `module.net`, and what is in them.
    #[schemars(with = "Option<Vec<String>>")]
    pub modules: Listed,
    /// Attribute paths (patterns) and what is below them; `<deleted>` is what was deleted by hand.
    #[schemars(with = "Option<Vec<String>>")]
    pub attributes: Listed,
    /// Where the difference comes from.
    #[schemars(with = "Option<Vec<Origin>>")]
    pub origins: Option<At<Vec<Origin>>>,
    /// What an apply would do to the object: update, create, delete, replace, forget, or none. Default
    /// for `safe`: update.
    #[schemars(with = "Option<Vec<String>>")]
    pub actions: Listed,
    /// How severe the finding is. Default for `ignore`: at most high.
    pub severity: Option<At<Severities>>,
    /// The most changes that the whole plan may have.
    #[schemars(range(min = 1))]
    pub changes: Option<At<u32>>,
    /// Of `ask`: whose yes is needed. Default: that of one person.
    pub approval: Option<At<Approval>>,
    /// Of `ignore`: who answers for it.
    pub owner: Option<At<String>>,
    /// Of `ignore`: why, as people are to read it.
    pub reason: Option<At<String>>,
    /// Of `ignore`: the last day on which it holds, or a time. Default: as long as it stands here.
    pub until: Option<At<String>>,
}

/// A range of severities.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Severities {
    /// The least.
    pub at_least: Option<Severity>,
    /// The greatest.
    pub at_most: Option<Severity>,
}

/// Whose yes a plan needs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Approval {
    /// How many people have to say yes. Default: 1.
    #[schemars(range(min = 1))]
    pub count: Option<At<u32>>,
    /// Groups; somebody who is in one of them has to be among those who say yes.
    #[schemars(with = "Option<Vec<String>>")]
    pub groups: Listed,
    /// Whether the yes of whoever wrote the change does not count. Default: false.
    #[serde(default)]
    pub not_author: bool,
}

/// A time in which nothing is applied.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Freeze {
    /// Its first day, or when it begins.
    pub from: At<String>,
    /// Its last day, or when it ends.
    pub to: At<String>,
    /// Why, as people are to read it.
    pub reason: At<String>,
}

/// The most applies in a while.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// Of one stack.
    pub stack: Option<ApplyLimit>,
    /// Of all stacks together.
    pub fleet: Option<ApplyLimit>,
}

/// So many applies in so long.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplyLimit {
    /// How many.
    #[schemars(range(min = 1))]
    pub applies: At<u32>,
    /// In how long.
    pub within: At<String>,
}

/// Drift that comes back is written by something else too, and is no longer repaired.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Contested {
    /// After how many repairs. Default: 1.
    #[schemars(range(min = 1))]
    pub times: Option<At<u32>>,
    /// Within how long. Default: 24h.
    pub within: Option<At<String>>,
}

/// What a rule can call safe; what cannot be undone is not among it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "its names stand in the schema")]
pub(super) enum SafeAction {
    /// An update in place.
    Update,
    /// Creation: again of what somebody deleted by hand, in mode `sync` also of what is new.
    Create,
}
