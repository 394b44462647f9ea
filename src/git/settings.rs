//! Validated settings of a repository.

use std::path::PathBuf;

use crate::secret::SecretSource;

/// Where a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceLocation {
    /// A repository reached over https.
    Remote {
        /// Its URL, without credentials.
        url: String,
        /// User name that goes with the token.
        username: String,
        /// Holds the token, if the server wants one.
        token: Option<SecretSource>,
    },
    /// A repository on this machine.
    Local(PathBuf),
}
