//! What the configuration in a plan says: which variables and outputs are sensitive, and whether it
//! surely declares something.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gather::Gathered;
use super::marks::Marks;
use super::wire::{self, Mode, Raw, text};

/// Takes in variables and outputs that are declared sensitive.
pub(super) fn declared<'de, R: Raw<'de>>(gathered: &mut Gathered<'_, R>) {
    let given = std::mem::take(&mut gathered.variables);
    let configuration = gathered.configuration.take();
    let Some(root) = configuration
        .as_ref()
        .and_then(|found| found.root_module.as_ref())
    else {
        return;
    };
    let sensitive = root
        .outputs
        .iter()
        .filter(|(_, output)| output.sensitive == Some(true));
    let sensitive = sensitive.map(|(name, _)| name.clone());
    gathered.sensitive_outputs.extend(sensitive);
    let given = given.iter();
    let given =
        given.filter_map(|(name, variable)| Some((&**name, text(variable.value.as_ref())?)));
    variables(gathered, root, &given.collect());
    gathered.configuration = configuration;
}

fn variables<'de, R: Raw<'de>>(
    gathered: &mut Gathered<'_, R>,
    module: &wire::ConfigModule<R>,
    given: &BTreeMap<&str, &str>,
) {
    for (name, variable) in &module.variables {
        if variable.sensitive == Some(true) {
            gathered.hide(given.get(name.as_str()).copied(), &Marks::All);
            gathered.hide(text(variable.default.as_ref()), &Marks::All);
        }
    }
    for call in module.module_calls.values() {
        let Some(called) = &call.module else {
            continue;
        };
        let expressions = text(call.expressions.as_ref()).map(constants);
        let expressions = expressions.unwrap_or_default();
        let given = expressions.iter();
        let given = given.filter_map(|(name, found)| Some((&**name, found.constant_value?.get())));
        variables(gathered, called, &given.collect());
    }
}

/// An expression; a block (a list or object of expressions) has no constant value.
#[derive(Default, Deserialize)]
struct Constant<'a> {
    #[serde(borrow)]
    constant_value: Option<&'a RawValue>,
}

fn constants(raw: &str) -> BTreeMap<String, Constant<'_>> {
    let parts: BTreeMap<String, &RawValue> = serde_json::from_str(raw).unwrap_or_default();
    let parts = parts.into_iter();
    parts.map(|(name, raw)| (name, constant(raw))).collect()
}

fn constant(raw: &RawValue) -> Constant<'_> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// Whether a managed object is declared that surely has an instance: what is declared with `count`
/// or `for_each` may have none.
pub(super) fn surely_declares<R>(module: &wire::ConfigModule<R>) -> bool {
    let mut own = module.resources.iter().filter(|block| {
        block.mode == Mode::Managed
            && block.count_expression.is_none()
            && block.for_each_expression.is_none()
    });
    let mut calls = module
        .module_calls
        .values()
        .filter(|call| call.count_expression.is_none() && call.for_each_expression.is_none())
        .filter_map(|call| call.module.as_ref());
    own.next().is_some() || calls.any(surely_declares)
}
