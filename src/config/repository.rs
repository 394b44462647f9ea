//! A settings file of a repository as written, and its reading. What stands in it can tighten policy:
//! there are no words for anything else. The doc comments are the descriptions in the JSON Schema.

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::At;
use super::error::{ConfigError, Problem};
use super::policy::{ApplyLimit, Approval, Freeze, Listed, Rule, Severities};
use super::written::Hours;
use super::{resolve, schema_of, written};
use crate::domain::finding::Origin;
use crate::domain::policy::{EffectKind, PolicyMode};
use crate::reconcile::settings::RepositorySettings;

/// Settings of the stacks in this directory and below. They tighten what the operator of Mooring has
/// configured and never loosen it; files further down add to those above.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = ".mooring.yaml")]
pub(super) struct RepositoryFile {
    /// The time zone of hours and days in this file (IANA name). Default: UTC.
    pub timezone: Option<At<String>>,
    /// What Mooring may do less than the operator lets it.
    pub policy: Option<RepositoryPolicy>,
    /// Paths from the repository's root: when something changes there, these stacks are looked at.
    #[serde(default)]
    pub watch: Vec<At<String>>,
}

/// What Mooring may do less than the operator lets it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RepositoryPolicy {
    /// Mooring goes no further than `observe`, `heal` or `sync`; the operator may hold it back more.
    #[schemars(with = "Option<PolicyMode>")]
    pub mode: Option<At<String>>,
    /// Rules in order; of this file the first that fits counts, besides those of the operator and of
    /// other files.
    #[serde(default)]
    pub rules: Vec<RepositoryRule>,
    /// Something may be applied only in these times, and in those of the operator.
    pub windows: Option<Vec<Hours>>,
    /// Times in which nothing is applied.
    pub freezes: Option<Vec<Freeze>>,
    /// How often something may be applied.
    pub limits: Option<RepositoryLimits>,
    /// A plan that changes more objects than this is asked about.
    #[schemars(range(min = 1))]
    pub max_changes: Option<At<u32>>,
    /// No repair within this time of the first sight of a drift.
    pub hold_off: Option<At<String>>,
}

/// A rule that asks or refuses. Everything that is given has to fit.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RepositoryRule {
    /// How reasons call it.
    pub name: At<String>,
    /// What it does.
    #[schemars(with = "RestrictingEffect")]
    pub effect: At<EffectKind>,
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
    /// What an apply would do to the object: update, create, delete, replace, forget, or none.
    #[schemars(with = "Option<Vec<String>>")]
    pub actions: Listed,
    /// How severe the finding is.
    pub severity: Option<At<Severities>>,
    /// Of `ask`: whose yes is needed, besides what other rules ask for. Default: that of one person.
    pub approval: Option<At<Approval>>,
}

/// What a rule of a repository can do.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[allow(dead_code, reason = "its names stand in the schema")]
enum RestrictingEffect {
    /// People are asked about the whole plan.
    Ask,
    /// The whole plan is refused; nobody can approve it.
    Refuse,
}

impl RepositoryRule {
    /// The same as a rule of the operator's.
    pub(super) fn into_rule(self) -> Rule {
        Rule {
            name: self.name,
            effect: self.effect,
            sources: None,
            stacks: None,
            labels: std::collections::BTreeMap::new(),
            types: self.types,
            addresses: self.addresses,
            modules: self.modules,
            attributes: self.attributes,
            origins: self.origins,
            actions: self.actions,
            severity: self.severity,
            changes: None,
            approval: self.approval,
            owner: None,
            reason: None,
            until: None,
        }
    }
}

/// The most applies in a while.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RepositoryLimits {
    /// Of one stack.
    pub stack: Option<ApplyLimit>,
}

/// Reads a settings file of a repository; `name` is what it is called there.
///
/// # Errors
/// As [`parse`](super::parse), also for what would loosen policy.
pub fn parse_repository(bytes: &[u8], name: &str) -> Result<RepositorySettings, ConfigError> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let problem = Problem::general(format!("{name} is not UTF-8 text"), "save it as UTF-8");
        return Err(ConfigError::without_source(name, problem));
    };
    let mut settings = if super::is_blank(text) {
        RepositorySettings::default()
    } else {
        let written: RepositoryFile = written(text, name, &repository_schema_value())?;
        resolve::repository(written).map_err(|problems| ConfigError::new(name, text, problems))?
    };
    name.clone_into(&mut settings.policy.file);
    Ok(settings)
}

/// Reads a settings file for the reconciler, which only tells what is wrong.
pub(super) fn read_repository(bytes: &[u8], name: &str) -> Result<RepositorySettings, String> {
    parse_repository(bytes, name).map_err(|error| error.to_string())
}

/// The JSON Schema of the settings file of a repository, indented.
pub fn repository_schema() -> String {
    serde_json::to_string_pretty(&repository_schema_value()).unwrap_or_default()
}

fn repository_schema_value() -> serde_json::Value {
    schema_of::<RepositoryFile>()
}
