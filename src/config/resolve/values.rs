//! Single values: durations, secrets, names, patterns, URLs.

use std::path::PathBuf;
use std::time::Duration;

use globset::{Glob, GlobBuilder, GlobMatcher};
use jiff::{SignedDuration, Span, SpanRelativeTo};

use super::super::at::At;
use super::super::error::{Problem, quoted};
use super::Checks;
use crate::secret::SecretSource;

/// Longer times are slips of the pen, and would overflow clocks.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// What a glob's `*` does not step over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Steps {
    /// Nothing: type and attribute names.
    Freely,
    /// `/`: paths.
    WithinDirectory,
}

impl Checks<'_> {
    pub(super) fn problem<T>(
        &mut self,
        at: &At<T>,
        cause: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.problems.push(Problem::at(at.place(), cause, remedy));
    }

    /// A duration of zero or more.
    pub(super) fn duration(&mut self, written: &At<String>) -> Option<Duration> {
        let parsed = written
            .parse::<Span>()
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
        let Ok(duration) = parsed else {
            self.problem(
                written,
                "this is no duration",
                "write a number with a unit: `30s`, `5m`, `1h30m`, `90d` (a day is 24 hours)",
            );
            return None;
        };
        if duration > LONGEST {
            self.problem(
                written,
                "this duration is longer than a year",
                "write a shorter one; the units are s, m, h and d",
            );
            return None;
        }
        let Ok(duration) = Duration::try_from(duration) else {
            self.problem(
                written,
                "this duration is negative",
                "write it without the sign",
            );
            return None;
        };
        Some(duration)
    }

    /// A duration of zero or more, if one is written.
    pub(super) fn optional(&mut self, written: Option<&At<String>>) -> Option<Duration> {
        self.duration(written?)
    }

    /// A duration of a second or more, if one is written.
    pub(super) fn positive(&mut self, written: Option<&At<String>>) -> Option<Duration> {
        let written = written?;
        let duration = self.duration(written)?;
        if duration < Duration::from_secs(1) {
            self.problem(
                written,
                "this duration is shorter than a second",
                "write a second or more, for example `1m`",
            );
        }
        Some(duration)
    }

    /// The place of a secret, given as a file or a variable but not as both.
    pub(super) fn secret(
        &mut self,
        file: Option<&At<PathBuf>>,
        env: Option<&At<String>>,
    ) -> Option<SecretSource> {
        if let (Some(_), Some(env)) = (file, env) {
            self.problem(
                env,
                "this secret is given as a file and as an environment variable",
                "keep one of the two",
            );
        }
        if let Some(file) = file {
            return self.path(Some(file)).map(SecretSource::File);
        }
        let env = env?;
        if !is_variable_name(env) {
            self.problem(
                env,
                "this is no name of an environment variable",
                "write the variable's name, not its value: letters, digits and `_`",
            );
        }
        Some(SecretSource::Env(env.to_string()))
    }

    /// A name that can stand in ids and URLs.
    pub(super) fn name(&mut self, written: &At<String>) {
        if !is_name(written) {
            self.no_name(written);
        }
    }

    pub(super) fn no_name(&mut self, written: &At<String>) {
        self.problem(
            written,
            format!("{} is no name", quoted(written)),
            "use lower-case letters, digits, `-` and `_`, beginning with a letter or digit",
        );
    }

    /// Says so of each name that stood before.
    pub(super) fn unique<'w>(&mut self, what: &str, names: impl Iterator<Item = &'w At<String>>) {
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            if !seen.insert(name.as_str()) {
                self.problem(
                    name,
                    format!("a second {what} is called {}", quoted(name)),
                    "give each its own name",
                );
            }
        }
    }

    /// A text that has to say something.
    pub(super) fn text(&mut self, written: &At<String>) -> String {
        if written.trim().is_empty() {
            self.problem(written, "this is empty", "write it, or take the key away");
        }
        written.to_string()
    }

    pub(super) fn texts(&mut self, written: &[At<String>]) -> Vec<String> {
        written.iter().map(|text| self.text(text)).collect()
    }

    pub(super) fn glob(&mut self, written: &At<String>, steps: Steps) -> Option<Glob> {
        self.text(written);
        let glob = GlobBuilder::new(written)
            .literal_separator(steps == Steps::WithinDirectory)
            .build();
        match glob {
            Ok(glob) => Some(glob),
            Err(error) => {
                self.problem(
                    written,
                    format!("this is no pattern: {}", error.kind()),
                    "patterns are written like `aws_*`, `live/**` or `{a,b}`; put them in quotes",
                );
                None
            }
        }
    }

    pub(super) fn matcher(&mut self, written: &At<String>, steps: Steps) -> Option<GlobMatcher> {
        self.glob(written, steps).map(|glob| glob.compile_matcher())
    }

    /// The URL of a server, without credentials.
    pub(super) fn https_or_http(&mut self, written: &At<String>) {
        let parsed = reqwest::Url::parse(written).ok();
        let scheme = parsed.as_ref().map_or("", reqwest::Url::scheme);
        if !matches!(scheme, "https" | "http") {
            self.problem(
                written,
                "this is no URL",
                "write it in full, for example `https://s3.example.com`",
            );
        }
        if parsed.is_some_and(|url| !url.username().is_empty() || url.password().is_some()) {
            self.problem(
                written,
                "credentials stand in this URL",
                "take them out; they come from the environment",
            );
        }
    }

    pub(super) fn address(&mut self, written: &At<String>) -> String {
        if written.parse::<lettre::Address>().is_err() {
            self.problem(
                written,
                "this is no e-mail address",
                "write the address alone, for example `platform@example.com`",
            );
        }
        written.to_string()
    }
}

/// Whether a text can stand in ids and URLs.
pub(super) fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(fits) && text.chars().all(|c| fits(c) || matches!(c, '-' | '_'))
}

/// Whether a text can name an environment variable.
pub(super) fn is_variable_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
