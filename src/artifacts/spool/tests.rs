//! Stopping at any point loses nothing, and a bound is a bound.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::artifacts::ArtifactName;

const LIMIT: u64 = 100;

fn artifact(run: u128, name: &str) -> ArtifactId {
    let run = crate::domain::ids::RunId::from_uuid(uuid::Uuid::from_u128(run));
    ArtifactId::new(run, ArtifactName::parse(name).unwrap())
}

fn open(root: &Path) -> Spool {
    Spool::open(root.to_owned(), LIMIT).unwrap()
}

/// What waits, the oldest first, with its content.
fn drained(spool: &Spool) -> Vec<(ArtifactId, Vec<u8>)> {
    std::iter::from_fn(|| {
        let (number, artifact) = spool.oldest()?;
        let bytes = fs::read(spool.path(number, &artifact)).unwrap();
        spool.remove(number, &artifact).unwrap();
        Some((artifact, bytes))
    })
    .collect()
}

#[test]
fn what_was_put_comes_out_in_order_for_its_owner_only() {
    let root = tempfile::TempDir::new().unwrap();
    let spool = open(&root.path().join("spool"));
    for (run, name) in [(2, "b.log"), (1, "z"), (1, "a.json")] {
        assert_eq!(spool.put(artifact(run, name), name.as_bytes()).unwrap(), []);
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (number, oldest) = spool.oldest().unwrap();
    assert_eq!(mode(&root.path().join("spool")), 0o700);
    assert_eq!(mode(&spool.path(number, &oldest)), 0o600);
    let out = drained(&spool);
    assert_eq!(
        out,
        [(2, "b.log"), (1, "z"), (1, "a.json")]
            .map(|(run, name)| (artifact(run, name), name.as_bytes().to_vec()))
    );
    assert_eq!((spool.len(), spool.oldest()), (0, None));
}

#[test]
fn who_stops_between_two_steps_loses_nothing() {
    let root = tempfile::TempDir::new().unwrap();
    let spool = open(root.path());
    spool.put(artifact(1, "a"), b"one").unwrap();
    // Stopped while the next one is being written: it has no name, and goes.
    let (half, path) = write_aside(root.path(), b"ha").unwrap().keep().unwrap();
    drop((half, spool));
    let spool = open(root.path());
    assert!(!path.exists());
    assert_eq!(spool.len(), 1);
    // Stopped when it has its name and nobody has been told: it waits.
    spool.put(artifact(1, "b"), b"two").unwrap();
    drop(spool);
    let spool = open(root.path());
    assert_eq!(spool.len(), 2);
    // Stopped after the upload and before it is let go: it is uploaded again.
    let (number, oldest) = spool.oldest().unwrap();
    let uploaded = fs::read(spool.path(number, &oldest)).unwrap();
    drop(spool);
    let spool = open(root.path());
    assert_eq!(drained(&spool)[0], (oldest, uploaded));
    // What comes after a start is behind what was there before.
    spool.put(artifact(1, "c"), b"three").unwrap();
    drop(spool);
    let spool = open(root.path());
    spool.put(artifact(1, "d"), b"four").unwrap();
    let names = drained(&spool).into_iter().map(|(artifact, _)| artifact);
    assert_eq!(
        names.collect::<Vec<_>>(),
        [artifact(1, "c"), artifact(1, "d")]
    );
}

#[test]
fn too_much_drops_the_oldest_and_too_large_only_itself() {
    let root = tempfile::TempDir::new().unwrap();
    let spool = open(root.path());
    for n in 1..=3 {
        assert_eq!(spool.put(artifact(n, "a"), &[b'x'; 33]).unwrap(), []);
    }
    let dropped = spool.put(artifact(4, "a"), &[b'x'; 40]).unwrap();
    assert_eq!(dropped, [artifact(1, "a"), artifact(2, "a")]);
    let error = spool.put(artifact(5, "a"), &[b'x'; 101]).unwrap_err();
    assert!(matches!(error, ArtifactError::TooLarge { .. }), "{error}");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    let left = drained(&open(root.path())).into_iter();
    assert_eq!(
        left.map(|(artifact, _)| artifact).collect::<Vec<_>>(),
        [artifact(3, "a"), artifact(4, "a")]
    );
}

#[test]
fn the_newest_of_a_name_is_found_while_it_waits() {
    let root = tempfile::TempDir::new().unwrap();
    let spool = open(root.path());
    let check = artifact(1, "check.json");
    spool.put(check.clone(), b"old").unwrap();
    spool.put(artifact(2, "other"), b"x").unwrap();
    spool.put(check.clone(), b"new").unwrap();
    let found = spool.find(&check).unwrap();
    assert_eq!(fs::read(found).unwrap(), b"new");
    let listed: Vec<u64> = spool
        .list(&check.shelf)
        .iter()
        .map(|kept| kept.bytes)
        .collect();
    assert_eq!(listed, [3, 3]);
    drained(&spool);
    assert_eq!(spool.find(&check), None);
}

#[test]
fn what_cannot_be_read_is_passed_over_until_the_next_start() {
    let root = tempfile::TempDir::new().unwrap();
    let spool = open(root.path());
    spool.put(artifact(1, "a"), b"one").unwrap();
    spool.put(artifact(2, "a"), b"two").unwrap();
    let (number, _) = spool.oldest().unwrap();
    spool.pass_over(number);
    assert!(!spool.holds(number));
    assert_eq!(spool.oldest().unwrap().1, artifact(2, "a"));
    assert_eq!(open(root.path()).oldest().unwrap().1, artifact(1, "a"));
}

proptest! {
    #[test]
    fn a_file_name_says_what_is_in_the_file(number: u64, run: u128, name in "[a-z0-9_-][a-z0-9._-]{0,127}") {
        let artifact = artifact(run, &name);
        let file = file_name(number, &artifact);
        prop_assert!(file.len() < 256);
        prop_assert_eq!(parse(&file), Some((number, artifact)));
    }

    #[test]
    fn that_of_a_report_does_too(number: u64, title in ".{0,80}", value in ".{0,80}", name in "[a-z0-9_-][a-z0-9._-]{0,127}") {
        let report = ReportId::new(jiff::Timestamp::UNIX_EPOCH, &title, Some(&value), 12);
        let artifact = ArtifactId::new(report, ArtifactName::parse(&name).unwrap());
        let file = file_name(number, &artifact);
        prop_assert!(file.len() < 256);
        prop_assert_eq!(parse(&file), Some((number, artifact)));
    }

    #[test]
    fn other_files_are_left_alone(file in "[0-9]{0,21}\\.?[0-9a-f-]{0,36}[~.]?[a-z.]{0,9}") {
        if let Some((number, artifact)) = parse(&file) {
            prop_assert_eq!(file_name(number, &artifact), file);
        }
    }
}
