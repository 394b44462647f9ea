//! Where in a repository something is declared, and who last changed it there.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::CommitId;

/// A block of a configuration: a file and the lines that it takes up in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockPlace {
    /// Relative to the root of the repository, with `/`.
    pub file: String,
    /// The first line, from 1.
    pub first: u32,
    /// The last line, with the closing bracket.
    pub last: u32,
}

/// The newest change of any line of a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastChange {
    /// The name of its author as the commit has it, in one line.
    pub author: String,
    /// When it was committed (not when it was first written).
    pub at: Timestamp,
    /// The commit.
    pub commit: CommitId,
}

/// Where something is declared, and who last changed that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// The block that declares it.
    pub place: BlockPlace,
    /// Its newest change; none if the history does not tell.
    pub changed: Option<LastChange>,
}
