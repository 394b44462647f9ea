//! An API that hangs or is gone.

use super::{OBSERVE, estate, failed, mails, processes_in, told, told_of_first_look};
use crate::harness::Daemon;

#[test]
fn an_api_that_hangs_or_is_gone_stops_only_who_needs_it() {
    let Some((lab, repository)) = estate("faults::api", &["hung", "gone", "other"]) else {
        return;
    };
    // The faults are in front of the emulator: one stack goes round them.
    let more = format!(
        r#"{OBSERVE}stacks:
  - match: infra/hung
    timeouts: {{ plan: 5s, grace: 2s }}
  - match: infra/other
    env: {{ AWS_ENDPOINT_URL_S3: "{}" }}
"#,
        lab.field("emulator")
    );
    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, &more));
    for stack in ["infra/hung", "infra/gone", "infra/other"] {
        daemon.wait_for_verdict(stack, "in_sync");
    }
    told_of_first_look(&lab, &daemon);

    lab.fault("aws-hang");
    assert!(daemon.ask_for_plan("infra/hung"));
    assert_eq!(daemon.planned("infra/other")["verdict"], "in_sync");
    failed(&daemon, "infra/hung", "timed_out", "5 s");
    told(&lab, &daemon, "[failed: timed_out] infra/hung");
    daemon.settled("infra/hung");
    let left = processes_in(&lab.path().join("data"));
    assert!(left.is_empty(), "{left:?}");
    lab.clear("aws-hang");
    assert_eq!(daemon.planned("infra/hung")["verdict"], "in_sync");
    told(&lab, &daemon, "[resolved] infra/hung");

    lab.fault("aws-down");
    assert!(daemon.ask_for_plan("infra/gone"));
    assert_eq!(daemon.planned("infra/other")["verdict"], "in_sync");
    failed(&daemon, "infra/gone", "backend_unreachable", "connection");
    told(&lab, &daemon, "[failed: backend_unreachable] infra/gone");
    lab.clear("aws-down");
    assert_eq!(daemon.planned("infra/gone")["verdict"], "in_sync");
    told(&lab, &daemon, "[resolved] infra/gone");

    daemon.all_told();
    assert_eq!(mails(&lab, "[failed: timed_out] infra/hung"), 1);
    assert_eq!(mails(&lab, "[failed: backend_unreachable] infra/gone"), 1);
    assert!(daemon.stop().success());
}
