//! Sources: what is remembered of a followed repository between runs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::ids::{CommitId, SourceName};

/// What is remembered of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Its name.
    pub name: SourceName,
    /// The commit its ref pointed to when it was last reached.
    pub commit: Option<CommitId>,
    /// When it was last asked, with or without success.
    pub checked_at: Option<Timestamp>,
    /// How many times in a row it could not be reached or read.
    pub failures: u32,
    /// Why, the last time; none after a success.
    pub failure: Option<Failure>,
}

impl SourceRecord {
    /// A source that was never looked at.
    pub const fn new(name: SourceName) -> Self {
        Self {
            name,
            commit: None,
            checked_at: None,
            failures: 0,
            failure: None,
        }
    }
}
