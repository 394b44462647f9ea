//! What a rule sets, with the name of one of its stacks in it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::secret::SecretSource;

use super::declared::Filling;
use super::settings::{EnvValue, StackOverrides};

impl StackOverrides {
    /// What the rule sets for the stack with this filling.
    pub(super) fn filled(&self, filling: &Filling) -> Self {
        let list = |list: &Option<Vec<String>>| {
            let list = list.as_ref()?.iter();
            Some(list.filter_map(|text| filling.fill(text)).collect())
        };
        let labels = self.labels.iter();
        let labels = labels.filter_map(|(key, value)| Some((key.clone(), filling.fill(value)?)));
        Self {
            workspace: self.workspace.as_ref().and_then(|text| filling.fill(text)),
            var_files: list(&self.var_files),
            backend_config: list(&self.backend_config),
            plan_env: environment(&self.plan_env, filling),
            apply_env: environment(&self.apply_env, filling),
            labels: labels.collect(),
            watch: list(&self.watch),
            ..self.clone()
        }
    }
}

fn environment(
    written: &BTreeMap<String, EnvValue>,
    filling: &Filling,
) -> BTreeMap<String, EnvValue> {
    let fill = |value: &EnvValue| match value {
        EnvValue::Plain(text) => filling.fill(text).map(EnvValue::Plain),
        EnvValue::Secret(SecretSource::File(path)) => {
            let path = match path.to_str() {
                Some(text) => PathBuf::from(filling.fill(text)?),
                None => path.clone(),
            };
            Some(EnvValue::Secret(SecretSource::File(path)))
        }
        EnvValue::Secret(SecretSource::Env(_)) => Some(value.clone()),
    };
    let filled = written.iter();
    filled
        .filter_map(|(name, value)| Some((name.clone(), fill(value)?)))
        .collect()
}
