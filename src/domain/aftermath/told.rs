//! What is known of an apply that was cut off, in words and commands.

use super::super::ids::{Address, SnapshotId};
use super::super::shell::quoted;
use super::super::stack::StateIdentity;
use super::{
    COMMAND, Engine, Facts, KeepLock, LockInfo, LockNow, Movement, NotSaved, StateNow, on_one_line,
};

/// How many objects a message names.
const NAMED: usize = 5;

impl Facts {
    /// What a person is told: what is known, the gist first and the way back last. A line that begins
    /// with [`COMMAND`] is to be typed or copied.
    pub fn told(&self) -> String {
        let mut lines = vec![format!(
            "the apply of run {} was cut off: {}",
            self.run,
            on_one_line(&self.why)
        )];
        lines.push(self.engine_told());
        lines.extend(self.log_told());
        lines.push(self.state_told());
        lines.extend(self.not_saved_told());
        lines.extend(self.lock_told());
        lines.extend(self.snapshot_told());
        lines.join("\n")
    }

    fn engine_told(&self) -> String {
        match &self.engine {
            Engine::Gone if self.log.ended => "Terraform went on and came to its end.".to_owned(),
            Engine::Gone => "Terraform is not running any more.".to_owned(),
            Engine::Runs => "Terraform still runs.".to_owned(),
            Engine::Unknown(why) => {
                format!("Whether Terraform still runs cannot be told from here: {why}.")
            }
        }
    }

    fn log_told(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let parts = [
            ("As its log says it changed", &self.log.done),
            ("It failed to change", &self.log.failed),
            (
                "It was about to change, and how that ended is not known:",
                &self.log.begun,
            ),
        ];
        for (what, addresses) in parts {
            if !addresses.is_empty() {
                lines.push(format!("{what} {}.", named(addresses)));
            }
        }
        let Some(log) = &self.log_at else {
            return lines;
        };
        if lines.is_empty() {
            lines.push("As its log says it had changed nothing yet.".to_owned());
        }
        lines.extend(["What it said:".to_owned(), format!("{COMMAND}{log}")]);
        lines
    }

    fn state_told(&self) -> String {
        let serial = |state: Option<&StateIdentity>| state.map_or(0, |state| state.serial);
        let was = serial(self.before.as_ref());
        let now = match &self.state {
            StateNow::Read(now) => serial(now.as_ref()),
            StateNow::Unread(why) => return format!("The state could not be read: {why}."),
        };
        match self.movement() {
            Movement::Unchanged if self.log.done.is_empty() && self.log.begun.is_empty() => {
                format!("The state is as it was (serial {was}).")
            }
            // It ends well only once the state is saved: what puts drift back need not change it.
            Movement::Unchanged if self.log.ended && self.not_saved.is_none() => format!(
                "The state is as it was (serial {was}): it says already what this apply put back."
            ),
            Movement::Unchanged => format!(
                "The state is as it was (serial {was}): what was changed is not in it, so the next \
                 plan may want to do it again."
            ),
            Movement::ByThisApply => {
                format!("This apply moved the state from serial {was} to {now}.")
            }
            Movement::ByAnother => format!(
                "Somebody else moved the state from serial {was} to {now}: this apply never held it."
            ),
            Movement::ByEither => format!(
                "The state moved from serial {was} to {now}, by this apply or by somebody else."
            ),
            Movement::Replaced => {
                "The state is not the one that was planned on: it is gone, another \
                                   one, or older."
                    .to_owned()
            }
            Movement::Unknown => "What state it began with is not recorded.".to_owned(),
        }
    }

    fn not_saved_told(&self) -> Vec<String> {
        match &self.not_saved {
            None => Vec::new(),
            Some(NotSaved::Kept {
                snapshot,
                path,
                state,
            }) => vec![
                format!(
                    "Terraform could not save the state (serial {}). What it left is kept as:",
                    state.serial
                ),
                format!("{COMMAND}{path}"),
                "To save it, in the stack's directory:".to_owned(),
                format!(
                    "{COMMAND}mooring state show {} {snapshot} --output errored.tfstate",
                    quoted(self.stack.as_str())
                ),
                format!("{COMMAND}terraform state push errored.tfstate"),
            ],
            Some(NotSaved::Left { file, why }) => vec![
                format!(
                    "Terraform could not save the state and left it in a file, of which no copy could \
                     be made: {why}. To save it, in the stack's directory:"
                ),
                format!("{COMMAND}terraform state push {}", quoted(file)),
            ],
        }
    }

    fn lock_told(&self) -> Vec<String> {
        let by = |lock: &LockInfo| {
            let since = lock.created.map(|at| format!(" since {at:.0}"));
            let since = since.unwrap_or_default();
            format!(
                "by {}{since}, for {}, ID {}",
                lock.who, lock.operation, lock.id
            )
        };
        let unlock = |lock: &LockInfo| {
            let id = quoted(&lock.id);
            format!("{COMMAND}terraform force-unlock {id}")
        };
        match &self.lock {
            LockNow::Free => vec!["The state is not locked.".to_owned()],
            LockNow::None => Vec::new(),
            LockNow::Unknown(why) => {
                vec![format!(
                    "Whether the state is locked could not be seen: {why}."
                )]
            }
            LockNow::Released(lock) => vec![format!(
                "The state was still locked by this apply ({}). What held it is dead, so Mooring has \
                 released it.",
                by(lock)
            )],
            LockNow::NotReleased(lock, why) => vec![
                format!(
                    "The state is still locked by this apply ({}), and the lock could not be released: \
                     {why}. To release it, in the stack's directory:",
                    by(lock)
                ),
                unlock(lock),
            ],
            LockNow::Held(lock) => {
                let doubt = match self.may_release() {
                    Err(KeepLock::MayRun) => "What took it may still be at work",
                    _ => "It is not known to be this apply's",
                };
                vec![
                    format!(
                        "The state is locked ({}). {doubt}, so the lock is left. Once whoever holds it \
                         is surely done, in the stack's directory:",
                        by(lock)
                    ),
                    unlock(lock),
                ]
            }
        }
    }

    fn snapshot_told(&self) -> Vec<String> {
        let Some(path) = &self.snapshot else {
            return Vec::new();
        };
        vec![
            "The state before it is kept as:".to_owned(),
            format!("{COMMAND}{path}"),
            "What putting it back would mean:".to_owned(),
            format!(
                "{COMMAND}mooring state restore {} {}",
                quoted(self.stack.as_str()),
                SnapshotId::from(self.run)
            ),
        ]
    }
}

fn named(addresses: &[Address]) -> String {
    let shown: Vec<&str> = addresses.iter().take(NAMED).map(Address::as_str).collect();
    let more = addresses.len().saturating_sub(NAMED);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
