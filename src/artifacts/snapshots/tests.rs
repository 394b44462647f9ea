use std::os::unix::fs::PermissionsExt;

use jiff::Timestamp;

use super::super::settings::ArtifactPlace;
use super::*;
use crate::domain::failure::FailureKind;
use crate::domain::snapshot::SnapshotRetention;
use crate::secret::SecretSource;

const STATE: &[u8] =
    br#"{"version":4,"serial":7,"lineage":"l-1","resources":[{"secret":"hunter2"}]}"#;

fn stack() -> StackId {
    StackId::new("infra/live")
}

fn subject(n: u128) -> Subject {
    Subject {
        id: SnapshotId::from_uuid(uuid::Uuid::from_u128(n)),
        stack: stack(),
        reason: SnapshotReason::BeforeApply,
        run: None,
        state: StateIdentity {
            lineage: "l-1".into(),
            serial: 7,
        },
        objects: 1,
    }
}

async fn snapshots(data: &Path, keys: SnapshotKeys) -> Snapshots {
    let artifacts = Artifacts::open(&ArtifactPlace::Local, data, None)
        .await
        .unwrap();
    Snapshots::new(data, keys, DigestKey::new([7; 32]), &artifacts)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_snapshot_is_sealed_for_its_owner_and_opens_to_the_same_bytes() {
    let data = tempfile::TempDir::new().unwrap();
    let snapshots = snapshots(data.path(), SnapshotKeys::default()).await;
    let kept = snapshots.keep(subject(1), STATE.to_vec()).await.unwrap();
    let path = data.path().join(&kept.path);
    assert!(kept.path.starts_with("snapshots"), "{kept:?}");
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|piece| piece == b"hunter2"));
    }
    let read = snapshots.read(&stack(), kept.note.id).await.unwrap();
    assert_eq!(read.as_deref(), Some(STATE));
    let listed = snapshots.list(&stack()).await.unwrap();
    assert_eq!(listed, BTreeMap::from([(kept.note.id, Some(kept.note))]));
    let other = StackId::new("infra/other");
    assert_eq!(snapshots.list(&other).await.unwrap(), BTreeMap::new());
    assert_eq!(snapshots.read(&other, subject(1).id).await.unwrap(), None);
}

#[tokio::test]
async fn a_snapshot_is_never_replaced() {
    let data = tempfile::TempDir::new().unwrap();
    let snapshots = snapshots(data.path(), SnapshotKeys::default()).await;
    snapshots.keep(subject(1), STATE.to_vec()).await.unwrap();
    snapshots.keep(subject(1), STATE.to_vec()).await.unwrap();
    let other = br#"{"version":4,"serial":7,"lineage":"l-1"}"#;
    let error = snapshots
        .keep(subject(1), other.to_vec())
        .await
        .unwrap_err();
    assert!(matches!(error, SnapshotError::Taken { .. }), "{error}");
    let read = snapshots.read(&stack(), subject(1).id).await.unwrap();
    assert_eq!(read.as_deref(), Some(STATE));
}

#[tokio::test]
async fn what_is_no_state_or_another_one_is_not_kept() {
    let data = tempfile::TempDir::new().unwrap();
    let snapshots = snapshots(data.path(), SnapshotKeys::default()).await;
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "{\"serial\":7}",
        "{\"serial\":7,\"lineage\":\"\"}",
        "{\"serial\":7,\"lineage\":\"l-1\"",
    ] {
        let error = snapshots.keep(subject(1), text.into()).await.unwrap_err();
        assert!(matches!(error, SnapshotError::NoState), "{text}: {error}");
    }
    for text in [
        "{\"serial\":8,\"lineage\":\"l-1\"}",
        "{\"serial\":7,\"lineage\":\"l-2\"}",
    ] {
        let error = snapshots.keep(subject(1), text.into()).await.unwrap_err();
        assert!(
            matches!(error, SnapshotError::NotProven { .. }),
            "{text}: {error}"
        );
    }
    let directory = snapshots.directory(&StackPlace::of(&stack()));
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0);
}

#[tokio::test]
async fn a_deeply_nested_state_is_still_a_state() {
    let data = tempfile::TempDir::new().unwrap();
    let snapshots = snapshots(data.path(), SnapshotKeys::default()).await;
    let deep = "[".repeat(5_000) + &"]".repeat(5_000);
    let state = format!("{{\"x\":{deep},\"serial\":7,\"lineage\":\"l-1\"}}");
    snapshots.keep(subject(1), state.into()).await.unwrap();
}

#[tokio::test]
async fn for_recipients_alone_it_is_proven_and_only_they_open_it() {
    let data = tempfile::TempDir::new().unwrap();
    let theirs = Identity::generate();
    let keys = SnapshotKeys {
        key: None,
        recipients: vec![theirs.to_public()],
    };
    let snapshots = snapshots(data.path(), keys).await;
    let kept = snapshots.keep(subject(1), STATE.to_vec()).await.unwrap();
    assert_eq!(kept.note.sealed_for, [theirs.to_public().to_string()]);
    let error = snapshots.read(&stack(), kept.note.id).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Closed { .. }), "{error}");
    let sealed = std::fs::read(data.path().join(&kept.path)).unwrap();
    assert_eq!(seal::open(&[theirs], &sealed).unwrap(), STATE);
    snapshots.keep(subject(1), STATE.to_vec()).await.unwrap();
}

#[tokio::test]
async fn without_the_key_nothing_is_kept() {
    let data = tempfile::TempDir::new().unwrap();
    let keys = SnapshotKeys {
        key: Some(SecretSource::File(data.path().join("none"))),
        recipients: Vec::new(),
    };
    let snapshots = snapshots(data.path(), keys).await;
    assert!(snapshots.check().await.is_err());
    let error = snapshots
        .keep(subject(1), STATE.to_vec())
        .await
        .unwrap_err();
    assert!(matches!(error, SnapshotError::Key(_)), "{error}");
    assert!(!data.path().join("snapshots.key").exists());
}

#[tokio::test]
async fn what_was_kept_in_clear_is_sealed_and_then_removed() {
    let data = tempfile::TempDir::new().unwrap();
    let snapshots = snapshots(data.path(), SnapshotKeys::default()).await;
    let directory = snapshots.directory(&StackPlace::of(&stack()));
    make_directory(&directory).unwrap();
    let clear = directory.join(format!("{}.tfstate", subject(1).id));
    std::fs::write(&clear, STATE).unwrap();
    assert_eq!(snapshots.seal_clear(&stack()).await.unwrap(), 1);
    assert!(!clear.exists());
    let read = snapshots.read(&stack(), subject(1).id).await.unwrap();
    assert_eq!(read.as_deref(), Some(STATE));
    assert_eq!(snapshots.seal_clear(&stack()).await.unwrap(), 0);
    std::fs::write(&clear, "no state").unwrap();
    snapshots.seal_clear(&stack()).await.unwrap_err();
    assert!(clear.exists());
}

#[tokio::test]
async fn old_ones_are_removed_with_their_notes() {
    let data = tempfile::TempDir::new().unwrap();
    let snapshots = snapshots(data.path(), SnapshotKeys::default()).await;
    for day in 1..=4 {
        let id = uuid::Builder::from_unix_timestamp_millis(day * 86_400_000, &[0; 10]);
        let subject = Subject {
            id: SnapshotId::from_uuid(id.into_uuid()),
            ..subject(1)
        };
        snapshots.keep(subject, STATE.to_vec()).await.unwrap();
    }
    let retention = SnapshotRetention {
        last: 2,
        since: Some(Timestamp::from_second(10 * 86_400).unwrap()),
    };
    assert_eq!(snapshots.prune(&stack(), retention).await.unwrap(), 2);
    assert_eq!(snapshots.list(&stack()).await.unwrap().len(), 2);
    let directory = snapshots.directory(&StackPlace::of(&stack()));
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 4);
}

#[tokio::test]
#[allow(clippy::print_stderr)]
async fn a_full_disk_is_named_and_leaves_no_half_snapshot() {
    let data = tempfile::TempDir::new().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(data.path())
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: mounting a tmpfs is not allowed here");
        return;
    }
    let state = format!(
        "{{\"serial\":7,\"lineage\":\"l-1\",\"x\":\"{}\"}}",
        "x".repeat(200_000)
    );
    let snapshots = snapshots(data.path(), SnapshotKeys::default()).await;
    let result = snapshots.keep(subject(1), state.into()).await;
    let directory = snapshots.directory(&StackPlace::of(&stack()));
    let left = std::fs::read_dir(directory).unwrap().count();
    let unmounted = std::process::Command::new("umount")
        .arg("-l")
        .arg(data.path())
        .status();
    assert!(unmounted.unwrap().success());
    assert_eq!(result.unwrap_err().failure().kind, FailureKind::OutOfDisk);
    assert_eq!(left, 0);
}
