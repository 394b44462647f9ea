//! The servers that speak S3: moto, in Python, as a process of its own, and s3s over files, in Rust,
//! in this process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use s3s::host::{S3Host, VirtualHost};
use s3s::service::S3ServiceBuilder;
use s3s::{S3Result, s3_error};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::{ACCESS_KEY, SECRET_KEY};
use crate::harness::s3s;

/// The domain of a store that wants its buckets named in the host.
pub(super) const DOMAIN: &str = "s3.example.test";

/// What the tests run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    /// Knows every call that Mooring makes, and checks no signature.
    Moto,
    /// Checks signatures, and knows only what a directory can hold.
    S3s,
}

impl Store {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Moto => "moto",
            Self::S3s => "s3s",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Moto, Self::S3s]
            .into_iter()
            .find(|store| store.name() == name)
    }

    /// s3s-fs passes over what is asked about encryption.
    pub(super) fn encrypts(self) -> bool {
        self == Self::Moto
    }

    /// s3s-fs makes the directories of what is written, that of the bucket too.
    pub(super) fn makes_buckets_unasked(self) -> bool {
        self == Self::S3s
    }

    /// A running one; none, with a word why, if this machine has it not.
    pub(super) fn start(self) -> Option<Server> {
        match self {
            Self::Moto => Server::moto(None),
            Self::S3s => Some(Server::s3s()),
        }
    }
}

/// A running store, ended when dropped.
pub(super) struct Server {
    pub(super) store: Store,
    pub(super) endpoint: String,
    /// The authority that has to be trusted.
    pub(super) ca_file: Option<PathBuf>,
    running: Running,
}

enum Running {
    Process(Child),
    Here { root: TempDir, _runtime: Runtime },
}

impl Server {
    /// Starts moto from the lab on a port of its own choice.
    pub(super) fn moto(certificate: Option<&Certificate>) -> Option<Self> {
        let program = emulator()?;
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", "0"]);
        if let Some(certificate) = certificate {
            command.arg("-c").arg(certificate.pem());
            command.arg("-k").arg(certificate.key());
        }
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let endpoint = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let url = line.get(line.find("http")?..)?.trim();
            url.contains("://").then(|| url.to_owned())
        });
        std::thread::spawn(move || lines.for_each(drop));
        let Some(endpoint) = endpoint else {
            let _ = child.kill();
            panic!("the emulator did not say where it listens");
        };
        Some(Self {
            store: Store::Moto,
            endpoint,
            ca_file: certificate.map(Certificate::pem),
            running: Running::Process(child),
        })
    }

    /// Starts s3s on a directory of its own.
    pub(super) fn s3s() -> Self {
        Self::s3s_with(|_| {})
    }

    /// The same, but a host under the domain has to name the bucket.
    pub(super) fn s3s_with_buckets_in_hosts() -> Self {
        Self::s3s_with(|service| service.set_host(BucketInHost))
    }

    fn s3s_with(set: impl FnOnce(&mut S3ServiceBuilder)) -> Self {
        let root = TempDir::new().unwrap();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = s3s(root.path(), (ACCESS_KEY, SECRET_KEY), set);
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            store: Store::S3s,
            endpoint,
            ca_file: None,
            running: Running::Here {
                root,
                _runtime: runtime,
            },
        }
    }

    /// The directory that s3s keeps its buckets in.
    pub(super) fn root(&self) -> &Path {
        match &self.running {
            Running::Here { root, .. } => root.path(),
            Running::Process(_) => panic!("moto keeps its buckets to itself"),
        }
    }
}

struct BucketInHost;

impl S3Host for BucketInHost {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let bucket = host
            .strip_suffix(DOMAIN)
            .and_then(|host| host.strip_suffix('.'))
            .ok_or_else(|| s3_error!(InvalidRequest, "no bucket in the host"))?;
        Ok(VirtualHost::new(DOMAIN).with_bucket(bucket))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Running::Process(child) = &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn emulator() -> Option<PathBuf> {
    let lab = std::env::var_os("MOORING_LAB").map(PathBuf::from);
    let program = lab.map(|lab| lab.join("venv/bin/moto_server"));
    let found = program.filter(|program| program.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: MOORING_LAB does not name a directory with venv/bin/moto_server");
    }
    found
}

/// A certificate for the loopback address that no system trusts.
pub(super) struct Certificate(TempDir);

impl Certificate {
    pub(super) fn make() -> Option<Self> {
        let made = Self(TempDir::new().unwrap());
        let output = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=127.0.0.1",
            ])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
            .arg(made.key())
            .arg("-out")
            .arg(made.pem())
            .output();
        output.is_ok_and(|o| o.status.success()).then_some(made)
    }

    fn pem(&self) -> PathBuf {
        self.0.path().join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }
}
