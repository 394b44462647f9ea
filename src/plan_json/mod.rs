//! Reads `terraform show -json PLAN` (and OpenTofu's) into a [`Plan`] that holds no secret.
//!
//! The way of the bytes: `encoding` finds the document, `scan` passes once over it in the format of
//! `wire`, `gather` keeps what changes together with the marks and secrets it comes by, `object` and
//! `clear` read the values of that, `convert` pairs them and `redact` takes the secrets out.

mod clear;
mod configuration;
mod convert;
mod document;
mod encoding;
mod gather;
mod instance_key;
mod map;
mod marks;
mod object;
mod redact;
mod references;
mod refresh_only;
mod scan;
mod schema;
mod utf8;
mod wire;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::LazyLock;

use serde::de::DeserializeSeed;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::domain::digest::DigestKey;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::Address;
use crate::domain::plan::Plan;
use crate::secret::Masker;

pub use document::document;
use gather::Gathered;
use scan::{Outline, Scan};
pub use schema::{Schema, SchemaError};
use utf8::{NotUtf8, Utf8};
use wire::Raw;

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
    /// Types whose schema would tell what in them is secret; until then all their text is masked.
    pub wants_schema: BTreeSet<String>,
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
    /// A value in one of its lists is broken.
    #[error("the plan cannot be read in {part}: {cause}")]
    Part {
        /// The list.
        part: &'static str,
        /// What is wrong there.
        cause: String,
    },
    /// The file or stream cannot be read.
    #[error("the plan cannot be read: {0}")]
    Io(io::Error),
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
            Self::Syntax { .. } | Self::Part { .. } => {
                "check that the output of `terraform show -json` was saved completely"
            }
            Self::Io(_) => "check that it exists, can be read and is not being written",
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::new(FailureKind::UnreadablePlan, error.to_string(), error.hint())
    }
}

/// Files from this size on are mapped, in bytes; smaller ones are copied into memory.
const MAPPED_FROM: u64 = 1 << 20;

static NOTHING_KEPT: BTreeSet<Address> = BTreeSet::new();
static NO_SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::default);

/// How plans are read. Accepts UTF-8 and UTF-16 with or without a byte order mark where that is
/// possible, and lines before the document. Objects that stay as they are are left out of the plan,
/// unless something else in it needs them.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    key: &'a DigestKey,
    keep: &'a BTreeSet<Address>,
    schema: &'a Schema,
}

impl<'a> Reader<'a> {
    /// A reader that makes sensitive values fingerprints under `key`.
    pub fn new(key: &'a DigestKey) -> Self {
        Self {
            key,
            keep: &NOTHING_KEPT,
            schema: &NO_SCHEMA,
        }
    }

    /// Keeps these objects in the plan although they stay as they are.
    #[must_use]
    pub const fn keeping(self, keep: &'a BTreeSet<Address>) -> Self {
        Self { keep, ..self }
    }

    /// Reads with what the providers say of their types.
    #[must_use]
    pub const fn with_schema(self, schema: &'a Schema) -> Self {
        Self { schema, ..self }
    }

    /// Reads a plan in memory.
    ///
    /// # Errors
    /// If it is no plan, of an unknown format, or broken.
    pub fn read(&self, bytes: &[u8]) -> Result<Reading, ReadError> {
        if encoding::is_wide(bytes) {
            return self.read_from(bytes);
        }
        let (text, skipped_lines) = encoding::document(bytes)?;
        let reader = serde_json::Deserializer::from_str(text);
        self.pass::<&RawValue, _>(reader, skipped_lines)
    }

    /// Reads a plan as it comes, in one pass and without holding it.
    ///
    /// # Errors
    /// As [`Self::read`], or if the source fails.
    pub fn read_from(&self, source: impl Read) -> Result<Reading, ReadError> {
        let mut source = encoding::decoded(source);
        let skipped_lines = encoding::skip_to_document(&mut source)?;
        let checked = BufReader::with_capacity(encoding::CHUNK, Utf8::new(source));
        let reader = serde_json::Deserializer::from_reader(checked);
        self.pass::<Box<RawValue>, _>(reader, skipped_lines)
    }

    /// Reads a plan in a file, which is mapped if it is large.
    ///
    /// # Errors
    /// As [`Self::read`], or if the file cannot be read.
    pub fn read_file(&self, path: &Path) -> Result<Reading, ReadError> {
        let file = File::open(path).map_err(ReadError::Io)?;
        let about = file.metadata().map_err(ReadError::Io)?;
        if about.is_file() && about.len() >= MAPPED_FROM {
            let map = map::map(&file).map_err(ReadError::Io)?;
            return self.read(&map);
        }
        self.read_from(file)
    }

    fn pass<'de, R: Raw<'de>, S: serde_json::de::Read<'de>>(
        &self,
        mut reader: serde_json::Deserializer<S>,
        skipped_lines: usize,
    ) -> Result<Reading, ReadError> {
        let mut gathered = Gathered::<R>::new(self.keep);
        let mut outline = Outline::default();
        let scan = Scan {
            gathered: &mut gathered,
            outline: &mut outline,
        };
        let scanned = scan.deserialize(&mut reader);
        let version = format_warning(gathered.format_version.as_ref());
        let version = match scanned {
            Ok(()) => {
                if let Some(what) = outline.other_than_plan() {
                    return Err(ReadError::NotAPlan { what });
                }
                version?
            }
            // What is of another kind or format need not have our types.
            Err(error) if error.is_data() => {
                if let Some(what) = outline.surely_other() {
                    return Err(ReadError::NotAPlan { what });
                }
                if gathered.format_version.is_some() {
                    version?;
                }
                return Err(broken(error, skipped_lines));
            }
            Err(error) => return Err(broken(error, skipped_lines)),
        };
        reader.end().map_err(|error| broken(error, skipped_lines))?;
        let mut reading = convert::plan(gathered, self.key, self.schema)?;
        reading.warnings.extend(version);
        Ok(reading)
    }
}

/// The position and cause; of a wrong type only that it is one, since the library's message quotes
/// the value.
fn broken(error: serde_json::Error, skipped_lines: usize) -> ReadError {
    if error.is_io() {
        return unreadable(error.into(), skipped_lines);
    }
    ReadError::Syntax {
        line: error.line() + skipped_lines,
        column: error.column(),
        cause: cause(&error),
    }
}

fn unreadable(error: io::Error, skipped_lines: usize) -> ReadError {
    let place = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<NotUtf8>());
    match place {
        Some(NotUtf8 { lines, column }) => ReadError::Syntax {
            line: lines + skipped_lines + 1,
            column: *column,
            cause: NotUtf8::CAUSE.to_owned(),
        },
        None => ReadError::Io(error),
    }
}

fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    match error.classify() {
        Category::Data if !text.starts_with("duplicate field") => {
            "a value of another type than the format says".to_owned()
        }
        _ => text.strip_suffix(&position).unwrap_or(&text).to_owned(),
    }
}

/// Refuses an unknown major version, warns of an unknown minor one.
fn format_warning(version: Option<&serde_json::Value>) -> Result<Option<String>, ReadError> {
    let text = version.and_then(serde_json::Value::as_str);
    let text = text.unwrap_or("(none)");
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
