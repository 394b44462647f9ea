//! The report as a page of its own: no script, nothing from elsewhere, readable on a telephone, in
//! the dark and on paper. Its charts are drawn in place and told in words and numbers too.

use jiff::tz::TimeZone;
use serde::Serialize;

use super::super::escape::xml;
use super::super::fit::cut;
use super::super::template::{Template, fill};
use super::super::words as common;
use super::chart::{Bar, bars, is_empty, told};
use super::view::{Body, Entry, Figure, Section, View, view};
use crate::domain::posture::Posture;

/// Entries of a section.
const MOST: usize = 200;
/// More than so many are folded.
const UNFOLDED: usize = 20;
/// Free text and names are cut to this many columns.
const LONGEST: usize = 1_000;
/// Bars of a chart.
const BARS: usize = 62;
/// Width that a day has in a chart's own measure, and the height of the highest bar.
const SLOT: usize = 100;
const HEIGHT: usize = 1_000;
/// Where the two bars of a day begin, and how wide they are.
const PLACES: [usize; 2] = [14, 52];
const WIDTH: usize = 34;

#[derive(Serialize)]
struct Page {
    version: &'static str,
    headline: String,
    about: Vec<String>,
    counts: Vec<Count>,
    /// All stacks, as wide as they are many.
    whole: usize,
    counts_told: String,
    figures: Vec<(&'static str, String, String)>,
    chart: Option<Chart>,
    sections: Vec<Part>,
}

#[derive(Serialize)]
struct Count {
    class: &'static str,
    number: usize,
    words: &'static str,
    /// Where its part of the whole begins.
    from: usize,
}

#[derive(Serialize)]
struct Chart {
    told: String,
    width: usize,
    height: usize,
    bar: usize,
    days: Vec<ChartDay>,
    most_moved: usize,
    most_open: usize,
    /// The corners of the area of open alerts.
    area: String,
    first: String,
    last: String,
}

#[derive(Serialize)]
struct ChartDay {
    name: String,
    opened: Block,
    resolved: Block,
    repaired: usize,
    open: usize,
}

#[derive(Serialize)]
struct Block {
    number: usize,
    x: usize,
    y: usize,
    height: usize,
}

#[derive(Serialize)]
struct Part {
    title: String,
    entries: Vec<Line>,
    folded: Vec<Line>,
    header: Vec<&'static str>,
    rows: Vec<(String, Vec<Cell>)>,
    more: usize,
}

#[derive(Serialize)]
struct Cell {
    title: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Line {
    severity: Option<&'static str>,
    name: String,
    facts: String,
    detail: Vec<String>,
}

/// The page.
pub(super) fn html(posture: &Posture) -> Result<String, minijinja::Error> {
    let view = view(posture, MOST, &TimeZone::UTC);
    let counts = counts(&view);
    let told = view.counts.iter();
    let told = told.map(|(verdict, number)| format!("{number} {}", common::verdict(*verdict)));
    fill(
        Template::Posture,
        &Page {
            version: env!("CARGO_PKG_VERSION"),
            headline: xml(&view.headline),
            about: view.about.iter().map(|about| safe(about)).collect(),
            whole: posture.counts.stacks,
            counts,
            counts_told: told.collect::<Vec<_>>().join(", "),
            figures: view.figures.iter().map(figure).collect(),
            chart: (!is_empty(&posture.trend)).then(|| chart(&bars(&posture.trend, BARS))),
            sections: view.sections.into_iter().map(part).collect(),
        },
    )
}

fn safe(text: &str) -> String {
    cut(&xml(text), LONGEST)
}

fn counts(view: &View) -> Vec<Count> {
    let mut from = 0;
    let counts = view.counts.iter().map(|(verdict, number)| {
        let count = Count {
            class: verdict.as_str(),
            number: *number,
            words: common::verdict(*verdict),
            from,
        };
        from += number;
        count
    });
    counts.collect()
}

fn figure(figure: &Figure) -> (&'static str, String, String) {
    (figure.name, xml(&figure.value), safe(&figure.about))
}

fn chart(bars: &[Bar]) -> Chart {
    let most = |of: fn(&Bar) -> usize| bars.iter().map(of).max().unwrap_or(0);
    let most_moved = most(|bar| bar.opened.max(bar.resolved));
    let most_open = most(|bar| bar.open);
    let block = |day: usize, [at, number, most]: [usize; 3]| {
        let height = number * HEIGHT / most.max(1);
        Block {
            number,
            x: day * SLOT + at,
            y: HEIGHT - height,
            height,
        }
    };
    let mut area = format!("0,{HEIGHT}");
    let days = bars.iter().enumerate().map(|(day, bar)| {
        let y = HEIGHT - bar.open * HEIGHT / most_open.max(1);
        area.push_str(&format!(" {},{y} {},{y}", day * SLOT, (day + 1) * SLOT));
        let [opened, resolved] = PLACES;
        ChartDay {
            name: bar.name(),
            opened: block(day, [opened, bar.opened, most_moved]),
            resolved: block(day, [resolved, bar.resolved, most_moved]),
            repaired: bar.repaired,
            open: bar.open,
        }
    });
    let days = days.collect();
    let width = bars.len() * SLOT;
    area.push_str(&format!(" {width},{HEIGHT}"));
    let last = bars.last().map(|bar| bar.to.as_ref().unwrap_or(&bar.from));
    Chart {
        told: told(bars),
        width,
        height: HEIGHT,
        bar: WIDTH,
        days,
        most_moved,
        most_open,
        area,
        first: bars.first().map(|bar| bar.from.clone()).unwrap_or_default(),
        last: last.cloned().unwrap_or_default(),
    }
}

fn part(section: Section) -> Part {
    let (entries, header, rows) = match section.body {
        Body::Entries(entries) => (entries, Vec::new(), Vec::new()),
        Body::Table(table) => (Vec::new(), table.header, table.rows),
    };
    let titles: Vec<&'static str> = header.iter().skip(1).copied().collect();
    let rows = rows.into_iter().map(|(name, cells)| {
        let cells = titles.iter().zip(cells);
        let cells = cells.map(|(title, text)| Cell { title, text });
        (safe(&name), cells.collect())
    });
    let mut entries: Vec<Line> = entries.iter().map(line).collect();
    let folded = entries.split_off(entries.len().min(UNFOLDED));
    Part {
        title: safe(&section.title),
        entries,
        folded,
        rows: rows.collect(),
        header,
        more: section.more,
    }
}

fn line(entry: &Entry) -> Line {
    Line {
        severity: entry.severity.map(|severity| severity.as_str()),
        name: safe(&entry.name),
        facts: safe(&entry.facts.join(" · ")),
        detail: entry.detail.iter().map(|detail| safe(detail)).collect(),
    }
}
