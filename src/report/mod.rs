//! What was found, for people (text, Markdown) and for programs (JSON), and the exit code that
//! goes with it.

mod escape;
mod fit;
pub mod json;
mod markdown;
mod text;
mod words;

pub use escape::terminal;
pub use json::{StackReport, json, stack_dto};
pub use markdown::markdown;
pub use text::{TextOptions, text};

use std::str::FromStr;

use serde::Serialize;

use crate::domain::check::StackCheck;
use crate::domain::finding::Verdict;

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people at a terminal.
    #[default]
    Text,
    /// For programs: the JSON report, version 1.
    Json,
    /// For merge requests and chat.
    Markdown,
}

/// A word that names no report format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown report format \"{0}\": use text, json or markdown")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "markdown" => Ok(Self::Markdown),
            _ => Err(UnknownFormat(word.to_owned())),
        }
    }
}

/// The report in any form, with a final line break. `options` matter for text only.
pub fn render(format: Format, checks: &[StackCheck], options: &TextOptions) -> String {
    match format {
        Format::Text => text(checks, options),
        Format::Json => format!("{:#}\n", json(checks)),
        Format::Markdown => markdown(checks),
    }
}

/// The report about those stacks only that keep the exit code from being 0; its counts are of all.
/// In JSON every stack is listed.
pub fn render_troubles(format: Format, checks: &[StackCheck], options: &TextOptions) -> String {
    let summary = Summary::of(checks);
    let troubles = checks.iter().filter(|check| is_trouble(check));
    let troubles: Vec<StackCheck> = troubles.cloned().collect();
    match format {
        Format::Text => text::page(&troubles, &summary, options),
        Format::Json => render(format, checks, options),
        Format::Markdown => markdown::page(&troubles, &summary),
    }
}

fn is_trouble(check: &StackCheck) -> bool {
    exit_code(std::slice::from_ref(check)) != 0
}

/// How many stacks have each verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    /// All stacks.
    pub stacks: usize,
    /// Those in sync.
    pub in_sync: usize,
    /// Those where the world moved.
    pub drifted: usize,
    /// Those where code waits.
    pub pending: usize,
    /// Those with both.
    pub drifted_and_pending: usize,
    /// Those that could not be checked.
    pub failed: usize,
    /// Those not checked.
    pub unknown: usize,
}

impl Summary {
    /// Counts the verdicts.
    pub fn of(checks: &[StackCheck]) -> Self {
        let count = |verdict| checks.iter().filter(|c| c.verdict == verdict).count();
        Self {
            stacks: checks.len(),
            in_sync: count(Verdict::InSync),
            drifted: count(Verdict::Drifted),
            pending: count(Verdict::Pending),
            drifted_and_pending: count(Verdict::DriftedAndPending),
            failed: count(Verdict::Failed),
            unknown: count(Verdict::Unknown),
        }
    }

    /// Verdicts that occur, with their counts, in the order they are told.
    fn parts(&self) -> impl Iterator<Item = (Verdict, usize)> {
        [
            (Verdict::InSync, self.in_sync),
            (Verdict::Drifted, self.drifted),
            (Verdict::DriftedAndPending, self.drifted_and_pending),
            (Verdict::Pending, self.pending),
            (Verdict::Unknown, self.unknown),
            (Verdict::Failed, self.failed),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
    }
}

/// The exit code of a command that made these checks: 1 if one failed; else 2 if one is not in
/// sync, has a failing check or a grave unenforced finding that is not suppressed; else 0.
pub fn exit_code(checks: &[StackCheck]) -> u8 {
    let failed = |check: &StackCheck| check.verdict == Verdict::Failed || check.failure.is_some();
    let found = |check: &StackCheck| {
        check.verdict.is_bad()
            || check.findings.has_failing_check()
            || check.findings.has_grave_unenforced()
    };
    if checks.iter().any(failed) {
        1
    } else if checks.iter().any(found) {
        2
    } else {
        0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
