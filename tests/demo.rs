//! What a newcomer runs and copies works: the demo, the example configuration, the README.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::skipped;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Ends the demo by the way it cleans up in, should the test be stopped.
struct Demo(std::process::Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ended = self.0.wait();
        }
    }
}

#[test]
fn the_demo_shows_what_it_promises() {
    let Some(lab) = std::env::var_os("MOORING_LAB") else {
        return skipped("demo", "MOORING_LAB is not set; run tests/run.sh");
    };
    let temporary = tempfile::tempdir().unwrap();
    let log = temporary.path().join("log");
    let file = std::fs::File::create(&log).unwrap();
    let demo = Command::new(root().join("examples/demo/run.sh"))
        .env("MOORING_BIN", env!("CARGO_BIN_EXE_mooring"))
        .env("MOORING_LAB", lab)
        .env("TMPDIR", temporary.path())
        .env_remove("KEEP")
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    let ended = Demo(demo).0.wait().unwrap();
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(ended.success(), "{ended}\n{said}");
    assert!(said.contains("That was all of it"), "{said}");
    let left: Vec<PathBuf> = std::fs::read_dir(temporary.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| *path != log)
        .collect();
    assert_eq!(left, Vec::<PathBuf>::new(), "it leaves nothing behind");
}

/// Why a configuration does not load, if so.
fn refused(yaml: &str) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mooring.yaml");
    std::fs::write(&file, yaml).unwrap();
    // The example names a directory of policies.
    let policies = dir.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::copy(
        root().join("examples/policies/terraform.rego"),
        policies.join("terraform.rego"),
    )
    .unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_mooring"));
    let output = check
        .args(["config", "check", "--config"])
        .arg(file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then_some(said)
}

#[test]
fn the_printed_example_is_valid() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mooring"));
    let output = command.args(["config", "example"]).output().unwrap();
    let example = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && example.contains("sources:"),
        "{example}"
    );
    assert_eq!(refused(&example), None);
    let mistyped = example.replace("\nschedule:", "\nshedule:");
    let said = refused(&mistyped).unwrap();
    assert!(
        said.contains("shedule") && said.contains("schedule"),
        "{said}"
    );
}

#[test]
fn the_configurations_in_the_readme_are_valid() {
    let Ok(readme) = std::fs::read_to_string(root().join("README.md")) else {
        return;
    };
    let blocks: Vec<&str> = readme
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| block.contains("sources:"))
        .collect();
    assert!(!blocks.is_empty(), "the README shows a configuration");
    for block in blocks {
        assert_eq!(refused(block), None, "{block}");
    }
}
