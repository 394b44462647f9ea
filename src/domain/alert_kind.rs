//! What alerts are about.

use serde::{Deserialize, Serialize};

/// What an alert is about; a stack has at most one open alert of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// The world moved (drift, unenforced changes, failing checks).
    Drift,
    /// Code has been waiting longer than it may.
    Pending,
    /// The stack cannot be checked.
    Failed,
    /// An apply was interrupted or did not do what it should.
    Apply,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Drift, Self::Pending, Self::Failed, Self::Apply];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drift => "drift",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Apply => "apply",
        }
    }

    /// The kind of a stable word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}
