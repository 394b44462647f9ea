//! The pause switch. It is thrown in memory first and kept in a file of its own, so that it works
//! when the database is slow or its disk is full; from there it goes into the database, where every
//! replica finds it.

mod keeping;

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::domain::ids::{SourceName, StackId};
use crate::domain::pause::{Pause, Pauses, Scope};
use crate::store::{Store, StoreError};

pub use keeping::keep;

/// The file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", .path.display())]
pub struct PauseError {
    path: PathBuf,
    cause: String,
}

/// What was thrown is not where it belongs.
#[derive(Debug, thiserror::Error)]
pub enum UnkeptError {
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] PauseError),
    /// The database cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is paused now.
#[derive(Debug)]
pub struct PauseSwitch {
    path: PathBuf,
    known: Mutex<Known>,
    /// Held while the database is asked, so that no older answer takes the place of a newer one.
    asking: tokio::sync::Mutex<()>,
    thrown: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// What was thrown here and is not known to be in the database; also in the file.
    thrown: Pauses,
    /// What the database holds, as last read.
    kept: Pauses,
}

impl Known {
    fn all(&self) -> Cow<'_, Pauses> {
        if self.thrown.is_empty() {
            return Cow::Borrowed(&self.kept);
        }
        Cow::Owned(self.kept.joined(&self.thrown))
    }
}

impl PauseSwitch {
    /// The switch as an earlier process left it.
    ///
    /// # Errors
    /// If the file is there and cannot be read: then it is not known what may be changed.
    pub fn open(path: PathBuf) -> Result<Self, PauseError> {
        let thrown = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| wrong(&path, &error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Pauses::default(),
            Err(error) => return Err(wrong(&path, &error)),
        };
        let known = Known {
            thrown,
            ..Known::default()
        };
        Ok(Self {
            path,
            known: Mutex::new(known),
            asking: tokio::sync::Mutex::default(),
            thrown: Notify::new(),
        })
    }

    /// Pauses something at once, for this process at least; the error says that it may not outlive
    /// it.
    pub fn pause(&self, pause: Pause) -> Result<(), PauseError> {
        let mut known = self.lock();
        known.thrown = known.thrown.with(pause);
        let kept = write(&self.path, &known.thrown);
        drop(known);
        self.thrown.notify_one();
        kept
    }

    /// Ends the pause of a scope, for everybody; says whether there was one. If that cannot be kept
    /// the pause goes on.
    pub async fn resume(&self, scope: &Scope, store: &Store) -> Result<bool, UnkeptError> {
        let _asking = self.asking.lock().await;
        let meant = self.lock().thrown.get(scope).cloned();
        let ended = store.end_pause(scope).await?;
        let mut known = self.lock();
        known.kept = known.kept.without(scope);
        if let Some(meant) = &meant {
            self.forget(&mut known, &Pauses::default().with(meant.clone()))?;
        }
        Ok(ended || meant.is_some())
    }

    /// Puts into the database what was thrown and is not there yet, and reads what else is.
    pub async fn exchange(&self, store: &Store) -> Result<(), UnkeptError> {
        let _asking = self.asking.lock().await;
        let thrown = self.lock().thrown.clone();
        if thrown.is_empty() {
            let kept = store.pauses().await?;
            self.lock().kept = kept;
            return Ok(());
        }
        let kept = store.pause(&thrown).await?;
        let mut known = self.lock();
        known.kept = kept;
        self.forget(&mut known, &thrown)?;
        Ok(())
    }

    /// Reads what the database holds: before anything is applied, so that what was thrown elsewhere
    /// holds here.
    pub async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        let _asking = self.asking.lock().await;
        let kept = store.pauses().await?;
        self.lock().kept = kept;
        Ok(())
    }

    /// The pause that a stack is in.
    pub fn of(&self, stack: &StackId, source: &SourceName, now: Timestamp) -> Option<Pause> {
        self.lock().all().of(stack, source, now).cloned()
    }

    /// Every pause that holds.
    pub fn on(&self, now: Timestamp) -> Vec<Pause> {
        self.lock().all().on(now).cloned().collect()
    }

    /// Whether something was thrown that is not known to be in the database.
    fn is_thrown(&self) -> bool {
        !self.lock().thrown.is_empty()
    }

    /// Takes out of the file what need not be there any more. What was thrown again meanwhile stays,
    /// and so does everything if the file cannot be written.
    fn forget(&self, known: &mut Known, done: &Pauses) -> Result<(), PauseError> {
        let open = known.thrown.iter().filter(|pause| !done.holds(pause));
        let open: Pauses = open.cloned().collect();
        write(&self.path, &open)?;
        known.thrown = open;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(path: &Path, pauses: &Pauses) -> Result<(), PauseError> {
    let kept = || -> std::io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(&serde_json::to_vec_pretty(pauses)?)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        std::fs::File::open(directory)?.sync_all()
    };
    kept().map_err(|error| wrong(path, &error))
}

fn wrong(path: &Path, cause: &dyn std::fmt::Display) -> PauseError {
    PauseError {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
