//! What one file, and then one directory, says.

use std::collections::{BTreeSet, HashMap};

use super::Mark;
use super::states::{Backend, Call, Remote};
use super::term::Term;
use crate::domain::failure::Failure;

/// What a path in a configuration is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Base {
    /// The module that it stands in.
    Module,
    /// The root module.
    Root,
    /// Either: the text does not tell.
    Either,
}

/// A path that a configuration names, as far as it is constant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PathUse {
    pub(super) base: Base,
    pub(super) path: String,
}

#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) mark: Option<Mark>,
    /// Sources of local modules as written.
    pub(super) calls: BTreeSet<String>,
    pub(super) paths: BTreeSet<PathUse>,
    /// Of what has none of an override: the first.
    pub(super) backend: Option<Backend>,
    /// The states of others that it reads.
    pub(super) remotes: Vec<Remote>,
    /// Calls of local modules.
    pub(super) modules: Vec<Call>,
    pub(super) locals: HashMap<String, Term>,
    /// What variables are if nobody says.
    pub(super) defaults: HashMap<String, Term>,
    /// Whether it may read what is not named here.
    pub(super) open: bool,
    pub(super) problem: Option<Failure>,
}

impl Facts {
    /// Keeps the stronger mark.
    pub(super) fn mark(&mut self, mark: Mark) {
        if self
            .mark
            .as_ref()
            .is_none_or(|known| strength(known) < strength(&mark))
        {
            self.mark = Some(mark);
        }
    }

    /// Takes note of a module call if its source is local.
    pub(super) fn call(&mut self, source: &str) {
        if is_local(source) {
            self.calls.insert(source.to_owned());
        }
        self.mark(Mark::Module);
    }

    /// Takes in what another file of the same directory says. The first problem stays.
    pub(super) fn merge(&mut self, other: Self) {
        if let Some(mark) = other.mark {
            self.mark(mark);
        }
        self.calls.extend(other.calls);
        self.paths.extend(other.paths);
        self.backend = self.backend.take().or(other.backend);
        self.remotes.extend(other.remotes);
        self.modules.extend(other.modules);
        self.locals.extend(other.locals);
        self.defaults.extend(other.defaults);
        self.open |= other.open;
        self.problem = self.problem.take().or(other.problem);
    }
}

/// Whether the source of a module is a directory of the same tree.
pub(super) fn is_local(source: &str) -> bool {
    source.starts_with("./") || source.starts_with("../") || matches!(source, "." | "..")
}

const fn strength(mark: &Mark) -> u8 {
    match mark {
        Mark::Backend { .. } => 6,
        Mark::Cloud => 5,
        Mark::Provider => 4,
        Mark::Resource => 3,
        Mark::Module => 2,
        Mark::Unknown => 1,
        Mark::Terragrunt | Mark::Terramate => 0,
    }
}
