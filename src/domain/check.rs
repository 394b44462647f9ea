//! What one look at a stack found: the value that reports show, the store keeps and alerts carry.

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::finding::{Findings, Verdict};
use super::ids::{ChangeDigest, CommitId, StackId};
use super::place::Recipe;
use super::policy::Decision;

/// The result of looking at one stack once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackCheck {
    /// The stack; none when a bare plan file was explained.
    pub stack: Option<StackId>,
    /// The workspace, `default` unless another was chosen.
    pub workspace: String,
    /// The commit that was planned, if the directory is in Git.
    pub commit: Option<CommitId>,
    /// Whether the tree had uncommitted changes.
    pub dirty: bool,
    /// The verdict.
    pub verdict: Verdict,
    /// The version of Terraform or OpenTofu that planned.
    pub terraform_version: Option<String>,
    /// How long the look took, in milliseconds.
    pub duration_ms: u64,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// The digest of the change set; none without an installation's key.
    pub digest: Option<ChangeDigest>,
    /// How a person plans it as it was planned here, if that is known.
    #[serde(default)]
    pub recipe: Option<Recipe>,
    /// What was found (partly, if the plan failed midway).
    pub findings: Findings,
    /// What policy says.
    pub decision: Decision,
}
