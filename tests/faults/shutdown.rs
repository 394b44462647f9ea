//! SIGTERM: plans end at once, an apply under way may finish.

use std::time::{Duration, Instant};

use super::{
    OBSERVE, STORAGE, estate, hang_in_the_middle_of_a_repair, mails, plan_files_in, processes_in,
    storage, told,
};
use crate::harness::Daemon;

#[test]
fn a_plan_is_stopped_within_seconds() {
    let Some((lab, repository)) = estate("faults::shutdown", &["a"]) else {
        return;
    };
    let more = format!("{OBSERVE}timeouts: {{ grace: 2s }}\n");
    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, &more));
    daemon.wait_for_verdict("infra/a", "in_sync");
    lab.fault("aws-hang");
    assert!(daemon.ask_for_plan("infra/a"));
    let data = lab.path().join("data");
    daemon.eventually("Terraform plans", || {
        let planning = daemon.runs("infra/a")[0]["state"] == "planning";
        (planning && !plan_files_in(&data).is_empty()).then_some(())
    });
    let started = Instant::now();
    assert_eq!(daemon.stop().code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(processes_in(&data).is_empty());
    assert!(plan_files_in(&data).is_empty());

    lab.clear("aws-hang");
    let daemon = Daemon::restart(&lab);
    let run = &daemon.runs("infra/a")[0];
    assert_eq!(run["state"], "finished");
    assert_eq!(run["outcome"]["kind"], "cancelled");
    assert_eq!(daemon.stack("infra/a")["verdict"], "in_sync");
    assert!(daemon.stop().success());
}

#[test]
fn an_apply_finishes_and_is_recorded() {
    let Some((lab, daemon)) = storage("faults::shutdown", "shutdown_grace: 2m\n") else {
        return;
    };
    hang_in_the_middle_of_a_repair(&lab, &daemon, "Owner");
    daemon.terminate();
    daemon.eventually("it has heard", || {
        daemon.whole_log().contains("stopping:").then_some(())
    });
    lab.clear("aws-hang");
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(processes_in(&lab.path().join("data")).is_empty());
    let tags = lab.by_hand(&["bucket-tags", "demo-uploads"]);
    assert!(!tags.contains("hacked"), "{tags}");

    let daemon = Daemon::restart(&lab);
    let run = &daemon.runs(STORAGE)[0];
    assert_eq!(run["state"], "finished");
    let stack = daemon.stack(STORAGE);
    assert_eq!(
        run["outcome"]["kind"],
        "repaired",
        "{stack:#}\n{}",
        daemon.log()
    );
    assert_eq!(stack["verdict"], "in_sync");
    assert!(stack["held"].is_null());
    told(&lab, &daemon, "[repaired] infra/live/storage");
    daemon.all_told();
    assert_eq!(mails(&lab, "[repaired] infra/live/storage"), 1);
    assert!(daemon.stop().success());
}
