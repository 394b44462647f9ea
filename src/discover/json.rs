//! Facts from the JSON form of a configuration.

use hcl_edit::visit::Visit;
use serde_json::{Map, Value};

use super::Mark;
use super::facts::{Base, Facts, PathUse, is_local};
use super::hcl::{REMOTE_STATE, Strings, template_path};
use super::paths;
use super::states::{Backend, Call, Remote, members};
use super::term::Term;

/// What a parsed file says.
pub(super) fn facts(file: &Value) -> Facts {
    let mut facts = Facts::default();
    for (name, value) in objects(file).flatten() {
        match name.as_str() {
            "terraform" => terraform(value, &mut facts),
            "provider" => facts.mark(Mark::Provider),
            "resource" => facts.mark(Mark::Resource),
            "module" => modules(value, &mut facts),
            "data" => remotes(value, &mut facts),
            "locals" => facts.locals.extend(objects(value).flat_map(members)),
            "variable" => {
                for (name, variable) in objects(value).flatten() {
                    let default = objects(variable).find_map(|settings| settings.get("default"));
                    let default = default.map(|value| (name.clone(), Term::of_json(value)));
                    facts.defaults.extend(default);
                }
            }
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
            "backend" => {
                let block = objects(value).flatten().next();
                let backend = block.map_or_else(
                    || Backend::of_json("", None),
                    |(kind, settings)| Backend::of_json(kind, objects(settings).next()),
                );
                facts.mark(Mark::Backend {
                    kind: backend.kind.clone(),
                });
                facts.backend = Some(backend);
            }
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
                if is_local(source) {
                    facts.modules.push(Call::of_json(source, settings));
                }
            }
        }
    }
}

fn remotes(value: &Value, facts: &mut Facts) {
    for (kind, named) in objects(value).flatten() {
        if kind == REMOTE_STATE {
            let blocks = objects(named)
                .flatten()
                .flat_map(|(_, block)| objects(block));
            facts.remotes.extend(blocks.filter_map(Remote::of_json));
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
