//! The report for people at a terminal: a line for what is well, a paragraph for what is not.

mod finding;
pub(super) mod style;

use anstyle::{AnsiColor, Style};

use super::escape::terminal;
use super::fit::{columns, wrapped};
use super::{Options, Summary, words};
use crate::domain::check::StackCheck;
use crate::domain::finding::{Finding, FindingAction, Verdict};
use crate::domain::policy::{By, Decision, DecisionKind};

/// Narrower than this no terminal is believed to be.
const NARROWEST: usize = 40;

/// The report over these stacks, in their order, with a line of counts at the end.
pub fn text(checks: &[StackCheck], options: &Options) -> String {
    page(checks, &Summary::of(checks), options)
}

/// The report over these stacks with other counts at its end.
pub(super) fn page(checks: &[StackCheck], summary: &Summary, options: &Options) -> String {
    let mut page = Page {
        options: *options,
        lines: Vec::new(),
    };
    for check in checks {
        page.stack(check);
    }
    if page.lines.last().is_some_and(|line| !line.is_empty()) {
        page.line("");
    }
    page.summary(summary);
    page.lines.join("\n") + "\n"
}

struct Page {
    options: Options,
    lines: Vec<String>,
}

/// A piece of a line: what parts it from the piece before, how it looks, what it says.
type Piece<'a> = (&'static str, Style, std::borrow::Cow<'a, str>);

impl Page {
    fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.options.color && !text.is_empty() && style != Style::new() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn dim(&self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    /// Columns for what is cut to fit.
    fn width(&self) -> usize {
        if self.options.verbose {
            usize::MAX
        } else {
            self.columns()
        }
    }

    /// Columns for what is broken at spaces.
    fn columns(&self) -> usize {
        self.options.width.max(NARROWEST)
    }

    /// Running text under an indent, broken at spaces.
    fn prose(&mut self, indent: usize, style: Style, text: &str) {
        let room = self.columns().saturating_sub(indent);
        let pad = " ".repeat(indent);
        for paragraph in text.lines().filter(|line| !line.trim().is_empty()) {
            for line in wrapped(&terminal(paragraph), room) {
                self.line(format!("{pad}{}", self.paint(style, &line)));
            }
        }
    }

    /// Pieces on one line, or on as many as they need; later ones are indented by `hang`.
    fn flow(&mut self, indent: usize, hang: usize, pieces: &[Piece<'_>]) {
        let width = self.columns();
        let mut line = " ".repeat(indent);
        let mut used = indent;
        let mut empty = true;
        for (lead, style, text) in pieces.iter().filter(|(_, _, text)| !text.is_empty()) {
            let size = columns(lead) + columns(text);
            // One column is kept for a comma.
            if !empty && used + size >= width {
                line.push_str(lead.trim_end());
                self.line(std::mem::replace(&mut line, " ".repeat(hang)));
                used = hang;
            } else if !empty {
                line.push_str(lead);
                used += columns(lead);
            }
            line.push_str(&self.paint(*style, text));
            used += columns(text);
            empty = false;
        }
        self.line(line);
    }

    fn stack(&mut self, check: &StackCheck) {
        let findings = &check.findings.resources;
        let (noise, known): (Vec<&Finding>, Vec<&Finding>) = findings
            .iter()
            .partition(|finding| finding.suppressed.is_some());
        let verdict = words::verdict(check.verdict);
        let quiet = check.verdict == Verdict::InSync
            && check.failure.is_none()
            && known.is_empty()
            && (noise.is_empty() || !self.options.verbose)
            && check.findings.outputs.is_empty()
            && check.findings.checks.is_empty()
            && matches!(check.decision.kind, DecisionKind::Nothing);
        let dim = Style::new().dimmed();
        let (bold, colour) = if quiet {
            (dim, dim)
        } else {
            (Style::new().bold(), style::verdict(check.verdict))
        };
        let mut pieces = vec![
            ("", bold, terminal(&words::title(check)).into()),
            ("  ", colour, verdict.into()),
        ];
        for (place, fact) in self.facts(check, noise.len()).iter().enumerate() {
            let lead = if place == 0 { "  " } else { ", " };
            pieces.push((lead, dim, terminal(fact).into()));
        }
        if !quiet && self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.line("");
        }
        self.flow(0, 4, &pieces);
        if quiet {
            return;
        }
        self.failure(check);
        for finding in known {
            self.finding(finding);
        }
        self.rest(check);
        if self.options.verbose {
            for finding in noise {
                self.finding(finding);
            }
        }
        self.decision(&check.decision);
        if let Some(digest) = check.digest.as_ref().filter(|_| self.options.verbose) {
            self.line(self.dim(&format!("  digest: {digest}")));
        }
        self.line("");
    }

    fn facts(&self, check: &StackCheck, noise: usize) -> Vec<String> {
        let mut facts = words::facts(check);
        if self.options.verbose {
            let version = check.terraform_version.as_deref();
            facts.extend(version.map(|version| format!("terraform {version}")));
            facts.push(format!("{} ms", check.duration_ms));
        }
        if noise > 0 {
            facts.push(format!("{} suppressed", words::count(noise, "finding")));
        }
        facts
    }

    fn failure(&mut self, check: &StackCheck) {
        let Some(failure) = &check.failure else {
            return;
        };
        let label = format!("error[{}]:", failure.kind);
        self.line(format!(
            "  {}",
            self.paint(style::bold(AnsiColor::Red), &label)
        ));
        self.prose(4, Style::new(), &failure.message);
        if !failure.hint.is_empty() {
            self.prose(2, Style::new(), &format!("hint: {}", failure.hint));
        }
    }

    /// Outputs, checks and what was put off.
    fn rest(&mut self, check: &StackCheck) {
        for output in &check.findings.outputs {
            let sign = match output.action {
                FindingAction::Create | FindingAction::Delete => words::sign(output.action),
                _ => words::sign(FindingAction::Update),
            };
            self.flow(
                2,
                6,
                &[
                    ("", style::action(output.action), sign.into()),
                    (" ", Style::new(), "output".into()),
                    (" ", Style::new().bold(), terminal(&output.name).into()),
                    ("  ", Style::new(), output.origin.as_str().into()),
                    ("  ", Style::new(), words::output(output).into()),
                ],
            );
        }
        for failing in &check.findings.checks {
            self.flow(
                2,
                6,
                &[
                    ("", style::bold(AnsiColor::Red), "!".into()),
                    (" ", Style::new().bold(), terminal(&failing.address).into()),
                    ("  ", Style::new(), words::status(failing.status).into()),
                ],
            );
            for message in &failing.messages {
                self.prose(6, Style::new(), message);
            }
        }
        for told in words::besides(&check.findings) {
            self.line(format!("  {told}"));
        }
    }

    fn decision(&mut self, decision: &Decision) {
        if decision.kind == DecisionKind::Nothing && decision.reasons.is_empty() {
            return;
        }
        if self.options.verbose && decision.explained().any(|reason| reason.by != By::Builtin) {
            self.line(format!("  decision: {}", decision.kind.as_str()));
            for reason in decision.explained() {
                self.prose(4, Style::new(), &format!("- {reason} ({})", reason.by));
            }
            return;
        }
        match decision.reasons.as_slice() {
            [] => self.line(format!("  decision: {}", decision.kind.as_str())),
            [reason] => self.prose(
                2,
                Style::new(),
                &format!("decision: {}: {reason}", decision.kind.as_str()),
            ),
            reasons => {
                self.line(format!("  decision: {}", decision.kind.as_str()));
                for reason in reasons {
                    self.prose(4, Style::new(), &format!("- {reason}"));
                }
            }
        }
    }

    fn summary(&mut self, summary: &Summary) {
        let plain = Style::new();
        let mut pieces = vec![("", plain, words::count(summary.stacks, "stack").into())];
        for (place, (verdict, count)) in summary.parts().enumerate() {
            let lead = if place == 0 { ": " } else { ", " };
            let words = format!("{count} {}", words::verdict(verdict));
            pieces.push((lead, style::verdict(verdict), words.into()));
        }
        self.flow(0, 4, &pieces);
        if let Some(noise) = summary.noise() {
            let hint = if self.options.verbose {
                ""
            } else {
                ", -v lists them"
            };
            self.prose(0, plain, &format!("{noise}{hint}"));
        }
    }
}
