//! An alert in words: what opened, changed or ended.

use jiff::tz::TimeZone;

use crate::domain::aftermath::COMMAND;
use crate::domain::alert::{AlertEvent, AlertKind, Resolution};
use crate::domain::finding::Severity;
use crate::domain::notice::{AlertNotice, RequestLine};
use crate::domain::policy::DecisionKind;

use super::super::steps;
use super::super::words::{clean, cut};
use super::{
    Brief, Content, Item, MOST_ATTRIBUTES, MOST_FINDINGS, Section, and_more, as_found, brief,
    concerned, concerns, facts, failure, lasting, listed, minute, plural, reasons, verdict_words,
    worst_first,
};

/// Of what a subject is about no more is shown in a list of mails.
const LONGEST_ABOUT: usize = 90;

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
                "changed by hand".to_owned(),
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
        AlertKind::Apply => ("on hold".to_owned(), "repairs are on hold".to_owned()),
    }
}

pub(super) fn trouble(alert: &AlertNotice, zone: &TimeZone) -> Content {
    let (word, words) = what(alert);
    let check = &alert.check;
    let mut tag = vec![word];
    if alert.severity >= Severity::High && alert.kind != AlertKind::Failed {
        tag.push(alert.severity.as_str().to_owned());
    }
    match alert.event {
        AlertEvent::Changed => tag.push("changed".to_owned()),
        AlertEvent::Reminded => tag.push("still there".to_owned()),
        AlertEvent::Escalated => tag.push("not acknowledged".to_owned()),
        AlertEvent::Acknowledged => tag.push("acknowledged".to_owned()),
        AlertEvent::Opened | AlertEvent::Resolved => {}
    }
    let concerned = concerned(alert);
    let mut names: Vec<String> = concerned.iter().map(|f| f.address.to_string()).collect();
    if names.is_empty() {
        names = other_names(alert);
    }
    let mut facts = vec![facts(alert.looked_at.unwrap_or(alert.at), zone, check)];
    if alert.event == AlertEvent::Changed {
        facts.push(format!(
            "It is another trouble than last told; open since {}",
            minute(alert.opened_at, zone)
        ));
    }
    facts.extend(life(alert, zone));
    facts.extend(owners(alert));
    facts.extend(gist(alert).map(str::to_owned));
    if let (AlertKind::Pending, Some(since)) = (alert.kind, alert.since) {
        facts.push(format!("Waiting in Git since {}", minute(since, zone)));
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
    let since = alert.since.unwrap_or(alert.opened_at);
    let for_how_long = match lasting(since, alert.at) {
        Some(span) => format!(", {span} ago"),
        None => String::new(),
    };
    let held = gist(alert).unwrap_or_default();
    let brief = Brief::new(alert.severity.as_str(), &alert.stack, &words)
        .with("Event", happened(alert))
        .with("Why", held)
        .with("What", &about)
        .with("Since", format!("{}{for_how_long}", minute(since, zone)))
        .with("Owners", few(&alert.audience.owners));
    Content {
        subject: format!(
            "[{}] {}{colon}{}",
            tag.join(", "),
            alert.stack,
            cut(&about, LONGEST_ABOUT)
        ),
        headline: format!(
            "{}: {words} – {} severity",
            alert.stack,
            alert.severity.as_str()
        ),
        facts,
        sections: vec![
            failure(check),
            known(alert),
            with_outputs_and_checks(
                alert,
                listed("What changed", &concerned, as_found, alert.at),
            ),
            decided(alert, zone),
            steps::for_trouble(alert),
        ],
        severity: alert.severity,
        over: false,
        brief,
    }
}

/// The first line of what the alert says besides.
fn gist(alert: &AlertNotice) -> Option<&str> {
    alert.detail.as_deref()?.lines().next()
}

/// The lines below it: sentences, and commands that belong to them.
fn known(alert: &AlertNotice) -> Section {
    let detail = alert.detail.as_deref().unwrap_or_default();
    let mut items: Vec<Item> = Vec::new();
    for line in detail.lines().skip(1) {
        match (line.strip_prefix(COMMAND), items.pop()) {
            (Some(command), Some(sentence)) => items.push(sentence.with_command(command)),
            (_, before) => {
                items.extend(before);
                items.push(Item::sentence(line));
            }
        }
    }
    Section::new("What is known", items)
}

/// Two names at a glance, or one and how many others.
fn few(names: &[String]) -> String {
    match names {
        [one, other] => format!("{one}, {other}"),
        names => and_more(names),
    }
}

/// Whose the stack is, as the repository says.
fn owners(alert: &AlertNotice) -> Option<String> {
    let owners = &alert.audience.owners;
    (!owners.is_empty()).then(|| clean(&format!("Owners: {}", owners.join(", "))))
}

fn happened(alert: &AlertNotice) -> String {
    match (&alert.acknowledged, alert.event) {
        (Some(known), AlertEvent::Acknowledged) => format!("{} has taken it on", known.by),
        (_, event) => brief::event(event).to_owned(),
    }
}

/// What the alert has been through.
fn life(alert: &AlertNotice, zone: &TimeZone) -> Vec<String> {
    let mut facts = Vec::new();
    match alert.event {
        AlertEvent::Reminded => facts.push(format!("Open since {}", minute(alert.opened_at, zone))),
        AlertEvent::Escalated => facts.push(format!(
            "Open since {}, and nobody has it",
            minute(alert.opened_at, zone)
        )),
        _ => {}
    }
    if !alert.news.is_empty() {
        let more = alert.news.len().saturating_sub(MOST_ATTRIBUTES);
        let mut news: Vec<String> = alert.news.iter().take(MOST_ATTRIBUTES).cloned().collect();
        if more > 0 {
            news.push(format!("and {more} more"));
        }
        facts.push(clean(&news.join("; ")));
    }
    if alert.returns > 0 {
        let times = plural(alert.returns, "time", "times");
        facts.push(format!("It came back after it was over, {times} in a day"));
    }
    if let Some(known) = &alert.acknowledged {
        let until = known
            .until
            .map(|until| format!(" until {}", minute(until, zone)));
        let why = known.reason.as_ref().map(|reason| format!(": {reason}"));
        facts.push(clean(&format!(
            "Acknowledged by {}{}{}",
            known.by,
            until.unwrap_or_default(),
            why.unwrap_or_default()
        )));
    }
    facts
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

/// What Mooring does about a trouble.
pub(super) fn does(alert: &AlertNotice, zone: &TimeZone) -> Section {
    if alert.kind == AlertKind::Failed {
        let words = "It changes nothing, and looks again on schedule.";
        return Section::new(brief::DOES, vec![Item::sentence(words)]);
    }
    let check = &alert.check;
    let first = match check.decision.kind {
        DecisionKind::Nothing => "Nothing.",
        DecisionKind::Alert if check.decision.not_before.is_some() => {
            "It changes nothing yet, and decides again when it may."
        }
        DecisionKind::Alert => "It tells you and changes nothing.",
        DecisionKind::Apply => "It repairs this by itself and tells you when that is verified.",
        DecisionKind::Ask => "It changes nothing by itself: a person has to decide.",
        DecisionKind::Refuse => "It changes nothing.",
    };
    let first = match &alert.request {
        Some(request) => asks(request, zone),
        None => first.to_owned(),
    };
    Section::new(brief::DOES, vec![Item::sentence(first)])
}

/// What people are asked, and until when.
fn asks(request: &RequestLine, zone: &TimeZone) -> String {
    if request.missing.is_empty() {
        return "It applies exactly this plan, as it is approved.".to_owned();
    }
    format!(
        "It applies exactly this plan once {} approved it, until {}; else it changes nothing.",
        have(&request.missing),
        minute(request.expires_at, zone)
    )
}

fn have(missing: &[String]) -> String {
    let verb = match missing {
        [one] if one.starts_with("1 ") => "has",
        _ => "have",
    };
    format!("{} {verb}", missing.join(", and "))
}

/// What Mooring does about a trouble, and why.
fn decided(alert: &AlertNotice, zone: &TimeZone) -> Section {
    let mut section = does(alert, zone);
    if alert.kind != AlertKind::Failed {
        section.items.extend(reasons(&alert.check));
    }
    section
}

fn ending(kind: AlertKind, resolution: Option<Resolution>) -> String {
    match (kind, resolution) {
        (_, Some(Resolution::Untracked)) => Resolution::Untracked.words().to_owned(),
        (AlertKind::Drift, Some(resolution)) => format!("drift {}", resolution.words()),
        (AlertKind::Drift, None) => "the drift is gone".to_owned(),
        (AlertKind::Pending, _) => "no code is waiting any more".to_owned(),
        (AlertKind::Failed, _) => "it can be checked again".to_owned(),
        (AlertKind::Apply, _) => "the hold on repairs is over".to_owned(),
    }
}

pub(super) fn resolved(alert: &AlertNotice, zone: &TimeZone) -> Content {
    let check = &alert.check;
    let ending = ending(alert.kind, alert.resolution);
    let left = worst_first(
        check
            .findings
            .resources
            .iter()
            .filter(|f| concerns(AlertKind::Apply, f)),
    );
    let untracked = alert.resolution == Some(Resolution::Untracked);
    let verdict = verdict_words(check.verdict);
    let now = if untracked {
        "Mooring no longer looks at this stack.".to_owned()
    } else {
        format!("The stack is now {verdict}.")
    };
    let lasted = format!(
        "Open from {} to {}",
        minute(alert.opened_at, zone),
        minute(alert.at, zone)
    );
    let span = lasting(alert.opened_at, alert.at);
    let brief = Brief::new("resolved", &alert.stack, &ending)
        .with("Now", if untracked { "not looked at" } else { verdict })
        .with("Lasted", span.unwrap_or_default());
    Content {
        subject: format!("[resolved] {}: {ending}", alert.stack),
        headline: format!("{}: {ending}", alert.stack),
        facts: vec![now, lasted],
        sections: vec![
            failure(check),
            listed("What is still there", &left, as_found, alert.at),
        ],
        severity: alert.severity,
        over: true,
        brief,
    }
}
