//! A report on many stacks in words: how they are, what is new, what waits longest.

use jiff::tz::TimeZone;

use crate::domain::alert::AlertKind;
use crate::domain::finding::Severity;
use crate::domain::notice::ReportNotice;
use crate::domain::posture::{
    AlertCounts, Contested, Expiring, FixedBy, FixedCounts, Listed, OpenAlert, Posture, StackLine,
};

use super::super::steps;
use super::posture::verdicts;
use super::{Brief, Content, Item, Section, grouped, lasting, minute, plural};

/// Entries of a list.
const MOST: usize = 5;

pub(super) fn told(report: &ReportNotice, zone: &TimeZone) -> Content {
    let posture = &*report.posture;
    let whose = match &report.about {
        Some(about) => format!("{} for {about}", report.name),
        None => report.name.clone(),
    };
    let state = state(posture);
    let calm = is_calm(report);
    let over =
        calm || (posture.alerts.open == 0 && posture.counts.in_sync == posture.counts.stacks);
    let open = posture.open.items.iter().map(|alert| alert.severity);
    let brief = Brief::new(
        "report",
        &whose,
        if calm { calmly(posture) } else { state.clone() },
    );
    Content {
        subject: format!("Mooring: {whose}: {state}{}", moved(posture)),
        headline: if calm {
            format!("{whose}: {}", calmly(posture))
        } else {
            format!("{whose}: {state}")
        },
        facts: facts(report, zone),
        sections: if calm {
            vec![steps::after_report(report)]
        } else {
            sections(report, zone)
        },
        severity: open.max().unwrap_or(Severity::Info),
        over,
        brief: if calm { brief } else { glance(report, brief) },
    }
}

/// Whether there is nothing to say but that all is well.
pub(in super::super) fn is_calm(report: &ReportNotice) -> bool {
    let posture = &report.posture;
    posture.counts.in_sync == posture.counts.stacks
        && posture.alerts == AlertCounts::default()
        && posture.contested.total == 0
}

fn calmly(posture: &Posture) -> String {
    match posture.counts.stacks {
        0 => state(posture),
        _ => format!("{}, and nothing happened", state(posture)),
    }
}

fn state(posture: &Posture) -> String {
    let counts = &posture.counts;
    let stacks = plural(counts.stacks, "stack", "stacks");
    match (counts.stacks - counts.in_sync, counts.stacks) {
        (_, 0) => "no stack to report on".to_owned(),
        (0, 1) => "the stack is in sync".to_owned(),
        (0, 2) => "both stacks are in sync".to_owned(),
        (0, _) => format!("all {stacks} are in sync"),
        (1, _) => format!("1 of {stacks} needs attention"),
        (waiting, _) => format!("{} of {stacks} need attention", grouped(waiting)),
    }
}

fn moved(posture: &Posture) -> String {
    match (posture.new.total, posture.fixed.total) {
        (0, 0) => String::new(),
        (new, fixed) => format!(" ({} new, {} fixed)", grouped(new), grouped(fixed)),
    }
}

fn facts(report: &ReportNotice, zone: &TimeZone) -> Vec<String> {
    let posture = &report.posture;
    let window = posture.window;
    let long = lasting(window.from(), window.to()).unwrap_or_default();
    let (from, to) = (minute(window.from(), zone), minute(window.to(), zone));
    let mut facts = vec![format!("From {from} to {to} ({long})")];
    if report.kept {
        facts.push(format!("Kept as {}", report.id));
    }
    facts
}

/// What a first glance asks for.
fn glance(report: &ReportNotice, brief: Brief) -> Brief {
    let posture = &report.posture;
    let oldest = posture.oldest.first().map(|alert| {
        let age = lasting(alert.first_seen, posture.window.to());
        format!(
            "{}, open for {}",
            alert.stack,
            age.unwrap_or_else(|| "a moment".to_owned())
        )
    });
    let unseen = posture.failing.total + posture.unchecked.total;
    let unseen = match unseen {
        0 => String::new(),
        _ => format!(
            "{} cannot be checked, {} not checked recently",
            grouped(posture.failing.total),
            grouped(posture.unchecked.total)
        ),
    };
    brief
        .with("Trend", trend(report))
        .with("New", named(&posture.new))
        .with("Fixed", fixed(&posture.fixed_by, posture.fixed.total))
        .with("Oldest", oldest.unwrap_or_default())
        .with("Unseen", unseen)
}

/// How many alerts are open, and how that moved.
fn trend(report: &ReportNotice) -> String {
    let now = report.posture.alerts;
    let open = plural(now.open, "alert is open", "alerts are open");
    let moved = match now.open.cmp(&now.open_before) {
        std::cmp::Ordering::Less => {
            format!("{} fewer than before", grouped(now.open_before - now.open))
        }
        std::cmp::Ordering::Equal => "as many as before".to_owned(),
        std::cmp::Ordering::Greater => {
            format!("{} more than before", grouped(now.open - now.open_before))
        }
    };
    let then = |number: fn(&AlertCounts) -> usize| {
        let before = report.before.as_ref().map(number);
        before.map_or_else(String::new, |before| {
            format!(" ({} the time before)", grouped(before))
        })
    };
    format!(
        "{open}, {moved}; {} opened{}, {} resolved{}",
        grouped(now.opened),
        then(|counts| counts.opened),
        grouped(now.resolved),
        then(|counts| counts.resolved)
    )
}

/// The worst of them.
fn named(new: &Listed<OpenAlert>) -> String {
    let Some(worst) = new.items.first() else {
        return String::new();
    };
    let more = match new.total {
        0 | 1 => String::new(),
        total => format!(" and {} more", grouped(total - 1)),
    };
    format!("{} ({}){more}", worst.stack, worst.severity.as_str())
}

fn fixed(by: &FixedCounts, total: usize) -> String {
    if total == 0 {
        return String::new();
    }
    let parts = FixedBy::ALL.into_iter().filter(|one| by.by(*one) > 0);
    let parts = parts.map(|one| format!("{} {}", grouped(by.by(one)), words(one)));
    parts.collect::<Vec<String>>().join(", ")
}

const fn words(by: FixedBy) -> &'static str {
    match by {
        FixedBy::Mooring => "by Mooring",
        FixedBy::Outside => "outside Mooring",
        FixedBy::Code => "through code",
        FixedBy::Ignored => "ignored by rules",
        FixedBy::Untracked => "no longer tracked",
    }
}

const fn kind(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Drift => "drift",
        AlertKind::Pending => "waiting code",
        AlertKind::Failed => "cannot be checked",
        AlertKind::Apply => "repairs held",
    }
}

fn sections(report: &ReportNotice, zone: &TimeZone) -> Vec<Section> {
    let posture = &report.posture;
    vec![
        Section::new("In numbers", numbers(report)),
        list("New and still open", &posture.new, |alert| {
            new(alert, posture)
        }),
        oldest(posture),
        list("Cannot be checked", &posture.failing, |line| {
            let since = line.since.and_then(|since| lasting(since, posture.made_at));
            of_stack(
                line,
                since.map_or_else(String::new, |since| format!("for {since}")),
            )
        }),
        list("Not checked recently", &posture.unchecked, |line| {
            let last = line.checked_at.and_then(|at| lasting(at, posture.made_at));
            let last = last.map(|last| format!("last looked at {last} ago"));
            Item::labelled(
                &line.stack,
                last.unwrap_or_else(|| "never looked at".to_owned()),
            )
        }),
        list(
            "Contested: repaired, and drifted again",
            &posture.contested,
            contested,
        ),
        list(
            "Acknowledgements that end within a week",
            &posture.expiring,
            |one| expiring(one, zone),
        ),
        list(
            "Ignored by rules that end within two weeks",
            &posture.expiring_ignores,
            |soon| {
                let until = minute(soon.until, zone);
                let text = format!(
                    "{} until {until}, by rule {} of {}",
                    soon.address, soon.rule, soon.owner
                );
                Item::labelled(&soon.stack, text).with_line(&soon.reason)
            },
        ),
        steps::after_report(report),
    ]
}

fn list<T>(title: &'static str, all: &Listed<T>, item: impl Fn(&T) -> Item) -> Section {
    let items: Vec<Item> = all.items.iter().take(MOST).map(item).collect();
    let more = all.total.saturating_sub(items.len());
    Section {
        more: (more > 0).then(|| format!("and {} more", grouped(more))),
        ..Section::new(title, items)
    }
}

fn numbers(report: &ReportNotice) -> Vec<Item> {
    let posture = &report.posture;
    let mut numbers = vec![verdicts(&posture.counts).join(", "), trend(report)];
    numbers.extend(posture.coverage.percent().map(|percent| {
        format!(
            "Coverage {percent} %: {} of {} looked at recently enough",
            grouped(posture.coverage.checked),
            plural(posture.coverage.stacks, "stack", "stacks")
        )
    }));
    let by = fixed(&posture.fixed_by, posture.fixed.total);
    if !by.is_empty() {
        numbers.push(format!("Fixed: {by}"));
    }
    numbers
        .iter()
        .filter(|text| !text.is_empty())
        .map(Item::sentence)
        .collect()
}

/// Those that are new stand above.
fn oldest(posture: &Posture) -> Section {
    let older = posture.oldest.iter();
    let older = older.filter(|alert| !posture.window.contains(alert.opened_at));
    let items = older.take(MOST).map(|alert| {
        let age = lasting(alert.first_seen, posture.window.to());
        let age = age.unwrap_or_else(|| "a moment".to_owned());
        entry(alert, format!("{} for {age}", kind(alert.kind)))
    });
    Section::new("Open for longest", items.collect())
}

fn new(alert: &OpenAlert, posture: &Posture) -> Item {
    let ago = lasting(alert.opened_at, posture.window.to());
    let ago = ago.unwrap_or_else(|| "a moment".to_owned());
    entry(alert, format!("{}, opened {ago} ago", kind(alert.kind)))
}

fn entry(alert: &OpenAlert, what: String) -> Item {
    let mut parts = vec![what, alert.severity.as_str().to_owned()];
    parts.extend(
        alert
            .acknowledged
            .iter()
            .map(|known| format!("acknowledged by {}", known.by)),
    );
    let item = Item::labelled(&alert.stack, parts.join(", "));
    match &alert.headline {
        Some(headline) => item.with_line(headline),
        None => item,
    }
}

fn of_stack(line: &StackLine, when: String) -> Item {
    let item = Item::labelled(&line.stack, when);
    match &line.headline {
        Some(headline) => item.with_line(headline),
        None => item,
    }
}

fn contested(contested: &Contested) -> Item {
    let mut item = Item::labelled(&contested.stack, "something else writes there too");
    for attribute in contested.attributes.iter().take(MOST) {
        item = item.with_line(attribute);
    }
    item
}

fn expiring(expiring: &Expiring, zone: &TimeZone) -> Item {
    let until = minute(expiring.until, zone);
    let text = format!("{} until {until}, by {}", kind(expiring.kind), expiring.by);
    let item = Item::labelled(&expiring.stack, text);
    match &expiring.reason {
        Some(reason) => item.with_line(reason),
        None => item,
    }
}
