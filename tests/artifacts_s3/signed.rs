//! What only a store shows that checks signatures, and whose files can be laid out beforehand.

use super::stores::DOMAIN;
use super::*;

const ROOT: &str = "MOORING_TEST_S3_ROOT";

#[test]
fn wrong_credentials_are_refused_and_nothing_is_lost_by_it() {
    let server = Server::s3s();
    std::fs::create_dir(server.root().join(BUCKET)).unwrap();
    let mut child = child("signed::credentials_child", Some(&server));
    child.env("AWS_SECRET_ACCESS_KEY", "another-that-must-not-show");
    check_that(child);
    let kept = std::fs::read_dir(server.root().join(BUCKET)).unwrap();
    assert_eq!(kept.count(), 0);
}

#[tokio::test]
#[ignore = "run by the test above in an environment of its own"]
async fn credentials_child() {
    let Some(place) = Place::given() else {
        return;
    };
    let data = tempfile::TempDir::new().unwrap();
    let bucket = settings(BUCKET, "", Some(&place.endpoint));
    let artifacts = open(bucket, data.path(), None).await.unwrap();
    let check = artifact(1, "check.json");
    artifacts.put(check.clone(), b"{}".to_vec()).await.unwrap();

    let error = upload(&artifacts).await.unwrap_err();
    assert!(
        error.to_string().contains("SignatureDoesNotMatch"),
        "{error}"
    );
    assert_eq!(error.hint(), "Renew or correct the AWS credentials.");
    assert!(artifacts.list(&check.shelf).await.is_err());
    assert!(artifacts.get(&artifact(3, "check.json")).await.is_err());
    let found = artifacts.get(&check).await.unwrap();
    assert_eq!(found.as_deref(), Some(&b"{}"[..]), "it waits");
    let Artifacts::S3(spooled) = &artifacts else {
        panic!("a bucket");
    };
    assert_eq!(spooled.waiting(), 1);
}

/// Whoever names a profile means it, whatever the environment of the process has for other programs.
#[test]
fn a_profile_that_is_set_goes_before_the_environment() {
    let server = Server::s3s();
    let bucket = server.root().join(BUCKET);
    std::fs::create_dir(&bucket).unwrap();
    let files = tempfile::TempDir::new().unwrap();
    let credentials = files.path().join("credentials");
    let profile = format!(
        "[artifacts]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
    );
    std::fs::write(&credentials, profile).unwrap();
    let mut child = child("signed::profile_child", Some(&server));
    child
        .env("AWS_SECRET_ACCESS_KEY", "another-that-must-not-show")
        .env("AWS_SHARED_CREDENTIALS_FILE", &credentials);
    check_that(child);
    let artifact = bucket.join(artifact(1, "check.json").to_string());
    assert_eq!(std::fs::read(artifact).unwrap(), b"{}");
}

#[tokio::test]
#[ignore = "run by the test above in an environment of its own"]
async fn profile_child() {
    let Some(place) = Place::given() else {
        return;
    };
    let data = tempfile::TempDir::new().unwrap();
    let bucket = S3Settings {
        profile: Some("artifacts".to_owned()),
        ..settings(BUCKET, "", Some(&place.endpoint))
    };
    let artifacts = open(bucket, data.path(), None).await.unwrap();
    let check = artifact(1, "check.json");
    artifacts.put(check, b"{}".to_vec()).await.unwrap();
    upload(&artifacts).await.unwrap();
}

/// The store is the proxy too, so that no name has to be looked up.
#[test]
fn the_bucket_is_named_in_the_host_unless_path_style_is_asked_for() {
    let server = Server::s3s_with_buckets_in_hosts();
    let bucket = server.root().join(BUCKET);
    std::fs::create_dir(&bucket).unwrap();
    let mut child = child("signed::host_child", Some(&server));
    child.env("HTTP_PROXY", &server.endpoint);
    check_that(child);
    let artifact = bucket.join(artifact(1, "check.json").to_string());
    assert_eq!(std::fs::read(artifact).unwrap(), b"{}");
}

#[tokio::test]
#[ignore = "run by the test above in an environment of its own"]
async fn host_child() {
    if Place::given().is_none() {
        return;
    }
    let data = tempfile::TempDir::new().unwrap();
    let endpoint = format!("http://{DOMAIN}");
    let check = artifact(1, "check.json");
    let bucket = S3Settings {
        path_style: false,
        ..settings(BUCKET, "", Some(&endpoint))
    };
    let artifacts = open(bucket.clone(), data.path(), None).await.unwrap();
    artifacts.put(check.clone(), b"{}".to_vec()).await.unwrap();
    upload(&artifacts).await.unwrap();
    let names = names_of(&artifacts, &check.shelf).await;
    assert_eq!(names, [ArtifactName::CHECK]);
    let found = artifacts.get(&check).await.unwrap();
    assert_eq!(found.as_deref(), Some(&b"{}"[..]));

    let bucket = S3Settings {
        path_style: true,
        ..bucket
    };
    let in_path = open(bucket, data.path(), None).await.unwrap();
    let error = in_path.list(&check.shelf).await.unwrap_err().to_string();
    assert!(error.ends_with("no bucket in the host"), "{error}");
}

/// S3 lists a thousand names at a time, and deletes as many.
#[test]
fn more_than_a_page_is_listed_and_deleted() {
    let server = Server::s3s();
    let mut child = child("signed::pages_child", Some(&server));
    child.env(ROOT, server.root());
    check_that(child);
}

#[tokio::test]
#[ignore = "run by the test above in an environment of its own"]
async fn pages_child() {
    const MANY: usize = 1_100;
    let (Some(place), Some(root)) = (Place::given(), std::env::var_os(ROOT)) else {
        return;
    };
    let bucket = Path::new(&root).join(BUCKET);
    let lay = |id: ArtifactId| {
        let path = bucket.join(id.to_string());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "{}").unwrap();
    };
    let old = Timestamp::from_second(1_000).unwrap();
    for n in 0..MANY {
        let report = ReportId::new(old, "weekly", None, n);
        lay(ArtifactId::new(
            report,
            ArtifactName::parse("report.html").unwrap(),
        ));
        let mut random = [0; 10];
        random[2..].copy_from_slice(&n.to_be_bytes());
        let run = uuid::Builder::from_unix_timestamp_millis(1_000_000, &random);
        lay(ArtifactId::new(
            RunId::from_uuid(run.into_uuid()),
            ArtifactName::CHECK,
        ));
    }
    let new = RunId::from_uuid(uuid::Uuid::now_v7());
    lay(ArtifactId::new(new, ArtifactName::CHECK));

    let data = tempfile::TempDir::new().unwrap();
    let settings = settings(BUCKET, "", Some(&place.endpoint));
    let artifacts = open(settings, data.path(), None).await.unwrap();
    assert_eq!(artifacts.reports().await.unwrap().len(), MANY);
    let retention = Retention {
        before: Timestamp::from_second(2_000).unwrap(),
        applied: [].into(),
    };
    let pruned = artifacts.prune(retention).await.unwrap();
    assert_eq!(pruned, 2 * MANY as u64);
    assert_eq!(artifacts.reports().await.unwrap(), []);
    let left = names_of(&artifacts, &new.into()).await;
    assert_eq!(left, [ArtifactName::CHECK]);
}
