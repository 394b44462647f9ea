//! The daemon is killed on the way from a person's yes to its apply.

use super::crash::{HELD, held, is_locked, tags};
use super::engine::Engine;
use super::{STORAGE, mails, storage_in};
use crate::approval::{request, waiting};
use crate::harness::{Daemon, Lab};

/// Nothing is safe by rule: a person is asked about everything.
const ASK: &str = "policy: { mode: heal, confirm_after: 1s }\n";

#[test]
fn an_approval_taken_before_the_end_of_the_daemon_is_used_once_after_it() {
    not_yet_used(&[
        "before version 1",
        "after version 1",
        "before plan 1",
        "after plan 1",
    ]);
}

#[test]
fn an_approval_of_a_plan_that_was_made_again_is_used_once() {
    not_yet_used(&[
        "after show 1",
        "after state-pull 1",
        "before state-pull 2",
        "after state-pull 2",
    ]);
}

#[test]
fn an_approval_that_was_used_is_used_up_whether_the_apply_worked_or_not() {
    used(&["before apply 1", "after apply 1"]);
}

#[test]
fn an_approval_that_was_used_is_used_up_whether_its_end_was_recorded_or_not() {
    used(&["before plan 2", "after state-pull 3"]);
}

/// Policies that are cut off have nothing against it.
#[test]
fn an_approval_outlives_the_end_of_the_daemon_while_policies_are_asked() {
    let Some(lab) = Lab::start("faults::approved") else {
        return;
    };
    let engine = Engine::install(&lab);
    let policies = lab.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    let never = "package main\n\nimport rego.v1\n\ndeny contains \"no\" if input.nothing\n";
    std::fs::write(policies.join("main.rego"), never).unwrap();
    let ask = ASK.replace(" }", ", rego: { policies: [policies] } }");
    let daemon = storage_in(&lab, &format!("{ask}{}", engine.settings()));
    lab.by_hand(&["retag-bucket", "demo-uploads", "Walk1", "hacked"]);
    let stack = daemon.planned(STORAGE);
    assert_eq!(stack["decision"]["kind"], "ask", "{stack:#}");
    let id = waiting(&daemon)[0]["short"].as_str().unwrap().to_owned();
    engine.stop("before show 2");
    daemon.cli(&["approve", &id, "--by", "ann"]);
    assert!(daemon.ended().success());

    let daemon = Daemon::restart(&lab);
    daemon.eventually("the request is used", || {
        (request(&daemon, &id)["state"] != "approved").then_some(())
    });
    assert_eq!(request(&daemon, &id)["state"], "used");
    daemon.wait_for_verdict(STORAGE, "in_sync");
    sound(&lab, &daemon);
    assert!(daemon.stop().success());
}

/// Up to the intent the yes stands, and is taken up again.
fn not_yet_used(points: &[&str]) {
    let Some((lab, engine, mut daemon)) = asking() else {
        return;
    };
    for (number, point) in (1..).zip(points) {
        let id;
        (daemon, id) = approve(&lab, &engine, daemon, number, point);
        daemon.eventually(&format!("{point}: the request is used"), || {
            (request(&daemon, &id)["state"] == "used").then_some(())
        });
        daemon.wait_for_verdict(STORAGE, "in_sync");
        daemon.settled(STORAGE);
        assert_eq!(engine.applies(), (number, number), "{point}");
        let used = request(&daemon, &id);
        let run = used["applied_by_run"].as_str().unwrap();
        let run = daemon.get(&format!("runs/{run}"));
        assert_eq!(run["outcome"]["kind"], "repaired", "{point}: {run:#}");
        assert!(!tags(&lab).contains("hacked"), "{}", tags(&lab));
        assert!(waiting(&daemon).is_empty(), "{point}");
        sound(&lab, &daemon);
    }
    daemon.all_told();
    assert_eq!(mails(&lab, HELD), 0);
    assert!(daemon.stop().success());
}

/// From the intent on it is worth nothing, whatever became of the apply.
fn used(points: &[&str]) {
    let Some((lab, engine, mut daemon)) = asking() else {
        return;
    };
    for (number, point) in (1..).zip(points) {
        let done = *point != "before apply 1";
        let id;
        (daemon, id) = approve(&lab, &engine, daemon, number, point);
        daemon.eventually(&format!("{point}: the run is interrupted"), || {
            let runs = daemon.runs(STORAGE);
            let interrupted = runs.iter().filter(|run| run["state"] == "interrupted");
            (interrupted.count() == number).then_some(())
        });
        let used = request(&daemon, &id);
        assert_eq!(used["state"], "used", "{point}: {used:#}");
        held(&lab, &daemon, &used["applied_by_run"]);
        daemon.eventually("people are told of it", || {
            (mails(&lab, HELD) == number).then_some(())
        });
        let applies = number - usize::from(!done);
        daemon.planned_once_known(STORAGE);
        assert_eq!(engine.applies(), (applies, applies), "{point}");
        let refusal = daemon.refused(&["approve", &id, "--by", "bob"]);
        assert!(refusal.contains("used already"), "{point}: {refusal}");
        daemon.all_told();
        assert_eq!(mails(&lab, HELD), number, "{point}");

        daemon.cli(&["resume", STORAGE]);
        daemon.settled(STORAGE);
        assert_eq!(engine.applies(), (applies, applies), "{point}");
        if !done {
            let again = waiting(&daemon)[0]["short"].as_str().unwrap().to_owned();
            assert_ne!(again, id);
            daemon.cli(&["approve", &again, "--by", "ann"]);
            daemon.wait_for_verdict(STORAGE, "in_sync");
            daemon.settled(STORAGE);
        }
        assert_eq!(daemon.stack(STORAGE)["verdict"], "in_sync", "{point}");
        assert_eq!(engine.applies(), (number, number), "{point}");
        assert_eq!(request(&daemon, &id)["state"], "used");
        assert!(waiting(&daemon).is_empty(), "{point}");
        sound(&lab, &daemon);
    }
    assert!(daemon.stop().success());
}

fn asking() -> Option<(Lab, Engine, Daemon)> {
    let lab = Lab::start("faults::approved")?;
    let engine = Engine::install(&lab);
    let daemon = storage_in(&lab, &format!("{ASK}{}", engine.settings()));
    Some((lab, engine, daemon))
}

/// Changes a tag by hand and says yes to its repair, which ends the daemon at a point. Gives the next
/// daemon, and the request.
fn approve(
    lab: &Lab,
    engine: &Engine,
    daemon: Daemon,
    number: usize,
    point: &str,
) -> (Daemon, String) {
    let tag = format!("Walk{number}");
    lab.by_hand(&["retag-bucket", "demo-uploads", &tag, "hacked"]);
    let stack = daemon.planned(STORAGE);
    assert_eq!(stack["decision"]["kind"], "ask", "{stack:#}");
    let id = waiting(&daemon)[0]["short"].as_str().unwrap().to_owned();
    engine.kill(point);
    // Whether the answer is out before the daemon is dead is left to chance.
    let approve = ["approve", &id, "--by", "ann"];
    daemon.command(&approve).output().unwrap();
    daemon.killed(point);
    (Daemon::restart(lab), id)
}

fn sound(lab: &Lab, daemon: &Daemon) {
    daemon.cli(&["audit", "verify"]);
    assert!(!is_locked(lab));
}
