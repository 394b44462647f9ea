//! Artifacts in S3, against an emulator.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mooring::artifacts::settings::ArtifactSettings;
use mooring::artifacts::{ArtifactError, ArtifactName, Artifacts};
use mooring::domain::ids::RunId;

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
        Some(program) => check(&Emulator::start(&program, None), None),
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
            &Emulator::start(&program, Some(&certificate)),
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
fn check(emulator: &Emulator, ca_file: Option<&Path>) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "artifacts_s3::s3_child",
            "--ignored",
            "--nocapture",
        ])
        .env(ENDPOINT, &emulator.endpoint)
        .env(CA_FILE, ca_file.unwrap_or(Path::new("")))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "a-secret-that-must-not-show")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("NO_PROXY", "127.0.0.1")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_REGION")
        .env_remove("AWS_DEFAULT_REGION")
        .env_remove("AWS_ENDPOINT_URL")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    assert!(!said.contains("a-secret-that-must-not-show"), "{said}");
}

async fn open(
    bucket: &str,
    prefix: &str,
    endpoint: Option<&str>,
    ca_file: Option<&Path>,
) -> Result<Artifacts, ArtifactError> {
    let settings = ArtifactSettings::S3 {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        region: None,
        path_style: endpoint.is_some(),
        endpoint: endpoint.map(str::to_owned),
    };
    Artifacts::open(&settings, Path::new("/nonexistent"), ca_file).await
}

async fn create_bucket(endpoint: &str, ca_file: Option<&Path>) {
    let mut client = reqwest::Client::builder();
    if let Some(path) = ca_file {
        let pem = std::fs::read(path).unwrap();
        client = client.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem).unwrap());
    }
    let request = client.build().unwrap().put(format!("{endpoint}/{BUCKET}"));
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
    let endpoint = Some(endpoint.as_str());

    let run = |n| RunId::from_uuid(uuid::Uuid::from_u128(n));
    let name = |text: &str| ArtifactName::parse(text).unwrap();
    let artifacts = open(BUCKET, "/team/mooring/", endpoint, ca_file)
        .await
        .unwrap();
    assert_eq!(artifacts.get(&run(1), &name("a.txt")).await.unwrap(), None);
    assert_eq!(artifacts.list(&run(1)).await.unwrap(), []);
    for (n, file, text) in [
        (1, "b.txt", "old"),
        (1, "b.txt", "new"),
        (1, "a.txt", ""),
        (2, "a.txt", "two"),
    ] {
        artifacts
            .put(&run(n), &name(file), text.into())
            .await
            .unwrap();
    }
    let found = artifacts.get(&run(1), &name("b.txt")).await.unwrap();
    assert_eq!(found.as_deref(), Some(&b"new"[..]));
    assert_eq!(
        artifacts.list(&run(1)).await.unwrap(),
        [name("a.txt"), name("b.txt")]
    );
    let bare = open(BUCKET, "", endpoint, ca_file).await.unwrap();
    assert_eq!(bare.list(&run(1)).await.unwrap(), []);

    let elsewhere = open("no-such-bucket", "", endpoint, ca_file).await.unwrap();
    let error = elsewhere
        .put(&run(1), &name("a.txt"), b"x".to_vec())
        .await
        .unwrap_err();
    insta::assert_snapshot!(format!("{error}\n{}", error.hint()), @r"
    cannot write an artifact in the bucket no-such-bucket: NoSuchBucket: The specified bucket does not exist
    Create the bucket, or correct its name or region.
    ");
    if ca_file.is_some() {
        let distrustful = open(BUCKET, "", endpoint, None).await.unwrap();
        let error = distrustful.list(&run(1)).await.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
    }
    let refused = Some("http://127.0.0.1:1");
    let nowhere = open(BUCKET, "", refused, None).await.unwrap();
    let error = nowhere
        .get(&run(1), &name("a.txt"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("onnection refused"), "{error}");

    let error = open(BUCKET, "", None, None).await.unwrap_err();
    assert!(matches!(error, ArtifactError::NoRegion { .. }), "{error:?}");
}
