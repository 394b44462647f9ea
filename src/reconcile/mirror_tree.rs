//! A copy of somebody's tree, for directories that are not initialised: init may write there.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use walkdir::WalkDir;

use crate::domain::failure::{Failure, FailureKind};

/// The copy of one tree. It is kept in the cache, so that providers are installed once; it is
/// brought up to date at first use and then belongs to this process until it ends.
#[derive(Debug)]
pub(super) struct MirrorTree {
    original: PathBuf,
    copy: PathBuf,
    made: OnceCell<Option<fs::File>>,
}

impl MirrorTree {
    /// The copy of `original` below `cache`; nothing is copied yet.
    pub(super) fn new(original: &Path, cache: &Path) -> Self {
        let hash = hex::encode(Sha256::digest(original.as_os_str().as_encoded_bytes()));
        let name = hash.get(..16).unwrap_or(&hash).to_owned();
        Self {
            original: original.to_owned(),
            copy: cache.join("trees").join(name),
            made: OnceCell::new(),
        }
    }

    /// Where a directory of the original is in the copy.
    pub(super) async fn place_of(&self, dir: &Path) -> Result<PathBuf, Failure> {
        let (original, copy) = (self.original.clone(), self.copy.clone());
        let make = || async move {
            let made = tokio::task::spawn_blocking(move || refresh(&original, &copy)).await;
            made.unwrap_or_else(|error| Err(io::Error::other(error)))
                .map(Some)
        };
        self.made
            .get_or_try_init(make)
            .await
            .map_err(|error| self.cannot_copy(&error))?;
        let below = dir.strip_prefix(&self.original).unwrap_or(Path::new(""));
        Ok(self.copy.join(below))
    }

    /// Whether a path lies in the copy.
    pub(super) fn holds(&self, path: &Path) -> bool {
        let real = self.copy.canonicalize();
        path.starts_with(&self.copy) || real.is_ok_and(|copy| path.starts_with(copy))
    }

    fn cannot_copy(&self, error: &io::Error) -> Failure {
        let kind = if error.kind() == io::ErrorKind::StorageFull {
            FailureKind::OutOfDisk
        } else {
            FailureKind::Internal
        };
        Failure::new(
            kind,
            format!("cannot copy {} for init: {error}", self.original.display()),
            "run `terraform init` in the stack's directory, then it is planned in place",
        )
    }
}

/// Whether a name belongs to the copy's own life and is neither copied nor removed.
fn is_kept(name: &std::ffi::OsStr) -> bool {
    name == ".terraform" || name == ".terraform.lock.hcl"
}

/// Makes the copy like the original, Git's and Terraform's own directories left out, and holds a
/// lock on it. Files that did not change keep their times, so that init is not needed again.
fn refresh(original: &Path, copy: &Path) -> io::Result<fs::File> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(copy)?;
    let lock = fs::File::create(copy.with_extension("lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    let mut present = BTreeSet::new();
    let entries = WalkDir::new(original).min_depth(1).into_iter();
    let cache = copy.parent().map(Path::to_owned);
    let wanted = entries.filter_entry(|entry| {
        entry.file_name() != ".git"
            && entry.file_name() != ".terraform"
            && Some(entry.path()) != cache.as_deref()
    });
    for entry in wanted {
        let entry = entry.map_err(io::Error::other)?;
        let below = entry
            .path()
            .strip_prefix(original)
            .map_err(io::Error::other)?;
        let target = copy.join(below);
        present.insert(below.to_owned());
        let kind = entry.file_type();
        if kind.is_dir() {
            make_dir(&target)?;
        } else if kind.is_symlink() {
            link(entry.path(), &target)?;
        } else if kind.is_file() {
            copy_file(entry.path(), &target)?;
        }
    }
    remove_others(copy, &present)?;
    Ok(lock)
}

fn make_dir(target: &Path) -> io::Result<()> {
    match fs::symlink_metadata(target) {
        Ok(known) if known.is_dir() => Ok(()),
        Ok(_) => fs::remove_file(target).and_then(|()| fs::create_dir(target)),
        Err(_) => fs::create_dir_all(target),
    }
}

fn link(source: &Path, target: &Path) -> io::Result<()> {
    let aim = fs::read_link(source)?;
    if fs::read_link(target).is_ok_and(|known| known == aim) {
        return Ok(());
    }
    clear(target)?;
    std::os::unix::fs::symlink(aim, target)
}

fn copy_file(source: &Path, target: &Path) -> io::Result<()> {
    let from = fs::metadata(source)?;
    let same = fs::symlink_metadata(target).is_ok_and(|to| {
        to.is_file() && to.len() == from.len() && to.modified().ok() == from.modified().ok()
    });
    if same {
        return Ok(());
    }
    clear(target)?;
    fs::copy(source, target)?;
    fs::File::open(target)?.set_modified(from.modified()?)
}

fn clear(target: &Path) -> io::Result<()> {
    match fs::symlink_metadata(target) {
        Ok(known) if known.is_dir() => fs::remove_dir_all(target),
        Ok(_) => fs::remove_file(target),
        Err(_) => Ok(()),
    }
}

fn remove_others(copy: &Path, present: &BTreeSet<PathBuf>) -> io::Result<()> {
    let walk = WalkDir::new(copy).min_depth(1).contents_first(false);
    let mut entries = walk
        .into_iter()
        .filter_entry(|entry| !is_kept(entry.file_name()));
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(io::Error::other)?;
        let below = entry.path().strip_prefix(copy).map_err(io::Error::other)?;
        if !present.contains(below) {
            if entry.file_type().is_dir() {
                entries.skip_current_dir();
            }
            clear(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_follows_the_original_and_keeps_what_init_made() {
        let dir = tempfile::tempdir().unwrap();
        let (original, copy) = (dir.path().join("tree"), dir.path().join("cache/trees/x"));
        fs::create_dir_all(original.join("a/.terraform")).unwrap();
        fs::create_dir_all(original.join(".git")).unwrap();
        fs::write(original.join("a/main.tf"), "one").unwrap();
        fs::write(original.join("a/old.tf"), "old").unwrap();
        std::os::unix::fs::symlink("main.tf", original.join("a/link.tf")).unwrap();
        drop(refresh(&original, &copy).unwrap());
        assert_eq!(fs::read_to_string(copy.join("a/link.tf")).unwrap(), "one");
        assert!(!copy.join(".git").exists() && !copy.join("a/.terraform").exists());

        fs::create_dir_all(copy.join("a/.terraform")).unwrap();
        fs::write(copy.join("a/.terraform.lock.hcl"), "lock").unwrap();
        fs::write(original.join("a/main.tf"), "two!").unwrap();
        fs::remove_file(original.join("a/old.tf")).unwrap();
        drop(refresh(&original, &copy).unwrap());
        assert_eq!(fs::read_to_string(copy.join("a/main.tf")).unwrap(), "two!");
        assert!(!copy.join("a/old.tf").exists());
        assert!(copy.join("a/.terraform").exists() && copy.join("a/.terraform.lock.hcl").exists());
    }
}
