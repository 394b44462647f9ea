//! What was found, for people (text, Markdown, HTML) and for programs (JSON, JUnit, SARIF), and the
//! exit code that goes with it.

mod detail;
mod document;
mod escape;
mod fit;
mod html;
pub mod json;
mod junit;
mod markdown;
pub mod posture;
mod sarif;
mod template;
mod text;
mod words;

pub use escape::terminal;
pub use html::html;
pub use json::{StackReport, decision_dto, json, stack_dto};
pub use junit::junit;
pub use markdown::markdown;
pub use sarif::sarif;
pub use text::text;

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
    /// For merge requests and chat; no longer than a comment may be.
    Markdown,
    /// A page that needs nothing else, to keep or to send.
    Html,
    /// Test results, for CI systems.
    Junit,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

impl Format {
    /// All formats, as they are told.
    const ALL: [Self; 6] = [
        Self::Text,
        Self::Json,
        Self::Markdown,
        Self::Html,
        Self::Junit,
        Self::Sarif,
    ];

    /// The word for it in arguments and queries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Junit => "junit",
            Self::Sarif => "sarif",
        }
    }

    /// Its media type in an HTTP answer. Markdown is plain text there: no browser is to guess.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text | Self::Markdown => "text/plain; charset=utf-8",
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
            Self::Junit => "application/xml",
            Self::Sarif => "application/sarif+json",
        }
    }
}

/// A word that names no report format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown report format \"{0}\": use text, json, markdown, html, junit or sarif")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let mut formats = Self::ALL.into_iter();
        let found = formats.find(|format| format.as_str() == word);
        found.ok_or_else(|| UnknownFormat(word.to_owned()))
    }
}

/// How a report for people looks. Programs get everything in any case.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Columns at hand; values are cut to fit (text).
    pub width: usize,
    /// Whether to use colour (text).
    pub color: bool,
    /// Whether to show everything: whole values, every attribute, digests (text), suppressed
    /// findings (text, Markdown; HTML has them in any case).
    pub verbose: bool,
    /// Whether to say of each difference why it has its origin, and of each finding why it has its
    /// severity (text, Markdown, HTML).
    pub why: bool,
}

/// A report could not be written in its form: a defect of this program, with what it is about.
#[derive(Debug, thiserror::Error)]
#[error("the {form} report cannot be written: {cause}")]
pub struct RenderError {
    form: &'static str,
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl RenderError {
    fn new(form: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            form,
            cause: cause.into(),
        }
    }
}

/// The report in any form, with a final line break.
pub fn render(
    format: Format,
    checks: &[StackCheck],
    options: &Options,
) -> Result<String, RenderError> {
    page(format, checks, &Summary::of(checks), options)
}

/// The report about those stacks only that keep the exit code from being 0; its counts are of all.
/// Programs (JSON, JUnit, SARIF) get every stack.
pub fn render_troubles(
    format: Format,
    checks: &[StackCheck],
    options: &Options,
) -> Result<String, RenderError> {
    match format {
        Format::Text | Format::Markdown | Format::Html => {
            let troubles = checks.iter().filter(|check| is_trouble(check));
            let troubles: Vec<StackCheck> = troubles.cloned().collect();
            page(format, &troubles, &Summary::of(checks), options)
        }
        Format::Json | Format::Junit | Format::Sarif => render(format, checks, options),
    }
}

/// The report over these stacks with the counts of perhaps more.
fn page(
    format: Format,
    checks: &[StackCheck],
    summary: &Summary,
    options: &Options,
) -> Result<String, RenderError> {
    let wrong = |cause: minijinja::Error| RenderError::new(format.as_str(), cause);
    match format {
        Format::Text => Ok(text::page(checks, summary, options)),
        Format::Json => Ok(format!("{:#}\n", json(checks))),
        Format::Markdown => Ok(markdown::page(checks, summary, options)),
        Format::Html => html::page(checks, summary, options).map_err(wrong),
        Format::Junit => junit(checks).map_err(wrong),
        Format::Sarif => Ok(format!("{:#}\n", sarif(checks))),
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
    /// Findings, of all stacks, that nobody is told of.
    pub suppressed: usize,
    /// Those of them that rules ignore; the others are known noise.
    pub ignored: usize,
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
            suppressed: checks.iter().map(words::suppressed).sum(),
            ignored: checks.iter().map(words::ignored).sum(),
        }
    }

    /// Those that nobody is told of, in words; nothing if there is none.
    fn noise(&self) -> Option<String> {
        let findings = words::count(self.suppressed, "finding");
        match (self.ignored, self.suppressed - self.ignored) {
            (0, 0) => None,
            (0, _) => Some(format!("{findings} suppressed as known noise")),
            (_, 0) => Some(format!("{findings} ignored by rules")),
            (ignored, noise) => Some(format!(
                "{findings} suppressed: {ignored} ignored by rules, {noise} known noise"
            )),
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
/// sync, has a failing check or a grave unenforced finding that is not suppressed; else 0. Drift of
/// which rules ignore all does not count.
pub fn exit_code(checks: &[StackCheck]) -> u8 {
    let failed = |check: &StackCheck| check.verdict == Verdict::Failed || check.failure.is_some();
    let found = |check: &StackCheck| {
        (check.verdict.is_bad() && !is_ignored(check))
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

/// Whether the stack is not in sync only by what rules ignore.
fn is_ignored(check: &StackCheck) -> bool {
    check.verdict == Verdict::Drifted && check.findings.has_only_ignored_drift()
}

#[cfg(test)]
mod samples;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
