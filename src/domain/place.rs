//! Where in a repository something is declared, who last changed it there, and where in it a stack
//! is planned from.

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
    /// The first line of its message.
    pub subject: String,
}

/// Where something is declared, and who last changed that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// The block that declares it.
    pub place: BlockPlace,
    /// Where these lines can be seen as they were planned, without credentials; none if that is not
    /// known.
    pub link: Option<String>,
    /// Its newest change; none if the history does not tell.
    pub changed: Option<LastChange>,
}

/// What is known of a finding besides what its plan says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Background {
    /// Since when it has been found, without a break.
    pub since: Option<Timestamp>,
    /// Where it is declared.
    pub declared: Option<Declared>,
}

/// How a person plans and applies a stack as Mooring does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// The program, without its path.
    pub engine: String,
    /// The stack's directory, relative to the root of the repository.
    pub dir: String,
    /// The workspace; none for the default one.
    pub workspace: Option<String>,
    /// Variable files, relative to the directory.
    pub var_files: Vec<String>,
    /// Files that `init` is given as `-backend-config`.
    pub backend_config: Vec<String>,
    /// Whether that is all. Backend settings by value and variables in the environment may be secrets
    /// and are not kept; without them a plan is another one, or of another state.
    #[serde(default)]
    pub complete: bool,
}
