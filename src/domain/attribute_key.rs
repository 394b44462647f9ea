//! One attribute of one object, wherever something is remembered of it.

use serde::{Deserialize, Serialize};

use super::finding::{AttributeChange, Finding};

/// One attribute of one object, as a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttributeKey(String);

impl AttributeKey {
    /// The key of an attribute of a finding.
    pub fn of(finding: &Finding, attribute: &AttributeChange) -> Self {
        let deposed = finding.deposed.as_deref().unwrap_or_default();
        Self(format!(
            "{}{deposed} {}",
            finding.address, attribute.subject
        ))
    }

    /// As a person reads it: address, then path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
