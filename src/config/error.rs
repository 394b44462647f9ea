//! What is wrong with a configuration, as people read it.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};
use serde_saphyr::Location;

use super::mask;

/// More problems than this are counted, not shown.
const MOST_SHOWN: usize = 20;
/// A longer line is named but not quoted.
const LONGEST_QUOTED_LINE: usize = 400;
const LONGEST_QUOTED_WORD: usize = 80;

/// One thing that is wrong: cause, remedy and place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    cause: String,
    remedy: String,
    place: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    line: u64,
    column: u64,
    /// In bytes; the YAML scanner does not tell it of what it cannot read.
    offset: Option<usize>,
    len: usize,
}

impl Place {
    fn offset_in(self, text: &str) -> Option<usize> {
        if self.offset.is_some() {
            return self.offset;
        }
        let line = usize::try_from(self.line).ok()?.checked_sub(1)?;
        let column = usize::try_from(self.column).ok()?.saturating_sub(1);
        let mut lines = text.split_inclusive('\n');
        let start: usize = lines.by_ref().take(line).map(str::len).sum();
        let within: usize = lines.next().map_or(0, |line| {
            line.chars().take(column).map(char::len_utf8).sum()
        });
        Some(start + within)
    }
}

impl Problem {
    /// A problem of the file as a whole.
    pub(super) fn general(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            cause: printable(&cause.into()),
            remedy: printable(&remedy.into()),
            place: None,
        }
    }

    /// A problem at a place in the file.
    pub(super) fn at(
        location: Location,
        cause: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let span = location.span();
        let number = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok());
        let place = Place {
            line: location.line(),
            column: location.column(),
            offset: number(span.byte_offset()),
            len: number(span.byte_len()).unwrap_or(0),
        };
        Self {
            place: (place.line > 0).then_some(place),
            ..Self::general(cause, remedy)
        }
    }
}

/// Text of the file that a message repeats, short enough to read.
pub(super) fn quoted(text: &str) -> String {
    if text.chars().count() > LONGEST_QUOTED_WORD {
        let start: String = text.chars().take(LONGEST_QUOTED_WORD).collect();
        format!("`{start}…`")
    } else {
        format!("`{text}`")
    }
}

fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Everything that is wrong with a configuration. It holds the file's text only with values that
/// could be secret masked.
pub struct ConfigError {
    name: String,
    source: Option<NamedSource<String>>,
    problems: Vec<Problem>,
}

impl ConfigError {
    /// Problems in a file's text; there is at least one.
    pub(super) fn new(name: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.place);
        problems.dedup();
        Self {
            name: printable(name),
            source: Some(NamedSource::new(printable(name), mask::masked(text))),
            problems,
        }
    }

    /// A problem with the file itself.
    pub(super) fn without_source(name: &str, problem: Problem) -> Self {
        Self {
            name: printable(name),
            source: None,
            problems: vec![problem],
        }
    }

    /// The problems drawn for a terminal `width` columns wide: file, line and column, the line
    /// itself with a caret, the cause, and the remedy as help. Values that could be secret are
    /// masked.
    pub fn report(&self, color: bool, width: usize) -> String {
        let theme = if color {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .with_context_lines(1)
            .without_syntax_highlighting()
            .with_width(width.clamp(40, 200));
        let mut report = String::new();
        for (i, problem) in self.problems.iter().take(MOST_SHOWN).enumerate() {
            if i > 0 {
                report.push('\n');
            }
            let shown = self.shown(problem);
            if handler.render_report(&mut report, &shown).is_err() {
                report.push_str(&format!("{}: {}\n", shown.message, shown.help));
            }
        }
        if let Some(more) = self.problems.len().checked_sub(MOST_SHOWN + 1) {
            report.push_str(&format!("\nand {} more\n", more + 1));
        }
        let lines: Vec<&str> = report.lines().map(str::trim_end).collect();
        lines.join("\n").trim_matches('\n').to_owned() + "\n"
    }

    fn shown<'a>(&'a self, problem: &'a Problem) -> Shown<'a> {
        let text = self.source.as_ref().map_or("", |source| source.inner());
        let label = problem.place.and_then(|place| label(text, place));
        let message = match (problem.place, &label) {
            (Some(place), None) => format!(
                "{}:{}:{}: {}",
                self.name, place.line, place.column, problem.cause
            ),
            (None, None) if self.source.is_some() => format!("{}: {}", self.name, problem.cause),
            _ => problem.cause.clone(),
        };
        Shown {
            message,
            help: &problem.remedy,
            source: self.source.as_ref().filter(|_| label.is_some()),
            label,
        }
    }
}

/// The span to underline: within one line, and none if that line is too long to quote.
fn label(text: &str, place: Place) -> Option<LabeledSpan> {
    let offset = place.offset_in(text)?.min(text.len());
    let before = text.get(..offset)?;
    let after = text.get(offset..)?;
    let near = before.lines().rev().take(2).chain(after.lines().take(2));
    if near
        .into_iter()
        .any(|line| line.len() > LONGEST_QUOTED_LINE)
    {
        return None;
    }
    let to_line_end = after.find('\n').unwrap_or(after.len());
    let span = after.get(..place.len.min(to_line_end)).unwrap_or("");
    let len = span.trim_end().len();
    Some(LabeledSpan::underline((offset, len)))
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().take(MOST_SHOWN).enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            match problem.place {
                Some(place) => write!(f, "{}:{}:{}: ", self.name, place.line, place.column)?,
                None if self.source.is_some() => write!(f, "{}: ", self.name)?,
                None => {}
            }
            write!(f, "{} ({})", problem.cause, problem.remedy)?;
        }
        Ok(())
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigError")
            .field("name", &self.name)
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for ConfigError {}

/// A problem in the form that miette draws.
#[derive(Debug)]
struct Shown<'a> {
    message: String,
    help: &'a str,
    source: Option<&'a NamedSource<String>>,
    label: Option<LabeledSpan>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.label.iter().cloned()))
    }
}
