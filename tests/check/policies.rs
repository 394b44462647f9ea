//! Policies in Rego as whoever writes them tries them out: over plans, over a tree, and their tests.

use super::explain::plans;
use super::*;

/// A configuration that would put tags back, unless a policy has something against it.
fn configuration(tree: &Tree, policy: &str) -> PathBuf {
    let policies = tree.beside("policies");
    std::fs::create_dir_all(&policies).unwrap();
    std::fs::write(policies.join("plan.rego"), policy).unwrap();
    let config = tree.beside("mooring.yaml");
    let text = "sources: [{ name: infra, path: /srv/git/infra }]\n\
                policy:\n  mode: sync\n  rego: { policies: [policies] }\n\
                \x20 safe: [{ type: \"*\", attributes: [\"*\"], actions: [create, update] }]\n";
    std::fs::write(&config, text).unwrap();
    config
}

const DENIES: &str = "package main\n\nimport rego.v1\n\n\
    deny contains msg if {\n\tsome change in input.resource_changes\n\
    \tsome action in change.change.actions\n\taction != \"no-op\"\n\
    \tmsg := sprintf(\"%s is not to be touched\", [change.address])\n}\n";

/// The decision on the first stack of a report, with its reasons.
fn decision(report: &str) -> (String, String) {
    let report: Json = serde_json::from_str(report).unwrap();
    let decision = &report["stacks"][0]["decision"];
    let reasons = decision["reasons"].to_string();
    (decision["kind"].as_str().unwrap().to_owned(), reasons)
}

#[test]
fn a_denial_counts_when_a_plan_is_explained_from_a_file_and_from_a_pipe() {
    let tree = Tree::new();
    let config = configuration(&tree, DENIES);
    let (_, bytes) = plans()
        .into_iter()
        .find(|(name, _)| name == "drift_attr")
        .unwrap();
    let file = tree.beside("plan.json");
    // What Terraform prints besides is passed over, as without policies.
    std::fs::write(&file, [b"Warning: something\n", bytes.as_slice()].concat()).unwrap();
    let arguments = ["--format", "json", "--config", config.to_str().unwrap()];
    for input in [Some(&file), None] {
        let mut command = tree.mooring(&["explain"]);
        match input {
            Some(file) => command.arg(file),
            None => command.arg("-").stdin(std::fs::File::open(&file).unwrap()),
        };
        let ran = Ran::of(command.args(arguments));
        let (kind, reasons) = decision(&ran.out);
        assert_eq!((kind.as_str(), ran.code), ("ask", 2), "{}", ran.err);
        let denial = "policy main.deny denies it: aws_sqs_queue.q is not to be touched";
        assert!(reasons.contains(denial), "{reasons}");
    }
}

#[test]
fn a_denial_counts_in_a_check_of_a_tree() {
    let tree = Tree::new();
    tree.write("main.tf", ONE);
    tree.apply("");
    let arguments = |config: &Path| {
        let config = config.to_str().unwrap().to_owned();
        [
            "--format".to_owned(),
            "json".to_owned(),
            "--config".to_owned(),
            config,
        ]
    };
    let checked = |config: &Path| Ran::of(tree.mooring(&["check"]).args(arguments(config)));
    let config = configuration(&tree, DENIES);
    assert_eq!(decision(&checked(&config).out).0, "nothing");
    tree.write("main.tf", &ONE.replace("= 1", "= 2"));
    let ran = checked(&config);
    let (kind, reasons) = decision(&ran.out);
    assert_eq!((kind.as_str(), ran.code), ("ask", 2), "{}", ran.err);
    assert!(
        reasons.contains("terraform_data.a is not to be touched"),
        "{reasons}"
    );
    assert_eq!(tree.plans_left(), [] as [PathBuf; 0]);
}

#[test]
fn tests_of_policies_are_run_and_one_that_fails_is_told() {
    let tree = Tree::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policies");
    let ran = Ran::of(tree.mooring(&["policy", "verify"]).arg(&examples));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.ends_with(" tests, 0 failed\n"), "{}", ran.out);

    let config = configuration(&tree, DENIES);
    let none = Ran::of(tree.mooring(&["policy", "verify", "--config"]).arg(&config));
    assert_eq!(none.code, 64, "{}", none.err);
    assert!(none.err.contains("there are no tests"), "{}", none.err);

    let test = "package main\n\nimport rego.v1\n\n\
                test_nothing_is_denied if count(deny) == 0 with input as {}\n\n\
                test_everything_is_denied if {\n\tcount(deny) == 1 with input as {}\n}\n\n\
                todo_test_more if false\n";
    std::fs::write(tree.beside("policies/plan_test.rego"), test).unwrap();
    let ran = Ran::of(tree.mooring(&["policy", "verify", "--config"]).arg(&config));
    assert_eq!(ran.code, 1, "{}", ran.err);
    let place = tree.beside("policies/plan_test.rego");
    let told = ran.out.replace(place.to_str().unwrap(), "plan_test.rego");
    insta::assert_snapshot!(told, @r"
    FAIL  main.test_everything_is_denied  plan_test.rego:7:1
    pass  main.test_nothing_is_denied  plan_test.rego:5:1
    skip  main.todo_test_more  plan_test.rego:11:1
    3 tests, 1 failed, 1 skipped
    ");
}

#[test]
fn a_policy_that_eats_memory_or_never_ends_is_a_failure_of_the_policy_alone() {
    let tree = Tree::new();
    let (_, bytes) = plans()
        .into_iter()
        .find(|(name, _)| name == "drift_attr")
        .unwrap();
    let file = tree.beside("plan.json");
    std::fs::write(&file, bytes).unwrap();
    // Each step makes the text twice as long: 2^40 bytes.
    let doubled = (1..=40).fold("\tx0 := \"0123456789abcdef\"\n".to_owned(), |text, n| {
        text + &format!("\tx{n} := concat(\"\", [x{0}, x{0}])\n", n - 1)
    });
    let eats = format!("package main\n\nimport rego.v1\n\ndeny contains x40 if {{\n{doubled}}}\n");
    let config = configuration(&tree, &eats);
    let ran = Ran::of(
        tree.mooring(&["explain", "--format", "json", "--config"])
            .arg(&config)
            .arg(&file),
    );
    let (kind, reasons) = decision(&ran.out);
    assert_eq!((kind.as_str(), ran.code), ("ask", 2), "{}", ran.err);
    let broke =
        "the policies gave no answer: the evaluation broke down, or needed more than 1024 MiB";
    assert!(reasons.contains(broke), "{reasons}");
}
