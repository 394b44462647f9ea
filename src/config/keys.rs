//! The keys of the file against the keys of the schema: all unknown ones at once, each with what
//! was probably meant, and all that have no value. `safe:` with nothing behind it would otherwise
//! pass for a key that is not there, and mean what is set elsewhere.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::at::At;
use super::error::{Problem, quoted};
use super::syntax;

/// The shape of a document: its keys and where they stand, without its values.
pub(super) enum Shape {
    /// Text, a number or a truth value.
    Scalar,
    /// No value at all.
    Nothing,
    /// A list.
    List(Vec<At<Shape>>),
    /// A mapping.
    Mapping(Vec<(At<String>, Shape)>),
}

/// Everything that is wrong with the keys of a document.
pub(super) fn problems(document: &Shape, schema: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    compare(document, schema, schema, &mut problems);
    problems
}

fn compare(shape: &Shape, schema: &Value, root: &Value, problems: &mut Vec<Problem>) {
    let schema = structure(schema, root);
    match shape {
        Shape::Mapping(entries) => {
            for (key, value) in entries {
                let properties = schema.get("properties").and_then(Value::as_object);
                let open = schema.get("additionalProperties");
                match properties.and_then(|properties| properties.get(key.as_str())) {
                    Some(known) => {
                        filled(key, value, problems);
                        compare(value, known, root, problems);
                    }
                    None if properties.is_some() && open == Some(&Value::Bool(false)) => {
                        let known = properties.into_iter().flat_map(|p| p.keys());
                        let known: Vec<&str> = known.map(String::as_str).collect();
                        problems.push(Problem::at(
                            key.place(),
                            format!("unknown key {}", quoted(key)),
                            syntax::unknown_key(key, &known),
                        ));
                    }
                    None => {
                        filled(key, value, problems);
                        compare(value, open.unwrap_or(&Value::Null), root, problems);
                    }
                }
            }
        }
        Shape::List(items) => {
            let items_schema = schema.get("items").unwrap_or(&Value::Null);
            for item in items {
                filled(item, item, problems);
                compare(item, items_schema, root, problems);
            }
        }
        Shape::Scalar | Shape::Nothing => {}
    }
}

fn filled<T>(at: &At<T>, value: &Shape, problems: &mut Vec<Problem>) {
    if matches!(value, Shape::Nothing) {
        let (cause, remedy) = syntax::nothing();
        problems.push(Problem::at(at.place(), cause, remedy));
    }
}

/// The part of a schema that describes a mapping or a list, if it has one.
fn structure<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|p| root.pointer(p));
        return target.map_or(&Value::Null, |target| structure(target, root));
    }
    let described = |schema: &Value| {
        ["properties", "additionalProperties", "items"]
            .iter()
            .any(|key| schema.get(key).is_some())
    };
    let alternatives = schema.get("anyOf").and_then(Value::as_array);
    alternatives
        .into_iter()
        .flatten()
        .map(|alternative| structure(alternative, root))
        .find(|alternative| described(alternative))
        .unwrap_or(schema)
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Shape::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Shape, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = mapping.next_entry()? {
            entries.push(entry);
        }
        Ok(Shape::Mapping(entries))
    }
}
