//! Who applies elsewhere is noticed: a glance at the object that holds the state wakes the stack.

use serde_json::{Value, json};

use crate::harness::{Daemon, Lab, Repository};

const ID: &str = "infra/web";
const BUCKET_ID: &str = "infra/bucket";

const SETTINGS: &str = r#"state_watch: { every: 1s }
policy:
  mode: heal
  confirm_after: 1s
  safe: [{ type: aws_s3_bucket, attributes: [tags] }]
"#;

fn code(word: &str) -> String {
    format!("resource \"terraform_data\" \"one\" {{\n  input = \"{word}\"\n}}\n")
}

/// The runs of a stack that a written state was the reason for.
fn woken(daemon: &Daemon, id: &str) -> Vec<Value> {
    let runs = daemon.runs(id).into_iter();
    runs.filter(|run| run["trigger"] == "state_moved").collect()
}

fn is_watched(daemon: &Daemon, id: &str) {
    daemon.eventually(&format!("the state of {id} is watched"), || {
        let stack = daemon.get(&format!("stacks/{}", id.replace('/', "%2F")));
        (stack["state_watch"]["watched"] == true).then_some(())
    });
}

/// Somebody applies other code than Git has, on a machine of their own; gives the serials before and
/// after.
fn apply_elsewhere(lab: &Lab, repository: &Repository, word: &str) -> (Value, Value) {
    let dir = repository.work.join("web");
    let serial = || lab.state(&dir)["serial"].clone();
    let before = serial();
    repository.write("web/main.tf", &code(word));
    lab.apply(&dir, &[]);
    (before, serial())
}

fn moved_run(daemon: &Daemon, before: usize) -> Value {
    daemon.eventually("a run because the state was written", || {
        let runs = woken(daemon, ID);
        let newest = runs.first()?;
        (runs.len() > before && newest["state"] == "finished").then(|| newest.clone())
    })
}

#[test]
fn an_apply_elsewhere_wakes_the_stack_and_an_apply_of_ours_does_not() {
    let Some(lab) = Lab::start("state_watch") else {
        return;
    };
    let repository = Repository::create(&lab, "infra");
    repository.write(".gitignore", ".terraform*\n");
    repository.write_stack("web", &code("one"));
    let provider = std::fs::read_to_string("examples/demo/estate/live/storage/provider.tf");
    let bucket = "resource \"aws_s3_bucket\" \"b\" {\n  bucket = \"watched\"\n  tags = { Tier = \"one\" }\n}\n";
    repository.write_stack("bucket", bucket);
    repository.write("bucket/providers.tf", &provider.unwrap());
    for dir in ["web", "bucket"] {
        lab.apply(&repository.work.join(dir), &[]);
    }
    repository.push("First");
    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, SETTINGS));
    for (id, providers) in [
        (ID, json!([])),
        (BUCKET_ID, json!(["registry.terraform.io/hashicorp/aws"])),
    ] {
        let stack = daemon.wait_for_verdict(id, "in_sync");
        assert_eq!(stack["providers"], providers);
        is_watched(&daemon, id);
    }

    lab.by_hand(&["retag-bucket", "watched", "Tier", "hacked"]);
    let repaired = daemon.planned(BUCKET_ID);
    assert_eq!(repaired["verdict"], "in_sync");
    let outcomes = daemon.runs(BUCKET_ID);
    let repairs = |run: &&Value| run["outcome"]["kind"] == "repaired";
    assert_eq!(outcomes.iter().filter(repairs).count(), 1, "{outcomes:#?}");

    let (before, after) = apply_elsewhere(&lab, &repository, "two");
    let run = moved_run(&daemon, 0);
    daemon.settled(ID);
    let moved = &run["state_moved"];
    assert_eq!(
        (&moved["from"]["serial"], &moved["to"]["serial"]),
        (&before, &after)
    );
    assert_eq!(moved["from"]["lineage"], moved["to"]["lineage"]);
    let written: jiff::Timestamp = moved["at"].as_str().unwrap().parse().unwrap();
    let queued: jiff::Timestamp = run["queued_at"].as_str().unwrap().parse().unwrap();
    assert!(
        written.duration_since(queued).as_secs().abs() < 60,
        "{run:#}"
    );
    let stack = daemon.stack(ID);
    assert_eq!(stack["verdict"], "pending");
    assert_eq!(&stack["state_moved"]["to"]["serial"], &after);
    let shown = daemon.cli(&["show", ID]);
    let told = format!("(serial {before} \u{2192} {after})");
    assert!(shown.contains(&told), "{shown}");
    // The schedule of the lab: on New Year's Day.
    assert!(shown.contains("next look: 2"), "{shown}");
    assert_eq!(woken(&daemon, ID).len(), 1, "it wakes once");

    // The repair of the bucket wrote its state before all of this, and was no news.
    assert!(woken(&daemon, BUCKET_ID).is_empty());
    assert!(daemon.stack(BUCKET_ID)["state_moved"].is_null());

    // What happens while nobody looks is noticed afterwards.
    assert!(daemon.stop().success());
    let (before, after) = apply_elsewhere(&lab, &repository, "one");
    let daemon = Daemon::restart(&lab);
    let moved = moved_run(&daemon, 1)["state_moved"].clone();
    assert_eq!(
        (&moved["from"]["serial"], &moved["to"]["serial"]),
        (&before, &after)
    );
    daemon.wait_for_verdict(ID, "in_sync");
    assert!(woken(&daemon, BUCKET_ID).is_empty());
}
