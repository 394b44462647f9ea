//! The daemon is killed in the middle of its work.

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::{
    OBSERVE, RESOURCE, STORAGE, estate, hang_while_tagging, mails, plan_files_in, processes_in,
    storage, told, told_of_first_look,
};
use crate::harness::{Daemon, Lab, PATIENCE, eventually};

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
fn an_apply_that_died_with_mooring_is_looked_at_and_held_for_a_person() {
    let Some((lab, daemon)) = storage("faults::crash", "") else {
        return;
    };
    let cut_off = hang_while_tagging(&lab, &daemon, "Environment");
    daemon.kill();
    // The machine went down: Terraform with it.
    let data = lab.path().join("data");
    for process in processes_in(&data) {
        let _gone = kill_process(process, Signal::KILL);
    }
    eventually("Terraform is dead", PATIENCE, || {
        processes_in(&data).is_empty().then_some(())
    });
    assert!(is_locked(&lab));
    lab.clear("aws-hang-tagging");
    let left = data.join("checkouts");
    let checkout = std::fs::read_dir(left).unwrap().find_map(|entry| {
        let dir = entry.unwrap().path().join("live/storage");
        dir.is_dir().then_some(dir)
    });
    let errored = checkout.unwrap().join("errored.tfstate");
    std::fs::write(
        &errored,
        r#"{"version":4,"serial":99,"lineage":"x","resources":[]}"#,
    )
    .unwrap();

    let daemon = Daemon::restart(&lab);
    let reason = held(&lab, &daemon, &cut_off);
    for words in [
        "Mooring was stopped in the middle of it",
        "Terraform is not running any more.",
        "how that ended is not known: aws_s3_bucket.uploads.",
        "The state is as it was",
        "for OperationTypeApply",
        "Mooring has released it.",
        "Terraform could not save the state (serial 99).",
        "terraform state push errored.tfstate",
    ] {
        assert!(reason.contains(words), "{words}\n{reason}");
        let plain = words.split_whitespace().last().unwrap();
        assert!(!lab.mails_with(&[HELD, plain]).is_empty(), "{plain}");
    }
    assert!(!is_locked(&lab));
    assert!(!errored.exists());
    for _ in 0..2 {
        let stack = daemon.planned_once_known(STORAGE);
        assert_eq!(stack["verdict"], "drifted");
        assert_ne!(stack["decision"]["kind"], "apply", "{stack:#}");
        assert_eq!(held(&lab, &daemon, &cut_off), reason);
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

#[test]
fn an_apply_that_ended_without_mooring_is_looked_at_and_not_repeated() {
    let Some((lab, daemon)) = storage("faults::crash", "") else {
        return;
    };
    let cut_off = hang_while_tagging(&lab, &daemon, "Environment");
    daemon.kill();
    lab.clear("aws-hang-tagging");
    let data = lab.path().join("data");
    eventually("Terraform ends", PATIENCE, || {
        processes_in(&data).is_empty().then_some(())
    });
    assert!(!tags(&lab).contains("hacked"));

    let daemon = Daemon::restart(&lab);
    let reason = held(&lab, &daemon, &cut_off);
    for words in [
        "Terraform went on and came to its end.",
        "As its log says it changed aws_s3_bucket.uploads.",
        "This apply moved the state",
        "The state is not locked.",
    ] {
        assert!(reason.contains(words), "{words}\n{reason}");
    }
    let stack = daemon.planned_once_known(STORAGE);
    assert_eq!(stack["verdict"], "in_sync");
    assert_eq!(held(&lab, &daemon, &cut_off), reason);
    daemon.all_told();
    assert_eq!(mails(&lab, HELD), 1);
    daemon.cli(&["resume", STORAGE]);
    daemon.settled(STORAGE);
    assert!(daemon.stack(STORAGE)["held"].is_null());
    assert!(daemon.stop().success());
}

#[test]
fn an_apply_that_still_runs_is_waited_for() {
    let Some((lab, daemon)) = storage("faults::crash", "") else {
        return;
    };
    let cut_off = hang_while_tagging(&lab, &daemon, "Environment");
    let began = daemon.runs(STORAGE).len();
    daemon.kill();

    let daemon = Daemon::restart(&lab);
    daemon.eventually("its end is waited for", || {
        let log = daemon.whole_log();
        log.contains("its end is waited for").then_some(())
    });
    daemon.eventually("the source is read", || {
        daemon.source("infra")["commit"].is_string().then_some(())
    });
    daemon.ask_for_plan(STORAGE);
    // Stopping and starting again in between changes nothing.
    assert!(daemon.stop().success());
    let daemon = Daemon::restart(&lab);
    daemon.eventually("it is waited for again", || {
        let log = daemon.whole_log();
        (log.matches("its end is waited for").count() == 2).then_some(())
    });
    let runs = daemon.runs(STORAGE);
    assert_eq!(of(&runs, &cut_off)["state"], "applying");
    let others = runs.iter().filter(|run| run["id"] != cut_off);
    let newer = others.take(runs.len() - began);
    assert!(
        newer.clone().all(|run| run["state"] == "queued"),
        "{runs:#?}"
    );
    assert!(newer.count() > 0);
    assert!(daemon.stack(STORAGE)["held"].is_null());
    assert_eq!(mails(&lab, HELD), 0);
    assert!(is_locked(&lab));

    lab.clear("aws-hang-tagging");
    let reason = held(&lab, &daemon, &cut_off);
    assert!(reason.contains("came to its end"), "{reason}");
    daemon.settled(STORAGE);
    assert_eq!(daemon.stack(STORAGE)["verdict"], "in_sync");
    daemon.all_told();
    assert_eq!(mails(&lab, HELD), 1);
    assert!(daemon.stop().success());
}

pub(super) const HELD: &str = "[on hold, critical] infra/live/storage";

/// Waits until the run that was cut off is over and the stack held; one critical alert says so, and
/// people know where the way back is. Gives what they are told.
pub(super) fn held(lab: &Lab, daemon: &Daemon, cut_off: &Value) -> String {
    daemon.eventually("the apply that was cut off has been looked at", || {
        let run = of(&daemon.runs(STORAGE), cut_off);
        (run["state"] == "interrupted").then_some(())
    });
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
    daemon.eventually("people are told where the way back is", || {
        (!lab.mails_with(&[HELD, path]).is_empty()).then_some(())
    });
    reason.to_owned()
}

fn of(runs: &[Value], id: &Value) -> Value {
    runs.iter().find(|run| &run["id"] == id).unwrap().clone()
}

pub(super) fn tags(lab: &Lab) -> String {
    lab.by_hand(&["bucket-tags", "demo-uploads"])
}

/// Whether somebody holds the lock of the state.
pub(super) fn is_locked(lab: &Lab) -> bool {
    let lock = "live/storage.tfstate.tflock";
    lab.by_hand(&["list-objects", "demo-state"]).contains(lock)
}
