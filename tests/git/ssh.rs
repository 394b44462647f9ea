//! A real server behind ssh, and what can go wrong with one.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mooring::domain::failure::{Failure, FailureKind};
use mooring::git::settings::{Access, SourceLocation, SshKey};
use mooring::git::{Mirror, STALL_LIMIT};
use tempfile::TempDir;

use super::{Work, fetch};
use crate::harness::{eventually, free_port, skipped};

const SSHD: &str = "/usr/sbin/sshd";

/// An `sshd` of its own, with keys of its own.
struct Sshd {
    process: Child,
    root: TempDir,
    port: u16,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn run(program: &str, args: &[&str]) -> String {
    let done = Command::new(program).args(args).output().unwrap();
    assert!(done.status.success(), "{program} {args:?}: {done:?}");
    String::from_utf8(done.stdout).unwrap()
}

fn make_key(file: &Path, passphrase: &str) {
    let file = file.to_str().unwrap();
    run(
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", passphrase, "-f", file],
    );
}

impl Sshd {
    /// None if there is no `sshd` here.
    fn start(test: &str) -> Option<Self> {
        if !Path::new(SSHD).exists() {
            skipped(test, "there is no sshd (openssh-server)");
            return None;
        }
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for name in ["host", "other-host", "good", "bad", "stalled", "locked"] {
            make_key(
                &at(name),
                if name == "locked" { "secret-words" } else { "" },
            );
        }
        let public = |name: &str| fs::read_to_string(at(&format!("{name}.pub"))).unwrap();
        let allowed = format!(
            "{}command=\"cat >/dev/null\" {}{}",
            public("good"),
            public("stalled"),
            public("locked")
        );
        fs::write(at("authorized"), allowed).unwrap();
        // Where a privileged sshd puts its unprivileged half.
        let _ = fs::create_dir_all("/run/sshd");
        let port = free_port();
        let configuration = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\n\
             StrictModes no\nUsePAM no\nPidFile none\nAcceptEnv GIT_PROTOCOL\n\
             PasswordAuthentication no\nPermitRootLogin prohibit-password\n",
            at("host").display(),
            at("authorized").display(),
        );
        fs::write(at("sshd_config"), configuration).unwrap();
        let process = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(at("sshd_config"))
            .stderr(fs::File::create(at("log")).unwrap())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            process,
            root,
            port,
        };
        eventually("sshd answers", Duration::from_secs(20), || {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
            let mut banner = [0; 4];
            stream.read_exact(&mut banner).ok()?;
            (&banner == b"SSH-").then_some(())
        });
        server.trust("known", "host");
        Some(server)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A file of host keys in which this server has a key.
    fn trust(&self, file: &str, key: &str) {
        let public = fs::read_to_string(self.at(&format!("{key}.pub"))).unwrap();
        let line = format!("[127.0.0.1]:{} {public}", self.port);
        fs::write(self.at(file), line).unwrap();
    }

    fn work(&self, name: &str) -> Work {
        Work::new(self.at("repos").join(name))
    }

    fn mirror(&self, name: &str, key: &str, known: &str) -> Mirror {
        let user = run("id", &["-un"]);
        let place = self.at("repos").join(name);
        let url = format!(
            "ssh://{}@127.0.0.1:{}{}/.git",
            user.trim(),
            self.port,
            place.display()
        );
        let access = Access::Ssh(SshKey {
            key_file: self.at(key),
            known_hosts_file: self.at(known),
        });
        let location = SourceLocation::Remote { url, access };
        let dir = self.at("mirrors").join(format!("{name}-{key}-{known}"));
        Mirror::open(&dir, &location, None).unwrap()
    }

    fn fails(&self, name: &str, key: &str, known: &str) -> Failure {
        fetch(&self.mirror(name, key, known), None).unwrap_err()
    }

    /// How many `ssh` of ours are running.
    fn clients(&self) -> usize {
        let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let port = self.port.to_string();
        let ours = |entry: &fs::DirEntry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            line.starts_with("ssh\0") && line.split('\0').any(|word| word == port)
        };
        processes.filter(ours).count()
    }
}

#[test]
fn a_source_behind_ssh_is_cloned_and_followed() {
    let Some(server) = Sshd::start("git::ssh") else {
        return;
    };
    let work = server.work("in-fra");
    work.write("a/main.tf", "# one\n");
    let first = work.commit();
    let mirror = server.mirror("in-fra", "good", "known");
    assert_eq!(fetch(&mirror, None).unwrap(), first);
    assert_eq!(fetch(&mirror, Some("main")).unwrap(), first);
    work.write("a/main.tf", "# two\n");
    let second = work.commit();
    assert_eq!(fetch(&mirror, Some("main")).unwrap(), second);
    mirror.checkout(&second, &server.at("checkout")).unwrap();
    let written = fs::read_to_string(server.at("checkout/a/main.tf")).unwrap();
    assert_eq!(written, "# two\n");
    let missing = fetch(&mirror, Some("mian")).unwrap_err();
    assert_eq!(missing.kind, FailureKind::RefNotFound);
    assert!(missing.hint.contains("main"), "{missing:?}");
    assert_eq!(server.clients(), 0);

    // The key is read at each use.
    let refused = server.mirror("in-fra", "bad", "known");
    assert!(fetch(&refused, None).is_err());
    fs::copy(server.at("good"), server.at("bad")).unwrap();
    fs::remove_file(server.at("bad.pub")).unwrap();
    assert_eq!(fetch(&refused, None).unwrap(), second);
}

#[test]
fn only_a_host_key_that_is_known_is_talked_to() {
    let Some(server) = Sshd::start("git::ssh") else {
        return;
    };
    server.work("infra").commit();
    fs::write(server.at("nobody"), "").unwrap();
    for known in ["nobody", "absent"] {
        let unknown = server.fails("infra", "good", known);
        assert_eq!(unknown.kind, FailureKind::RepositoryUnreachable);
        assert!(unknown.message.contains("is not in"), "{unknown:?}");
        let remedy = format!("ssh-keyscan -p {} 127.0.0.1", server.port);
        assert!(unknown.hint.contains(&remedy), "{unknown:?}");
    }
    server.trust("another", "other-host");
    let changed = server.fails("infra", "good", "another");
    assert_eq!(changed.kind, FailureKind::RepositoryUnreachable);
    assert!(changed.message.contains("another host key"), "{changed:?}");
    // Nothing has been learned from it.
    assert_eq!(fs::read_to_string(server.at("nobody")).unwrap(), "");
    assert!(!server.at("absent").exists());
}

#[test]
fn a_key_that_is_of_no_use_is_told_with_the_remedy() {
    let Some(server) = Sshd::start("git::ssh") else {
        return;
    };
    server.work("infra").commit();
    let says = |key: &str, words: &str, hint: &str| {
        let refused = server.fails("infra", key, "known");
        assert_eq!(refused.kind, FailureKind::RepositoryRefused, "{refused:?}");
        assert!(refused.message.contains(words), "{refused:?}");
        assert!(refused.hint.contains(hint), "{refused:?}");
    };
    says("bad", "does not take the key", "deploy key");
    says("locked", "has a passphrase", "without a passphrase");
    says("absent-key", "cannot read", "readable for Mooring");
    fs::write(server.at("nonsense"), "no key\n").unwrap();
    fs::set_permissions(server.at("nonsense"), fs::Permissions::from_mode(0o600)).unwrap();
    says("nonsense", "no private key", "ssh-keygen");
    fs::set_permissions(server.at("good"), fs::Permissions::from_mode(0o644)).unwrap();
    says("good", "others may read", "chmod 600");
    fs::set_permissions(server.at("good"), fs::Permissions::from_mode(0o600)).unwrap();

    let missing = server.fails("nowhere", "good", "known");
    assert_eq!(missing.kind, FailureKind::RepositoryRefused, "{missing:?}");
    assert!(
        missing.message.contains("no such repository"),
        "{missing:?}"
    );
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let Some(server) = Sshd::start("git::ssh") else {
        return;
    };
    let access = Access::Ssh(SshKey {
        key_file: server.at("good"),
        known_hosts_file: server.at("known"),
    });
    let url = format!("ssh://git@127.0.0.1:{}/infra", free_port());
    let location = SourceLocation::Remote { url, access };
    let mirror = Mirror::open(&server.at("m"), &location, None).unwrap();
    let failure = fetch(&mirror, None).unwrap_err();
    assert_eq!(failure.kind, FailureKind::RepositoryUnreachable);
    assert!(failure.message.contains("refused"), "{failure:?}");
    assert!(failure.hint.contains("firewall"), "{failure:?}");
}

#[test]
fn an_interrupt_ends_the_ssh_that_hangs() {
    let Some(server) = Sshd::start("git::ssh") else {
        return;
    };
    let mirror = server.mirror("infra", "stalled", "known");
    let interrupt = Arc::new(AtomicBool::new(false));
    let failure = std::thread::scope(|scope| {
        let fetching = scope.spawn(|| mirror.fetch(None, &interrupt));
        eventually("ssh runs", Duration::from_secs(20), || {
            (server.clients() == 1).then_some(())
        });
        interrupt.store(true, Ordering::Relaxed);
        fetching.join().unwrap().unwrap_err()
    });
    assert_eq!(failure.kind, FailureKind::Interrupted);
    eventually("ssh is gone", Duration::from_secs(5), || {
        (server.clients() == 0).then_some(())
    });
}

#[test]
fn a_server_that_falls_silent_is_cut_off() {
    let Some(server) = Sshd::start("git::ssh") else {
        return;
    };
    let mirror = server.mirror("infra", "stalled", "known");
    let started = Instant::now();
    let failure = fetch(&mirror, None).unwrap_err();
    assert_eq!(failure.kind, FailureKind::RepositoryUnreachable);
    assert!(failure.message.contains("nothing came"), "{failure:?}");
    assert!(started.elapsed() < STALL_LIMIT + Duration::from_secs(20));
    eventually("ssh is gone", Duration::from_secs(5), || {
        (server.clients() == 0).then_some(())
    });
}
