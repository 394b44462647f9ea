//! The report below the head of a mail: plain text, and a part of an HTML body that mail programs show
//! as it is: tables and inline styles, no images, no drawings, no sheet of styles. Its charts are
//! cells of tables; every one has its numbers beside it.

use jiff::tz::TimeZone;
use serde::Serialize;

use super::super::RenderError;
use super::super::escape::xml;
use super::super::fit::cut;
use super::super::template::{Template, fill};
use super::super::words as common;
use super::PLAIN;
use super::chart::{Bar, bars, days, is_empty, told};
use super::text::body;
use super::view::{Body, Entry, Section, view};
use crate::domain::finding::{Severity, Verdict};
use crate::domain::posture::Posture;

/// Entries of a section.
const MOST: usize = 10;
/// Free text and names are cut to this many columns.
const LONGEST: usize = 300;
/// Gmail cuts a mail off after 102 kB; the rest of it needs some of that.
const LIMIT: usize = 80_000;
/// Lines of the chart.
const BARS: usize = 14;
/// Columns of numbers in a table: more do not fit a telephone.
const MOST_CELLS: usize = 5;

/// A report without the head of the mail it stands in, which says the headline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// The plain text.
    pub text: String,
    /// What goes into the body of the HTML part.
    pub html: String,
}

#[derive(Serialize)]
struct Fragment {
    about: Vec<String>,
    counts: Vec<Count>,
    figures: Vec<(&'static str, String, String)>,
    told: String,
    /// Whose days the chart shows, if that is to be said.
    days: &'static str,
    chart: Vec<Row>,
    sections: Vec<Part>,
    /// What did not fit, in words.
    left_out: String,
}

#[derive(Serialize)]
struct Count {
    colour: &'static str,
    number: usize,
    words: &'static str,
    /// Of the bar, in percent.
    width: usize,
}

#[derive(Serialize)]
struct Row {
    name: String,
    opened: usize,
    resolved: usize,
    open: usize,
    /// Of the longest bar, in percent.
    width: usize,
    /// Of this bar, in percent: what was opened, then what was resolved.
    parts: [usize; 2],
}

#[derive(Serialize)]
struct Part {
    title: String,
    entries: Vec<Line>,
    header: Vec<&'static str>,
    rows: Vec<(String, Vec<String>)>,
    more: usize,
}

#[derive(Serialize)]
struct Line {
    severity: Option<(&'static str, &'static str)>,
    name: String,
    facts: String,
    detail: Vec<String>,
}

/// The report for a mail, with times of this zone.
pub fn mail(posture: &Posture, zone: &TimeZone) -> Result<Mail, RenderError> {
    Ok(Mail {
        text: body(posture, &PLAIN, zone),
        html: html(posture, zone).map_err(|error| RenderError::new("mail", error))?,
    })
}

fn html(posture: &Posture, zone: &TimeZone) -> Result<String, minijinja::Error> {
    let view = view(posture, MOST, zone);
    let stacks = posture.counts.stacks.max(1);
    let counts = view.counts.iter().map(|(verdict, number)| Count {
        colour: colour_of(*verdict),
        number: *number,
        words: common::verdict(*verdict),
        width: (number * 100 / stacks).max(1),
    });
    let bars = if is_empty(&posture.trend) {
        Vec::new()
    } else {
        bars(&posture.trend, BARS)
    };
    let figures = view.figures.iter();
    let figures = figures.map(|f| (f.name, xml(&f.value), safe(&f.about)));
    let mut fragment = Fragment {
        about: view.about.iter().map(|about| safe(about)).collect(),
        counts: counts.collect(),
        figures: figures.collect(),
        told: told(&bars),
        days: days(zone),
        chart: rows(&bars),
        sections: view.sections.iter().map(part).collect(),
        left_out: String::new(),
    };
    let mut left_out = 0;
    loop {
        let html = fill(Template::PostureMail, &fragment)?;
        // What matters most stands first.
        if html.len() <= LIMIT || fragment.sections.pop().is_none() {
            return Ok(html);
        }
        left_out += 1;
        fragment.left_out = common::count(left_out, "section");
    }
}

fn safe(text: &str) -> String {
    cut(&xml(text), LONGEST)
}

fn rows(bars: &[Bar]) -> Vec<Row> {
    let moved = |bar: &Bar| bar.opened + bar.resolved;
    let longest = bars.iter().map(moved).max().unwrap_or(0).max(1);
    let rows = bars.iter().map(|bar| {
        let opened = (bar.opened * 100).checked_div(moved(bar)).unwrap_or(0);
        Row {
            name: bar.name(),
            opened: bar.opened,
            resolved: bar.resolved,
            open: bar.open,
            width: (moved(bar) * 100).div_ceil(longest),
            parts: [opened, 100 - opened],
        }
    });
    rows.collect()
}

fn part(section: &Section) -> Part {
    let (entries, header, rows): (&[Entry], _, _) = match &section.body {
        Body::Entries(entries) => (entries, Vec::new(), Vec::new()),
        Body::Table(table) => (&[], table.header.clone(), table.rows.clone()),
    };
    let rows = rows.into_iter().map(|(name, mut cells)| {
        cells.truncate(MOST_CELLS);
        (safe(&name), cells)
    });
    Part {
        title: safe(&section.title),
        entries: entries.iter().map(line).collect(),
        header: header.into_iter().take(MOST_CELLS + 1).collect(),
        rows: rows.collect(),
        more: section.more,
    }
}

fn line(entry: &Entry) -> Line {
    Line {
        severity: entry.severity.map(|found| (found.as_str(), colour(found))),
        name: safe(&entry.name),
        facts: safe(&entry.facts.join(" · ")),
        detail: entry.detail.iter().take(3).map(|d| safe(d)).collect(),
    }
}

/// Dark enough for white letters on it, light enough for a dark page.
const fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "#b3261e",
        Severity::High => "#c4500a",
        Severity::Medium => "#8f6400",
        Severity::Low | Severity::Info => "#5f6b78",
    }
}

const fn colour_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::InSync => "#2e8b57",
        Verdict::Drifted => "#c98200",
        Verdict::DriftedAndPending => "#a85a00",
        Verdict::Pending => "#3b78c3",
        Verdict::Failed => "#c62828",
        Verdict::Unknown => "#8e5bbf",
    }
}
