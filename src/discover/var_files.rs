//! Variable files of which each makes a stack.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::file_pattern::{FilePattern, in_tree};

use super::read::is_var_file;

/// A tree in which variable files are looked for; each directory is listed once.
#[derive(Debug)]
pub struct VarFiles<'t> {
    root: &'t Path,
    /// The root by its real path.
    real: Option<PathBuf>,
    listed: HashMap<String, Vec<Entry>>,
    odd: BTreeSet<String>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    is_dir: bool,
}

impl<'t> VarFiles<'t> {
    /// The tree of a source.
    pub fn new(root: &'t Path) -> Self {
        Self {
            root,
            real: root.canonicalize().ok(),
            listed: HashMap::new(),
            odd: BTreeSet::new(),
        }
    }

    /// The names in a pattern that make variable files of a stack's directory, sorted; none if the
    /// pattern leads out of the tree. What Terraform loads there by itself is left out.
    pub fn names(&mut self, dir: &str, pattern: &FilePattern) -> Option<Vec<String>> {
        let place = in_tree(dir, pattern.directory())?;
        let own = in_tree(dir, "").as_deref() == Some(place.as_str());
        let mut names = Vec::new();
        let listed = self.listed(&place);
        for entry in listed
            .iter()
            .filter(|entry| entry.is_dir == pattern.below().is_some())
        {
            let Some(name) = pattern.name_in(&entry.name) else {
                continue;
            };
            if own && !entry.is_dir && !is_var_file(&entry.name) {
                continue;
            }
            names.push(name.to_owned());
        }
        if pattern.below().is_some() {
            names.retain(|name| {
                let file = in_tree(dir, &pattern.file(name));
                file.is_some_and(|file| self.is_file(&file))
            });
        }
        let (names, odd) = names.into_iter().partition(|name| fits(name));
        let odd: Vec<String> = odd;
        self.odd.extend(
            odd.iter()
                .filter_map(|name| in_tree(dir, &pattern.file(name))),
        );
        Some(names)
    }

    /// Files that match patterns, but whose names can be no part of the id of a stack.
    pub fn odd(&self) -> &BTreeSet<String> {
        &self.odd
    }

    fn listed(&mut self, place: &str) -> &[Entry] {
        if !self.listed.contains_key(place) {
            let entries = self.list(place).unwrap_or_default();
            self.listed.insert(place.to_owned(), entries);
        }
        self.listed.get(place).map_or(&[], Vec::as_slice)
    }

    fn list(&self, place: &str) -> Option<Vec<Entry>> {
        let dir = self.within(place)?;
        let mut entries: Vec<Entry> = fs::read_dir(dir)
            .ok()?
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                let real = self.within(&format!("{place}/{name}"))?;
                Some(Entry {
                    name,
                    is_dir: real.is_dir(),
                })
            })
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Some(entries)
    }

    fn is_file(&self, place: &str) -> bool {
        self.within(place).is_some_and(|path| path.is_file())
    }

    /// The real path of something in the tree; none if a link leads out.
    fn within(&self, place: &str) -> Option<PathBuf> {
        let path = self.root.join(place).canonicalize().ok()?;
        path.starts_with(self.real.as_ref()?).then_some(path)
    }
}

/// Whether a name can stand in the id of a stack, in URLs and as a workspace.
fn fits(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    fn names(root: &Path, dir: &str, pattern: &str) -> Option<Vec<String>> {
        let pattern = FilePattern::parse(pattern).unwrap();
        VarFiles::new(root).names(dir, &pattern)
    }

    #[test]
    fn each_file_that_matches_has_a_name() {
        let root = tree(&[
            "live/web/main.tf",
            "live/web/prod.tfvars",
            "live/web/terraform.tfvars",
            "live/web/x.auto.tfvars",
            "live/web/.hidden.tfvars",
            "live/web/envs/dev.tfvars",
            "live/web/envs/terraform.tfvars",
            "live/web/envs/dir.tfvars/file",
            "envs/eu/main.tfvars",
            "envs/us/other.tfvars",
        ]);
        let of = |dir, pattern| names(root.path(), dir, pattern).unwrap();
        assert_eq!(of("live/web", "*.tfvars"), ["prod"]);
        // What lies elsewhere Terraform does not load by itself.
        assert_eq!(of("live/web", "envs/*.tfvars"), ["dev", "terraform"]);
        assert_eq!(of("live/web", "../../envs/*/main.tfvars"), ["eu"]);
        assert!(of("live", "envs/*.tfvars").is_empty());
        assert_eq!(names(root.path(), "live", "../../envs/*.tfvars"), None);
    }

    #[test]
    fn names_that_fit_no_id_are_told_and_make_none() {
        let root = tree(&[
            "envs/a b.tfvars",
            "envs/x@y.tfvars",
            "envs/Prod_1.eu.tfvars",
        ]);
        let pattern = FilePattern::parse("envs/*.tfvars").unwrap();
        let mut files = VarFiles::new(root.path());
        assert_eq!(files.names(".", &pattern).unwrap(), ["Prod_1.eu"]);
        let odd: Vec<&String> = files.odd().iter().collect();
        assert_eq!(odd, ["envs/a b.tfvars", "envs/x@y.tfvars"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_out_of_the_tree_leads_nowhere() {
        let (root, other) = (tree(&["in/a.tfvars"]), tree(&["b.tfvars"]));
        std::os::unix::fs::symlink(other.path(), root.path().join("envs")).unwrap();
        std::os::unix::fs::symlink("in", root.path().join("same")).unwrap();
        let out = other.path().join("b.tfvars");
        std::os::unix::fs::symlink(out, root.path().join("in/c.tfvars")).unwrap();
        assert!(names(root.path(), ".", "envs/*.tfvars").unwrap().is_empty());
        assert_eq!(names(root.path(), ".", "same/*.tfvars").unwrap(), ["a"]);
    }
}
