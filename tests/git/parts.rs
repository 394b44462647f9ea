//! Checkouts of what one stack reads.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use mooring::domain::ids::CommitId;
use mooring::git::Mirror;
use mooring::git::settings::SourceLocation;

use super::Work;

/// Every file and link below a directory.
fn files(dir: &Path) -> BTreeSet<String> {
    let entries = walkdir::WalkDir::new(dir).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| !entry.file_type().is_dir());
    let name = |entry: walkdir::DirEntry| {
        entry
            .path()
            .strip_prefix(dir)
            .unwrap()
            .display()
            .to_string()
    };
    files.map(name).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_path_through_a_link_needs_the_whole_tree() {
    let home = tempfile::tempdir().unwrap();
    let work = Work::new(home.path().join("work"));
    for path in ["live/web/main.tf", "modules/v2/vpc/main.tf", "README"] {
        work.write(path, path);
    }
    symlink("v2", work.dir.join("modules/current")).unwrap();
    let commit = work.commit();
    let location = SourceLocation::Local(work.dir);
    let mirror = Mirror::open(&home.path().join("unused"), &location, None).unwrap();
    let dest = home.path().join("checkout");
    // What a stack reads is named as it writes it, and as it really is.
    let parts = ["live/web", "modules/current/vpc", "modules/v2/vpc"];
    mirror
        .checkout_parts(&commit, &parts.map(str::to_owned), &dest)
        .unwrap();
    assert!(dest.join("modules/current/vpc/main.tf").is_file());
    assert!(dest.join("README").is_file());
}

#[test]
fn a_part_is_what_was_asked_for_and_what_rules_over_it() {
    let home = tempfile::tempdir().unwrap();
    let work = Work::new(home.path().join("work"));
    for path in [
        "README",
        ".terraform-version",
        "mise.toml",
        "live/web/main.tf",
        "live/web/files/a.json",
        "live/web-2/main.tf",
        "live/db/main.tf",
        "live/.tool-versions",
        "modules/vpc/main.tf",
        "modules/vpc/.hidden",
        "shared/one.json",
        "shared/two.json",
    ] {
        work.write(path, path);
    }
    work.write(".gitattributes", "*.tf text eol=crlf\n");
    work.write("live/web/main.tf", "one\ntwo\n");
    let first = work.commit();
    let location = SourceLocation::Local(work.dir.clone());
    let mirror = Mirror::open(&home.path().join("unused"), &location, None).unwrap();
    let dest = home.path().join("checkouts/web");
    let parts = |paths: &[&str]| {
        paths
            .iter()
            .map(|path| (*path).to_owned())
            .collect::<Vec<_>>()
    };
    let take = |mirror: &Mirror, commit: &CommitId, paths: &[&str]| {
        mirror.checkout_parts(commit, &parts(paths), &dest).unwrap();
        files(&dest)
    };
    let rules = [
        ".gitattributes",
        ".terraform-version",
        "mise.toml",
        "live/.tool-versions",
    ];
    let of = |more: &[&str]| names(&[&rules[..], more].concat());
    let web = ["live/web/main.tf", "live/web/files/a.json"];
    assert_eq!(
        take(
            &mirror,
            &first,
            &["live/web", "modules/vpc", "shared/one.json", "absent"]
        ),
        of(&[
            &web[..],
            &[
                "modules/vpc/main.tf",
                "modules/vpc/.hidden",
                "shared/one.json"
            ]
        ]
        .concat())
    );
    // What rules over a file from above rules over it here.
    assert_eq!(
        fs::read_to_string(dest.join("live/web/main.tf")).unwrap(),
        "one\r\ntwo\r\n"
    );
    fs::create_dir(dest.join("live/web/.terraform")).unwrap();
    fs::write(dest.join("live/web/.terraform/own"), "").unwrap();
    let own = "live/web/.terraform/own";

    // Less, more, everything, and less again: what is not wanted goes, what is not Git's stays.
    assert_eq!(
        take(&mirror, &first, &["live/web"]),
        of(&[&web[..], &[own]].concat())
    );
    mirror.checkout(&first, &dest).unwrap();
    assert_eq!(files(&dest).len(), 14);
    assert_eq!(
        take(&mirror, &first, &["live/web"]),
        of(&[&web[..], &[own]].concat())
    );

    // A link that stays in what is wanted is a link; with one that leads out all is needed.
    symlink("files/a.json", work.dir.join("live/web/b.json")).unwrap();
    let second = work.commit();
    mirror
        .fetch(None, &std::sync::atomic::AtomicBool::new(false))
        .unwrap();
    let linked = [&web[..], &[own, "live/web/b.json"]].concat();
    assert_eq!(take(&mirror, &second, &["live/web"]), of(&linked));
    symlink("../../shared/two.json", work.dir.join("live/web/c.json")).unwrap();
    let third = work.commit();
    mirror
        .fetch(None, &std::sync::atomic::AtomicBool::new(false))
        .unwrap();
    assert_eq!(take(&mirror, &third, &["live/web"]).len(), 16);
    assert_eq!(
        take(&mirror, &third, &["live/web", "shared"]),
        of(&[
            &linked[..],
            &["live/web/c.json", "shared/one.json", "shared/two.json"]
        ]
        .concat())
    );
    assert_eq!(take(&mirror, &third, &["."]).len(), 16);
}
