//! What a notice says, before any channel gives it a form: a headline that says where, what and how
//! bad, then what changed, what Mooring does, and what the reader can do.

mod alert;
mod many;
mod posture;

use jiff::Timestamp;

use crate::domain::alert::{AlertEvent, AlertKind};
use crate::domain::check::StackCheck;
use crate::domain::finding::{Finding, Origin, Severity, Verdict};
use crate::domain::notice::Notice;

use super::words::{clean, cut, difference, had_happened, nature, put_back};

/// Findings listed in one message.
const MOST_FINDINGS: usize = 10;
/// Attributes listed of one finding.
const MOST_ATTRIBUTES: usize = 5;
/// Reasons listed of one decision.
const MOST_REASONS: usize = 5;
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
        Notice::Alert(alert) if alert.event == AlertEvent::Resolved => alert::resolved(alert),
        Notice::Alert(alert) => alert::trouble(alert),
        Notice::Repaired(repair) => posture::repaired(repair),
        Notice::Summary(summary) => posture::summarised(summary),
        Notice::Group(group) => many::grouped(group),
        Notice::Digest(digest) => many::digest(digest),
        Notice::Undelivered(lost) => many::undelivered(lost),
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
        && finding.suppressed.is_none()
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

fn failure(check: &StackCheck) -> Section {
    let items = check
        .failure
        .iter()
        .map(|failure| Item::labelled(failure.kind.as_str(), &failure.message))
        .collect();
    Section::new("What happened", items)
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
