//! What a report on a posture shows, before any form is given to it. Texts are as they came: each
//! form makes them safe in its own syntax.

use jiff::tz::TimeZone;

use super::super::words as common;
use super::words::{NONE, by, kind, long, maybe_long, minute, spread};
use crate::domain::counts::VerdictCounts;
use crate::domain::finding::{Severity, Verdict};
use crate::domain::ids::SourceName;
use crate::domain::pattern::{NamePattern, StackPattern};
use crate::domain::posture::{
    Acknowledgement, Filter, FixedBy, Group, Listed, Measure, OpenAlert, Posture, Seconds, Spread,
    StackLine,
};

pub(super) struct View {
    pub(super) headline: String,
    /// Which time and which stacks.
    pub(super) about: Vec<String>,
    /// Verdicts that occur.
    pub(super) counts: Vec<(Verdict, usize)>,
    pub(super) figures: Vec<Figure>,
    /// Those with something in them.
    pub(super) sections: Vec<Section>,
}

/// A number with what it is a number of and where it comes from.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) about: String,
}

pub(super) struct Section {
    pub(super) title: String,
    pub(super) body: Body,
    /// How many entries are left out.
    pub(super) more: usize,
}

pub(super) enum Body {
    Entries(Vec<Entry>),
    Table(Table),
}

/// One thing: how bad, what, facts, and what is wrong.
pub(super) struct Entry {
    pub(super) severity: Option<Severity>,
    pub(super) name: String,
    pub(super) facts: Vec<String>,
    pub(super) detail: Vec<String>,
}

/// Names with numbers.
pub(super) struct Table {
    pub(super) header: Vec<&'static str>,
    pub(super) rows: Vec<(String, Vec<String>)>,
}

/// The view with at most so many entries in a section, and times of this zone.
pub(super) fn view(posture: &Posture, most: usize, zone: &TimeZone) -> View {
    let mut sections = vec![
        entries("New and still open", &posture.new, most, |a| {
            new(a, posture, zone)
        }),
        entries("Fixed", &posture.fixed, most, |fixed| Entry {
            severity: Some(fixed.severity),
            name: fixed.stack.to_string(),
            facts: vec![
                kind(fixed.kind).to_owned(),
                by(fixed.by).to_owned(),
                format!("after {}", long(fixed.after)),
                minute(fixed.resolved_at, zone),
            ],
            detail: Vec::new(),
        }),
    ];
    let oldest = Listed {
        total: posture.oldest.len(),
        items: posture.oldest.clone(),
    };
    sections.extend([
        entries("Open for longest", &oldest, most, |a| open(a, zone)),
        entries(
            "Contested: repaired, and drifted again",
            &posture.contested,
            most,
            |contested| Entry {
                severity: None,
                name: contested.stack.to_string(),
                facts: vec!["something else writes there too".to_owned()],
                detail: contested.attributes.clone(),
            },
        ),
        entries(
            "Acknowledgements that end within a week",
            &posture.expiring,
            most,
            |expiring| Entry {
                severity: Some(expiring.severity),
                name: expiring.stack.to_string(),
                facts: vec![
                    kind(expiring.kind).to_owned(),
                    format!("until {}", minute(expiring.until, zone)),
                    format!("by {}", expiring.by),
                ],
                detail: first_line(expiring.reason.as_deref()),
            },
        ),
        entries(
            "Ignored by rules that end within two weeks",
            &posture.expiring_ignores,
            most,
            |soon| Entry {
                severity: None,
                name: soon.address.clone(),
                facts: vec![
                    soon.stack.to_string(),
                    format!("until {}", minute(soon.until, zone)),
                    format!("rule {} of {}", soon.rule, soon.owner),
                ],
                detail: vec![soon.reason.clone()],
            },
        ),
        entries("Cannot be checked", &posture.failing, most, |line| {
            let since = line
                .since
                .map(|since| Seconds::between(since, posture.made_at));
            of_stack(line, format!("for {}", maybe_long(since)))
        }),
        entries("Not checked recently", &posture.unchecked, most, |line| {
            let last = line
                .checked_at
                .map(|at| Seconds::between(at, posture.made_at));
            let last = last.map(|last| format!("last looked at {} ago", long(last)));
            Entry {
                // The title says it.
                detail: Vec::new(),
                ..of_stack(line, last.unwrap_or_else(|| "never looked at".to_owned()))
            }
        }),
        entries(
            "Known noise, told nobody",
            &posture.suppressed,
            most,
            |noise| Entry {
                severity: None,
                name: noise.address.clone(),
                facts: vec![noise.stack.to_string()],
                detail: vec![noise.reason.clone()],
            },
        ),
        times(posture),
    ]);
    sections.extend(groups(posture, most));
    sections.retain(|section| match &section.body {
        Body::Entries(entries) => !entries.is_empty(),
        Body::Table(table) => !table.rows.is_empty(),
    });
    View {
        headline: headline(&posture.counts),
        about: about(posture, zone),
        counts: counts(&posture.counts),
        figures: figures(posture),
        sections,
    }
}

/// The first line: the rest of a message is in the report about the stack.
fn first_line(text: Option<&str>) -> Vec<String> {
    let line = text.and_then(|text| text.lines().next());
    line.map(str::to_owned).into_iter().collect()
}

pub(super) fn headline(counts: &VerdictCounts) -> String {
    let waiting = counts.stacks - counts.in_sync;
    let stacks = common::count(counts.stacks, "stack");
    match (waiting, counts.stacks) {
        (_, 0) => "No stack to report on".to_owned(),
        (0, 1) => "The stack is in sync".to_owned(),
        (0, _) => format!("All {stacks} are in sync"),
        (1, _) => format!("1 of {stacks} needs attention"),
        (number, _) => format!("{number} of {stacks} need attention"),
    }
}

fn counts(counts: &VerdictCounts) -> Vec<(Verdict, usize)> {
    let all = [
        (Verdict::InSync, counts.in_sync),
        (Verdict::Drifted, counts.drifted),
        (Verdict::DriftedAndPending, counts.drifted_and_pending),
        (Verdict::Pending, counts.pending),
        (Verdict::Unknown, counts.unknown),
        (Verdict::Failed, counts.failed),
    ];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

fn about(posture: &Posture, zone: &TimeZone) -> Vec<String> {
    let window = posture.window;
    let (from, to) = (minute(window.from(), zone), minute(window.to(), zone));
    let length = long(Seconds::between(window.from(), window.to()));
    let mut about = vec![format!("{from} to {to} ({length})")];
    let Filter { which, severity } = &posture.filter;
    let mut only: Vec<String> = Vec::new();
    let mut add = |what: &str, names: Vec<&str>| {
        if !names.is_empty() {
            only.push(format!("{what} {}", names.join(" or ")));
        }
    };
    add(
        "source",
        which.sources.iter().map(SourceName::as_str).collect(),
    );
    add(
        "stack",
        which.stacks.iter().map(StackPattern::as_str).collect(),
    );
    for (label, value) in &which.labels {
        add("label", vec![&format!("{label}={}", value.as_str())]);
    }
    add(
        "owner",
        which.owners.iter().map(NamePattern::as_str).collect(),
    );
    if let Some(severity) = severity {
        add("alerts from severity", vec![severity.as_str()]);
    }
    if !only.is_empty() {
        about.push(format!("Only {}", only.join(", ")));
    }
    if window.to() != posture.made_at {
        let made = minute(posture.made_at, zone);
        about.push(format!(
            "Alerts as of the end of that time, verdicts as of {made}"
        ));
    }
    if let Some(known) = posture.known_from {
        let known = minute(known, zone);
        about.push(format!(
            "Alerts resolved before {known} are forgotten: earlier days count too little"
        ));
    }
    about
}

fn figures(posture: &Posture) -> Vec<Figure> {
    let alerts = &posture.alerts;
    let coverage = posture.coverage;
    let fixed: Vec<String> = FixedBy::ALL
        .into_iter()
        .map(|one| (posture.fixed_by.by(one), by(one)))
        .filter(|(number, _)| *number > 0)
        .map(|(number, words)| format!("{number} {words}"))
        .collect();
    let figure = |name, value: String, about: String| Figure { name, value, about };
    vec![
        figure(
            "Coverage",
            (coverage.percent()).map_or_else(|| NONE.to_owned(), |percent| format!("{percent} %")),
            format!(
                "{} of {} looked at recently enough",
                coverage.checked,
                common::count(coverage.stacks, "stack")
            ),
        ),
        figure(
            "Open alerts",
            alerts.open.to_string(),
            format!(
                "{} before, {} opened, {} resolved",
                alerts.open_before, alerts.opened, alerts.resolved
            ),
        ),
        figure(
            "New",
            posture.new.total.to_string(),
            "opened in this time and still open".to_owned(),
        ),
        figure(
            "Fixed",
            posture.fixed.total.to_string(),
            if fixed.is_empty() {
                "nothing was resolved".to_owned()
            } else {
                fixed.join(", ")
            },
        ),
        figure(
            "Repairs",
            alerts.repairs.to_string(),
            "runs that put something back".to_owned(),
        ),
        figure(
            "Time to detect",
            maybe_long(posture.time_to_detect.all.median_seconds),
            format!("at most; {}", spread(&posture.time_to_detect.all)),
        ),
        figure(
            "Time to repair",
            maybe_long(posture.time_to_repair.all.median_seconds),
            spread(&posture.time_to_repair.all),
        ),
        figure(
            "Contested",
            posture.contested.total.to_string(),
            "stacks whose drift comes back after its repair".to_owned(),
        ),
        figure(
            "Known noise",
            posture.suppressed.total.to_string(),
            "findings told nobody".to_owned(),
        ),
    ]
}

fn entries<T>(title: &str, list: &Listed<T>, most: usize, entry: impl Fn(&T) -> Entry) -> Section {
    let shown: Vec<Entry> = list.items.iter().take(most).map(entry).collect();
    Section {
        title: title.to_owned(),
        more: list.total.saturating_sub(shown.len()),
        body: Body::Entries(shown),
    }
}

fn new(alert: &OpenAlert, posture: &Posture, zone: &TimeZone) -> Entry {
    let since_opened = Seconds::between(alert.opened_at, posture.window.to());
    let mut entry = open(alert, zone);
    entry.facts = vec![
        kind(alert.kind).to_owned(),
        format!("opened {} ago", long(since_opened)),
    ];
    entry.facts.extend(known(alert.acknowledged.as_ref(), zone));
    entry
}

fn open(alert: &OpenAlert, zone: &TimeZone) -> Entry {
    let mut facts = vec![
        kind(alert.kind).to_owned(),
        format!("for {}", long(alert.age)),
    ];
    if !alert.owners.is_empty() {
        facts.push(alert.owners.join(", "));
    }
    facts.extend(known(alert.acknowledged.as_ref(), zone));
    Entry {
        severity: Some(alert.severity),
        name: alert.stack.to_string(),
        facts,
        detail: first_line(alert.headline.as_deref()),
    }
}

fn known(acknowledged: Option<&Acknowledgement>, zone: &TimeZone) -> Option<String> {
    let known = acknowledged?;
    let until = known
        .until
        .map(|until| format!(" until {}", minute(until, zone)));
    let until = until.unwrap_or_default();
    Some(format!("acknowledged by {}{until}", known.by))
}

fn of_stack(line: &StackLine, when: String) -> Entry {
    let mut facts = vec![when];
    if !line.owners.is_empty() {
        facts.push(line.owners.join(", "));
    }
    Entry {
        severity: None,
        name: line.stack.to_string(),
        facts,
        detail: first_line(line.headline.as_deref()),
    }
}

fn times(posture: &Posture) -> Section {
    let find = |measure: &Measure, severity| {
        let found = measure
            .by_severity
            .iter()
            .find(|of| of.severity == severity);
        found.map(|of| of.took)
    };
    let (detect, repair) = (&posture.time_to_detect, &posture.time_to_repair);
    let measured = |took: &Option<Spread>| took.is_some_and(|took| took.measured > 0);
    let cells = |detect: Option<Spread>, repair: Option<Spread>| {
        let cells = [detect, repair].into_iter().flat_map(|took| {
            [
                maybe_long(took.and_then(|took| took.median_seconds)),
                maybe_long(took.and_then(|took| took.p90_seconds)),
            ]
        });
        cells.collect::<Vec<String>>()
    };
    let severities = [
        Severity::Critical,
        Severity::High,
        Severity::Medium,
        Severity::Low,
        Severity::Info,
    ];
    let rows = severities.into_iter().filter_map(|severity| {
        let (detect, repair) = (find(detect, severity), find(repair, severity));
        let known = measured(&detect) || measured(&repair);
        known.then(|| (severity.as_str().to_owned(), cells(detect, repair)))
    });
    Section {
        title: "How long it took".to_owned(),
        body: Body::Table(Table {
            header: vec![
                "Severity",
                "detect, median",
                "detect, 90 %",
                "repair, median",
                "repair, 90 %",
            ],
            rows: rows.collect(),
        }),
        more: 0,
    }
}

fn groups(posture: &Posture, most: usize) -> Vec<Section> {
    let groups = &posture.groups;
    let mut sections = Vec::new();
    // One group says what the whole says.
    if groups.sources.total > 1 {
        sections.push(group(
            "By source".to_owned(),
            "no source",
            &groups.sources,
            most,
        ));
    }
    if groups.owners.items.iter().any(|group| group.name.is_some()) {
        sections.push(group(
            "By owner".to_owned(),
            "no owner",
            &groups.owners,
            most,
        ));
    }
    for label in &groups.labels {
        let title = format!("By label {}", label.label);
        sections.push(group(title, "without it", &label.values, most));
    }
    sections
}

fn group(title: String, nameless: &str, groups: &Listed<Group>, most: usize) -> Section {
    let rows = groups.items.iter().take(most).map(|group| {
        let name = group
            .name
            .clone()
            .unwrap_or_else(|| format!("({nameless})"));
        let counts = &group.counts;
        let drifted = counts.drifted + counts.drifted_and_pending;
        let unseen = counts.failed + counts.unknown;
        let numbers = [
            counts.stacks,
            counts.in_sync,
            drifted,
            counts.pending,
            unseen,
            group.open,
            group.opened,
            group.resolved,
        ];
        (name, numbers.iter().map(ToString::to_string).collect())
    });
    Section {
        title,
        body: Body::Table(Table {
            header: vec![
                "", "stacks", "in sync", "drifted", "pending", "unseen", "open", "opened",
                "resolved",
            ],
            rows: rows.collect(),
        }),
        more: groups.total.saturating_sub(groups.items.len().min(most)),
    }
}
