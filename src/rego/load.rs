//! From files to policies that can be evaluated many times.

use std::path::PathBuf;
use std::sync::Arc;

use regorus::Value;
use serde::{Deserialize, Serialize};

use super::bounded::Threads;
use super::check::check;
use super::engine::{Builtins, Compiled};
use super::error::LoadError;
use super::files::{self, PolicyFile};
use super::rules::{Asked, Meaning, asked};
use super::settings::{Limits, Namespaces, RegoSettings};
use super::source::Source;

/// Policies, loaded and compiled. Clones share them; they can be asked from several threads at once.
#[derive(Debug, Clone)]
pub struct Policies {
    pub(super) compiled: Arc<CompiledTwice>,
    pub(super) asked: Arc<[Asked]>,
    pub(super) limits: Limits,
    pub(super) threads: Threads,
    pub(super) sources: Arc<[Source]>,
    pub(super) texts: Arc<Texts>,
}

/// What policies are made from.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Texts {
    policies: Vec<Text>,
    /// Read when policies are tested, and not before.
    pub(super) tests: Vec<Text>,
    pub(super) data: Vec<Value>,
    namespaces: Namespaces,
}

/// A file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Text {
    name: String,
    text: String,
}

impl Text {
    pub(super) fn parse(&self) -> Result<Source, LoadError> {
        Source::parse(&self.name, &self.text)
    }
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
        let (tests, policies): (Vec<_>, Vec<_>) = files::policies(&settings.policies)?
            .into_iter()
            .partition(|file| file.is_test);
        if policies.is_empty() {
            let names = settings
                .policies
                .iter()
                .map(|path| path.display().to_string());
            return Err(LoadError::NoPolicies(names.collect::<Vec<_>>().join(", ")));
        }
        let data = files::data(&settings.data)?;
        no_conflict(&data)?;
        let texts = |files: Vec<PolicyFile>| {
            let files = files.into_iter();
            files.map(|PolicyFile { name, text, .. }| Text { name, text })
        };
        let texts = Texts {
            policies: texts(policies).collect(),
            tests: texts(tests).collect(),
            data: data.into_iter().map(|(_, value)| value).collect(),
            namespaces: settings.namespaces.clone(),
        };
        for test in &texts.tests {
            test.parse()?;
        }
        Self::of(texts, settings.limits)
    }

    /// Compiles what was read.
    pub(super) fn of(texts: Texts, limits: Limits) -> Result<Self, LoadError> {
        let sources: Vec<Source> = texts
            .policies
            .iter()
            .map(Text::parse)
            .collect::<Result<_, _>>()?;
        check(&sources)?;
        let asked = asked(&sources, &texts.namespaces)?;
        let strict = asked.iter().any(|rule| rule.meaning == Meaning::Safe);
        let compile = |builtins| Compiled::new(&sources, &texts.data, builtins);
        Ok(Self {
            compiled: Arc::new(CompiledTwice {
                lenient: compile(Builtins::Undefined)?,
                strict: strict.then(|| compile(Builtins::Fail)).transpose()?,
            }),
            asked: asked.into_iter().collect(),
            limits,
            threads: Threads::default(),
            sources: sources.into(),
            texts: Arc::new(texts),
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
