//! The JUnit report.

use roxmltree::Document;

use crate::domain::finding::{Finding, FindingAction, Origin, Severity, Verdict};
use crate::domain::value::Value;
use crate::report::samples::*;
use crate::report::{Format, junit, render, render_troubles};

#[test]
fn test_results_for_ci() {
    let mut checks = vec![check("live/prod/dns", Verdict::InSync)];
    checks.extend([drifted(), documents(), failed()]);
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("junit", junit(&checks).unwrap());
    });
}

#[test]
fn counts_are_those_of_the_cases() {
    let report = junit(&estate()).unwrap();
    let report = Document::parse(&report).unwrap();
    let of = |node: roxmltree::Node<'_, '_>, name: &str| {
        let found = node.descendants().filter(|n| n.has_tag_name(name));
        found.count().to_string()
    };
    let root = report.root_element();
    let mut suites = 0;
    for node in root.descendants() {
        for (count, element) in [
            ("tests", "testcase"),
            ("failures", "failure"),
            ("errors", "error"),
        ] {
            if let Some(number) = node.attribute(count) {
                assert_eq!(number, of(node, element), "{count}");
            }
        }
        if node.has_tag_name("testsuite") {
            suites += 1;
            assert_eq!(node.attribute("skipped").unwrap(), of(node, "skipped"));
            assert_ne!(node.attribute("tests"), Some("0"), "an empty suite is lost");
        }
    }
    assert_eq!(suites, 7);
}

/// The element that tells how the only case of a stack ended; none if it passed.
fn outcome(check: crate::domain::check::StackCheck) -> Option<String> {
    let report = junit(&[check]).unwrap();
    let report = Document::parse(&report).unwrap();
    let mut cases = report.descendants().filter(|n| n.has_tag_name("testcase"));
    let case = cases.next().unwrap();
    assert!(cases.next().is_none());
    let mut told = case.children().filter(roxmltree::Node::is_element);
    let told = told.find(|n| !n.has_tag_name("system-out"))?;
    Some(told.tag_name().name().to_owned())
}

#[test]
fn what_sets_the_exit_code_fails_and_nothing_else() {
    let with = |origin, severity, suppressed: Option<&str>| {
        let mut found = check("a", Verdict::InSync);
        let sides = [Value::Null, text_value("1"), text_value("1")];
        found.findings.resources = vec![Finding {
            severity,
            suppressed: suppressed.map(str::to_owned),
            ..finding(
                "t.x",
                FindingAction::None,
                vec![attribute(&["x"], origin, sides)],
            )
        }];
        outcome(found)
    };
    let failure = Some("failure".to_owned());
    assert_eq!(with(Origin::Unenforced, Severity::Medium, None), None);
    assert_eq!(with(Origin::Unenforced, Severity::High, None), failure);
    assert_eq!(with(Origin::Drift, Severity::Info, None), failure);
    let noise = with(Origin::Unenforced, Severity::High, Some("noise"));
    assert_eq!(noise, Some("skipped".to_owned()));

    assert_eq!(outcome(check("a", Verdict::InSync)), None);
    for verdict in [Verdict::Unknown, Verdict::Pending] {
        assert_eq!(outcome(check("a", verdict)), failure);
    }
    assert_eq!(outcome(failed()), Some("error".to_owned()));
}

#[test]
fn programs_get_every_stack() {
    let all = render(Format::Junit, &estate(), &PLAIN).unwrap();
    let quiet = render_troubles(Format::Junit, &estate(), &PLAIN).unwrap();
    assert_eq!(all, quiet);
}
