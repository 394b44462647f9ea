//! The image: built from `docker/Dockerfile`, run as restricted as it claims to allow, and asked to
//! do the daemon's work with real Terraform.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::docker::{BASE, Made, base_image, docker, succeed, text};
use crate::harness::{eventually, free_port, skipped};

/// The token of the API.
const TOKEN: &str = "a-token-for-the-container";

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

/// The daemon in its container, with a volume of its own.
struct Container {
    made: Made,
}

impl Container {
    /// Starts the daemon with nothing that it does not need.
    fn start(&self, shared: &Path) {
        let mounts = format!("{}:/etc/mooring:ro", shared.display());
        let name = self.made.name();
        let volume = format!("{name}:/var/lib/mooring");
        succeed(&[
            "run",
            "--detach",
            "--name",
            name,
            "--label",
            name,
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
            name,
        ]);
    }

    fn inspect(&self, what: &str) -> String {
        succeed(&["inspect", "--format", what, self.made.name()])
    }

    fn log(&self) -> String {
        let output = docker(&["logs", "--tail", "60", self.made.name()]);
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
        succeed(&["stop", "--time", "60", self.made.name()]);
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
    let Some(terraform) = terraform() else {
        return skipped("container", "terraform is not on PATH");
    };
    if let Err(reason) = base_image(BASE, &[]) {
        return skipped("container", &reason);
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

    let made = Made::new("container");
    made.build_image(dir.path(), Some(&terraform));
    let container = Container { made };
    let name = container.made.name();
    container.start(&shared);
    container.wait_until_healthy();
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
            container.log()
        );
        std::thread::sleep(Duration::from_millis(200));
    };
    assert_eq!(succeed(&["exec", name, "id", "-u"]), "12345");
    // Nothing can be written but the volume and /tmp.
    assert!(
        !docker(&["exec", name, "touch", "/usr/local/bin/x"])
            .status
            .success()
    );

    container.stop();
    // A new container with the old volume, as after an upgrade.
    succeed(&["rm", name]);
    // What is remembered cannot come from another look.
    runtime.block_on(backend.reset());
    container.start(&shared);
    container.wait_until_healthy();
    let again = eventually("the stack is remembered", Duration::from_secs(30), || {
        stack(&server)
    });
    assert_eq!(
        (&again["verdict"], &again["checked_at"]),
        (&first["verdict"], &first["checked_at"]),
        "{}",
        container.log()
    );
    container.stop();
}
