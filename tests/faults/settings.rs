//! A configuration that is not valid ends the start, with the place and the remedy.

use std::process::Command;

#[test]
fn an_invalid_configuration_ends_the_start() {
    refused(
        "sources:\n  - name: infra\n    path: /srv/infra\nscedule: \"* * * * *\"\n",
        &["mooring.yaml:4", "scedule", "schedule"],
    );
    refused(
        "sources:\n  - name: infra\n    path: /srv/infra\npolicy:\n  mode: repair\n",
        &["mooring.yaml:5", "repair", "heal"],
    );
    refused("sources: [\n", &["mooring.yaml:"]);
}

fn refused(text: &str, words: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("mooring.yaml");
    std::fs::write(&config, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mooring"))
        .args(["serve", "--config"])
        .arg(&config)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{errors}");
    for word in words {
        assert!(errors.contains(word), "{word} in: {errors}");
    }
}
