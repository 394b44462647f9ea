//! The daemon is killed on the way of a message, a channel hangs, or refuses.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{OBSERVE, RESOURCE, UNPARSABLE, estate, mails, posts, told_of_first_look};
use crate::harness::{Daemon, Lab};

const BROKEN_A: &str = "[failed: invalid_configuration] infra/a";
const BROKEN_B: &str = "[failed: invalid_configuration] infra/b";
const MENDED_A: &str = "[resolved] infra/a";

#[test]
fn killed_on_its_way_a_message_is_neither_lost_nor_another_one() {
    let Some((lab, repository)) = estate("faults::delivery", &["a"]) else {
        return;
    };
    let configuration = Daemon::configuration(&lab, &repository, OBSERVE);
    let patient = configuration.replace("group_wait: 0s", "group_wait: 15s");
    assert_ne!(patient, configuration);
    let daemon = Daemon::start(&lab, &patient);
    daemon.wait_for_verdict("infra/a", "in_sync");
    told_of_first_look(&lab, &daemon);

    // The news is stored, and is no message yet.
    repository.write("a/main.tf", UNPARSABLE);
    repository.push("Break a");
    daemon.eventually("an alert is open", || {
        let alerts = daemon.stack("infra/a")["alerts"].clone();
        (alerts != Value::Array(vec![])).then_some(())
    });
    assert_eq!(about(&daemon, "team", BROKEN_A), Vec::<Value>::new());
    daemon.kill();

    // The message is made, and the server takes none.
    lab.fault("smtp-down");
    let daemon = Daemon::restart(&lab);
    daemon.eventually("the message is tried", || {
        let messages = about(&daemon, "team", BROKEN_A);
        let tried = messages.first()?["attempts"].as_u64()? > 0;
        tried.then_some(())
    });
    let id = about(&daemon, "team", BROKEN_A)[0]["id"].clone();
    daemon.kill();
    lab.clear("smtp-down");
    assert_eq!(mails(&lab, BROKEN_A), 0);

    // The server has it, and the daemon does not know.
    lab.fault("smtp-hang");
    let daemon = Daemon::restart(&lab);
    mailed(&lab, &daemon, BROKEN_A);
    let messages = about(&daemon, "team", BROKEN_A);
    assert_eq!(messages.len(), 1);
    assert_eq!(
        (&messages[0]["id"], &messages[0]["state"]),
        (&id, &"waiting".into())
    );
    daemon.kill();
    lab.clear("smtp-hang");

    // It is sent again as the same one, and recorded.
    let daemon = Daemon::restart(&lab);
    daemon.all_told();
    assert_eq!(mails(&lab, BROKEN_A), 2);
    let mail = lab.mails_with(&[BROKEN_A]);
    let ids: Vec<&str> = mail
        .lines()
        .filter(|l| l.starts_with("Message-ID: "))
        .collect();
    assert_eq!(ids.len(), 2, "{mail}");
    assert_eq!(ids[0], ids[1]);
    assert!(ids[0].contains(id.as_str().unwrap()), "{ids:?}");
    daemon.kill();

    // Nothing of it is said once more.
    let daemon = Daemon::restart(&lab);
    repository.write("a/main.tf", RESOURCE);
    repository.push("Mend a");
    daemon.eventually("mail and post of the end", || {
        let both = mails(&lab, MENDED_A) == 1 && posts(&lab, "/slack/", &[MENDED_A]) == 1;
        both.then_some(())
    });
    daemon.all_told();
    assert_eq!(mails(&lab, BROKEN_A), 2);
    // Whatever the webhook has seen twice, it can tell.
    for event in ["mooring.alert.opened", "mooring.alert.resolved"] {
        let hooked = hooked(&lab, event);
        assert_eq!(hooked.len(), 1, "{event}: {hooked:?}");
    }
    assert!(daemon.stop().success());
}

#[test]
fn a_channel_that_hangs_holds_up_no_other_and_is_sent_the_same_again() {
    let Some((lab, repository)) = estate("faults::delivery", &["a", "b"]) else {
        return;
    };
    let beat = lab.path().join("beat-url");
    std::fs::write(
        &beat,
        format!("{}/beat/hidden-in-the-url", lab.field("webhook")),
    )
    .unwrap();
    let more = format!(
        "{OBSERVE}heartbeat: {{ url_file: {}, every: 10s }}\n",
        beat.display()
    );
    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, &more));
    daemon.wait_for_verdict("infra/a", "in_sync");
    daemon.wait_for_verdict("infra/b", "in_sync");
    told_of_first_look(&lab, &daemon);
    daemon.eventually("the heart beats", || {
        (posts(&lab, "/beat/", &[]) > 1).then_some(())
    });

    lab.fault("webhook-hang");
    repository.write("a/main.tf", UNPARSABLE);
    repository.push("Break a");
    daemon.eventually("the hook hangs", || {
        (hooked(&lab, "mooring.alert.opened").len() == 1).then_some(())
    });
    mailed(&lab, &daemon, BROKEN_A);
    repository.write("b/main.tf", UNPARSABLE);
    repository.push("Break b");
    mailed(&lab, &daemon, BROKEN_B);
    let waiting = daemon.cli(&["messages", "--state", "waiting", "--notifier", "oncall"]);
    assert!(
        waiting.contains(BROKEN_A) && waiting.contains("waiting"),
        "{waiting}"
    );
    daemon.eventually("the hook is left alone", || {
        let channels = daemon.get("channels");
        let channels = channels["channels"].as_array().unwrap();
        let hook = channels.iter().find(|c| c["name"] == "hook").unwrap();
        let team = channels.iter().find(|c| c["name"] == "team").unwrap();
        assert_eq!(team["state"], "closed");
        (hook["state"] != "closed" && hook["waiting"] != 0).then_some(())
    });
    let list = daemon.cli(&["messages"]);
    assert!(list.contains("hook takes no messages since"), "{list}");
    lab.clear("webhook-hang");
    daemon.all_told();
    assert_eq!(hooked(&lab, "mooring.alert.opened").len(), 2);
    assert_eq!(mails(&lab, BROKEN_A), 1);
    assert_eq!(mails(&lab, BROKEN_B), 1);
    let log = daemon.whole_log();
    assert!(!log.contains("hidden-in-the-url"), "{log}");
    assert!(daemon.stop().success());
}

#[test]
fn what_was_refused_is_sent_again_by_a_person() {
    let Some((lab, repository)) = estate("faults::delivery", &["a"]) else {
        return;
    };
    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, OBSERVE));
    daemon.wait_for_verdict("infra/a", "in_sync");
    told_of_first_look(&lab, &daemon);

    lab.fault("webhook-400");
    repository.write("a/main.tf", UNPARSABLE);
    repository.push("Break a");
    mailed(&lab, &daemon, "[undelivered] Mooring cannot reach hook");
    let lost = about(&daemon, "hook", BROKEN_A);
    let id = lost[0]["id"].as_str().unwrap();
    assert_eq!(lost[0]["state"], "given_up");
    let listed = daemon.cli(&["messages", "--state", "given_up", "--notifier", "hook"]);
    assert!(
        listed.contains(id) && listed.contains("answered 400"),
        "{listed}"
    );
    let shown = daemon.cli(&["messages", "show", id]);
    assert!(
        shown.contains("given up") && shown.contains("What you can do"),
        "{shown}"
    );

    lab.clear("webhook-400");
    let done = daemon.cli(&["messages", "retry", id, "--by", "ada"]);
    assert!(done.contains(id), "{done}");
    daemon.cli(&["messages", "retry", "--all", "--by", "ada"]);
    daemon.all_told();
    let hooked = hooked(&lab, "mooring.alert.opened");
    assert_eq!(hooked, BTreeSet::from([id.to_owned()]));
    assert_eq!(posts(&lab, "/slack/", &[BROKEN_A]), 1);
    let log = daemon.whole_log();
    let asked = log
        .lines()
        .any(|line| line.contains("ada") && line.contains(id));
    assert!(asked, "{log}");
    assert!(daemon.stop().success());
}

/// The messages to a receiver about this, newest first.
fn about(daemon: &Daemon, receiver: &str, subject: &str) -> Vec<Value> {
    let all = daemon.get(&format!("messages?limit=500&notifier={receiver}"));
    let all = all["messages"].as_array().unwrap().clone();
    let fits = |message: &Value| message["about"].as_str().unwrap().starts_with(subject);
    all.into_iter().filter(fits).collect()
}

/// The ids of the events of this type that the webhook got.
fn hooked(lab: &Lab, event: &str) -> BTreeSet<String> {
    let posts = std::fs::read_dir(lab.path().join("posts")).unwrap();
    let texts = posts.filter_map(|file| std::fs::read(file.unwrap().path()).ok());
    texts
        .filter_map(|text| serde_json::from_slice::<Value>(&text).ok())
        .filter(|post| post["body"]["type"] == event)
        .map(|post| {
            assert_eq!(post["headers"]["webhook-id"], post["body"]["id"]);
            post["body"]["id"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn mailed(lab: &Lab, daemon: &Daemon, subject: &str) {
    daemon.eventually(&format!("mail: {subject}"), || {
        (mails(lab, subject) > 0).then_some(())
    });
}
