//! The report for people at a terminal: a line for what is well, a paragraph for what is not.

use anstyle::{AnsiColor, Style};

use super::Summary;
use super::escape::{cut, terminal};
use super::fit::{self, difference, items, share};
use super::words::{self, Sides};
use crate::domain::check::StackCheck;
use crate::domain::finding::{AttributeChange, Finding, FindingAction, Origin, Severity, Verdict};
use crate::domain::policy::{Decision, DecisionKind};

/// How the text report looks.
#[derive(Debug, Clone, Copy)]
pub struct TextOptions {
    /// Columns at hand; values are cut to fit.
    pub width: usize,
    /// Whether to use colour.
    pub color: bool,
    /// Whether to show everything: whole values, every attribute, suppressed findings, digests.
    pub verbose: bool,
}

/// Attributes shown of one finding unless everything is asked for.
const ATTRIBUTES_SHOWN: usize = 12;
/// Narrower than this no terminal is believed to be.
const NARROWEST: usize = 40;
/// Labels are aligned up to this width.
const WIDEST_LABEL: usize = 32;

/// The report over these stacks, in their order, with a line of counts at the end.
pub fn text(checks: &[StackCheck], options: &TextOptions) -> String {
    page(checks, &Summary::of(checks), options)
}

/// The report over these stacks with other counts at its end.
pub(super) fn page(checks: &[StackCheck], summary: &Summary, options: &TextOptions) -> String {
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
    options: TextOptions,
    lines: Vec<String>,
}

impl Page {
    fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.options.color && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn dim(&self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    fn width(&self) -> usize {
        if self.options.verbose {
            usize::MAX
        } else {
            self.options.width.max(NARROWEST)
        }
    }

    /// Running text under an indent, broken at spaces.
    fn prose(&mut self, indent: usize, text: &str) {
        let room = self.options.width.max(NARROWEST).saturating_sub(indent);
        let pad = " ".repeat(indent);
        for paragraph in text.lines().filter(|line| !line.trim().is_empty()) {
            let mut line = String::new();
            for word in terminal(paragraph).split_whitespace() {
                if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
                    self.line(format!("{pad}{line}"));
                    line.clear();
                }
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            self.line(format!("{pad}{line}"));
        }
    }

    fn stack(&mut self, check: &StackCheck) {
        let shown: Vec<&Finding> = check
            .findings
            .resources
            .iter()
            .filter(|finding| self.options.verbose || finding.suppressed.is_none())
            .collect();
        let hidden = check.findings.resources.len() - shown.len();
        let title = terminal(&words::title(check));
        let mut facts = words::facts(check);
        if self.options.verbose {
            let version = check.terraform_version.as_deref();
            facts.extend(version.map(|version| format!("terraform {version}")));
            facts.push(format!("{} ms", check.duration_ms));
        }
        if hidden > 0 {
            facts.push(format!("{} suppressed", words::count(hidden, "finding")));
        }
        let facts = terminal(&facts.join(", "));
        let verdict = words::verdict(check.verdict);
        let quiet = check.verdict == Verdict::InSync
            && check.failure.is_none()
            && shown.is_empty()
            && check.findings.outputs.is_empty()
            && check.findings.checks.is_empty()
            && matches!(check.decision.kind, DecisionKind::Nothing);
        if quiet {
            let line = format!("{title}  {verdict}  {facts}");
            self.line(self.dim(line.trim_end()));
            return;
        }
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.line("");
        }
        let heading = format!(
            "{}  {}  {}",
            self.paint(Style::new().bold(), &title),
            self.paint(verdict_style(check.verdict), verdict),
            self.dim(&facts)
        );
        self.line(heading.trim_end());
        self.failure(check);
        for finding in shown {
            self.finding(finding);
        }
        self.rest(check);
        self.decision(&check.decision);
        if let Some(digest) = check.digest.as_ref().filter(|_| self.options.verbose) {
            self.line(self.dim(&format!("  digest: {digest}")));
        }
        self.line("");
    }

    fn failure(&mut self, check: &StackCheck) {
        let Some(failure) = &check.failure else {
            return;
        };
        let label = format!("error[{}]:", failure.kind);
        self.line(format!("  {}", self.paint(bold(AnsiColor::Red), &label)));
        self.prose(4, &failure.message);
        if !failure.hint.is_empty() {
            self.prose(2, &format!("hint: {}", failure.hint));
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let sign = words::sign(finding.action);
        let address = terminal(finding.address.as_str());
        let (origin, severity) = (finding.origin.as_str(), finding.severity.as_str());
        let told = terminal(&words::happening(finding).join(", "));
        let heading = format!(
            "  {} {}  {origin}  {}",
            self.paint(action_style(finding.action), sign),
            self.paint(Style::new().bold(), &address),
            self.paint(severity_style(finding.severity), severity),
        );
        let plain = format!("  {sign} {address}  {origin}  {severity}  {told}");
        if told.is_empty() {
            self.line(heading);
        } else if plain.chars().count() <= self.width() {
            self.line(format!("{heading}  {told}"));
        } else {
            self.line(heading);
            self.prose(6, &told);
        }
        let attributes: Vec<_> = words::attributes(finding).collect();
        let limit = if self.options.verbose {
            usize::MAX
        } else {
            ATTRIBUTES_SHOWN
        };
        let label = |change: &AttributeChange| terminal(&format!("{}:", change.subject));
        let column = attributes
            .iter()
            .take(limit)
            .map(|change| label(change).chars().count())
            .max()
            .unwrap_or(0)
            .min(WIDEST_LABEL);
        for change in attributes.iter().take(limit) {
            let label = format!("{:column$}", label(change));
            self.attribute(&label, change, finding.origin);
        }
        if attributes.len() > limit {
            let more = words::count(attributes.len() - limit, "more attribute");
            self.line(self.dim(&format!("      … and {more} (-v shows all)")));
        }
    }

    fn attribute(&mut self, label: &str, change: &AttributeChange, of_finding: Origin) {
        let sides = words::sides(change);
        let mut tail = String::new();
        if change.origin != of_finding {
            tail.push_str(&format!("  {}", change.origin.as_str()));
        }
        if change.forces_replacement {
            tail.push_str("  forces replacement");
        }
        let names = format!("  ({})", sides.names);
        let from = terminal(&words::value(sides.from));
        let to = terminal(&words::value(sides.to));
        let want = sides.want.map(|want| terminal(&words::value(want)));

        let fixed = [
            label,
            "        → ",
            &names,
            &tail,
            want.as_ref().map_or("", |_| ", want "),
        ]
        .map(|text| text.chars().count());
        let room = self.width().saturating_sub(fixed.into_iter().sum());
        let lengths: Vec<usize> = [Some(&from), Some(&to), want.as_ref()]
            .into_iter()
            .flatten()
            .map(|text| text.chars().count())
            .collect();
        let share = share(room, lengths);
        if share < usize::MAX && items(sides.from).is_some() && items(sides.to).is_some() {
            self.list(label, &sides, &tail);
            return;
        }
        let want = want.map_or_else(String::new, |want| format!(", want {}", cut(&want, share)));
        self.line(format!(
            "      {label} {} → {}{}{want}{}",
            self.paint(AnsiColor::Red.on_default(), &cut(&from, share)),
            self.paint(AnsiColor::Green.on_default(), &cut(&to, share)),
            self.dim(&names),
            self.paint(AnsiColor::Cyan.on_default(), &tail),
        ));
    }

    /// A long list: only the items that differ, one a line.
    fn list(&mut self, label: &str, sides: &Sides<'_>, tail: &str) {
        let (gone, new, same) = difference(
            items(sides.from).unwrap_or_default(),
            items(sides.to).unwrap_or_default(),
        );
        let counts = [
            (gone.len(), "gone"),
            (new.len(), "new"),
            (same, "unchanged"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect::<Vec<_>>()
        .join(", ");
        let names = self.dim(&format!("  ({})", sides.names));
        let tail = self.paint(AnsiColor::Cyan.on_default(), tail);
        self.line(format!("      {label} {counts}{names}{tail}"));
        let room = self.width().saturating_sub(10).max(fit::SHORTEST_VALUE);
        let gone = gone.into_iter().map(|item| ("-", AnsiColor::Red, item));
        let new = new.into_iter().map(|item| ("+", AnsiColor::Green, item));
        for (sign, color, item) in gone.chain(new) {
            let item = cut(&terminal(&words::value(item)), room);
            let line = self.paint(color.on_default(), &format!("{sign} {item}"));
            self.line(format!("        {line}"));
        }
        if let Some(want) = sides.want.filter(|want| *want != sides.from) {
            let want = cut(&terminal(&words::value(want)), room);
            self.line(format!("        want {want}"));
        }
    }

    /// Outputs, checks and what was put off.
    fn rest(&mut self, check: &StackCheck) {
        for output in &check.findings.outputs {
            let sign = match output.action {
                FindingAction::Create | FindingAction::Delete => words::sign(output.action),
                _ => words::sign(FindingAction::Update),
            };
            let sign = self.paint(action_style(output.action), sign);
            let name = self.paint(Style::new().bold(), &terminal(&output.name));
            let origin = output.origin.as_str();
            let told = words::output(output);
            self.line(format!("  {sign} output {name}  {origin}  {told}"));
        }
        for failing in &check.findings.checks {
            let sign = self.paint(bold(AnsiColor::Red), "!");
            let address = self.paint(Style::new().bold(), &terminal(&failing.address));
            let status = words::status(failing.status);
            self.line(format!("  {sign} {address}  {status}"));
            for message in &failing.messages {
                self.prose(6, message);
            }
        }
        if check.findings.deferred > 0 {
            let changes = words::count(check.findings.deferred, "change");
            self.line(format!("  {changes} put off to a later plan"));
        }
    }

    fn decision(&mut self, decision: &Decision) {
        if decision.kind == DecisionKind::Nothing && decision.reasons.is_empty() {
            return;
        }
        match decision.reasons.as_slice() {
            [] => self.line(format!("  decision: {}", decision.kind.as_str())),
            [reason] => self.prose(
                2,
                &format!("decision: {}: {reason}", decision.kind.as_str()),
            ),
            reasons => {
                self.line(format!("  decision: {}", decision.kind.as_str()));
                for reason in reasons {
                    self.prose(4, &format!("- {reason}"));
                }
            }
        }
    }

    fn summary(&mut self, summary: &Summary) {
        let parts: Vec<String> = summary
            .parts()
            .map(|(verdict, count)| {
                let words = format!("{count} {}", words::verdict(verdict));
                self.paint(verdict_style(verdict), &words)
            })
            .collect();
        let stacks = words::count(summary.stacks, "stack");
        if parts.is_empty() {
            self.line(stacks);
        } else {
            self.line(format!("{stacks}: {}", parts.join(", ")));
        }
    }
}

const fn bold(color: AnsiColor) -> Style {
    color.on_default().bold()
}

const fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::InSync => AnsiColor::Green.on_default(),
        Verdict::Drifted | Verdict::DriftedAndPending => bold(AnsiColor::Yellow),
        Verdict::Pending => bold(AnsiColor::Cyan),
        Verdict::Failed => bold(AnsiColor::Red),
        Verdict::Unknown => bold(AnsiColor::Magenta),
    }
}

const fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Critical => bold(AnsiColor::Red),
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::Low | Severity::Info => Style::new().dimmed(),
    }
}

const fn action_style(action: FindingAction) -> Style {
    match action {
        FindingAction::Create => bold(AnsiColor::Green),
        FindingAction::Delete | FindingAction::Replace | FindingAction::Other => {
            bold(AnsiColor::Red)
        }
        FindingAction::Update | FindingAction::Forget => bold(AnsiColor::Yellow),
        FindingAction::Read | FindingAction::None => Style::new().dimmed(),
    }
}
