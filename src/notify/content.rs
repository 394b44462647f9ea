//! What a notice says, before any channel gives it a form: a headline that says where, what and how
//! bad, then what changed, what Mooring does, and what the reader can do.

mod alert;
mod brief;
mod many;
mod posture;
mod report;
mod request;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::alert::AlertEvent;
use crate::domain::check::StackCheck;
use crate::domain::finding::{Finding, Severity, Verdict};
use crate::domain::notice::Notice;
use crate::domain::severity::NOTHING_SPECIAL;

pub(super) use self::brief::{Brief, Fact};
pub(super) use self::report::is_calm;
use super::concern::{concerned, concerns, worst_first};
use super::declared;
use super::line::Line;
use super::section::{Item, LONGEST_LABEL, Section};
use super::words::{clean, cut, difference, had_happened, nature, put_back};

/// Findings listed in one message.
const MOST_FINDINGS: usize = 10;
/// Attributes listed of one finding.
const MOST_ATTRIBUTES: usize = 5;
/// Attributes listed in one message.
const MOST_LINES: usize = 40;
/// Reasons listed of one decision.
const MOST_REASONS: usize = 5;
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
    /// The same at a glance.
    pub(super) brief: Brief,
}

/// What a notice says, with times in UTC.
pub(super) fn content(notice: &Notice) -> Content {
    content_in(notice, &TimeZone::UTC)
}

/// What a notice says, with times of this zone.
pub(super) fn content_in(notice: &Notice, zone: &TimeZone) -> Content {
    let mut content = match notice {
        Notice::Alert(alert) if alert.event == AlertEvent::Resolved => alert::resolved(alert, zone),
        Notice::Alert(alert) => alert::trouble(alert, zone),
        Notice::Repaired(repair) => posture::repaired(repair, zone),
        Notice::Repairs(repairs) => posture::repaired_alike(repairs, zone),
        Notice::Summary(summary) => posture::summarised(summary, zone),
        Notice::Report(report) => report::told(report, zone),
        Notice::Group(group) => many::grouped(group, zone),
        Notice::Digest(digest) => many::digest(digest, zone),
        Notice::Request(asked) => request::answered(asked, zone),
        Notice::Undelivered(lost) => many::undelivered(lost, zone),
    };
    content.subject = cut(&clean(&content.subject), 200);
    content.headline = clean(&content.headline);
    content.sections.retain(|section| !section.items.is_empty());
    brief::complete(&mut content);
    content
}

fn minute(at: Timestamp, zone: &TimeZone) -> String {
    let at = at.to_zoned(zone.clone());
    at.strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// A time span in its largest unit and the one below; none if it is less than a minute.
fn lasting(from: Timestamp, to: Timestamp) -> Option<String> {
    let minutes = usize::try_from(to.duration_since(from).as_mins()).ok()?;
    let parts = [
        (minutes / 1440, "day", "days"),
        (minutes / 60 % 24, "hour", "hours"),
        (minutes % 60, "minute", "minutes"),
    ];
    let largest = parts.iter().position(|(count, ..)| *count > 0)?;
    let told = parts.iter().skip(largest).take(2);
    let told = told.filter(|(count, ..)| *count > 0);
    let told: Vec<String> = told.map(|(n, one, many)| plural(*n, one, many)).collect();
    Some(told.join(" "))
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// A number with its thousands apart.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `first` and how many others.
fn and_more(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} and {} more", grouped(rest.len())),
    }
}

fn facts(at: Timestamp, zone: &TimeZone, check: &StackCheck) -> String {
    let mut facts = vec![format!("Seen {}", minute(at, zone))];
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

/// How findings are told.
#[derive(Clone, Copy)]
struct Telling {
    /// When.
    now: Timestamp,
    /// With how many attributes of each.
    attributes: usize,
}

fn entry(finding: &Finding, text: &str, lines: &[Line], telling: Telling) -> Item {
    let deposed = match &finding.deposed {
        Some(key) => format!(" (deposed object {key})"),
        None => String::new(),
    };
    let text = format!("{}: {text}", finding.severity.as_str());
    let mut item = Item::labelled(format!("{}{deposed}", finding.address), text);
    let most = telling.attributes;
    item.lines = lines.iter().take(most).cloned().collect();
    if lines.len() > most {
        let more = plural(lines.len() - most, "attribute", "attributes");
        item.lines.push(Line::from(format!("and {more} more")));
    }
    let declared = finding.background.declared.as_ref();
    let declared = declared.map(|declared| declared::line(declared, telling.now));
    item.lines.extend(declared);
    item
}

/// How long it has been there and why it matters, behind what happened.
fn weighed(finding: &Finding, now: Timestamp) -> String {
    let mut text = nature(finding);
    let since = finding.background.since.filter(|since| *since < now);
    if let Some(since) = since {
        text.push_str(&format!("; first seen {}", declared::ago(since, now)));
    }
    let reason = finding.severity_reason.as_str();
    if !matches!(reason, "" | NOTHING_SPECIAL) {
        let severity = finding.severity.as_str();
        text.push_str(&format!(". Why {severity}: {reason}"));
    }
    text
}

fn as_found(finding: &Finding, telling: Telling) -> Item {
    let lines: Vec<Line> = finding.attributes.iter().filter_map(difference).collect();
    entry(finding, &weighed(finding, telling.now), &lines, telling)
}

fn as_repaired(finding: &Finding, telling: Telling) -> Item {
    let lines: Vec<Line> = finding.attributes.iter().filter_map(put_back).collect();
    entry(finding, had_happened(finding), &lines, telling)
}

fn listed(
    title: &'static str,
    findings: &[&Finding],
    how: fn(&Finding, Telling) -> Item,
    now: Timestamp,
) -> Section {
    let shown = findings.len().clamp(1, MOST_FINDINGS);
    let telling = Telling {
        now,
        attributes: (MOST_LINES / shown).min(MOST_ATTRIBUTES),
    };
    let items = findings.iter().take(MOST_FINDINGS);
    let items = items.map(|finding| how(finding, telling));
    let mut section = Section::new(title, items.collect());
    if findings.len() > MOST_FINDINGS {
        section.more = Some(format!(
            "and {} more",
            grouped(findings.len() - MOST_FINDINGS)
        ));
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
    let mut items: Vec<Item> = all
        .iter()
        .take(MOST_REASONS)
        .map(|reason| Item::sentence(&reason.text))
        .collect();
    if all.len() > MOST_REASONS {
        items.push(Item::sentence(format!(
            "and {} more reasons",
            all.len() - MOST_REASONS
        )));
    }
    items
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn times_are_those_of_the_zone_and_say_so() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let winter = "2026-11-23T13:05:00Z".parse().unwrap();
        let summer = "2026-07-23T13:05:00Z".parse().unwrap();
        assert_eq!(minute(winter, &zone), "2026-11-23 14:05 CET");
        assert_eq!(minute(summer, &zone), "2026-07-23 15:05 CEST");
        for notice in samples::all() {
            let words = format!("{:?}", content_in(&notice, &zone));
            // What a state's lock says of itself is not ours to translate.
            let words = words.replace("2026-11-23 09:12 UTC", "");
            assert!(!words.contains("UTC"), "{words}");
            assert!(words.contains("CET"), "{words}");
        }
    }

    #[test]
    fn spans_are_told_in_their_two_largest_units() {
        let from = Timestamp::UNIX_EPOCH;
        let told = |seconds| lasting(from, Timestamp::from_second(seconds).unwrap());
        assert_eq!(told(59), None);
        assert_eq!(told(-90), None);
        assert_eq!(told(60).as_deref(), Some("1 minute"));
        assert_eq!(told(2 * 3600 + 1800).as_deref(), Some("2 hours 30 minutes"));
        assert_eq!(told(86_400 + 59).as_deref(), Some("1 day"));
        assert_eq!(told(1500 * 86_400).as_deref(), Some("1,500 days"));
    }

    #[test]
    fn large_numbers_can_be_read() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
    }
}
