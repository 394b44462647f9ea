//! The SARIF report.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::domain::finding::{Finding, FindingAction, Origin, Severity, Subject, Verdict};
use crate::domain::ids::StackId;
use crate::report::samples::*;
use crate::report::sarif;

fn results(report: &Json) -> &Vec<Json> {
    report["runs"][0]["results"].as_array().unwrap()
}

#[test]
fn results_for_code_scanning() {
    let mut report = sarif(&[documents(), failed()]);
    report["runs"][0]["tool"]["driver"]["semanticVersion"] = "1.2.3".into();
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("sarif", format!("{report:#}"));
    });
}

#[test]
fn each_result_has_its_rule_and_a_fingerprint_of_its_own() {
    let report = sarif(&estate());
    let rules = report["runs"][0]["tool"]["driver"]["rules"]
        .as_array()
        .unwrap();
    let mut prints = BTreeSet::new();
    for result in results(&report) {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let prints_of = &result["partialFingerprints"];
        assert!(prints.insert(prints_of["mooringFinding/v1"].to_string()));
        let line = prints_of["primaryLocationLineHash"].as_str().unwrap();
        assert!(line.ends_with(":1"), "{line}");
    }
    assert_eq!(prints.len(), 14);
}

#[test]
fn a_fingerprint_does_not_change_with_the_values() {
    let with = |value: &str, severity| {
        let sides = ["prod", value, "prod"].map(text_value);
        let mut found = check("a", Verdict::Drifted);
        found.findings.resources = vec![Finding {
            severity,
            ..finding(
                "t.x",
                FindingAction::Update,
                vec![attribute(&["x"], Origin::Drift, sides)],
            )
        }];
        results(&sarif(&[found]))[0].clone()
    };
    let (one, other) = (with("a", Severity::Low), with("b", Severity::High));
    assert_ne!(one["message"], other["message"]);
    assert_eq!(
        (&one["level"], &other["level"]),
        (&"note".into(), &"error".into())
    );
    assert_eq!(one["partialFingerprints"], other["partialFingerprints"]);
}

#[test]
fn a_result_stands_in_the_directory_of_its_stack() {
    let place = |stack: Option<&str>, workspace: &str| {
        let mut found = drifted();
        found.stack = stack.map(StackId::new);
        found.workspace = workspace.to_owned();
        let report = sarif(&[found]);
        let location = &results(&report)[0]["locations"][0];
        assert_eq!(
            location["logicalLocations"][0]["fullyQualifiedName"],
            "aws_s3_bucket.logs"
        );
        location["physicalLocation"]["artifactLocation"]["uri"].clone()
    };
    assert_eq!(place(Some("live/web"), "default"), "live/web");
    assert_eq!(place(Some("live/web@blue#x"), "blue"), "live/web");
    assert_eq!(place(Some("a b/c#d/e%"), "default"), "a%20b/c%23d/e%25");
    assert_eq!(place(None, "default"), Json::Null);
}

#[test]
fn known_noise_is_suppressed_with_its_reason() {
    let report = sarif(&[documents()]);
    let suppressed: Vec<&Json> = results(&report)
        .iter()
        .map(|result| &result["suppressions"])
        .filter(|suppressions| !suppressions.as_array().unwrap().is_empty())
        .collect();
    assert_eq!(suppressed.len(), 1);
    assert_eq!(
        suppressed[0][0]["justification"],
        "the provider spells documents in its own way"
    );
}

#[test]
fn more_results_than_are_taken_are_left_out_aloud() {
    let mut found = check("a", Verdict::Pending);
    let one = |number: usize| Finding {
        severity: if number == 25_001 {
            Severity::High
        } else {
            Severity::Low
        },
        ..finding(
            &format!("t.x[{number}]"),
            FindingAction::Create,
            vec![whole(Subject::Create, Origin::Pending)],
        )
    };
    found.findings.resources = (0..25_002).map(one).collect();
    let report = sarif(&[found]);
    assert_eq!(results(&report).len(), 25_000);
    assert_eq!(results(&report)[0]["level"], "error", "the gravest is kept");
    let told = &report["runs"][0]["invocations"][0]["toolExecutionNotifications"];
    let told = told[0]["message"]["text"].as_str().unwrap();
    assert!(told.starts_with("2 results"), "{told}");
}
