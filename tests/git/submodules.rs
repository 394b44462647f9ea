//! Repositories in repositories, behind a real server.

use std::fs;
use std::path::Path;

use mooring::domain::failure::FailureKind;
use mooring::domain::ids::CommitId;
use mooring::git::Mirror;
use mooring::git::settings::SourceLocation;

use super::server::Server;
use super::{Work, fails, fetch, git};

/// Puts a commit of another repository into the next commit, as `git submodule add` does.
fn link(work: &Work, path: &str, url: &str, commit: &CommitId) {
    let modules = work.dir.join(".gitmodules");
    let before = fs::read_to_string(&modules).unwrap_or_default();
    let section = format!("[submodule \"{path}\"]\n");
    if !before.contains(&section) {
        let text = format!("{before}{section}\tpath = {path}\n\turl = {url}\n");
        fs::write(&modules, text).unwrap();
    }
    fs::create_dir_all(work.dir.join(path)).unwrap();
    let entry = format!("160000,{commit},{path}");
    git(&work.dir, &["update-index", "--add", "--cacheinfo", &entry]);
}

fn following(server: &Server, dir: &Path, name: &str, ca: &Path) -> Mirror {
    let mirror = Mirror::open(dir, &server.location(name), Some(ca)).unwrap();
    mirror.with_submodules(dir, Some(ca))
}

#[test]
fn submodules_are_checked_out_in_their_places_and_followed() {
    let server = Server::start();
    let deep = server.work("deep");
    deep.write("deep.tf", "# deep\n");
    let deepest = deep.commit();
    let modules = server.work("modules");
    modules.write("vpc/main.tf", "# one\n");
    link(&modules, "vendor/deep", "../../deep/.git", &deepest);
    let one = modules.commit();
    modules.write("vpc/main.tf", "# two\n");
    modules.write("vpc/more.tf", "");
    let two = modules.commit();
    // No branch leads to it any more.
    git(
        &modules.dir,
        &["checkout", "-q", "-b", "aside", one.as_str()],
    );
    modules.write("vpc/main.tf", "# aside\n");
    let aside = modules.commit();
    git(&modules.dir, &["checkout", "-q", "main"]);
    git(&modules.dir, &["branch", "-D", "aside"]);

    let work = server.work("infra");
    work.write("live/main.tf", "# live\n");
    link(&work, "lib/modules", "../../modules/.git", &one);
    let first = work.commit();
    let home = tempfile::tempdir().unwrap();
    let mirror = following(&server, &home.path().join("m"), "infra", &server.ca());
    let dest = home.path().join("checkout");
    let read = |path: &str| fs::read_to_string(dest.join(path)).unwrap();

    assert_eq!(fetch(&mirror, None).unwrap(), first);
    assert_eq!(mirror.unfollowed(&first).unwrap(), Vec::<String>::new());
    mirror.checkout(&first, &dest).unwrap();
    assert_eq!(read("live/main.tf"), "# live\n");
    assert_eq!(read("lib/modules/vpc/main.tf"), "# one\n");
    assert_eq!(read("lib/modules/vendor/deep/deep.tf"), "# deep\n");
    fs::create_dir(dest.join("lib/modules/vpc/.terraform")).unwrap();

    link(&work, "lib/modules", "", &two);
    let second = work.commit();
    assert_eq!(fetch(&mirror, None).unwrap(), second);
    let parts = ["live".to_owned(), "lib/modules/vpc".to_owned()];
    mirror.checkout_parts(&second, &parts, &dest).unwrap();
    assert_eq!(read("lib/modules/vpc/main.tf"), "# two\n");
    assert!(dest.join("lib/modules/vpc/.terraform").is_dir());
    // What a stack reads there has moved with it, and what lies beside has not.
    let difference = mirror.difference(&first, &second).unwrap();
    let moved = |path: &str| difference.touches(path);
    assert!(moved("lib/modules/vpc") && moved("lib") && !moved("live") && !moved("live/main.tf"));

    // Back again, also by a mirror that was opened anew.
    let again = following(&server, &home.path().join("m"), "infra", &server.ca());
    again.checkout(&first, &dest).unwrap();
    assert_eq!(read("lib/modules/vpc/main.tf"), "# one\n");
    assert!(!dest.join("lib/modules/vpc/more.tf").exists());

    link(&work, "lib/modules", "", &aside);
    let third = work.commit();
    assert_eq!(fetch(&mirror, None).unwrap(), third);
    mirror.checkout(&third, &dest).unwrap();
    assert_eq!(read("lib/modules/vpc/main.tf"), "# aside\n");

    // Taken away, its files go.
    git(&work.dir, &["rm", "-q", "-f", "lib/modules"]);
    let fourth = work.commit();
    fetch(&mirror, None).unwrap();
    mirror.checkout(&fourth, &dest).unwrap();
    assert!(!dest.join("lib/modules/vpc/main.tf").exists());
}

#[test]
fn submodules_that_are_not_followed_are_named_and_left_empty() {
    let server = Server::start();
    let modules = server.work("modules");
    modules.write("vpc/main.tf", "");
    let one = modules.commit();
    let work = server.work("infra");
    link(&work, "lib/modules", "../../modules/.git", &one);
    let commit = work.commit();
    let home = tempfile::tempdir().unwrap();
    let mirror = server.mirror(&home.path().join("m"), "infra");
    fetch(&mirror, None).unwrap();
    assert_eq!(mirror.unfollowed(&commit).unwrap(), ["lib/modules"]);
    let dest = home.path().join("checkout");
    mirror.checkout(&commit, &dest).unwrap();
    assert_eq!(fs::read_dir(dest.join("lib/modules")).unwrap().count(), 0);
    assert!(!home.path().join("m/modules").exists());
}

#[test]
fn the_token_goes_to_submodules_on_the_same_server_only() {
    let (server, other) = (Server::start(), Server::start());
    let home = tempfile::tempdir().unwrap();
    let ca = home.path().join("ca.pem");
    let both = [server.ca(), other.ca()].map(|ca| fs::read_to_string(ca).unwrap());
    fs::write(&ca, both.concat()).unwrap();
    // The other server would take the very same token.
    let modules = other.work("modules");
    let one = modules.commit();
    let elsewhere = other.mirror(&home.path().join("direct"), "modules");
    assert_eq!(fetch(&elsewhere, None).unwrap(), one);

    let SourceLocation::Remote { url, .. } = other.location("modules") else {
        panic!("a server's repository is remote");
    };
    let work = server.work("infra");
    link(&work, "modules", &url, &one);
    work.commit();
    let mirror = following(&server, &home.path().join("m"), "infra", &ca);
    let failure = fails(&mirror, None);
    assert_eq!(failure.kind, FailureKind::RepositoryRefused);
    assert!(
        failure.message.contains("the submodule modules"),
        "{failure:?}"
    );
    assert!(
        failure.message.contains("asks for credentials"),
        "{failure:?}"
    );
}

#[test]
fn a_submodule_never_leads_to_this_machine() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let secret = Work::new(home.path().join("secret"));
    let commit = secret.commit();
    let place = secret.dir.display().to_string();
    for (name, url) in [
        ("path", place.clone()),
        ("file", format!("file://{place}")),
        ("up", "../../../../../../etc".to_owned()),
        ("ext", "ext::sh -c true".to_owned()),
        ("option", "--upload-pack=true".to_owned()),
    ] {
        let work = server.work(name);
        link(&work, "modules", &url, &commit);
        work.commit();
        let mirror = following(&server, &home.path().join(name), name, &server.ca());
        let failure = fails(&mirror, None);
        assert_eq!(failure.kind, FailureKind::Unsupported, "{failure:?}");
        assert!(failure.hint.contains(".gitmodules"), "{failure:?}");
    }
}

#[test]
fn a_commit_that_its_repository_lacks_is_told() {
    let server = Server::start();
    server.work("modules").commit();
    let work = server.work("infra");
    let nowhere = CommitId::new("1234567890123456789012345678901234567890");
    link(&work, "modules", "../../modules/.git", &nowhere);
    work.commit();
    let home = tempfile::tempdir().unwrap();
    let mirror = following(&server, home.path(), "infra", &server.ca());
    let failure = fails(&mirror, None);
    assert!(
        failure.message.contains("the submodule modules"),
        "{failure:?}"
    );
    assert_eq!(failure.kind, FailureKind::RefNotFound, "{failure:?}");
}
