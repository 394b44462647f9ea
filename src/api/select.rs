//! Which stacks a query means: `stack`, `source`, `label` and `owner`, each as often as one likes. Of
//! several stacks, sources or owners one has to fit, of several labels each.

use crate::domain::ids::SourceName;
use crate::domain::pattern::{NamePattern, StackPattern};
use crate::domain::selection::Selection;

use super::error::ApiError;

/// Takes in a parameter; false if it is none of these.
pub(super) fn select(which: &mut Selection, name: &str, value: &str) -> Result<bool, ApiError> {
    let wrong = |what: &dyn std::fmt::Display| ApiError::BadRequest(what.to_string());
    let pattern = |text: &str| NamePattern::parse(text).map_err(|error| wrong(&error));
    match name {
        "stack" => {
            let pattern = StackPattern::parse(value).map_err(|error| wrong(&error))?;
            which.stacks.push(pattern);
        }
        "source" => which.sources.push(SourceName::new(value)),
        "owner" => which.owners.push(pattern(value)?),
        "label" => {
            let label = value.split_once('=');
            let (key, value) =
                label.ok_or_else(|| wrong(&"a label is written `label=key=value`"))?;
            which.labels.insert(key.to_owned(), pattern(value)?);
        }
        _ => return Ok(false),
    }
    Ok(true)
}
