//! What one file, and then one directory, says.

use std::collections::BTreeSet;

use super::Mark;
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
        Mark::Backend { .. } => 5,
        Mark::Cloud => 4,
        Mark::Provider => 3,
        Mark::Resource => 2,
        Mark::Module => 1,
        Mark::Unknown => 0,
    }
}
