//! Where Mooring remembers what it does.

use std::path::PathBuf;

use super::super::at::At;
use super::super::database::Database;
use super::super::error::Problem;
use super::Checks;
use crate::store::settings::PostgresSettings;

const DEFAULT_CONNECTIONS: u32 = 5;

impl Checks<'_> {
    pub(super) fn database(
        &mut self,
        written: &Database,
        ca_file: Option<&At<PathBuf>>,
    ) -> Option<PostgresSettings> {
        let connections = written.max_connections.as_ref();
        if let Some(at) = connections
            && !(3..=100).contains(&**at)
        {
            self.problem(
                at,
                "one connection writes, one listens and at least one reads",
                "write a number from 3 to 100",
            );
        }
        let (file, env) = (&written.postgres_url_file, &written.postgres_url_env);
        let url = self.secret(file.as_ref(), env.as_ref());
        if url.is_none() && file.is_none() && env.is_none() {
            let cause = "the URL of the database (`store`) is nowhere";
            let remedy = "the URL is a secret: put it in a file and name that with `postgres_url_file`, \
                          or name an environment variable with `postgres_url_env`; without `store` the \
                          database is a file in the data directory";
            self.problems.push(match connections {
                Some(at) => Problem::at(at.place(), cause, remedy),
                None => Problem::general(cause, remedy),
            });
        }
        Some(PostgresSettings {
            url: url?,
            max_connections: connections.map_or(DEFAULT_CONNECTIONS, |at| **at),
            ca_file: self.path(ca_file),
        })
    }
}
