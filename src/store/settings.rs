//! Validated settings of the store.

use std::path::PathBuf;

use crate::secret::SecretSource;

/// The PostgreSQL database in place of the file in the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresSettings {
    /// Holds its URL, with the password.
    pub url: SecretSource,
    /// How many connections there are at most: one writes, one listens, the others read.
    pub max_connections: u32,
    /// Extra certificate authorities (PEM).
    pub ca_file: Option<PathBuf>,
}
