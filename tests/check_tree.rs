//! `mooring check` and the tree it is given: what a copy of it must be, and how a look is stopped.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::eventually;

const DATA: &str = "resource \"terraform_data\" \"x\" {\n  input = \"one\"\n}\n";

const EMPTY_STATE: &str = r#"{"version": 4, "terraform_version": "1.11.4", "serial": 1,
  "lineage": "5f1c9b1e-0000-4000-8000-000000000000", "outputs": {}, "resources": []}"#;

/// A tree, a cache, and an engine that writes down what it is asked for.
struct Desk {
    root: tempfile::TempDir,
}

impl Desk {
    fn new(files: &[(&str, &str)]) -> Self {
        let desk = Self {
            root: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(desk.path("tree")).unwrap();
        desk.write("cli.tfrc", "");
        desk.engine("terraform", "exec terraform \"$@\"");
        for (path, content) in files {
            desk.write(path, content);
        }
        desk
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn engine(&self, name: &str, script: &str) {
        let calls = self.path("calls");
        let text = format!(
            "#!/bin/sh\necho \"$1\" >>\"{}\"\n{script}\n",
            calls.display()
        );
        self.write(&format!("bin/{name}"), &text);
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(&format!("bin/{name}")), mode).unwrap();
    }

    /// An engine that hears no interrupt once it is asked for `step`.
    fn deaf_engine(&self, step: &str) {
        self.engine(
            "terraform",
            &format!(
                "if [ \"$1\" = {step} ]; then trap '' INT; echo $$ >\"{}\"; sleep 300; fi\n\
                 exec terraform \"$@\"",
                self.path("deaf").display()
            ),
        );
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mooring"));
        command
            .args(args)
            .current_dir(self.root.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("TF_CLI_CONFIG_FILE", self.path("cli.tfrc"))
            .env("MOORING_ENGINE", self.path("bin/terraform"))
            .env_remove("TF_WORKSPACE")
            .env_remove("TF_DATA_DIR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn json(&self, path: &str) -> Value {
        let output = self.run(&["check", path, "--format", "json"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout).expect(&told)
    }

    fn calls(&self, step: &str) -> usize {
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        calls.lines().filter(|call| *call == step).count()
    }

    /// The process that hears no interrupt.
    fn deaf(&self) -> u32 {
        eventually("the engine to hang", Duration::from_secs(60), || {
            let pid = fs::read_to_string(self.path("deaf")).ok()?;
            pid.trim().parse().ok()
        })
    }
}

fn stacks(report: &Value) -> Vec<(&str, &str, &str)> {
    let stacks = report["stacks"].as_array().unwrap().iter();
    stacks
        .map(|stack| {
            (
                stack["stack"].as_str().unwrap(),
                stack["verdict"].as_str().unwrap(),
                stack["error"]["kind"].as_str().unwrap_or(""),
            )
        })
        .collect()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(dir).into_iter().map(Result::unwrap);
    walk.map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn a_linked_stack_is_initialised_in_the_copy_only() {
    let desk = Desk::new(&[("tree/.real/main.tf", DATA)]);
    symlink(desk.path("tree/.real"), desk.path("tree/linked")).unwrap();
    desk.write(
        "tree/.real/main.tf",
        &format!("{DATA}terraform {{\n  backend \"local\" {{}}\n}}\n"),
    );
    let before = files_below(&desk.path("tree"));
    let report = desk.json("tree");
    assert_eq!(stacks(&report), [("linked", "pending", "")], "{report:#}");
    assert_eq!(files_below(&desk.path("tree")), before);
    assert_eq!(desk.calls("init"), 1);
}

#[test]
fn init_runs_once_for_a_tree_that_does_not_change() {
    let desk = Desk::new(&[("tree/a/main.tf", DATA)]);
    assert_eq!(stacks(&desk.json("tree")), [("a", "pending", "")]);
    desk.json("tree");
    assert_eq!(desk.calls("init"), 1);
    assert_eq!(desk.calls("plan"), 2);
    let left = files_below(&desk.path("cache"));
    let plan = |path: &&PathBuf| path.to_string_lossy().ends_with(".mooring-plan");
    assert_eq!(left.iter().find(plan), None);

    desk.write("tree/a/main.tf", &DATA.replace("\"x\"", "\"y\""));
    let report = desk.json("tree");
    let address = &report["stacks"][0]["findings"][0]["address"];
    assert_eq!(address, "terraform_data.y");
}

#[test]
fn modules_above_the_path_are_found_outside_git() {
    let desk = Desk::new(&[
        (
            "tree/live/a/main.tf",
            "module \"m\" {\n  source = \"../../modules/m\"\n}\n",
        ),
        ("tree/modules/m/main.tf", DATA),
    ]);
    let report = desk.json("tree/live");
    assert_eq!(stacks(&report), [("a", "pending", "")], "{report:#}");
}

#[test]
fn a_state_that_is_not_copied_is_not_taken_for_an_empty_one() {
    let backend = "terraform {\n  backend \"local\" {\n    path = \"../../states/a\"\n  }\n}\n";
    let desk = Desk::new(&[
        ("tree/live/a/main.tf", backend),
        ("tree/live/a/data.tf", DATA),
        ("tree/states/a", EMPTY_STATE),
    ]);
    let failed = ("a", "failed", "not_initialised");
    assert_eq!(stacks(&desk.json("tree/live")), [failed]);
    let whole = desk.json("tree");
    assert_eq!(stacks(&whole), [("live/a", "pending", "")], "{whole:#}");
}

#[test]
fn a_cache_inside_the_tree_is_neither_copied_nor_searched() {
    let desk = Desk::new(&[("tree/a/main.tf", DATA)]);
    symlink(desk.path("tree"), desk.path("alias")).unwrap();
    for _ in 0..2 {
        let mut command = desk.command(&["check", "tree", "--format", "json"]);
        command.env("XDG_CACHE_HOME", desk.path("alias/store"));
        let output = command.output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(stacks(&report), [("a", "pending", "")], "{report:#}");
    }
    let copies = files_below(&desk.path("tree/store"));
    let nested = |path: &&PathBuf| path.iter().filter(|part| *part == "mooring").count() > 1;
    assert_eq!(copies.iter().find(nested), None);
}

#[test]
fn remote_execution_is_refused_before_init() {
    let cloud = "terraform {\n  cloud {\n    organization = \"x\"\n  }\n}\n";
    let remote = "terraform {\n  backend \"remote\" {}\n}\n";
    let desk = Desk::new(&[("tree/a/main.tf", cloud), ("tree/b/main.tf", remote)]);
    let refused = |dir| (dir, "failed", "unsupported");
    assert_eq!(stacks(&desk.json("tree")), [refused("a"), refused("b")]);
    assert_eq!(desk.calls("init"), 0);
}

#[test]
fn a_tree_of_terragrunt_says_what_is_not_planned() {
    let unit = "include \"root\" {\n  path = find_in_parent_folders(\"root.hcl\")\n}\n\
                terraform {\n  source = \"../../modules/web\"\n}\n";
    let desk = Desk::new(&[
        ("tree/live/root.hcl", "locals {}\n"),
        ("tree/live/api/terragrunt.hcl", unit),
        ("tree/live/web/terragrunt.hcl", unit),
        (
            "tree/modules/web/main.tf",
            "terraform {\n  backend \"s3\" {}\n}\n",
        ),
    ]);
    let output = desk.run(&["check", "tree"]);
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout), @r"
    live/api  failed
      error[unsupported]:
        this is a unit of Terragrunt, which Mooring does not run: what Terraform would be told is not in
        its files
      hint: leave it out (`exclude` of the source, `--stack` of a check), or have Terragrunt's work done
      in the repository: root modules whose own files name backend, providers and values
      decision: refuse: the plan failed or is incomplete

    live/web  failed
      error[unsupported]:
        this is a unit of Terragrunt, which Mooring does not run: what Terraform would be told is not in
        its files
      hint: leave it out (`exclude` of the source, `--stack` of a check), or have Terragrunt's work done
      in the repository: root modules whose own files name backend, providers and values
      decision: refuse: the plan failed or is incomplete

    2 stacks: 2 failed
    ");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(told.trim(), "");
    assert_eq!(desk.calls("plan") + desk.calls("init"), 0);
    desk.write("tree/own/main.tf", DATA);
    let report = desk.json("tree");
    let refused = |dir| (dir, "failed", "unsupported");
    assert_eq!(
        stacks(&report),
        [
            refused("live/api"),
            refused("live/web"),
            ("own", "pending", "")
        ]
    );
}

#[test]
fn two_stacks_on_one_state_both_fail() {
    let desk = Desk::new(&[("tree/c/main.tf", DATA)]);
    let shared = desk.path("shared.tfstate");
    let backend =
        format!("{DATA}terraform {{\n  backend \"local\" {{\n    path = {shared:?}\n  }}\n}}\n");
    desk.write("tree/a/main.tf", &backend);
    desk.write("tree/b/main.tf", &backend);
    let report = desk.json("tree");
    let failed = |dir| (dir, "failed", "invalid_configuration");
    let expected = [failed("a"), failed("b"), ("c", "pending", "")];
    assert_eq!(stacks(&report), expected, "{report:#}");
    let message = &report["stacks"][0]["error"]["message"];
    assert_eq!(message, "the state of this stack is also that of b");
}

#[test]
fn wrong_paths_are_wrong_usage_and_noticed_first() {
    let desk = Desk::new(&[("tree/a/main.tf", DATA)]);
    let wrong: [&[&str]; 5] = [
        &["check", "nope"],
        &["check", "tree/a/main.tf"],
        &["explain", "nope"],
        &["check", "tree", "--output", "nodir/x"],
        &["stacks", "--server", "http://user:hunter2@127.0.0.1:9"],
    ];
    for args in wrong {
        let output = desk.run(args);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{args:?}: {told}");
        assert!(
            told.contains("hint:") && !told.contains("hunter2"),
            "{told}"
        );
    }
    let odd = desk.run(&["check", "no\u{1b}[2Jpe"]);
    assert!(!odd.stderr.contains(&0x1b));
    assert_eq!(desk.calls("plan"), 0);
}

#[test]
fn a_quiet_report_counts_what_it_does_not_show() {
    let desk = Desk::new(&[
        ("tree/a/main.tf", "module \"m\" {\n  source = \"../m\"\n}\n"),
        ("tree/m/main.tf", "locals {}\n"),
    ]);
    let output = desk.run(&["check", "tree", "-q"]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(shown.trim(), "1 stack: 1 in sync");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_second_signal_ends_a_check_at_once() {
    let desk = Desk::new(&[("tree/a/main.tf", DATA)]);
    desk.deaf_engine("plan");
    let mut check = desk.command(&["check", "tree"]).spawn().unwrap();
    let deaf = desk.deaf();
    signal(&check, "INT");
    std::thread::sleep(Duration::from_millis(200));
    let second = Instant::now();
    signal(&check, "TERM");
    let status = check.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(second.elapsed() < Duration::from_secs(5));
    eventually("the engine to end", Duration::from_secs(5), || {
        (!is_running(deaf)).then_some(())
    });
    let left = files_below(&desk.path("cache"));
    let plan = |path: &&PathBuf| path.to_string_lossy().ends_with(".mooring-plan");
    assert_eq!(left.iter().find(plan), None);
}

#[test]
fn a_signal_stops_what_explains_a_plan_file() {
    let desk = Desk::new(&[("tree/a/main.tf", DATA)]);
    desk.deaf_engine("show");
    // The beginning of an archive is enough to be taken for a plan file.
    fs::write(desk.path("saved"), b"PK\x03\x04").unwrap();
    let mut explain = desk.command(&["explain", "saved"]).spawn().unwrap();
    let deaf = desk.deaf();
    signal(&explain, "TERM");
    let status = explain.wait().unwrap();
    assert_eq!(status.code(), Some(143));
    assert!(!is_running(deaf));
}
