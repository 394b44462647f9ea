//! What there is around the replicas: a repository, and what all of them are told.

use std::path::Path;
use std::process::Command;

use super::estate::{SOURCE, STACKS};

/// The token of the API.
pub(super) const TOKEN: &str = "a-token-for-the-tests";
/// All replicas of an installation have the same key: digests that one makes mean something to another.
pub(super) const KEY: [u8; 32] = [7; 32];

/// What all replicas are told, besides what their site says.
pub(super) fn configuration(world: &Path, site: &str) -> String {
    let dir = world.display();
    format!(
        r#"{site}jobs: 2
jitter: 0s
schedule: "* * * * *"
engine: {dir}/engine
shutdown_grace: 20s
alerts: {{ persist: {{ medium: 0s, low: 0s }}, group_wait: 0s, group_interval: 1s }}
notify: [{{ name: hook, webhook: {{ url_file: {dir}/hook }} }}]
policy:
  mode: heal
  confirm_after: 1s
  contested: {{ times: 1000, within: 1h }}
  limits: {{ stack: {{ applies: 1000, within: 1h }}, fleet: {{ applies: 1000, within: 1h }} }}
  rules: [{{ name: asked, effect: ask, stacks: ["infra/ask*"] }}]
  safe: [{{ type: aws_s3_bucket, attributes: [tags] }}]
sources: [{{ name: {SOURCE}, path: {dir}/repo, poll: 1s }}]
"#
    )
}

/// One stack to a directory, of which nothing is drifted.
pub(super) fn repository(world: &Path) {
    for stack in STACKS {
        let dir = world.join("repo").join(stack);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("main.tf"), "# 0\n").unwrap();
        let backend = "terraform {\n  backend \"gcs\" {}\n}\n";
        std::fs::write(dir.join("backend.tf"), backend).unwrap();
        std::fs::write(dir.join("name"), format!("{stack}\n")).unwrap();
    }
    git(world, &["init", "-q", "-b", "main"]);
    git(world, &["add", "-A"]);
    git(world, &["commit", "-q", "-m", "x"]);
}

pub(super) fn git(world: &Path, arguments: &[&str]) {
    let settings = [
        "user.name=a",
        "user.email=a@b",
        "commit.gpgsign=false",
        "gc.auto=0",
    ];
    let git = Command::new("git")
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .args(arguments)
        .current_dir(world.join("repo"))
        .status();
    assert!(git.unwrap().success());
}
