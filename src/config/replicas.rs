//! Replicas, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::At;
use super::written::WhichStacks;

/// Some replicas that are there for some stacks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Replicas {
    /// A pattern on their names: a replica has the name of its host.
    pub name: At<String>,
    /// The stacks that they take, and nobody else does. They take nothing else.
    pub only: WhichStacks,
}
