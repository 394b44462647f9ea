//! What the settings files of a repository say of its stacks.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::discover::{read_settings, settings_files};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::policy::Tightening;

use super::resolve::Tracked;
use super::settings::{ReadSettings, RepositorySettings};

/// The settings files of a tree, as far as stacks are at or below them.
#[derive(Debug, Default)]
pub(super) struct Repository {
    files: BTreeMap<String, RepositorySettings>,
}

impl Repository {
    /// Reads every file at or above one of these directories. One that cannot be read forbids to apply
    /// anything below it, whatever it was to say.
    pub(super) fn read<'d>(
        tree: &Path,
        reader: Option<ReadSettings>,
        dirs: impl Iterator<Item = &'d str>,
    ) -> Self {
        let mut read = BTreeMap::new();
        let Some(reader) = reader else {
            return Self::default();
        };
        for file in dirs.flat_map(settings_files) {
            if read.contains_key(&file) {
                continue;
            }
            let said = read_settings(tree, &file).map(|content| {
                let content = content.map_err(|why| format!("{file}: {why}"));
                let said = content.and_then(|bytes| reader(&bytes, &file));
                said.unwrap_or_else(|why| RepositorySettings {
                    policy: Tightening::unread(file.as_str(), why),
                    watch: Vec::new(),
                })
            });
            read.insert(file, said);
        }
        let there = read.into_iter();
        Self {
            files: there
                .filter_map(|(file, said)| Some((file, said?)))
                .collect(),
        }
    }

    fn of(&self, dir: &str) -> impl Iterator<Item = &RepositorySettings> {
        let files = settings_files(dir).into_iter();
        files.filter_map(|file| self.files.get(&file))
    }

    /// What is said of the policy of the stacks in a directory, the root's file first.
    pub(super) fn policy(&self, dir: &str) -> Vec<Tightening> {
        self.of(dir).map(|said| said.policy.clone()).collect()
    }

    /// Puts what is said of a stack into its settings.
    pub(super) fn apply(&self, stack: &mut Tracked) {
        let watched = self.of(&stack.dir).flat_map(|said| said.watch.clone());
        stack.watch = watched.collect();
        let policy = self.policy(&stack.dir);
        if !policy.is_empty() {
            Arc::make_mut(&mut stack.settings).policy.policy.repository = policy;
        }
    }

    /// What cannot be read, if anything cannot.
    pub(super) fn failure(&self) -> Option<Failure> {
        let unread = self.files.values();
        let unread: Vec<&String> = unread.filter_map(|f| f.policy.unread.as_ref()).collect();
        let (first, more) = unread.split_first()?;
        let more = match more.len() {
            0 => String::new(),
            more => format!("; and {more} more of its files"),
        };
        Some(Failure::new(
            FailureKind::RepositorySettings,
            format!("settings in the repository cannot be read: {first}{more}"),
            "mend them; until then the stacks at or below are looked at, and nothing is applied to them. \
             `mooring config check FILE` says more",
        ))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::policy::{Policy, PolicyMode};

    /// Reads files that name the number of changes at which people are asked.
    fn number(bytes: &[u8], file: &str) -> Result<RepositorySettings, String> {
        let text = String::from_utf8_lossy(bytes);
        let most = text.trim().parse();
        Ok(RepositorySettings {
            policy: Tightening {
                file: file.to_owned(),
                max_changes: Some(most.map_err(|_| format!("{file}:1: no number"))?),
                ..Tightening::default()
            },
            watch: vec![file.to_owned()],
        })
    }

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn files_hold_for_the_stacks_at_and_below_them_and_add_to_each_other() {
        let tree = tree(&[
            (".mooring.yaml", "9"),
            ("live/.mooring.yaml", "5"),
            ("live/web/.mooring.yaml", "3"),
            ("elsewhere/.mooring.yaml", "nonsense"),
        ]);
        let dirs = ["live/web", "live/db", "."].into_iter();
        let read = Repository::read(tree.path(), Some(number), dirs);
        let said = |dir: &str| -> Vec<Option<usize>> {
            let policy = read.policy(dir).into_iter();
            policy.map(|said| said.max_changes).collect()
        };
        assert_eq!(said("live/web"), [Some(9), Some(5), Some(3)]);
        assert_eq!(said("live/db"), [Some(9), Some(5)]);
        assert_eq!(said("."), [Some(9)]);
        assert_eq!(read.failure(), None, "no stack is below what is wrong");
    }

    #[test]
    fn a_file_that_cannot_be_read_forbids_to_apply_and_says_why() {
        let tree = tree(&[
            ("live/.mooring.yaml", "nonsense"),
            ("db/.mooring.yaml", "3"),
        ]);
        let dirs = ["live/web", "db"].into_iter();
        let read = Repository::read(tree.path(), Some(number), dirs);
        let mode = |dir: &str| {
            let policy = Policy {
                mode: PolicyMode::Sync,
                repository: read.policy(dir),
                ..Policy::default()
            };
            policy.furthest()
        };
        assert_eq!(mode("live/web"), PolicyMode::Observe);
        assert_eq!(mode("db"), PolicyMode::Sync);
        let failure = read.failure().unwrap();
        assert!(failure.message.contains("live/.mooring.yaml:1: no number"));
    }

    #[test]
    fn where_the_operator_wants_none_of_it_nothing_is_read() {
        let tree = tree(&[(".mooring.yaml", "nonsense")]);
        let read = Repository::read(tree.path(), None, ["live"].into_iter());
        assert!(read.policy("live").is_empty() && read.failure().is_none());
    }
}
