//! The configuration file: from `mooring.yaml` as written to [`Settings`] in which nothing can be
//! wrong any more. `written` (with `channel` for receivers, `database` for the store and `policy` for its rules) is the file's own form (and its JSON Schema), `repository` that
//! of the files in which repositories tighten policy. `syntax` explains what
//! the YAML reader refuses, `keys` finds unknown and empty keys, `resolve` checks meanings, `mask` keeps secrets out of error messages.

mod at;
mod channel;
mod database;
mod error;
mod keys;
mod looking;
mod mask;
mod policy;
mod replicas;
mod repository;
mod resolve;
mod stack;
mod syntax;
#[cfg(test)]
mod tests;
mod written;

use std::io::Read;
use std::path::Path;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

pub use self::error::ConfigError;
use self::error::Problem;
pub use self::repository::{parse_repository, repository_schema};
use self::written::Configuration;
use crate::reconcile::settings::Settings;

/// A configuration is text written by people; anything larger is another file.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// Reads and checks a configuration file. Relative paths in it are relative to its directory.
///
/// # Errors
/// If the file cannot be read, or with everything that is wrong in it.
pub fn load(path: &Path) -> Result<Settings, ConfigError> {
    let name = path.display().to_string();
    let unreadable = |cause: String, remedy: &str| {
        ConfigError::without_source(&name, Problem::general(cause, remedy))
    };
    let io = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound => unreadable(
            format!("there is no file {name}"),
            "name the file with `--config`, or start from `mooring config example > mooring.yaml`",
        ),
        std::io::ErrorKind::PermissionDenied => unreadable(
            format!("{name} may not be read by this user"),
            "make the file readable for the user that runs Mooring",
        ),
        _ => unreadable(
            format!("{name} cannot be read: {cause}"),
            "check the path and the file system",
        ),
    };
    let file = std::fs::File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.is_dir() {
        return Err(unreadable(
            format!("{name} is a directory"),
            "name the configuration file itself, for example `mooring.yaml` in that directory",
        ));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to());
        let line = 1 + valid.map_or(0, |v| v.iter().filter(|b| **b == b'\n').count());
        unreadable(
            format!("{name} is not UTF-8 text (first seen in line {line})"),
            "save the file as UTF-8",
        )
    })?;
    let base = std::path::absolute(path)
        .ok()
        .and_then(|path| path.parent().map(Path::to_path_buf))
        .unwrap_or_default();
    parse(&text, &name, &base, Timestamp::now())
}

/// Checks a configuration. `name` is what error messages call the file, `base` the directory that
/// relative paths in it start from, `now` is only used to see that each schedule ever comes.
///
/// # Errors
/// With the first thing that is no YAML; else with every key that is unknown or has no value; else
/// with the first value of the wrong kind; else with everything whose meaning is wrong.
pub fn parse(text: &str, name: &str, base: &Path, now: Timestamp) -> Result<Settings, ConfigError> {
    if text.len() as u64 > LARGEST_FILE {
        let problem = Problem::general(
            format!("{name} is larger than {} MiB", LARGEST_FILE / 1024 / 1024),
            "check that this is the configuration file",
        );
        return Err(ConfigError::without_source(name, problem));
    }
    if is_blank(text) {
        let problem = Problem::general(
            format!("{name} is empty"),
            "start from `mooring config example > mooring.yaml`",
        );
        return Err(ConfigError::without_source(name, problem));
    }
    let written: Configuration = written(text, name, &schema_value())?;
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    resolve::resolve(&written, digest, base, now)
        .map_err(|problems| ConfigError::new(name, text, problems))
}

/// Whether nothing is written in a file.
fn is_blank(text: &str) -> bool {
    let blank = |line: &str| {
        let line = line.trim_start_matches('\u{feff}').trim();
        line.is_empty() || line == "---" || line.starts_with('#')
    };
    text.lines().all(blank)
}

/// Reads YAML that a schema describes.
fn written<T: DeserializeOwned>(
    text: &str,
    name: &str,
    schema: &serde_json::Value,
) -> Result<T, ConfigError> {
    let refused = |error| ConfigError::new(name, text, vec![syntax::problem(&error)]);
    let shape = serde_saphyr::from_str_with_options(text, options()).map_err(refused)?;
    let problems = keys::problems(&shape, schema);
    if !problems.is_empty() {
        return Err(ConfigError::new(name, text, problems));
    }
    serde_saphyr::from_str_with_options(text, options()).map_err(refused)
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        reject_unsupported_tags: true,
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_documents: 2,
            // One anchor that hundreds of entries use is good style; replays are limited below.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 50_000,
            max_replay_stack_depth: 16,
        },
    }
}

/// The JSON Schema of the configuration file, indented.
pub fn schema() -> String {
    serde_json::to_string_pretty(&schema_value()).unwrap_or_default()
}

fn schema_value() -> serde_json::Value {
    schema_of::<Configuration>()
}

fn schema_of<T: schemars::JsonSchema>() -> serde_json::Value {
    let mut schema = schemars::schema_for!(T).to_value();
    forbid_null(&mut schema);
    schema
}

/// A key may be left out, but one that is there has a value.
fn forbid_null(schema: &mut serde_json::Value) {
    use serde_json::Value;
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|name| name != "null");
            }
            if let Some(Value::Array(alternatives)) = fields.get_mut("anyOf") {
                alternatives.retain(|schema| schema.get("type") != Some(&"null".into()));
            }
            fields.values_mut().for_each(forbid_null);
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        _ => {}
    }
}

/// A commented configuration that uses every key.
pub fn example() -> String {
    include_str!("example.yaml").to_owned()
}
