//! What breaks around the daemon, and inside: each trouble has an error of its own kind, stops no
//! other stack, loses no alert and is never shown as in sync.

mod api;
mod approved;
mod crash;
mod delivery;
mod disk;
mod engine;
mod outbox;
mod restore;
mod settings;
mod shutdown;
mod sources;
mod stacks;
mod steps;

use std::path::Path;

use rustix::process::Pid;
use serde_json::Value;

use crate::harness::{Daemon, Lab, Repository};

/// A resource without a cloud.
const RESOURCE: &str = "resource \"terraform_data\" \"it\" {\n  input = \"one\"\n}\n";
/// A configuration that does not parse.
const UNPARSABLE: &str = "resource \"terraform_data\" \"it\" {\n  input = \n";
/// Looks, tells soon, changes nothing.
const OBSERVE: &str = "policy: { mode: observe, confirm_after: 1s, pending_after: 0s }\n";
/// Repairs the tags of buckets.
const HEAL: &str = r#"policy:
  mode: heal
  confirm_after: 1s
  safe:
    - { type: aws_s3_bucket, attributes: [tags] }
"#;

/// A lab and a repository with these stacks, each applied and pushed.
fn estate(test: &str, stacks: &[&str]) -> Option<(Lab, Repository)> {
    let lab = Lab::start(test)?;
    let repository = Repository::create(&lab, "infra");
    repository.write(".gitignore", ".terraform*\n");
    for stack in stacks {
        repository.write_stack(stack, RESOURCE);
    }
    apply(&lab, &repository, stacks);
    repository.push("First");
    Some((lab, repository))
}

fn apply(lab: &Lab, repository: &Repository, stacks: &[&str]) {
    std::thread::scope(|scope| {
        for stack in stacks {
            scope.spawn(move || lab.apply(&repository.work.join(stack), &[]));
        }
    });
}

/// A lab with the demo's storage stack and a daemon that repairs the tags of its bucket.
fn storage(test: &str, more: &str) -> Option<(Lab, Daemon)> {
    let lab = Lab::start(test)?;
    let daemon = storage_in(&lab, &format!("{HEAL}{more}"));
    Some((lab, daemon))
}

/// A repository with the demo's storage stack, applied, and a daemon with these settings that has had
/// its first look.
fn storage_in(lab: &Lab, settings: &str) -> Daemon {
    let repository = Repository::create(lab, "infra");
    repository.write(".gitignore", ".terraform*\n");
    let tree = std::fs::read_dir("examples/demo/estate/live/storage").unwrap();
    for file in tree.map(|entry| entry.unwrap()) {
        if file.file_type().unwrap().is_file() {
            let name = file.file_name().into_string().unwrap();
            let text = std::fs::read_to_string(file.path()).unwrap();
            repository.write(&format!("live/storage/{name}"), &text);
        }
    }
    repository.push("Storage");
    lab.apply(&repository.work.join("live/storage"), &[]);
    let configuration = Daemon::configuration(lab, &repository, settings);
    let daemon = Daemon::start(lab, &configuration);
    daemon.wait_for_verdict(STORAGE, "in_sync");
    told_of_first_look(lab, &daemon);
    daemon
}

/// The stack of `storage`.
const STORAGE: &str = "infra/live/storage";

/// Waits until the daemon has told what it found at first: alerts speak from then on.
fn told_of_first_look(lab: &Lab, daemon: &Daemon) {
    daemon.eventually("the summary of the first look", || {
        (!lab.mails_with(&["first look"]).is_empty()).then_some(())
    });
    daemon.all_told();
}

/// Changes a tag of the bucket by hand, has the stack planned, and hangs the API as soon as the
/// repair has begun.
fn hang_in_the_middle_of_a_repair(lab: &Lab, daemon: &Daemon, tag: &str) {
    lab.by_hand(&["retag-bucket", "demo-uploads", tag, "hacked"]);
    assert!(daemon.ask_for_plan(STORAGE));
    let deadline = std::time::Instant::now() + crate::harness::PATIENCE;
    while daemon.runs(STORAGE)[0]["state"] != "applying" {
        assert!(
            std::time::Instant::now() < deadline,
            "no repair began\n{}",
            daemon.log()
        );
        // Terraform has far more to do before it changes something than fits in here.
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    lab.fault("aws-hang");
    daemon.eventually("the apply runs", || {
        (!processes_in(&lab.path().join("data")).is_empty()).then_some(())
    });
    assert_eq!(daemon.runs(STORAGE)[0]["state"], "applying");
}

/// Changes a tag of the bucket by hand, has the stack planned, and waits until Terraform is putting it
/// back, which takes until the fault `aws-hang-tagging` is cleared. Gives the run.
fn hang_while_tagging(lab: &Lab, daemon: &Daemon, tag: &str) -> Value {
    lab.by_hand(&["retag-bucket", "demo-uploads", tag, "hacked"]);
    lab.fault("aws-hang-tagging");
    assert!(daemon.ask_for_plan(STORAGE));
    let scratch = lab.path().join("data/scratch");
    daemon.eventually("Terraform changes the tag", || {
        let files = walkdir::WalkDir::new(&scratch).into_iter();
        let mut logs = files
            .filter_map(Result::ok)
            .filter(|file| file.path().extension().is_some_and(|end| end == "log"));
        logs.any(|log| {
            let said = std::fs::read_to_string(log.path()).unwrap_or_default();
            said.contains("\"apply_start\"")
        })
        .then_some(())
    });
    let run = daemon.runs(STORAGE)[0].clone();
    assert_eq!(run["state"], "applying");
    run["id"].clone()
}

/// Waits until a stack has failed for a reason, said in these words and with a remedy; gives it.
fn failed(daemon: &Daemon, stack: &str, kind: &str, words: &str) -> Value {
    let seen = daemon.eventually(&format!("{stack} fails: {kind}"), || {
        let seen = daemon.stack(stack);
        (seen["verdict"] == "failed" && seen["error"]["kind"] == kind).then_some(seen)
    });
    says(&seen["error"], words);
    seen
}

/// An error has these words and a remedy.
fn says(error: &Value, words: &str) {
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(words), "{error:#}");
    assert!(!error["hint"].as_str().unwrap().is_empty(), "{error:#}");
}

/// Waits for a mail whose subject starts with this, and for the post that says the same.
fn told(lab: &Lab, daemon: &Daemon, subject: &str) {
    daemon.eventually(&format!("mail and post: {subject}"), || {
        (mails(lab, subject) > 0 && posts(lab, "/slack/", &[subject]) > 0).then_some(())
    });
}

/// How many mails say something that starts with this; their subjects are those of conversations.
fn mails(lab: &Lab, subject: &str) -> usize {
    let line = format!("X-Mooring-Title: {subject}");
    let all = lab.mails_with(&[subject]);
    all.lines().filter(|l| l.starts_with(&line)).count()
}

/// How many posts to a path contain these words.
fn posts(lab: &Lab, path: &str, words: &[&str]) -> usize {
    let texts: Vec<&str> = std::iter::once(path).chain(words.iter().copied()).collect();
    let all = lab.posts_with(&texts);
    let line = format!("POST {path}");
    all.lines().filter(|l| l.starts_with(&line)).count()
}

/// Processes that work somewhere in a directory.
fn processes_in(directory: &Path) -> Vec<Pid> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let entry = entry.unwrap();
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let place = std::fs::read_link(entry.path().join("cwd"));
        if let (Some(pid), Ok(place)) = (number.and_then(Pid::from_raw), place)
            && place.starts_with(directory)
        {
            found.push(pid);
        }
    }
    found
}

/// Plan files below a directory.
fn plan_files_in(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = walkdir::WalkDir::new(directory).into_iter();
    let files = entries
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path);
    files
        .filter(|path| path.extension().is_some_and(|end| end == "mooring-plan"))
        .collect()
}
