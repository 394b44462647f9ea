//! When stacks are looked at besides their schedule, as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::At;

/// Glances at the object that holds the state of a stack, where it is in S3: once somebody else has
/// written it, the stack is looked at.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StateWatch {
    /// How often: a second or more, or `never`. Each glance is a request (HeadObject) with the
    /// credentials in the stack's environment. Default: never.
    pub every: At<String>,
}
