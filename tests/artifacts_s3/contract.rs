//! What is kept comes back, on any store.

use super::stores::Certificate;
use super::*;

#[test]
fn s3_artifacts_against_moto() {
    check_against(Store::Moto, "contract::s3_child");
}

#[test]
fn s3_artifacts_against_s3s_which_neither_encrypts_nor_misses_a_bucket_that_is_written_to() {
    check_against(Store::S3s, "contract::s3_child");
}

#[test]
fn s3_artifacts_with_an_authority_of_ones_own() {
    let Some(certificate) = Certificate::make() else {
        return eprintln!("SKIPPED: openssl cannot make a certificate here");
    };
    if let Some(server) = Server::moto(Some(&certificate)) {
        check("contract::s3_child", Some(&server));
    }
}

#[tokio::test]
#[ignore = "run by the tests above in an environment of its own"]
async fn s3_child() {
    let Some(place) = Place::given() else {
        return;
    };
    let (endpoint, ca_file) = (Some(place.endpoint.as_str()), place.ca_file.as_deref());
    create_bucket(&place).await.unwrap();
    let data = tempfile::TempDir::new().unwrap();
    let bucket = |prefix: &str| settings(BUCKET, prefix, endpoint);

    let artifacts = open(bucket("/team/mooring/"), data.path(), ca_file)
        .await
        .unwrap();
    let run = artifact(1, "a.txt").shelf;
    assert_eq!(artifacts.get(&artifact(1, "a.txt")).await.unwrap(), None);
    assert_eq!(artifacts.list(&run).await.unwrap(), []);
    for (n, file, text) in [
        (1, "b.txt", "old"),
        (1, "b.txt", "new"),
        (1, "a.txt", ""),
        (2, "a.txt", "two"),
    ] {
        let dropped = artifacts.put(artifact(n, file), text.into()).await;
        assert_eq!(dropped.unwrap(), []);
    }
    let names = ["a.txt", "b.txt"].map(|name| artifact(1, name).name);
    // The same before and after the upload.
    for _ in 0..2 {
        let found = artifacts.get(&artifact(1, "b.txt")).await.unwrap();
        assert_eq!(found.as_deref(), Some(&b"new"[..]));
        assert_eq!(names_of(&artifacts, &run).await, names);
        let kept = artifacts.list(&run).await.unwrap();
        assert_eq!(
            kept.iter().map(|kept| kept.bytes).collect::<Vec<_>>(),
            [0, 3]
        );
        assert!(kept.iter().all(|kept| kept.at.is_some()));
        upload(&artifacts).await.unwrap();
    }
    let spool = std::fs::read_dir(data.path().join("spool")).unwrap();
    assert_eq!(spool.count(), 0);
    let bare = open(bucket(""), &data.path().join("bare"), ca_file)
        .await
        .unwrap();
    assert_eq!(bare.list(&run).await.unwrap(), []);

    reports(&artifacts).await;
    encryption_and_parts(&place).await;
    retention(&bare, &artifacts).await;
    missing_bucket(&place, data.path()).await;

    if ca_file.is_some() {
        let distrustful = open(bucket(""), &data.path().join("distrustful"), None)
            .await
            .unwrap();
        let error = distrustful.list(&run).await.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
    }
    let refused = settings(BUCKET, "", Some("http://127.0.0.1:1"));
    let nowhere = open(refused, &data.path().join("nowhere"), None)
        .await
        .unwrap();
    let error = nowhere.get(&artifact(1, "a.txt")).await.unwrap_err();
    let error = error.to_string();
    assert!(error.contains("onnection refused"), "{error}");

    let error = open(settings(BUCKET, "", None), data.path(), None)
        .await
        .unwrap_err();
    assert!(matches!(error, ArtifactError::NoRegion { .. }), "{error:?}");
}

/// A bucket that does not exist is told of by name, with what to do.
async fn missing_bucket(place: &Place, data: &Path) {
    let ca_file = place.ca_file.as_deref();
    let other = settings("no-such-bucket", "", Some(&place.endpoint));
    let elsewhere = open(other, &data.join("elsewhere"), ca_file).await.unwrap();
    let listed = elsewhere.list(&artifact(1, "a.txt").shelf).await;
    let error = listed.unwrap_err();
    let said = error.to_string();
    let expected = "cannot list the artifacts in the bucket no-such-bucket: NoSuchBucket";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(
        error.hint(),
        "Create the bucket, or correct its name or region."
    );
    let put = elsewhere.put(artifact(1, "a.txt"), b"x".to_vec()).await;
    assert_eq!(put.unwrap(), []);
    let uploaded = upload(&elsewhere).await;
    if place.store.makes_buckets_unasked() {
        return uploaded.unwrap();
    }
    let error = uploaded.unwrap_err();
    insta::assert_snapshot!(format!("{error}\n{}", error.hint()), @r"
    cannot write an artifact in the bucket no-such-bucket: NoSuchBucket: The specified bucket does not exist
    Create the bucket, or correct its name or region.
    ");
}

/// Reports are listed whether they wait or are uploaded, newest first, and go when they are old.
async fn reports(artifacts: &Artifacts) {
    assert_eq!(artifacts.reports().await.unwrap(), []);
    let report = |second, value| {
        let at = Timestamp::from_second(second).unwrap();
        ReportId::new(at, "weekly", Some(value), 0)
    };
    let all = [
        report(1_900_000_000, "web"),
        report(1_000, "web"),
        report(1_000, "data"),
    ];
    for report in &all {
        let html = ArtifactName::parse("report.html").unwrap();
        let id = ArtifactId::new(report.clone(), html);
        artifacts.put(id, b"<p>".to_vec()).await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(artifacts.reports().await.unwrap(), all);
        assert_eq!(names_of(artifacts, &all[0].clone().into()).await.len(), 1);
        upload(artifacts).await.unwrap();
    }
    let retention = Retention {
        before: Timestamp::from_second(2_000).unwrap(),
        applied: [].into(),
    };
    assert_eq!(artifacts.prune(retention).await.unwrap(), 2);
    assert_eq!(artifacts.reports().await.unwrap(), all[..1]);
}

/// Objects are encrypted as asked, whole or in parts, and say what they are.
async fn encryption_and_parts(place: &Place) {
    let client = place.client().await;
    let key = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let kms = Encryption::Kms {
        key: Some(key.to_owned()),
    };
    let ways = [
        (Encryption::Aes256, "AES256", None),
        (kms, "aws:kms", Some(key)),
    ];
    for (n, (encryption, algorithm, key)) in ways.into_iter().enumerate() {
        let data = tempfile::TempDir::new().unwrap();
        let prefix = format!("encrypted-{n}");
        let settings = S3Settings {
            encryption,
            ..settings(BUCKET, &prefix, Some(&place.endpoint))
        };
        let ca_file = place.ca_file.as_deref();
        let artifacts = open(settings, data.path(), ca_file).await.unwrap();
        let large: Vec<u8> = (0..20_000_000_u32).map(|n| (n % 251) as u8).collect();
        for (name, bytes) in [("check.json", b"{}".to_vec()), ("apply.log", large)] {
            let artifact = artifact(1, name);
            artifacts
                .put(artifact.clone(), bytes.clone())
                .await
                .unwrap();
            upload(&artifacts).await.unwrap();
            let found = artifacts.get(&artifact).await.unwrap();
            assert!(found.is_some_and(|found| found == bytes), "{name}");
            let head = client
                .head_object()
                .bucket(BUCKET)
                .key(format!("{prefix}/{artifact}"))
                .send()
                .await
                .unwrap();
            let encrypted = head.server_side_encryption().map(|with| with.as_str());
            let used = head.ssekms_key_id();
            if place.store.encrypts() {
                assert_eq!(encrypted, Some(algorithm), "{name}: {head:?}");
                assert!(key.is_none_or(|key| used.is_some_and(|used| used.ends_with(key))));
            } else {
                assert_eq!((encrypted, used), (None, None), "{name}: {head:?}");
            }
            assert_eq!(head.content_type(), Some(artifact.name.content_type()));
            let tag = head.e_tag().unwrap();
            let parts = if name == "apply.log" { "-3\"" } else { "\"" };
            assert!(tag.ends_with(parts), "{tag}");
        }
    }
}

/// Old runs go in batches, with nothing else and with none that applied.
async fn retention(artifacts: &Artifacts, others: &Artifacts) {
    let run = |n: u32| {
        let mut random = [0; 10];
        random[6..].copy_from_slice(&n.to_be_bytes());
        let made = uuid::Builder::from_unix_timestamp_millis(1_000_000, &random);
        RunId::from_uuid(made.into_uuid())
    };
    let check = |run| ArtifactId::new(run, ArtifactName::CHECK);
    for n in 0..30 {
        artifacts.put(check(run(n)), b"{}".to_vec()).await.unwrap();
    }
    let log = ArtifactId::new(run(1), ArtifactName::APPLY_LOG);
    artifacts.put(log, b"done".to_vec()).await.unwrap();
    let new = RunId::from_uuid(uuid::Uuid::now_v7());
    artifacts.put(check(new), b"{}".to_vec()).await.unwrap();
    others.put(check(run(5)), b"{}".to_vec()).await.unwrap();
    upload(artifacts).await.unwrap();
    upload(others).await.unwrap();
    let retention = Retention {
        before: Timestamp::from_second(2_000).unwrap(),
        applied: [run(2)].into(),
    };
    assert_eq!(artifacts.prune(retention.clone()).await.unwrap(), 28);
    assert_eq!(artifacts.list(&run(0).into()).await.unwrap(), []);
    assert_eq!(artifacts.list(&run(1).into()).await.unwrap().len(), 2);
    for (place, run) in [(artifacts, run(2)), (artifacts, new), (others, run(5))] {
        assert_eq!(names_of(place, &run.into()).await, [ArtifactName::CHECK]);
    }
    assert_eq!(artifacts.prune(retention).await.unwrap(), 0);
}
