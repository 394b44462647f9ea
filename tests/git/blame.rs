//! Who last changed a block.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mooring::domain::ids::CommitId;
use mooring::domain::place::{BlockPlace, LastChange};
use mooring::git::Mirror;
use mooring::git::settings::SourceLocation;
use proptest::prelude::*;

use super::{Work, git, git_with};

const LONG: Duration = Duration::from_secs(60);

/// Commits everything as somebody, with the second at which it is committed.
fn commit(work: &Work, author: &str, second: u32) -> CommitId {
    git(&work.dir, &["add", "-A"]);
    let date = format!("{second} +0200");
    let environment = [
        ("GIT_AUTHOR_NAME", author),
        ("GIT_AUTHOR_DATE", "1000000000 +0000"),
        ("GIT_COMMITTER_DATE", date.as_str()),
    ];
    let args = ["commit", "-q", "--allow-empty", "-m", "change"];
    git_with(&work.dir, &args, &environment);
    CommitId::new(git(&work.dir, &["rev-parse", "HEAD"]))
}

fn mirror(dir: &Path) -> Mirror {
    let location = SourceLocation::Local(dir.to_owned());
    Mirror::open(&dir.join("unused"), &location, None).unwrap()
}

fn place(file: &str, first: u32, last: u32) -> BlockPlace {
    BlockPlace {
        file: file.to_owned(),
        first,
        last,
    }
}

fn changes(
    work: &Work,
    commit: &CommitId,
    places: &[BlockPlace],
) -> BTreeMap<BlockPlace, LastChange> {
    mirror(&work.dir).last_changes(commit, places, LONG, &AtomicBool::new(false))
}

/// Who changed lines of a file and when, or nothing.
fn who(work: &Work, commit: &CommitId, file: &str, first: u32, last: u32) -> String {
    let place = place(file, first, last);
    changes(work, commit, std::slice::from_ref(&place))
        .remove(&place)
        .map_or_else(String::new, |change| {
            format!("{} {}", change.author, change.at.as_second())
        })
}

fn work() -> (tempfile::TempDir, Work) {
    let home = tempfile::tempdir().unwrap();
    let work = Work::new(home.path().join("work"));
    (home, work)
}

#[test]
fn the_newest_change_of_any_line_counts_and_no_other_line() {
    let (_home, work) = work();
    work.write("a/main.tf", "one\ntwo\nthree\nfour\n");
    let first = commit(&work, "Ada", 1_700_000_001);
    work.write("a/main.tf", "one\ntwo\nTHREE\nfour\n");
    let second = commit(&work, "Bea", 1_700_000_002);
    work.write("a/main.tf", "new\none\ntwo\nTHREE\nfour\n");
    work.write("b.tf", "b\n");
    let third = commit(&work, "Cleo", 1_700_000_003);
    work.write("a/other.tf", "x\n");
    let last = commit(&work, "Dan", 1_700_000_004);

    assert_eq!(who(&work, &last, "a/main.tf", 2, 3), "Ada 1700000001");
    assert_eq!(who(&work, &last, "a/main.tf", 2, 5), "Bea 1700000002");
    assert_eq!(who(&work, &last, "a/main.tf", 1, 5), "Cleo 1700000003");
    assert_eq!(who(&work, &second, "a/main.tf", 1, 4), "Bea 1700000002");
    assert_eq!(who(&work, &first, "a/main.tf", 3, 3), "Ada 1700000001");

    let places = [
        place("a/main.tf", 1, 1),
        place("a/main.tf", 2, 3),
        place("a/main.tf", 3, 4),
        place("b.tf", 1, 1),
    ];
    let found = changes(&work, &last, &places);
    let commits: Vec<&CommitId> = places.iter().map(|place| &found[place].commit).collect();
    assert_eq!(commits, [&third, &first, &second, &third]);
}

#[test]
fn a_renamed_file_keeps_its_history() {
    let (_home, work) = work();
    let text: String = (0..20).map(|n| format!("line {n}\n")).collect();
    work.write("old.tf", &text);
    commit(&work, "Ada", 1_700_000_001);
    work.write("old.tf", &text.replace("line 7\n", "seven\n"));
    commit(&work, "Bea", 1_700_000_002);
    std::fs::create_dir(work.dir.join("new")).unwrap();
    git(&work.dir, &["mv", "old.tf", "new/main.tf"]);
    let last = commit(&work, "Cleo", 1_700_000_003);
    assert_eq!(who(&work, &last, "new/main.tf", 1, 5), "Ada 1700000001");
    assert_eq!(who(&work, &last, "new/main.tf", 1, 20), "Bea 1700000002");
}

#[test]
fn who_wrote_a_line_counts_not_who_merged_it() {
    let (_home, work) = work();
    work.write("main.tf", "one\n2\n3\n4\n5\n6\nseven\n");
    commit(&work, "Ada", 1_700_000_001);
    git(&work.dir, &["checkout", "-q", "-b", "side"]);
    work.write("main.tf", "ONE\n2\n3\n4\n5\n6\nseven\n");
    commit(&work, "Bea", 1_700_000_002);
    git(&work.dir, &["checkout", "-q", "main"]);
    work.write("main.tf", "one\n2\n3\n4\n5\n6\nSEVEN\n");
    commit(&work, "Cleo", 1_700_000_003);
    git(
        &work.dir,
        &["merge", "-q", "--no-ff", "-m", "merge", "side"],
    );
    let last = CommitId::new(git(&work.dir, &["rev-parse", "HEAD"]));
    assert_eq!(who(&work, &last, "main.tf", 1, 1), "Bea 1700000002");
    assert_eq!(who(&work, &last, "main.tf", 2, 6), "Ada 1700000001");
    assert_eq!(who(&work, &last, "main.tf", 1, 7), "Cleo 1700000003");
}

#[test]
fn of_commits_of_one_second_the_descendant_is_the_newest() {
    let (_home, work) = work();
    let mut lines = vec!["x".to_owned(); 8];
    work.write("main.tf", &lines.join("\n"));
    commit(&work, "Ada", 1_700_000_001);
    for n in 0..8 {
        lines[n] = format!("line {n}");
        work.write("main.tf", &lines.join("\n"));
        let head = commit(&work, &format!("Author {n}"), 1_700_000_009);
        let expected = format!("Author {n} 1700000009");
        assert_eq!(who(&work, &head, "main.tf", 1, 8), expected);
    }
}

#[test]
fn a_name_cannot_write_on_a_terminal() {
    let (_home, work) = work();
    work.write("main.tf", "x\n");
    let last = commit(&work, "Eve\u{1b}[2J\u{202e} Löve", 1_700_000_001);
    assert_eq!(who(&work, &last, "main.tf", 1, 1), "Eve[2J Löve 1700000001");
}

#[test]
fn a_shallow_history_tells_what_it_knows_for_certain() {
    let (home, work) = work();
    work.write("main.tf", "one\ntwo\n");
    work.write("old.tf", "old\n");
    commit(&work, "Ada", 1_700_000_001);
    work.write("main.tf", "ONE\ntwo\n");
    commit(&work, "Bea", 1_700_000_002);
    work.write("main.tf", "ONE\nTWO\n");
    let last = commit(&work, "Cleo", 1_700_000_003);
    let url = format!("file://{}", work.dir.display());
    let shallow = home.path().join("shallow");
    let args = ["clone", "-q", "--depth", "2", &url, "shallow"];
    git(home.path(), &args);
    let shallow = Work { dir: shallow };
    assert_eq!(who(&shallow, &last, "main.tf", 2, 2), "Cleo 1700000003");
    assert_eq!(who(&shallow, &last, "main.tf", 1, 2), "");
    assert_eq!(who(&shallow, &last, "old.tf", 1, 1), "");
    assert_eq!(who(&work, &last, "old.tf", 1, 1), "Ada 1700000001");
}

#[test]
fn it_ends_when_time_is_up_or_somebody_interrupts() {
    let (_home, work) = work();
    work.write("main.tf", "one\n");
    let last = commit(&work, "Ada", 1_700_000_001);
    let places = [place("main.tf", 1, 1)];
    let mirror = mirror(&work.dir);
    let found = |limit, stop| mirror.last_changes(&last, &places, limit, &AtomicBool::new(stop));
    assert!(found(Duration::ZERO, false).is_empty());
    assert!(found(LONG, true).is_empty());
    assert_eq!(found(LONG, false).len(), 1);
}

#[test]
fn what_is_not_there_is_left_out() {
    let (_home, work) = work();
    work.write("main.tf", "one\ntwo\n");
    work.write("empty.tf", "");
    work.write("binary.tf", "\0\u{1}\n\0");
    work.write("dir/x.tf", "x\n");
    std::os::unix::fs::symlink("main.tf", work.dir.join("link.tf")).unwrap();
    let last = commit(&work, "Ada", 1_700_000_001);
    for (file, first, end) in [
        ("main.tf", 1, 3),
        ("main.tf", 3, 4),
        ("main.tf", 0, 1),
        ("main.tf", 2, 1),
        ("main.tf", u32::MAX, u32::MAX),
        ("link.tf", 1, 2),
        ("empty.tf", 1, 1),
        ("dir", 1, 1),
        ("dir/x.tf/y", 1, 1),
        ("missing.tf", 1, 1),
        ("../main.tf", 1, 1),
        ("", 1, 1),
    ] {
        assert_eq!(who(&work, &last, file, first, end), "", "{file}:{first}");
    }
    for commit in ["", "zz", &"0".repeat(40), "deadbeef"] {
        let commit = CommitId::new(commit);
        assert_eq!(who(&work, &commit, "main.tf", 1, 1), "", "{commit}");
    }
    // One place that is nowhere does not hide another in the same file.
    let places = [place("main.tf", 1, 2), place("main.tf", 2, 9)];
    let found = changes(&work, &last, &places);
    assert_eq!(found.keys().collect::<Vec<_>>(), [&places[0]]);
}

#[test]
fn no_program_that_a_repository_names_is_run_and_no_attribute_counts() {
    let (home, work) = work();
    work.write("main.tf", "one\ntwo\n");
    commit(&work, "Ada", 1_700_000_001);
    work.write(".gitattributes", "*.tf diff=evil filter=evil -text\n");
    work.write("main.tf", "one\nTWO\n");
    let second = commit(&work, "Bea", 1_700_000_002);
    work.write(".gitattributes", "*.tf binary\n");
    let third = commit(&work, "Cleo", 1_700_000_003);
    let marker = home.path().join("ran");
    let program = format!("touch {} && cat", marker.display());
    for key in [
        "diff.evil.textconv",
        "diff.evil.command",
        "filter.evil.clean",
    ] {
        git(&work.dir, &["config", key, &program]);
    }
    let objects = git(&work.dir, &["count-objects", "-v"]);
    for commit in [&second, &third] {
        assert_eq!(who(&work, commit, "main.tf", 1, 1), "Ada 1700000001");
        assert_eq!(who(&work, commit, "main.tf", 2, 2), "Bea 1700000002");
    }
    assert!(!marker.exists());
    assert_eq!(git(&work.dir, &["count-objects", "-v"]), objects);
}

#[derive(Debug, Clone)]
enum Edit {
    Insert(usize, u8),
    Remove(usize, usize),
    Replace(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0..40_usize, 1..4_u8).prop_map(|(at, count)| Edit::Insert(at, count)),
        (0..40_usize, 1..4_usize).prop_map(|(at, count)| Edit::Remove(at, count)),
        (0..40_usize).prop_map(Edit::Replace),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn it_agrees_with_git(edits in proptest::collection::vec(edit(), 5..20)) {
        let (_home, work) = work();
        let mut fresh = (0..).map(|n| format!("text {n}"));
        let mut lines: Vec<String> = fresh.by_ref().take(20).collect();
        let mut head = None;
        for (edit, second) in edits.iter().zip(1_700_000_000..) {
            match *edit {
                Edit::Insert(at, count) => {
                    let at = at.min(lines.len());
                    let added: Vec<String> = fresh.by_ref().take(count.into()).collect();
                    lines.splice(at..at, added);
                }
                Edit::Remove(at, count) if lines.len() > count + 1 => {
                    let at = at.min(lines.len() - count);
                    lines.drain(at..at + count);
                }
                Edit::Remove(..) => {}
                Edit::Replace(at) => {
                    let at = at.min(lines.len() - 1);
                    lines[at] = fresh.next().unwrap();
                }
            }
            work.write("main.tf", &format!("{}\n", lines.join("\n")));
            head = Some(commit(&work, "Ada", second));
        }
        let head = head.unwrap();
        let blamed = git(&work.dir, &["blame", "-l", "-s", "--root", "main.tf"]);
        let count = u32::try_from(lines.len()).unwrap();
        let places: Vec<BlockPlace> = (1..=count).map(|line| place("main.tf", line, line)).collect();
        let found = changes(&work, &head, &places);
        for (place, line) in places.iter().zip(blamed.lines()) {
            prop_assert_eq!(found[place].commit.as_str(), &line[..40], "{:?}\n{}", place, &blamed);
        }
    }
}
