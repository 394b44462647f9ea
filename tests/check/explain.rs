//! `explain`: plans from files and from standard input, and things that are no plans.

use std::io::Write;
use std::process::Stdio;

use super::*;
use crate::golden::parse;
pub(super) use crate::golden::plans;

/// Runs `explain -` with this on standard input.
fn piped(tree: &Tree, bytes: &[u8], arguments: &[&str]) -> Ran {
    let mut command = tree.mooring(&["explain", "-"]);
    let command = command.args(arguments).stdin(Stdio::piped());
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The exit code that the labelled answer calls for.
fn wanted(name: &str, report: &Json) -> i32 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/plans");
    let answer = std::fs::read(folder.join(format!("{name}.expected.json"))).unwrap();
    let answer: Json = serde_json::from_slice(&answer).unwrap();
    if answer["errored"] == true || answer["verdict"] == "failed" {
        return 1;
    }
    let failing = |status: &Json| status == "fail" || status == "error";
    // Severity is not part of the answers.
    let grave = report["stacks"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|f| {
            f["origin"] == "unenforced"
                && ["high", "critical"].contains(&f["severity"].as_str().unwrap())
        });
    let bad = answer["exit"] == 2 || answer["checks"].as_object().unwrap().values().any(failing);
    if bad || grave { 2 } else { 0 }
}

#[test]
fn a_configuration_says_what_is_ignored() {
    let tree = Tree::new();
    let bytes = plans().into_iter().find(|(name, _)| name == "drift_attr");
    let (_, bytes) = bytes.unwrap();
    let config = tree.beside("mooring.yaml");
    let told = |rules: &str| {
        let text = format!(
            "sources: [{{ name: infra, path: /srv/git/infra }}]\npolicy:\n  rules:\n{rules}"
        );
        std::fs::write(&config, text).unwrap();
        let ran = piped(
            &tree,
            &bytes,
            &["--format", "json", "--config", config.to_str().unwrap()],
        );
        let report = parse(ran.out.as_bytes());
        let suppressed = report["stacks"][0]["findings"].as_array().unwrap().iter();
        let suppressed = suppressed.filter(|f| f["suppressed"] == true).count();
        (ran.code, suppressed, report["summary"]["ignored"].clone())
    };
    let tags =
        "    - { name: tags, effect: ignore, attributes: [tags], owner: web, reason: tagger }\n";
    let queue = "    - { name: queue, effect: ignore, types: [aws_sqs_queue], owner: web, reason: tuned }\n";
    assert_eq!(told(tags), (2, 1, 1.into()));
    assert_eq!(told(&format!("{tags}{queue}")), (0, 2, 2.into()));
}

#[test]
fn every_labelled_plan_ends_with_the_code_that_follows_from_its_answer() {
    let tree = Tree::new();
    let mut codes = Vec::new();
    for (name, bytes) in plans() {
        let file = tree.beside("plan.json");
        std::fs::write(&file, &bytes).unwrap();
        let from_file = Ran::of(tree.mooring(&["explain", "--format", "json"]).arg(&file));
        let from_input = piped(&tree, &bytes, &["--format", "json"]);
        assert_eq!(from_file.code, from_input.code, "{name}");
        // Hidden map keys are told apart, and sorted, by fingerprints under a key made for each run.
        if !from_file.out.contains("(sensitive)#") {
            assert_eq!(from_file.out, from_input.out, "{name}");
        }
        let report = parse(from_file.out.as_bytes());
        assert_eq!(from_file.code, wanted(&name, &report), "{name}: {report:#}");
        assert_eq!(
            (
                report["schema_version"].as_u64(),
                &report["stacks"][0]["stack"]
            ),
            (Some(1), &Json::Null)
        );
        assert_eq!(report["stacks"].as_array().unwrap().len(), 1);
        codes.push((name, from_file.code));
    }
    // A few by name, so that the rule above is not the only witness.
    for (name, code) in [
        ("insync", 0),
        ("drift_attr", 2),
        ("pending", 2),
        ("check_block", 2),
        ("drift_unmanaged_sg", 2),
        ("postcondition_fail", 1),
    ] {
        assert!(
            codes.contains(&(name.to_owned(), code)),
            "{name}: {codes:?}"
        );
    }
}

#[test]
fn a_plan_that_failed_says_so_and_still_lists_what_it_has() {
    let tree = Tree::new();
    let (_, bytes) = plans()
        .into_iter()
        .find(|(name, _)| name == "postcondition_fail")
        .unwrap();
    let ran = piped(&tree, &bytes, &["--format", "json"]);
    let report: Json = serde_json::from_str(&ran.out).unwrap();
    let stack = &report["stacks"][0];
    assert_eq!(
        (&stack["verdict"], &stack["error"]["kind"]),
        (&"failed".into(), &"incomplete_plan".into())
    );
    assert_eq!(stack["findings"].as_array().unwrap().len(), 1);
}

#[test]
fn a_saved_plan_file_of_real_terraform_is_explained_and_kept() {
    let tree = Tree::new();
    tree.write("main.tf", ONE);
    tree.run("", "terraform", &["init", "-no-color"]);
    tree.run("", "terraform", &["plan", "-no-color", "-out=saved"]);
    let before = tree.everything(&tree.path(""));
    let ran = Ran::of(&mut tree.mooring(&["explain", "saved", "--format", "json"]));
    let report: Json = serde_json::from_str(&ran.out).unwrap();
    let finding = &report["stacks"][0]["findings"][0];
    assert_eq!(
        (ran.code, &finding["address"], &finding["action"]),
        (2, &"terraform_data.a".into(), &"create".into())
    );
    assert!(
        tree.everything(&tree.path("")) == before,
        "something has changed in the tree"
    );

    let bytes = std::fs::read(tree.path("saved")).unwrap();
    let ran = piped(&tree, &bytes, &[]);
    assert_eq!(
        (ran.code, ran.err.contains("terraform show -json")),
        (1, true),
        "{}",
        ran.err
    );

    tree.write("cut", "");
    std::fs::write(tree.path("cut"), &bytes[..bytes.len() / 2]).unwrap();
    let ran = Ran::of(&mut tree.mooring(&["explain", "cut"]));
    assert_eq!(
        (ran.code, ran.err.starts_with("error: ")),
        (1, true),
        "{}",
        ran.err
    );
}

#[test]
fn what_is_no_plan_is_named_for_what_it_is() {
    let tree = Tree::new();
    tree.write("main.tf", ONE);
    tree.apply("");
    let state = std::fs::read(tree.path("terraform.tfstate")).unwrap();
    let shown = tree.run("", "terraform", &["show", "-json"]);
    let (_, plan) = plans().swap_remove(0);
    for (bytes, said) in [
        (&state[..], "a state"),
        (shown.as_bytes(), "a state"),
        (b"Terraform used the selected providers", "not JSON"),
        (b"", "empty"),
        (b"[1, 2]", "no plan"),
        (
            b"{\"format_version\": \"9.0\", \"planned_values\": {}}",
            "9.0",
        ),
        (&plan[..plan.len() / 2], "line "),
        (&[0xff, 0x00, 0x9f, 0x92], "no plan"),
    ] {
        let ran = piped(&tree, bytes, &[]);
        assert_eq!((ran.code, &*ran.out), (1, ""), "{said}: {}", ran.err);
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
        assert!(ran.err.contains("\nhint: "), "{said}: {}", ran.err);
    }
}

#[test]
fn a_file_that_is_not_there_is_wrong_usage() {
    let tree = Tree::new();
    std::fs::create_dir(tree.path("dir")).unwrap();
    for arguments in [
        &["explain", "nowhere"][..],
        &["explain", "dir"],
        &["explain"],
        &["explain", "--what"],
    ] {
        let ran = Ran::of(&mut tree.mooring(arguments));
        assert_eq!((ran.code, &*ran.out), (64, ""), "{arguments:?} {}", ran.err);
    }
}
