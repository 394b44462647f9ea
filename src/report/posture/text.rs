//! The report for people at a terminal.

use anstyle::Style;
use jiff::tz::TimeZone;

use super::super::escape::terminal;
use super::super::fit::{columns, cut, pad, wrapped};
use super::super::text::style;
use super::super::{Options, words as common};
use super::chart::{bars, days, is_empty};
use super::view::{Body, Entry, Figure, Section, Table, View, view};
use crate::domain::posture::Posture;

/// Narrower than this no terminal is believed to be.
const NARROWEST: usize = 40;
/// Entries of a section unless everything is wanted.
const MOST: usize = 10;
/// Names are padded to this many columns at most.
const NAME: usize = 40;
/// Bars of the chart.
const BARS: usize = 31;
/// Heights of a bar; no height at all is a dot.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The report. Without the choice to see everything, long lists are cut and say so.
pub(super) fn text(posture: &Posture, options: &Options) -> String {
    let headline = super::view::headline(&posture.counts);
    let headline = if options.color {
        let bold = Style::new().bold();
        format!("{bold}{headline}{bold:#}")
    } else {
        headline
    };
    format!("{headline}\n{}", body(posture, options, &TimeZone::UTC))
}

/// The same without its headline, with times of this zone.
pub(super) fn body(posture: &Posture, options: &Options, zone: &TimeZone) -> String {
    let most = if options.verbose { usize::MAX } else { MOST };
    let mut page = Page {
        width: options.width.max(NARROWEST),
        color: options.color,
        lines: Vec::new(),
    };
    let view = view(posture, most, zone);
    page.top(&view);
    page.figures(&view.figures);
    page.chart(posture, zone);
    for section in &view.sections {
        page.section(section);
    }
    page.lines.join("\n") + "\n"
}

struct Page {
    width: usize,
    color: bool,
    lines: Vec<String>,
}

impl Page {
    fn line(&mut self, line: impl AsRef<str>) {
        self.lines.push(line.as_ref().trim_end().to_owned());
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.color && !text.is_empty() && style != Style::new() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn bold(&self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    fn dim(&self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    fn fitting(&self, text: &str, indent: usize) -> String {
        cut(&terminal(text), self.width.saturating_sub(indent))
    }

    fn top(&mut self, view: &View) {
        for about in &view.about {
            for line in wrapped(&terminal(about), self.width) {
                self.line(self.dim(&line));
            }
        }
        let counts = view.counts.iter().map(|(verdict, number)| {
            let words = format!("{number} {}", common::verdict(*verdict));
            self.paint(style::verdict(*verdict), &words)
        });
        let counts = counts.collect::<Vec<_>>().join(", ");
        if !counts.is_empty() {
            self.line("");
            self.line(counts);
        }
        self.line("");
    }

    fn figures(&mut self, figures: &[Figure]) {
        let widest = |of: fn(&Figure) -> usize| figures.iter().map(of).max().unwrap_or(0);
        let name = widest(|figure| columns(figure.name));
        let value = widest(|figure| columns(&figure.value));
        for figure in figures {
            let left = value.saturating_sub(columns(&figure.value));
            let indent = name + value + 6;
            let room = self.width.saturating_sub(indent);
            let mut about = wrapped(&terminal(&figure.about), room).into_iter();
            self.line(format!(
                "  {}  {}{}  {}",
                pad(figure.name, name),
                " ".repeat(left),
                self.bold(&figure.value),
                self.dim(&about.next().unwrap_or_default())
            ));
            for more in about {
                self.line(format!("{}{}", " ".repeat(indent), self.dim(&more)));
            }
        }
    }

    fn chart(&mut self, posture: &Posture, zone: &TimeZone) {
        if is_empty(&posture.trend) {
            return;
        }
        let room = self.width.saturating_sub(24).clamp(1, BARS);
        let bars = bars(&posture.trend, room);
        let (Some(first), Some(last)) = (bars.first(), bars.last()) else {
            return;
        };
        let to = last.to.as_ref().unwrap_or(&last.from);
        let title = format!("Alerts from {} to {to}{}", first.from, days(zone));
        self.line("");
        self.line(self.bold(&title));
        let total = &posture.alerts;
        let opened: Vec<usize> = bars.iter().map(|bar| bar.opened).collect();
        let resolved: Vec<usize> = bars.iter().map(|bar| bar.resolved).collect();
        let open: Vec<usize> = bars.iter().map(|bar| bar.open).collect();
        for (name, numbers, told) in [
            ("opened  ", opened, total.opened.to_string()),
            ("resolved", resolved, total.resolved.to_string()),
            ("open    ", open, format!("{} at the end", total.open)),
        ] {
            self.line(format!("  {name}  {}  {told}", heights(&numbers)));
        }
    }

    fn section(&mut self, section: &Section) {
        self.line("");
        self.line(self.bold(&self.fitting(&section.title, 0)));
        match &section.body {
            Body::Entries(entries) => self.entries(entries),
            Body::Table(table) => self.table(table),
        }
        if section.more > 0 {
            self.line(self.dim(&format!("  and {} more", section.more)));
        }
    }

    fn entries(&mut self, entries: &[Entry]) {
        let mark = |entry: &Entry| entry.severity.map_or("", |severity| severity.as_str());
        let marks = entries.iter().map(|e| columns(mark(e))).max().unwrap_or(0);
        let indent = if marks == 0 { 2 } else { marks + 4 };
        let names: Vec<String> = entries
            .iter()
            .map(|e| self.fitting(&e.name, indent))
            .collect();
        let widest = names.iter().map(|name| columns(name)).max().unwrap_or(0);
        for (entry, name) in entries.iter().zip(&names) {
            let word = pad(mark(entry), indent - 2);
            let mark = match entry.severity {
                Some(severity) => self.paint(style::severity(severity), &word),
                None => word,
            };
            let facts = terminal(&entry.facts.join(", "));
            let name = pad(name, widest.min(NAME));
            let fits = indent + columns(&name) + 2 + columns(&facts) <= self.width;
            if fits {
                self.line(format!("  {mark}{}  {facts}", self.bold(&name)));
            } else {
                self.line(format!("  {mark}{}", self.bold(name.trim_end())));
                for facts in wrapped(&facts, self.width.saturating_sub(indent + 2)) {
                    self.line(format!("{}{facts}", " ".repeat(indent + 2)));
                }
            }
            for detail in &entry.detail {
                let detail = self.fitting(detail, indent + 2);
                self.line(format!("{}{}", " ".repeat(indent + 2), self.dim(&detail)));
            }
        }
    }

    fn table(&mut self, table: &Table) {
        let safe: Vec<(String, &Vec<String>)> = table
            .rows
            .iter()
            .map(|(name, cells)| (cut(&terminal(name), NAME), cells))
            .collect();
        let (first, header) = table.header.split_first().unwrap_or((&"", &[]));
        let names = safe.iter().map(|(name, _)| columns(name));
        let name = names.chain([columns(first)]).max().unwrap_or(0);
        let widths: Vec<usize> = header
            .iter()
            .enumerate()
            .map(|(place, title)| {
                let cells = safe.iter().filter_map(|(_, cells)| cells.get(place));
                let cells = cells.map(|cell| columns(cell));
                cells.chain([columns(title)]).max().unwrap_or(0)
            })
            .collect();
        let right = |cells: &[String]| {
            let cells = cells.iter().zip(&widths);
            let cells = cells.map(|(cell, width)| {
                format!(
                    "  {}{cell}",
                    " ".repeat(width.saturating_sub(columns(cell)))
                )
            });
            cells.collect::<String>()
        };
        let titles: Vec<String> = header.iter().map(|title| (*title).to_owned()).collect();
        let titles = format!("  {}{}", pad(first, name), right(&titles));
        self.line(self.dim(&titles));
        for (row, cells) in &safe {
            self.line(format!("  {}{}", pad(row, name), right(cells)));
        }
    }
}

/// A line of bars, the highest as high as a line is.
fn heights(numbers: &[usize]) -> String {
    let most = numbers.iter().copied().max().unwrap_or(0);
    let height = |number: &usize| match number {
        0 => '·',
        number => {
            let place = (number * HEIGHTS.len()).div_ceil(most.max(1));
            HEIGHTS.get(place.saturating_sub(1)).copied().unwrap_or('█')
        }
    };
    numbers.iter().map(height).collect()
}
