//! Replicas that are processes of this machine.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use super::proxy::Proxy;
use super::replica::Replica;
use super::site::Site;
use super::world::{KEY, TOKEN};
use crate::harness::Postgres;

const DATABASE: &str = "m";

/// Processes and a database server, with a wire between each and the server.
pub(super) struct Machine {
    server: Postgres,
    wires: Vec<Proxy>,
}

impl Machine {
    /// Starts the server; none, said loudly, without PostgreSQL.
    pub(super) fn start(test: &str) -> Option<Box<dyn Site>> {
        let server = Postgres::start(test)?;
        Some(Box::new(Self {
            server,
            wires: Vec::new(),
        }))
    }
}

impl Site for Machine {
    fn furnish(&mut self, world: &Path, seats: &[PathBuf]) -> String {
        let url = self.server.database(DATABASE);
        let (before, after) = url.rsplit_once(':').unwrap();
        let (port, database) = after.split_once('/').unwrap();
        for seat in seats {
            let wire = Proxy::to(port.parse().unwrap());
            let url = format!("{before}:{}/{database}", wire.port());
            std::fs::write(seat.join("url"), url).unwrap();
            self.wires.push(wire);
        }
        std::fs::write(world.join("token"), TOKEN).unwrap();
        std::fs::write(world.join("key"), KEY).unwrap();
        let dir = world.display();
        format!(
            "data_dir: data\n\
             api: {{ listen: \"127.0.0.1:0\", token_file: {dir}/token }}\n\
             store: {{ postgres_url_file: url }}\n\
             installation_key_file: {dir}/key\n"
        )
    }

    fn host(&self) -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }

    fn give(&self, _path: &Path) {}

    fn start(
        &self,
        _at: usize,
        dir: &Path,
        configuration: &str,
        env: &[(String, String)],
    ) -> Replica {
        Replica::start(dir, configuration, env)
    }

    fn cut(&self, at: usize) {
        self.wires[at].cut();
    }

    fn mend(&self, at: usize) {
        self.wires[at].mend();
    }

    fn reset(&self, at: usize) {
        self.wires[at].reset();
    }

    fn stop_database(&mut self) {
        self.server.stop();
    }

    fn run_database(&mut self) {
        self.server.run();
    }

    fn sql(&self, statement: &str) -> String {
        self.server.sql(DATABASE, statement)
    }

    fn has_store(&self) -> bool {
        false
    }

    fn told_soak(&self) -> &'static str {
        ""
    }
}
