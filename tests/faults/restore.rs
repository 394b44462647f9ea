//! A state is broken, and a person puts a snapshot of it back.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;

use super::{STORAGE, storage};
use crate::harness::{Daemon, Lab};

/// Where a person works on the stack.
fn work(lab: &Lab) -> PathBuf {
    lab.path().join("work-infra/live/storage")
}

fn addresses(state: &Value) -> Vec<String> {
    let resources = state["resources"].as_array().unwrap().iter();
    let managed = resources.filter(|resource| resource["mode"] == "managed");
    let mut names: Vec<String> = managed
        .map(|r| {
            format!(
                "{}.{}",
                r["type"].as_str().unwrap(),
                r["name"].as_str().unwrap()
            )
        })
        .collect();
    names.sort();
    names
}

/// What stands behind `--confirm` in what the command line printed.
fn digest(told: &str) -> String {
    let digest = told.split("--confirm ").nth(1);
    digest.unwrap_or_else(|| panic!("{told}")).trim().to_owned()
}

/// Has Mooring repair something, so that there is a snapshot; gives that.
fn repaired(lab: &Lab, daemon: &Daemon) -> String {
    lab.by_hand(&["retag-bucket", "demo-uploads", "Owner", "hacked"]);
    daemon.planned(STORAGE);
    assert_eq!(daemon.runs(STORAGE)[0]["outcome"]["kind"], "repaired");
    let path = format!("stacks/{}/snapshots", STORAGE.replace('/', "%2F"));
    let snapshots = daemon.get(&path);
    let snapshots = snapshots["snapshots"].as_array().unwrap();
    assert_eq!(snapshots.len(), 1, "{snapshots:#?}");
    assert_eq!(snapshots[0]["reason"], "before_apply");
    assert_eq!(snapshots[0]["objects"], 3);
    assert_eq!(snapshots[0]["run"], daemon.runs(STORAGE)[0]["id"]);
    snapshots[0]["snapshot"].as_str().unwrap().to_owned()
}

#[test]
fn a_broken_state_is_put_back_and_nothing_is_forgotten_unless_named() {
    let Some((lab, daemon)) = storage("faults::restore", "") else {
        return;
    };
    let snapshot = repaired(&lab, &daemon);
    let listed = daemon.cli(&["state", "list", STORAGE]);
    assert!(
        listed.contains(&snapshot) && listed.contains("before apply"),
        "{listed}"
    );
    let file = lab.path().join("shown.tfstate");
    let path = file.to_str().unwrap();
    daemon.cli(&["state", "show", STORAGE, &snapshot, "--output", path]);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let shown: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(addresses(&shown).len(), 3);

    // Somebody loses an object of the state, and applies one that is in no commit.
    let dir = work(&lab);
    let extra = "resource \"terraform_data\" \"extra\" {\n  input = \"x\"\n}\n";
    std::fs::write(dir.join("extra.tf"), extra).unwrap();
    lab.apply(&dir, &[]);
    let lost = ["state", "rm", "aws_ssm_parameter.uploads_bucket"];
    assert_eq!(lab.terraform(&dir, &[], &lost), 0);
    let taint = ["taint", "aws_security_group.bastion"];
    assert_eq!(lab.terraform(&dir, &[], &taint), 0);
    let broken = lab.state(&dir);

    let restore = ["state", "restore", STORAGE, &snapshot];
    let told = daemon.cli(&restore);
    for words in [
        "terraform_data.extra would be forgotten",
        "Back in the state",
        "aws_ssm_parameter.uploads_bucket",
        "aws_security_group.bastion (<status>",
        "Nothing was changed.",
    ] {
        assert!(told.contains(words), "{words}\n{told}");
    }
    assert!(
        !told.contains("--confirm") && !told.contains("hacked"),
        "{told}"
    );
    let forget = [&restore[..], &["--forget", "terraform_data.extra"]].concat();
    let told = daemon.cli(&forget);
    let right = digest(&told);
    let unforgotten = [&restore[..], &["--confirm", &right]].concat();
    let refusal = daemon.refused(&unforgotten);
    assert!(refusal.contains("would be forgotten"), "{refusal}");
    let wrong = [&forget[..], &["--confirm", "0123"]].concat();
    let refusal = daemon.refused(&wrong);
    assert!(refusal.contains("not what was confirmed"), "{refusal}");
    assert_eq!(lab.state(&dir), broken, "nothing was changed");
    assert!(daemon.stack(STORAGE)["held"].is_null());

    let told = daemon.cli(&[&forget[..], &["--confirm", &right]].concat());
    assert!(told.contains("Restored as serial"), "{told}");
    let now = lab.state(&dir);
    assert_eq!(addresses(&now), addresses(&shown));
    assert_eq!(now["lineage"], broken["lineage"]);
    assert!(now["serial"].as_u64() > broken["serial"].as_u64());
    assert!(
        !lab.by_hand(&["list-objects", "demo-state"])
            .contains("tflock")
    );
    daemon.settled(STORAGE);
    let stack = daemon.stack(STORAGE);
    assert_eq!(stack["verdict"], "in_sync", "{stack:#}");
    let held = stack["held"].as_str().unwrap();
    assert!(held.starts_with("ann has put the state"), "{held}");
    let before = told.split("kept as ").nth(1).unwrap().trim();
    assert!(held.contains(before), "{held}");

    // What was there is kept, and could be put back in turn. A confirmation serves once.
    let listed = daemon.cli(&["state", "list", STORAGE]);
    assert!(listed.contains("before restore"), "{listed}");
    let refusal = daemon.refused(&[&forget[..], &["--confirm", &right]].concat());
    assert!(refusal.contains("--forget does not fit"), "{refusal}");
    let back = daemon.cli(&["state", "restore", STORAGE, before]);
    assert!(back.contains("terraform_data.extra"), "{back}");

    // On hold nothing is repaired; when somebody has looked, it is.
    lab.by_hand(&["retag-bucket", "demo-uploads", "Owner", "hacked"]);
    assert_eq!(daemon.planned(STORAGE)["verdict"], "drifted");
    daemon.cli(&["resume", STORAGE]);
    daemon.settled(STORAGE);
    assert_eq!(daemon.runs(STORAGE)[0]["outcome"]["kind"], "repaired");
    assert!(daemon.stop().success());
}

#[test]
fn another_lineage_is_put_back_only_if_that_is_meant() {
    let Some((lab, daemon)) = storage("faults::restore", "") else {
        return;
    };
    let snapshot = repaired(&lab, &daemon);
    let dir = work(&lab);
    let mut other = lab.state(&dir);
    let lineage = other["lineage"].clone();
    other["lineage"] = "another".into();
    let serial = other["serial"].as_u64().unwrap() + 5;
    other["serial"] = serial.into();
    let file = dir.join("other.json");
    std::fs::write(&file, other.to_string()).unwrap();
    let push = ["state", "push", "-force", "other.json"];
    assert_eq!(lab.terraform(&dir, &[], &push), 0);

    let restore = ["state", "restore", STORAGE, &snapshot];
    let told = daemon.cli(&restore);
    assert!(
        told.contains("(--other-lineage)") && !told.contains("--confirm"),
        "{told}"
    );
    let meant = [&restore[..], &["--other-lineage"]].concat();
    let right = digest(&daemon.cli(&meant));
    daemon.cli(&[&meant[..], &["--confirm", &right]].concat());
    let now = lab.state(&dir);
    assert_eq!(now["lineage"], lineage);
    assert!(now["serial"].as_u64() > Some(serial), "{now:#}");
    daemon.settled(STORAGE);
    let stack = daemon.stack(STORAGE);
    assert_eq!(stack["verdict"], "in_sync", "{stack:#}");
    assert!(stack["held"].as_str().unwrap().starts_with("ann has put"));

    let unknown = "00000000-0000-0000-0000-000000000000";
    let refusal = daemon.refused(&["state", "restore", STORAGE, unknown]);
    assert!(refusal.contains("there is no snapshot"), "{refusal}");
    assert!(daemon.stop().success());
}
