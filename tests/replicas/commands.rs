//! What the engine was really asked for: one log of all replicas, which is only ever appended to.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time of the clock that the engine has too, in nanoseconds.
pub(super) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_nanos()).unwrap()
}

/// A command of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) name: String,
    pub(super) stack: String,
    pub(super) replica: String,
    pub(super) began: u64,
    /// None if it was cut off.
    pub(super) ended: Option<u64>,
}

impl Command {
    /// Whether it was under way at a time.
    pub(super) fn spans(&self, at: u64) -> bool {
        self.began <= at && self.ended.is_none_or(|ended| at < ended)
    }
}

/// All of them, by when they began.
pub(super) fn read(log: &Path) -> Vec<Command> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let mut commands: Vec<(String, Command)> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [at, what, name, stack, replica, process] = words[..] else {
            panic!("no line of the log: {line}");
        };
        let at: u64 = at.parse().unwrap();
        if what == "begin" {
            let command = Command {
                name: name.to_owned(),
                stack: stack.to_owned(),
                replica: replica.to_owned(),
                began: at,
                ended: None,
            };
            commands.push((process.to_owned(), command));
            continue;
        }
        let mut open = commands.iter_mut().rev();
        let (_, open) = open
            .find(|(id, open)| {
                id == process
                    && (&*open.name, &*open.stack, &*open.replica) == (name, stack, replica)
            })
            .unwrap();
        open.ended = Some(at);
    }
    let mut commands: Vec<Command> = commands.into_iter().map(|(_, command)| command).collect();
    commands.sort_by_key(|command| command.began);
    commands
}

#[test]
fn a_command_that_was_cut_off_has_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    std::fs::write(
        &log,
        "5 begin apply s0 r1 77\n6 begin plan s1 r0 78\n9 end apply s0 r1 77\n",
    )
    .unwrap();
    let commands = read(&log);
    assert_eq!(commands.len(), 2);
    assert!(commands[0].spans(5) && commands[0].spans(8) && !commands[0].spans(9));
    assert_eq!(
        (commands[1].ended, commands[1].spans(u64::MAX)),
        (None, true)
    );
}
