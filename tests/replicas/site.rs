//! Where replicas run.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::replica::Replica;

/// A place for replicas, the database that they share, and what can break between the two.
pub(super) trait Site {
    /// Puts there what replicas need, and says what they are told of it.
    fn furnish(&mut self, world: &Path, seats: &[PathBuf]) -> String;

    /// Where replicas find whoever listens in this process.
    fn host(&self) -> IpAddr;

    /// Lets replicas write to a file, or into a directory.
    fn give(&self, path: &Path);

    /// Starts the replica of a seat.
    fn start(
        &self,
        at: usize,
        dir: &Path,
        configuration: &str,
        env: &[(String, String)],
    ) -> Replica;

    /// From now on nothing gets through between it and the others.
    fn cut(&self, at: usize);

    /// Everything gets through again.
    fn mend(&self, at: usize);

    /// Ends every connection that it has to the database.
    fn reset(&self, at: usize);

    /// Stops the database server at once, as a restart does.
    fn stop_database(&mut self);

    /// Starts it again, and waits until it answers.
    fn run_database(&mut self);

    /// Says something to the database; gives the answer.
    fn sql(&self, statement: &str) -> String;

    /// Whether what runs leave goes to a store that all replicas have.
    fn has_store(&self) -> bool;

    /// What `soak.sh` needs to be told to break replicas there.
    fn told_soak(&self) -> &'static str;
}
