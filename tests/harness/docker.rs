//! Docker's part in a test: images of its own, and nothing left behind.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::eventually;

/// The image that `docker/Dockerfile` begins with here.
pub const BASE: &str = "mooring-lab-base";

/// Waits until the test is over, then removes all that has its name.
const JANITOR: &str = r#"
cat
docker ps --all --quiet --filter "label=$0" | xargs -r docker rm --force --volumes
docker network rm "$0"
docker volume rm --force "$0"
docker image rm --force "$0"
"#;

/// Asks Docker for something.
pub fn docker<S: AsRef<str>>(arguments: &[S]) -> Output {
    let mut command = Command::new("docker");
    // The builder that needs no plug-in.
    command
        .env("DOCKER_BUILDKIT", "0")
        .args(arguments.iter().map(AsRef::as_ref))
        .output()
        .unwrap()
}

/// The same; it has to succeed. Gives what was printed.
pub fn succeed<S: AsRef<str> + std::fmt::Debug>(arguments: &[S]) -> String {
    let output = docker(arguments);
    assert!(
        output.status.success(),
        "docker {arguments:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout).trim().to_owned()
}

/// Does something to a container that may have ended meanwhile.
pub fn unless_gone(container: &str, arguments: &[&str]) {
    let output = docker(arguments);
    if !output.status.success() {
        let said = format!("docker {arguments:?}: {}", text(&output.stderr));
        eventually(&said, Duration::from_secs(10), || {
            (!runs(container)).then_some(())
        });
    }
}

/// Whether a container runs, be it paused.
pub fn runs(container: &str) -> bool {
    asked(container, "{{.State.Running}}").is_some_and(|runs| runs == "true")
}

/// The address of a container on its network, if it is on one.
pub fn address(container: &str) -> Option<String> {
    let networks = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    asked(container, networks).filter(|address| !address.is_empty())
}

fn asked(container: &str, format: &str) -> Option<String> {
    let output = docker(&["inspect", "--format", format, container]);
    let answer = text(&output.stdout).trim().to_owned();
    output.status.success().then_some(answer)
}

/// What a program said.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Sees to it that there is an image of a small Debian with some packages; else says why there cannot be.
pub fn base_image(tag: &str, packages: &[&str]) -> Result<(), String> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/base-image.sh");
    let output = Command::new(program).arg(tag).args(packages).output();
    let output = output.unwrap();
    if output.status.success() {
        return Ok(());
    }
    let said = text(&output.stderr);
    Err(said.lines().next().unwrap_or_default().to_owned())
}

/// A name for what a test makes: its image, network and volume have it, and its containers have it as
/// their label. All of it is gone with this value, or with the test, however that ends.
pub struct Made {
    name: String,
    janitor: Child,
}

impl Made {
    /// A name that no other test has, nor the same one of somebody else.
    pub fn new(test: &str) -> Self {
        let name = format!("mooring-{test}-{}", std::process::id());
        let janitor = Command::new("sh")
            .args(["-c", JANITOR, &name])
            // What ends the test's group is no end of this.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { name, janitor }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Builds the image of this very binary, with an engine in it where one is given; `dir` has room for
    /// what the build sees.
    pub fn build_image(&self, dir: &Path, engine: Option<&Path>) {
        let context = dir.join("image");
        std::fs::create_dir_all(context.join("engine")).unwrap();
        let copy = |from: &Path, to: &str| std::fs::copy(from, context.join(to)).unwrap();
        copy(Path::new(env!("CARGO_BIN_EXE_mooring")), "mooring");
        if let Some(engine) = engine {
            copy(engine, "engine/terraform");
        }
        let dockerfile = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/Dockerfile");
        let base = format!("BASE={BASE}");
        succeed(&[
            "build",
            "--quiet",
            "--build-arg",
            &base,
            "--tag",
            &self.name,
            "--file",
            dockerfile.to_str().unwrap(),
            context.to_str().unwrap(),
        ]);
        std::fs::remove_dir_all(context).unwrap();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        let _ended = self.janitor.wait();
    }
}
