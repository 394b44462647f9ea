//! The cache directory of `check`: copies of trees, and plan files for as long as they are needed.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::terraform;

/// Ends the name of a copy's lock file.
pub(super) const LOCK: &str = "lock";
/// Ends the name of the directory for the plan files of stacks in a copy.
pub(super) const SCRATCH: &str = "scratch";
/// Begins the name of a directory for the plan files of one check.
const CHECK: &str = "check-";
/// How often a directory is made again that another check took for a left-over.
const ATTEMPTS: usize = 16;

/// Makes the cache, private; gives its real path.
pub(super) fn open(cache: &Path) -> io::Result<PathBuf> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(cache)?;
    fs::canonicalize(cache)
}

/// Removes the plan files of checks that were killed. What cannot be removed is left to the next.
pub(super) fn sweep(cache: &Path) {
    for dir in entries(cache) {
        let ours = dir.file_name().and_then(|name| name.to_str());
        if ours.is_some_and(|name| name.starts_with(CHECK))
            && dir.is_dir()
            && let Some(_held) = hold(&dir)
        {
            warn(&dir, fs::remove_dir_all(&dir));
        }
    }
    for lock in entries(&cache.join("trees")) {
        let scratch = lock.with_extension(SCRATCH);
        if lock.extension().is_some_and(|end| end == LOCK)
            && let Some(_held) = hold(&lock)
        {
            warn(&scratch, terraform::sweep(&scratch).map(drop));
        }
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn warn(path: &Path, done: io::Result<()>) {
    if let Err(error) = done
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "left-over plan files cannot be removed");
    }
}

fn hold(path: &Path) -> Option<fs::File> {
    let file = fs::File::open(path).ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}

/// A private directory for plan files that goes away with the check.
#[derive(Debug)]
pub(super) struct CheckDir {
    dir: tempfile::TempDir,
    /// Tells a sweep that the directory is in use.
    _lock: fs::File,
}

impl CheckDir {
    /// Makes one.
    pub(super) fn create(cache: &Path) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let dir = tempfile::Builder::new()
                .prefix(CHECK)
                .permissions(fs::Permissions::from_mode(0o700))
                .tempdir_in(cache)?;
            // A sweep may have been faster: then the directory is gone, or about to be.
            if let Some(lock) = hold(dir.path()).filter(|_| dir.path().is_dir()) {
                return Ok(Self { dir, _lock: lock });
            }
        }
        Err(io::Error::other("other checks keep taking it away"))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_killed_check_left_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let cache = open(&dir.path().join("cache")).unwrap();
        let live = CheckDir::create(&cache).unwrap();
        let mode = fs::metadata(live.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let left = cache.join("check-left/stack");
        let copy = cache.join("trees/x.scratch");
        for dir in [&left, &copy, &live.path().join("stack")] {
            fs::create_dir_all(dir).unwrap();
            fs::write(dir.join("1.mooring-plan"), "secret").unwrap();
            fs::write(dir.join("2.init"), "stamp").unwrap();
        }
        let lock = fs::File::create(cache.join("trees/x.lock")).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        sweep(&cache);
        assert!(!cache.join("check-left").exists());
        assert!(live.path().join("stack/1.mooring-plan").exists());
        assert!(copy.join("1.mooring-plan").exists(), "in use");
        drop(lock);
        sweep(&cache);
        assert!(!copy.join("1.mooring-plan").exists() && copy.join("2.init").exists());
    }
}
