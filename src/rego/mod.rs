//! Policies in Rego over a plan: those that people wrote for OPA and conftest run as they are, and a
//! package `mooring` can say what is safe to change automatically.
//!
//! A policy has no network, no files, no environment, no clock and no chance. It can take no guard
//! away; whatever goes wrong in it means that nothing is safe.

mod answer;
mod apart;
mod bounded;
mod check;
mod engine;
mod error;
mod evaluate;
mod files;
mod functions;
mod lenient;
mod load;
mod rules;
pub mod settings;
mod source;
mod syntax;
mod trial;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::domain::policy::PolicyMode;

pub use apart::work;
pub use error::{LoadError, Place};
pub use load::Policies;
pub use trial::{Trial, TrialOutcome};

/// The stack that a plan is of, as `data.mooring.stack`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackFacts {
    /// Its id.
    pub id: String,
    /// The name of its source.
    pub source: String,
    /// Its directory in the source.
    pub dir: String,
    /// Its workspace.
    pub workspace: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Who owns it.
    pub owners: Vec<String>,
}

/// What policies are asked about.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The plan as `terraform show -json` has it, without secrets: `input`.
    pub plan: &'a Json,
    /// The findings as the JSON report has them, an array: `data.mooring.findings`.
    pub findings: &'a Json,
    /// The stack: `data.mooring.stack`.
    pub stack: &'a StackFacts,
    /// How far Mooring would go: `data.mooring.decision_mode`.
    pub mode: PolicyMode,
    /// What `time.now_ns()` gives.
    pub now: Timestamp,
}
