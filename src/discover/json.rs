//! Facts from the JSON form of a configuration.

use hcl_edit::visit::Visit;
use serde_json::{Map, Value};

use super::Mark;
use super::facts::{Base, Facts, PathUse};
use super::hcl::{Strings, template_path};
use super::paths;

/// What a parsed file says.
pub(super) fn facts(file: &Value) -> Facts {
    let mut facts = Facts::default();
    for (name, value) in objects(file).flatten() {
        match name.as_str() {
            "terraform" => terraform(value, &mut facts),
            "provider" => facts.mark(Mark::Provider),
            "resource" => facts.mark(Mark::Resource),
            "module" => modules(value, &mut facts),
            _ => {}
        }
    }
    strings(file, &mut facts);
    facts
}

/// An object, or each object of a list of them: JSON may write blocks either way.
fn objects(value: &Value) -> Box<dyn Iterator<Item = &Map<String, Value>> + '_> {
    match value {
        Value::Array(list) => Box::new(list.iter().filter_map(Value::as_object)),
        other => Box::new(other.as_object().into_iter()),
    }
}

fn terraform(value: &Value, facts: &mut Facts) {
    for (name, value) in objects(value).flatten() {
        match name.as_str() {
            "backend" => facts.mark(Mark::Backend {
                kind: objects(value)
                    .flatten()
                    .next()
                    .map_or_else(String::new, |(kind, _)| kind.clone()),
            }),
            "cloud" => facts.mark(Mark::Cloud),
            _ => {}
        }
    }
}

fn modules(value: &Value, facts: &mut Facts) {
    for (_, module) in objects(value).flatten() {
        facts.mark(Mark::Module);
        for settings in objects(module) {
            if let Some(source) = settings.get("source").and_then(Value::as_str) {
                facts.call(source);
            }
        }
    }
}

fn strings(value: &Value, facts: &mut Facts) {
    match value {
        Value::String(text) if text.contains("${") => {
            if let Ok(template) = hcl_edit::parser::parse_template(text) {
                let whole = template_path(template.iter());
                facts
                    .paths
                    .extend(whole.filter(|used| paths::leads_out(&used.path)));
                Strings(facts).visit_template(&template);
            }
        }
        Value::String(text) if paths::leads_out(text) => {
            facts.paths.insert(PathUse {
                base: Base::Either,
                path: text.clone(),
            });
        }
        Value::Array(list) => list.iter().for_each(|value| strings(value, facts)),
        Value::Object(map) => map.values().for_each(|value| strings(value, facts)),
        _ => {}
    }
}
