//! Findings in words, the same for every form of report.

use std::borrow::Cow;

use super::detail::detail_of_long;
use super::fit::cut;
use crate::domain::check::StackCheck;
use crate::domain::finding::{
    AttributeChange, Finding, FindingAction, Findings, Note, Origin, OutputFinding, Subject,
    Verdict,
};
use crate::domain::place::Declared;
use crate::domain::plan::CheckStatus;
use crate::domain::stack::DEFAULT_WORKSPACE;
use crate::domain::value::{SENSITIVE, UNKNOWN, Value};
use crate::domain::why::why;

pub(super) const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::InSync => "in sync",
        Verdict::Drifted => "drifted",
        Verdict::Pending => "pending",
        Verdict::DriftedAndPending => "drifted and pending",
        Verdict::Failed => "failed",
        Verdict::Unknown => "not checked",
    }
}

/// How the stack is called.
pub(super) fn title(check: &StackCheck) -> Cow<'_, str> {
    match &check.stack {
        Some(stack) => Cow::Borrowed(stack.as_str()),
        None => Cow::Borrowed("plan"),
    }
}

/// Workspace (unless default), commit and whether it was changed since.
pub(super) fn facts(check: &StackCheck) -> Vec<String> {
    let mut facts = Vec::new();
    if check.workspace != DEFAULT_WORKSPACE {
        facts.push(format!("workspace {}", check.workspace));
    }
    match (&check.commit, check.dirty) {
        (Some(commit), false) => facts.push(commit.short().to_owned()),
        (Some(commit), true) => facts.push(format!("{} + uncommitted changes", commit.short())),
        (None, true) => facts.push("uncommitted changes".to_owned()),
        (None, false) => {}
    }
    facts
}

/// The sign before an address, as Terraform's own where it has one.
pub(super) const fn sign(action: FindingAction) -> &'static str {
    match action {
        FindingAction::Update => "~",
        FindingAction::Create => "+",
        FindingAction::Delete => "-",
        FindingAction::Replace => "-/+",
        FindingAction::Forget => "x",
        FindingAction::Read => "<=",
        FindingAction::None => "·",
        FindingAction::Other => "?",
    }
}

fn leaves_the_old(finding: &Finding) -> bool {
    let mut attributes = finding.attributes.iter();
    attributes.any(|change| change.subject == Subject::Forget)
}

/// What an apply would leave for later, or do besides its changes.
pub(super) fn besides(findings: &Findings) -> Vec<String> {
    let mut told = Vec::new();
    if findings.deferred > 0 {
        let changes = count(findings.deferred, "change");
        told.push(format!("{changes} put off to a later plan"));
    }
    if findings.invocations > 0 {
        let actions = count(findings.invocations, "action");
        told.push(format!("{actions} of providers would run"));
    }
    told
}

/// What happened to the object as a whole, or would; nothing if its attributes tell it all.
pub(super) fn happening(finding: &Finding) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(key) = &finding.deposed {
        told.push(format!("left over from a replacement ({key})"));
    }
    if let Some(from) = &finding.previous_address {
        told.push(format!("moved from {from}"));
    }
    if finding.importing {
        told.push("to be imported".to_owned());
    }
    let whole = |change: &AttributeChange| match (&change.subject, change.origin) {
        (Subject::Deleted, Origin::Unenforced) => {
            Some("deleted outside Terraform and no longer configured")
        }
        (Subject::Deleted, _) => Some("deleted outside Terraform, to be created again"),
        (Subject::Create, _) => Some("to be created"),
        (Subject::Delete, _) => Some("to be destroyed"),
        (Subject::Forget, _) if finding.action == FindingAction::Replace => {
            Some("to be created anew, while the old object stays, unmanaged")
        }
        (Subject::Forget, _) => Some("to be dropped from the state"),
        (Subject::Attribute(_) | Subject::Replace, _) => None,
    };
    told.extend(
        finding
            .attributes
            .iter()
            .filter_map(whole)
            .map(str::to_owned),
    );
    match finding.action {
        FindingAction::Replace if !leaves_the_old(finding) => {
            told.push("to be destroyed and created".to_owned());
        }
        FindingAction::Read => told.push("to be read".to_owned()),
        FindingAction::Other => {
            told.push("to be changed in a way Mooring does not know".to_owned());
        }
        _ => {}
    }
    if finding.irreversible.is_some() {
        told.push("may lose data".to_owned());
    }
    if let Some(why) = &finding.suppressed {
        told.push(format!("suppressed: {why}"));
    }
    told.extend(finding.reason.as_deref().map(reason));
    told
}

/// Terraform's word for a reason as words.
fn reason(reason: &str) -> String {
    reason.replace('_', " ")
}

/// Why the finding as a whole is what it is: its origin where no attribute tells it, its severity,
/// what it could lose.
pub(super) fn reasons(finding: &Finding) -> Vec<String> {
    let whole = finding
        .attributes
        .iter()
        .filter(|change| !matches!(change.subject, Subject::Attribute(_)));
    let mut reasons: Vec<String> = whole
        .map(|change| format!("{}: {}", change.origin.as_str(), why(change)))
        .collect();
    if !finding.severity_reason.is_empty() {
        let severity = finding.severity.as_str();
        reasons.push(format!("{severity}: {}", finding.severity_reason));
    }
    let lost = finding.irreversible.iter();
    reasons.extend(lost.map(|why| format!("may lose data: {why}")));
    if let Some(Declared { place, changed, .. }) = &finding.background.declared {
        let who = changed.as_ref().map(|change| {
            let (author, subject) = (&change.author, &change.subject);
            format!(
                ", last changed by {author} ({} {subject:?})",
                change.commit.short()
            )
        });
        let who = who.unwrap_or_default();
        reasons.push(format!("declared in {}:{}{who}", place.file, place.first));
    }
    reasons
}

/// Findings that rules ignore.
pub(super) fn ignored(check: &StackCheck) -> usize {
    let findings = check.findings.resources.iter();
    findings.filter(|finding| finding.ignored.is_some()).count()
}

/// How many findings of a stack are known noise.
pub(super) fn suppressed(check: &StackCheck) -> usize {
    let findings = check.findings.resources.iter();
    findings
        .filter(|finding| finding.suppressed.is_some())
        .count()
}

/// What goes behind the difference of an attribute: its origin if the finding's is another, what it
/// forces, what its values do not show.
pub(super) fn remarks(change: &AttributeChange, of_finding: Origin) -> Vec<&'static str> {
    let mut remarks = Vec::new();
    if change.origin != of_finding {
        remarks.push(change.origin.as_str());
    }
    if change.forces_replacement {
        remarks.push("forces replacement");
    }
    remarks.extend(change.note.map(note));
    remarks
}

const fn note(note: Note) -> &'static str {
    match note {
        Note::SameDocument => SAME_DOCUMENT,
        Note::SameItems => "same items, in another order",
    }
}

/// Two texts that are one document.
pub(super) const SAME_DOCUMENT: &str = "same document, spelt differently";

/// The differences that are about attributes.
pub(super) fn attributes(finding: &Finding) -> impl Iterator<Item = &AttributeChange> {
    finding
        .attributes
        .iter()
        .filter(|change| matches!(change.subject, Subject::Attribute(_)))
}

/// No plain line is longer; what is left out shows as `…`.
const LONGEST_LINE: usize = 2_000;

/// The differences of a finding's attributes as plain lines, at most so many; the last says how many
/// are missing.
pub(super) fn differences(finding: &Finding, limit: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for change in attributes(finding) {
        lines.extend(difference(change, finding.origin));
    }
    if lines.len() > limit {
        let more = count(lines.len() - limit, "more line");
        lines.truncate(limit);
        lines.push(format!("… and {more} (--format json has them all)"));
    }
    lines.iter().map(|line| cut(line, LONGEST_LINE)).collect()
}

fn difference(change: &AttributeChange, of_finding: Origin) -> Vec<String> {
    let sides = sides(change);
    let remarks: String = remarks(change, of_finding)
        .iter()
        .filter(|remark| **remark != SAME_DOCUMENT)
        .map(|remark| format!(", {remark}"))
        .collect();
    let subject = &change.subject;
    let Some(detail) = detail_of_long(change) else {
        let want = sides.want.map(|want| format!(", want {}", value(want)));
        let (from, to) = (value(sides.from), value(sides.to));
        let want = want.unwrap_or_default();
        return vec![format!(
            "{subject}: {from} → {to} ({}){want}{remarks}",
            sides.names
        )];
    };
    let mut lines = vec![format!(
        "{subject}: {} ({}){remarks}",
        detail.heading(),
        sides.names
    )];
    for (place, part) in detail.parts.iter().enumerate() {
        if place > 0 {
            lines.push(format!("  {}:", part.names));
        }
        lines.extend(part.lines.iter().map(|line| format!("  {line}")));
    }
    lines
}

/// The sides that matter for where a difference comes from.
pub(super) struct Sides<'a> {
    pub(super) from: &'a Value,
    pub(super) to: &'a Value,
    /// Which sides `from` and `to` are.
    pub(super) names: &'static str,
    /// The third side, where it is another than both or an apply would return there.
    pub(super) want: Option<&'a Value>,
}

impl Sides<'_> {
    /// That what is wanted is one of the two sides, in words, if it is.
    pub(super) fn known_want(&self) -> Option<&'static str> {
        match self.want {
            Some(want) if want == self.from => Some("want as in state"),
            Some(want) if want == self.to => Some("want as it is"),
            _ => None,
        }
    }
}

pub(super) const fn sides(change: &AttributeChange) -> Sides<'_> {
    let (from, to, names) = match change.origin {
        Origin::Drift | Origin::Both | Origin::Unenforced => {
            (&change.state, &change.real, "state → real")
        }
        Origin::Pending | Origin::Input | Origin::Consequence => {
            (&change.real, &change.want, "real → want")
        }
    };
    let want = match change.origin {
        Origin::Drift | Origin::Both => Some(&change.want),
        _ => None,
    };
    Sides {
        from,
        to,
        names,
        want,
    }
}

/// A value as people read it: JSON, with placeholders bare.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Sensitive { .. } => SENSITIVE.to_owned(),
        Value::Unknown => UNKNOWN.to_owned(),
        value => value.to_json().to_string(),
    }
}

pub(super) fn output(output: &OutputFinding) -> String {
    let sensitive = if output.sensitive { " (sensitive)" } else { "" };
    let happens = match output.action {
        FindingAction::Create => "to be added",
        FindingAction::Delete => "to be removed",
        _ => "to be changed",
    };
    format!("{happens}{sensitive}")
}

pub(super) const fn status(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Pass => "passed",
        CheckStatus::Fail => "failed",
        CheckStatus::Error => "could not be evaluated",
        CheckStatus::Unknown => "not known yet",
    }
}

/// `1 change`, `2 changes`.
pub(super) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
