//! The daemon is killed in the middle of its work.

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::{
    OBSERVE, RESOURCE, STORAGE, estate, hang_in_the_middle_of_a_repair, mails, plan_files_in,
    processes_in, storage, told, told_of_first_look,
};
use crate::harness::{Daemon, Lab};

#[test]
fn a_plan_that_was_cut_off_is_made_again() {
    let Some((lab, repository)) = estate("faults::crash", &["old"]) else {
        return;
    };
    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, OBSERVE));
    daemon.wait_for_verdict("infra/old", "in_sync");
    told_of_first_look(&lab, &daemon);

    repository.write("old/main.tf", &RESOURCE.replace("one", "two"));
    repository.push("Change it");
    daemon.wait_for_verdict("infra/old", "pending");
    daemon.planned("infra/old");
    told(&lab, &daemon, "[pending] infra/old");
    daemon.settled("infra/old");
    lab.fault("aws-hang");
    assert!(daemon.ask_for_plan("infra/old"));
    let data = lab.path().join("data");
    daemon.eventually("Terraform plans", || {
        let planning = daemon.runs("infra/old")[0]["state"] == "planning";
        (planning && !plan_files_in(&data).is_empty()).then_some(())
    });
    let cut_off = daemon.runs("infra/old")[0]["id"].clone();
    let old_files = plan_files_in(&data);
    daemon.kill();

    let daemon = Daemon::restart(&lab);
    for file in &old_files {
        assert!(!file.exists(), "{} is left", file.display());
    }
    let run = of(&daemon.runs("infra/old"), &cut_off);
    assert_eq!(run["state"], "finished");
    assert_eq!(run["outcome"]["failure"]["kind"], "interrupted", "{run:#}");
    assert!(!run["ended_at"].is_null());

    let again = daemon.runs("infra/old")[0]["id"].clone();
    assert_ne!(again, cut_off);
    lab.clear("aws-hang");
    daemon.settled("infra/old");
    let run = of(&daemon.runs("infra/old"), &again);
    assert_eq!(run["outcome"]["verdict"], "pending", "{run:#}");
    let stack = daemon.stack("infra/old");
    assert_eq!(stack["verdict"], "pending");
    assert_eq!(stack["findings"].as_array().unwrap().len(), 1);
    daemon.eventually("no Terraform of ours is left", || {
        processes_in(&data).is_empty().then_some(())
    });
    assert_eq!(plan_files_in(&data), Vec::<std::path::PathBuf>::new());
    daemon.all_told();
    assert_eq!(mails(&lab, "[pending] infra/old"), 1);
    assert!(daemon.stop().success());
}

#[test]
fn an_apply_that_was_cut_off_is_held_for_a_person() {
    let Some((lab, daemon)) = storage("faults::crash", "") else {
        return;
    };
    hang_in_the_middle_of_a_repair(&lab, &daemon, "Environment");
    let cut_off = daemon.runs(STORAGE)[0]["id"].clone();
    daemon.kill();
    // The machine went down: Terraform with it.
    for process in processes_in(&lab.path().join("data")) {
        kill_process(process, Signal::KILL).unwrap();
    }

    let daemon = Daemon::restart(&lab);
    assert_eq!(of(&daemon.runs(STORAGE), &cut_off)["state"], "interrupted");
    held(&lab, &daemon);
    lab.clear("aws-hang");
    unlock(&lab);
    for _ in 0..2 {
        let stack = daemon.planned_once_known(STORAGE);
        assert_eq!(stack["verdict"], "drifted");
        assert_ne!(stack["decision"]["kind"], "apply", "{stack:#}");
        held(&lab, &daemon);
    }
    let runs = daemon.runs(STORAGE);
    let repaired = runs.iter().any(|r| r["outcome"]["kind"] == "repaired");
    assert!(!repaired, "{runs:#?}");
    assert!(tags(&lab).contains("hacked"));
    daemon.all_told();
    assert_eq!(mails(&lab, HELD), 1);

    daemon.cli(&["resume", STORAGE]);
    daemon.settled(STORAGE);
    let stack = daemon.wait_for_verdict(STORAGE, "in_sync");
    assert!(stack["held"].is_null());
    assert_eq!(daemon.runs(STORAGE)[0]["outcome"]["kind"], "repaired");
    assert!(!tags(&lab).contains("hacked"));
    told(&lab, &daemon, "[resolved] infra/live/storage");
    recorded(&daemon, &cut_off);
    assert!(daemon.stop().success());
}

/// The audit log tells of both applies, and of the person in between.
fn recorded(daemon: &Daemon, cut_off: &Value) {
    let log = daemon.get(&format!("audit?after=0&stack={STORAGE}"));
    let entries = log["entries"].as_array().unwrap();
    let entries: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry["action"] != "plan_requested")
        .collect();
    let words: Vec<&Value> = entries.iter().map(|entry| &entry["action"]).collect();
    let expected = [
        "apply_started",
        "apply_interrupted",
        "stack_resumed",
        "apply_started",
        "apply_ended",
    ];
    assert_eq!(words, expected, "{log:#}");
    assert_eq!(entries[0]["subject"]["run"], *cut_off);
    assert_eq!(entries[1]["subject"]["run"], *cut_off);
    assert_eq!(entries[3]["details"]["approver"], "policy");
    assert_eq!(entries[4]["details"]["outcome"]["kind"], "repaired");
    daemon.cli(&["audit", "verify"]);
}

const HELD: &str = "[on hold, critical] infra/live/storage";

/// The stack is held, one critical alert says so, and people know where the way back is.
fn held(lab: &Lab, daemon: &Daemon) {
    let stack = daemon.stack(STORAGE);
    let reason = stack["held"].as_str().unwrap();
    let path = reason
        .split_whitespace()
        .find(|word| word.starts_with("snapshots/"));
    let path = path.unwrap();
    assert!(lab.path().join("data").join(path).is_file(), "{reason}");
    let alerts = stack["alerts"].as_array().unwrap();
    let apply: Vec<&Value> = alerts.iter().filter(|a| a["kind"] == "apply").collect();
    assert_eq!(apply.len(), 1, "{stack:#}");
    assert_eq!(apply[0]["severity"], "critical");
    told(lab, daemon, HELD);
    assert!(!lab.mails_with(&[HELD, path]).is_empty());
}

fn of(runs: &[Value], id: &Value) -> Value {
    runs.iter().find(|run| &run["id"] == id).unwrap().clone()
}

fn tags(lab: &Lab) -> String {
    lab.by_hand(&["bucket-tags", "demo-uploads"])
}

/// What a person who has looked does about the lock of a Terraform that is dead.
fn unlock(lab: &Lab) {
    let lock = "live/storage.tfstate.tflock";
    if lab.by_hand(&["list-objects", "demo-state"]).contains(lock) {
        lab.by_hand(&["delete-object", "demo-state", lock]);
    }
}
