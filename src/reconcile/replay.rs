//! The policy of a configuration, for looks and decisions that are not the daemon's own.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::discover::{Found, Mark, VarFiles};
use crate::domain::finding::{Findings, Verdict};
use crate::domain::ids::{SourceName, StackId};
use crate::domain::opinion::Opinion;
use crate::domain::policy::{Decided, Decision, Facts, Policy, Tightening, decide, ignore};
use crate::domain::rules::Rules;
use crate::rego::{Policies, StackFacts};

use super::opinion::Asked;
use super::repository::Repository;
use super::resolve::{Files, Tracked, resolve};
use super::settings::Settings;

/// What another configuration makes of a decision.
#[derive(Debug)]
pub enum Replay {
    /// What it decides.
    Decided(Box<Decision>),
    /// It does not look after the stack.
    NotTracked,
}

/// Decides again what was decided once, from the same facts, as another configuration does.
pub fn replay(settings: &Settings, decided: &Decided) -> Replay {
    let facts = &decided.inputs.facts;
    let Some(source) = &facts.source else {
        return Replay::NotTracked;
    };
    let mut files = Files::Of(&decided.stack);
    let stacks = stacks(settings, source, &facts.dir, &mut files);
    let Some(stack) = stacks.into_iter().find(|stack| stack.id == decided.stack) else {
        return Replay::NotTracked;
    };
    let facts = Facts {
        labels: stack.settings.labels.clone(),
        ..facts.clone()
    };
    let mut policy = stack.settings.policy.policy.clone();
    let mut sources = settings.sources.iter();
    if sources.any(|known| &known.name == source && known.repository.is_some()) {
        policy.repository.clone_from(&decided.inputs.repository);
    }
    Replay::Decided(Box::new(decided.inputs.again(&policy, &facts)))
}

/// The stacks that a directory of a source is.
fn stacks(
    settings: &Settings,
    source: &SourceName,
    dir: &str,
    files: &mut Files<'_>,
) -> Vec<Tracked> {
    if !settings.sources.iter().any(|known| &known.name == source) {
        return Vec::new();
    }
    let found = Found {
        dir: dir.to_owned(),
        mark: Mark::Resource,
        reads: Vec::new(),
        closed: false,
        needs: Vec::new(),
        var_files: Vec::new(),
        problem: None,
    };
    resolve(settings, source, &[found], files)
}

/// Where somebody's own stack is.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The repository around it.
    pub tree: &'a Path,
    /// Its directory in that, which is the configuration's source if it has but one; of several it is
    /// not known which.
    pub dir: &'a str,
    /// Its workspace.
    pub workspace: &'a str,
}

/// How `check` and `explain` judge: as a configuration says, or as if there were none.
#[derive(Debug, Clone, Default)]
pub struct Judging {
    settings: Option<Arc<Settings>>,
    rules: Rules,
    policies: Option<Policies>,
}

impl Judging {
    /// As this configuration says, with its policies in Rego.
    pub fn by(settings: Settings, policies: Option<Policies>) -> Self {
        Self {
            rules: settings.rules.clone(),
            settings: Some(Arc::new(settings)),
            policies,
        }
    }

    /// The rules on severities, noise and what cannot be undone.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Marks what is ignored and decides.
    pub fn decide(
        &self,
        verdict: Verdict,
        findings: &mut Findings,
        stack: Option<Place<'_>>,
        opinion: Option<Opinion>,
        now: Timestamp,
    ) -> Decision {
        let (mut policy, facts) = self.policy(stack, now);
        if let Some(stack) = stack {
            policy.repository = self.repository(stack);
        }
        let facts = Facts { opinion, ..facts };
        ignore(findings, &policy, &facts);
        decide(verdict, findings, &policy, &facts)
    }

    /// The policies in Rego, to be asked about the plan of a stack; none if there are none.
    pub(super) fn asked(&self, stack: Option<Place<'_>>, now: Timestamp) -> Option<Asked> {
        let policies = self.policies.clone()?;
        let (policy, facts) = self.policy(stack, now);
        let text = |id: Option<String>| id.unwrap_or_default();
        Some(Asked {
            policies,
            stack: StackFacts {
                id: text(facts.stack.map(|id| id.to_string())),
                source: text(facts.source.map(|name| name.to_string())),
                dir: facts.dir,
                workspace: text(stack.map(|stack| stack.workspace.to_owned())),
                labels: facts.labels,
                owners: Vec::new(),
            },
            mode: policy.mode,
            now,
        })
    }

    /// What the tree around a stack says of its policy.
    fn repository(&self, stack: Place<'_>) -> Vec<Tightening> {
        let mut sources = self.settings.iter().flat_map(|settings| &settings.sources);
        let reader = sources.find_map(|source| source.repository);
        let dirs = std::iter::once(stack.dir);
        Repository::read(stack.tree, reader, dirs).policy(stack.dir)
    }

    fn policy(&self, stack: Option<Place<'_>>, now: Timestamp) -> (Policy, Facts) {
        let facts = Facts {
            now,
            ..Facts::default()
        };
        let Some(settings) = &self.settings else {
            return (Policy::default(), facts);
        };
        let general = || settings.defaults.policy.policy.clone();
        let (Some(stack), [source]) = (stack, settings.sources.as_slice()) else {
            return (general(), facts);
        };
        let (dir, workspace) = (stack.dir, stack.workspace);
        let mut files = Files::Tree(VarFiles::new(stack.tree));
        let mut found = stacks(settings, &source.name, dir, &mut files).into_iter();
        let Some(tracked) = found.find(|stack| stack.workspace == workspace) else {
            let id = StackId::compose(&source.name, dir, Some(workspace), None);
            let facts = Facts {
                stack: Some(id),
                source: Some(source.name.clone()),
                ..facts
            };
            return (general(), facts);
        };
        let facts = Facts {
            stack: Some(tracked.id),
            source: Some(tracked.source),
            dir: tracked.dir,
            labels: tracked.settings.labels.clone(),
            ..facts
        };
        (tracked.settings.policy.policy.clone(), facts)
    }
}
