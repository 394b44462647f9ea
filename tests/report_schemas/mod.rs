//! Reports for programs keep to the schemas that others wrote for them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::golden::plans;
use crate::harness::skipped;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a validator says of the files; nothing if they are valid.
fn judged(python: &Path, files: &[PathBuf]) -> String {
    let output = Command::new(python)
        .arg(root().join("tests/report_schemas/validate.py"))
        .args(files)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return String::new();
    }
    format!("{said}{}", String::from_utf8_lossy(&output.stderr))
}

#[test]
fn reports_for_programs_are_valid() {
    let Some(lab) = std::env::var_os("MOORING_LAB").map(PathBuf::from) else {
        return skipped(
            "reports_for_programs_are_valid",
            "MOORING_LAB is not set; run tests/run.sh",
        );
    };
    let python = lab.join("venv/bin/python");
    let dir = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    // The reports over everything that can be found, which the unit tests compare with the program.
    for (name, extension) in [("junit", "xml"), ("sarif", "json")] {
        let snapshot = format!("src/report/tests/snapshots/{name}.snap");
        let snapshot = std::fs::read_to_string(root().join(snapshot)).unwrap();
        let (_, report) = snapshot.split_once("\n---\n").unwrap();
        let file = dir.path().join(format!("everything.{extension}"));
        std::fs::write(&file, report).unwrap();
        files.push(file);
    }
    for (name, plan) in plans() {
        let input = dir.path().join("plan");
        std::fs::write(&input, plan).unwrap();
        for (format, extension) in [("junit", "xml"), ("sarif", "json")] {
            let file = dir.path().join(format!("{name}.{extension}"));
            let ran = Command::new(env!("CARGO_BIN_EXE_mooring"))
                .args(["explain", "--format", format, "--output"])
                .args([&file, &input])
                .output()
                .unwrap();
            assert!(ran.status.code().is_some_and(|code| code <= 2), "{ran:?}");
            files.push(file);
        }
    }
    assert_eq!(judged(&python, &files), "");

    // The validator itself can say no.
    for (name, wrong) in [
        (
            "wrong.xml",
            "<testsuites><testsuite name=\"a\"/></testsuites>",
        ),
        ("wrong.json", "{\"version\": \"2.1.0\", \"runs\": [{}]}"),
    ] {
        let file = dir.path().join(name);
        std::fs::write(&file, wrong).unwrap();
        assert_ne!(judged(&python, &[file]), "", "{name}");
    }
}
