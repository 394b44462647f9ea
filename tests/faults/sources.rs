//! Repositories that cannot be reached, refuse the credentials or lack the ref.

use super::{OBSERVE, RESOURCE, estate, mails, says, told, told_of_first_look};
use crate::harness::{Daemon, Lab, Repository, free_port};

#[test]
fn a_source_that_cannot_be_read_is_told_and_stops_nothing() {
    let Some((lab, infra)) = estate("faults::sources", &["live/a"]) else {
        return;
    };
    let other = Repository::create(&lab, "other");
    other.write("README", "No stack yet.\n");
    other.push("First");
    let daemon = Daemon::start(&lab, &configuration(&lab, &infra, &other));

    daemon.wait_for_verdict("infra/live/a", "in_sync");
    told_of_first_look(&lab, &daemon);
    assert!(daemon.source("infra")["error"].is_null());
    broken(
        &lab,
        &daemon,
        "closed",
        "repository_unreachable",
        "127.0.0.1",
    );
    broken(&lab, &daemon, "nope", "ref_not_found", "nope");
    broken(&lab, &daemon, "refused", "repository_refused", "401");

    it_recovers_when_it_is_mended(&lab, &daemon, &other);
    let daemon = the_last_known_stacks_outlive_a_restart(&lab, daemon);
    credentials_that_are_withdrawn(&lab, &daemon);

    daemon.all_told();
    for subject in [
        "[failed: repository_unreachable] closed",
        "[failed: ref_not_found] nope",
        "[failed: repository_refused] infra",
    ] {
        assert_eq!(mails(&lab, subject), 1, "{subject}");
    }
    assert!(daemon.stop().success());
}

fn configuration(lab: &Lab, infra: &Repository, other: &Repository) -> String {
    let dir = lab.path().display();
    std::fs::write(lab.path().join("changing-token"), "wrong").unwrap();
    let (user, token) = (lab.field("git_user"), lab.field("git_token_file"));
    let (url, closed) = (&other.url, free_port());
    let more = format!(
        r#"  - {{ name: closed, url: "https://127.0.0.1:{closed}/x.git", poll: 1s }}
  - {{ name: nope, url: "{url}", ref: nope, username: {user}, token_file: {token}, poll: 1s }}
  - name: refused
    url: {url}
    ref: main
    username: {user}
    token_file: {dir}/changing-token
    poll: 1s
notify:
"#
    );
    Daemon::configuration(lab, infra, OBSERVE).replacen("notify:\n", &more, 1)
}

fn broken(lab: &Lab, daemon: &Daemon, source: &str, kind: &str, words: &str) {
    let seen = daemon.eventually(&format!("{source}: {kind}"), || {
        let seen = daemon.source(source);
        (seen["error"]["kind"] == kind).then_some(seen)
    });
    says(&seen["error"], words);
    told(lab, daemon, &format!("[failed: {kind}] {source}"));
}

fn mended(lab: &Lab, daemon: &Daemon, source: &str) {
    daemon.eventually(&format!("{source} is read"), || {
        let seen = daemon.source(source);
        (!seen["commit"].is_null() && seen["error"].is_null()).then_some(())
    });
    told(lab, daemon, &format!("[resolved] {source}"));
}

fn it_recovers_when_it_is_mended(lab: &Lab, daemon: &Daemon, other: &Repository) {
    let token = std::fs::read(lab.field("git_token_file")).unwrap();
    std::fs::write(lab.path().join("changing-token"), token).unwrap();
    mended(lab, daemon, "refused");
    other.write_stack("live/b", RESOURCE);
    lab.apply(&other.work.join("live/b"), &[]);
    other.write(".gitignore", ".terraform*\n");
    other.push_to("nope", "A stack");
    mended(lab, daemon, "nope");
    daemon.wait_for_verdict("nope/live/b", "in_sync");
}

fn the_last_known_stacks_outlive_a_restart(lab: &Lab, daemon: Daemon) -> Daemon {
    lab.fault("git-down-infra");
    broken(lab, &daemon, "infra", "repository_unreachable", "503");
    assert_eq!(daemon.planned("infra/live/a")["verdict"], "in_sync");
    assert!(daemon.stop().success());

    let daemon = Daemon::restart(lab);
    let before = daemon.runs("infra/live/a").len();
    let stack = daemon.planned_once_known("infra/live/a");
    assert_eq!(stack["verdict"], "in_sync");
    let runs = daemon.runs("infra/live/a");
    assert_eq!(runs.len(), before + 1);
    assert_eq!(runs[0]["outcome"]["kind"], "checked");
    assert!(!daemon.source("infra")["error"].is_null());

    lab.clear("git-down-infra");
    mended(lab, &daemon, "infra");
    daemon
}

fn credentials_that_are_withdrawn(lab: &Lab, daemon: &Daemon) {
    lab.fault("git-refuse-infra");
    broken(lab, daemon, "infra", "repository_refused", "401");
    assert_eq!(daemon.planned("infra/live/a")["verdict"], "in_sync");
    lab.clear("git-refuse-infra");
    daemon.eventually("infra is read again", || {
        (daemon.source("infra")["error"].is_null() && mails(lab, "[resolved] infra") == 2)
            .then_some(())
    });
}
