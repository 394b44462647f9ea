//! `mooring check` and `mooring explain` as a user meets them: the program itself, real Terraform
//! and trees of somebody's own. The stacks are of `terraform_data`, so nothing is fetched.

mod explain;
mod kinds;
mod manners;
mod policies;
mod report;
mod repository;
mod terminal;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// One resource that is in sync after an apply.
const ONE: &str = "resource \"terraform_data\" \"a\" {\n  input = 1\n}\n";
/// The same with a backend block, so that `init` leaves something behind.
const WITH_BACKEND: &str =
    "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"a\" {\n  input = 1\n}\n";

/// A tree with stacks, and the home of whoever checks it.
struct Tree {
    root: tempfile::TempDir,
}

/// What a run of the program came to.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Tree {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for dir in ["tree", "home", "cache"] {
            std::fs::create_dir(root.path().join(dir)).unwrap();
        }
        std::fs::write(root.path().join("terraformrc"), "").unwrap();
        Self { root }
    }

    /// A path outside the tree.
    fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A path in the tree.
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("tree").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// A command in the tree with nothing of this machine's settings.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path(""))
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.beside("home"))
            .env("XDG_CACHE_HOME", self.beside("cache"))
            .env("TF_CLI_CONFIG_FILE", self.beside("terraformrc"))
            .env("CHECKPOINT_DISABLE", "1")
            .stdin(std::process::Stdio::null());
        command
    }

    /// Runs something that has to succeed; gives its standard output.
    fn run(&self, dir: &str, program: &str, arguments: &[&str]) -> String {
        let mut command = self.command(program);
        let command = command.args(arguments).current_dir(self.path(dir));
        let ran = Ran::of(command);
        assert_eq!(ran.code, 0, "{program} {arguments:?}: {}", ran.err);
        ran.out
    }

    /// Init and apply in a directory of the tree, as its owner does.
    fn apply(&self, dir: &str) {
        self.run(dir, "terraform", &["init", "-no-color"]);
        self.run(dir, "terraform", &["apply", "-auto-approve", "-no-color"]);
    }

    /// Makes the tree a Git repository with everything committed; gives the commit.
    fn commit(&self) -> String {
        self.run("", "git", &["init", "--quiet"]);
        self.run("", "git", &["add", "--all", "--force"]);
        let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
        let commit = ["-c", "commit.gpgsign=false", "commit", "--quiet", "-m", "x"];
        self.run("", "git", &[&identity[..], &commit[..]].concat());
        self.run("", "git", &["rev-parse", "HEAD"])
            .trim()
            .to_owned()
    }

    /// `mooring` with these arguments, not yet run.
    fn mooring(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_mooring"));
        command.args(arguments);
        command
    }

    fn check(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.mooring(&["check"]).args(arguments))
    }

    /// The report of a check with these variables set.
    fn check_with(&self, env: &[(&str, &str)], arguments: &[&str]) -> (i32, Json) {
        let mut command = self.mooring(&["check", "--format", "json"]);
        let ran = Ran::of(command.args(arguments).envs(env.iter().copied()));
        let report = serde_json::from_str(&ran.out);
        (
            ran.code,
            report.unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err)),
        )
    }

    /// Everything in a directory: kind, mode, time of change and content of each entry.
    fn everything(&self, dir: &Path) -> BTreeMap<PathBuf, (u32, std::time::SystemTime, Vec<u8>)> {
        let entries = walkdir::WalkDir::new(dir).into_iter().map(Result::unwrap);
        entries
            .map(|entry| {
                let known = entry.metadata().unwrap();
                let content = match known.is_file() {
                    true => std::fs::read(entry.path()).unwrap(),
                    false => Vec::new(),
                };
                let facts = (
                    known.permissions().mode(),
                    known.modified().unwrap(),
                    content,
                );
                (entry.into_path(), facts)
            })
            .collect()
    }

    /// Files of the cache whose content or name shows a plan.
    fn plans_left(&self) -> Vec<PathBuf> {
        let files = self.everything(&self.beside("cache")).into_iter();
        files
            .filter(|(path, (_, _, content))| {
                let name = path.to_string_lossy();
                content.starts_with(b"PK\x03\x04")
                    || name.contains("plan")
                    || name.contains("check-")
            })
            .map(|(path, _)| path)
            .collect()
    }
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The stacks of a report with their verdicts and kinds of errors.
fn verdicts(report: &Json) -> Vec<(String, String, String)> {
    let text = |value: &Json| value.as_str().unwrap_or("-").to_owned();
    let stacks = report["stacks"].as_array().unwrap();
    stacks
        .iter()
        .map(|s| {
            (
                text(&s["stack"]),
                text(&s["verdict"]),
                text(&s["error"]["kind"]),
            )
        })
        .collect()
}
