//! Strings that are JSON documents: two of them are the same if they say the same, however they are
//! spelt.

use serde_json::Value as Json;

use super::value::Number;

/// Elements of a policy statement whose lists have no order and stand for their only item.
/// Source: IAM JSON policy elements reference, "Grammar of the IAM JSON policy language".
const UNORDERED: &[&str] = &[
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
];

/// Whether both are JSON objects or lists, and the same one.
pub fn same_document(one: &str, other: &str) -> bool {
    match (document(one), document(other)) {
        (Some(one), Some(other)) => canonical(one) == canonical(other),
        _ => false,
    }
}

fn document(text: &str) -> Option<Json> {
    let text = text.trim();
    let framed = text.starts_with(['{', '[']) && text.ends_with(['}', ']']);
    framed.then(|| serde_json::from_str(text).ok())?
}

fn canonical(document: Json) -> Json {
    let mut document = plain(document);
    if let Some(statements) = document.get_mut("Statement") {
        if !statements.is_array() {
            *statements = Json::Array(vec![statements.take()]);
        }
        for statement in statements.as_array_mut().into_iter().flatten() {
            for element in UNORDERED {
                if let Some(element) = statement.get_mut(*element) {
                    unordered(element);
                }
            }
        }
        sort(statements);
    }
    document
}

/// Numbers by value, in all of a document.
fn plain(document: Json) -> Json {
    match document {
        Json::Number(number) => {
            let canonical = Number::parse(&number.to_string());
            serde_json::from_str(canonical.as_str()).unwrap_or(Json::Number(number))
        }
        Json::Array(items) => items.into_iter().map(plain).collect(),
        Json::Object(fields) => fields.into_iter().map(|(k, v)| (k, plain(v))).collect(),
        other => other,
    }
}

fn unordered(element: &mut Json) {
    match element {
        Json::Object(fields) => fields.values_mut().for_each(unordered),
        Json::Array(items) if items.len() == 1 => {
            let only = items.pop().unwrap_or_default();
            *element = only;
        }
        Json::Array(_) => sort(element),
        _ => {}
    }
}

fn sort(list: &mut Json) {
    if let Json::Array(items) = list {
        items.sort_by_cached_key(Json::to_string);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_compared_by_what_they_say() {
        for (one, other) in [
            (r#"{"a": 1, "b": [2]}"#, "{\"b\":[2.0],\n\"a\":1}"),
            ("[]", " [ ] "),
            (
                r#"{"Statement": {"Action": "s3:Get", "Principal": {"AWS": ["b", "a"]}}}"#,
                r#"{"Statement": [{"Principal": {"AWS": ["a", "b"]}, "Action": ["s3:Get"]}]}"#,
            ),
            (
                r#"{"Statement": [{"Sid": "1"}, {"Sid": "2"}]}"#,
                r#"{"Statement": [{"Sid": "2"}, {"Sid": "1"}]}"#,
            ),
        ] {
            assert!(same_document(one, other), "{one} {other}");
        }
        for (one, other) in [
            (r#"{"a": 1}"#, r#"{"a": 2}"#),
            (r#"{"a": [1, 2]}"#, r#"{"a": [2, 1]}"#),
            (r#"{"a": [1]}"#, r#"{"a": 1}"#),
            (r#"{"a": 1}"#, r#"{"a": "1"}"#),
            (
                r#"{"Statement": [{"Action": ["a"]}]}"#,
                r#"{"Statement": [{"Action": ["a", "b"]}]}"#,
            ),
            ("1", "1.0"),
            ("{", "{"),
        ] {
            assert!(!same_document(one, other), "{one} {other}");
        }
    }
}
