//! Who has a run, of several replicas.

use serde::{Deserialize, Serialize};

/// A replica that has a run, from when it begins until it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The replica's number, which no other one ever has.
    pub replica: i64,
    /// Its data directory, by a name that no other one has: what a run leaves behind is there.
    pub home: String,
    /// Its name, for people.
    pub name: String,
}
