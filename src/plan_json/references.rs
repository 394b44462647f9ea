//! Which objects an output is made from, as the configuration in the plan says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::domain::ids::without_keys;

use super::wire::{ConfigModule, ModuleCall, Raw, text};

/// References lead through no more modules than this.
const LONGEST_WAY: usize = 64;

/// A module, and how it was called.
struct Scope<'a, R> {
    module: &'a ConfigModule<R>,
    /// What addresses of its objects begin with.
    prefix: String,
    caller: Option<(&'a Scope<'a, R>, &'a ModuleCall<R>)>,
}

/// The addresses, without instance keys, of what an output of the root module is made from. Nothing
/// if the way leads through a local value, of which a plan does not say how it is made.
pub(super) fn of_output<'de, R: Raw<'de>>(
    root: &ConfigModule<R>,
    output: &str,
) -> Option<BTreeSet<String>> {
    let scope = Scope {
        module: root,
        prefix: String::new(),
        caller: None,
    };
    let mut found = BTreeSet::new();
    output_of(&scope, output, &mut found, 0).then_some(found)
}

fn output_of<'de, R: Raw<'de>>(
    scope: &Scope<'_, R>,
    name: &str,
    found: &mut BTreeSet<String>,
    way: usize,
) -> bool {
    let output = scope.module.outputs.get(name);
    let expression = output.and_then(|output| text(output.expression.as_ref()));
    expression.is_some_and(|raw| all(scope, raw, found, way))
}

/// Follows every reference in an expression.
fn all<'de, R: Raw<'de>>(
    scope: &Scope<'_, R>,
    expression: &str,
    found: &mut BTreeSet<String>,
    way: usize,
) -> bool {
    let Ok(expression) = serde_json::from_str::<Json>(expression) else {
        return false;
    };
    let mut references = Vec::new();
    collect(&expression, &mut references);
    references
        .iter()
        .all(|reference| follow(scope, reference, found, way))
}

fn collect(expression: &Json, references: &mut Vec<String>) {
    match expression {
        Json::Object(fields) => {
            for (name, field) in fields {
                match field.as_array().filter(|_| name == "references") {
                    Some(items) => {
                        let items = items.iter().filter_map(Json::as_str);
                        references.extend(items.map(str::to_owned));
                    }
                    None => collect(field, references),
                }
            }
        }
        Json::Array(items) => {
            for item in items {
                collect(item, references);
            }
        }
        _ => {}
    }
}

fn follow<'de, R: Raw<'de>>(
    scope: &Scope<'_, R>,
    reference: &str,
    found: &mut BTreeSet<String>,
    way: usize,
) -> bool {
    if way > LONGEST_WAY {
        return false;
    }
    let reference = without_keys(reference);
    let steps: Vec<&str> = reference.split('.').collect();
    match *steps.as_slice() {
        ["local", ..] => false,
        ["each" | "count" | "self" | "path" | "terraform", ..] => true,
        ["var", name, ..] => variable(scope, name, found, way),
        // The module as a whole stands beside each of its outputs that is meant.
        ["module", _] => true,
        ["module", name, output, ..] => {
            let called = scope.module.module_calls.get(name);
            let module = called.and_then(|call| Some((call, call.module.as_ref()?)));
            module.is_some_and(|(call, module)| {
                let inner = Scope {
                    module,
                    prefix: format!("{}module.{name}.", scope.prefix),
                    caller: Some((scope, call)),
                };
                output_of(&inner, output, found, way + 1)
            })
        }
        ["data", kind, name, ..] => {
            found.insert(format!("{}data.{kind}.{name}", scope.prefix));
            true
        }
        [kind, name, ..] => {
            found.insert(format!("{}{kind}.{name}", scope.prefix));
            true
        }
        _ => false,
    }
}

/// What the caller gives for a variable. That of the root module depends on no object.
fn variable<'de, R: Raw<'de>>(
    scope: &Scope<'_, R>,
    name: &str,
    found: &mut BTreeSet<String>,
    way: usize,
) -> bool {
    let Some((caller, call)) = scope.caller else {
        return true;
    };
    let Some(raw) = text(call.expressions.as_ref()) else {
        return true;
    };
    let given: BTreeMap<String, &RawValue> = serde_json::from_str(raw).unwrap_or_default();
    let given = given.get(name);
    given.is_none_or(|given| all(caller, given.get(), found, way + 1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn references_are_followed_through_modules_and_variables() {
        let text = r#"{
            "outputs": {
                "direct": {"expression": {"references": ["a_b.c[\"x.y\"].arn", "a_b.c[\"x.y\"]", "a_b.c"]}},
                "module": {"expression": {"references": ["module.m[0].out", "module.m[0]", "module.m"]}},
                "local": {"expression": {"references": ["local.x", "a_b.c"]}},
                "constant": {"expression": {"constant_value": 1}},
                "input": {"expression": {"references": ["var.v"]}}
            },
            "module_calls": {"m": {
                "expressions": {"given": {"references": ["data.d.e.id", "data.d.e"]}},
                "module": {"outputs": {"out": {"expression": {"references": ["var.given", "f_g.h.id"]}}}}
            }}
        }"#;
        let root: ConfigModule<&RawValue> = serde_json::from_str(text).unwrap();
        let of = |name| {
            of_output(&root, name).map(|found| found.into_iter().collect::<Vec<_>>().join(" "))
        };
        assert_eq!(of("direct").as_deref(), Some("a_b.c"));
        assert_eq!(of("module").as_deref(), Some("data.d.e module.m.f_g.h"));
        assert_eq!(of("local"), None);
        assert_eq!(of("constant").as_deref(), Some(""));
        assert_eq!(of("input").as_deref(), Some(""));
        assert_eq!(of("unknown"), None);
    }
}
