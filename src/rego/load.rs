//! From files to policies that can be evaluated many times.

use std::path::PathBuf;
use std::sync::Arc;

use regorus::Value;

use super::bounded::Threads;
use super::check::check;
use super::engine::{Builtins, Compiled};
use super::error::LoadError;
use super::files;
use super::rules::{Asked, Meaning, asked};
use super::settings::{Limits, RegoSettings};
use super::source::Source;

/// Policies, loaded and compiled. Clones share them; they can be asked from several threads at once.
#[derive(Debug, Clone)]
pub struct Policies {
    pub(super) compiled: Arc<CompiledTwice>,
    pub(super) asked: Arc<[Asked]>,
    pub(super) limits: Limits,
    pub(super) threads: Threads,
    pub(super) sources: Arc<[Source]>,
    pub(super) tests: Arc<[Source]>,
    pub(super) data: Arc<[Value]>,
}

/// Denials and warnings are found as conftest finds them. What is safe is found more strictly: there a
/// builtin that fails is a failure, since `not` would turn it into a yes.
#[derive(Debug)]
pub(super) struct CompiledTwice {
    pub(super) lenient: Compiled,
    /// Only if there is a rule about what is safe.
    pub(super) strict: Option<Compiled>,
}

impl Policies {
    /// Loads and compiles policies and data. Files of tests (`*_test.rego`) are kept for
    /// [`Policies::test`] only.
    pub fn load(settings: &RegoSettings) -> Result<Self, LoadError> {
        let (mut sources, mut tests) = (Vec::new(), Vec::new());
        for file in files::policies(&settings.policies)? {
            let source = Source::parse(&file.name, &file.text)?;
            if file.is_test {
                tests.push(source);
            } else {
                sources.push(source);
            }
        }
        if sources.is_empty() {
            let names = settings
                .policies
                .iter()
                .map(|path| path.display().to_string());
            return Err(LoadError::NoPolicies(names.collect::<Vec<_>>().join(", ")));
        }
        check(&sources)?;
        let asked = asked(&sources, &settings.namespaces)?;
        let data = files::data(&settings.data)?;
        no_conflict(&data)?;
        let data: Vec<Value> = data.into_iter().map(|(_, value)| value).collect();
        let strict = asked.iter().any(|rule| rule.meaning == Meaning::Safe);
        let compile = |builtins| Compiled::new(&sources, &data, builtins);
        Ok(Self {
            compiled: Arc::new(CompiledTwice {
                lenient: compile(Builtins::Undefined)?,
                strict: strict.then(|| compile(Builtins::Fail)).transpose()?,
            }),
            asked: asked.into_iter().collect(),
            limits: settings.limits,
            threads: Threads::default(),
            sources: sources.into(),
            tests: tests.into(),
            data: data.into(),
        })
    }

    /// The rules that are asked, as `package.rule`, in order.
    pub fn rules(&self) -> impl Iterator<Item = String> {
        self.asked.iter().map(|rule| rule.name.to_string())
    }
}

/// Says which file contradicts those before it.
fn no_conflict(data: &[(PathBuf, Value)]) -> Result<(), LoadError> {
    let mut engine = regorus::Engine::new();
    for (path, value) in data {
        engine
            .add_data(value.clone())
            .map_err(|error| LoadError::Data {
                path: path.clone(),
                message: format!("another file says otherwise: {error}"),
            })?;
    }
    Ok(())
}
