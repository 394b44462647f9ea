//! Policies in the styles that people write for OPA and conftest, over plans of a real Terraform.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use mooring::domain::ids::Address;
use mooring::domain::opinion::{Opinion, PolicyFailureKind};
use mooring::domain::policy::PolicyMode;
use mooring::rego::settings::{Namespaces, RegoSettings};
use mooring::rego::{Policies, Question, StackFacts, TrialOutcome};
use mooring::report;
use serde_json::{Value as Json, json};

use crate::golden;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One policy of this folder, or the examples.
fn policies(path: &str, namespaces: &[&str]) -> Policies {
    let path: PathBuf = match path {
        "examples" => root().join("examples/policies"),
        file => root().join("tests/rego/policies").join(file),
    };
    let mut settings = RegoSettings::new(vec![path]);
    settings.data = vec![root().join("tests/rego/data")];
    if !namespaces.is_empty() {
        settings.namespaces =
            Namespaces::Named(namespaces.iter().map(|name| (*name).to_owned()).collect());
    }
    Policies::load(&settings).unwrap()
}

fn plan(name: &str) -> Json {
    let file = golden::folder().join(format!("{name}.plan.json"));
    golden::parse(&std::fs::read(file).unwrap())
}

/// The findings of a plan as the report has them.
fn findings(name: &str) -> Json {
    let file = golden::folder().join(format!("{name}.plan.json"));
    let check = golden::explained(&std::fs::read(file).unwrap()).unwrap();
    report::json::json(&[check])["stacks"][0]["findings"].clone()
}

fn opinion(policies: &Policies, plan: &Json, findings: &Json, stack: &StackFacts) -> Opinion {
    policies.evaluate(&Question {
        plan,
        findings,
        stack,
        mode: PolicyMode::Observe,
        now: Timestamp::UNIX_EPOCH,
    })
}

/// Denials and warnings over a plan, as lines.
fn said(policies: &Policies, name: &str) -> Vec<String> {
    let opinion = opinion(policies, &plan(name), &json!([]), &StackFacts::default());
    assert_eq!(opinion.failures, [], "{name}");
    let denials = opinion
        .denials
        .iter()
        .map(|d| format!("{}: {}", d.rule, d.message));
    let warnings = opinion
        .warnings
        .iter()
        .map(|w| format!("{}: {}", w.rule, w.message));
    denials.chain(warnings).collect()
}

#[test]
fn a_score_over_the_plan_is_that_of_the_tutorial() {
    let policies = policies("blast_radius.rego", &["terraform.analysis"]);
    // A bucket and a queue are updated: 1 + 2.
    assert_eq!(said(&policies, "drift_attr"), [""; 0]);
    // A table is replaced: 50 + 10.
    assert_eq!(
        said(&policies, "replace_drift"),
        ["terraform.analysis.deny: the blast radius is 60, more than 12"]
    );
    // Nothing is planned, but a role is in the plan.
    assert_eq!(
        said(&policies, "role_inline"),
        ["terraform.analysis.deny: the blast radius is 0, more than 12"]
    );
}

#[test]
fn tags_are_required_by_a_policy_of_the_old_kind() {
    let policies = policies("tags_v0.rego", &[]);
    assert_eq!(
        said(&policies, "drift_deleted"),
        [
            "main.deny: aws_s3_bucket.b lacks Owner",
            "main.deny: aws_ssm_parameter.p lacks Env, Owner",
            "main.warn_name: aws_s3_bucket.b: odd name \"drift-deleted-b\"",
        ]
    );
    assert_eq!(
        said(&policies, "pending"),
        ["main.deny: aws_sqs_queue.q lacks Owner"]
    );
    assert_eq!(said(&policies, "insync"), [""; 0]);
}

#[test]
fn documents_within_strings_are_read() {
    let policies = policies("iam_v1.rego", &["security.iam"]);
    assert_eq!(
        said(&policies, "role_inline"),
        ["security.iam.deny_wide: aws_iam_role_policy.p allows s3:GetObject on everything"]
    );
    assert_eq!(
        said(&policies, "drift_unmanaged_sg"),
        ["security.iam.warn: 10.9.0.0/16 is a large network"]
    );
}

#[test]
fn keywords_by_import_and_data_of_directories_work() {
    let policies = policies("keywords.rego", &[]);
    assert_eq!(
        said(&policies, "replace_drift"),
        ["main.violation: aws_dynamodb_table.t would be deleted (replace_because_cannot_update)"]
    );
    assert_eq!(said(&policies, "role_inline"), ["main.warn: nothing to do"]);
}

#[test]
fn the_examples_deny_warn_and_call_safe() {
    let policies = policies("examples", &[]);
    assert_eq!(
        policies.rules().collect::<Vec<_>>(),
        ["main.deny", "main.warn", "mooring.safe"]
    );
    assert_eq!(
        said(&policies, "drift_unmanaged_sg"),
        ["main.deny: aws_security_group.g lets the whole internet in by SSH"]
    );
    assert_eq!(
        said(&policies, "replace_drift"),
        ["main.deny: aws_dynamodb_table.t would be deleted: export it first"]
    );
    assert_eq!(said(&policies, "drift_deleted"), [""; 0]);

    let (plan, found) = (plan("drift_attr"), findings("drift_attr"));
    let mut stack = StackFacts::default();
    stack.labels.insert("tier".into(), "staging".into());
    let staging = opinion(&policies, &plan, &found, &stack);
    let bucket = Address::new("aws_s3_bucket.b");
    let safe = staging.calls_safe(&bucket).unwrap();
    assert_eq!(
        safe.reason.as_deref(),
        Some("only tags, and not in production")
    );
    assert_eq!(staging.calls_safe(&Address::new("aws_sqs_queue.q")), None);
    stack.labels.insert("tier".into(), "production".into());
    assert_eq!(opinion(&policies, &plan, &found, &stack).safe, []);
}

#[test]
fn the_tests_of_the_examples_pass() {
    let trials = policies("examples", &[])
        .test(Timestamp::UNIX_EPOCH)
        .unwrap();
    assert_eq!(trials.len(), 5);
    for trial in trials {
        assert_eq!(trial.outcome, TrialOutcome::Passed, "{}", trial.name);
    }
}

#[test]
fn odd_plans_get_an_answer_unless_they_are_too_deep() {
    let mut settings = RegoSettings::new(vec![
        root().join("tests/rego/policies"),
        root().join("examples/policies"),
    ]);
    settings.data = vec![root().join("tests/rego/data")];
    settings.namespaces = Namespaces::All;
    let policies = Policies::load(&settings).unwrap();
    let mut unanswered = Vec::new();
    let odd = |name: &str| {
        ["hand_", "number_", "v1_"]
            .iter()
            .any(|p| name.starts_with(p))
    };
    for (name, bytes) in golden::plans().into_iter().filter(|(name, _)| odd(name)) {
        let plan = golden::parse(&bytes);
        let opinion = opinion(&policies, &plan, &json!([]), &StackFacts::default());
        if let Some(failure) = opinion.failures.first() {
            assert_eq!(failure.kind, PolicyFailureKind::Input, "{name}");
            unanswered.push(name);
        }
    }
    assert_eq!(unanswered, ["hand_deep_lists"]);
}

#[test]
fn the_policy_in_the_readme_is_the_example() {
    let Ok(readme) = std::fs::read_to_string(root().join("README.md")) else {
        return;
    };
    let shown = readme.split("```rego\n").nth(1).unwrap();
    let shown = shown.split("```").next().unwrap();
    let example = std::fs::read_to_string(root().join("examples/policies/mooring.rego")).unwrap();
    assert!(example.ends_with(shown), "{shown}");
}
