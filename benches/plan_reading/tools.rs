//! The readers that are compared. Each counts the same: resources that would change, and
//! attributes that moved outside Terraform.

use std::io::{Read, stdin};
use std::path::Path;
use std::process::Command;

use mooring::domain::digest::DigestKey;
use mooring::domain::plan::{Plan, PlannedAction};
use mooring::domain::value::Value;
use mooring::plan_json::{ReadError, Reader, Reading};
use serde_json::Value as Json;

use crate::measure::Memory;

/// A way to read a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Mapped,
    Stream,
    WholeTree,
    Jq,
    Python,
}

impl Tool {
    pub(crate) const ALL: &[Self] = &[
        Self::Mapped,
        Self::Stream,
        Self::WholeTree,
        Self::Jq,
        Self::Python,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mapped => "mooring, mapped file",
            Self::Stream => "mooring, stream",
            Self::WholeTree => "serde_json::Value",
            Self::Jq => "jq",
            Self::Python => "python json",
        }
    }

    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::Mapped | Self::Stream)
    }

    /// What of it must be installed.
    const fn program(self) -> Option<&'static str> {
        match self {
            Self::Jq => Some("jq"),
            Self::Python => Some("python3"),
            Self::Mapped | Self::Stream | Self::WholeTree => None,
        }
    }

    pub(crate) fn is_installed(self) -> bool {
        self.program().is_none_or(|program| {
            Command::new(program)
                .arg("--version")
                .output()
                .is_ok_and(|output| output.status.success())
        })
    }

    /// The command that reads the plan; ours is this program again.
    pub(crate) fn command(self, plan: &Path) -> std::io::Result<Command> {
        let mut command = match self {
            Self::Jq => {
                let mut command = Command::new("jq");
                command.arg(JQ);
                command
            }
            Self::Python => {
                let mut command = Command::new("python3");
                command.args(["-c", PYTHON]);
                command
            }
            Self::Mapped | Self::Stream | Self::WholeTree => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["child", self.name()]);
                command
            }
        };
        if self != Self::Stream {
            command.arg(plan);
        }
        Ok(command)
    }
}

const JQ: &str = r#"
def nothing: . == null or . == "" or . == [] or . == {};
([.resource_changes[] | select(.change.actions | . != ["no-op"] and . != ["read"])] | length),
([.resource_drift[].change | (.before // {}) as $b | (.after // {}) as $a
  | ($b + $a | keys[])
  | select($b[.] != $a[.] and (($b[.] | nothing) and ($a[.] | nothing) | not))] | length)
"#;

const PYTHON: &str = r#"
import json, sys
with open(sys.argv[1], "rb") as file:
    plan = json.load(file)
print(sum(c["change"]["actions"] not in (["no-op"], ["read"]) for c in plan["resource_changes"]))
moved = 0
for entry in plan["resource_drift"]:
    before, after = entry["change"]["before"] or {}, entry["change"]["after"] or {}
    for key in before.keys() | after.keys():
        b, a = before.get(key), after.get(key)
        moved += b != a and not (b in (None, "", [], {}) and a in (None, "", [], {}))
print(moved)
"#;

const KEY: DigestKey = DigestKey::new([42; 32]);

/// The reader of plans over a file.
fn read_file(path: &Path) -> Result<Reading, ReadError> {
    Reader::new(&KEY).read_file(path)
}

/// The reader of plans over a stream.
fn read_from(source: impl Read) -> Result<Reading, ReadError> {
    Reader::new(&KEY).read_from(source)
}

/// The part of the child process: reads, counts, prints the counts and the memory it took.
pub(crate) fn child(name: &str, path: Option<&Path>) {
    let path = path.unwrap_or_else(|| Path::new("-"));
    let tool = Tool::ALL.iter().find(|tool| tool.name() == name);
    let (counts, anonymous) = match tool {
        Some(Tool::Mapped) => counted(&read_file(path).expect("the plan is read").plan),
        Some(Tool::Stream) => counted(&read_from(stdin()).expect("the plan is read").plan),
        Some(Tool::WholeTree) => {
            let bytes = std::fs::read(path).expect("the generated plan can be read");
            let tree = serde_json::from_slice(&bytes).expect("the plan is JSON");
            (count_tree(&tree), Memory::of("self").anonymous)
        }
        _ => panic!("no reader in this program is called {name}"),
    };
    let peak = Memory::of("self").resident_peak;
    println!("{}\n{}\nmemory {peak} {anonymous}", counts.0, counts.1);
}

fn counted(plan: &Plan) -> ((usize, usize), u64) {
    (count(plan), Memory::of("self").anonymous)
}

fn count(plan: &Plan) -> (usize, usize) {
    let acts =
        |action: &PlannedAction| !matches!(action, PlannedAction::NoOp | PlannedAction::Read);
    let changed = plan.changes.iter().filter(|change| acts(&change.action));
    let moved = plan
        .drift
        .iter()
        .map(|entry| match (&entry.before, &entry.after) {
            (Value::Object(before), Value::Object(after)) => {
                let keys = before
                    .keys()
                    .chain(after.keys().filter(|k| !before.contains_key(*k)));
                keys.filter(|key| {
                    !entry
                        .before
                        .field(key)
                        .same_observed(entry.after.field(key))
                })
                .count()
            }
            _ => 0,
        });
    (changed.count(), moved.sum())
}

fn count_tree(plan: &Json) -> (usize, usize) {
    let list = |name: &str| plan[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let changed = list("resource_changes").iter().filter(|entry| {
        let actions = entry["change"]["actions"].as_array();
        actions.is_none_or(|actions| {
            *actions != [Json::from("no-op")] && *actions != [Json::from("read")]
        })
    });
    let nothing = |value: &Json| match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        _ => false,
    };
    let moved = list("resource_drift").iter().map(|entry| {
        let (before, after) = (&entry["change"]["before"], &entry["change"]["after"]);
        let keys = |side: &Json| -> Vec<String> {
            side.as_object()
                .into_iter()
                .flat_map(|f| f.keys().cloned())
                .collect()
        };
        let mut all = [keys(before), keys(after)].concat();
        all.sort();
        all.dedup();
        all.into_iter()
            .filter(|key| {
                let (b, a) = (&before[key], &after[key]);
                b != a && !(nothing(b) && nothing(a))
            })
            .count()
    });
    (changed.count(), moved.sum())
}
