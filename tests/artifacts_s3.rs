//! Artifacts in S3, against an emulator.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use jiff::Timestamp;
use mooring::artifacts::settings::{ArtifactPlace, Encryption, S3Settings};
use mooring::artifacts::{ArtifactError, ArtifactId, ArtifactName, Artifacts, Retention, Shelf};
use mooring::domain::ids::RunId;
use mooring::domain::report::ReportId;

mod faults;
mod outage;
mod snapshots;

const BUCKET: &str = "mooring-artifacts";
const ENDPOINT: &str = "MOORING_TEST_S3_ENDPOINT";
const CA_FILE: &str = "MOORING_TEST_S3_CA_FILE";

/// A certificate for the loopback address that no system trusts.
struct Certificate(tempfile::TempDir);

impl Certificate {
    fn make() -> Option<Self> {
        let made = Self(tempfile::TempDir::new().unwrap());
        let output = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=127.0.0.1",
            ])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
            .arg(made.key())
            .arg("-out")
            .arg(made.pem())
            .output();
        output.is_ok_and(|o| o.status.success()).then_some(made)
    }

    fn pem(&self) -> PathBuf {
        self.0.path().join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }
}

/// A running emulator, ended when dropped.
struct Emulator {
    child: Child,
    endpoint: String,
}

impl Emulator {
    /// Starts it from the lab on a port of its own choice.
    fn start(program: &Path, certificate: Option<&Certificate>) -> Self {
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", "0"]);
        if let Some(certificate) = certificate {
            command.arg("-c").arg(certificate.pem());
            command.arg("-k").arg(certificate.key());
        }
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let endpoint = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let url = line.get(line.find("http")?..)?.trim();
            url.contains("://").then(|| url.to_owned())
        });
        std::thread::spawn(move || lines.for_each(drop));
        let Some(endpoint) = endpoint else {
            let _ = child.kill();
            panic!("the emulator did not say where it listens");
        };
        Self { child, endpoint }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn emulator() -> Option<PathBuf> {
    let program = PathBuf::from(std::env::var_os("MOORING_LAB")?).join("venv/bin/moto_server");
    program.is_file().then_some(program)
}

#[test]
#[allow(clippy::print_stderr)]
fn s3_artifacts_against_an_emulator() {
    match emulator() {
        Some(program) => check(
            "s3_child",
            Some(&Emulator::start(&program, None).endpoint),
            None,
        ),
        None => {
            eprintln!("SKIPPED: MOORING_LAB does not name a directory with venv/bin/moto_server");
        }
    }
}

#[test]
#[allow(clippy::print_stderr)]
fn s3_artifacts_with_an_authority_of_ones_own() {
    match (emulator(), Certificate::make()) {
        (Some(program), Some(certificate)) => check(
            "s3_child",
            Some(&Emulator::start(&program, Some(&certificate)).endpoint),
            Some(&certificate.pem()),
        ),
        (None, _) => {
            eprintln!("SKIPPED: MOORING_LAB does not name a directory with venv/bin/moto_server");
        }
        (_, None) => eprintln!("SKIPPED: openssl cannot make a certificate here"),
    }
}

/// The credentials are the environment's, as in earnest, so the test proper runs in a child with an
/// environment of its own.
fn child(test: &str, endpoint: Option<&str>, ca_file: Option<&Path>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--ignored", "--nocapture"])
        .arg(format!("artifacts_s3::{test}"))
        .env(ENDPOINT, endpoint.unwrap_or_default())
        .env(CA_FILE, ca_file.unwrap_or(Path::new("")))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "a-secret-that-must-not-show")
        .env("AWS_SESSION_TOKEN", "a-token-that-must-not-show")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("NO_PROXY", "127.0.0.1")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_REGION")
        .env_remove("AWS_DEFAULT_REGION")
        .env_remove("AWS_ENDPOINT_URL");
    command
}

fn check(test: &str, endpoint: Option<&str>, ca_file: Option<&Path>) {
    let output = child(test, endpoint, ca_file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    assert!(!said.contains("that-must-not-show"), "{said}");
}

fn settings(bucket: &str, prefix: &str, endpoint: Option<&str>) -> S3Settings {
    S3Settings {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        region: None,
        profile: None,
        path_style: endpoint.is_some(),
        endpoint: endpoint.map(str::to_owned),
        encryption: Encryption::Bucket,
        attempts: 1,
        timeout: std::time::Duration::from_secs(60),
    }
}

async fn open(
    settings: S3Settings,
    data: &Path,
    ca_file: Option<&Path>,
) -> Result<Artifacts, ArtifactError> {
    Artifacts::open(&ArtifactPlace::S3(settings), data, ca_file).await
}

/// Uploads everything that waits.
async fn upload(artifacts: &Artifacts) -> Result<(), ArtifactError> {
    let Artifacts::S3(spooled) = artifacts else {
        panic!("a bucket");
    };
    while spooled.upload_oldest().await?.is_some() {}
    Ok(())
}

fn artifact(run: u128, name: &str) -> ArtifactId {
    let run = RunId::from_uuid(uuid::Uuid::from_u128(run));
    ArtifactId::new(run, ArtifactName::parse(name).unwrap())
}

async fn names_of(artifacts: &Artifacts, shelf: &Shelf) -> Vec<ArtifactName> {
    let kept = artifacts.list(shelf).await.unwrap().into_iter();
    kept.map(|kept| kept.name).collect()
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

async fn create_bucket(endpoint: &str, ca_file: Option<&Path>) {
    let request = http(ca_file).put(format!("{endpoint}/{BUCKET}"));
    assert!(request.send().await.unwrap().status().is_success());
}

#[tokio::test]
#[ignore = "run by the tests above in an environment of its own"]
async fn s3_child() {
    let Ok(endpoint) = std::env::var(ENDPOINT) else {
        return;
    };
    let ca_file = std::env::var(CA_FILE).ok().filter(|path| !path.is_empty());
    let ca_file = ca_file.as_deref().map(Path::new);
    create_bucket(&endpoint, ca_file).await;
    let server = endpoint.as_str();
    let endpoint = Some(server);
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
    encryption_and_parts(server, ca_file).await;
    retention(&bare, &artifacts).await;

    let other = settings("no-such-bucket", "", endpoint);
    let elsewhere = open(other, &data.path().join("elsewhere"), ca_file)
        .await
        .unwrap();
    let put = elsewhere.put(artifact(1, "a.txt"), b"x".to_vec()).await;
    assert_eq!(put.unwrap(), []);
    let error = upload(&elsewhere).await.unwrap_err();
    insta::assert_snapshot!(format!("{error}\n{}", error.hint()), @r"
    cannot write an artifact in the bucket no-such-bucket: NoSuchBucket: The specified bucket does not exist
    Create the bucket, or correct its name or region.
    ");
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

fn http(ca_file: Option<&Path>) -> reqwest::Client {
    let mut client = reqwest::Client::builder();
    if let Some(path) = ca_file {
        let pem = std::fs::read(path).unwrap();
        client = client.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem).unwrap());
    }
    client.build().unwrap()
}

/// Objects are encrypted as asked, whole or in parts, and say what they are.
async fn encryption_and_parts(endpoint: &str, ca_file: Option<&Path>) {
    let client = http(ca_file);
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
            ..settings(BUCKET, &prefix, Some(endpoint))
        };
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
            let url = format!("{endpoint}/{BUCKET}/{prefix}/{artifact}");
            // The emulator wants a signature and checks none.
            let signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, \
                          SignedHeaders=host, Signature=x";
            let request = client.head(url).header("authorization", signed);
            let head = request.send().await.unwrap();
            let header = |name| head.headers().get(name).and_then(|v| v.to_str().ok());
            let encrypted = header("x-amz-server-side-encryption");
            assert_eq!(encrypted, Some(algorithm), "{name}: {head:?}");
            let used = header("x-amz-server-side-encryption-aws-kms-key-id");
            assert!(key.is_none_or(|key| used.is_some_and(|used| used.ends_with(key))));
            assert_eq!(header("content-type"), Some(artifact.name.content_type()));
            let tag = header("etag").unwrap();
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
