//! Reads `terraform show -json PLAN` (and OpenTofu's) into a [`Plan`] that holds no secret.
//!
//! The way of the bytes: `encoding` finds the document, `wire` is its format, `state` and `marks`
//! say what is hidden, `value` and `convert` make the plan and `redact` takes the secrets out.

mod convert;
mod encoded;
mod encoding;
mod marks;
mod redact;
mod refresh_only;
mod state;
mod value;
mod wire;

use serde::Deserialize;
use serde_json::error::Category;

use crate::domain::digest::DigestKey;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::plan::Plan;
use crate::secret::Masker;

/// A plan that was read.
#[derive(Debug)]
pub struct Reading {
    /// The plan, with everything sensitive replaced by keyed fingerprints.
    pub plan: Plan,
    /// Cuts every sensitive value of eight or more characters out of other text, such as
    /// diagnostics of the same run.
    pub masker: Masker,
    /// What the reader of a report should know about the reading, one sentence each.
    pub warnings: Vec<String>,
}

/// Why something cannot be read as a plan. No variant repeats any of the content.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is something else.
    #[error("this is no plan in JSON: it is {what}")]
    NotAPlan {
        /// What it is, for example `a state` or `not JSON`.
        what: &'static str,
    },
    /// The format is one this program does not know.
    #[error("the plan has format version {version}, and this program reads 0.x and 1.x")]
    UnknownFormat {
        /// The version as written, or `(none)`.
        version: String,
    },
    /// The JSON is broken or cut off, or a field has another type than the format says.
    #[error("the plan cannot be read at line {line}, column {column}: {cause}")]
    Syntax {
        /// Line in the input, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
        /// What is wrong there.
        cause: String,
    },
    /// It is nested more deeply than this program follows.
    #[error(
        "the plan is nested {depth} levels deep; at most {} are read",
        encoding::DEEPEST
    )]
    TooDeep {
        /// Its depth.
        depth: usize,
    },
    /// The thread for a deeply nested plan cannot be started.
    #[error("no thread can be started to read a deeply nested plan: {cause}")]
    Thread {
        /// Why.
        cause: std::io::Error,
    },
}

impl ReadError {
    fn hint(&self) -> &'static str {
        match self {
            Self::NotAPlan {
                what: "a saved plan file",
            } => "turn it into JSON with `terraform show -json FILE`",
            Self::NotAPlan { .. } => {
                "make a plan with `terraform plan -out FILE` and give the output of \
                 `terraform show -json FILE`"
            }
            Self::UnknownFormat { .. } => "use a version of Mooring that knows this format",
            Self::Syntax { .. } => {
                "check that the output of `terraform show -json` was saved completely"
            }
            Self::TooDeep { .. } => "no provider makes such plans; check where it comes from",
            Self::Thread { .. } => "raise the limits on threads or memory",
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::new(FailureKind::UnreadablePlan, error.to_string(), error.hint())
    }
}

/// Up to this depth the caller's own stack is enough.
const SHALLOW: usize = 128;

/// Stack for each level of a deeper document, in bytes (an unoptimised build needs the most).
const STACK_PER_LEVEL: usize = 32 * 1024;

/// Reads a plan. Sensitive values become fingerprints under `key`.
///
/// Accepts UTF-8 and UTF-16 with or without a byte order mark where that is possible, and lines
/// before the document.
///
/// # Errors
/// If it is no plan, of an unknown format, broken, or nested too deeply.
pub fn read(bytes: &[u8], key: &DigestKey) -> Result<Reading, ReadError> {
    let document = encoding::document(bytes)?;
    if document.depth <= SHALLOW {
        return parse(&document, key);
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("plan-json".to_owned())
            .stack_size((document.depth + SHALLOW) * STACK_PER_LEVEL)
            .spawn_scoped(scope, || parse(&document, key))
            .map_err(|cause| ReadError::Thread { cause })?;
        let panicked = |_| ReadError::Thread {
            cause: std::io::Error::other("it stopped unexpectedly"),
        };
        thread.join().map_err(panicked)?
    })
}

fn parse(document: &encoding::Document<'_>, key: &DigestKey) -> Result<Reading, ReadError> {
    let mut reader = serde_json::Deserializer::from_str(&document.text);
    reader.disable_recursion_limit();
    let parsed = wire::Plan::deserialize(&mut reader).and_then(|plan| reader.end().map(|()| plan));
    let plan = parsed.map_err(|error| {
        outline(&document.text)
            .err()
            .unwrap_or_else(|| broken(&error, document.skipped_lines))
    })?;
    if plan.planned_values.is_none() || plan.format_version.is_none() {
        outline(&document.text)?;
    }
    let warning = format_warning(plan.format_version.as_deref())?;
    let mut reading = convert::plan(plan, key);
    reading.warnings.extend(warning);
    Ok(reading)
}

/// An error if the document, as far as it can be read, is no plan or has an unknown format.
fn outline(text: &str) -> Result<(), ReadError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    let Ok(outline) = wire::Outline::deserialize(&mut reader) else {
        return Ok(());
    };
    if let Some(what) = outline.other_than_plan() {
        return Err(ReadError::NotAPlan { what });
    }
    let version = outline.format_version.as_ref();
    format_warning(version.and_then(serde_json::Value::as_str)).map(|_| ())
}

/// The position and cause; of a wrong type only that it is one, since the library's message quotes
/// the value.
fn broken(error: &serde_json::Error, skipped_lines: usize) -> ReadError {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let cause = match error.classify() {
        Category::Data => "a value of another type than the format says",
        Category::Syntax | Category::Eof | Category::Io => {
            text.strip_suffix(&position).unwrap_or(&text)
        }
    };
    ReadError::Syntax {
        line: error.line() + skipped_lines,
        column: error.column(),
        cause: cause.to_owned(),
    }
}

/// Refuses an unknown major version, warns of an unknown minor one.
fn format_warning(version: Option<&str>) -> Result<Option<String>, ReadError> {
    let text = version.unwrap_or("(none)");
    let unknown = || ReadError::UnknownFormat {
        version: text.chars().take(20).collect(),
    };
    let (major, minor) = text.split_once('.').ok_or_else(unknown)?;
    let minor: u64 = minor.parse().map_err(|_| unknown())?;
    let newest_known = match major {
        "0" | "1" => 2,
        _ => return Err(unknown()),
    };
    Ok((minor > newest_known).then(|| {
        format!("the plan has format version {text}, newer than this program knows: parts of it may be missing here")
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
