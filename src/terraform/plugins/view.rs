//! What one init sees of the shared providers, and what becomes of what it leaves.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::lock_file::LockFile;
use super::package::{Package, packages};
use super::shared::absent_is_fine;
use super::{At, Plugins, PluginsError, USERS, make_dir};

/// Ends the names of views; see `sweep`.
pub(in crate::terraform) const SUFFIX: &str = ".mooring-plugins";

/// A plugin cache for one init. It is removed when this value goes.
#[derive(Debug)]
pub(in crate::terraform) struct View {
    dir: PathBuf,
    plugins: Plugins,
    /// Locked, so that a sweep can tell a left-over.
    _own: File,
    /// Locked, so that nothing that the view leads to is removed.
    _used: File,
}

impl Drop for View {
    fn drop(&mut self) {
        if let Err(cause) = absent_is_fine(fs::remove_dir_all(&self.dir)) {
            tracing::warn!(path = %self.dir.display(), %cause, "a view of providers is left");
        }
    }
}

impl Plugins {
    /// Makes a view for an init in a root module, with what its lock file admits, and takes from the
    /// stack's own directory of providers the links that lead into the shared one: init would write
    /// through them.
    pub(in crate::terraform) fn view(
        &self,
        scratch: &Path,
        module: &Path,
        providers: &Path,
    ) -> Result<View, PluginsError> {
        let used = self.lock()?;
        used.lock_shared().at(&self.root)?;
        self.register(providers)?;
        self.release(providers)?;
        let dir = scratch.join(format!("{}{SUFFIX}", uuid::Uuid::now_v7()));
        make_dir(&dir)?;
        let dir = fs::canonicalize(&dir).at(&dir)?;
        let own = File::open(&dir).at(&dir)?;
        own.lock().at(&dir)?;
        let view = View {
            dir,
            plugins: self.clone(),
            _own: own,
            _used: used,
        };
        // Of a lock file that cannot be read, init itself says what is wrong with it.
        if let Ok(locked) = LockFile::read(module) {
            for (package, hash) in self.whole_entries()? {
                if locked.admits(&package.provider, &package.version, &hash) {
                    view.link(&package)?;
                }
            }
        }
        Ok(view)
    }

    /// Notes whose links count as uses.
    fn register(&self, providers: &Path) -> Result<(), PluginsError> {
        let users = self.root.join(USERS);
        make_dir(&users)?;
        let bytes = providers.as_os_str().as_encoded_bytes();
        let note = users.join(hex::encode(Sha256::digest(bytes)));
        match symlink(providers, &note) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            done => done.at(&note),
        }
    }

    /// Removes the links to shared providers, and those that lead nowhere.
    pub(in crate::terraform) fn release(&self, providers: &Path) -> Result<(), PluginsError> {
        for package in packages(providers).at(providers)? {
            let link = providers.join(package.place);
            let is_ours = match fs::canonicalize(&link) {
                Ok(goal) => goal.starts_with(&self.root),
                Err(_) => true,
            };
            if is_ours && link.is_symlink() {
                fs::remove_file(&link).at(&link)?;
            }
        }
        Ok(())
    }
}

impl View {
    /// The plugin cache for init.
    pub(in crate::terraform) fn dir(&self) -> &Path {
        &self.dir
    }

    fn link(&self, package: &Package) -> Result<(), PluginsError> {
        let link = self.dir.join(&package.place);
        if let Some(parent) = link.parent() {
            make_dir(parent)?;
        }
        symlink(self.plugins.entry(package), &link).at(&link)
    }

    /// After an init that succeeded: what it downloaded becomes shared, and the stack's links lead
    /// there.
    pub(in crate::terraform) fn settle(
        self,
        module: &Path,
        providers: &Path,
    ) -> Result<(), PluginsError> {
        let locked = LockFile::read(module).at(module)?;
        self.adopt_all(&locked)?;
        self.point_all(providers)
    }

    /// Moves what was downloaded into the shared directory, and leaves a link in its place.
    fn adopt_all(&self, locked: &LockFile) -> Result<(), PluginsError> {
        for package in packages(&self.dir).at(&self.dir)? {
            let place = self.dir.join(&package.place);
            if place.is_symlink() {
                continue;
            }
            if let Some(entry) = self.plugins.adopt(&package, &place, locked)? {
                tracing::debug!(
                    provider = package.provider,
                    version = package.version,
                    "shared"
                );
                absent_is_fine(fs::remove_dir_all(&place)).at(&place)?;
                symlink(entry, &place).at(&place)?;
            }
        }
        Ok(())
    }

    /// Points the stack's links that lead into the view to where the view's links lead.
    fn point_all(&self, providers: &Path) -> Result<(), PluginsError> {
        for package in packages(providers).at(providers)? {
            let link = providers.join(&package.place);
            let Ok(inside) = fs::read_link(&link) else {
                continue;
            };
            if !inside.starts_with(&self.dir) {
                continue;
            }
            match fs::read_link(&inside) {
                Ok(goal) => point(&link, &goal)?,
                Err(_) => keep(&link, &inside)?,
            }
        }
        Ok(())
    }
}

/// Points a link to somewhere else in one step.
fn point(link: &Path, goal: &Path) -> Result<(), PluginsError> {
    let new = beside(link);
    symlink(goal, &new).at(&new)?;
    fs::rename(&new, link).at(link)
}

/// Puts a package that cannot be shared in the place of the link to it. It may be on another
/// filesystem.
fn keep(link: &Path, package: &Path) -> Result<(), PluginsError> {
    let new = beside(link);
    copy(package, &new).at(&new)?;
    fs::remove_file(link).at(link)?;
    fs::rename(&new, link).at(link)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry?;
        let below = entry.path().strip_prefix(from).map_err(io::Error::other)?;
        let target = to.join(below);
        if entry.file_type().is_dir() {
            fs::create_dir(&target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// A name that Terraform takes for no platform.
fn beside(link: &Path) -> PathBuf {
    link.with_file_name(format!(".{}", uuid::Uuid::now_v7()))
}
