//! The document of a plan as a whole, for policies that people write about it: everything that it
//! marks sensitive is hidden, and so is each secret wherever else it occurs.

use std::io::{BufReader, Read};

use serde_json::{Map, Value as Json};

use crate::secret::Masker;

use super::utf8::Utf8;
use super::{ReadError, encoding};

/// What stands for a hidden value.
const HIDDEN: &str = "(sensitive)";

/// Values beside the marks that hide them, by the names of both.
const MARKED: [(&str, &str); 3] = [
    ("before", "before_sensitive"),
    ("after", "after_sensitive"),
    ("values", "sensitive_values"),
];

/// The output of `terraform show -json` without what it marks sensitive. `masker` knows the secrets of
/// this plan, so that they are hidden in what is not marked, too.
///
/// # Errors
/// If it is no JSON, or the source fails.
pub fn document(source: impl Read, masker: &Masker) -> Result<Json, ReadError> {
    let mut source = encoding::decoded(source);
    encoding::skip_to_document(&mut source)?;
    let checked = BufReader::with_capacity(encoding::CHUNK, Utf8::new(source));
    let mut reader = serde_json::Deserializer::from_reader(checked);
    reader.disable_recursion_limit();
    let reader = serde_stacker::Deserializer::new(&mut reader);
    let mut document = <Json as serde::Deserialize>::deserialize(reader)
        .map_err(|_| ReadError::NotAPlan { what: "not JSON" })?;
    hide_variables(&mut document);
    hide(&mut document, masker);
    Ok(document)
}

/// Hides what is marked in an object and below it, and secrets in every text.
fn hide(value: &mut Json, masker: &Masker) {
    match value {
        Json::Object(fields) => {
            for (values, marks) in MARKED {
                if let Some(marks) = fields.get(marks).cloned()
                    && let Some(value) = fields.get_mut(values)
                {
                    cover(value, &marks);
                }
            }
            // An output or a variable says of itself that it is sensitive.
            if fields.get("sensitive") == Some(&Json::Bool(true))
                && let Some(value) = fields.get_mut("value")
            {
                *value = Json::from(HIDDEN);
            }
            fields.values_mut().for_each(|value| hide(value, masker));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| hide(item, masker)),
        Json::String(text) => {
            let masked = masker.mask(text);
            if masked != *text {
                *text = masked;
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// Hides the parts of a value that the marks beside it name.
fn cover(value: &mut Json, marks: &Json) {
    match (value, marks) {
        (value, Json::Bool(true)) if !value.is_null() => *value = Json::from(HIDDEN),
        (Json::Object(fields), Json::Object(marks)) => {
            for (name, marks) in marks {
                if let Some(value) = fields.get_mut(name) {
                    cover(value, marks);
                }
            }
        }
        (Json::Array(items), Json::Array(marks)) => {
            for (item, marks) in items.iter_mut().zip(marks) {
                cover(item, marks);
            }
        }
        // Marks that do not fit the value hide all of it.
        (value, Json::Object(_) | Json::Array(_)) if marked(marks) && !value.is_null() => {
            *value = Json::from(HIDDEN);
        }
        _ => {}
    }
}

fn marked(marks: &Json) -> bool {
    match marks {
        Json::Bool(marked) => *marked,
        Json::Object(fields) => fields.values().any(marked),
        Json::Array(items) => items.iter().any(marked),
        Json::Null | Json::Number(_) | Json::String(_) => false,
    }
}

/// The values of variables that the configuration declares sensitive.
fn hide_variables(document: &mut Json) {
    let declared = &document["configuration"]["root_module"]["variables"];
    let secret: Vec<String> = declared.as_object().map_or_else(Vec::new, names_of_secret);
    if let Some(variables) = document.get_mut("variables").and_then(Json::as_object_mut) {
        for name in secret {
            if let Some(variable) = variables.get_mut(&name) {
                variable["value"] = Json::from(HIDDEN);
            }
        }
    }
}

fn names_of_secret(declared: &Map<String, Json>) -> Vec<String> {
    let secret = declared
        .iter()
        .filter(|(_, declared)| declared["sensitive"] == true);
    secret.map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(plan: &Json) -> Json {
        document(plan.to_string().as_bytes(), &Masker::default()).unwrap()
    }

    #[test]
    fn what_is_marked_is_hidden_wherever_it_stands() {
        let plan = json!({
            "variables": {"password": {"value": "hunter2hunter2"}, "region": {"value": "eu"}},
            "configuration": {"root_module": {"variables": {"password": {"sensitive": true}, "region": {}}}},
            "resource_changes": [{"change": {
                "before": {"user": "app", "password": "hunter2hunter2", "list": ["a", "b"]},
                "before_sensitive": {"password": true, "list": [false, true]},
                "after": {"user": "app", "password": "hunter3hunter3", "list": "other"},
                "after_sensitive": {"password": true, "list": [false, true]}
            }}],
            "planned_values": {
                "outputs": {"it": {"sensitive": true, "value": {"deep": "hunter4"}}, "open": {"sensitive": false, "value": 1}},
                "root_module": {"resources": [{"values": {"password": "hunter2hunter2"}, "sensitive_values": {"password": true}}]}
            }
        });
        let shown = shown(&plan);
        assert!(!shown.to_string().contains("hunter"), "{shown}");
        let change = &shown["resource_changes"][0]["change"];
        assert_eq!(change["before"]["user"], "app");
        assert_eq!(change["before"]["list"], json!(["a", HIDDEN]));
        assert_eq!(change["after"]["list"], HIDDEN);
        assert_eq!(shown["planned_values"]["outputs"]["open"]["value"], 1);
        assert_eq!(shown["variables"]["region"]["value"], "eu");
    }

    #[test]
    fn a_value_that_is_not_there_stays_so() {
        let plan = json!({"resource_changes": [{"change": {
            "before": null, "before_sensitive": true,
            "after": {"a": null}, "after_sensitive": {"a": true, "b": true}
        }}]});
        let change = &shown(&plan)["resource_changes"][0]["change"];
        assert_eq!(change["before"], Json::Null);
        assert_eq!(change["after"], json!({"a": null}));
    }
}
