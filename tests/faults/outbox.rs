//! Channels to people that are down for a while.

use super::{OBSERVE, RESOURCE, UNPARSABLE, estate, mails, posts, told_of_first_look};
use crate::harness::{Daemon, Lab};

const BROKEN_A: &str = "[failed: invalid_configuration] infra/a";
const BROKEN_B: &str = "[failed: invalid_configuration] infra/b";
const MENDED_A: &str = "[resolved] infra/a";

#[test]
fn what_a_channel_does_not_take_arrives_later_and_once() {
    let Some((lab, repository)) = estate("faults::outbox", &["a", "b"]) else {
        return;
    };
    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, OBSERVE));
    daemon.wait_for_verdict("infra/a", "in_sync");
    daemon.wait_for_verdict("infra/b", "in_sync");
    told_of_first_look(&lab, &daemon);

    // The mail server is down: chat hears at once, the mail comes later.
    lab.fault("smtp-down");
    repository.write("a/main.tf", UNPARSABLE);
    repository.push("Break a");
    posted(&lab, &daemon, BROKEN_A, "infra/a");
    put_off(&daemon, "team");
    assert_eq!(mails(&lab, BROKEN_A), 0);
    lab.clear("smtp-down");
    mailed(&lab, &daemon, BROKEN_A);

    // The webhooks ask for patience, and Mooring is restarted while they do.
    lab.fault("webhook-429");
    repository.write("b/main.tf", UNPARSABLE);
    repository.push("Break b");
    mailed(&lab, &daemon, BROKEN_B);
    put_off(&daemon, "oncall");
    put_off(&daemon, "hook");
    assert_eq!(posts(&lab, "/", &["infra/b"]), 0);
    daemon.kill();
    let daemon = Daemon::restart(&lab);
    lab.clear("webhook-429");
    posted(&lab, &daemon, BROKEN_B, "infra/b");

    // The webhooks are out of order.
    lab.fault("webhook-500");
    repository.write("a/main.tf", RESOURCE);
    repository.push("Mend a");
    mailed(&lab, &daemon, MENDED_A);
    put_off(&daemon, "oncall");
    assert_eq!(posts(&lab, "/slack/", &[MENDED_A]), 0);
    lab.clear("webhook-500");
    daemon.all_told();

    for subject in [BROKEN_A, BROKEN_B, MENDED_A] {
        assert_eq!(mails(&lab, subject), 1, "{subject}");
        assert_eq!(posts(&lab, "/slack/", &[subject]), 1, "{subject}");
    }
    assert_eq!(posts(&lab, "/hook/", &["infra/a"]), 2);
    assert_eq!(posts(&lab, "/hook/", &["infra/b"]), 1);
    assert!(daemon.stop().success());
}

fn posted(lab: &Lab, daemon: &Daemon, subject: &str, stack: &str) {
    daemon.eventually(&format!("posts: {subject}"), || {
        let both = posts(lab, "/slack/", &[subject]) == 1 && posts(lab, "/hook/", &[stack]) == 1;
        both.then_some(())
    });
}

fn mailed(lab: &Lab, daemon: &Daemon, subject: &str) {
    daemon.eventually(&format!("mail: {subject}"), || {
        (mails(lab, subject) == 1).then_some(())
    });
}

/// Waits until a message to this receiver has been put off since the last of it was delivered.
fn put_off(daemon: &Daemon, receiver: &str) {
    daemon.eventually(&format!("a message to {receiver} is put off"), || {
        let log = daemon.whole_log();
        let last = log
            .lines()
            .rfind(|line| line.contains(receiver) && line.contains("delivered"))?;
        last.contains("to be tried again").then_some(())
    });
}
