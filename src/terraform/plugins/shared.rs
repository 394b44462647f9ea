//! The entries: how they come into being, and how one is known to be whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::hash::{Stamp, h1, stamps};
use super::lock_file::LockFile;
use super::package::{Package, packages};
use super::{At, GONE, Plugins, PluginsError, make_dir};

/// What stands beside an entry.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Label {
    h1: String,
    files: Vec<Stamp>,
}

impl Label {
    fn of(package: &Path) -> Result<Self, PluginsError> {
        let files = stamps(package).at(package)?;
        let h1 = h1(package, &files).at(package)?;
        Ok(Self { h1, files })
    }
}

/// The place of the label of an entry.
pub(super) fn label_of(entry: &Path) -> PathBuf {
    entry.with_extension("json")
}

impl Plugins {
    /// The place of an entry, whether or not there is one.
    pub(super) fn entry(&self, package: &Package) -> PathBuf {
        self.root.join(&package.place)
    }

    /// Every entry that is as it was when it was hashed, with its hash.
    pub(super) fn whole_entries(&self) -> Result<Vec<(Package, String)>, PluginsError> {
        let entries = packages(&self.root).at(&self.root)?.into_iter();
        let whole = entries.filter_map(|package| {
            let hash = hash_of(&self.entry(&package))?;
            Some((package, hash))
        });
        Ok(whole.collect())
    }

    /// Moves a package that init has downloaded and checked into the shared directory, and gives its
    /// place there. None, and it stays where it is, if it is not what the lock file that init wrote
    /// names, or if there is another package in its place.
    pub(super) fn adopt(
        &self,
        package: &Package,
        from: &Path,
        locked: &LockFile,
    ) -> Result<Option<PathBuf>, PluginsError> {
        let label = Label::of(from)?;
        if !locked.names(&package.provider, &package.version, &label.h1) {
            return Ok(None);
        }
        close_to_writers(from).at(from)?;
        let entry = self.entry(package);
        if let Some(parent) = entry.parent() {
            make_dir(parent)?;
        }
        // A second time if what was there in its place was not whole.
        for _ in 0..2 {
            match fs::rename(from, &entry) {
                Ok(()) => {
                    write_label(&entry, &label)?;
                    return Ok(Some(entry));
                }
                Err(cause) if is_there(&cause) => {}
                Err(cause) if cause.kind() == io::ErrorKind::CrossesDevices => return Ok(None),
                Err(cause) => return Err(cause).at(&entry),
            }
            match hash_of(&entry) {
                Some(other) => return Ok((other == label.h1).then_some(entry)),
                // Whoever moved it there has not labelled it yet, or never came to it.
                None => match Label::of(&entry) {
                    Ok(found) if found.h1 == label.h1 => {
                        write_label(&entry, &found)?;
                        return Ok(Some(entry));
                    }
                    _ => self.put_away(&entry)?,
                },
            }
        }
        Ok(None)
    }

    /// Takes an entry out of its place by one rename. What is put away is removed by
    /// [`Plugins::empty_bin`].
    pub(super) fn put_away(&self, entry: &Path) -> Result<(), PluginsError> {
        let bin = self.root.join(GONE);
        make_dir(&bin)?;
        let gone = bin.join(uuid::Uuid::now_v7().to_string());
        absent_is_fine(fs::remove_file(label_of(entry))).at(entry)?;
        absent_is_fine(fs::rename(entry, gone)).at(entry)
    }

    /// Removes what was put away.
    pub(super) fn empty_bin(&self) -> Result<(), PluginsError> {
        let bin = self.root.join(GONE);
        absent_is_fine(fs::remove_dir_all(&bin)).at(&bin)
    }
}

/// The hash of an entry; none if it has none yet or was written since.
fn hash_of(entry: &Path) -> Option<String> {
    let label: Label = serde_json::from_slice(&fs::read(label_of(entry)).ok()?).ok()?;
    (stamps(entry).ok()? == label.files).then_some(label.h1)
}

fn write_label(entry: &Path, label: &Label) -> Result<(), PluginsError> {
    let path = label_of(entry);
    let parent = path.parent().unwrap_or(entry);
    let write = || {
        let mut file = tempfile::Builder::new().prefix(".").tempfile_in(parent)?;
        serde_json::to_writer(&mut file, label)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        File::open(parent)?.sync_all()
    };
    write().at(&path)
}

/// Makes the files of a package safe on the disk and closed to those who would write into them.
fn close_to_writers(package: &Path) -> io::Result<()> {
    for entry in walkdir::WalkDir::new(package) {
        let entry = entry?;
        if entry.file_type().is_file() {
            let file = File::open(entry.path())?;
            let mut permissions = file.metadata()?.permissions();
            permissions.set_readonly(true);
            file.set_permissions(permissions)?;
            file.sync_all()?;
        }
    }
    Ok(())
}

fn is_there(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
    )
}

pub(super) fn absent_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
