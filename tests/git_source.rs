//! Sources against a real Git server over TLS, and checkouts of real commits.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mooring::domain::failure::{Failure, FailureKind};
use mooring::domain::ids::CommitId;
use mooring::git::settings::SourceLocation;
use mooring::git::{Mirror, head_of};
use mooring::secret::SecretSource;
use tempfile::TempDir;

const TOKEN: &str = "tok-5f2d9c81e0";

fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs(["AUTHOR", "COMMITTER"].into_iter().flat_map(|who| {
            [
                (format!("GIT_{who}_NAME"), "Ada"),
                (format!("GIT_{who}_EMAIL"), "ada@example.com"),
            ]
        }))
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with a working tree, whose commits the tests make.
struct Work {
    dir: PathBuf,
}

impl Work {
    fn new(dir: PathBuf) -> Self {
        fs::create_dir_all(&dir).unwrap();
        git(&dir, &["init", "-q", "-b", "main"]);
        git(&dir, &["config", "uploadpack.allowFilter", "true"]);
        Self { dir }
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn commit(&self) -> CommitId {
        git(&self.dir, &["add", "-A"]);
        git(
            &self.dir,
            &["commit", "-q", "--allow-empty", "-m", "change"],
        );
        CommitId::new(git(&self.dir, &["rev-parse", "HEAD"]))
    }
}

struct Server {
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

impl Server {
    fn start() -> Self {
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
            .arg("mooring")
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

    fn work(&self, name: &str) -> Work {
        Work::new(self.root.path().join("repos").join(name))
    }

    fn ca(&self) -> PathBuf {
        self.root.path().join("ca.pem")
    }

    fn token(&self) -> PathBuf {
        self.root.path().join("token")
    }

    fn location(&self, path: &str) -> SourceLocation {
        SourceLocation::Remote {
            url: format!("https://localhost:{}/{path}/.git", self.port),
            username: "mooring".to_owned(),
            token: Some(SecretSource::File(self.token())),
        }
    }

    fn mirror(&self, dir: &Path, path: &str) -> Mirror {
        Mirror::open(dir, &self.location(path), Some(&self.ca())).unwrap()
    }
}

fn fetch(mirror: &Mirror, reference: Option<&str>) -> Result<CommitId, Failure> {
    mirror.fetch(reference, &AtomicBool::new(false))
}

fn fails(mirror: &Mirror, reference: Option<&str>) -> Failure {
    let failure = fetch(mirror, reference).unwrap_err();
    let shown = format!("{failure:?} {failure} {mirror:?}");
    assert!(!shown.contains(TOKEN), "{shown}");
    failure
}

/// Every file under a directory, read.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            found.extend(contents(&path));
        } else if path.is_file() {
            found.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    found
}

#[test]
fn a_remote_is_cloned_and_then_followed() {
    let server = Server::start();
    let work = server.work("infra");
    work.write("a/main.tf", "# one\n");
    let first = work.commit();
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("mirror");
    let mirror = server.mirror(&dir, "infra");

    assert!(!mirror.has(&first));
    assert_eq!(fetch(&mirror, None).unwrap(), first);
    assert_eq!(fetch(&mirror, Some("main")).unwrap(), first);
    assert!(mirror.has(&first));
    assert_eq!(dir.metadata().unwrap().mode() & 0o777, 0o700);

    work.write("b/main.tf", "# two\n");
    let second = work.commit();
    assert_eq!(fetch(&mirror, Some("main")).unwrap(), second);
    assert_eq!(
        mirror.subtree(&first, "a").unwrap(),
        mirror.subtree(&second, "a").unwrap()
    );
    assert_eq!(mirror.subtree(&first, "b").unwrap(), None);
    assert_eq!(
        mirror.subtree(&second, "b").unwrap().unwrap(),
        git(&work.dir, &["rev-parse", "HEAD:b"])
    );
    assert_ne!(
        mirror.subtree(&first, ".").unwrap(),
        mirror.subtree(&second, "").unwrap()
    );

    git(&work.dir, &["reset", "-q", "--hard", first.as_str()]);
    work.write("c.tf", "# rewritten\n");
    let rewritten = work.commit();
    assert_eq!(fetch(&mirror, Some("main")).unwrap(), rewritten);

    let again = server.mirror(&dir, "infra");
    assert!(again.has(&rewritten) && again.has(&second));
    let leaked = contents(&dir).into_iter().find(|(_, bytes)| {
        bytes
            .windows(TOKEN.len())
            .any(|part| part == TOKEN.as_bytes())
    });
    assert_eq!(leaked, None);
}

#[test]
fn what_is_there_already_is_not_transferred_again() {
    let server = Server::start();
    let work = server.work("infra");
    work.write("main.tf", "");
    work.commit();
    let home = tempfile::tempdir().unwrap();
    let mirror = server.mirror(home.path(), "infra");
    fetch(&mirror, None).unwrap();
    let before = contents(home.path()).len();
    for _ in 0..3 {
        fetch(&mirror, None).unwrap();
        fetch(&mirror, Some("refs/heads/main")).unwrap();
    }
    assert_eq!(contents(home.path()).len(), before);
}

#[test]
fn a_mirror_of_too_many_packs_is_made_anew() {
    let server = Server::start();
    let work = server.work("infra");
    work.write("main.tf", "# one\n");
    let first = work.commit();
    let home = tempfile::tempdir().unwrap();
    let mirror = server.mirror(home.path(), "infra");
    fetch(&mirror, None).unwrap();
    let packs = home.path().join("repo.git/objects/pack");
    for number in 0..300 {
        fs::write(packs.join(format!("pack-{number:040}.pack")), "").unwrap();
    }
    work.write("main.tf", "# two\n");
    let second = work.commit();
    assert_eq!(fetch(&mirror, None).unwrap(), second);
    assert!(fs::read_dir(packs).unwrap().count() < 10);
    mirror.checkout(&first, &home.path().join("first")).unwrap();
    mirror
        .checkout(&second, &home.path().join("second"))
        .unwrap();
    let leftovers = fs::read_dir(home.path()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("new-")
    });
    assert_eq!(leftovers.count(), 0);
}

#[test]
fn tags_are_peeled_and_names_may_turn_into_directories() {
    let server = Server::start();
    let work = server.work("infra");
    work.write("main.tf", "");
    let tagged = work.commit();
    git(&work.dir, &["tag", "-a", "-m", "release", "v1.0"]);
    git(
        &work.dir,
        &["tag", "-a", "-m", "again", "v1.0-signed", "v1.0"],
    );
    git(&work.dir, &["tag", "plain"]);
    git(&work.dir, &["tag", "file", "HEAD:main.tf"]);
    git(&work.dir, &["branch", "env"]);
    work.write("main.tf", "# more");
    let newer = work.commit();

    let home = tempfile::tempdir().unwrap();
    let mirror = server.mirror(home.path(), "infra");
    for name in ["v1.0", "v1.0-signed", "plain", "refs/tags/v1.0", "env"] {
        assert_eq!(fetch(&mirror, Some(name)).unwrap(), tagged, "{name}");
    }
    assert_eq!(fetch(&mirror, None).unwrap(), newer);
    assert_eq!(fails(&mirror, Some("file")).kind, FailureKind::RefNotFound);

    git(&work.dir, &["branch", "-D", "env"]);
    git(&work.dir, &["branch", "env/prod"]);
    assert_eq!(fetch(&mirror, Some("env/prod")).unwrap(), newer);
    assert_eq!(fails(&mirror, Some("env")).kind, FailureKind::RefNotFound);
}

#[test]
fn a_ref_that_is_not_there_is_named_with_its_likes() {
    let server = Server::start();
    let work = server.work("infra");
    let home = tempfile::tempdir().unwrap();
    let mirror = server.mirror(home.path(), "infra");
    assert_eq!(fails(&mirror, None).kind, FailureKind::RefNotFound);

    work.write("main.tf", "");
    work.commit();
    git(&work.dir, &["branch", "production"]);
    let failure = fails(&mirror, Some("prodution"));
    assert_eq!(failure.kind, FailureKind::RefNotFound);
    insta::assert_snapshot!(
        format!("{}\n{}", failure.message, failure.hint),
        @r#"
    the repository has no branch or tag "prodution"
    name an existing branch or tag, for example production, main
    "#
    );
}

#[test]
fn refusals_say_what_to_check_and_keep_the_token_to_themselves() {
    let server = Server::start();
    server.work("infra").commit();
    let home = tempfile::tempdir().unwrap();
    let mirror = server.mirror(home.path(), "infra");
    fetch(&mirror, None).unwrap();

    let absent = fails(&server.mirror(&home.path().join("absent"), "absent"), None);
    assert_eq!(absent.kind, FailureKind::RepositoryRefused);
    assert!(
        absent
            .hint
            .contains("does not exist or the token cannot see it")
    );

    let good = fs::read(server.token()).unwrap();
    let mut location = server.location("infra");
    let wrong = home.path().join("wrong");
    fs::write(&wrong, "another-wrong-token").unwrap();
    if let SourceLocation::Remote { token, .. } = &mut location {
        *token = Some(SecretSource::File(wrong.clone()));
    }
    let refused = Mirror::open(&home.path().join("m"), &location, Some(&server.ca())).unwrap();
    let failure = fails(&refused, None);
    assert_eq!(failure.kind, FailureKind::RepositoryRefused);
    assert!(failure.hint.contains("token is valid"));
    assert!(!format!("{failure:?}").contains("another-wrong-token"));

    fs::write(&wrong, good).unwrap();
    fetch(&refused, None).expect("a rotated token is read again");
    fs::remove_file(&wrong).unwrap();
    let unreadable = fails(&refused, None);
    assert!(unreadable.message.contains("cannot read the secret file"));

    if let SourceLocation::Remote { token, .. } = &mut location {
        *token = None;
    }
    let bare = Mirror::open(&home.path().join("n"), &location, Some(&server.ca())).unwrap();
    let failure = fails(&bare, None);
    assert_eq!(failure.kind, FailureKind::RepositoryRefused);
    assert!(
        failure.message.contains("asks for credentials"),
        "{failure}"
    );
}

#[test]
fn a_redirect_on_the_same_host_is_followed() {
    let server = Server::start();
    let commit = server.work("infra").commit();
    let home = tempfile::tempdir().unwrap();
    let mirror = server.mirror(home.path(), "moved/infra");
    assert_eq!(fetch(&mirror, None).unwrap(), commit);
}

#[test]
fn a_server_that_cannot_be_reached_or_trusted_is_unreachable() {
    let server = Server::start();
    server.work("infra").commit();
    let home = tempfile::tempdir().unwrap();
    let untrusted = Mirror::open(home.path(), &server.location("infra"), None).unwrap();
    let failure = fails(&untrusted, None);
    assert_eq!(failure.kind, FailureKind::RepositoryUnreachable);
    assert!(failure.hint.contains("CA file"), "{failure:?}");

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let location = SourceLocation::Remote {
        url: format!("https://127.0.0.1:{port}/infra"),
        username: "mooring".to_owned(),
        token: Some(SecretSource::File(server.token())),
    };
    let away = Mirror::open(&home.path().join("away"), &location, None).unwrap();
    let failure = fails(&away, None);
    assert_eq!(failure.kind, FailureKind::RepositoryUnreachable);

    let nonsense = home.path().join("ca.pem");
    fs::write(&nonsense, "no certificate").unwrap();
    let mirror = Mirror::open(home.path(), &server.location("infra"), Some(&nonsense)).unwrap();
    assert_eq!(fails(&mirror, None).kind, FailureKind::InvalidConfiguration);
}

#[test]
fn an_interrupt_ends_a_fetch_that_hangs() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let mirror = server.mirror(home.path(), "slow/infra");
    let interrupt = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let failure = std::thread::scope(|scope| {
        let fetching = scope.spawn(|| mirror.fetch(None, &interrupt));
        interrupt.store(true, Ordering::Relaxed);
        fetching.join().unwrap().unwrap_err()
    });
    assert_eq!(failure.kind, FailureKind::Interrupted);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn credentials_are_never_sent_in_the_clear() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let mut heard = Vec::new();
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).unwrap();
        heard.extend_from_slice(&buffer[..count]);
        let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\n\
                      Content-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        heard
    });
    let home = tempfile::tempdir().unwrap();
    let token = home.path().join("token");
    fs::write(&token, TOKEN).unwrap();
    let location = SourceLocation::Remote {
        url: format!("http://127.0.0.1:{port}/infra"),
        username: "mooring".to_owned(),
        token: Some(SecretSource::File(token)),
    };
    let mirror = Mirror::open(&home.path().join("m"), &location, None).unwrap();
    let failure = fails(&mirror, None);
    assert_eq!(failure.kind, FailureKind::RepositoryRefused);
    assert!(failure.hint.contains("https"), "{failure:?}");
    let heard = String::from_utf8(heard.join().unwrap()).unwrap();
    assert!(!heard.to_lowercase().contains("authorization"));
}

/// A local source and a place to check it out.
struct Local {
    home: TempDir,
    work: Work,
    mirror: Mirror,
}

impl Local {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let work = Work::new(home.path().join("work"));
        work.write("README", "read\n");
        work.commit();
        let location = SourceLocation::Local(work.dir.clone());
        let mirror = Mirror::open(&home.path().join("unused"), &location, None).unwrap();
        Self { home, work, mirror }
    }

    fn dest(&self) -> PathBuf {
        self.home.path().join("checkouts/stack")
    }

    fn checkout(&self, commit: &CommitId) {
        self.mirror.checkout(commit, &self.dest()).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.dest().join(path)).unwrap()
    }

    /// What `git` itself says of the destination, compared with a commit.
    fn differences(&self, commit: &CommitId) -> String {
        let dir = self.work.dir.join(".git");
        let (dir, dest) = (dir.to_str().unwrap(), self.dest());
        git(&self.work.dir, &["read-tree", commit.as_str()]);
        let args = ["--git-dir", dir, "--work-tree", dest.to_str().unwrap()];
        let status = git(&dest, &[&args[..], &["diff", "--name-status"]].concat());
        let others = git(&dest, &[&args[..], &["ls-files", "-o"]].concat());
        git(&self.work.dir, &["reset", "-q"]);
        format!("{status}{others}")
    }
}

#[test]
fn a_local_source_is_read_where_it_is() {
    let local = Local::new();
    let head = fetch(&local.mirror, None).unwrap();
    git(&local.work.dir, &["tag", "-a", "-m", "x", "v1"]);
    assert_eq!(fetch(&local.mirror, Some("v1")).unwrap(), head);
    local.work.write("main.tf", "# new\n");
    let next = local.work.commit();
    assert_eq!(fetch(&local.mirror, Some("main")).unwrap(), next);
    local.checkout(&next);
    assert_eq!(local.read("main.tf"), "# new\n");
    assert_eq!(
        fails(&local.mirror, Some("absent")).kind,
        FailureKind::RefNotFound
    );
    assert!(!local.home.path().join("unused").exists());

    let nowhere = SourceLocation::Local(local.home.path().join("nowhere"));
    let failure = Mirror::open(local.home.path(), &nowhere, None).unwrap_err();
    assert_eq!(failure.kind, FailureKind::RepositoryUnreachable);
}

#[test]
fn a_checkout_follows_the_commit_in_everything() {
    let local = Local::new();
    let work = &local.work;
    work.write("live/main.tf", "one\n");
    work.write("live/gone.tf", "gone\n");
    work.write("old/deep/file.tf", "gone too\n");
    work.write("becomes_dir", "file\n");
    work.write("becomes_file/inner", "dir\n");
    work.write("run.sh", "#!/bin/sh\n");
    fs::set_permissions(work.dir.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("live/main.tf", work.dir.join("link")).unwrap();
    symlink("live", work.dir.join("linked_dir")).unwrap();
    let first = work.commit();
    local.checkout(&first);
    assert_eq!(local.differences(&first), "");
    assert_eq!(
        fs::read_link(local.dest().join("link")).unwrap(),
        Path::new("live/main.tf")
    );
    assert_ne!(
        local.dest().join("run.sh").metadata().unwrap().mode() & 0o100,
        0
    );

    fs::remove_file(work.dir.join("live/gone.tf")).unwrap();
    fs::remove_dir_all(work.dir.join("old")).unwrap();
    fs::remove_file(work.dir.join("becomes_dir")).unwrap();
    work.write("becomes_dir/inner", "now a directory\n");
    fs::remove_dir_all(work.dir.join("becomes_file")).unwrap();
    work.write("becomes_file", "now a file\n");
    fs::remove_file(work.dir.join("linked_dir")).unwrap();
    work.write("linked_dir/main.tf", "a real one\n");
    fs::set_permissions(work.dir.join("run.sh"), fs::Permissions::from_mode(0o644)).unwrap();
    let second = work.commit();
    local.checkout(&second);
    assert_eq!(local.differences(&second), "");
    assert_eq!(local.read("live/main.tf"), "one\n");
    assert!(!local.dest().join("old").exists());
    assert_eq!(
        local.dest().join("run.sh").metadata().unwrap().mode() & 0o111,
        0
    );

    local.checkout(&first);
    assert_eq!(local.differences(&first), "");
}

#[test]
fn untracked_files_stay_modified_ones_are_restored_and_the_rest_is_not_touched() {
    let local = Local::new();
    local.work.write("live/main.tf", "one\n");
    local.work.write("live/same.tf", "same\n");
    local.work.write("live/gone.tf", "gone\n");
    local.work.write("live/read_only.tf", "ro\n");
    let first = local.work.commit();
    local.checkout(&first);
    let dest = local.dest();
    let untouched = dest.join("live/same.tf").metadata().unwrap();

    fs::create_dir_all(dest.join("live/.terraform/providers")).unwrap();
    fs::write(dest.join("live/.terraform/providers/x"), "provider").unwrap();
    fs::write(dest.join("live/.terraform.lock.hcl"), "lock").unwrap();
    // As long as the original, so that only the time tells.
    fs::write(dest.join("live/main.tf"), "two\n").unwrap();
    fs::write(dest.join("live/read_only.tf"), "changed\n").unwrap();
    fs::set_permissions(
        dest.join("live/read_only.tf"),
        fs::Permissions::from_mode(0o400),
    )
    .unwrap();
    fs::remove_file(dest.join("README")).unwrap();
    local.checkout(&first);
    assert_eq!(local.read("live/main.tf"), "one\n");
    assert_eq!(local.read("live/read_only.tf"), "ro\n");
    assert_eq!(local.read("README"), "read\n");
    assert_eq!(local.read("live/.terraform.lock.hcl"), "lock");

    fs::remove_file(local.work.dir.join("live/gone.tf")).unwrap();
    local.work.write("live/.terraform.lock.hcl", "committed");
    let second = local.work.commit();
    local.checkout(&second);
    assert!(!dest.join("live/gone.tf").exists());
    assert_eq!(local.read("live/.terraform.lock.hcl"), "committed");
    assert_eq!(local.read("live/.terraform/providers/x"), "provider");
    let now = dest.join("live/same.tf").metadata().unwrap();
    assert_eq!(
        (now.ino(), now.mtime(), now.mtime_nsec(), now.ctime_nsec()),
        (
            untouched.ino(),
            untouched.mtime(),
            untouched.mtime_nsec(),
            untouched.ctime_nsec()
        )
    );
}

#[test]
fn a_checkout_never_writes_or_removes_through_a_link() {
    let local = Local::new();
    local.work.write("dir/one.tf", "one\n");
    local.work.write("dir/two.tf", "two\n");
    let first = local.work.commit();
    fs::remove_file(local.work.dir.join("dir/two.tf")).unwrap();
    let second = local.work.commit();
    local.checkout(&first);

    let outside = local.home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("one.tf"), "precious").unwrap();
    fs::write(outside.join("two.tf"), "precious").unwrap();
    fs::remove_dir_all(local.dest().join("dir")).unwrap();
    symlink(&outside, local.dest().join("dir")).unwrap();
    local.checkout(&second);
    assert_eq!(
        fs::read_to_string(outside.join("one.tf")).unwrap(),
        "precious"
    );
    assert_eq!(
        fs::read_to_string(outside.join("two.tf")).unwrap(),
        "precious"
    );
    assert_eq!(local.differences(&second), "");
}

#[test]
fn a_checkout_that_was_cut_short_is_put_right() {
    let local = Local::new();
    local.work.write("kept.tf", "kept\n");
    local.work.write("old.tf", "old\n");
    let first = local.work.commit();
    local.checkout(&first);

    // The crash came while a commit with `half.tf` was written and `old.tf` was removed.
    fs::write(
        local.dest().with_file_name("stack.pending"),
        "README\0half.tf\0kept.tf\0old.tf\0",
    )
    .unwrap();
    fs::write(local.dest().join("half.tf"), "half").unwrap();
    fs::write(local.dest().join("kept.tf"), "ke").unwrap();
    fs::remove_file(local.dest().join("old.tf")).unwrap();
    local.checkout(&first);
    assert_eq!(local.differences(&first), "");
    assert!(!local.dest().with_file_name("stack.pending").exists());
}

#[test]
fn a_directory_with_something_else_in_it_is_left_alone() {
    let local = Local::new();
    let head = fetch(&local.mirror, None).unwrap();
    fs::create_dir_all(local.dest()).unwrap();
    fs::write(local.dest().join("errored.tfstate"), "{}").unwrap();
    let failure = local.mirror.checkout(&head, &local.dest()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Internal);
    assert!(failure.message.contains("no checkout of Mooring"));
    assert_eq!(local.read("errored.tfstate"), "{}");

    let absent = CommitId::new("0123456789012345678901234567890123456789");
    let failure = local.mirror.checkout(&absent, &local.dest()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::RefNotFound);
}

#[test]
fn no_filter_program_runs_and_line_endings_follow_the_commit() {
    let local = Local::new();
    let work = &local.work;
    let ran = local.home.path().join("ran");
    work.write(".gitattributes", "*.bin filter=evil\n*.bat text eol=crlf\n");
    work.write("x.bin", "pointer\n");
    work.write("x.bat", "a\nb\n");
    let first = work.commit();
    let smudge = format!("touch {} && cat", ran.display());
    git(&work.dir, &["config", "filter.evil.smudge", &smudge]);
    git(&work.dir, &["config", "core.autocrlf", "true"]);
    fetch(&local.mirror, None).unwrap();
    local.checkout(&first);
    assert_eq!(local.read("x.bin"), "pointer\n");
    assert_eq!(local.read("x.bat"), "a\r\nb\r\n");
    assert_eq!(local.read("README"), "read\n");
    assert!(!ran.exists());

    work.write(".gitattributes", "*.bin filter=evil\n");
    let second = work.commit();
    local.checkout(&second);
    assert_eq!(local.read("x.bat"), "a\nb\n");
}

#[test]
fn somebodys_tree_is_dirty_only_by_what_terraform_reads() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(head_of(home.path()), None);
    let work = Work::new(home.path().join("work"));
    assert_eq!(head_of(&work.dir), None);
    work.write(".gitignore", "ignored*\n.terraform/\n");
    work.write("live/main.tf", "one\n");
    let commit = work.commit();
    let look = || head_of(&work.dir.join("live")).unwrap();

    work.write("ignored.tf", "");
    work.write("live/.terraform/modules/x.tf", "");
    work.write("notes.txt", "");
    let head = look();
    assert_eq!(head.commit, commit);
    assert_eq!(head.root, work.dir.canonicalize().unwrap());
    assert!(!head.dirty);

    let before = fs::read(work.dir.join(".git/index")).unwrap();
    work.write("live/main.tf", "two\n");
    assert!(look().dirty);
    assert_eq!(fs::read(work.dir.join(".git/index")).unwrap(), before);
    git(&work.dir, &["add", "live"]);
    assert!(look().dirty, "staged counts as well");
    work.commit();
    assert!(!look().dirty);
    work.write("other/extra.tf", "");
    assert!(look().dirty);
    work.commit();
    fs::remove_file(work.dir.join("live/main.tf")).unwrap();
    assert!(look().dirty);
}
