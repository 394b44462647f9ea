//! The database as written. The doc comments are the descriptions in the JSON Schema.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::at::At;

/// A PostgreSQL database in place of the file in the data directory. It belongs to one Mooring alone.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Database {
    /// File that holds the URL: postgres://USER:PASSWORD@HOST:PORT/DATABASE. Without `sslmode` in it
    /// a server on another machine has to prove who it is (`verify-full`).
    pub postgres_url_file: Option<At<PathBuf>>,
    /// Environment variable that holds the URL.
    pub postgres_url_env: Option<At<String>>,
    /// The most connections at once; one of them writes and one listens. Default: 5.
    #[schemars(range(min = 3, max = 100))]
    pub max_connections: Option<At<u32>>,
}
