//! What stands in the repository tightens what the operator allows, and never loosens it.

use serde_json::Value;

use crate::harness::{Daemon, Lab, Repository};

const ID: &str = "infra/live/web";
const BUCKET: &str = "tightened";

/// The operator would have the tags of buckets put back without asking.
const HEALS: &str = "policy:
  mode: heal
  confirm_after: 1s
  safe: [{ name: tags, type: aws_s3_bucket, attributes: [tags] }]
";

/// A daemon that repairs the bucket of a stack, in a repository that says something of it.
fn repairing(settings: &str, more: &str) -> Option<(Lab, Repository, Daemon)> {
    let lab = Lab::start("repository-settings")?;
    let repository = Repository::create(&lab, "infra");
    repository.write(".gitignore", ".terraform*\n");
    let provider = std::fs::read_to_string("examples/demo/estate/live/storage/provider.tf");
    let bucket = format!(
        "resource \"aws_s3_bucket\" \"uploads\" {{\n  bucket = \"{BUCKET}\"\n  tags = {{ Owner = \"platform\" }}\n}}\n"
    );
    repository.write_stack("live/web", &bucket);
    repository.write("live/web/providers.tf", &provider.unwrap());
    repository.write("live/.mooring.yaml", settings);
    lab.apply(&repository.work.join("live/web"), &[]);
    repository.push("First");
    let configuration = Daemon::configuration(&lab, &repository, HEALS);
    let configuration = configuration.replace("    poll: 1s\n", &format!("    poll: 1s\n{more}"));
    let daemon = Daemon::start(&lab, &configuration);
    daemon.wait_for_verdict(ID, "in_sync");
    daemon.settled(ID);
    Some((lab, repository, daemon))
}

fn tags(lab: &Lab) -> String {
    lab.by_hand(&["bucket-tags", BUCKET])
}

fn drifts(lab: &Lab, daemon: &Daemon) -> Value {
    lab.by_hand(&["retag-bucket", BUCKET, "Owner", "hacked"]);
    daemon.planned(ID)
}

#[test]
fn what_the_operator_would_repair_is_asked_about_where_the_repository_says_so() {
    let settings = "policy:\n  rules: [{ name: buckets, effect: ask, types: [aws_s3_bucket] }]\n";
    let Some((lab, repository, daemon)) = repairing(settings, "") else {
        return;
    };
    let stack = drifts(&lab, &daemon);
    assert_eq!(stack["decision"]["kind"], "ask", "{stack:#}");
    assert!(tags(&lab).contains("hacked"));
    let run = daemon.runs(ID)[0]["id"].as_str().unwrap().to_owned();
    let why = daemon.cli(&["why", &run]);
    let reason = "aws_s3_bucket.uploads: rule buckets of live/.mooring.yaml asks about a change of \
                  tags.Owner (rule buckets of live/.mooring.yaml: ask)";
    assert!(why.contains(reason), "{why}");
    // The decision is made again from what was known, what the repository said included.
    let config = daemon.config().display().to_string();
    let replayed = daemon.cli(&["policy", "test", "--config", &config]);
    assert!(replayed.contains("0 of them different"), "{replayed}");

    // Somebody says yes, and then the repository asks for more: that yes is good for nothing.
    let request = daemon.get("requests")["requests"][0]["short"].clone();
    let request = request.as_str().unwrap();
    let stricter =
        "policy:\n  rules: [{ name: buckets, effect: refuse, types: [aws_s3_bucket] }]\n";
    repository.write("live/.mooring.yaml", stricter);
    let commit = repository.push("Nobody touches the bucket");
    daemon.eventually("the stack is refused", || {
        let stack = daemon.stack(ID);
        let refused = stack["decision"]["kind"] == "refuse";
        (refused && stack["commit"] == commit.as_str()).then_some(())
    });
    daemon.settled(ID);
    daemon.refused(&["approve", request, "--by", "ann"]);
    assert!(tags(&lab).contains("hacked"));

    // Without a word of the repository the operator's rule counts.
    std::fs::remove_file(repository.work.join("live/.mooring.yaml")).unwrap();
    repository.push("As the operator says");
    daemon.eventually("the bucket is put back", || {
        tags(&lab).contains("platform").then_some(())
    });
    daemon.settled(ID);
    assert!(daemon.stop().success());
}

#[test]
fn settings_that_cannot_be_read_hold_repairs_back_and_somebody_is_told() {
    let wrong = "policy:\n  rules: [{ name: tags, effect: safe, types: [aws_s3_bucket] }]\n";
    let Some((lab, repository, daemon)) = repairing(wrong, "") else {
        return;
    };
    let stack = drifts(&lab, &daemon);
    assert_eq!(stack["verdict"], "drifted", "it is looked at all the same");
    assert_eq!(stack["decision"]["kind"], "alert", "{stack:#}");
    let reasons = stack["decision"]["reasons"].to_string();
    assert!(reasons.contains("live/.mooring.yaml:2:"), "{reasons}");
    assert!(tags(&lab).contains("hacked"));
    let source = daemon.source("infra");
    assert_eq!(source["error"]["kind"], "repository_settings", "{source:#}");
    assert!(daemon.cli(&["stacks"]).contains("live/.mooring.yaml:2:"));
    daemon.eventually("somebody is told", || {
        let mails = lab.mails_with(&["live/.mooring.yaml"]);
        (!mails.is_empty()).then_some(())
    });

    let mended = "policy: { max_changes: 5 }\nwatch: [shared]\n";
    repository.write("live/.mooring.yaml", mended);
    repository.push("Mended");
    daemon.eventually("the bucket is put back", || {
        tags(&lab).contains("platform").then_some(())
    });
    daemon.settled(ID);
    daemon.eventually("the source is well again", || {
        daemon.source("infra")["error"].is_null().then_some(())
    });
    // A change at a path that the file names is a reason to look.
    repository.write("shared/notes.txt", "read by nobody\n");
    let commit = repository.push("Notes");
    daemon.eventually("the stack is looked at", || {
        (daemon.stack(ID)["commit"] == commit.as_str()).then_some(())
    });
    assert!(daemon.stop().success());
}

#[test]
fn where_the_operator_wants_none_of_it_the_repository_says_nothing() {
    let settings = "policy: { mode: observe }\n";
    let off = "    repository: { settings: false }\n";
    let Some((lab, _, daemon)) = repairing(settings, off) else {
        return;
    };
    drifts(&lab, &daemon);
    assert!(tags(&lab).contains("platform"));
    assert!(daemon.stop().success());
}
