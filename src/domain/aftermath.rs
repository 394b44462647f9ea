//! What an apply that was cut off has left behind: from facts to what is known, whether its lock may be
//! released, and what a person is told.

mod told;

use jiff::Timestamp;

use super::ids::{Address, RunId, SnapshotId, StackId};
use super::stack::StateIdentity;

/// The operation that an apply locks for.
const APPLY: &str = "OperationTypeApply";
/// What stands before a command or path, on a line below the sentence that it belongs to.
pub const COMMAND: &str = "    ";

/// What is known of an apply that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The stack.
    pub stack: StackId,
    /// The run that applied.
    pub run: RunId,
    /// How it was cut off.
    pub why: String,
    /// The state that the plan was made from; none if nothing was recorded.
    pub before: Option<StateIdentity>,
    /// Where the snapshot of that state is, relative to the data directory.
    pub snapshot: Option<String>,
    /// Whether the engine still works on it.
    pub engine: Engine,
    /// Who locks when that engine does.
    pub holder: Option<Holder>,
    /// What its log says.
    pub log: Log,
    /// Where that log is, as a path or a command; none if there is none.
    pub log_at: Option<String>,
    /// The state as it is now.
    pub state: StateNow,
    /// The state that the engine could not save where it belongs.
    pub not_saved: Option<NotSaved>,
    /// The lock of the state.
    pub lock: LockNow,
}

/// What has become of the engine's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// It is proven to be gone.
    Gone,
    /// It still runs.
    Runs,
    /// It cannot be told from here, for this reason.
    Unknown(String),
}

/// Whom the lock of an apply names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// `user@host`.
    pub who: String,
    /// When the engine was started.
    pub since: Timestamp,
}

/// What the log of an apply says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// A time at which it surely held the lock.
    pub held_at: Option<Timestamp>,
    /// Objects whose change was carried out.
    pub done: Vec<Address>,
    /// Objects whose change was begun and not ended.
    pub begun: Vec<Address>,
    /// Objects whose change failed.
    pub failed: Vec<Address>,
    /// Whether it came to its end.
    pub ended: bool,
}

/// The state as the backend has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateNow {
    /// It was read.
    Read(Option<StateIdentity>),
    /// It could not be read, for this reason.
    Unread(String),
}

/// A state that was left in a file, and is kept as a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSaved {
    /// It is kept.
    Kept {
        /// As this snapshot.
        snapshot: SnapshotId,
        /// Where that is, relative to the data directory.
        path: String,
        /// Its lineage and serial.
        state: StateIdentity,
    },
    /// It could not be kept, for this reason, and is where the engine left it.
    Left {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
}

/// The lock of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockNow {
    /// Nobody holds it.
    Free,
    /// Somebody does.
    Held(LockInfo),
    /// It was this apply's, and has been released.
    Released(LockInfo),
    /// It is this apply's, and releasing it failed for this reason.
    NotReleased(LockInfo, String),
    /// The backend has none.
    None,
    /// It cannot be told, for this reason.
    Unknown(String),
}

/// What a lock says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockInfo {
    /// Its ID, which releases it.
    pub id: String,
    /// `user@host`.
    pub who: String,
    /// What for.
    pub operation: String,
    /// Since when; none if that is not readable.
    pub created: Option<Timestamp>,
}

/// Where the state is, against where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// It is as it was.
    Unchanged,
    /// This apply wrote it: nobody else could.
    ByThisApply,
    /// Somebody else wrote it: this apply never got to.
    ByAnother,
    /// It was written, by this apply or by somebody else.
    ByEither,
    /// It is another state, or an older one.
    Replaced,
    /// It cannot be told.
    Unknown,
}

/// Why a lock is not released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepLock {
    /// Whoever holds it may be at work.
    MayRun,
    /// It is not known to be this apply's.
    NotOurs,
}

impl Facts {
    /// What became of the state.
    pub fn movement(&self) -> Movement {
        let (StateNow::Read(now), Some(before)) = (&self.state, &self.before) else {
            return Movement::Unknown;
        };
        let Some(now) = now else {
            return Movement::Replaced;
        };
        if now == before {
            return Movement::Unchanged;
        }
        if now.lineage != before.lineage || now.serial < before.serial {
            return Movement::Replaced;
        }
        if self.lock_is_ours() {
            // From its plan until now nobody else could write.
            return Movement::ByThisApply;
        }
        if self.log.held_at.is_none() && self.log_at.is_some() && self.engine == Engine::Gone {
            return Movement::ByAnother;
        }
        if self.log.ended && now.serial == before.serial + 1 {
            return Movement::ByThisApply;
        }
        Movement::ByEither
    }

    /// Whether the lock may be released: it is surely this apply's, and what took it is surely dead.
    ///
    /// It is this apply's if it names our user and host, an apply, and a time between the start of the
    /// engine and a moment at which the engine surely held it: at that moment there was one lock, so
    /// one that was there by then and still is, is that one.
    pub fn may_release(&self) -> Result<(), KeepLock> {
        if self.engine != Engine::Gone {
            return Err(KeepLock::MayRun);
        }
        if self.lock_is_ours() {
            Ok(())
        } else {
            Err(KeepLock::NotOurs)
        }
    }

    fn lock_is_ours(&self) -> bool {
        let lock = match &self.lock {
            LockNow::Held(lock) | LockNow::Released(lock) | LockNow::NotReleased(lock, _) => lock,
            LockNow::Free | LockNow::None | LockNow::Unknown(_) => return false,
        };
        let (Some(holder), Some(held_at), Some(created)) =
            (&self.holder, self.log.held_at, lock.created)
        else {
            return false;
        };
        lock.who == holder.who
            && lock.operation == APPLY
            && holder.since <= created
            && created <= held_at
    }
}

/// Text from elsewhere, so that no line of it passes for a command.
pub fn on_one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

#[cfg(test)]
#[path = "aftermath_tests.rs"]
mod tests;
