//! The report as Markdown: a table of all stacks, then the details of each, folded.

use std::fmt::Write as _;

use super::Summary;
use super::escape::{block, cell, code, cut, html, prose};
use super::words;
use crate::domain::check::StackCheck;
use crate::domain::finding::{AttributeChange, Finding};
use crate::domain::policy::DecisionKind;

/// Values are cut to this many characters.
const LONGEST_VALUE: usize = 200;
/// Attributes shown of one finding.
const ATTRIBUTES_SHOWN: usize = 50;

/// The report over these stacks, in their order.
pub fn markdown(checks: &[StackCheck]) -> String {
    page(checks, &Summary::of(checks))
}

/// The report over these stacks with other counts at its top.
pub(super) fn page(checks: &[StackCheck], summary: &Summary) -> String {
    let parts: Vec<String> = summary
        .parts()
        .map(|(verdict, count)| format!("{count} {}", words::verdict(verdict)))
        .collect();
    let mut page = format!("**{}**", words::count(summary.stacks, "stack"));
    if !parts.is_empty() {
        page.push_str(": ");
        page.push_str(&parts.join(", "));
    }
    page.push('\n');
    if checks.is_empty() {
        return page;
    }
    page.push_str("\n| Stack | Verdict | Found | Decision |\n|---|---|---|---|\n");
    for check in checks {
        push(
            &mut page,
            &[
                code(&words::title(check)),
                format!("{} {}", sign(check), words::verdict(check.verdict)),
                found(check),
                check.decision.kind.as_str().to_owned(),
            ],
        );
    }
    for check in checks.iter().filter(|check| has_details(check)) {
        details(&mut page, check);
    }
    page
}

fn push(page: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

const fn sign(check: &StackCheck) -> &'static str {
    use crate::domain::finding::Verdict;
    match check.verdict {
        Verdict::InSync => "✅",
        Verdict::Failed => "❌",
        Verdict::Unknown => "❔",
        Verdict::Drifted | Verdict::Pending | Verdict::DriftedAndPending => "⚠️",
    }
}

/// How much there is to see, or why nothing was seen.
fn found(check: &StackCheck) -> String {
    let findings = &check.findings;
    let mut parts = Vec::new();
    if let Some(failure) = &check.failure {
        parts.push(code(failure.kind.as_str()));
    }
    for (number, noun) in [
        (findings.resources.len(), "finding"),
        (findings.outputs.len(), "output"),
        (findings.checks.len(), "failing check"),
    ] {
        if number > 0 {
            parts.push(words::count(number, noun));
        }
    }
    parts.join(", ")
}

fn has_details(check: &StackCheck) -> bool {
    check.failure.is_some()
        || !check.findings.resources.is_empty()
        || !check.findings.outputs.is_empty()
        || !check.findings.checks.is_empty()
        || check.findings.deferred > 0
}

fn details(page: &mut String, check: &StackCheck) {
    let facts = words::facts(check);
    let facts = if facts.is_empty() {
        String::new()
    } else {
        format!(" · {}", html(&facts.join(", ")))
    };
    let _ = writeln!(
        page,
        "\n<details>\n<summary><code>{}</code>: {}{facts}</summary>\n",
        html(&words::title(check)),
        words::verdict(check.verdict),
    );
    if let Some(failure) = &check.failure {
        let kind = code(failure.kind.as_str());
        let _ = writeln!(page, "**Error** {kind}\n\n{}\n", block(&failure.message));
        if !failure.hint.is_empty() {
            let _ = writeln!(page, "Hint: {}\n", prose(&failure.hint));
        }
    }
    for found in &check.findings.resources {
        finding(page, found);
    }
    for output in &check.findings.outputs {
        let _ = writeln!(
            page,
            "- output {}: {}, {}",
            code(&output.name),
            output.origin.as_str(),
            words::output(output)
        );
    }
    for failing in &check.findings.checks {
        let messages: Vec<String> = failing.messages.iter().map(|m| prose(m)).collect();
        let _ = writeln!(
            page,
            "- check {} {}: {}",
            code(&failing.address),
            words::status(failing.status),
            messages.join("; ")
        );
    }
    if check.findings.deferred > 0 {
        let changes = words::count(check.findings.deferred, "change");
        let _ = writeln!(page, "- {changes} put off to a later plan");
    }
    if check.decision.kind != DecisionKind::Nothing {
        let _ = writeln!(page, "\nDecision: **{}**\n", check.decision.kind.as_str());
        for reason in &check.decision.reasons {
            let _ = writeln!(page, "- {}", prose(reason));
        }
    }
    page.push_str("\n</details>\n");
}

fn finding(page: &mut String, finding: &Finding) {
    let mut parts = vec![
        finding.origin.as_str().to_owned(),
        finding.severity.as_str().to_owned(),
    ];
    parts.extend(words::happening(finding).iter().map(|told| prose(told)));
    let address = code(finding.address.as_str());
    let _ = writeln!(page, "{address}: {}\n", parts.join(", "));
    let attributes: Vec<_> = words::attributes(finding).collect();
    if attributes.is_empty() {
        return;
    }
    page.push_str("| Attribute | Origin | State | Real | Want |\n|---|---|---|---|---|\n");
    for change in attributes.iter().take(ATTRIBUTES_SHOWN) {
        attribute(page, change);
    }
    if attributes.len() > ATTRIBUTES_SHOWN {
        let more = words::count(attributes.len() - ATTRIBUTES_SHOWN, "more attribute");
        push(
            page,
            &[
                format!("… and {more}"),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ],
        );
    }
    page.push('\n');
}

fn attribute(page: &mut String, change: &AttributeChange) {
    let shown = |value| code(&cut(&words::value(value), LONGEST_VALUE));
    let forces = if change.forces_replacement {
        ", forces replacement"
    } else {
        ""
    };
    push(
        page,
        &[
            code(&change.subject.to_string()),
            format!("{}{forces}", change.origin.as_str()),
            shown(&change.state),
            shown(&change.real),
            shown(&change.want),
        ],
    );
}
