//! Stacks of Terramate: which directories are some, and in which order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hcl_edit::structure::Block;

use super::term::{Nothing, Term};
use super::{paths, read};
use crate::domain::failure::{Failure, FailureKind};

/// A directory with this file is none of Terramate's, nor are those below.
const SKIPPED: &str = ".tmskip";

/// What the files of one directory say.
#[derive(Debug, Default)]
pub(super) struct Declared {
    stack: Option<Declaration>,
    /// Whether code of Terraform's may be generated in the stacks here and below.
    generates: bool,
}

/// A `stack` block.
#[derive(Debug, Default, PartialEq)]
struct Declaration {
    after: Vec<String>,
    before: Vec<String>,
    watch: Vec<String>,
    tags: Vec<String>,
}

/// Whether a file is one of Terramate's.
pub(super) fn is_file(name: &str) -> bool {
    let hidden = name.starts_with('.');
    !hidden && (name.ends_with(".tm") || name.ends_with(".tm.hcl"))
}

/// The stacks of a tree by their directories.
#[derive(Debug, Default)]
pub(super) struct Stacks {
    stacks: BTreeMap<PathBuf, Declaration>,
    generating: BTreeSet<PathBuf>,
    root: PathBuf,
}

impl Stacks {
    /// Reads the files of directories. Paths that begin with `/` are below `root`.
    pub(super) fn of<'a>(
        directories: impl Iterator<Item = (&'a Path, &'a [String])>,
        root: &Path,
    ) -> Self {
        let mut all = Self {
            root: root.to_owned(),
            ..Self::default()
        };
        for (dir, names) in directories {
            let declared = Declared::read(dir, names);
            if declared.generates {
                all.generating.insert(dir.to_owned());
            }
            let stack = declared.stack.filter(|_| !all.skips(dir));
            all.stacks
                .extend(stack.map(|stack| (dir.to_owned(), stack)));
        }
        all
    }

    pub(super) fn has(&self, dir: &Path) -> bool {
        self.stacks.contains_key(dir)
    }

    /// What wakes a stack besides its own directory.
    pub(super) fn watched(&self, dir: &Path) -> Vec<PathBuf> {
        let watch = self.stacks.get(dir).map(|stack| stack.watch.iter());
        watch
            .into_iter()
            .flatten()
            .map(|path| self.place(dir, path))
            .collect()
    }

    /// Whether the code of a stack that has none may be generated.
    pub(super) fn is_generated(&self, dir: &Path) -> bool {
        dir.ancestors().any(|above| self.generating.contains(above))
    }

    /// For each stack those that come before it: the ones around it, and what `after` and `before`
    /// say.
    pub(super) fn order(&self) -> BTreeMap<&Path, BTreeSet<&Path>> {
        let mut needs: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
        let tagged = self.tagged();
        for (dir, stack) in &self.stacks {
            let named = |list: &[String]| -> Vec<&Path> {
                let all = list.iter().flat_map(|one| self.named(dir, one, &tagged));
                all.filter(|other| *other != dir).collect()
            };
            needs.entry(dir).or_default().extend(named(&stack.after));
            for other in named(&stack.before) {
                needs.entry(other).or_default().insert(dir);
            }
        }
        for dir in self.stacks.keys() {
            for above in dir.ancestors().skip(1) {
                let Some((above, _)) = self.stacks.get_key_value(above) else {
                    continue;
                };
                // What is said goes before what follows from places.
                let is_turned = needs
                    .get(above.as_path())
                    .is_some_and(|of| of.contains(dir.as_path()));
                if !is_turned {
                    needs.entry(dir).or_default().insert(above);
                }
            }
        }
        needs
    }

    fn tagged(&self) -> BTreeMap<&str, BTreeSet<&Path>> {
        let mut tagged: BTreeMap<&str, BTreeSet<&Path>> = BTreeMap::new();
        for (dir, stack) in &self.stacks {
            for tag in &stack.tags {
                tagged.entry(tag).or_default().insert(dir);
            }
        }
        tagged
    }

    /// The stacks that a path or a filter of tags names: `tag:a:b,c` is both `a` and `b`, or `c`.
    fn named<'a>(
        &'a self,
        dir: &Path,
        one: &str,
        tagged: &BTreeMap<&str, BTreeSet<&'a Path>>,
    ) -> Vec<&'a Path> {
        let Some(filter) = one.strip_prefix("tag:") else {
            let place = self.place(dir, one);
            let below = self.stacks.range(place.clone()..);
            let below = below.take_while(|(dir, _)| dir.starts_with(&place));
            return below.map(|(dir, _)| dir.as_path()).collect();
        };
        let both = |tags: &str| {
            let mut tags = tags.split(':').map(|tag| tagged.get(tag));
            let first = tags.next().flatten().cloned().unwrap_or_default();
            tags.fold(first, |so_far, tag| match tag {
                Some(with) => so_far.intersection(with).copied().collect(),
                None => BTreeSet::new(),
            })
        };
        filter.split(',').flat_map(both).collect()
    }

    /// Where a path leads that a stack names.
    fn place(&self, dir: &Path, path: &str) -> PathBuf {
        paths::normal(&match path.strip_prefix('/') {
            Some(path) => self.root.join(path.trim_start_matches('/')),
            None => dir.join(path),
        })
    }

    fn skips(&self, dir: &Path) -> bool {
        dir.ancestors()
            .take_while(|above| above.starts_with(&self.root))
            .any(|above| above.join(SKIPPED).exists())
    }
}

/// Why a stack without code cannot be planned.
pub(super) fn not_generated() -> Failure {
    Failure::new(
        FailureKind::Unsupported,
        "this is a stack of Terramate without code: what is generated for it is not in the repository",
        "run `terramate generate` and commit what it writes, or leave the stack out (`exclude` of the \
         source)",
    )
}

impl Declared {
    fn read(dir: &Path, names: &[String]) -> Self {
        let mut declared = Self::default();
        for name in names {
            let bytes = read::content(&dir.join(name)).unwrap_or_default();
            let text = std::str::from_utf8(read::without_mark(&bytes)).unwrap_or_default();
            let Ok(body) = read::body(text, name) else {
                continue;
            };
            for block in body.blocks() {
                declared.block(block);
            }
        }
        declared
    }

    fn block(&mut self, block: &Block) {
        let is_code = || {
            let label = block.labels.first().map(|label| label.as_str());
            label.is_some_and(|label| read::syntax(label).is_some())
        };
        match block.ident.as_str() {
            "stack" if block.labels.is_empty() => {
                let texts = |name: &str| {
                    let term = block.body.get_attribute(name).map(|a| Term::of(&a.value));
                    term.map(|term| term.texts(&Nothing)).unwrap_or_default()
                };
                self.stack = Some(Declaration {
                    after: texts("after"),
                    before: texts("before"),
                    watch: texts("watch"),
                    tags: texts("tags"),
                });
            }
            // What is imported, or comes out of a bundle, may generate code too.
            "import" | "bundle" | "component" => self.generates = true,
            "generate_hcl" | "generate_file" => self.generates |= is_code(),
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn stacks(all: &[(&str, &str)]) -> Stacks {
        let declared = all.iter().map(|(dir, text)| {
            let mut declared = Declared::default();
            let body = hcl_edit::parser::parse_body(&format!("stack {{\n{text}\n}}\n")).unwrap();
            body.blocks().for_each(|block| declared.block(block));
            (Path::new("/r").join(dir), declared.stack.unwrap())
        });
        Stacks {
            stacks: declared.collect(),
            generating: BTreeSet::new(),
            root: PathBuf::from("/r"),
        }
    }

    fn order(all: &[(&str, &str)]) -> Vec<String> {
        let stacks = stacks(all);
        let order = stacks
            .order()
            .into_iter()
            .filter(|(_, needs)| !needs.is_empty());
        let short = |path: &Path| path.strip_prefix("/r").unwrap().display().to_string();
        order
            .map(|(dir, needs)| {
                let needs: Vec<String> = needs.into_iter().map(short).collect();
                format!("{}: {}", short(dir), needs.join(" "))
            })
            .collect()
    }

    #[test]
    fn paths_are_from_the_root_or_from_the_stack_and_hold_for_all_below() {
        let told = order(&[
            ("app", "after = [\"/net\", \"../db\", \"../nowhere\"]"),
            ("net/a", ""),
            ("net/b", ""),
            ("network", ""),
            ("db", "before = [\"../app\", \".\"]"),
        ]);
        assert_eq!(told, ["app: db net/a net/b"]);
    }

    #[test]
    fn tags_are_joined_by_and_before_or() {
        let told = order(&[
            ("a", "tags = [\"prod\", \"net\"]"),
            ("b", "tags = [\"prod\"]"),
            ("c", "tags = [\"dev\"]\nbefore = [\"tag:last\"]"),
            (
                "x",
                "after = [\"tag:prod:net,dev\", \"tag:none\", \"tag:prod:none\"]",
            ),
            ("y", "tags = [\"last\"]\nafter = [\"tag:last\"]"),
        ]);
        assert_eq!(told, ["x: a c", "y: c"]);
    }

    #[test]
    fn stacks_come_before_those_inside_them_unless_it_is_said_otherwise() {
        let told = order(&[
            ("a", ""),
            ("a/b/c", ""),
            ("a/b", "before = [\"/a\"]"),
            ("ab", ""),
        ]);
        assert_eq!(told, ["a: a/b", "a/b/c: a a/b"]);
    }
}
