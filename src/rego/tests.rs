#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bounds;
mod loading;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::domain::ids::Address;
use crate::domain::opinion::{Opinion, PolicyFailureKind};
use crate::domain::policy::PolicyMode;

use super::settings::RegoSettings;
use super::{Policies, Question, StackFacts, TrialOutcome};

/// A directory with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn settings(folder: &Path) -> RegoSettings {
    let mut settings = RegoSettings::new(vec![folder.to_owned()]);
    // Tests share a busy machine.
    settings.limits.time = Duration::from_secs(60);
    settings
}

fn loaded(files: &[(&str, &str)]) -> Policies {
    let folder = folder(files);
    Policies::load(&settings(folder.path())).unwrap()
}

/// A policy in package `main`, in version 1.
fn main(text: &str) -> Policies {
    loaded(&[("main.rego", &format!("package main\n{text}"))])
}

fn refused(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let error = Policies::load(&settings(folder.path())).unwrap_err();
    let folder = format!("{}/", folder.path().display());
    error.to_string().replace(&folder, "")
}

fn ask(policies: &Policies, plan: &Json) -> Opinion {
    about(policies, plan, &json!([]), &StackFacts::default())
}

fn about(policies: &Policies, plan: &Json, findings: &Json, stack: &StackFacts) -> Opinion {
    policies.evaluate(&Question {
        plan,
        findings,
        stack,
        mode: PolicyMode::Heal,
        now: "2026-11-28T03:04:05Z".parse().unwrap(),
    })
}

fn denials(opinion: &Opinion) -> Vec<&str> {
    opinion.denials.iter().map(|d| d.message.as_str()).collect()
}

/// Kind and message of the only failure.
fn failure(opinion: &Opinion) -> (PolicyFailureKind, String) {
    assert_eq!(opinion.failures.len(), 1, "{opinion:?}");
    let failure = &opinion.failures[0];
    let words = failure
        .message
        .split(' ')
        .map(|word| match word.split_once("main.rego:") {
            Some((_, place)) => format!("main.rego:{place}"),
            None => word.to_owned(),
        });
    (failure.kind, words.collect::<Vec<_>>().join(" "))
}

#[test]
fn messages_are_strings_or_objects_with_msg_from_rules_of_conftests_names() {
    let policies = loaded(&[
        (
            "a.rego",
            "package main\n\
             deny contains \"b\"\n\
             deny_two contains {\"msg\": \"c\", \"severity\": \"high\"}\n\
             violation_x_y contains \"a\"\n\
             warn contains \"w\"\n\
             denying contains \"no\"\n\
             deny__ contains \"no\"\n\
             undefined if input.nothing\n",
        ),
        (
            "b.rego",
            "package main\ndeny[msg] { msg = \"an old rule beside\" }",
        ),
        (
            "c.rego",
            "package other\nimport rego.v1\ndeny contains \"not asked\"",
        ),
    ]);
    let opinion = ask(&policies, &json!({}));
    let said: Vec<String> = opinion
        .denials
        .iter()
        .map(|d| format!("{}: {}", d.rule, d.message))
        .collect();
    assert_eq!(
        said,
        [
            "main.deny: an old rule beside",
            "main.deny: b",
            "main.deny_two: c",
            "main.violation_x_y: a"
        ]
    );
    assert_eq!(opinion.warnings.len(), 1);
    assert_eq!(opinion.failures, []);
}

#[test]
fn results_of_another_type_are_failures() {
    let wrong = |rule: &str| failure(&ask(&main(rule), &json!({})));
    assert_eq!(
        wrong("deny := true"),
        (
            PolicyFailureKind::WrongResult,
            "it gives a boolean, not a set: write `deny contains msg if { … }`".to_owned()
        )
    );
    assert_eq!(
        wrong("deny[msg] if { msg := \"a\" }").1,
        "it gives an object, not a set: write `deny contains msg if { … }`"
    );
    assert_eq!(
        wrong("warn contains 5").1,
        "it gives a number, neither a string nor an object with `msg`"
    );
    assert_eq!(
        wrong("deny contains {\"message\": \"x\"}").1,
        "it gives an object, neither a string nor an object with `msg`"
    );
    assert_eq!(
        ask(&main("default deny := false"), &json!({})),
        Opinion::default()
    );
}

#[test]
fn a_failing_rule_hides_no_denial_and_nothing_is_safe() {
    let policies = loaded(&[
        (
            "main.rego",
            "package main\n\
             value := 1 if input.a\n\
             value := 2 if input.b\n\
             deny contains \"seen\"\n\
             deny_conflict contains \"x\" if { some a in [1]; [b | b := value + a] != [] }\n\
             helper(x) := x + 1\n\
             warn contains \"after\" if { some a in [1]; helper(a) == 2 }\n",
        ),
        ("m.rego", "package mooring\nsafe contains \"a.b\""),
    ]);
    let fine = ask(&policies, &json!({"a": 1}));
    assert!(fine.calls_safe(&Address::new("a.b")).is_some());
    let opinion = ask(&policies, &json!({"a": 1, "b": 2}));
    assert_eq!(denials(&opinion), ["seen"]);
    let (kind, message) = failure(&opinion);
    assert_eq!(kind, PolicyFailureKind::Evaluation);
    assert!(
        message.starts_with("main.rego:3:1: rule conflicts"),
        "{message}"
    );
    assert_eq!(opinion.calls_safe(&Address::new("a.b")), None);
    assert_eq!(opinion.denied().chain(opinion.unanswered()).count(), 2);
}

#[test]
fn what_mooring_tells_is_in_the_data_and_the_time_is_the_one_that_is_given() {
    let policies = loaded(&[(
        "a.rego",
        "package mooring\n\
         deny contains f.address if some f in data.mooring.findings\n\
         deny contains data.mooring.stack.labels.tier\n\
         deny contains data.mooring.stack.owners[_]\n\
         deny contains data.mooring.decision_mode\n\
         deny contains sprintf(\"%d %v\", [time.now_ns(), time.weekday(time.now_ns())])\n",
    )]);
    let mut stack = StackFacts {
        id: "infra/live".into(),
        owners: vec!["@platform".into()],
        ..StackFacts::default()
    };
    stack.labels.insert("tier".into(), "staging".into());
    let findings = json!([{"address": "aws_vpc.a"}]);
    let opinion = about(&policies, &json!({}), &findings, &stack);
    assert_eq!(
        denials(&opinion),
        [
            "1795835045000000000 Saturday",
            "@platform",
            "aws_vpc.a",
            "heal",
            "staging"
        ]
    );
}

#[test]
fn safe_resources_are_addresses_with_or_without_a_reason() {
    let policies = loaded(&[(
        "a.rego",
        "package mooring\n\
         safe contains \"aws_vpc.a\"\n\
         safe contains {\"address\": \"aws_vpc.b\", \"reason\": \"why not\"}\n\
         safe_wrong contains {\"address\": \"aws_vpc.c\", \"reason\": 5} if input.wrong\n",
    )]);
    let opinion = ask(&policies, &json!({}));
    let reason = |opinion: &Opinion, address: &str| {
        opinion
            .calls_safe(&Address::new(address))
            .map(|safe| safe.reason.clone())
    };
    assert_eq!(reason(&opinion, "aws_vpc.a"), Some(None));
    assert_eq!(reason(&opinion, "aws_vpc.b"), Some(Some("why not".into())));
    let wrong = ask(&policies, &json!({"wrong": true}));
    assert_eq!(failure(&wrong).0, PolicyFailureKind::WrongResult);
    assert_eq!(reason(&wrong, "aws_vpc.a"), None);
}

#[test]
fn a_builtin_that_fails_is_undefined_for_denials_and_a_failure_for_what_is_safe() {
    let body = "if { not startswith(input.name, \"prod\") }";
    let policies = loaded(&[
        (
            "a.rego",
            &format!("package main\ndeny contains \"x\" {body}\n"),
        ),
        (
            "b.rego",
            &format!("package mooring\nsafe contains \"a.b\" {body}\n"),
        ),
    ]);
    let named = ask(&policies, &json!({"name": "test"}));
    assert!(named.calls_safe(&Address::new("a.b")).is_some());
    let unnamed = ask(&policies, &json!({"name": null}));
    assert_eq!(denials(&unnamed), ["x"]);
    let (kind, message) = failure(&unnamed);
    assert_eq!(kind, PolicyFailureKind::Evaluation);
    assert!(message.contains("expects string"), "{message}");
}

#[test]
fn nulls_are_undefined_where_opa_has_them_undefined() {
    let policies = main(
        "deny contains sprintf(\"some %v\", [x]) if some x in input.list\n\
         deny contains \"sum\" if input.number + 1 > 0\n\
         deny contains \"minus\" if count({\"a\"} - input.list) >= 0\n\
         deny contains \"every\" if { every x in input.list { x > 5 } }\n\
         helper(r) := x if { some x in r.list }\n\
         deny contains \"helped\" if helper(input)\n\
         deny contains \"seen\"\n",
    );
    let nothing = ask(&policies, &json!({"list": null, "number": null}));
    assert_eq!(nothing.failures, []);
    assert_eq!(denials(&nothing), ["seen"]);
    let something = ask(&policies, &json!({"list": [7], "number": 1}));
    assert_eq!(
        denials(&something),
        ["every", "helped", "seen", "some 7", "sum"]
    );
}

#[test]
fn places_in_failures_are_those_of_the_file() {
    let policies = main(
        "deny contains \"x\" if { some v in input.l; count(\"ä\") + v == 4; f(v, 1 + v) }\n\
         f(x, y) if { \"ä\" != x; {1} - x; {2} - y }",
    );
    let (_, message) = failure(&ask(&policies, &json!({"l": [3]})));
    assert_eq!(
        message,
        "main.rego:3:30: `difference` expects set argument. Got `3` instead"
    );
}

#[test]
fn functions_that_older_policies_use_are_there() {
    let policies = loaded(&[(
        "main.rego",
        "package main\n\
         deny[\"re_match\"] { re_match(\"^a+$\", input.a) }\n\
         deny[\"any\"] { any([false, input.a == \"aa\"]) }\n\
         deny[\"all\"] { not all([true, input.a == \"b\"]) }\n\
         deny[\"yaml\"] { yaml.unmarshal(\"a: [1]\").a[0] == 1 }\n\
         deny[\"number\"] { to_number(\"12\") + to_number(null) == 12 }\n\
         deny[\"json\"] { json.is_valid(\"{}\"); not json.is_valid(\"{\") }\n\
         deny[\"range\"] { numbers.range(3, 1) == [3, 2, 1] }\n\
         deny[\"not null\"] { re_match(\"a\", null) }\n",
    )]);
    let opinion = ask(&policies, &json!({"a": "aa"}));
    assert_eq!(opinion.failures, []);
    assert_eq!(
        denials(&opinion),
        ["all", "any", "json", "number", "range", "re_match", "yaml"]
    );
}

#[test]
fn tests_of_policies_pass_fail_and_break() {
    let policies = loaded(&[
        ("a.rego", "package main\ndeny contains \"x\" if input.bad\n"),
        (
            "a_test.rego",
            "package main_test\n\
             test_denied if { print(\"here\"); data.main.deny with input as {\"bad\": true} }\n\
             test_equal if data.main.deny == {\"x\"} with input as {\"bad\": true}\n\
             test_wrong if count(data.main.deny) == 1 with input as {}\n\
             todo_test_later if false\n\
             test_twice if true\n\
             test_twice if false\n\
             test_broken if { x := numbers.range(1, 99999999); x }\n",
        ),
    ]);
    assert_eq!(denials(&ask(&policies, &json!({"bad": 1}))), ["x"]);
    let trials = policies.test(Timestamp::UNIX_EPOCH).unwrap();
    let outcome = |name: &str| {
        let trial = trials.iter().find(|trial| trial.name.rule == name).unwrap();
        (trial.outcome.clone(), trial.place.line, trial.prints.len())
    };
    assert_eq!(trials.len(), 6);
    assert_eq!(outcome("test_denied"), (TrialOutcome::Passed, 2, 1));
    assert_eq!(outcome("test_equal"), (TrialOutcome::Passed, 3, 0));
    assert_eq!(outcome("test_wrong"), (TrialOutcome::Failed, 4, 0));
    assert_eq!(outcome("todo_test_later"), (TrialOutcome::Skipped, 5, 0));
    assert!(matches!(outcome("test_twice").0, TrialOutcome::Broken(_)));
    assert!(matches!(outcome("test_broken").0, TrialOutcome::Broken(_)));
}
