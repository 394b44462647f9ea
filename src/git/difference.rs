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
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Write;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    /// What stands at each path: mode and content.
    type Tree = BTreeMap<String, (&'static str, u8)>;

    /// Trees with names that sort otherwise as directories than as files.
    fn tree() -> impl Strategy<Value = Tree> {
        let name = prop::sample::select(vec!["a", "a.b", "a-b", "a0", "é"]);
        let path = prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"));
        let mode = prop::sample::select(vec!["100644", "100755", "120000", "160000"]);
        prop::collection::btree_map(path, (mode, 0u8..2), 0..6).prop_map(|all| {
            let below = |path: &str, other: &str| other.starts_with(&format!("{path}/"));
            let leaf = |path: &str| !all.keys().any(|other| below(path, other));
            let leaves = all.iter().filter(|(path, _)| leaf(path));
            leaves.map(|(path, at)| (path.clone(), *at)).collect()
        })
    }

    fn commits(trees: &[Tree]) -> String {
        let mut stream = String::new();
        for (number, tree) in trees.iter().enumerate() {
            stream += &format!(
                "commit refs/heads/b{number}\ncommitter x <x> 0 +0000\ndata 0\ndeleteall\n"
            );
            for (path, (mode, content)) in tree {
                stream += &match *mode {
                    "160000" => format!("M {mode} {:040x} {path}\n", content + 1),
                    _ => format!("M {mode} inline {path}\ndata 1\n{content}\n"),
                };
            }
        }
        stream
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]
        #[test]
        fn a_path_is_touched_if_something_at_above_or_below_it_is_another(
            trees in prop::collection::vec(tree(), 120),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let git = |arguments: &[&str]| {
                let mut git = Command::new("git");
                git.arg("-C").arg(dir.path()).args(arguments);
                git
            };
            prop_assert!(git(&["init", "-q", "--bare"]).status().unwrap().success());
            let mut import = git(&["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
            import.stdin.take().unwrap().write_all(commits(&trees).as_bytes()).unwrap();
            prop_assert!(import.wait().unwrap().success());
            let repo = gix::open(dir.path()).unwrap();
            let id = |number: usize| {
                let commit = repo.rev_parse_single(format!("b{number}").as_str()).unwrap();
                commit.object().unwrap().peel_to_tree().unwrap().id
            };
            for number in 1..trees.len() {
                let (before, now) = (&trees[number - 1], &trees[number]);
                let difference = Difference::between(&repo, id(number - 1), id(number)).unwrap();
                let leaves: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
                let changed = leaves.iter().filter(|path| before.get(**path) != now.get(**path));
                let changed: Vec<String> = changed.map(|path| format!("{path}/")).collect();
                let asked = leaves.iter().flat_map(|path| {
                    let above = path.match_indices('/').map(|(end, _)| path[..end].to_owned());
                    above.chain([(*path).clone(), format!("{path}/a"), format!("{path}0")])
                });
                for asked in asked {
                    let place = format!("{asked}/");
                    let touched = changed
                        .iter()
                        .any(|path| path.starts_with(&place) || place.starts_with(path.as_str()));
                    prop_assert_eq!(difference.touches(&asked), touched, "{}: {:?} {:?}", asked, before, now);
                }
            }
        }
    }

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
