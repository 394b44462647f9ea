//! Who answers for it that a finding is left alone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a finding is ignored by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ignored {
    /// The rule.
    pub rule: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Until when; none means as long as the rule stands.
    pub until: Option<Timestamp>,
}
