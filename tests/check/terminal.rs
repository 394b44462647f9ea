//! Terminals, pipes and signals.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::*;
use crate::harness::{eventually, skipped};

/// Says its version, and hangs with a child of its own in everything else.
const HANGING: &str = r#"#!/bin/sh
case $1 in version) echo '{"terraform_version":"1.11.4"}'; exit ;; esac
sleep 100000 &
echo "$$ $!" >"$PIDS.new" && mv "$PIDS.new" "$PIDS"
wait
"#;

fn script(tree: &Tree, name: &str, text: &str) -> PathBuf {
    let path = tree.beside(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

#[test]
fn a_signal_ends_it_at_once_and_leaves_no_child() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let tree = Tree::new();
        tree.write("a/main.tf", ONE);
        tree.write("b/main.tf", ONE);
        let engine = script(&tree, "terraform", HANGING);
        let pids = tree.beside("pids");
        let mut child = tree
            .mooring(&["check", "--jobs", "1", "--engine"])
            .arg(engine)
            .env("PIDS", &pids)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let limit = Duration::from_secs(30);
        let of_children = eventually("the engine hangs", limit, || {
            std::fs::read_to_string(&pids).ok()
        });
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = eventually("the end", limit, || child.try_wait().unwrap());
        assert_eq!(ended.code(), Some(code));
        for pid in of_children.split_whitespace() {
            let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
            eventually("no child is left", limit, || {
                test_kill_process(pid).is_err().then_some(())
            });
        }
        assert_eq!(tree.plans_left(), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_plan_that_takes_too_long_is_stopped_and_said_so() {
    let tree = Tree::new();
    tree.write("main.tf", ONE);
    let engine = script(&tree, "terraform", HANGING);
    let pids = tree.beside("pids");
    let env = [
        ("PIDS", pids.to_str().unwrap()),
        ("MOORING_ENGINE", engine.to_str().unwrap()),
    ];
    let (code, report) = tree.check_with(&env, &["--timeout", "1"]);
    assert_eq!(
        (code, &report["stacks"][0]["error"]["kind"]),
        (1, &"timed_out".into())
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let tree = Tree::new();
    let (_, plan) = explain::plans()
        .into_iter()
        .find(|(name, _)| name == "pending")
        .unwrap();
    let mut child = tree
        .mooring(&["explain", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(&plan).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(2), Vec::new()));
}

#[test]
fn without_a_terminal_there_are_no_escape_codes_and_no_progress() {
    let tree = Tree::new();
    tree.write("a/main.tf", ONE);
    tree.write(
        "b/main.tf",
        "resource \"terraform_data\" \"a\" {\n  input = nowhere.b.c\n}\n",
    );
    let ran = tree.check(&[]);
    assert_eq!((ran.code, &*ran.err), (1, ""));
    assert!(!ran.out.contains('\x1b'), "{}", ran.out);
    let ran = tree.check(&["nowhere"]);
    assert!(!ran.err.contains('\x1b'), "{}", ran.err);
}

#[test]
fn colour_is_for_terminals_and_obeys_no_color() {
    let tree = Tree::new();
    if Command::new("script").arg("--version").output().is_err() {
        return skipped(
            "colour",
            "there is no script(1) to make a terminal with; apt-get install bsdutils",
        );
    }
    let mut plans = explain::plans().into_iter();
    let (_, plan) = plans.find(|(name, _)| name == "drift_attr").unwrap();
    std::fs::write(tree.beside("plan"), plan).unwrap();
    let command = format!("'{}' explain ../plan", env!("CARGO_BIN_EXE_mooring"));
    let at_terminal = |env: &[(&str, &str)]| {
        let mut script = tree.command("script");
        script.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
        Ran::of(
            script
                .env("TERM", "xterm-256color")
                .envs(env.iter().copied()),
        )
    };
    let colourful = at_terminal(&[]);
    assert!(
        colourful.code == 2 && colourful.out.contains("\x1b["),
        "{}",
        colourful.out
    );
    let plain = at_terminal(&[("NO_COLOR", "1")]);
    assert!(
        plain.code == 2 && !plain.out.contains('\x1b'),
        "{}",
        plain.out
    );
    assert!(plain.out.contains("drifted"), "{}", plain.out);
}
