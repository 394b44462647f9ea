//! A real Git server over TLS.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mooring::git::Mirror;
use mooring::git::settings::{Access, SourceLocation};
use mooring::secret::SecretSource;
use tempfile::TempDir;

use super::{TOKEN, Work};

pub(super) struct Server {
    process: Child,
    root: TempDir,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(super) fn access(token: PathBuf) -> Access {
    Access::Token {
        username: "mooring".to_owned(),
        token: SecretSource::File(token),
    }
}

impl Server {
    pub(super) fn start() -> Self {
        Self::start_for("mooring")
    }

    pub(super) fn start_for(user: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let openssl = |args: &[&str]| {
            let done = Command::new("openssl")
                .args(args)
                .current_dir(root.path())
                .output()
                .unwrap();
            assert!(done.status.success(), "openssl {args:?}: {done:?}");
        };
        let key = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ];
        openssl(
            &[
                &["req", "-x509", "-subj", "/CN=Lab CA", "-days", "2"][..],
                &["-keyout", "ca.key", "-out", "ca.pem"],
                &key,
            ]
            .concat(),
        );
        openssl(
            &[
                &["req", "-x509", "-subj", "/CN=git", "-days", "2"][..],
                &["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                &["-addext", "basicConstraints=critical,CA:FALSE"],
                &["-CA", "ca.pem", "-CAkey", "ca.key"],
                &["-keyout", "git.key", "-out", "git.pem"],
                &key,
            ]
            .concat(),
        );
        fs::write(at("token"), format!("{TOKEN}\n")).unwrap();
        let mut process = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/githttp.py"))
            .args([&at("repos"), &at("git.pem"), &at("git.key")])
            .arg(user)
            .arg(at("token"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            process,
            port: line.trim().parse().unwrap(),
            root,
        }
    }

    pub(super) fn work(&self, name: &str) -> Work {
        Work::new(self.root.path().join("repos").join(name))
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.root.path().join("ca.pem")
    }

    pub(super) fn token(&self) -> PathBuf {
        self.root.path().join("token")
    }

    pub(super) fn location(&self, path: &str) -> SourceLocation {
        SourceLocation::Remote {
            url: format!("https://localhost:{}/{path}/.git", self.port),
            access: access(self.token()),
        }
    }

    pub(super) fn mirror(&self, dir: &Path, path: &str) -> Mirror {
        Mirror::open(dir, &self.location(path), Some(&self.ca())).unwrap()
    }
}
