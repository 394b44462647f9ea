//! Artifacts in S3, against an emulator.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mooring::artifacts::settings::ArtifactSettings;
use mooring::artifacts::{ArtifactError, ArtifactName, Artifacts};
use mooring::domain::ids::RunId;

const BUCKET: &str = "mooring-artifacts";
const ENDPOINT: &str = "MOORING_TEST_S3_ENDPOINT";

/// A running emulator, ended when dropped.
struct Emulator {
    child: Child,
    endpoint: String,
}

impl Emulator {
    /// Starts it from the lab on a port of its own choice.
    fn start(program: &Path) -> Self {
        let mut child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let endpoint = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(format!("http://{}", line.split_once("http://")?.1.trim())));
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

/// The credentials are the environment's, as in earnest, so the test proper runs in a child with an
/// environment of its own.
#[test]
#[allow(clippy::print_stderr)]
fn s3_artifacts_against_an_emulator() {
    let Some(program) = emulator() else {
        eprintln!("SKIPPED: MOORING_LAB does not name a directory with venv/bin/moto_server");
        return;
    };
    let emulator = Emulator::start(&program);
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "artifacts_s3::s3_child",
            "--ignored",
            "--nocapture",
        ])
        .env(ENDPOINT, &emulator.endpoint)
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
    endpoint: Option<String>,
) -> Result<Artifacts, ArtifactError> {
    let settings = ArtifactSettings::S3 {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        region: None,
        path_style: endpoint.is_some(),
        endpoint,
    };
    Artifacts::open(&settings, Path::new("/nonexistent"), None).await
}

#[tokio::test]
#[ignore = "run by s3_artifacts_against_an_emulator"]
async fn s3_child() {
    let endpoint = std::env::var(ENDPOINT).unwrap();
    let bucket = format!("{endpoint}/{BUCKET}");
    let created = reqwest::Client::new().put(bucket).send().await.unwrap();
    assert!(created.status().is_success());

    let run = |n| RunId::from_uuid(uuid::Uuid::from_u128(n));
    let name = |text: &str| ArtifactName::parse(text).unwrap();
    let artifacts = open(BUCKET, "/team/mooring/", Some(endpoint.clone()))
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
    let bare = open(BUCKET, "", Some(endpoint.clone())).await.unwrap();
    assert_eq!(bare.list(&run(1)).await.unwrap(), []);

    let elsewhere = open("no-such-bucket", "", Some(endpoint)).await.unwrap();
    let error = elsewhere
        .put(&run(1), &name("a.txt"), b"x".to_vec())
        .await
        .unwrap_err();
    insta::assert_snapshot!(
        format!("{error}\n{}", error.hint()),
        @""
    );
    let refused = "http://127.0.0.1:1".to_owned();
    let nowhere = open(BUCKET, "", Some(refused)).await.unwrap();
    let error = nowhere
        .get(&run(1), &name("a.txt"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("onnection refused"), "{error}");

    let error = open(BUCKET, "", None).await.unwrap_err();
    assert!(matches!(error, ArtifactError::NoRegion { .. }), "{error:?}");
}
