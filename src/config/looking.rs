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

/// Stacks on which nothing happens are looked at less often: the longer they have been in sync and nobody
/// has touched them, the rarer, and at times of their schedule. What happens brings the schedule back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Adaptive {
    /// The most time between two looks, or `never` for every time of the schedule; half of `max_age`
    /// bounds it too. Default: never.
    pub max_interval: At<String>,
}
