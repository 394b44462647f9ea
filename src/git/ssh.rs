//! A connection over ssh: the `ssh` program as a child, with nothing of the user's own settings.
//!
//! The library could start it too, but would let nobody end it while it hangs and would send what
//! it says to our own standard error.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gix::protocol::transport::Protocol;
use gix::protocol::transport::client::blocking_io::Transport;
use gix::protocol::transport::client::git::ConnectMode;
use gix::protocol::transport::client::git::blocking_io::Connection;
use secrecy::ExposeSecret;

use super::failure;
use super::settings::{SshAddress, SshKey, ssh_option};
use crate::domain::failure::{Failure, FailureKind};
use crate::secret::{Masker, SecretSource};

/// How long `ssh` waits for a server to answer and to show its key.
const CONNECT_SECONDS: u32 = 20;
/// A server that gives no sign of life for three times as long is given up.
const ALIVE_SECONDS: u32 = 20;
/// After an error `ssh` has this long to say why.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// More of what it says is not kept.
const MOST_SAID: u64 = 16 << 10;
/// Longer lines of it are cut, in characters.
const LONGEST_LINE: usize = 300;

/// A child, for as long as somebody may have to end it.
#[derive(Debug, Clone, Default)]
pub(super) struct Leash(Arc<Mutex<Leashed>>);

#[derive(Debug, Default)]
enum Leashed {
    #[default]
    Nothing,
    Running(Child),
    Cut,
}

impl Leash {
    /// Ends the child, or the one that is about to start.
    pub(super) fn cut(&self) {
        let mut leashed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Leashed::Running(child) = &mut *leashed {
            end(child);
        }
        *leashed = Leashed::Cut;
    }

    fn hold(&self, mut child: Child) {
        let mut leashed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *leashed {
            Leashed::Cut => end(&mut child),
            Leashed::Running(before) => {
                end(before);
                *leashed = Leashed::Running(child);
            }
            Leashed::Nothing => *leashed = Leashed::Running(child),
        }
    }

    /// Lets the child end by itself for a moment.
    fn wait(&self, limit: Duration) {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            let mut leashed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Leashed::Running(child) = &mut *leashed else {
                return;
            };
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            drop(leashed);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn end(child: &mut Child) {
    // It may be gone already.
    let _ = child.kill();
    let _ = child.wait();
}

/// A running `ssh`.
pub(super) struct Session {
    leash: Leash,
    said: JoinHandle<String>,
}

impl Session {
    /// Starts `ssh` with the program on the other side that sends packs.
    pub(super) fn start(
        address: &SshAddress,
        key: &SshKey,
        leash: &Leash,
    ) -> Result<(Self, Box<dyn Transport + Send>), Failure> {
        let mut child = command(address, key)?
            .spawn()
            .map_err(|error| not_started(address, &error))?;
        let ends = (child.stdout.take(), child.stdin.take(), child.stderr.take());
        leash.hold(child);
        let (Some(stdout), Some(stdin), Some(stderr)) = ends else {
            return Err(not_started(address, &std::io::ErrorKind::BrokenPipe.into()));
        };
        let said = std::thread::Builder::new()
            .name("ssh-says".to_owned())
            .spawn(move || listen(stderr))
            .map_err(|error| not_started(address, &error))?;
        let transport = Connection::new(
            stdout,
            stdin,
            Protocol::V2,
            address.path.as_str(),
            None::<(String, Option<u16>)>,
            ConnectMode::Process,
            false,
        );
        let session = Self {
            leash: leash.clone(),
            said,
        };
        Ok((session, Box::new(transport)))
    }

    /// What `ssh` and the server said besides the protocol, once it has ended.
    pub(super) fn last_words(self) -> String {
        self.leash.wait(LAST_WORDS);
        self.leash.cut();
        self.said.join().unwrap_or_default()
    }
}

/// Reads all, so that the child never waits for us, and keeps some.
fn listen(mut stderr: ChildStderr) -> String {
    let mut said = Vec::new();
    let _ = stderr.by_ref().take(MOST_SAID).read_to_end(&mut said);
    let _ = std::io::copy(&mut stderr, &mut std::io::sink());
    String::from_utf8_lossy(&said).into_owned()
}

fn command(address: &SshAddress, key: &SshKey) -> Result<Command, Failure> {
    let refused = |message: String| {
        Failure::new(
            FailureKind::InvalidConfiguration,
            message,
            "give an absolute path without quotes, `\\`, `$`, `%` and `~`",
        )
    };
    let quoted = |path: &std::path::Path| {
        ssh_option(path)
            .ok_or_else(|| refused(format!("{} cannot be given to ssh", path.display())))
    };
    let (identity, hosts) = (quoted(&key.key_file)?, quoted(&key.known_hosts_file)?);
    check_key(address, key)?;
    let mut command = Command::new("ssh");
    command.args(["-F", "/dev/null", "-T"]);
    for option in [
        "BatchMode=yes".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        format!("UserKnownHostsFile={hosts}"),
        "GlobalKnownHostsFile=/dev/null".to_owned(),
        "UpdateHostKeys=no".to_owned(),
        "PreferredAuthentications=publickey".to_owned(),
        "IdentitiesOnly=yes".to_owned(),
        "IdentityAgent=none".to_owned(),
        format!("IdentityFile={identity}"),
        "ClearAllForwardings=yes".to_owned(),
        "ControlPath=none".to_owned(),
        "LogLevel=ERROR".to_owned(),
        format!("ConnectTimeout={CONNECT_SECONDS}"),
        format!("ServerAliveInterval={ALIVE_SECONDS}"),
        "ServerAliveCountMax=3".to_owned(),
        "SendEnv=GIT_PROTOCOL".to_owned(),
    ] {
        command.args(["-o", &option]);
    }
    if let Some(port) = address.port {
        command.args(["-p", &port.to_string()]);
    }
    command.args(["--", &format!("{}@{}", address.user, address.host)]);
    // The other side's shell reads this; an address holds nothing that ends the quotes. The tilde of
    // a home is read by Git itself.
    command.arg(format!("git-upload-pack '{}'", address.path));
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .envs([("LC_ALL", "C"), ("GIT_PROTOCOL", "version=2")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

/// What `ssh` would pass over in silence: a key that it does not take.
fn check_key(address: &SshAddress, key: &SshKey) -> Result<(), Failure> {
    let file = key.key_file.display();
    let refused = |cause: String, hint: String| {
        let message = format!("cannot fetch from {}: {cause}", address.host);
        Err(Failure::new(FailureKind::RepositoryRefused, message, hint))
    };
    if let Ok(known) = std::fs::metadata(&key.key_file) {
        let ours = known.uid() == rustix::process::geteuid().as_raw();
        let forbidden = if ours { 0o077 } else { 0o007 };
        if known.mode() & forbidden != 0 {
            return refused(
                format!("others may read the private key {file}"),
                format!("chmod 600 {file}, and make a new key if somebody may have read it"),
            );
        }
    }
    match SecretSource::File(key.key_file.clone()).read() {
        Err(error) => refused(
            error.to_string(),
            "make the key readable for Mooring, and for nobody else".to_owned(),
        ),
        Ok(text) if has_passphrase(text.expose_secret()) => refused(
            format!("the private key {file} has a passphrase"),
            "make a key for Mooring alone, without a passphrase, and let it read this one \
             repository"
                .to_owned(),
        ),
        Ok(_) => Ok(()),
    }
}

fn has_passphrase(pem: &str) -> bool {
    const OPENSSH: &str = "OPENSSH PRIVATE KEY-----";
    let Some((_, rest)) = pem.split_once(OPENSSH) else {
        return pem.contains("ENCRYPTED");
    };
    let body = rest.split("-----").next().unwrap_or_default();
    let body: String = body.split_whitespace().collect();
    let Ok(bytes) = BASE64_STANDARD.decode(body) else {
        return false;
    };
    // The magic word, then the length and the name of the cipher.
    bytes
        .strip_prefix(b"openssh-key-v1\0")
        .and_then(|rest| rest.get(4..))
        .is_some_and(|cipher| !cipher.starts_with(b"none"))
}

fn not_started(address: &SshAddress, error: &std::io::Error) -> Failure {
    let (cause, hint) = match error.kind() {
        std::io::ErrorKind::NotFound => (
            "there is no program `ssh` here".to_owned(),
            "install OpenSSH's client (`openssh-client`) where Mooring finds it by PATH",
        ),
        _ => (
            format!("`ssh` cannot be started: {error}"),
            "look at the limits of this machine and whether Mooring may run programs",
        ),
    };
    Failure::new(
        FailureKind::RepositoryUnreachable,
        format!("cannot fetch from {}: {cause}", address.host),
        hint,
    )
}

/// What an error means, now that `ssh` has said its last words.
pub(super) fn failure(
    error: &gix::Error,
    said: &str,
    url: &str,
    address: &SshAddress,
    key: &SshKey,
) -> Failure {
    if let Some((kind, cause, hint)) = explain(said, address, key) {
        return Failure::new(kind, format!("cannot fetch {url}: {cause}"), hint);
    }
    let mut failure = failure::remote(error, url, &Masker::default());
    if failure.kind == FailureKind::OutOfDisk {
        return failure;
    }
    if let Some(line) = said.lines().map(str::trim).rfind(|line| !line.is_empty()) {
        let plain = |c: &char| !c.is_control();
        let line: String = line.chars().filter(plain).take(LONGEST_LINE).collect();
        failure.message = format!("cannot fetch {url}: {}", Masker::default().mask(&line));
    }
    failure.hint =
        "check the URL, name resolution, firewall and that the server runs Git for this \
                    user; proxies are not used for ssh"
            .to_owned();
    failure
}

/// What is known of what `ssh` or the server says: kind, cause, remedy.
fn explain(
    said: &str,
    address: &SshAddress,
    key: &SshKey,
) -> Option<(FailureKind, String, String)> {
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let (host, hosts, file) = (
        &address.host,
        key.known_hosts_file.display(),
        key.key_file.display(),
    );
    let port = address.port.map(|port| format!("-p {port} "));
    let port = port.unwrap_or_default();
    if has(&["HOST IDENTIFICATION HAS CHANGED"]) {
        let cause = format!("{host} shows another host key than {hosts} says");
        let hint = format!(
            "somebody may stand between; if the server has a new key, compare its fingerprint with \
             what its operator publishes, then replace its line in {hosts}"
        );
        return Some((FailureKind::RepositoryUnreachable, cause, hint));
    }
    if has(&["host key is known for", "Host key verification failed"]) {
        let cause = format!("the host key of {host} is not in {hosts}");
        let hint = format!(
            "`ssh-keyscan {port}{host} >> {hosts}`, and compare the fingerprints (`ssh-keygen -lf \
             {hosts}`) with what the server's operator publishes"
        );
        return Some((FailureKind::RepositoryUnreachable, cause, hint));
    }
    if has(&["No user exists for uid"]) {
        let cause = "ssh wants the user that Mooring runs as to be in /etc/passwd".to_owned();
        let hint = "add an entry for this uid, or run Mooring as a user that has one".to_owned();
        return Some((FailureKind::RepositoryUnreachable, cause, hint));
    }
    if has(&["error in libcrypto", "invalid format"]) {
        let cause = format!("{file} holds no private key that ssh can read");
        let hint = "make one: `ssh-keygen -t ed25519 -N '' -f FILE`".to_owned();
        return Some((FailureKind::RepositoryRefused, cause, hint));
    }
    if has(&["Permission denied"]) {
        let cause = format!("{host} does not take the key {file} for {}", address.user);
        let hint =
            "add its public half (`ssh-keygen -y -f FILE`) as a deploy key that may read the \
                    repository"
                .to_owned();
        return Some((FailureKind::RepositoryRefused, cause, hint));
    }
    let missing = [
        "does not appear to be a git repository",
        "epository not found",
        "does not exist",
    ];
    if has(&missing) {
        let cause = format!("{host} has no such repository for the key {file}");
        let hint = "check the path in the URL and which repositories the key may read".to_owned();
        return Some((FailureKind::RepositoryRefused, cause, hint));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_a_passphrase_is_known_by_its_head() {
        let openssh = |cipher: &str| {
            let mut bytes = b"openssh-key-v1\0".to_vec();
            bytes.extend((cipher.len() as u32).to_be_bytes());
            bytes.extend(cipher.as_bytes());
            format!(
                "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----",
                BASE64_STANDARD.encode(bytes)
            )
        };
        assert!(!has_passphrase(&openssh("none")));
        assert!(has_passphrase(&openssh("aes256-ctr")));
        assert!(has_passphrase("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        assert!(has_passphrase("Proc-Type: 4,ENCRYPTED\n"));
        assert!(!has_passphrase("-----BEGIN RSA PRIVATE KEY-----\n"));
    }
}
