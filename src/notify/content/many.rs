//! News of several stacks in words, and of messages that were given up.

use jiff::tz::TimeZone;

use crate::domain::alert::{AlertEvent, AlertKind};
use crate::domain::finding::Severity;
use crate::domain::notice::{
    DigestLine, DigestNotice, DigestReason, GroupMember, GroupNotice, UndeliveredNotice,
};

use super::super::steps;
use super::{
    Brief, Content, Item, Section, and_more, as_found, brief, concerned, failure,
    grouped as thousands, listed, minute, plural,
};

/// Stacks listed in one message.
const MOST_STACKS: usize = 40;

pub(super) fn grouped(group: &GroupNotice, zone: &TimeZone) -> Content {
    let count = plural(group.members.len(), "stack", "stacks");
    let over = group.event == AlertEvent::Resolved;
    let word = match (group.event, group.kind) {
        (AlertEvent::Resolved, _) => "resolved",
        (AlertEvent::Acknowledged, _) => "acknowledged",
        (AlertEvent::Reminded, _) => "still there",
        (AlertEvent::Escalated, _) => "nobody has acknowledged",
        (AlertEvent::Opened | AlertEvent::Changed, AlertKind::Failed) => "cannot be checked",
        (AlertEvent::Opened | AlertEvent::Changed, AlertKind::Pending) => "code is waiting",
        (AlertEvent::Opened | AlertEvent::Changed, _) => "changed outside Git",
    };
    let severity = group.severity.as_str();
    let cause = &group.cause;
    let mut facts = vec![format!("Last of it seen {}", minute(group.at, zone))];
    match (over, group.open) {
        (true, 0) => facts.push("All of them are over.".to_owned()),
        (_, open) if open > group.members.len() || over => facts.push(format!(
            "{} in this trouble now",
            plural(open, "stack is", "stacks are")
        )),
        _ => {}
    }
    let example = &group.example;
    let concerned = concerned(example);
    let mut sections = vec![stacks(&group.members)];
    if !over {
        sections.push(failure(&example.check));
        sections.push(listed(
            "For example, in the first of them",
            &concerned,
            as_found,
            group.at,
        ));
        let mut steps = steps::for_trouble(example);
        if group.members.len() > 1 {
            steps.more =
                Some("The same goes for the others, each with its own commands.".to_owned());
        }
        sections.push(steps);
    }
    let happened = if over { "" } else { brief::event(group.event) };
    let places = group.members.iter().map(|member| member.stack.to_string());
    let places: Vec<String> = places.collect();
    let badge = if over { "resolved" } else { severity };
    let state = match (over, group.open) {
        (true, 0) => "the trouble is over",
        (true, _) => "over here, and not everywhere",
        (false, _) => word,
    };
    let brief = Brief::new(badge, &count, state)
        .with("Event", happened)
        .with("Cause", cause)
        .with("Where", and_more(&places));
    Content {
        subject: format!("[{word}, {severity}] {count}: {cause}"),
        headline: format!("{count}: {word} – {severity} severity: {cause}"),
        facts,
        sections,
        severity: group.severity,
        over: over && group.open == 0,
        brief,
    }
}

fn stacks(members: &[GroupMember]) -> Section {
    let items = members.iter().take(MOST_STACKS).map(|member| {
        Item::labelled(
            &member.stack,
            format!("{}: {}", member.severity.as_str(), member.text),
        )
    });
    let mut section = Section::new("Where", items.collect());
    if members.len() > MOST_STACKS {
        section.more = Some(format!(
            "and {} more",
            thousands(members.len() - MOST_STACKS)
        ));
    }
    section
}

pub(super) fn digest(digest: &DigestNotice, zone: &TimeZone) -> Content {
    let count = digest.lines.len();
    let (why, words) = match digest.reason {
        DigestReason::QuietHours => ("quiet hours", "came in quiet hours"),
        DigestReason::RateLimit => (
            "limit",
            "would have been more messages than this receiver takes",
        ),
    };
    let news = plural(count, "piece of news", "pieces of news");
    let mut facts = vec![format!("Made {}", minute(digest.at, zone))];
    if digest.came_and_went > 0 {
        facts.push(format!(
            "{} came and went meanwhile",
            plural(digest.came_and_went, "more trouble", "more troubles")
        ));
    }
    let items = digest
        .lines
        .iter()
        .take(MOST_STACKS)
        .map(|one| line(one, zone));
    let mut section = Section::new("What there is", items.collect());
    if count > MOST_STACKS {
        section.more = Some(format!("and {} more", thousands(count - MOST_STACKS)));
    }
    let worst = digest.lines.iter().map(|line| line.severity).max();
    let severity = worst.unwrap_or(Severity::Info);
    let first = digest.lines.first();
    let first = first.map(|line| format!("{}: {}", place(line), line.text));
    let brief =
        Brief::new(severity.as_str(), &news, words).with("Worst", first.unwrap_or_default());
    Content {
        subject: format!("Mooring: {news} ({why}), worst {}", severity.as_str()),
        headline: format!("{news} {words}"),
        facts,
        sections: vec![section],
        severity,
        over: digest
            .lines
            .iter()
            .all(|line| line.event == AlertEvent::Resolved.as_str()),
        brief,
    }
}

fn place(line: &DigestLine) -> &str {
    let stack = line.stack.as_ref();
    stack.map_or("several stacks", |stack| stack.as_str())
}

fn line(line: &DigestLine, zone: &TimeZone) -> Item {
    let label = place(line);
    let severity = line.severity.as_str();
    let text = format!("{} ({severity}) {}", line.event, minute(line.at, zone));
    Item::labelled(label, text).with_line(&line.text)
}

pub(super) fn undelivered(lost: &UndeliveredNotice, zone: &TimeZone) -> Content {
    let count = plural(lost.given_up, "message", "messages");
    let state = format!("{count} could not be delivered");
    let brief = Brief::new(Severity::High.as_str(), &lost.notifier, state).with("Why", &lost.error);
    Content {
        subject: format!("[undelivered] Mooring cannot reach {}", lost.notifier),
        headline: format!("{count} to {} could not be delivered", lost.notifier),
        facts: vec![
            format!("Given up {}", minute(lost.at, zone)),
            lost.error.clone(),
        ],
        sections: vec![Section::new(
            steps::TITLE,
            vec![
                Item::sentence("Put the receiver right, or the service behind it."),
                Item::sentence("The daemon's log says which messages were lost."),
            ],
        )],
        severity: Severity::High,
        over: false,
        brief,
    }
}
