//! Settings of stacks as written. The doc comments are the descriptions in the JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::At;
use super::looking::{Adaptive, StateWatch};
use super::written::{Environment, StackPolicy, Timeouts};

/// Settings of the stacks that a pattern matches.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Stack {
    /// Pattern on `source/directory`.
    #[serde(rename = "match")]
    pub pattern: At<String>,
    /// Declares a stack for each variable file that matches, relative to the directory: `envs/*.tfvars`.
    /// `{name}` is what the `*` stands for, here and in what this entry sets; the file comes after
    /// `var_files`. A directory without such files is one stack, as without this key.
    pub for_each_var_file: Option<At<String>>,
    /// Declares a stack for each of these workspaces. `{name}` is the workspace in what this entry sets.
    pub for_each_workspace: Option<At<Vec<At<String>>>>,
    /// Distinguishes several stacks in one directory; after an entry that declares stacks by files or
    /// workspaces it only says which of them is meant. With `for_each_var_file` `{name}` stands in it.
    /// Default then: {name}, unless it stands in `workspace`.
    pub name: Option<At<String>>,
    /// Workspace.
    pub workspace: Option<At<String>>,
    /// Variable files, relative to the stack's directory.
    pub var_files: Option<Vec<At<String>>>,
    /// Backend settings, `key=value` or a file; credentials belong into `env`.
    pub backend_config: Option<Vec<At<String>>>,
    /// Environment, added to the general one.
    #[serde(default)]
    pub env: Environment,
    /// Environment on top when applying, added to the general one.
    #[serde(default)]
    pub apply_env: Environment,
    /// `terraform`, `tofu` or the path of a binary.
    pub engine: Option<At<String>>,
    /// When: a five-field cron expression.
    pub schedule: Option<At<String>>,
    /// The time zone of the schedule.
    pub timezone: Option<At<String>>,
    /// The stacks' starts are spread over this time.
    pub jitter: Option<At<String>>,
    /// Time limits.
    pub timeouts: Option<Timeouts>,
    /// Labels, for people and filters.
    #[serde(default)]
    pub labels: BTreeMap<String, At<String>>,
    /// Extra paths in the repository that the stacks read.
    pub watch: Option<Vec<At<String>>>,
    /// Fewer looks at stacks on which nothing happens.
    pub adaptive: Option<Adaptive>,
    /// Looks because somebody else wrote the state.
    pub state_watch: Option<StateWatch>,
    /// Patterns on stacks that are applied before these, with or without workspace and name; of several
    /// in a directory those of the same workspace or name.
    pub after: Option<Vec<At<String>>>,
    /// Policy.
    pub policy: Option<StackPolicy>,
    /// Leave these stacks alone.
    pub disabled: Option<bool>,
}
