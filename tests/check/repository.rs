//! `.mooring.yaml`, in a tree that somebody checks and on the command line.

use super::{ONE, Ran, Tree};

const CONFIGURATION: &str =
    "sources: [{ name: infra, path: /srv/git/infra }]\npolicy: { mode: sync }\n";

/// What is decided of a stack in which code waits, and why.
fn decision(tree: &Tree, config: &str) -> (String, String) {
    let (_, report) = tree.check_with(&[], &["--config", config]);
    let decision = &report["stacks"][0]["decision"];
    let kind = decision["kind"].as_str().unwrap().to_owned();
    (kind, decision["reasons"].to_string())
}

#[test]
fn a_check_judges_by_what_the_tree_says_of_itself() {
    let tree = Tree::new();
    tree.write("live/web/main.tf", ONE);
    let config = tree.beside("mooring.yaml");
    std::fs::write(&config, CONFIGURATION).unwrap();
    let config = config.to_str().unwrap();
    assert_eq!(decision(&tree, config).0, "ask");
    tree.write("live/.mooring.yaml", "policy: { mode: heal }\n");
    let (kind, reasons) = decision(&tree, config);
    assert_eq!(kind, "alert");
    assert!(reasons.contains("live/.mooring.yaml"), "{reasons}");
    tree.write("live/.mooring.yaml", "polcy: { mode: heal }\n");
    let (kind, reasons) = decision(&tree, config);
    assert_eq!(kind, "alert");
    assert!(
        reasons.contains("live/.mooring.yaml:1:1: unknown key"),
        "{reasons}"
    );
}

#[test]
fn a_file_of_a_repository_is_checked_by_its_name() {
    let tree = Tree::new();
    let check = |text: &str| {
        tree.write("live/.mooring.yaml", text);
        Ran::of(&mut tree.mooring(&["config", "check", "live/.mooring.yaml"]))
    };
    let good = check("policy:\n  rules: [{ name: a, effect: refuse }]\n");
    assert_eq!(good.code, 0, "{}", good.err);
    assert_eq!(good.out, "live/.mooring.yaml: valid (1 rules)\n");
    let bad = check("policy:\n  rules: [{ name: a, effect: safe }]\n");
    assert_eq!(bad.code, 64);
    assert!(bad.err.contains("live/.mooring.yaml:2:"), "{}", bad.err);
    let example = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/repository/.mooring.yaml"
    );
    let example = Ran::of(&mut tree.mooring(&["config", "check", example]));
    assert_eq!(example.code, 0, "{}", example.err);
    let schema = Ran::of(&mut tree.mooring(&["config", "schema", "--repository"]));
    let schema: serde_json::Value = serde_json::from_str(&schema.out).unwrap();
    assert_eq!(schema["title"], ".mooring.yaml");
}
