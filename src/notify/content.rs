//! What a notice says, before any channel gives it a form: a headline that says where, what and how
//! bad, then what changed, what Mooring does, and what the reader can do.

use jiff::Timestamp;

use crate::domain::alert::{AlertEvent, AlertKind, Resolution};
use crate::domain::check::StackCheck;
use crate::domain::finding::{Finding, Origin, Severity, Verdict};
use crate::domain::notice::{
    AlertNotice, Notice, RepairNotice, SummaryLine, SummaryNotice, SummaryReason,
};
use crate::domain::policy::DecisionKind;

use super::steps::{self, Place};
use super::words::{clean, cut, difference, had_happened, nature, put_back};

/// Findings listed in one message.
const MOST_FINDINGS: usize = 10;
/// Attributes listed of one finding.
const MOST_ATTRIBUTES: usize = 5;
/// Reasons listed of one decision.
const MOST_REASONS: usize = 5;
/// Stacks listed in one summary.
const MOST_STACKS: usize = 40;
/// Longest free text taken over from elsewhere (error messages, messages of checks).
const LONGEST_TEXT: usize = 600;
/// Longest address or name shown.
const LONGEST_LABEL: usize = 250;
/// Unenforced changes below this severity are everyday noise of providers; a message leaves them
/// to the report.
pub(super) const UNENFORCED_FROM: Severity = Severity::Medium;

/// A message in words, on single lines without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    /// The subject of a mail, the text of a notification.
    pub(super) subject: String,
    /// Where, what, how bad.
    pub(super) headline: String,
    /// When and on what.
    pub(super) facts: Vec<String>,
    /// The rest, most urgent first.
    pub(super) sections: Vec<Section>,
    /// How bad.
    pub(super) severity: Severity,
    /// Whether this is good news.
    pub(super) over: bool,
}

/// A titled list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) items: Vec<Item>,
    /// What is left out.
    pub(super) more: Option<String>,
}

impl Section {
    pub(super) const fn new(title: &'static str, items: Vec<Item>) -> Self {
        Self {
            title,
            items,
            more: None,
        }
    }
}

/// One entry: what it is about, a sentence, details.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Item {
    /// An address or a stack, empty for a plain sentence.
    pub(super) label: String,
    pub(super) text: String,
    /// Details, or a command to type.
    pub(super) lines: Vec<String>,
}

impl Item {
    pub(super) fn sentence(text: impl AsRef<str>) -> Self {
        Self {
            text: cut(&clean(text.as_ref()), LONGEST_TEXT),
            ..Self::default()
        }
    }

    pub(super) fn labelled(label: impl AsRef<str>, text: impl AsRef<str>) -> Self {
        Self {
            label: cut(&clean(label.as_ref()), LONGEST_LABEL),
            ..Self::sentence(text)
        }
    }

    pub(super) fn with_line(mut self, line: impl AsRef<str>) -> Self {
        self.lines.push(cut(&clean(line.as_ref()), LONGEST_TEXT));
        self
    }
}

/// What a notice says.
pub(super) fn content(notice: &Notice) -> Content {
    let mut content = match notice {
        Notice::Alert(alert) if alert.event == AlertEvent::Resolved => resolved(alert),
        Notice::Alert(alert) => trouble(alert),
        Notice::Repaired(repair) => repaired(repair),
        Notice::Summary(summary) => summarised(summary),
    };
    content.subject = cut(&clean(&content.subject), 200);
    content.headline = clean(&content.headline);
    content.sections.retain(|section| !section.items.is_empty());
    content
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `first` and how many others.
fn and_more(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

fn facts(at: Timestamp, check: &StackCheck) -> String {
    let mut facts = vec![format!("Seen {}", minute(at))];
    if let Some(commit) = &check.commit {
        let dirty = if check.dirty {
            " with uncommitted changes"
        } else {
            ""
        };
        facts.push(format!("commit {}{dirty}", commit.short()));
    }
    facts.push(format!("workspace {}", check.workspace));
    clean(&facts.join(", "))
}

/// Whether a finding is what this kind of alert is about.
fn concerns(kind: AlertKind, finding: &Finding) -> bool {
    let unenforced = finding.origin == Origin::Unenforced
        && !finding.suppressed
        && finding.severity >= UNENFORCED_FROM;
    match kind {
        AlertKind::Drift => finding.is_drift() || unenforced,
        AlertKind::Pending => finding.is_pending() && finding.origin != Origin::Drift,
        AlertKind::Failed | AlertKind::Apply => {
            finding.is_drift() || finding.is_pending() || unenforced
        }
    }
}

fn worst_first<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<&'a Finding> {
    let mut findings: Vec<&Finding> = findings.collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

fn entry(finding: &Finding, text: &str, lines: &[String]) -> Item {
    let deposed = match &finding.deposed {
        Some(key) => format!(" (deposed object {key})"),
        None => String::new(),
    };
    let text = format!("{}: {text}", finding.severity.as_str());
    let mut item = Item::labelled(format!("{}{deposed}", finding.address), text);
    item.lines = lines.iter().take(MOST_ATTRIBUTES).cloned().collect();
    if lines.len() > MOST_ATTRIBUTES {
        let more = plural(lines.len() - MOST_ATTRIBUTES, "attribute", "attributes");
        item.lines.push(format!("and {more} more"));
    }
    item
}

fn as_found(finding: &Finding) -> Item {
    let lines: Vec<String> = finding.attributes.iter().filter_map(difference).collect();
    entry(finding, &nature(finding), &lines)
}

fn as_repaired(finding: &Finding) -> Item {
    let lines: Vec<String> = finding.attributes.iter().filter_map(put_back).collect();
    entry(finding, had_happened(finding), &lines)
}

fn listed(title: &'static str, findings: &[&Finding], how: fn(&Finding) -> Item) -> Section {
    let items = findings.iter().take(MOST_FINDINGS).map(|f| how(f));
    let mut section = Section::new(title, items.collect());
    if findings.len() > MOST_FINDINGS {
        section.more = Some(format!("and {} more", findings.len() - MOST_FINDINGS));
    }
    section
}

/// The verdict of a look as a sentence's end.
pub(super) const fn verdict_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::InSync => "in sync",
        Verdict::Drifted => "drifted",
        Verdict::Pending => "waiting for code to be applied",
        Verdict::DriftedAndPending => "drifted, with code waiting to be applied",
        Verdict::Failed => "impossible to check",
        Verdict::Unknown => "not checked recently",
    }
}

/// (word for the subject, words for the headline)
fn what(alert: &AlertNotice) -> (String, String) {
    let findings = &alert.check.findings;
    match alert.kind {
        AlertKind::Drift if findings.has_drift() && findings.has_pending() => (
            "drifted".to_owned(),
            "drifted, and code is waiting to be applied".to_owned(),
        ),
        AlertKind::Drift if findings.has_drift() => ("drifted".to_owned(), "drifted".to_owned()),
        AlertKind::Drift
            if findings
                .resources
                .iter()
                .any(|f| concerns(AlertKind::Drift, f)) =>
        {
            (
                "changed".to_owned(),
                "changed outside Terraform where no apply puts it back".to_owned(),
            )
        }
        AlertKind::Drift => ("check fails".to_owned(), "a check fails".to_owned()),
        AlertKind::Pending => (
            "pending".to_owned(),
            "code has been waiting to be applied".to_owned(),
        ),
        AlertKind::Failed => {
            let kind = match &alert.check.failure {
                Some(failure) => failure.kind.as_str(),
                None => "unknown",
            };
            (
                format!("failed: {kind}"),
                format!("cannot be checked ({kind})"),
            )
        }
        AlertKind::Apply => (
            "apply".to_owned(),
            "an apply did not end as it should".to_owned(),
        ),
    }
}

fn trouble(alert: &AlertNotice) -> Content {
    let (word, words) = what(alert);
    let check = &alert.check;
    let mut tag = vec![word];
    if alert.severity >= Severity::High && alert.kind != AlertKind::Failed {
        tag.push(alert.severity.as_str().to_owned());
    }
    if alert.event == AlertEvent::Changed {
        tag.push("changed".to_owned());
    }
    let concerned = worst_first(
        check
            .findings
            .resources
            .iter()
            .filter(|f| concerns(alert.kind, f)),
    );
    let mut names: Vec<String> = concerned.iter().map(|f| f.address.to_string()).collect();
    if names.is_empty() {
        names = other_names(alert);
    }
    let mut facts = vec![facts(alert.at, check)];
    if alert.event == AlertEvent::Changed {
        facts.push(format!(
            "It is another trouble than last told; open since {}",
            minute(alert.opened_at)
        ));
    }
    let about = if alert.kind == AlertKind::Failed {
        check
            .failure
            .as_ref()
            .map_or_else(String::new, |failure| failure.message.clone())
    } else {
        and_more(&names)
    };
    let colon = if about.is_empty() { "" } else { ": " };
    Content {
        subject: format!("[{}] {}{colon}{about}", tag.join(", "), alert.stack),
        headline: format!(
            "{}: {words} – {} severity",
            alert.stack,
            alert.severity.as_str()
        ),
        facts,
        sections: vec![
            failure(check),
            with_outputs_and_checks(alert, listed("What changed", &concerned, as_found)),
            decided(alert),
            steps::for_trouble(alert, &Place::of(&alert.stack, &check.workspace)),
        ],
        severity: alert.severity,
        over: false,
    }
}

/// What a trouble without a finding is about.
fn other_names(alert: &AlertNotice) -> Vec<String> {
    let findings = &alert.check.findings;
    if alert.kind != AlertKind::Drift && alert.kind != AlertKind::Pending {
        return Vec::new();
    }
    let checks = findings.checks.iter().map(|c| c.address.clone());
    let outputs = findings
        .outputs
        .iter()
        .map(|o| format!("output {}", o.name));
    checks.chain(outputs).collect()
}

fn failure(check: &StackCheck) -> Section {
    let items = check
        .failure
        .iter()
        .map(|failure| Item::labelled(failure.kind.as_str(), &failure.message))
        .collect();
    Section::new("What happened", items)
}

fn with_outputs_and_checks(alert: &AlertNotice, mut section: Section) -> Section {
    let findings = &alert.check.findings;
    for check in &findings.checks {
        let item = Item::labelled(&check.address, "this check does not pass");
        let messages = check.messages.iter().take(MOST_ATTRIBUTES);
        section
            .items
            .push(messages.fold(item, |item, m| item.with_line(m)));
    }
    if section.items.is_empty() {
        let outputs = findings.outputs.iter().take(MOST_FINDINGS);
        section.items.extend(outputs.map(|output| {
            Item::labelled(
                format!("output {}", output.name),
                format!("{}: its value would change", output.origin.as_str()),
            )
        }));
    }
    let waiting = findings
        .resources
        .iter()
        .filter(|f| f.is_pending() && !concerns(alert.kind, f))
        .count();
    if waiting > 0 {
        let also = format!(
            "also waiting in Git: {}",
            plural(waiting, "resource", "resources")
        );
        section.more = Some(match section.more {
            Some(more) => format!("{more}; {also}"),
            None => also,
        });
    }
    section
}

fn reasons(check: &StackCheck) -> Vec<Item> {
    let all = &check.decision.reasons;
    let mut items: Vec<Item> = all.iter().take(MOST_REASONS).map(Item::sentence).collect();
    if all.len() > MOST_REASONS {
        items.push(Item::sentence(format!(
            "and {} more reasons",
            all.len() - MOST_REASONS
        )));
    }
    items
}

fn decided(alert: &AlertNotice) -> Section {
    const TITLE: &str = "What Mooring does";
    if alert.kind == AlertKind::Failed {
        let words = "It changes nothing, and looks again on schedule.";
        return Section::new(TITLE, vec![Item::sentence(words)]);
    }
    let check = &alert.check;
    let first = match check.decision.kind {
        DecisionKind::Nothing => "Nothing.",
        DecisionKind::Alert => "It tells you and changes nothing.",
        DecisionKind::Apply => "It repairs this by itself and tells you when that is verified.",
        DecisionKind::Ask => "It changes nothing by itself: a person has to decide.",
        DecisionKind::Refuse => "It changes nothing.",
    };
    let mut section = Section::new(TITLE, vec![Item::sentence(first)]);
    section.items.extend(reasons(check));
    section
}

fn ending(kind: AlertKind, resolution: Option<Resolution>) -> String {
    match (kind, resolution) {
        (_, Some(Resolution::Untracked)) => Resolution::Untracked.words().to_owned(),
        (AlertKind::Drift, Some(resolution)) => format!("drift {}", resolution.words()),
        (AlertKind::Drift, None) => "the drift is gone".to_owned(),
        (AlertKind::Pending, _) => "no code is waiting any more".to_owned(),
        (AlertKind::Failed, _) => "it can be checked again".to_owned(),
        (AlertKind::Apply, _) => "the trouble with the apply is over".to_owned(),
    }
}

fn resolved(alert: &AlertNotice) -> Content {
    let check = &alert.check;
    let ending = ending(alert.kind, alert.resolution);
    let left = worst_first(
        check
            .findings
            .resources
            .iter()
            .filter(|f| concerns(AlertKind::Apply, f)),
    );
    let now = if alert.resolution == Some(Resolution::Untracked) {
        "Mooring no longer looks at this stack.".to_owned()
    } else {
        format!("The stack is now {}.", verdict_words(check.verdict))
    };
    let lasted = format!(
        "Open from {} to {}",
        minute(alert.opened_at),
        minute(alert.at)
    );
    Content {
        subject: format!("[resolved] {}: {ending}", alert.stack),
        headline: format!("{}: {ending}", alert.stack),
        facts: vec![now, lasted],
        sections: vec![
            failure(check),
            listed("What is still there", &left, as_found),
        ],
        severity: alert.severity,
        over: true,
    }
}

fn repaired(repair: &RepairNotice) -> Content {
    let still_there =
        |finding: &Finding| {
            repair.after.findings.resources.iter().any(|left| {
                left.address == finding.address && left.is_drift() == finding.is_drift()
            })
        };
    let drifted = repair
        .before
        .findings
        .resources
        .iter()
        .filter(|f| f.is_drift());
    let done = worst_first(drifted.filter(|f| !still_there(f)));
    let names: Vec<String> = done.iter().map(|f| f.address.to_string()).collect();
    let left = worst_first(
        repair
            .after
            .findings
            .resources
            .iter()
            .filter(|f| concerns(AlertKind::Apply, f)),
    );
    let (words, rest) = if left.is_empty() {
        ("repaired by Mooring", String::new())
    } else {
        (
            "repaired by Mooring in part",
            format!("; {} still there", left.len()),
        )
    };
    let place = Place::of(&repair.stack, &repair.after.workspace);
    Content {
        subject: format!("[repaired] {}: {}{rest}", repair.stack, and_more(&names)),
        headline: format!(
            "{}: {words}, now {}",
            repair.stack,
            verdict_words(repair.after.verdict)
        ),
        facts: vec![
            facts(repair.at, &repair.after),
            format!("Run {}", repair.run),
        ],
        sections: vec![
            listed("What was put back", &done, as_repaired),
            Section::new("Why that was allowed", reasons(&repair.before)),
            failure(&repair.after),
            listed("What is still there", &left, as_found),
            steps::after_repair(&place),
        ],
        severity: Severity::Info,
        over: left.is_empty() && repair.after.verdict == Verdict::InSync,
    }
}

fn summarised(summary: &SummaryNotice) -> Content {
    let counts = &summary.counts;
    let total = plural(counts.stacks, "stack", "stacks");
    let occasion = match &summary.reason {
        SummaryReason::FirstSight(source) => format!(" (first look at {source})"),
        SummaryReason::Scheduled => String::new(),
    };
    let parts = [
        (counts.in_sync, "in sync"),
        (counts.drifted, "drifted"),
        (counts.drifted_and_pending, "drifted with code waiting"),
        (counts.pending, "waiting for code to be applied"),
        (counts.failed, "impossible to check"),
        (counts.unknown, "not checked recently"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let mut facts = vec![format!("Made {}", minute(summary.at))];
    if let SummaryReason::FirstSight(_) = &summary.reason {
        facts.push(
            "This is the first look at this source. What was found is the baseline: it alerts \
             nobody until it changes."
                .to_owned(),
        );
    }
    let mut table = Section::new(
        "Not in sync",
        summary.stacks.iter().take(MOST_STACKS).map(row).collect(),
    );
    if summary.stacks.len() > MOST_STACKS {
        table.more = Some(format!("and {} more", summary.stacks.len() - MOST_STACKS));
    }
    let severity = summary.stacks.iter().map(|line| line.severity).max();
    Content {
        subject: format!("Mooring: {total}, {} in sync{occasion}", counts.in_sync),
        headline: format!("{total}: {}{occasion}", parts.join(", ")),
        facts,
        sections: vec![table, steps::after_summary(summary)],
        severity: severity.unwrap_or(Severity::Info),
        over: counts.in_sync == counts.stacks,
    }
}

fn row(line: &SummaryLine) -> Item {
    let since = match line.since {
        Some(since) => format!(" since {}", minute(since)),
        None => String::new(),
    };
    let text = format!(
        "{} ({}){since}",
        verdict_words(line.verdict),
        line.severity.as_str()
    );
    let item = Item::labelled(&line.stack, text);
    if line.text.is_empty() {
        item
    } else {
        item.with_line(&line.text)
    }
}
