//! The image: built from `docker/Dockerfile`, run as restricted as it claims to allow, and asked to
//! do the daemon's work with real Terraform.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::{eventually, free_port, skipped};

const BASE: &str = "mooring-lab-base";
/// The token of the API.
const TOKEN: &str = "a-token-for-the-container";

fn docker(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new("docker");
    // The builder that needs no plug-in.
    command
        .env("DOCKER_BUILDKIT", "0")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeed(arguments: &[&str]) -> String {
    let output = docker(arguments);
    assert!(
        output.status.success(),
        "docker {arguments:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout).trim().to_owned()
}

fn run(program: &str, arguments: &[&str], dir: &Path) {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        text(&output.stderr)
    );
}

/// The image, container and volume of one test; gone with this value.
struct Made {
    name: String,
}

impl Drop for Made {
    fn drop(&mut self) {
        docker(&["rm", "--force", "--volumes", &self.name]);
        docker(&["volume", "rm", "--force", &self.name]);
        docker(&["image", "rm", "--force", &self.name]);
    }
}

impl Made {
    /// Builds the image of this very binary and the machine's Terraform.
    fn build(dir: &Path) -> Self {
        let made = Self {
            name: format!("mooring-test-{}", std::process::id()),
        };
        let context = dir.join("image");
        std::fs::create_dir_all(context.join("engine")).unwrap();
        let copy = |from: &Path, to: &str| std::fs::copy(from, context.join(to)).unwrap();
        copy(Path::new(env!("CARGO_BIN_EXE_mooring")), "mooring");
        copy(&terraform().unwrap(), "engine/terraform");
        let dockerfile = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/Dockerfile");
        let base = format!("BASE={BASE}");
        let (file, context) = (dockerfile.to_str().unwrap(), context.to_str().unwrap());
        succeed(&[
            "build",
            "--quiet",
            "--build-arg",
            &base,
            "--tag",
            &made.name,
            "--file",
            file,
            context,
        ]);
        made
    }

    /// Starts the daemon with nothing that it does not need.
    fn start(&self, shared: &Path) {
        let mounts = format!("{}:/etc/mooring:ro", shared.display());
        let volume = format!("{}:/var/lib/mooring", self.name);
        succeed(&[
            "run",
            "--detach",
            "--name",
            &self.name,
            "--network",
            "host",
            "--read-only",
            "--tmpfs",
            "/tmp",
            "--user",
            "12345:0",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges:true",
            "--health-interval",
            "2s",
            "--volume",
            &volume,
            "--volume",
            &mounts,
            &self.name,
        ]);
    }

    fn inspect(&self, what: &str) -> String {
        succeed(&["inspect", "--format", what, &self.name])
    }

    fn log(&self) -> String {
        let output = docker(&["logs", "--tail", "60", &self.name]);
        text(&output.stdout) + &text(&output.stderr)
    }

    fn wait_until_healthy(&self) {
        eventually("the container is healthy", Duration::from_secs(60), || {
            let state = self.inspect("{{.State.Status}} {{.State.Health.Status}}");
            assert!(state.starts_with("running"), "{state}\n{}", self.log());
            (state == "running healthy").then_some(())
        });
    }

    /// Asks it to stop, as `docker stop` does; it has to end by itself, well and in time.
    fn stop(&self) {
        let started = Instant::now();
        succeed(&["stop", "--time", "60", &self.name]);
        assert_eq!(self.inspect("{{.State.ExitCode}}"), "0", "{}", self.log());
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "{}",
            self.log()
        );
    }
}

fn terraform() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|dir| dir.join("terraform"));
    found.into_iter().find(|program| program.is_file())
}

/// A repository with one stack that is in sync, its state on an HTTP server.
fn estate(dir: &Path, address: &str) -> Vec<u8> {
    let work = dir.join("work");
    std::fs::create_dir_all(work.join("web")).unwrap();
    let stack = "resource \"terraform_data\" \"a\" {\n  input = 1\n}\n";
    std::fs::write(work.join("web/main.tf"), stack).unwrap();
    run("terraform", &["init"], &work.join("web"));
    run("terraform", &["apply", "-auto-approve"], &work.join("web"));
    let state = std::fs::read(work.join("web/terraform.tfstate")).unwrap();
    std::fs::remove_file(work.join("web/terraform.tfstate")).unwrap();
    let backend = format!(
        "terraform {{\n  backend \"http\" {{\n    address = \"{address}/state\"\n  }}\n}}\n"
    );
    std::fs::write(work.join("web/backend.tf"), backend).unwrap();
    let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
    run("git", &["init", "--quiet", "--initial-branch=main"], &work);
    run("git", &["add", "--all"], &work);
    let commit = [
        "-c",
        "commit.gpgsign=false",
        "commit",
        "--quiet",
        "-m",
        "One stack",
    ];
    run("git", &[&identity[..], &commit[..]].concat(), &work);
    let (work, bare) = (work.to_str().unwrap(), dir.join("shared/infra.git"));
    run(
        "git",
        &["clone", "--quiet", "--bare", work, bare.to_str().unwrap()],
        dir,
    );
    state
}

fn stack(server: &str) -> Option<Json> {
    let http = reqwest::blocking::Client::builder()
        .no_proxy()
        .build()
        .unwrap();
    let answer = http
        .get(format!("{server}/api/v1/stacks"))
        .bearer_auth(TOKEN)
        .send()
        .ok()?;
    let answer: Json = serde_json::from_str(&answer.text().ok()?).ok()?;
    let stacks = answer["stacks"].as_array()?;
    stacks
        .iter()
        .find(|stack| stack["stack"] == "infra/web")
        .cloned()
}

#[test]
fn the_daemon_works_in_its_image_however_it_is_restricted() {
    let reachable = Command::new("docker").arg("info").output();
    if !reachable.is_ok_and(|output| output.status.success()) {
        return skipped("container", "Docker does not answer");
    }
    if terraform().is_none() {
        return skipped("container", "terraform is not on PATH");
    }
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/base-image.sh");
    let output = Command::new(base).arg(BASE).output().unwrap();
    if !output.status.success() {
        return skipped(
            "container",
            text(&output.stderr).lines().next().unwrap_or_default(),
        );
    }

    let dir = tempfile::tempdir().unwrap();
    let shared = dir.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let backend = runtime.block_on(MockServer::start());
    let state = estate(dir.path(), &backend.uri());
    let answer = ResponseTemplate::new(200).set_body_raw(state, "application/json");
    let mock = Mock::given(method("GET"))
        .and(path("/state"))
        .respond_with(answer);
    runtime.block_on(mock.mount(&backend));
    let port = free_port();
    let configuration = format!(
        r#"data_dir: /var/lib/mooring/data
schedule: "0 0 1 1 *"
api: {{ listen: "127.0.0.1:{port}", token_file: /etc/mooring/token }}
sources: [{{ name: infra, path: /etc/mooring/infra.git, ref: main }}]
"#
    );
    std::fs::write(shared.join("mooring.yaml"), configuration).unwrap();
    std::fs::write(shared.join("token"), TOKEN).unwrap();
    run("chmod", &["-R", "a+rX", "."], dir.path());

    let made = Made::build(dir.path());
    made.start(&shared);
    made.wait_until_healthy();
    let server = format!("http://127.0.0.1:{port}");
    let in_sync = || stack(&server).filter(|stack| stack["verdict"] == "in_sync");
    let deadline = Instant::now() + Duration::from_secs(120);
    let first = loop {
        if let Some(stack) = in_sync() {
            break stack;
        }
        assert!(
            Instant::now() < deadline,
            "{:?}\n{}",
            stack(&server),
            made.log()
        );
        std::thread::sleep(Duration::from_millis(200));
    };
    assert_eq!(succeed(&["exec", &made.name, "id", "-u"]), "12345");
    // Nothing can be written but the volume and /tmp.
    assert!(
        !docker(&["exec", &made.name, "touch", "/usr/local/bin/x"])
            .status
            .success()
    );

    made.stop();
    // A new container with the old volume, as after an upgrade.
    succeed(&["rm", &made.name]);
    // What is remembered cannot come from another look.
    runtime.block_on(backend.reset());
    made.start(&shared);
    made.wait_until_healthy();
    let again = eventually("the stack is remembered", Duration::from_secs(30), || {
        stack(&server)
    });
    assert_eq!(
        (&again["verdict"], &again["checked_at"]),
        (&first["verdict"], &first["checked_at"]),
        "{}",
        made.log()
    );
    made.stop();
}
