//! Sources against real Git, and checkouts of real commits.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod blame;
mod checkout;
mod github;
mod parts;
mod proxy;
mod remote;
mod server;
mod ssh;
mod submodules;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use mooring::domain::failure::Failure;
use mooring::domain::ids::CommitId;
use mooring::git::Mirror;

const TOKEN: &str = "tok-5f2d9c81e0";

fn git(dir: &Path, args: &[&str]) -> String {
    git_with(dir, args, &[])
}

fn git_with(dir: &Path, args: &[&str], environment: &[(&str, &str)]) -> String {
    let output = Command::new("git")
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs(["AUTHOR", "COMMITTER"].into_iter().flat_map(|who| {
            [
                (format!("GIT_{who}_NAME"), "Ada"),
                (format!("GIT_{who}_EMAIL"), "ada@example.com"),
            ]
        }))
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with a working tree, whose commits the tests make.
struct Work {
    dir: PathBuf,
}

impl Work {
    fn new(dir: PathBuf) -> Self {
        fs::create_dir_all(&dir).unwrap();
        git(&dir, &["init", "-q", "-b", "main"]);
        git(&dir, &["config", "uploadpack.allowFilter", "true"]);
        Self { dir }
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn commit(&self) -> CommitId {
        git(&self.dir, &["add", "-A"]);
        git(
            &self.dir,
            &["commit", "-q", "--allow-empty", "-m", "change"],
        );
        CommitId::new(git(&self.dir, &["rev-parse", "HEAD"]))
    }
}

fn fetch(mirror: &Mirror, reference: Option<&str>) -> Result<CommitId, Failure> {
    mirror.fetch(reference, &AtomicBool::new(false))
}

fn fails(mirror: &Mirror, reference: Option<&str>) -> Failure {
    let failure = fetch(mirror, reference).unwrap_err();
    let shown = format!("{failure:?} {failure} {mirror:?}");
    assert!(!shown.contains(TOKEN), "{shown}");
    failure
}
