//! Repositories on this machine, and checkouts.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use mooring::domain::failure::FailureKind;
use mooring::domain::ids::CommitId;
use mooring::git::settings::SourceLocation;
use mooring::git::{Mirror, head_of};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{Work, fails, fetch, git};

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

/// What a path is in one commit of a random history.
#[derive(Debug, Clone)]
enum Kind {
    Absent,
    File(u8),
    Program(u8),
    Link(u8),
}

fn histories() -> impl Strategy<Value = Vec<Vec<Kind>>> {
    let kind = prop_oneof![
        Just(Kind::Absent),
        (0..3_u8).prop_map(Kind::File),
        (0..3_u8).prop_map(Kind::Program),
        (0..3_u8).prop_map(Kind::Link),
    ];
    prop::collection::vec(prop::collection::vec(kind, PLACES.len()), 2..6)
}

/// Some are files in one commit and directories in another; what comes first wins.
const PLACES: [&str; 6] = ["a", "a/b", "a/b/c", "d", "d/e", "f"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_followed_exactly_as_git_would(history in histories()) {
        let local = Local::new();
        let root = &local.work.dir;
        for tree in history {
            for place in ["a", "d", "f"] {
                let path = root.join(place);
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            }
            for (place, kind) in PLACES.iter().zip(&tree) {
                let path = root.join(place);
                let parent = path.parent().unwrap();
                let taken = path.symlink_metadata().is_ok();
                let through_link = parent.ancestors().take_while(|at| *at != root).any(Path::is_symlink);
                if taken || through_link || matches!(kind, Kind::Absent) || fs::create_dir_all(parent).is_err() {
                    continue;
                }
                match kind {
                    Kind::Absent => {}
                    Kind::Link(to) => symlink(format!("README{to}"), &path).unwrap(),
                    Kind::File(content) | Kind::Program(content) => {
                        fs::write(&path, [*content]).unwrap();
                        let mode = if matches!(kind, Kind::File(_)) { 0o644 } else { 0o755 };
                        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
                    }
                }
            }
            let commit = local.work.commit();
            local.checkout(&commit);
            prop_assert_eq!(local.differences(&commit), "");
        }
    }
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
    let empty = head_of(&work.dir).unwrap();
    assert_eq!(empty.commit, None);
    assert_eq!(empty.root, work.dir.canonicalize().unwrap());
    work.write(".gitignore", "ignored*\n.terraform/\n");
    work.write("live/main.tf", "one\n");
    let commit = work.commit();
    let look = || head_of(&work.dir.join("live")).unwrap();

    work.write("ignored.tf", "");
    work.write("live/.terraform/modules/x.tf", "");
    work.write("notes.txt", "");
    let head = look();
    assert_eq!(head.commit.as_ref(), Some(&commit));
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
