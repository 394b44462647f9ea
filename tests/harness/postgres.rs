//! A PostgreSQL server of a test's own, on loopback and in a directory that goes with it.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::skipped;

/// Who owns every database; what the password would do to a URL is part of the test.
const USER: &str = "mooring";
/// Its password, as it stands in URLs.
pub const PASSWORD: &str = "s%2Fecret%40of%3Apg";
const PLAIN: &str = "s/ecret@of:pg";
/// PostgreSQL refuses to run as root: nobody runs it then.
const NOBODY: u32 = 65534;

/// A running server; it ends with this value, or with the test.
pub struct Postgres {
    directory: tempfile::TempDir,
    binaries: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Postgres {
    /// Starts a server; none, said loudly, where PostgreSQL is not installed.
    pub fn start(test: &str) -> Option<Self> {
        let Some(binaries) = binaries() else {
            skipped(
                test,
                "PostgreSQL is not installed; run tests/run.sh --install",
            );
            return None;
        };
        let mut server = Self::nowhere(binaries);
        let made = server
            .program("initdb")
            .args(["-U", USER, "--auth=trust", "--no-sync", "--no-locale"])
            .args(["-E", "UTF8", "-D"])
            .arg(server.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let rules = "local all,replication all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(server.data().join("pg_hba.conf"), rules).unwrap();
        server.run();
        server.sql("postgres", &format!("ALTER ROLE {USER} PASSWORD '{PLAIN}'"));
        Some(server)
    }

    /// A place for one, and a port.
    fn nowhere(binaries: PathBuf) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("mooring-pg-")
            .tempdir()
            .unwrap();
        if is_root() {
            chown(directory.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        Self {
            directory,
            binaries,
            port,
            child: None,
        }
    }

    /// Starts a copy of it that takes no writes, and without which nothing is committed from now on.
    pub fn standby(&self) -> Self {
        let mut standby = Self::nowhere(self.binaries.clone());
        let copied = standby
            .program("pg_basebackup")
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .args(["-U", USER, "-p", &self.port.to_string(), "-h"])
            .arg(self.directory.path())
            .arg("-D")
            .arg(standby.data())
            .output()
            .unwrap();
        assert!(copied.status.success(), "{copied:?}");
        standby.run();
        self.sql(
            "postgres",
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
        );
        self.sql("postgres", "SELECT pg_reload_conf()");
        standby
    }

    /// A copy becomes one that takes writes, and waits for no other.
    pub fn promote(&self) {
        self.sql("postgres", "SELECT pg_promote()");
        self.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    /// Starts it, again if it was stopped, and waits until it answers.
    pub fn run(&mut self) {
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.directory.path().join("log"))
            .unwrap();
        let settings = [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "shared_buffers=16MB",
            "max_connections=60",
        ];
        let child = self
            .program("postgres")
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string(), "-k"])
            .arg(self.directory.path())
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.psql("postgres", "SELECT 1").status.success() {
            let log = std::fs::read_to_string(self.directory.path().join("log"));
            assert!(Instant::now() < deadline, "no server: {log:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops it at once, as a restart does: whoever is connected is cut off.
    pub fn stop(&mut self) {
        self.end(Signal::INT);
    }

    /// Ends it as a machine does that loses its power.
    pub fn die(&mut self) {
        self.end(Signal::QUIT);
    }

    fn end(&mut self, signal: Signal) {
        if let Some(mut child) = self.child.take() {
            let _gone = kill_process(Pid::from_child(&child), signal);
            let _ended = child.wait();
        }
    }

    /// A new database; gives its URL, with the password in it.
    pub fn database(&self, name: &str) -> String {
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(name)
    }

    /// The URL of a database, with the password in it.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// Says something to a database as its owner; gives the answer.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let output = self.psql(database, statement);
        assert!(output.status.success(), "{statement}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn psql(&self, database: &str, statement: &str) -> std::process::Output {
        Command::new(self.binaries.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-U", USER, "-d", database, "-h"])
            .arg(self.directory.path())
            .args(["-p", &self.port.to_string(), "-c", statement])
            .output()
            .unwrap()
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Ends with the test, even if that is killed.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]);
        if is_root() {
            let nobody = NOBODY.to_string();
            command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]);
        }
        command
            .arg(self.binaries.join(name))
            .current_dir(self.directory.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The newest PostgreSQL of Debian, or whatever is in the path.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter();
    let mut found: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| {
            let entry = entry.unwrap();
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let newest = found.into_iter().rev().map(|(_, path)| path);
    newest
        .chain(std::env::split_paths(&path))
        .find(|directory| has(directory, "initdb") && has(directory, "postgres"))
}

fn has(directory: &Path, name: &str) -> bool {
    directory.join(name).is_file()
}
