//! Removing what no stack uses any more.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::package::packages;
use super::shared::{absent_is_fine, label_of};
use super::{At, Plugins, PluginsError, USERS};

impl Plugins {
    /// Removes the entries that no stack has led to for this long, and gives their number. Does
    /// nothing while an init is under way: it may be about to use any of them.
    pub fn prune(&self, unused_for: Duration) -> Result<usize, PluginsError> {
        if !self.root.exists() {
            return Ok(0);
        }
        let lock = self.lock()?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(0),
            Err(TryLockError::Error(cause)) => return Err(cause).at(&self.root),
        }
        let used = self.used()?;
        let mut removed = 0;
        for package in packages(&self.root).at(&self.root)? {
            let entry = self.entry(&package);
            // How old an entry is, and since when it is unused, is the time of its label.
            let label = label_of(&entry);
            if used.contains(&entry) {
                absent_is_fine(touch(&label)).at(&label)?;
            } else if age(&label) >= unused_for {
                self.put_away(&entry)?;
                removed += 1;
            }
        }
        // What was put away is out of everybody's reach.
        drop(lock);
        self.empty_bin()?;
        Ok(removed)
    }

    /// Where the links of all stacks lead. Stacks whose directory is gone are forgotten.
    fn used(&self) -> Result<BTreeSet<PathBuf>, PluginsError> {
        let mut used = BTreeSet::new();
        let users = self.root.join(USERS);
        let notes = match fs::read_dir(&users) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(used),
            notes => notes.at(&users)?,
        };
        for note in notes {
            let note = note.at(&users)?.path();
            let Ok(providers) = fs::canonicalize(&note) else {
                absent_is_fine(fs::remove_file(&note)).at(&note)?;
                continue;
            };
            for package in packages(&providers).at(&providers)? {
                used.extend(fs::canonicalize(providers.join(package.place)).ok());
            }
        }
        Ok(used)
    }
}

fn touch(path: &std::path::Path) -> io::Result<()> {
    File::open(path)?.set_modified(SystemTime::now())
}

/// An entry without a label was never used.
fn age(label: &std::path::Path) -> Duration {
    let modified = fs::metadata(label).and_then(|metadata| metadata.modified());
    modified.map_or(Duration::MAX, |modified| {
        modified.elapsed().unwrap_or_default()
    })
}
