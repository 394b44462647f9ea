//! The report as Markdown, never longer than a comment may be; what does not fit is counted.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::super::escape::{cell, code, prose};
use super::super::fit::cut;
use super::super::words as common;
use super::chart::{bars, is_empty};
use super::view::{Body, Entry, Section, Table, View, view};
use crate::domain::posture::Posture;

/// Bytes of a report at most; see the report of a check.
const LIMIT: usize = 65_000;
/// Bytes kept for saying what was left out.
const RESERVE: usize = 300;
/// Entries of a section.
const MOST: usize = 25;
/// Names and free text are cut to this many columns.
const LONGEST: usize = 300;
/// Attributes of one entry.
const MOST_DETAILS: usize = 5;
/// Lines of the table of days.
const DAYS: usize = 31;

/// The report.
pub(super) fn markdown(posture: &Posture) -> String {
    let view = view(posture, MOST, &TimeZone::UTC);
    let mut page = top(&view);
    let mut left_out = 0;
    let mut parts: Vec<String> = Vec::new();
    if !is_empty(&posture.trend) {
        parts.push(days(posture));
    }
    parts.extend(view.sections.iter().map(section));
    for part in parts {
        if page.len() + part.len() + RESERVE <= LIMIT {
            page.push_str(&part);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let sections = common::count(left_out, "section");
        let _ = writeln!(
            page,
            "\n_{sections} did not fit; `--format html` has everything._"
        );
    }
    page
}

fn top(view: &View) -> String {
    let mut page = format!("## {}\n\n", prose(&view.headline));
    for about in &view.about {
        let _ = writeln!(page, "{}  ", prose(&cut(about, LONGEST)));
    }
    let counts = view.counts.iter();
    let counts = counts.map(|(verdict, number)| format!("{number} {}", common::verdict(*verdict)));
    let counts = counts.collect::<Vec<_>>().join(", ");
    if !counts.is_empty() {
        let _ = writeln!(page, "\n**{counts}**");
    }
    page.push_str("\n| | | |\n|---|---:|---|\n");
    for figure in &view.figures {
        let row = [figure.name, &figure.value, &figure.about].map(|text| cell(&prose(text)));
        let _ = writeln!(page, "| {} |", row.join(" | "));
    }
    page
}

fn days(posture: &Posture) -> String {
    let mut part =
        "\n### Alerts by day\n\n| Day | opened | resolved | repairs | open at its end |\n\
                    |---|---:|---:|---:|---:|\n"
            .to_owned();
    for bar in bars(&posture.trend, DAYS) {
        let _ = writeln!(
            part,
            "| {} | {} | {} | {} | {} |",
            bar.name(),
            bar.opened,
            bar.resolved,
            bar.repaired,
            bar.open
        );
    }
    part
}

fn section(section: &Section) -> String {
    let mut part = format!("\n### {}\n\n", prose(&cut(&section.title, LONGEST)));
    match &section.body {
        Body::Entries(entries) => {
            for one in entries {
                entry(&mut part, one);
            }
        }
        Body::Table(table) => rows(&mut part, table),
    }
    if section.more > 0 {
        let _ = writeln!(part, "\nand {} more", section.more);
    }
    part
}

fn entry(part: &mut String, entry: &Entry) {
    let severity = entry
        .severity
        .map(|severity| format!("**{}** ", severity.as_str()));
    let name = code(&cut(&entry.name, LONGEST));
    let facts = prose(&cut(&entry.facts.join(", "), LONGEST));
    let _ = writeln!(part, "- {}{name} {facts}", severity.unwrap_or_default());
    for detail in entry.detail.iter().take(MOST_DETAILS) {
        let _ = writeln!(part, "  - {}", prose(&cut(detail, LONGEST)));
    }
    if entry.detail.len() > MOST_DETAILS {
        let _ = writeln!(part, "  - and {} more", entry.detail.len() - MOST_DETAILS);
    }
}

fn rows(part: &mut String, table: &Table) {
    let _ = writeln!(part, "| {} |", table.header.join(" | "));
    let right = "---:|".repeat(table.header.len().saturating_sub(1));
    let _ = writeln!(part, "|---|{right}");
    for (name, cells) in &table.rows {
        let name = cell(&prose(&cut(name, LONGEST)));
        let _ = writeln!(part, "| {name} | {} |", cells.join(" | "));
    }
}
