//! People are asked about one exact plan: their yes is good for it and for no other.

use serde_json::Value;

use crate::harness::{Daemon, Lab, Repository};

const ID: &str = "infra/web";
const OTHER: &str = "infra/db";
const BUCKET: &str = "approvals";

/// Nothing is safe by rule: a person is asked about everything.
const ASK: &str = "policy: { mode: heal, confirm_after: 1s }\n";

fn bucket(tag: &str) -> String {
    format!(
        "resource \"aws_s3_bucket\" \"uploads\" {{\n  bucket = \"{BUCKET}\"\n  tags = {{ Owner = \"{tag}\" }}\n}}\n"
    )
}

/// A daemon on a bucket that has drifted, and what people are asked about it.
fn asked(test: &str, more: &str) -> Option<(Lab, Repository, Daemon, String)> {
    let lab = Lab::start(test)?;
    let repository = Repository::create(&lab, "infra");
    repository.write(".gitignore", ".terraform*\n");
    let provider = std::fs::read_to_string("examples/demo/estate/live/storage/provider.tf");
    let provider = provider.unwrap();
    repository.write_stack("web", &bucket("platform"));
    repository.write("web/providers.tf", &provider);
    repository.write_stack(
        "db",
        "resource \"terraform_data\" \"it\" {\n  input = \"one\"\n}\n",
    );
    for stack in ["web", "db"] {
        lab.apply(&repository.work.join(stack), &[]);
    }
    repository.push("First");
    let configuration = Daemon::configuration(&lab, &repository, &format!("{ASK}{more}"));
    let daemon = Daemon::start(&lab, &configuration);
    daemon.wait_for_verdict(ID, "in_sync");
    daemon.wait_for_verdict(OTHER, "in_sync");
    daemon.eventually("the summary of the first look", || {
        (!lab.mails_with(&["first look"]).is_empty()).then_some(())
    });
    lab.by_hand(&["retag-bucket", BUCKET, "Owner", "hacked"]);
    let stack = daemon.planned(ID);
    assert_eq!(stack["decision"]["kind"], "ask", "{stack:#}");
    let request = waiting(&daemon)[0]["short"].as_str().unwrap().to_owned();
    Some((lab, repository, daemon, request))
}

/// What waits for people.
pub fn waiting(daemon: &Daemon) -> Vec<Value> {
    daemon.get("requests")["requests"]
        .as_array()
        .unwrap()
        .clone()
}

/// A request, whatever has become of it.
pub fn request(daemon: &Daemon, short: &str) -> Value {
    let all = daemon.get("requests?all=true");
    let mut all = all["requests"].as_array().unwrap().clone().into_iter();
    all.find(|request| request["short"] == short).unwrap()
}

fn tags(lab: &Lab) -> String {
    lab.by_hand(&["bucket-tags", BUCKET])
}

fn repairs(daemon: &Daemon) -> usize {
    let runs = daemon.runs(ID);
    runs.iter()
        .filter(|run| run["outcome"]["kind"] == "repaired")
        .count()
}

#[test]
fn what_a_person_approves_is_applied_once_and_told() {
    let Some((lab, _, daemon, request_id)) = asked("approval", "") else {
        return;
    };
    // Whoever is told is told what to type.
    daemon.eventually("a mail that says how to approve", || {
        let mail = lab.mails_with(&[&format!("mooring approve {request_id}")]);
        (!mail.is_empty()).then_some(())
    });
    assert!(daemon.cli(&["requests"]).contains(&request_id));
    let shown = daemon.cli(&["requests", &request_id]);
    assert!(shown.contains("tags.Owner: hacked → platform"), "{shown}");
    assert_eq!(repairs(&daemon), 0);

    let said = daemon.cli(&["approve", &request_id, "--by", "ann", "--reason", "known"]);
    assert!(said.starts_with("approved: infra/web"), "{said}");
    daemon.wait_for_verdict(ID, "in_sync");
    daemon.settled(ID);
    assert!(tags(&lab).contains("platform"));
    assert_eq!(repairs(&daemon), 1);
    let used = request(&daemon, &request_id);
    assert_eq!(used["state"], "used", "{used:#}");
    assert_eq!(used["approved_by"][0]["by"], "ann");
    assert_eq!(used["applied_by_run"], daemon.runs(ID)[0]["id"]);
    for subject in ["approved by ann", "repaired"] {
        daemon.eventually(subject, || {
            (!lab.mails_with(&[subject]).is_empty()).then_some(())
        });
    }
    // A yes is good for one apply.
    lab.by_hand(&["retag-bucket", BUCKET, "Owner", "hacked"]);
    daemon.planned(ID);
    assert!(tags(&lab).contains("hacked"));
    assert_eq!(repairs(&daemon), 1);
    assert_ne!(waiting(&daemon)[0]["short"], request_id.as_str());
    assert!(daemon.stop().success());
}

#[test]
fn an_approval_of_one_plan_is_none_of_another() {
    let Some((lab, repository, daemon, first)) = asked("approval", "") else {
        return;
    };
    // The world moves on between the question and the answer.
    lab.by_hand(&["retag-bucket", BUCKET, "Team", "somebody"]);
    daemon.cli(&["approve", &first, "--by", "ann"]);
    daemon.settled(ID);
    let void = request(&daemon, &first);
    assert_eq!(void["state"], "void", "{void:#}");
    let differs = void["differs"].to_string();
    assert!(differs.contains("aws_s3_bucket.uploads"), "{differs}");
    assert!(tags(&lab).contains("hacked") && tags(&lab).contains("somebody"));
    daemon.eventually("people hear that it is void", || {
        let mail = lab.mails_with(&[&format!("request {first} is void")]);
        (!mail.is_empty()).then_some(())
    });

    // Git moves what the stack reads: the plan looks the same and is not.
    let second = waiting(&daemon)[0]["short"].as_str().unwrap().to_owned();
    repository.write(
        "web/notes.txt",
        "read by nobody, as far as anybody can tell\n",
    );
    let commit = repository.push("Notes");
    daemon.eventually("the new commit is seen", || {
        (daemon.stack(ID)["commit"] == commit.as_str()).then_some(())
    });
    daemon.settled(ID);
    let void = request(&daemon, &second);
    assert_eq!(void["state"], "void", "{void:#}");
    assert!(
        void["differs"].to_string().contains("Git moved"),
        "{void:#}"
    );
    let third = waiting(&daemon)[0]["short"].as_str().unwrap().to_owned();

    // What others commit elsewhere does not touch it: the approved commit is planned and applied.
    repository.write("db/notes.txt", "elsewhere\n");
    let elsewhere = repository.push("Elsewhere");
    daemon.eventually("the other stack is at the new commit", || {
        (daemon.stack(OTHER)["commit"] == elsewhere.as_str()).then_some(())
    });
    daemon.cli(&["approve", &third, "--by", "ann"]);
    daemon.wait_for_verdict(ID, "in_sync");
    daemon.settled(ID);
    assert_eq!(request(&daemon, &third)["state"], "used");
    assert_eq!(repairs(&daemon), 1);
    assert!(!tags(&lab).contains("somebody"));
    assert!(daemon.stop().success());
}

#[test]
fn what_is_rejected_is_left_alone_and_what_is_paused_waits() {
    let Some((lab, _, daemon, first)) = asked("approval", "") else {
        return;
    };
    daemon.cli(&["reject", &first, "--by", "cleo", "--reason", "an incident"]);
    daemon.planned(ID);
    let rejected = request(&daemon, &first);
    assert_eq!(rejected["state"], "rejected");
    assert_eq!(rejected["rejected_by"]["by"], "cleo");
    // Somebody who has it planned wants to be asked again.
    let second = waiting(&daemon)[0]["short"].as_str().unwrap().to_owned();
    assert_ne!(second, first);

    daemon.cli(&["pause", "--all", "--reason", "an incident", "--by", "cleo"]);
    assert!(
        daemon
            .cli(&["pause"])
            .contains("everything is paused by cleo")
    );
    daemon.cli(&["approve", &second, "--by", "ann"]);
    daemon.settled(ID);
    assert!(tags(&lab).contains("hacked"));
    assert_eq!(request(&daemon, &second)["state"], "approved");
    daemon.kill();
    let daemon = Daemon::restart(&lab);
    daemon.eventually("it was looked at after the restart", || {
        let run = daemon.runs(ID).into_iter().next()?;
        (run["trigger"] == "approval" && run["state"] == "finished").then_some(())
    });
    assert!(tags(&lab).contains("hacked"));

    daemon.cli(&["resume", "--all", "--by", "cleo"]);
    daemon.wait_for_verdict(ID, "in_sync");
    daemon.settled(ID);
    assert!(tags(&lab).contains("platform"));
    assert_eq!(request(&daemon, &second)["state"], "used");
    assert!(daemon.stop().success());
}

#[test]
fn a_stack_goes_back_to_an_earlier_commit_when_people_say_so() {
    let Some((lab, repository, daemon, _)) = asked("approval", "") else {
        return;
    };
    let first = repository.head();
    let two = "resource \"terraform_data\" \"it\" {\n  input = \"two\"\n}\n";
    repository.write("db/main.tf", two);
    let second = repository.push("Two");
    daemon.wait_for_verdict(OTHER, "pending");
    lab.apply(&repository.work.join("db"), &[]);
    daemon.planned(OTHER);
    daemon.wait_for_verdict(OTHER, "in_sync");

    let wanted = || {
        let why = ["--by", "ann", "--reason", "two is bad"];
        let said = daemon.cli(&[&["rollback", OTHER, "--to", &first[..12]], &why[..]].concat());
        assert!(said.contains("two → one"), "{said}");
        assert!(said.contains("ann wants it back as it was at"), "{said}");
        daemon.settled(OTHER);
        let of_stack = |request: &Value| request["stack"] == OTHER;
        let request = waiting(&daemon).into_iter().find(of_stack).unwrap();
        request["short"].as_str().unwrap().to_owned()
    };
    // Without a copy of the state there is no way back from the way back: it is not gone, and not tried
    // again by itself.
    let snapshots = lab.path().join("data/snapshots");
    let _absent = std::fs::remove_dir_all(&snapshots);
    std::fs::write(&snapshots, "").unwrap();
    let in_vain = wanted();
    daemon.cli(&["approve", &in_vain, "--by", "bob"]);
    daemon.settled(OTHER);
    let void = request(&daemon, &in_vain);
    assert_eq!(void["state"], "void", "{void:#}");
    let differs = void["differs"].to_string();
    assert!(differs.contains("it cannot be applied"), "{differs}");
    assert!(!daemon.cli(&["pause"]).contains("rolled back to"));
    daemon.eventually("people hear that it is void", || {
        let mail = lab.mails_with(&[&format!("request {in_vain} is void")]);
        (!mail.is_empty()).then_some(())
    });
    std::fs::remove_file(&snapshots).unwrap();

    let request_id = wanted();
    // It is a question and no trouble: the stack is as Git wants it.
    assert_eq!(daemon.stack(OTHER)["verdict"], "in_sync");
    daemon.eventually("people are asked", || {
        let mail = lab.mails_with(&["approval wanted for going back"]);
        (!mail.is_empty()).then_some(())
    });

    daemon.cli(&["approve", &request_id, "--by", "bob"]);
    daemon.wait_for_verdict(OTHER, "pending");
    daemon.settled(OTHER);
    let used = request(&daemon, &request_id);
    assert_eq!(used["state"], "used", "{used:#}");
    let run = daemon.get(&format!(
        "runs/{}",
        used["applied_by_run"].as_str().unwrap()
    ));
    assert_eq!(run["outcome"]["kind"], "repaired", "{run:#}");
    assert_eq!(run["commit"], first.as_str());
    let stack = daemon.stack(OTHER);
    assert_eq!(stack["commit"], second.as_str(), "{stack:#}");
    assert!(daemon.cli(&["pause"]).contains("rolled back to"));
    assert!(daemon.stop().success());
}

#[test]
fn a_way_back_waits_for_the_end_of_a_freeze() {
    let Some((lab, repository, daemon, _)) = asked("approval", "") else {
        return;
    };
    assert!(daemon.stop().success());
    let first = repository.head();
    let two = "resource \"terraform_data\" \"it\" {\n  input = \"two\"\n}\n";
    repository.write("db/main.tf", two);
    repository.push("Two");
    lab.apply(&repository.work.join("db"), &[]);
    let frozen = "policy:\n  mode: heal\n  confirm_after: 1s\n  freezes: [{ from: 2020-01-01, to: \
                  2099-12-31, reason: a big sale }]\n";
    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, frozen));
    daemon.planned_once_known(OTHER);
    daemon.wait_for_verdict(OTHER, "in_sync");
    let said = daemon.cli(&["rollback", OTHER, "--to", &first[..12], "--by", "ann"]);
    assert!(said.contains("a big sale"), "{said}");
    daemon.settled(OTHER);
    let of_stack = |request: &Value| request["stack"] == OTHER;
    let asked = waiting(&daemon).into_iter().find(of_stack).unwrap();
    let asked = asked["short"].as_str().unwrap();
    daemon.cli(&["approve", asked, "--by", "bob"]);
    daemon.planned(OTHER);
    assert_eq!(request(&daemon, asked)["state"], "approved");
    assert_eq!(daemon.stack(OTHER)["verdict"], "in_sync");
    assert!(daemon.stop().success());

    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, ASK));
    daemon.wait_for_verdict(OTHER, "pending");
    assert_eq!(request(&daemon, asked)["state"], "used");
    assert!(daemon.stop().success());
}

#[test]
fn what_was_approved_is_void_once_policy_wants_other_approvals() {
    let Some((lab, _, daemon, first)) = asked("approval", "") else {
        return;
    };
    daemon.cli(&["pause", "--all", "--by", "cleo"]);
    daemon.cli(&["approve", &first, "--by", "ann"]);
    daemon.settled(ID);
    assert_eq!(request(&daemon, &first)["state"], "approved");
    assert!(daemon.stop().success());
    let pair = "rules: [{ name: pair, effect: ask, types: [\"aws_*\"], approval: { count: 2 } }]";
    let config = lab.path().join("mooring.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace(
        "confirm_after: 1s }",
        &format!("confirm_after: 1s, {pair} }}"),
    );
    std::fs::write(&config, text).unwrap();

    let daemon = Daemon::restart(&lab);
    daemon.planned_once_known(ID);
    daemon.cli(&["resume", "--all", "--by", "cleo"]);
    daemon.planned(ID);
    let void = request(&daemon, &first);
    assert_eq!(void["state"], "void", "{void:#}");
    let differs = void["differs"].to_string();
    assert!(differs.contains("other approvals"), "{differs}");
    assert!(tags(&lab).contains("hacked"));
    // The next question needs two, and whoever has only a name to say is none of them.
    let second = waiting(&daemon)[0].clone();
    assert_eq!(second["missing"][0], "2 people", "{second:#}");
    let second = second["short"].as_str().unwrap();
    let refusal = daemon.refused(&["approve", second, "--by", "ann"]);
    assert!(refusal.contains("a token of one's own"), "{refusal}");
    assert!(daemon.stop().success());
}

/// Only tags of buckets are safe, and nothing is if somebody is called hacked twice.
const POLICY: &str = r#"package mooring

import rego.v1

safe contains {"address": finding.address, "reason": "only tags"} if {
	some finding in data.mooring.findings
	finding.type == "aws_s3_bucket"
	every attribute in finding.attributes {
		regex.match(`^tags(_all)?\.`, attribute.path)
	}
}
"#;
const DENIAL: &str = r#"package main

deny[msg] {
	change := input.resource_changes[_]
	change.change.before.tags.Frozen
	msg := sprintf("%s is frozen", [change.address])
}
"#;

#[test]
fn policies_in_rego_let_through_and_hold_back() {
    let Some((lab, _, daemon, request_id)) = asked("approval", "") else {
        return;
    };
    assert!(daemon.stop().success());
    let policies = lab.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::write(policies.join("mooring.rego"), POLICY).unwrap();
    std::fs::write(policies.join("main.rego"), DENIAL).unwrap();
    let config = lab.path().join("mooring.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace(
        "confirm_after: 1s }",
        "confirm_after: 1s, rego: { policies: [policies] } }",
    );
    std::fs::write(&config, text).unwrap();
    let daemon = Daemon::restart(&lab);
    let stack = daemon.planned_once_known(ID);
    assert_eq!(stack["verdict"], "in_sync", "{stack:#}");
    assert!(tags(&lab).contains("platform"));
    // The question is void: nobody has to answer it any more.
    assert_eq!(request(&daemon, &request_id)["state"], "void");

    lab.by_hand(&["retag-bucket", BUCKET, "Frozen", "yes"]);
    let stack = daemon.planned(ID);
    assert_eq!(stack["decision"]["kind"], "ask", "{stack:#}");
    let reasons = stack["decision"]["reasons"].to_string();
    assert!(
        reasons.contains("aws_s3_bucket.uploads is frozen"),
        "{reasons}"
    );
    assert!(tags(&lab).contains("Frozen"));
    assert!(daemon.stop().success());
}
