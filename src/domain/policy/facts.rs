//! What a decision depends on besides findings and policy.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::attribute_key::AttributeKey;
use super::super::ids::{SourceName, StackId};
use super::super::opinion::Opinion;
use super::super::order::Awaited;
use super::super::pause::Pause;

/// Facts beyond the plan that forbid acting by itself, whatever the rules say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The stack is seen for the first time: its findings are a baseline.
    FirstSight,
    /// The state is empty.
    EmptyState,
    /// The state has another lineage than the one seen before.
    NewLineage,
    /// The state's serial is lower than the one seen before.
    OlderSerial,
    /// The backend cannot lock the state.
    NoLocking,
    /// The state is in a file of this machine, and others may apply too.
    HereOnly,
    /// The same finding came back after a repair.
    Contested,
    /// The drift is younger than the hold-off time.
    HoldOff,
    /// An earlier apply did not end as it should and nobody has looked at it.
    Held,
    /// The plan was made from an unclean tree.
    DirtyTree,
    /// Two plans of one commit differ, so the plan cannot be approved.
    Unstable,
    /// The plan changes more than may be changed at once.
    TooManyChanges,
    /// A policy in Rego gave no answer.
    PolicyFailed,
    /// Code is applied by itself only where it came after the stack was last in sync.
    NotAhead,
    /// It is none of the times in which Mooring may apply.
    Window,
    /// Nothing is applied for the time being.
    Freeze,
    /// The stack was applied too often lately.
    StackLimit,
    /// Stacks were applied too often lately.
    FleetLimit,
    /// Somebody has paused the stack.
    Paused,
    /// A stack that it needs is being applied.
    NeededApplying,
    /// A stack that it needs is not as it is to be yet.
    NeededFirst,
}

impl Guard {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstSight => "first_sight",
            Self::EmptyState => "empty_state",
            Self::NewLineage => "new_lineage",
            Self::OlderSerial => "older_serial",
            Self::NoLocking => "no_locking",
            Self::HereOnly => "here_only",
            Self::Contested => "contested",
            Self::HoldOff => "hold_off",
            Self::Held => "held",
            Self::DirtyTree => "dirty_tree",
            Self::Unstable => "unstable",
            Self::TooManyChanges => "too_many_changes",
            Self::PolicyFailed => "policy_failed",
            Self::NotAhead => "not_ahead",
            Self::Window => "window",
            Self::Freeze => "freeze",
            Self::StackLimit => "stack_limit",
            Self::FleetLimit => "fleet_limit",
            Self::Paused => "paused",
            Self::NeededApplying => "needed_applying",
            Self::NeededFirst => "needed_first",
        }
    }

    /// The reason as a sentence.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::FirstSight => "first sight of this stack: its findings are a baseline",
            Self::EmptyState => "the state is empty: nothing is applied automatically",
            Self::NewLineage => "the state has a new lineage: it is not the one seen before",
            Self::OlderSerial => "the state is older than the one seen before",
            Self::NoLocking => "the backend cannot lock the state",
            Self::HereOnly => {
                "the state is in a file of one machine, and other replicas lock and find it only there"
            }
            Self::Contested => {
                "contested: this drift came back after being repaired, something else writes it too"
            }
            Self::HoldOff => "the drift is younger than the hold-off time",
            Self::Held => {
                "an earlier apply did not end as it should: a person has to look at the stack first"
            }
            Self::DirtyTree => "the tree has uncommitted changes",
            Self::Unstable => "two plans of the same commit differ: the plan cannot be approved",
            Self::TooManyChanges => "the plan changes more than may be changed at once",
            Self::PolicyFailed => "a policy gave no answer: nothing is safe",
            Self::NotAhead => "somebody may have applied this already or wants it otherwise",
            Self::Window => "it is none of the times in which Mooring may apply",
            Self::Freeze => "nothing is applied for the time being",
            Self::StackLimit => "the stack was applied too often lately",
            Self::FleetLimit => "stacks were applied too often lately",
            Self::Paused => "somebody has paused the stack",
            Self::NeededApplying => "a stack that it needs is being applied",
            Self::NeededFirst => "a stack that it needs comes first",
        }
    }

    /// What has to be done before people can say yes to a plan; none if they can while it stands.
    pub const fn first(self) -> Option<&'static str> {
        match self {
            Self::EmptyState => {
                Some("bring the state back, or apply this once by hand if the stack really is new")
            }
            Self::NewLineage | Self::OlderSerial => {
                Some("see whether the state is the right one, then say `mooring resume`")
            }
            Self::NoLocking => Some("let the backend lock its state"),
            Self::Held => Some("look at the stack, then say `mooring resume`"),
            Self::DirtyTree => Some("commit what was changed in the tree, or take it back"),
            Self::Unstable => Some("make what differs from plan to plan stay the same"),
            Self::FirstSight
            | Self::HereOnly
            | Self::Contested
            | Self::HoldOff
            | Self::TooManyChanges
            | Self::PolicyFailed
            | Self::NotAhead
            | Self::Window
            | Self::Freeze
            | Self::StackLimit
            | Self::FleetLimit
            | Self::Paused
            | Self::NeededApplying
            | Self::NeededFirst => None,
        }
    }
}

/// How what a stack reads in Git has moved since it was last in sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeSince {
    /// It was never in sync, or Git cannot tell.
    #[default]
    Unknown,
    /// It is the same.
    Same,
    /// It changed.
    Changed,
}

/// When Mooring applied something lately, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Applies {
    /// To this stack.
    pub stack: Vec<Timestamp>,
    /// To any stack.
    pub fleet: Vec<Timestamp>,
}

/// What a decision depends on besides findings and policy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// When it is.
    pub now: Timestamp,
    /// The stack.
    pub stack: Option<StackId>,
    /// Its source.
    pub source: Option<SourceName>,
    /// Its directory, relative to the root of the source.
    pub dir: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What stands against acting.
    pub guards: Vec<Guard>,
    /// What came back after it was repaired, if that is one of the guards.
    pub contested: Vec<AttributeKey>,
    /// When the hold-off time ends, if it stands.
    pub held_off_until: Option<Timestamp>,
    /// How the code moved since the stack was last in sync.
    pub code: CodeSince,
    /// Whether the state was not written since then.
    pub state_stood: bool,
    /// What was applied lately.
    pub applies: Applies,
    /// Who wants nothing applied.
    pub paused: Option<Pause>,
    /// The stacks that come first.
    pub needed: Vec<Awaited>,
    /// What people's policies in Rego say.
    pub opinion: Option<Opinion>,
}
