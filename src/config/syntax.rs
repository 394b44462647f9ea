//! Why the YAML reader refuses a file, in the words of somebody who wants to mend it. What stands
//! in the file as a value is never repeated here: it could be a secret in the wrong place.

use serde_saphyr::{Error, Location};

use super::error::{Problem, quoted};

const YAML_REMEDY: &str =
    "check indentation, quotes and brackets here and just before; indent with spaces";

/// The problem that an error of the YAML reader stands for.
pub(super) fn problem(error: &Error) -> Problem {
    let error = error.without_snippet();
    let place = error.location().unwrap_or(Location::UNKNOWN);
    let (cause, remedy) = explain(error);
    Problem::at(place, cause, remedy)
}

fn explain(error: &Error) -> (String, String) {
    match error {
        Error::AliasError { error, .. } => explain(error.without_snippet()),
        Error::SerdeMissingField { field, .. } => (
            format!("`{field}` is missing here"),
            format!("add `{field}: …`"),
        ),
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => (
            "this is none of the allowed values".to_owned(),
            one_of(variant, expected),
        ),
        Error::DuplicateMappingKey { key, .. } => (
            key.as_deref().map_or_else(
                || "a key is given twice".to_owned(),
                |key| format!("{} is given twice", quoted(key)),
            ),
            "keep one of the two".to_owned(),
        ),
        Error::NullIntoString { .. } | Error::Eof { .. } => nothing(),
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            wrong(expected)
        }
        Error::InvalidScalar { ty, .. } => wrong(ty),
        Error::InvalidBooleanStrict { .. } => wrong("`true` or `false`"),
        Error::Unexpected { expected, .. } => wrong(expected),
        Error::MultipleDocuments { .. } => (
            "a second YAML document begins here".to_owned(),
            "a configuration is one document: take the `---` away".to_owned(),
        ),
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => (
            "too much nesting, too many aliases or too many values".to_owned(),
            "write it flatter, with fewer aliases".to_owned(),
        ),
        Error::UnknownAnchor { .. } => (
            "this alias has no anchor".to_owned(),
            "define the anchor with `&name` before it is used, or put the text in quotes"
                .to_owned(),
        ),
        Error::UnsupportedTag { .. } => (
            "this YAML tag is not known here".to_owned(),
            "take the tag (`!…`) away, or put the text in quotes".to_owned(),
        ),
        Error::ExternalMessage { msg, .. } => {
            (format!("not valid YAML: {msg}"), YAML_REMEDY.into())
        }
        Error::Message { msg, .. } => (format!("this does not fit here: {msg}"), see_schema()),
        _ => ("this does not fit here".to_owned(), see_schema()),
    }
}

/// Cause and remedy where a key has no value.
pub(super) fn nothing() -> (String, String) {
    (
        "a value is missing here".to_owned(),
        "write the value, or take the key away".to_owned(),
    )
}

fn see_schema() -> String {
    "`mooring config example` shows how it is written".to_owned()
}

/// `expected` comes from the reader: `a string`, `u32`, `struct Policy`, …
fn wrong(expected: &str) -> (String, String) {
    let expected = match expected {
        text if text.starts_with("struct ") || text.contains("map") => {
            "a mapping (`key: value` lines, indented)"
        }
        text if text.contains("sequence") => "a list (lines that begin with `- `, or `[a, b]`)",
        text if text.contains("string") || text == "string" => "text",
        text if text.starts_with(['u', 'i']) && text.len() <= 5 => "a whole number in range",
        "bool" | "boolean" | "a boolean" => "`true` or `false`",
        text => text,
    };
    (format!("expected {expected}"), see_schema())
}

/// The remedy for a key that is not among those `expected`.
pub(super) fn unknown_key(field: &str, expected: &[&str]) -> String {
    let secret = [format!("{field}_file"), format!("{field}_env")];
    if let [file, env] = &secret
        && expected.contains(&file.as_str())
    {
        return format!(
            "a secret is never written here: put it in a file and name that with `{file}`, or name \
             an environment variable with `{env}`"
        );
    }
    one_of(field, expected)
}

/// A remedy that names the nearest word, or all of them.
pub(super) fn one_of(word: &str, allowed: &[&str]) -> String {
    if let Some(near) = nearest(word, allowed.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    let allowed: Vec<String> = allowed.iter().map(|word| format!("`{word}`")).collect();
    match allowed.as_slice() {
        [] => "take it away".to_owned(),
        [only] => format!("the only one allowed here is {only}"),
        _ => format!("allowed here: {}", allowed.join(", ")),
    }
}

/// The word that `word` was probably meant to be.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase().replace('-', "_");
    let limit = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| {
            let other = candidate.to_lowercase().replace('-', "_");
            (strsim::damerau_levenshtein(&word, &other), candidate)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
