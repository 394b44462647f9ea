//! The report as a page of its own: no script, nothing from elsewhere, readable on a telephone, in
//! the dark and on paper.

use serde::Serialize;

use super::detail::{Part, detail_of_long};
use super::escape::xml;
use super::fit::cut;
use super::template::{Template, fill};
use super::{Options, Summary, exit_code, words};
use crate::domain::check::StackCheck;
use crate::domain::finding::{AttributeChange, Finding, Findings, Origin};
use crate::domain::policy::DecisionKind;
use crate::domain::value::Value;
use crate::domain::why::why;

/// Values are cut to this many columns.
const LONGEST_VALUE: usize = 2_000;
/// Attributes shown of one finding.
const ATTRIBUTES_SHOWN: usize = 500;
/// Lines shown of one document or list.
const LINES_SHOWN: usize = 200;

#[derive(Serialize)]
struct Page {
    version: &'static str,
    headline: String,
    counts: Vec<Count>,
    noise: Option<String>,
    /// Stacks with something to see.
    stacks: Vec<Stack>,
    /// Titles and facts of stacks without.
    quiet: Vec<(String, Vec<String>)>,
}

#[derive(Serialize)]
struct Count {
    class: &'static str,
    number: usize,
    words: &'static str,
}

#[derive(Serialize)]
struct Stack {
    title: String,
    class: &'static str,
    verdict: &'static str,
    facts: Vec<String>,
    open: bool,
    error: Option<Error>,
    findings: Vec<Object>,
    noise: Vec<Object>,
    outputs: Vec<(String, &'static str, String)>,
    checks: Vec<(String, &'static str, Vec<String>)>,
    besides: Vec<String>,
    decision: Option<&'static str>,
    reasons: Vec<String>,
    digest: Option<String>,
}

#[derive(Serialize)]
struct Error {
    kind: &'static str,
    message: String,
    hint: String,
}

#[derive(Serialize)]
struct Object {
    sign: &'static str,
    class: &'static str,
    address: String,
    origin: &'static str,
    severity: &'static str,
    told: String,
    reasons: Vec<String>,
    attributes: Vec<Attribute>,
    more: Option<String>,
}

#[derive(Serialize)]
struct Attribute {
    path: String,
    origin: &'static str,
    remarks: Vec<&'static str>,
    sides: Vec<Side>,
    title: Option<String>,
    parts: Vec<Difference>,
    why: Option<String>,
}

#[derive(Serialize)]
struct Side {
    name: &'static str,
    value: String,
    /// Whether this side is the one that moved.
    moved: bool,
}

#[derive(Serialize)]
struct Difference {
    names: &'static str,
    lines: Vec<DifferenceLine>,
    more: Option<String>,
}

#[derive(Serialize)]
struct DifferenceLine {
    sign: &'static str,
    class: &'static str,
    path: String,
    from: Option<String>,
    to: Option<String>,
    remark: &'static str,
}

/// The report over these stacks, in their order.
pub fn html(checks: &[StackCheck], options: &Options) -> Result<String, minijinja::Error> {
    page(checks, &Summary::of(checks), options)
}

/// The report over these stacks with other counts at its top.
pub(super) fn page(
    checks: &[StackCheck],
    summary: &Summary,
    options: &Options,
) -> Result<String, minijinja::Error> {
    let (troubles, quiet): (Vec<_>, Vec<_>) = checks.iter().partition(|check| has_content(check));
    let waiting = checks.iter().filter(|check| needs_attention(check)).count();
    let stacks = words::count(summary.stacks, "stack");
    let headline = match (waiting, summary.stacks) {
        (0, 1) => "The stack is in sync".to_owned(),
        (0, _) => format!("All {stacks} are in sync"),
        (1, 1) => "The stack needs attention".to_owned(),
        (1, _) => format!("1 of {stacks} needs attention"),
        (number, _) => format!("{number} of {stacks} need attention"),
    };
    let counts = summary.parts().map(|(verdict, number)| Count {
        class: verdict.as_str(),
        number,
        words: words::verdict(verdict),
    });
    fill(
        Template::Html,
        &Page {
            version: env!("CARGO_PKG_VERSION"),
            headline,
            counts: counts.collect(),
            noise: summary.noise(),
            stacks: troubles.iter().map(|check| stack(check, options)).collect(),
            quiet: quiet
                .iter()
                .map(|check| (xml(&words::title(check)), facts(&words::facts(check))))
                .collect(),
        },
    )
}

fn has_content(check: &StackCheck) -> bool {
    check.verdict.is_bad()
        || check.failure.is_some()
        || check.findings != Findings::default()
        || check.decision.kind != DecisionKind::Nothing
}

fn needs_attention(check: &StackCheck) -> bool {
    exit_code(std::slice::from_ref(check)) != 0
}

fn stack(check: &StackCheck, options: &Options) -> Stack {
    let (noise, findings): (Vec<_>, Vec<_>) = check
        .findings
        .resources
        .iter()
        .partition(|finding| finding.suppressed.is_some());
    let objects = |findings: Vec<&Finding>| {
        let findings = findings.into_iter();
        findings.map(|found| object(found, options)).collect()
    };
    let mut known = words::facts(check);
    let version = check.terraform_version.as_ref();
    known.extend(version.map(|version| format!("Terraform {version}")));
    let lines = |text: &str| text.lines().map(xml).collect::<Vec<_>>().join("\n");
    Stack {
        title: xml(&words::title(check)),
        class: check.verdict.as_str(),
        verdict: words::verdict(check.verdict),
        facts: facts(&known),
        open: needs_attention(check),
        error: check.failure.as_ref().map(|failure| Error {
            kind: failure.kind.as_str(),
            message: lines(&failure.message),
            hint: lines(&failure.hint),
        }),
        findings: objects(findings),
        noise: objects(noise),
        outputs: check
            .findings
            .outputs
            .iter()
            .map(|output| {
                let told = words::output(output);
                (xml(&output.name), output.origin.as_str(), told)
            })
            .collect(),
        checks: check
            .findings
            .checks
            .iter()
            .map(|failing| {
                let messages = failing.messages.iter().map(|text| lines(text));
                let status = words::status(failing.status);
                (xml(&failing.address), status, messages.collect())
            })
            .collect(),
        besides: words::besides(&check.findings),
        decision: (check.decision.kind != DecisionKind::Nothing)
            .then(|| check.decision.kind.as_str()),
        reasons: check
            .decision
            .reasons
            .iter()
            .map(|r| xml(&r.text))
            .collect(),
        digest: check.digest.as_ref().map(|digest| xml(digest.as_str())),
    }
}

fn facts(facts: &[String]) -> Vec<String> {
    facts.iter().map(|fact| xml(fact)).collect()
}

fn object(finding: &Finding, options: &Options) -> Object {
    let attributes: Vec<_> = words::attributes(finding).collect();
    let left = attributes.len().saturating_sub(ATTRIBUTES_SHOWN);
    let reasons = if options.why {
        words::reasons(finding)
    } else {
        Vec::new()
    };
    Object {
        sign: words::sign(finding.action),
        class: finding.action.as_str(),
        address: xml(finding.address.as_str()),
        origin: finding.origin.as_str(),
        severity: finding.severity.as_str(),
        told: xml(&words::happening(finding).join(", ")),
        reasons: reasons.iter().map(|reason| xml(reason)).collect(),
        attributes: attributes
            .into_iter()
            .take(ATTRIBUTES_SHOWN)
            .map(|change| attribute(change, finding.origin, options))
            .collect(),
        more: (left > 0).then(|| words::count(left, "more attribute")),
    }
}

fn attribute(change: &AttributeChange, of_finding: Origin, options: &Options) -> Attribute {
    let mut remarks = words::remarks(change, of_finding);
    let detail = detail_of_long(change);
    let sides = match &detail {
        Some(_) => {
            remarks.retain(|remark| *remark != words::SAME_DOCUMENT);
            Vec::new()
        }
        None => sides(change),
    };
    let (title, parts) = match detail {
        Some(detail) => (Some(detail.heading()), detail.parts),
        None => (None, Vec::new()),
    };
    Attribute {
        path: xml(&change.subject.to_string()),
        origin: change.origin.as_str(),
        remarks,
        sides,
        title,
        parts: parts.into_iter().map(difference).collect(),
        why: options.why.then(|| xml(&why(change))),
    }
}

fn sides(change: &AttributeChange) -> Vec<Side> {
    let (real, want) = match change.origin {
        Origin::Drift | Origin::Unenforced => (true, false),
        Origin::Both => (true, true),
        Origin::Pending | Origin::Consequence | Origin::Input => (false, true),
    };
    let side = |name, value: &Value, moved| Side {
        name,
        value: cut(&xml(&words::value(value)), LONGEST_VALUE),
        moved,
    };
    vec![
        side("state", &change.state, false),
        side("real", &change.real, real),
        side("want", &change.want, want),
    ]
}

fn difference(part: Part) -> Difference {
    let left = part.lines.len().saturating_sub(LINES_SHOWN);
    let value = |text: Option<String>| text.map(|text| cut(&xml(&text), LONGEST_VALUE));
    let lines = part.lines.into_iter().take(LINES_SHOWN);
    Difference {
        names: part.names,
        lines: lines
            .map(|line| DifferenceLine {
                sign: line.sign,
                class: match line.sign {
                    "+" => "new",
                    "-" => "gone",
                    _ => "changed",
                },
                path: xml(&line.path),
                from: value(line.from),
                to: value(line.to),
                remark: line.remark,
            })
            .collect(),
        more: (left > 0).then(|| words::count(left, "more difference")),
    }
}
