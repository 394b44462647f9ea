//! Whom something about a stack concerns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::SourceName;

/// Whom news of a stack concerns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Audience {
    /// The source of the stack; none if that is not known.
    pub source: Option<SourceName>,
    /// The labels of the stack.
    pub labels: BTreeMap<String, String>,
    /// Who owns its directory, as the repository says.
    pub owners: Vec<String>,
}
