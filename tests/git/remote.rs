//! A real Git server over TLS, and what can go wrong with one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mooring::domain::failure::FailureKind;
use mooring::domain::ids::CommitId;
use mooring::git::settings::{Access, SourceLocation};
use mooring::git::{Mirror, STALL_LIMIT};

use super::server::{Server, access};
use super::{TOKEN, fails, fetch, git};

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
    let difference = mirror.difference(&first, &second).unwrap();
    assert!(difference.touches("b/main.tf") && difference.touches(".") && !difference.touches("a"));
    let unknown = CommitId::new("1234567890123456789012345678901234567890");
    assert!(mirror.difference(&unknown, &second).unwrap().touches("a"));
    assert!(mirror.difference(&first, &unknown).is_err());

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
fn nothing_but_the_ref_that_is_followed_is_fetched() {
    let server = Server::start();
    let work = server.work("infra");
    work.write("main.tf", "# main\n");
    let main = work.commit();
    git(&work.dir, &["checkout", "-q", "-b", "other"]);
    work.write("main.tf", "# other\n");
    let other = work.commit();
    git(&work.dir, &["tag", "v1"]);
    git(&work.dir, &["checkout", "-q", "main"]);
    let home = tempfile::tempdir().unwrap();
    let mirror = server.mirror(home.path(), "infra");
    assert_eq!(fetch(&mirror, Some("main")).unwrap(), main);
    assert!(mirror.has(&main) && !mirror.has(&other));
    let refs = git(&home.path().join("repo.git"), &["for-each-ref"]);
    assert_eq!(refs.lines().count(), 1, "{refs}");
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
    let wrong = home.path().join("wrong");
    fs::write(&wrong, "another-wrong-token").unwrap();
    let SourceLocation::Remote { url, .. } = server.location("infra") else {
        panic!("a server's repository is remote");
    };
    let location = SourceLocation::Remote {
        url: url.clone(),
        access: access(wrong.clone()),
    };
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

    let location = SourceLocation::Remote {
        url,
        access: Access::Public,
    };
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
        access: access(server.token()),
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
        access: access(token),
    };
    let mirror = Mirror::open(&home.path().join("m"), &location, None).unwrap();
    let failure = fails(&mirror, None);
    assert_eq!(failure.kind, FailureKind::RepositoryRefused);
    assert!(failure.hint.contains("https"), "{failure:?}");
    let heard = String::from_utf8(heard.join().unwrap()).unwrap();
    assert!(!heard.to_lowercase().contains("authorization"));
}

#[test]
fn a_server_that_does_not_get_on_is_cut_off_while_it_lists_refs() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let silent = server.mirror(&home.path().join("silent"), "slow/infra");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // A byte each second, for ever.
    std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = listener.accept().unwrap();
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\
                    Content-Type: application/x-git-upload-pack-advertisement\r\n\r\nffff";
        let mut next = head.as_bytes().to_vec();
        while stream.write_all(&next).is_ok() {
            next = b"x".to_vec();
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    let location = SourceLocation::Remote {
        url: format!("http://127.0.0.1:{port}/infra"),
        access: Access::Public,
    };
    let slow = Mirror::open(&home.path().join("slow"), &location, None).unwrap();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for mirror in [&silent, &slow] {
            scope.spawn(|| {
                let failure = fails(mirror, None);
                assert_eq!(failure.kind, FailureKind::RepositoryUnreachable);
                assert!(started.elapsed() < STALL_LIMIT + Duration::from_secs(20));
            });
        }
    });
}
