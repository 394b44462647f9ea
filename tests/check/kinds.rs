//! What goes wrong has a kind, a remedy and the right exit code, and hides nothing else.

use super::*;

const S3: &str = "terraform {\n  backend \"s3\" {}\n}\n";
const CLOUD: &str = "terraform {\n  cloud {\n    organization = \"acme\"\n    workspaces {\n      name = \"web\"\n    }\n  }\n}\n";

#[test]
fn one_failing_stack_hides_no_other_and_failure_beats_findings() {
    let tree = Tree::new();
    tree.write("a-pending/main.tf", ONE);
    tree.write(
        "b-broken/main.tf",
        "resource \"terraform_data\" \"a\" {\n  input = var.nowhere\n}\n",
    );
    tree.write("c-unparsable/main.tf", "resource \"terraform_data\" {{{\n");
    tree.write(
        "d-needs-a-variable/main.tf",
        &format!("variable \"v\" {{}}\n{ONE}"),
    );
    tree.write("e-clean/main.tf", ONE);
    tree.apply("e-clean");
    tree.write("f-cloud/main.tf", CLOUD);
    tree.write("g-remote/main.tf", &S3.replace("s3", "remote"));
    tree.write("h-no-settings/main.tf", S3);

    let (code, report) = tree.check_with(&[], &["--jobs", "2"]);

    let wanted = [
        ("a-pending", "pending", "-"),
        ("b-broken", "failed", "invalid_configuration"),
        ("c-unparsable", "failed", "invalid_configuration"),
        ("d-needs-a-variable", "failed", "missing_variable"),
        ("e-clean", "in_sync", "-"),
        ("f-cloud", "failed", "unsupported"),
        ("g-remote", "failed", "unsupported"),
        ("h-no-settings", "failed", "not_initialised"),
    ];
    let wanted = wanted.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(verdicts(&report), wanted);
    assert_eq!(code, 1);
    for stack in report["stacks"].as_array().unwrap() {
        let error = &stack["error"];
        if stack["verdict"] == "failed" {
            assert!(!error["message"].as_str().unwrap().is_empty(), "{stack:#}");
            assert!(!error["hint"].as_str().unwrap().is_empty(), "{stack:#}");
            assert_eq!(stack["decision"]["kind"], "refuse");
        } else {
            assert!(error.is_null(), "{stack:#}");
        }
    }
    assert_eq!(report["summary"]["stacks"], 8);
    assert_eq!(report["summary"]["failed"], 6);
}

#[test]
fn a_remote_execution_that_somebody_has_initialised_is_unsupported_too() {
    let tree = Tree::new();
    tree.write("main.tf", ONE);
    let data = r#"{"version":3,"terraform_version":"1.11.4","backend":{"type":"cloud","config":{},"hash":1}}"#;
    tree.write(".terraform/terraform.tfstate", data);
    let (code, report) = tree.check_with(&[], &[]);
    assert_eq!(
        (code, &report["stacks"][0]["error"]["kind"]),
        (1, &"unsupported".into())
    );
}

#[test]
fn arguments_from_the_environment_that_narrow_a_plan_are_refused() {
    let tree = Tree::new();
    tree.write("main.tf", ONE);
    for (name, value) in [
        ("TF_CLI_ARGS_plan", "-target=terraform_data.a"),
        ("TF_CLI_ARGS", "-replace=terraform_data.a"),
    ] {
        let (code, report) = tree.check_with(&[(name, value)], &[]);
        let error = &report["stacks"][0]["error"];
        assert_eq!((code, &error["kind"]), (1, &"unsupported".into()), "{name}");
        assert!(error["message"].as_str().unwrap().contains(name), "{error}");
    }
    let (code, _) = tree.check_with(&[("TF_CLI_ARGS_plan", "-parallelism=2")], &[]);
    assert_eq!(code, 2);
}

#[test]
fn the_environment_is_inherited_whole() {
    let tree = Tree::new();
    tree.write(
        "main.tf",
        "variable \"v\" {}\nresource \"terraform_data\" \"a\" {\n  input = var.v\n}\n",
    );
    let (code, report) = tree.check_with(&[("TF_VAR_v", "given")], &[]);
    assert_eq!(
        (code, &report["stacks"][0]["verdict"]),
        (2, &"pending".into()),
        "{report:#}"
    );
}

#[test]
fn without_an_engine_every_stack_says_so() {
    let tree = Tree::new();
    tree.write("a/main.tf", ONE);
    tree.write("b/main.tf", ONE);
    let (code, report) = tree.check_with(&[], &["--engine", "no-such-engine"]);
    let failed = |stack: &str| {
        (
            stack.to_owned(),
            "failed".to_owned(),
            "engine_missing".to_owned(),
        )
    };
    assert_eq!(
        (code, verdicts(&report)),
        (1, vec![failed("a"), failed("b")])
    );
}

#[test]
fn wrong_usage_is_64() {
    let tree = Tree::new();
    tree.write("web/main.tf", ONE);
    std::fs::create_dir(tree.path("empty")).unwrap();
    for (arguments, said) in [
        (&["empty"][..], "no stack found below empty"),
        (&["--stack", "nothing-like-that"], "no stack found"),
        (&["--stack", "a[", "web"], "--stack a["),
        (&["nowhere"], "nowhere"),
        (&["web/main.tf"], "web/main.tf"),
        (&["--no-such-flag"], "--no-such-flag"),
        (&["--jobs", "0"], "--jobs"),
        (&["--format", "xml"], "xml"),
        (&["--timeout", "soon"], "soon"),
        (&["a", "b"], "b"),
    ] {
        let ran = tree.check(arguments);
        assert_eq!((ran.code, &*ran.out), (64, ""), "{arguments:?}");
        assert!(
            ran.err.starts_with("error: ") && ran.err.contains(said),
            "{}",
            ran.err
        );
    }
    for arguments in [&[][..], &["no-such-command"], &["check", "-q", "--wrong"]] {
        assert_eq!(
            Ran::of(&mut tree.mooring(arguments)).code,
            64,
            "{arguments:?}"
        );
    }
    for arguments in [&["--help"][..], &["--version"], &["check", "--help"]] {
        assert_eq!(
            Ran::of(&mut tree.mooring(arguments)).code,
            0,
            "{arguments:?}"
        );
    }
}
