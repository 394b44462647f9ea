//! The report as test results (JUnit XML): one suite a stack, one case a finding, one for a stack
//! where all is well. What would set an exit code fails; known noise is skipped; what is only worth
//! knowing passes and says so in its output.

use serde::Serialize;

use super::escape::xml;
use super::template::{Template, fill};
use super::{exit_code, words};
use crate::domain::check::StackCheck;
use crate::domain::finding::{Finding, FindingAction, Origin, OutputFinding, Severity};
use crate::domain::plan::{Check, CheckStatus, Mode};

/// Differences listed in one case.
const LINES: usize = 200;

#[derive(Debug, Serialize)]
struct Report {
    tests: usize,
    failures: usize,
    errors: usize,
    time: String,
    suites: Vec<Suite>,
}

#[derive(Debug, Serialize)]
struct Suite {
    name: String,
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    time: String,
    properties: Vec<(&'static str, String)>,
    cases: Vec<Case>,
}

#[derive(Debug, Serialize)]
struct Case {
    name: String,
    outcome: Outcome,
    /// A stable word: an origin, a status, a kind of failure.
    kind: String,
    message: String,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Passed,
    Failure,
    Error,
    Skipped,
}

/// The report over these stacks, in their order.
pub fn junit(checks: &[StackCheck]) -> Result<String, minijinja::Error> {
    let suites: Vec<Suite> = checks.iter().map(suite).collect();
    let sum = |count: fn(&Suite) -> usize| suites.iter().map(count).sum();
    fill(
        Template::Junit,
        &Report {
            tests: sum(|suite| suite.tests),
            failures: sum(|suite| suite.failures),
            errors: sum(|suite| suite.errors),
            time: seconds(checks.iter().map(|check| check.duration_ms).sum()),
            suites,
        },
    )
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

fn suite(check: &StackCheck) -> Suite {
    let cases = cases(check);
    let count = |outcome| cases.iter().filter(|case| case.outcome == outcome).count();
    let text = |value: Option<&str>| value.map(xml);
    let properties = [
        ("verdict", Some(check.verdict.as_str().to_owned())),
        ("workspace", text(Some(&check.workspace))),
        ("commit", text(check.commit.as_ref().map(AsRef::as_ref))),
        ("dirty", check.dirty.then(|| "true".to_owned())),
        (
            "terraform_version",
            text(check.terraform_version.as_deref()),
        ),
        ("decision", Some(check.decision.kind.as_str().to_owned())),
    ];
    Suite {
        name: xml(&words::title(check)),
        tests: cases.len(),
        failures: count(Outcome::Failure),
        errors: count(Outcome::Error),
        skipped: count(Outcome::Skipped),
        time: seconds(check.duration_ms),
        properties: properties
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect(),
        cases,
    }
}

fn cases(check: &StackCheck) -> Vec<Case> {
    let findings = &check.findings;
    let mut cases = Vec::new();
    if let Some(failure) = &check.failure {
        let first = failure.message.lines().next().unwrap_or_default();
        let mut text = failure.message.clone();
        if !failure.hint.is_empty() {
            text.push_str(&format!("\n\nhint: {}", failure.hint));
        }
        cases.push(Case {
            name: "plan".to_owned(),
            outcome: Outcome::Error,
            kind: failure.kind.as_str().to_owned(),
            message: xml(first),
            text: lines(&text),
        });
    }
    cases.extend(findings.resources.iter().map(finding));
    cases.extend(findings.outputs.iter().map(output));
    cases.extend(findings.checks.iter().map(failing_check));
    cases.extend(words::besides(findings).into_iter().map(|told| Case {
        name: told.clone(),
        outcome: Outcome::Failure,
        kind: Origin::Pending.as_str().to_owned(),
        message: told,
        text: String::new(),
    }));
    let told = |case: &Case| matches!(case.outcome, Outcome::Failure | Outcome::Error);
    let bad = exit_code(std::slice::from_ref(check)) != 0;
    if (bad && !cases.iter().any(told)) || cases.is_empty() {
        let verdict = words::verdict(check.verdict);
        cases.insert(
            0,
            Case {
                name: if bad { "verdict" } else { "in sync" }.to_owned(),
                outcome: if bad {
                    Outcome::Failure
                } else {
                    Outcome::Passed
                },
                kind: check.verdict.as_str().to_owned(),
                message: format!("the stack is {verdict}"),
                text: String::new(),
            },
        );
    }
    cases
}

/// Whether it counts: an apply would change something here, or something grave moved.
fn counts(finding: &Finding) -> bool {
    let changes = finding.mode != Mode::Data && finding.action != FindingAction::Read;
    (changes && (finding.is_drift() || finding.is_pending() || finding.is_consequence()))
        || (finding.has_unenforced() && finding.severity >= Severity::High)
}

fn finding(finding: &Finding) -> Case {
    let outcome = if finding.suppressed.is_some() {
        Outcome::Skipped
    } else if counts(finding) {
        Outcome::Failure
    } else {
        Outcome::Passed
    };
    let (origin, severity) = (finding.origin.as_str(), finding.severity.as_str());
    let paths: Vec<String> = words::attributes(finding)
        .map(|change| change.subject.to_string())
        .collect();
    let what = match (&finding.suppressed, &*paths) {
        (Some(why), _) => why.clone(),
        (None, []) => words::happening(finding).join(", "),
        (None, [path]) => path.clone(),
        (None, [path, rest @ ..]) => format!("{path} and {} more", rest.len()),
    };
    let name = match &finding.deposed {
        Some(key) => format!("{} (deposed {key})", finding.address),
        None => finding.address.to_string(),
    };
    let mut text = words::happening(finding);
    text.extend(words::reasons(finding));
    text.extend(words::differences(finding, LINES));
    Case {
        name: xml(&name),
        outcome,
        kind: origin.to_owned(),
        message: xml(&format!("{origin}, {severity}: {what}")),
        text: text
            .iter()
            .map(|line| xml(line))
            .collect::<Vec<_>>()
            .join("\n"),
    }
}

fn output(output: &OutputFinding) -> Case {
    Case {
        name: xml(&format!("output {}", output.name)),
        outcome: Outcome::Failure,
        kind: output.origin.as_str().to_owned(),
        message: words::output(output),
        text: String::new(),
    }
}

fn failing_check(check: &Check) -> Case {
    Case {
        name: xml(&check.address),
        outcome: match check.status {
            CheckStatus::Pass => Outcome::Passed,
            CheckStatus::Fail => Outcome::Failure,
            CheckStatus::Error => Outcome::Error,
            CheckStatus::Unknown => Outcome::Skipped,
        },
        kind: "check".to_owned(),
        message: format!("the check {}", words::status(check.status)),
        text: lines(&check.messages.join("\n")),
    }
}

/// Text of several lines.
fn lines(text: &str) -> String {
    text.lines().map(xml).collect::<Vec<_>>().join("\n")
}
