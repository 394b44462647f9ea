//! Sealed copies of states follow to the bucket, and come back from it.

use mooring::artifacts::settings::SnapshotKeys;
use mooring::artifacts::{Snapshots, Subject};
use mooring::domain::digest::DigestKey;
use mooring::domain::ids::{SnapshotId, StackId};
use mooring::domain::snapshot::{SnapshotReason, SnapshotRetention, StackPlace};
use mooring::domain::stack::StateIdentity;

use super::*;

const STATE: &[u8] = br#"{"version":4,"serial":7,"lineage":"l-1","resources":["hunter2"]}"#;

#[test]
fn snapshots_are_as_safe_in_moto_as_on_the_disk() {
    check_against(Store::Moto, "snapshots::snapshots_child");
}

#[test]
fn snapshots_are_as_safe_in_s3s_as_on_the_disk() {
    check_against(Store::S3s, "snapshots::snapshots_child");
}

fn subject(second: u64) -> Subject {
    let id = uuid::Builder::from_unix_timestamp_millis(second * 1000, &[0; 10]);
    Subject {
        id: SnapshotId::from_uuid(id.into_uuid()),
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

fn stack() -> StackId {
    StackId::new("infra/live")
}

fn snapshots(data: &Path, artifacts: &Artifacts) -> Snapshots {
    let key = DigestKey::new([7; 32]);
    Snapshots::new(data, SnapshotKeys::default(), key, artifacts)
}

#[tokio::test]
#[ignore = "run by the test above in an environment of its own"]
async fn snapshots_child() {
    let place = Place::given().unwrap();
    create_bucket(&place).await.unwrap();
    let endpoint = place.endpoint.clone();
    let data = tempfile::TempDir::new().unwrap();
    let artifacts = open(settings(BUCKET, "m", Some(&endpoint)), data.path(), None);
    let artifacts = artifacts.await.unwrap();
    let kept = snapshots(data.path(), &artifacts);
    for second in [1_000, 2_000, 3_000] {
        kept.keep(subject(second), STATE.to_vec()).await.unwrap();
    }
    upload(&artifacts).await.unwrap();
    let shelf = Shelf::Snapshots(StackPlace::of(&stack()));
    let there = artifacts.list(&shelf).await.unwrap();
    assert_eq!(there.len(), 6);
    for file in there {
        let id = ArtifactId::new(shelf.clone(), file.name);
        let bytes = artifacts.get(&id).await.unwrap().unwrap();
        assert!(!bytes.windows(7).any(|piece| piece == b"hunter2"));
    }

    // Another disk with the same key and bucket.
    let disk = tempfile::TempDir::new().unwrap();
    let key = "snapshots.key";
    std::fs::copy(data.path().join(key), disk.path().join(key)).unwrap();
    let again = snapshots(disk.path(), &artifacts);
    assert_eq!(again.list(&stack()).await.unwrap().len(), 3);
    let read = again.read(&stack(), subject(2_000).id).await.unwrap();
    assert_eq!(read.as_deref(), Some(STATE));

    // What has had its time goes there as well as here; nothing else under the prefix does.
    let before = Timestamp::from_second(2_500).unwrap();
    let nothing = Retention {
        before: Timestamp::MAX,
        applied: [].into(),
    };
    assert_eq!(artifacts.prune(nothing).await.unwrap(), 0);
    let retention = SnapshotRetention {
        last: 2,
        since: Some(before),
    };
    assert_eq!(kept.prune(&stack(), retention).await.unwrap(), 1);
    assert_eq!(kept.prune(&stack(), retention).await.unwrap(), 0);
    assert_eq!(artifacts.list(&shelf).await.unwrap().len(), 4);

    // What the bucket has lost is sent again.
    let place = data.path().join("o");
    let other = open(settings(BUCKET, "other", Some(&endpoint)), &place, None);
    let other = other.await.unwrap();
    let moved = snapshots(data.path(), &other);
    assert_eq!(moved.send_missing(&stack()).await.unwrap(), 2);
    upload(&other).await.unwrap();
    assert_eq!(moved.send_missing(&stack()).await.unwrap(), 0);
    assert_eq!(other.list(&shelf).await.unwrap().len(), 4);

    // An outage delays nothing but the copy there, and removes nothing.
    let refused = settings(BUCKET, "", Some("http://127.0.0.1:1"));
    let nowhere = open(refused, &data.path().join("n"), None).await.unwrap();
    let alone = snapshots(&data.path().join("n"), &nowhere);
    alone.keep(subject(1_000), STATE.to_vec()).await.unwrap();
    alone.keep(subject(5_000), STATE.to_vec()).await.unwrap();
    let read = alone.read(&stack(), subject(1_000).id).await.unwrap();
    assert_eq!(read.as_deref(), Some(STATE));
    assert_eq!(alone.list(&stack()).await.unwrap().len(), 2);
    let retention = SnapshotRetention {
        last: 1,
        since: Some(Timestamp::MAX),
    };
    alone.prune(&stack(), retention).await.unwrap_err();
    assert_eq!(alone.list(&stack()).await.unwrap().len(), 2);
}
