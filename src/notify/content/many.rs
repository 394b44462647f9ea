//! News of several stacks in words, and of receivers that cannot be reached.

use jiff::tz::TimeZone;

use crate::domain::alert::{AlertEvent, AlertKind};
use crate::domain::finding::Severity;
use crate::domain::notice::{
    DigestLine, DigestNotice, DigestReason, GroupMember, GroupNotice, Reach, UndeliveredNotice,
};

use super::super::steps;
use super::{
    Brief, Content, Item, Section, and_more, as_found, brief, concerned, failure,
    grouped as thousands, lasting, listed, minute, plural,
};

/// Stacks listed in one message.
const MOST_STACKS: usize = 40;

pub(super) fn grouped(group: &GroupNotice, zone: &TimeZone) -> Content {
    let over = group.event == AlertEvent::Resolved;
    let count = how_many(group);
    let word = match (group.event, group.kind) {
        (AlertEvent::Resolved, AlertKind::Failed) => "can be checked again",
        (AlertEvent::Resolved, AlertKind::Pending) => "no code is waiting any more",
        (AlertEvent::Resolved, _) => "no longer changed outside Git",
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
        (true, open) => facts.push(format!(
            "{} still in this trouble",
            plural(open, "stack is", "stacks are")
        )),
        _ => {}
    }
    let example = &group.example;
    let concerned = concerned(example);
    let mut sections = vec![stacks(&group.members, over)];
    if !over {
        sections.push(failure(&example.check));
        sections.push(listed(
            "For example, in the first of them",
            &concerned,
            as_found,
            group.at,
        ));
        sections.push(super::alert::does(example, zone));
        sections.push(steps::for_group(group));
    }
    let happened = if over { "" } else { brief::event(group.event) };
    let places = group.members.iter().map(|member| member.stack.to_string());
    let places: Vec<String> = places.collect();
    let badge = if over { "resolved" } else { severity };
    let brief = Brief::new(badge, &count, word)
        .with("Event", happened)
        .with("Cause", cause)
        .with(
            "Since",
            if over {
                String::new()
            } else {
                minute(group.since, zone)
            },
        )
        .with("Where", and_more(&places));
    let (subject, headline) = if over {
        (
            format!("[resolved] {count}: {cause}"),
            format!("{count}: {word}: {cause}"),
        )
    } else {
        (
            format!("[{word}, {severity}] {count}: {cause}"),
            format!("{count}: {word} – {severity} severity: {cause}"),
        )
    };
    Content {
        subject,
        headline,
        facts,
        sections,
        severity: group.severity,
        over: over && group.open == 0,
        brief,
    }
}

/// How many stacks it is about: those that are over, or those that are not.
fn how_many(group: &GroupNotice) -> String {
    let stacks = |count| plural(count, "stack", "stacks");
    let (happened, open, total) = (group.members.len(), group.open, group.total);
    match group.event {
        AlertEvent::Resolved if open == 0 && total > 1 => format!("all {}", stacks(total)),
        AlertEvent::Resolved => {
            let over = thousands(total.saturating_sub(open));
            format!("{over} of {}", stacks(total))
        }
        AlertEvent::Opened if happened < open => {
            format!("{} ({} more)", stacks(open), thousands(happened))
        }
        _ if happened < open => format!("{} of {}", thousands(happened), stacks(open)),
        _ => stacks(happened),
    }
}

fn stacks(members: &[GroupMember], over: bool) -> Section {
    let items = members.iter().take(MOST_STACKS).map(|member| {
        let text = format!("{}: {}", member.severity.as_str(), member.text);
        Item::labelled(&member.stack, if over { "" } else { text.as_str() })
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
    let name = &lost.notifier;
    let given_up = plural(lost.given_up, "message", "messages");
    let waiting = match lost.waiting {
        0 => "Nothing waits for it.".to_owned(),
        1 => "1 message waits for it.".to_owned(),
        many => format!("{} messages wait for it.", thousands(many)),
    };
    let names: Vec<String> = std::iter::once(name).chain(&lost.others).cloned().collect();
    let named = and_more(&names);
    let beside = match lost.others.as_slice() {
        [] => None,
        others => Some(format!(
            "Reached through the same server: {}",
            others.join(", ")
        )),
    };
    let (subject, headline, state, mut facts) = match lost.news {
        Reach::GivenUp => (
            format!("[undelivered] Mooring cannot reach {name}"),
            format!("{given_up} to {name} could not be delivered"),
            format!("{given_up} could not be delivered"),
            vec![
                format!("Given up {}", minute(lost.at, zone)),
                lost.error.clone(),
            ],
        ),
        Reach::Down(since) => (
            format!("[unreachable] Mooring cannot reach {named}"),
            format!("{name} takes no messages since {}", minute(since, zone)),
            format!("takes no messages since {}", minute(since, zone)),
            vec![lost.error.clone(), waiting],
        ),
        Reach::Back(since) => {
            let span = lasting(since, lost.at).unwrap_or_else(|| "a while".to_owned());
            (
                format!("[resolved] Mooring reaches {named} again"),
                format!("{name} takes messages again, after {span}"),
                format!("takes messages again, after {span}"),
                vec![format!("Since {}", minute(lost.at, zone)), waiting],
            )
        }
    };
    facts.extend(beside);
    let over = matches!(lost.news, Reach::Back(_));
    let brief = if over {
        Brief::new("resolved", name, state)
    } else {
        Brief::new(Severity::High.as_str(), name, state).with("Why", &lost.error)
    };
    let brief = match lost.others.as_slice() {
        [] => brief,
        others => brief.with("Also", format!("{} (the same server)", others.join(", "))),
    };
    Content {
        subject,
        headline,
        facts,
        sections: vec![Section::new(steps::TITLE, what_to_do(lost))],
        severity: Severity::High,
        over,
        brief,
    }
}

fn what_to_do(lost: &UndeliveredNotice) -> Vec<Item> {
    let name = &lost.notifier;
    let mend = Item::sentence("Put the receiver right, or the service behind it.");
    let mut steps = match lost.news {
        Reach::GivenUp => vec![mend],
        Reach::Down(_) => vec![
            mend,
            Item::sentence(
                "What waits is sent by itself then. What waits for three days is given up.",
            ),
        ],
        Reach::Back(_) => Vec::new(),
    };
    if lost.given_up > 0 {
        steps.push(
            Item::sentence("See what was given up:").with_command(format!(
                "mooring messages --state given_up --notifier {name}"
            )),
        );
        steps.push(
            Item::sentence("Once it works again, have it sent:")
                .with_command(format!("mooring messages retry --all --notifier {name}")),
        );
    }
    steps
}
