//! What differs between two commits.

use std::collections::BTreeSet;
use std::ops::Bound;

use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::diff::tree::recorder::Change;
use gix::objs::TreeRefIter;
use gix::objs::tree::EntryMode;

/// Where two commits differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference(Changed);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Changed {
    /// It is not known where, so anywhere.
    Anywhere,
    /// At these files, links, and submodules that are at another commit.
    Paths(BTreeSet<BString>),
}

impl Difference {
    /// That to a commit of which nothing is known.
    pub(super) const fn anywhere() -> Self {
        Self(Changed::Anywhere)
    }

    pub(super) fn between(
        repo: &gix::Repository,
        before: ObjectId,
        now: ObjectId,
    ) -> Result<Self, gix::Error> {
        let (before, now) = (repo.find_tree(before)?, repo.find_tree(now)?);
        let mut recorder = gix::diff::tree::Recorder::default();
        let trees = [&before, &now].map(|tree| TreeRefIter::from_bytes(&tree.data, tree.id.kind()));
        let [before, now] = trees;
        let state = gix::diff::tree::State::default();
        gix::diff::tree(before, now, state, &repo.objects, &mut recorder)
            .map_err(gix::Error::from_error)?;
        let changed = recorder.records.into_iter();
        let paths = changed.filter_map(not_a_directory).collect();
        Ok(Self(Changed::Paths(paths)))
    }

    /// Whether anything differs at a path or below it; of a path in a submodule, whether that is at
    /// another commit. Empty and `.` mean the root.
    pub fn touches(&self, path: &str) -> bool {
        let Changed::Paths(paths) = &self.0 else {
            return true;
        };
        let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
        let path = parts.collect::<Vec<_>>().join("/");
        if path.is_empty() {
            return !paths.is_empty();
        }
        let holds = |path: &str| paths.contains(path.as_bytes().as_bstr());
        let mut above = path.match_indices('/').map(|(end, _)| &path[..end]);
        holds(&path) || above.any(holds) || holds_below(paths, &path)
    }
}

fn holds_below(paths: &BTreeSet<BString>, dir: &str) -> bool {
    let below = BString::from(format!("{dir}/"));
    let from = (Bound::Included(below.as_bstr()), Bound::Unbounded);
    let next = paths.range::<BStr, _>(from).next();
    next.is_some_and(|next| next.starts_with(&below))
}

fn not_a_directory(change: Change) -> Option<BString> {
    let (mode, path): (EntryMode, BString) = match change {
        Change::Addition {
            entry_mode, path, ..
        }
        | Change::Deletion {
            entry_mode, path, ..
        }
        | Change::Modification {
            entry_mode, path, ..
        } => (entry_mode, path),
    };
    (!mode.is_tree()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(paths: &[&str]) -> Difference {
        Difference(Changed::Paths(
            paths.iter().map(|&path| BString::from(path)).collect(),
        ))
    }

    #[test]
    fn what_is_at_below_or_above_a_path_touches_it() {
        let difference = at(&["live/web-1/main.tf", "live/web/main.tf", "lib", "x.tf"]);
        for touched in [
            "live/web",
            "live/web/main.tf",
            "./live//web/",
            "live",
            "lib/vpc/modules",
            "x.tf",
            ".",
            "",
        ] {
            assert!(difference.touches(touched), "{touched}");
        }
        for other in ["live/we", "live/web-2", "live/web/main.tfvars", "x", "li"] {
            assert!(!difference.touches(other), "{other}");
        }
        assert!(!at(&[]).touches("."));
        assert!(Difference::anywhere().touches("live"));
    }
}
