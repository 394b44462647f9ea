//! The pause switch. It is thrown in memory first and kept in a file of its own, so that it works
//! when the database is slow or its disk is full.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::domain::ids::{SourceName, StackId};
use crate::domain::pause::{Pause, Pauses, Scope};

/// The file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", .path.display())]
pub struct PauseError {
    path: PathBuf,
    cause: String,
}

/// What is paused now.
#[derive(Debug)]
pub struct PauseSwitch {
    path: PathBuf,
    pauses: Mutex<Pauses>,
}

impl PauseSwitch {
    /// The switch as an earlier process left it.
    ///
    /// # Errors
    /// If the file is there and cannot be read: then it is not known what may be changed.
    pub fn open(path: PathBuf) -> Result<Self, PauseError> {
        let pauses = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| wrong(&path, &error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Pauses::default(),
            Err(error) => return Err(wrong(&path, &error)),
        };
        Ok(Self {
            path,
            pauses: Mutex::new(pauses),
        })
    }

    /// Pauses something at once, for this process at least; the error says that it may not outlive
    /// it.
    pub fn pause(&self, pause: Pause) -> Result<(), PauseError> {
        self.change(|pauses| pauses.with(pause))
    }

    /// Ends the pause of a scope. If that cannot be kept it goes on.
    pub fn resume(&self, scope: &Scope) -> Result<bool, PauseError> {
        let mut pauses = self.lock();
        let without = pauses.without(scope);
        if without == *pauses {
            return Ok(false);
        }
        write(&self.path, &without)?;
        *pauses = without;
        Ok(true)
    }

    /// The pause that a stack is in.
    pub fn of(&self, stack: &StackId, source: &SourceName, now: Timestamp) -> Option<Pause> {
        self.lock().of(stack, source, now).cloned()
    }

    /// Every pause that holds.
    pub fn on(&self, now: Timestamp) -> Vec<Pause> {
        self.lock().on(now).cloned().collect()
    }

    fn change(&self, change: impl FnOnce(&Pauses) -> Pauses) -> Result<(), PauseError> {
        let mut pauses = self.lock();
        *pauses = change(&pauses);
        write(&self.path, &pauses)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pauses> {
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner)
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
#[allow(clippy::unwrap_used)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn pause(scope: Scope) -> Pause {
        Pause {
            scope,
            by: "ann".to_owned(),
            reason: Some("an incident".to_owned()),
            at: Timestamp::UNIX_EPOCH,
            until: None,
        }
    }

    #[test]
    fn a_pause_outlives_the_process_and_ends_when_somebody_says_so() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("pauses.json");
        let (web, infra) = (StackId::new("infra/web"), SourceName::new("infra"));
        let now = Timestamp::UNIX_EPOCH;
        let switch = PauseSwitch::open(path.clone()).unwrap();
        switch.pause(pause(Scope::All)).unwrap();
        let again = PauseSwitch::open(path.clone()).unwrap();
        assert!(again.of(&web, &infra, now).is_some());
        assert!(!again.resume(&Scope::Stack(web.clone())).unwrap());
        assert!(again.resume(&Scope::All).unwrap());
        assert_eq!(PauseSwitch::open(path).unwrap().of(&web, &infra, now), None);
    }

    #[test]
    fn what_cannot_be_kept_is_paused_all_the_same() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("gone/pauses.json");
        let switch = PauseSwitch::open(path).unwrap();
        assert!(switch.pause(pause(Scope::All)).is_err());
        assert_eq!(switch.on(Timestamp::UNIX_EPOCH).len(), 1);
        assert!(switch.resume(&Scope::All).is_err());
        assert_eq!(switch.on(Timestamp::UNIX_EPOCH).len(), 1);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_an_end_of_the_pause() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("pauses.json");
        std::fs::write(&path, "[{").unwrap();
        assert!(PauseSwitch::open(path).is_err());
    }
}
