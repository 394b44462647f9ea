//! A plan as Terraform or OpenTofu made it, read into values that hold no secret.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::ids::Address;
use super::value::{AttributePath, Value};

/// A whole plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Version of the tool that made it, as it says itself.
    pub terraform_version: Option<String>,
    /// The plan failed midway; what it lists is only a part.
    pub errored: bool,
    /// False if applying it would not reach the desired state (deferred, targeted, refresh only).
    pub complete: bool,
    /// It only compares the recorded state with what is there, and says nothing about what the
    /// configuration wants.
    pub refresh_only: bool,
    /// What would be done. Objects that stay as they are are listed only where something else in
    /// the plan, or whoever had it read, needs them.
    pub changes: Vec<ResourceChange>,
    /// Addresses that an object left by a move and another one has now.
    pub reoccupied: BTreeSet<Address>,
    /// What the refresh saw differ from the recorded state.
    pub drift: Vec<ResourceChange>,
    /// Output values that would change (no-op ones left out).
    pub outputs: Vec<OutputChange>,
    /// Check blocks, pre- and postconditions that did not pass.
    pub checks: Vec<Check>,
    /// Attributes that outputs and changes depend on.
    pub relevant: Vec<RelevantAttribute>,
    /// Number of changes the tool put off to a later plan.
    pub deferred: usize,
    /// Number of provider actions that an apply would run, besides its changes.
    pub invocations: usize,
}

impl Plan {
    /// The change entry of an object, by its present address.
    pub fn change(&self, address: &Address) -> Option<&ResourceChange> {
        self.changes
            .iter()
            .find(|change| &change.address == address && change.deposed.is_none())
    }
}

/// Managed resource or data source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A `resource` block.
    Managed,
    /// A `data` block.
    Data,
    /// Anything newer than this program.
    Other,
}

/// What a plan does to one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlannedAction {
    /// Nothing.
    NoOp,
    /// Create it.
    Create,
    /// Read a data source.
    Read,
    /// Update it in place.
    Update,
    /// Destroy it.
    Delete,
    /// Destroy and create it, in either order.
    Replace,
    /// Create another in its place and remove the old one from the state only.
    Supersede,
    /// Remove it from the state only.
    Forget,
    /// Names this program does not know, as written.
    Other(Vec<String>),
}

/// One object in a plan: as it was, as it would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceChange {
    /// Where it is in the configuration.
    pub address: Address,
    /// Where it was before a `moved` block.
    pub previous_address: Option<Address>,
    /// Managed or data.
    pub mode: Mode,
    /// Resource type, for example `aws_s3_bucket`.
    pub resource_type: String,
    /// Set for an object left behind by an unfinished replacement.
    pub deposed: Option<String>,
    /// What the plan does.
    pub action: PlannedAction,
    /// The object before.
    pub before: Value,
    /// The object after, unknown parts as [`Value::Unknown`].
    pub after: Value,
    /// The paths that force a replacement, cut at the first list index.
    pub replace_paths: Vec<AttributePath>,
    /// Terraform's own word for why, for example `replace_because_tainted`.
    pub reason: Option<String>,
    /// The import id (or `(identity)`) if the object is taken under management by an `import`.
    pub importing: Option<String>,
}

/// One output value that would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputChange {
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub action: PlannedAction,
    /// Whether either side is marked sensitive.
    pub sensitive: bool,
    /// Before, masked.
    pub before: Value,
    /// After, masked.
    pub after: Value,
    /// Addresses, without instance keys, of the objects it is made from; none if the plan does not
    /// say.
    pub made_from: Option<BTreeSet<Address>>,
}

/// Result of a check block or condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Address as Terraform displays it.
    pub address: String,
    /// How it went.
    pub status: CheckStatus,
    /// What the failing conditions said.
    pub messages: Vec<String>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// The condition held.
    Pass,
    /// It did not.
    Fail,
    /// It could not be evaluated.
    Error,
    /// It will be known after the apply.
    Unknown,
}

/// An attribute that something in the plan depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelevantAttribute {
    /// The resource it belongs to, without instance keys in some versions.
    pub resource: Address,
    /// The path, cut at the first list index.
    pub path: AttributePath,
}
