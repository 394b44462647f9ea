//! The report as Markdown for a merge request: counts, a table of all stacks, then the details of
//! each, folded. It is never longer than a comment may be; what does not fit is counted.

mod finding;

use std::fmt::Write as _;

use super::escape::{block, cell, code, html, prose};
use super::fit::{cut, share};
use super::{Options, Summary, exit_code, words};
use crate::domain::check::StackCheck;
use crate::domain::finding::{Finding, Verdict};
use crate::domain::policy::DecisionKind;

/// Bytes of a report at most. GitHub takes 65,536 characters in a comment, GitLab 1,000,000; a
/// character is never less than a byte, and whoever posts it may add a line.
const LIMIT: usize = 65_000;
/// Bytes kept for saying what was left out.
const RESERVE: usize = 600;
/// The details of a stack get at least so much: of very many, some are worth reading.
const LEAST: usize = 2_500;
/// Of the limit, what the table of stacks may take.
const TABLE: usize = LIMIT / 3;
/// Names and addresses are cut to this many columns, free text to that many.
const LONGEST_NAME: usize = 300;
const LONGEST_TEXT: usize = 4_000;
/// Reasons of a decision, outputs and checks shown of one stack.
const MOST_LINES: usize = 50;

/// What a report does not show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Missing {
    /// Stacks without a line in the table.
    rows: usize,
    /// Stacks whose details are missing altogether.
    stacks: usize,
    findings: usize,
    attributes: usize,
    /// Lines about outputs, checks and reasons.
    lines: usize,
}

/// The report over these stacks, in their order.
pub fn markdown(checks: &[StackCheck], options: &Options) -> String {
    page(checks, &Summary::of(checks), options)
}

/// The report over these stacks with other counts at its top.
pub(super) fn page(checks: &[StackCheck], summary: &Summary, options: &Options) -> String {
    let mut missing = Missing::default();
    let mut page = counts(summary, options);
    if checks.is_empty() {
        return page;
    }
    page.push('\n');
    table(&mut page, &mut missing, checks);

    let detailed: Vec<&StackCheck> = checks
        .iter()
        .filter(|check| has_details(check, options))
        .collect();
    let room = LIMIT.saturating_sub(page.len() + RESERVE);
    let whole: Vec<(String, Missing)> = detailed
        .iter()
        .map(|check| details(check, options, usize::MAX))
        .collect();
    let lengths = whole.iter().map(|(fold, _)| fold.len()).collect();
    let share = share(room, lengths).max(LEAST);
    for (check, (fold, left_out)) in detailed.into_iter().zip(whole) {
        let (fold, left_out) = if fold.len() > share {
            details(check, options, share)
        } else {
            (fold, left_out)
        };
        if fold.len() <= share && page.len() + fold.len() + RESERVE <= LIMIT {
            page.push_str(&fold);
            missing.add(left_out);
        } else {
            missing.stacks += 1;
            let shown = shown(check, options);
            missing.findings += shown.len();
            missing.attributes += attributes(shown);
        }
    }
    missing.tell(&mut page);
    page
}

fn counts(summary: &Summary, options: &Options) -> String {
    let parts: Vec<String> = summary
        .parts()
        .map(|(verdict, count)| format!("{count} {}", words::verdict(verdict)))
        .collect();
    let mut line = format!("**{}**", words::count(summary.stacks, "stack"));
    if !parts.is_empty() {
        line.push_str(": ");
        line.push_str(&parts.join(", "));
    }
    line.push('\n');
    if let Some(noise) = summary.noise() {
        let hint = if options.verbose {
            ""
        } else {
            ", `-v` lists them"
        };
        let _ = writeln!(line, "\n{noise}{hint}");
    }
    line
}

/// All stacks; if they are too many, first without those that are in sync, then as many as there is
/// room for.
fn table(page: &mut String, missing: &mut Missing, checks: &[StackCheck]) {
    page.push_str("| Stack | Verdict | Found | Decision |\n|---|---|---|---|\n");
    let rows: Vec<(bool, String)> = checks
        .iter()
        .map(|check| (exit_code(std::slice::from_ref(check)) == 0, row(check)))
        .collect();
    let all: usize = rows.iter().map(|(_, row)| row.len()).sum();
    let mut left = TABLE;
    for (clean, row) in rows {
        if (clean && all > TABLE) || row.len() > left {
            missing.rows += 1;
        } else {
            left -= row.len();
            page.push_str(&row);
        }
    }
}

fn row(check: &StackCheck) -> String {
    let cells = [
        code(&cut(&words::title(check), LONGEST_NAME)),
        format!("{} {}", sign(check), words::verdict(check.verdict)),
        found(check),
        check.decision.kind.as_str().to_owned(),
    ];
    line_of_table(&cells)
}

fn line_of_table(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    format!("| {} |\n", cells.join(" | "))
}

const fn sign(check: &StackCheck) -> &'static str {
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
    let noise = words::suppressed(check);
    let mut parts = Vec::new();
    if let Some(failure) = &check.failure {
        parts.push(code(failure.kind.as_str()));
    }
    for (number, noun) in [
        (findings.resources.len() - noise, "finding"),
        (findings.outputs.len(), "output"),
        (findings.checks.len(), "failing check"),
    ] {
        if number > 0 {
            parts.push(words::count(number, noun));
        }
    }
    if noise > 0 {
        parts.push(format!("{noise} suppressed"));
    }
    parts.join(", ")
}

/// The findings that are shown: known noise only if everything is asked for, and last.
fn shown<'a>(check: &'a StackCheck, options: &Options) -> Vec<&'a Finding> {
    let (noise, mut known): (Vec<_>, Vec<_>) = check
        .findings
        .resources
        .iter()
        .partition(|finding| finding.suppressed.is_some());
    if options.verbose {
        known.extend(noise);
    }
    known
}

fn has_details(check: &StackCheck, options: &Options) -> bool {
    check.failure.is_some()
        || !shown(check, options).is_empty()
        || !check.findings.outputs.is_empty()
        || !check.findings.checks.is_empty()
        || !words::besides(&check.findings).is_empty()
        || check.decision.kind != DecisionKind::Nothing
}

fn attributes<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> usize {
    let findings = findings.into_iter();
    findings.map(|f| words::attributes(f).count()).sum()
}

/// The fold of a stack in so many bytes, if its frame fits into them, and what is missing in it.
fn details(check: &StackCheck, options: &Options, room: usize) -> (String, Missing) {
    let mut missing = Missing::default();
    let mut fold = opening(check);
    let closing = "\n</details>\n";
    let (lines, left_out) = lines(check);
    missing.lines += left_out;
    let mut left = room.saturating_sub(fold.len() + lines.len() + closing.len() + RESERVE);
    for found in shown(check, options) {
        let (text, cut_off) = finding::finding(found, options, left);
        if text.len() <= left {
            left -= text.len();
            fold.push_str(&text);
            missing.attributes += cut_off;
        } else {
            missing.findings += 1;
            missing.attributes += attributes([found]);
        }
    }
    if missing.findings > 0 {
        let findings = words::count(missing.findings, "more finding");
        let _ = writeln!(fold, "… and {findings}\n");
    }
    fold.push_str(&lines);
    fold.push_str(closing);
    (fold, missing)
}

fn opening(check: &StackCheck) -> String {
    let facts = words::facts(check);
    let facts = if facts.is_empty() {
        String::new()
    } else {
        format!(" · {}", html(&cut(&facts.join(", "), LONGEST_NAME)))
    };
    let mut text = format!(
        "\n<details>\n<summary><code>{}</code>: {}{facts}</summary>\n\n",
        html(&cut(&words::title(check), LONGEST_NAME)),
        words::verdict(check.verdict),
    );
    if let Some(failure) = &check.failure {
        let kind = code(failure.kind.as_str());
        let message = block(&cut(&failure.message, LONGEST_TEXT));
        let _ = writeln!(text, "**Error** {kind}\n\n{message}\n");
        if !failure.hint.is_empty() {
            let hint = prose(&cut(&failure.hint, LONGEST_TEXT));
            let _ = writeln!(text, "Hint: {hint}\n");
        }
    }
    text
}

/// Outputs, checks, what was put off and the decision; and how many lines are missing.
fn lines(check: &StackCheck) -> (String, usize) {
    let findings = &check.findings;
    let mut lines = Vec::new();
    for output in &findings.outputs {
        lines.push(format!(
            "- output {}: {}, {}",
            code(&cut(&output.name, LONGEST_NAME)),
            output.origin.as_str(),
            words::output(output)
        ));
    }
    for failing in &findings.checks {
        let address = code(&cut(&failing.address, LONGEST_NAME));
        let messages = cut(&failing.messages.join("; "), LONGEST_TEXT / 8);
        let status = words::status(failing.status);
        lines.push(format!("- check {address} {status}: {}", prose(&messages)));
    }
    lines.extend(
        words::besides(findings)
            .iter()
            .map(|told| format!("- {told}")),
    );
    let mut text = String::new();
    let mut missing = limited(&mut text, lines);
    if check.decision.kind != DecisionKind::Nothing {
        let _ = writeln!(text, "\nDecision: **{}**\n", check.decision.kind.as_str());
        let reasons = check.decision.reasons.iter();
        let reasons =
            reasons.map(|reason| format!("- {}", prose(&cut(&reason.text, LONGEST_TEXT / 8))));
        missing += limited(&mut text, reasons.collect());
    }
    (text, missing)
}

/// Some lines of a list, and how many are missing.
fn limited(text: &mut String, lines: Vec<String>) -> usize {
    let missing = lines.len().saturating_sub(MOST_LINES);
    for line in lines.into_iter().take(MOST_LINES) {
        let _ = writeln!(text, "{line}");
    }
    if missing > 0 {
        let _ = writeln!(text, "- … and {missing} more");
    }
    missing
}

impl Missing {
    fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.stacks += other.stacks;
        self.findings += other.findings;
        self.attributes += other.attributes;
        self.lines += other.lines;
    }

    /// Says what is missing and where it is, if anything is.
    fn tell(&self, page: &mut String) {
        if *self == Self::default() {
            return;
        }
        let parts = [
            (self.rows, "row", " of the table"),
            (self.stacks, "stack", " in detail"),
            (self.findings, "finding", ""),
            (self.attributes, "attribute", ""),
            (self.lines, "line", " about outputs, checks and reasons"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(number, ..)| *number > 0)
            .map(|(number, noun, of)| format!("{}{of}", words::count(number, noun)))
            .collect();
        let _ = writeln!(
            page,
            "\n**Not shown here:** {}. `--format json` has everything.",
            parts.join(", ")
        );
    }
}
