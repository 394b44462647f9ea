//! The whole story: five stacks, things done to them by hand and in Git, and what Mooring makes of
//! it.

use std::path::Path;

use crate::harness::{Daemon, Lab, Repository};

const PASSWORD: &str = "correct-horse-battery-staple";
const ROTATED: &str = "purple-monkey-dishwasher-42";
const STACKS: [&str; 5] = ["app", "queue", "secrets", "storage", "table"];

const POLICY: &str = r#"policy:
  mode: heal
  confirm_after: 1s
  pending_after: 1s
  safe:
    - { type: aws_s3_bucket, attributes: [tags] }
  severities:
    - { type: aws_security_group, attributes: [ingress], severity: medium }
stacks:
  - match: infra/live/secrets
    env: { TF_VAR_database_password: { file: "@DIR@/database-password" } }
"#;

#[test]
fn five_stacks_from_first_look_to_all_clear() {
    let Some(lab) = Lab::start("story") else {
        return;
    };
    let repository = Repository::create(&lab, "infra");
    repository.copy("examples/demo/estate");
    let password = [("TF_VAR_database_password", PASSWORD)];
    for stack in STACKS {
        lab.apply(&repository.work.join("live").join(stack), &password);
    }
    repository.push("Five stacks");
    std::fs::write(lab.path().join("database-password"), PASSWORD).unwrap();
    let policy = POLICY.replace("@DIR@", &lab.path().display().to_string());
    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, &policy));

    first_look_is_one_summary(&lab, &daemon);
    somebody_works_by_hand(&lab, &repository);
    it_finds_exactly_that(&lab, &daemon);
    it_repairs_only_what_is_allowed(&lab, &daemon);
    it_says_nothing_new_on_the_next_pass(&lab, &daemon);
    it_announces_that_the_world_is_put_back(&lab, &repository, &daemon);
    it_reports_on_all_of_it(&daemon);
    it_tells_why_and_would_decide_the_same(&daemon);

    assert!(daemon.stop().success());
    for place in ["data", "mail", "posts", "mooring.log", "lab.log"] {
        no_secret_in(&lab.path().join(place));
    }
}

fn first_look_is_one_summary(lab: &Lab, daemon: &Daemon) {
    daemon.eventually("the summary of the first look", || {
        (!lab.mails_with(&["first look"]).is_empty()).then_some(())
    });
    assert!(
        lab.mails_with(&["5 stacks, 5 in sync"])
            .contains("Subject:")
    );
    daemon.eventually("one message per receiver", || {
        (lab.message_count() == 3).then_some(())
    });
}

fn somebody_works_by_hand(lab: &Lab, repository: &Repository) {
    lab.by_hand(&["retag-bucket", "demo-uploads", "Environment", "hacked"]);
    lab.by_hand(&["open-port", "demo-bastion", "22"]);
    lab.by_hand(&["delete-queue", "demo-jobs"]);
    lab.by_hand(&["rotate-secret", "/demo/database/password", ROTATED]);
    let app = repository.work.join("live/app/main.tf");
    let text = std::fs::read_to_string(&app).unwrap();
    let changed = text.replace("log_retention_days = 7", "log_retention_days = 14");
    assert_ne!(text, changed);
    std::fs::write(app, changed).unwrap();
    repository.push("Keep logs for two weeks");
}

fn it_finds_exactly_that(lab: &Lab, daemon: &Daemon) {
    let app = daemon.wait_for_verdict("infra/live/app", "pending");
    let finding = &app["findings"][0];
    assert_eq!(
        finding["address"],
        "module.web.aws_cloudwatch_log_group.this"
    );
    assert_eq!(finding["origin"], "pending");
    assert_eq!(app["findings"].as_array().unwrap().len(), 1, "{app:#}");
    // The block itself did not change: what it is given did.
    let location = &finding["location"];
    assert!(location["file"].as_str().unwrap().starts_with("modules/"));
    assert_eq!(location["last_change"]["subject"], "Five stacks");

    let queue = daemon.planned("infra/live/queue");
    assert_eq!(queue["verdict"], "drifted");
    assert_eq!(queue["findings"][0]["attributes"][0]["path"], "<deleted>");
    assert_eq!(queue["findings"][0]["irreversible"], true);
    let location = &queue["findings"][0]["location"];
    assert_eq!(location["file"], "live/queue/main.tf");
    assert_eq!(location["last_change"]["subject"], "Five stacks");
    assert_eq!(queue["decision"]["kind"], "ask");

    let secrets = daemon.planned("infra/live/secrets");
    assert_eq!(secrets["verdict"], "drifted");
    let value = &secrets["findings"][0]["attributes"][0];
    assert_eq!(
        (&value["path"], &value["real"]),
        (&"value".into(), &"(sensitive)".into())
    );

    // Code may wait for a second here: the next look says that it does.
    daemon.planned("infra/live/app");
    let table = daemon.planned("infra/live/table");
    assert_eq!(table["verdict"], "in_sync");
    assert_eq!(table["findings"].as_array().unwrap().len(), 0);
    let log_group = "module.web.aws_cloudwatch_log_group.this";
    for address in [
        "aws_sqs_queue.jobs",
        "aws_ssm_parameter.database_password",
        log_group,
    ] {
        daemon.eventually(&format!("mail and post about {address}"), || {
            let mailed = !lab.mails_with(&[address]).is_empty();
            (mailed && !lab.posts_with(&[address]).is_empty()).then_some(())
        });
    }
    let mail = lab.mails_with(&["aws_sqs_queue.jobs"]);
    assert!(mail.contains("live/queue/main.tf:"), "{mail}");
    assert!(mail.contains("last changed by"), "{mail}");
    // Its variables are in Mooring's environment: a command without them would be another plan.
    assert!(
        mail.contains("terraform apply in live/queue of infra, with the"),
        "{mail}"
    );
    assert_eq!(lab.by_hand(&["queue-exists", "demo-jobs"]).trim(), "false");
    assert_eq!(
        lab.by_hand(&["get-secret", "/demo/database/password"])
            .trim(),
        ROTATED
    );
}

fn it_repairs_only_what_is_allowed(lab: &Lab, daemon: &Daemon) {
    let storage = daemon.planned("infra/live/storage");
    assert!(
        lab.by_hand(&["bucket-tags", "demo-uploads"])
            .contains("\"prod\"")
    );
    assert_eq!(
        lab.by_hand(&["port-open", "demo-bastion", "22"]).trim(),
        "true"
    );
    // The apply wrote the open port into the state: no plan shows it any more, the ledger does.
    assert_eq!(storage["verdict"], "in_sync");
    let finding = &storage["findings"][0];
    assert_eq!(finding["address"], "aws_security_group.bastion");
    assert_eq!(finding["origin"], "unenforced");
    daemon.eventually("mail about the repair and about the port", || {
        let repair = lab.mails_with(&["repaired", "aws_s3_bucket.uploads"]);
        let port = lab.mails_with(&["aws_security_group.bastion", "where no apply puts it back"]);
        (!repair.is_empty() && !port.is_empty()).then_some(())
    });
    let runs = daemon.get("runs?stack=infra/live/storage");
    let runs = runs["runs"].as_array().unwrap();
    assert_eq!(runs[0]["outcome"]["kind"], "repaired", "{runs:#?}");
    // The commit touched another stack, so nothing but the person asked for this one.
    assert!(runs.iter().all(|run| run["trigger"] != "git"), "{runs:#?}");
    let snapshots = daemon.get("stacks/infra%2Flive%2Fstorage/snapshots");
    let [snapshot] = snapshots["snapshots"].as_array().unwrap().as_slice() else {
        panic!("{snapshots:#}");
    };
    let id = snapshot["snapshot"].as_str().unwrap();
    let state = daemon.cli(&["state", "show", "infra/live/storage", id]);
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    assert_eq!(state["lineage"], snapshot["lineage"]);
    assert_eq!(state["serial"], snapshot["serial"]);
}

fn it_says_nothing_new_on_the_next_pass(lab: &Lab, daemon: &Daemon) {
    daemon.eventually("every message has left", || {
        let metrics = format!("{}/metrics", daemon.server());
        let text = reqwest::blocking::get(metrics).unwrap().text().unwrap();
        text.lines()
            .any(|line| line == "mooring_outbox_waiting 0")
            .then_some(())
    });
    let told = lab.message_count();
    for stack in STACKS {
        daemon.planned(&format!("infra/live/{stack}"));
    }
    let storage = daemon.stack("infra/live/storage");
    assert_eq!(
        storage["findings"][0]["address"],
        "aws_security_group.bastion"
    );
    assert_eq!(lab.message_count(), told, "{}", daemon.log());
}

fn it_announces_that_the_world_is_put_back(lab: &Lab, repository: &Repository, daemon: &Daemon) {
    lab.by_hand(&["close-port", "demo-bastion", "22"]);
    let password = [("TF_VAR_database_password", PASSWORD)];
    for stack in ["queue", "secrets", "app"] {
        lab.apply(&repository.work.join("live").join(stack), &password);
    }
    for stack in STACKS {
        let stack = daemon.planned(&format!("infra/live/{stack}"));
        assert_eq!(stack["verdict"], "in_sync", "{stack:#}");
        assert_eq!(stack["alerts"].as_array().unwrap().len(), 0, "{stack:#}");
    }
    for stack in ["queue", "secrets", "app", "storage"] {
        let name = format!("infra/live/{stack}");
        daemon.eventually(&format!("the resolution of {name}"), || {
            let mailed = !lab.mails_with(&["[resolved]", &name]).is_empty();
            (mailed && !lab.posts_with(&["resolved", &name]).is_empty()).then_some(())
        });
    }
}

fn it_reports_on_all_of_it(daemon: &Daemon) {
    let report = daemon.get("report?since=1h&source=infra");
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["counts"]["in_sync"], 5, "{report:#}");
    let alerts = &report["alerts"];
    assert_eq!(alerts["open"], 0, "{report:#}");
    assert_eq!(alerts["opened"], alerts["resolved"], "{report:#}");
    assert_eq!(alerts["repairs"], 1, "{report:#}");
    for (by, least) in [("outside", 3), ("code", 1)] {
        let number = report["fixed_by"][by].as_u64().unwrap();
        assert!(number >= least, "{by}: {report:#}");
    }
    let detect = &report["time_to_detect"]["all"];
    assert!(detect["median_seconds"].is_u64(), "{report:#}");
    let refused = daemon.get("report?since=soon");
    assert_eq!(refused["error"]["kind"], "bad_request", "{refused:#}");
    let none = daemon.get("report?source=other");
    assert_eq!(none["counts"]["stacks"], 0, "{none:#}");
    let text = daemon.cli(&["report", "--since", "1h"]);
    assert!(text.starts_with("All 5 stacks are in sync\n"), "{text}");
    let table = daemon.cli(&["report", "--format", "csv"]);
    assert_eq!(table.matches("\r\n").count(), 6, "{table}");
}

fn it_tells_why_and_would_decide_the_same(daemon: &Daemon) {
    let runs = daemon.get("runs?stack=infra/live/storage&limit=100");
    let mut runs = runs["runs"].as_array().unwrap().iter();
    let repair = runs.find(|run| run["outcome"]["kind"] == "repaired");
    let repair = repair.unwrap()["id"].as_str().unwrap();
    let why = daemon.cli(&["why", repair]);
    assert!(
        why.starts_with("infra/live/storage  drifted  apply\n"),
        "{why}"
    );
    assert!(
        why.contains("tags.Environment is drift and safe by rule"),
        "{why}"
    );
    let config = daemon.config().display().to_string();
    let same = daemon.cli(&["policy", "test", "--config", &config]);
    assert!(
        same.ends_with(" decisions, 0 of them different\n"),
        "{same}"
    );
}

fn no_secret_in(path: &Path) {
    // What is linked to (the provider's own program, in the lab's mirror) is not written by anybody
    // here, and its size would take minutes to search.
    if path.is_symlink() {
        return;
    }
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            no_secret_in(&entry.unwrap().path());
        }
    } else if path.is_file() {
        let bytes = std::fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for secret in [PASSWORD, ROTATED] {
            assert!(!text.contains(secret), "a secret is in {}", path.display());
        }
    }
}
