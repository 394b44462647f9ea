//! Brings a directory to the tree of a commit, touching only what is not right yet.
//!
//! `<dest>.index` lists the tracked files as they were written, with their times and sizes, so that
//! a file is known to be untouched without reading it. `<dest>.pending` exists while a checkout is
//! under way and lists every path that Git may have put there, so that the next one can clear up
//! after a crash.

mod objects;
mod parts;

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Mode, Stat, stat};
use gix::worktree::stack::state::attributes::Source;

use super::failure;
use crate::domain::failure::{Failure, FailureKind};
use objects::Objects;

/// Files written within one tick of the clock cannot be told apart by time; no filesystem in use
/// has longer ticks than this.
const LONGEST_TICK: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
enum CheckoutError {
    #[error(transparent)]
    Git(#[from] gix::Error),
    #[error("{path}: {source}")]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0} collides with something else in the same place")]
    Collision(BString),
    #[error("{0} has files in it that no checkout of Mooring put there")]
    Foreign(PathBuf),
}

trait At<T> {
    fn at(self, path: &Path) -> Result<T, CheckoutError>;
}

impl<T> At<T> for std::io::Result<T> {
    fn at(self, path: &Path) -> Result<T, CheckoutError> {
        self.map_err(|source| CheckoutError::Io {
            path: path.to_owned(),
            source,
        })
    }
}

/// `parts` are the paths that are wanted; none wants everything.
pub(super) fn checkout(
    repo: &gix::Repository,
    tree: ObjectId,
    parts: Option<&[String]>,
    dest: &Path,
) -> Result<(), Failure> {
    wanted(repo, tree, parts)
        .and_then(|index| Place::new(dest)?.bring_to(repo, &[], index))
        .map_err(|error| explained(&error, dest))
}

/// Brings the directory to an index whose files are in `repo` and in others.
pub(super) fn of_index(
    repo: &gix::Repository,
    others: &[gix::Repository],
    index: gix::index::File,
    dest: &Path,
) -> Result<(), Failure> {
    Place::new(dest)
        .and_then(|place| place.bring_to(repo, others, index))
        .map_err(|error| explained(&error, dest))
}

fn explained(error: &CheckoutError, dest: &Path) -> Failure {
    match error {
        CheckoutError::Foreign(_) => Failure::new(
            FailureKind::Internal,
            format!("checking out: {error}"),
            format!(
                "look whether anything in {} is worth keeping (errored.tfstate is), then remove the \
                 directory",
                dest.display()
            ),
        ),
        other => failure::local(other, "checking out"),
    }
}

fn wanted(
    repo: &gix::Repository,
    tree: ObjectId,
    parts: Option<&[String]>,
) -> Result<gix::index::File, CheckoutError> {
    if let Some(parts) = parts
        && let Some(index) = parts::index(repo, tree, parts)?
    {
        return Ok(index);
    }
    Ok(repo.index_from_tree(&tree)?)
}

/// A destination and what is kept beside it.
struct Place<'a> {
    dest: &'a Path,
    index: PathBuf,
    pending: PathBuf,
}

impl<'a> Place<'a> {
    fn new(dest: &'a Path) -> Result<Self, CheckoutError> {
        let name = dest
            .file_name()
            .ok_or_else(|| std::io::Error::from(ErrorKind::InvalidInput))
            .at(dest)?;
        let beside = |suffix: &str| {
            let mut name = name.to_owned();
            name.push(suffix);
            dest.with_file_name(name)
        };
        Ok(Self {
            dest,
            index: beside(".index"),
            pending: beside(".pending"),
        })
    }

    fn bring_to(
        &self,
        repo: &gix::Repository,
        others: &[gix::Repository],
        mut new: gix::index::File,
    ) -> Result<(), CheckoutError> {
        let old = self.read_index(repo)?;
        let pending = self.read_pending()?;
        if old.is_none() && pending.is_none() && !is_empty(self.dest)? {
            return Err(CheckoutError::Foreign(self.dest.to_owned()));
        }
        let unfinished = pending.is_some();
        let mut tracked = pending.unwrap_or_default();
        if let Some(old) = &old {
            tracked.extend(old.entries().iter().map(|entry| entry.path(old).to_owned()));
        }
        let stale: Vec<BString> = tracked
            .iter()
            .filter(|path| new.entry_by_path(path.as_bstr()).is_none())
            .cloned()
            .collect();
        let wrong = self.set_right_ones_aside(old.as_ref(), &mut new);
        if wrong.is_empty() && stale.is_empty() && !unfinished && old.is_some() {
            return Ok(());
        }

        tracked.extend(
            new.entries()
                .iter()
                .map(|entry| entry.path(&new).to_owned()),
        );
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.dest.parent().unwrap_or(self.dest))
            .at(self.dest)?;
        self.write_pending(&tracked)?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.dest)
            .at(self.dest)?;
        for path in &stale {
            self.remove(path.as_bstr(), true)?;
        }
        for path in &wrong {
            self.remove(path.as_bstr(), false)?;
        }
        self.write_files(repo, others, &mut new)?;
        self.write_index(new)?;
        fs::remove_file(&self.pending).at(&self.pending)
    }

    fn read_index(
        &self,
        repo: &gix::Repository,
    ) -> Result<Option<gix::index::File>, CheckoutError> {
        if !self.index.try_exists().at(&self.index)? {
            return Ok(None);
        }
        // One that cannot be read tells nothing: the directory is then treated as not ours.
        Ok(gix::index::File::at(
            &self.index,
            repo.object_hash(),
            false,
            gix::index::decode::Options::default(),
        )
        .ok())
    }

    fn read_pending(&self) -> Result<Option<BTreeSet<BString>>, CheckoutError> {
        match fs::read(&self.pending) {
            Ok(bytes) => Ok(Some(
                bytes
                    .split(|byte| *byte == 0)
                    .filter(|path| !path.is_empty())
                    .map(BString::from)
                    .collect(),
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at(&self.pending),
        }
    }

    fn write_pending(&self, tracked: &BTreeSet<BString>) -> Result<(), CheckoutError> {
        let mut bytes = Vec::new();
        for path in tracked {
            bytes.extend_from_slice(path);
            bytes.push(0);
        }
        replace(&self.pending, |file| file.write_all(&bytes))
    }

    /// Marks the entries whose files are as they should be, so that nothing writes them, and gives
    /// the paths of the others.
    fn set_right_ones_aside(
        &self,
        old: Option<&gix::index::File>,
        new: &mut gix::index::File,
    ) -> Vec<BString> {
        let old = old.filter(|old| attributes(old) == attributes(new));
        let mut wrong = Vec::new();
        for (entry, path) in new.entries_mut_with_paths() {
            if entry.mode == Mode::COMMIT {
                continue;
            }
            let right = old
                .and_then(|old| old.entry_by_path(path))
                .filter(|before| before.id == entry.id && before.mode == entry.mode)
                .filter(|before| self.is_untouched(path, &before.stat));
            match right {
                Some(before) => {
                    entry.stat = before.stat;
                    entry.flags.insert(Flags::SKIP_WORKTREE);
                }
                None => wrong.push(path.to_owned()),
            }
        }
        wrong
    }

    fn is_untouched(&self, path: &BStr, written: &Stat) -> bool {
        let Ok(relative) = gix::path::from_bstr(path) else {
            return false;
        };
        let now = gix::index::fs::Metadata::from_path_no_follow(&self.dest.join(relative))
            .ok()
            .and_then(|metadata| Stat::from_fs(&metadata).ok());
        now.is_some_and(|now| {
            written.matches(
                &now,
                stat::Options {
                    trust_ctime: true,
                    check_stat: true,
                    use_nsec: true,
                    use_stdev: false,
                },
            )
        })
    }

    /// Removes a file or link, never through a link, and the directories that are empty then.
    fn remove(&self, path: &BStr, prune: bool) -> Result<(), CheckoutError> {
        let Ok(relative) = gix::path::from_bstr(path) else {
            return Ok(());
        };
        let mut place = self.dest.to_owned();
        let mut parents = Vec::new();
        for part in relative.components() {
            match fs::symlink_metadata(&place) {
                Ok(metadata) if metadata.is_dir() => {}
                _ => return Ok(()),
            }
            parents.push(place.clone());
            place.push(part);
        }
        match fs::symlink_metadata(&place) {
            Ok(metadata) if !metadata.is_dir() => fs::remove_file(&place).at(&place)?,
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).at(&place),
        }
        if prune {
            for parent in parents.iter().skip(1).rev() {
                if fs::remove_dir(parent).is_err() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn write_files(
        &self,
        repo: &gix::Repository,
        others: &[gix::Repository],
        index: &mut gix::index::File,
    ) -> Result<(), CheckoutError> {
        let objects = Objects::of(repo, others)?;
        let mut options = repo.checkout_options(Source::IdMapping)?;
        options.overwrite_existing = true;
        options.filters.options_mut().drivers.clear();
        let outcome = gix::worktree::state::checkout(
            index,
            self.dest,
            objects,
            &gix::progress::Discard,
            &gix::progress::Discard,
            &AtomicBool::new(false),
            options,
        )?;
        if let Some(record) = outcome.errors.into_iter().next() {
            return Err(record.error.into());
        }
        match outcome.collisions.into_iter().next() {
            Some(collision) => Err(CheckoutError::Collision(collision.path)),
            None => Ok(()),
        }
    }

    /// Writes the index later, by the clock, than any file: whatever changes a file from now on
    /// gives it another time.
    fn write_index(&self, mut index: gix::index::File) -> Result<(), CheckoutError> {
        let mut newest = SystemTime::UNIX_EPOCH;
        for entry in index.entries_mut() {
            entry.flags.remove(Flags::SKIP_WORKTREE);
            newest = newest.max(entry.stat.mtime.into());
        }
        let mut bytes = Vec::new();
        index.write_to(&mut bytes, gix::index::write::Options::default())?;
        let started = std::time::Instant::now();
        loop {
            replace(&self.index, |file| file.write_all(&bytes))?;
            let written = fs::metadata(&self.index)
                .and_then(|metadata| metadata.modified())
                .at(&self.index)?;
            if written > newest || started.elapsed() > LONGEST_TICK {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The files that decide how others are written.
fn attributes(index: &gix::index::File) -> Vec<(&BStr, ObjectId)> {
    index
        .entries()
        .iter()
        .map(|entry| (entry.path(index), entry.id))
        .filter(|(path, _)| path.rsplit(|byte| *byte == b'/').next() == Some(b".gitattributes"))
        .collect()
}

fn is_empty(dir: &Path) -> Result<bool, CheckoutError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).at(dir),
    }
}

/// Writes a file so that after a crash it is the old or the new one, never half of it.
fn replace(
    path: &Path,
    write: impl FnOnce(&mut fs::File) -> std::io::Result<()>,
) -> Result<(), CheckoutError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(parent).at(path)?;
    write(file.as_file_mut())
        .and_then(|()| file.as_file().sync_data())
        .at(path)?;
    file.persist(path).map_err(|error| error.error).at(path)?;
    Ok(())
}
