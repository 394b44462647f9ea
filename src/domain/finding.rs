//! What is not as it should be: findings, their origins and the verdict over a stack.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{Address, CommitId};
use super::ignored::Ignored;
use super::place::Background;
use super::plan::{Check, CheckStatus, Mode};
use super::value::{AttributePath, Value};

/// Where a difference comes from.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The world moved; an apply would put it back.
    Drift,
    /// The configuration moved and has not been applied.
    Pending,
    /// Both moved.
    Both,
    /// The world moved where the configuration does not look.
    Unenforced,
    /// It follows from another change.
    Consequence,
    /// Neither Git nor a managed object moved: a data source, variable or provider did.
    Input,
}

impl Origin {
    /// The origin of an object over those of its attributes; none if it has none.
    pub fn over(attributes: &[AttributeChange]) -> Option<Self> {
        let has = |origin| attributes.iter().any(|a| a.origin == origin);
        let moved_in_git = has(Self::Pending) || has(Self::Input);
        if has(Self::Both) || (has(Self::Drift) && moved_in_git) {
            return Some(Self::Both);
        }
        [
            Self::Drift,
            Self::Pending,
            Self::Input,
            Self::Consequence,
            Self::Unenforced,
        ]
        .into_iter()
        .find(|origin| has(*origin))
    }

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drift => "drift",
            Self::Pending => "pending",
            Self::Both => "both",
            Self::Unenforced => "unenforced",
            Self::Consequence => "consequence",
            Self::Input => "input",
        }
    }
}

/// How much a finding matters.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Cosmetic.
    Low,
    /// Should be looked at in working hours.
    Medium,
    /// Should be looked at today.
    High,
    /// Should wake somebody.
    Critical,
}

impl Severity {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Info,
            Self::Low,
            Self::Medium,
            Self::High,
            Self::Critical,
        ]
        .into_iter()
        .find(|severity| severity.as_str() == word)
    }
}

/// What happens to the object if the plan is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingAction {
    /// Changed in place.
    Update,
    /// Created.
    Create,
    /// Destroyed.
    Delete,
    /// Destroyed and created.
    Replace,
    /// Dropped from the state.
    Forget,
    /// A data source is read.
    Read,
    /// Nothing (unenforced, moved or imported as it is).
    None,
    /// Something this program does not know; never safe.
    Other,
}

impl FindingAction {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Replace => "replace",
            Self::Forget => "forget",
            Self::Read => "read",
            Self::None => "none",
            Self::Other => "other",
        }
    }
}

/// What a difference is about: an attribute, or the object as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// An attribute path.
    Attribute(AttributePath),
    /// `<deleted>`: the object was deleted by hand.
    Deleted,
    /// `<create>`: the configuration wants it and it never was.
    Create,
    /// `<delete>`: the configuration no longer wants it.
    Delete,
    /// `<forget>`: it is to leave the state.
    Forget,
    /// `<replace>`: it is replaced for a reason no attribute shows (tainted, triggered).
    Replace,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Attribute(path) => path.fmt(f),
            Self::Deleted => f.write_str("<deleted>"),
            Self::Create => f.write_str("<create>"),
            Self::Delete => f.write_str("<delete>"),
            Self::Forget => f.write_str("<forget>"),
            Self::Replace => f.write_str("<replace>"),
        }
    }
}

/// What tells the origin of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The three sides in the plan.
    #[default]
    Plan,
    /// Drift that was seen before a refresh wrote it into the state: the plan alone would call it
    /// pending.
    Absorbed {
        /// When it was first seen.
        since: Timestamp,
    },
    /// Nothing the stack reads changed in Git since it was in sync there.
    GitUnmoved {
        /// The commit at which it was last in sync.
        since: CommitId,
    },
    /// Remembered from an earlier look: an apply wrote it into the state, so no plan shows it.
    Remembered {
        /// When it was first seen.
        since: Timestamp,
    },
}

/// Something about a difference that its values do not show at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// Both are the same JSON document, spelt differently.
    SameDocument,
    /// Both hold the same items in another order. Whether that matters, only the provider's schema
    /// tells.
    SameItems,
}

/// One difference of one object, with its three sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// What it is about.
    pub subject: Subject,
    /// Where it comes from.
    pub origin: Origin,
    /// As last recorded in the state.
    pub state: Value,
    /// As it is.
    pub real: Value,
    /// As the configuration wants it.
    pub want: Value,
    /// Whether it forces a replacement.
    pub forces_replacement: bool,
    /// What tells where it comes from.
    #[serde(default)]
    pub evidence: Evidence,
    /// What its values do not show at once.
    #[serde(default)]
    pub note: Option<Note>,
}

impl AttributeChange {
    /// A difference as a plan shows it; `sides` are state, real and want.
    pub fn new(subject: Subject, origin: Origin, sides: [Value; 3]) -> Self {
        let [state, real, want] = sides;
        Self {
            subject,
            origin,
            state,
            real,
            want,
            forces_replacement: false,
            evidence: Evidence::Plan,
            note: None,
        }
    }

    /// A difference about the object as a whole.
    pub fn whole(subject: Subject, origin: Origin) -> Self {
        Self::new(subject, origin, [Value::Null, Value::Null, Value::Null])
    }

    /// Whether any side is masked; then all sides are shown masked.
    pub fn sensitive(&self) -> bool {
        self.state.has_sensitive() || self.real.has_sensitive() || self.want.has_sensitive()
    }
}

/// One object that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its address.
    pub address: Address,
    /// Its resource type.
    pub resource_type: String,
    /// Managed or data.
    pub mode: Mode,
    /// The deposed key, if it is a left-over object.
    pub deposed: Option<String>,
    /// Its address before a move.
    pub previous_address: Option<Address>,
    /// Whether it is being imported.
    pub importing: bool,
    /// What an apply would do to it.
    pub action: FindingAction,
    /// The origin over all its attributes.
    pub origin: Origin,
    /// How much it matters.
    pub severity: Severity,
    /// Why it matters that much.
    #[serde(default)]
    pub severity_reason: String,
    /// Why the change could lose data or cannot be undone, if so.
    pub irreversible: Option<String>,
    /// Why it is known noise and nobody is told, if so.
    pub suppressed: Option<String>,
    /// The rule that ignores it, if that is why.
    #[serde(default)]
    pub ignored: Option<Ignored>,
    /// What is known of it besides what the plan says.
    #[serde(default)]
    pub background: Background,
    /// Terraform's reason for the action, or the history behind the finding.
    pub reason: Option<String>,
    /// The differences.
    pub attributes: Vec<AttributeChange>,
}

impl Finding {
    /// Whether the world moved here and an apply would put it back (D in the verdict rule).
    pub fn is_drift(&self) -> bool {
        self.mode == Mode::Managed && matches!(self.origin, Origin::Drift | Origin::Both)
    }

    /// Whether the configuration would still change something here (P in the verdict rule),
    /// consequences not counted.
    pub fn is_pending(&self) -> bool {
        if self.mode != Mode::Managed {
            return false;
        }
        self.importing
            || self.previous_address.is_some()
            || self.action == FindingAction::Other
            || (self.action == FindingAction::Update && self.changes_unseen())
            || self
                .attributes
                .iter()
                .any(|a| matches!(a.origin, Origin::Pending | Origin::Both | Origin::Input))
    }

    /// Whether nothing that differs here tells what an apply would change.
    fn changes_unseen(&self) -> bool {
        let mut attributes = self.attributes.iter();
        attributes.all(|a| a.origin == Origin::Unenforced)
    }

    /// Whether the world moved here where no configuration looks; beside other changes of the same
    /// object too.
    pub fn has_unenforced(&self) -> bool {
        self.suppressed.is_none()
            && self
                .attributes
                .iter()
                .any(|a| a.origin == Origin::Unenforced)
    }

    /// Whether it is a consequence of other changes and nothing else.
    pub fn is_consequence(&self) -> bool {
        self.mode == Mode::Managed && self.origin == Origin::Consequence
    }
}

/// Where an output change comes from, and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFinding {
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub action: FindingAction,
    /// Whether it is marked sensitive.
    pub sensitive: bool,
    /// Drift if what it depends on drifted, consequence if it follows from another change of the
    /// plan, else pending.
    pub origin: Origin,
}

/// Everything a plan says about a stack.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Findings {
    /// Objects that are not as they should be, in plan order.
    pub resources: Vec<Finding>,
    /// Outputs that would change.
    pub outputs: Vec<OutputFinding>,
    /// Checks that did not pass.
    pub checks: Vec<Check>,
    /// Changes put off to a later plan.
    pub deferred: usize,
    /// Provider actions that an apply would run, besides its changes.
    #[serde(default)]
    pub invocations: usize,
}

impl Findings {
    /// D: the world moved.
    pub fn has_drift(&self) -> bool {
        self.resources.iter().any(Finding::is_drift)
            || self.outputs.iter().any(|o| o.origin == Origin::Drift)
    }

    /// Whether the world moved in a way that no rule ignores. An output follows from what drifted.
    pub fn has_told_drift(&self) -> bool {
        let mut resources = self.resources.iter();
        let ignores = self.resources.iter().any(|f| f.ignored.is_some());
        resources.any(|f| f.is_drift() && f.suppressed.is_none())
            || (!ignores && self.outputs.iter().any(|o| o.origin == Origin::Drift))
    }

    /// Whether the world moved, and rules ignore all of it.
    pub fn has_only_ignored_drift(&self) -> bool {
        self.has_drift() && !self.has_told_drift()
    }

    /// Whether there is anything that people are told about besides drift and code.
    pub fn has_other_trouble(&self) -> bool {
        self.has_failing_check() || self.has_grave_unenforced()
    }

    /// P: the configuration would still change something.
    pub fn has_pending(&self) -> bool {
        let plain = self.resources.iter().any(Finding::is_pending)
            || self
                .outputs
                .iter()
                .any(|o| matches!(o.origin, Origin::Pending | Origin::Input))
            || self.deferred > 0
            || self.invocations > 0;
        let consequences = self.resources.iter().any(Finding::is_consequence)
            || self.outputs.iter().any(|o| o.origin == Origin::Consequence);
        plain || (consequences && !self.has_drift())
    }

    /// Whether a check failed or could not be evaluated.
    pub fn has_failing_check(&self) -> bool {
        self.checks
            .iter()
            .any(|c| matches!(c.status, CheckStatus::Fail | CheckStatus::Error))
    }

    /// Whether an unsuppressed unenforced finding is high or critical.
    pub fn has_grave_unenforced(&self) -> bool {
        let mut resources = self.resources.iter();
        resources.any(|f| f.has_unenforced() && f.severity >= Severity::High)
    }
}

/// The verdict over a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The world, the state and Git agree.
    InSync,
    /// The world moved.
    Drifted,
    /// Git moved.
    Pending,
    /// Both.
    DriftedAndPending,
    /// It could not be planned.
    Failed,
    /// Not checked, or not recently enough.
    Unknown,
}

impl Verdict {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::Drifted => "drifted",
            Self::Pending => "pending",
            Self::DriftedAndPending => "drifted_and_pending",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the stack is anything but in sync.
    pub const fn is_bad(self) -> bool {
        !matches!(self, Self::InSync)
    }
}

/// What the plan command's exit code said; comes before everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanExit {
    /// 0: nothing to do.
    NoChanges,
    /// 2: something to do.
    Changes,
    /// 1: it failed.
    Failed,
}

/// The verdict of a plan: the exit code first, then `errored`/`complete`, then the findings.
pub fn verdict(exit: PlanExit, errored: bool, complete: bool, findings: &Findings) -> Verdict {
    if exit == PlanExit::Failed || errored || !complete {
        return Verdict::Failed;
    }
    match (findings.has_drift(), findings.has_pending(), exit) {
        (true, true, _) => Verdict::DriftedAndPending,
        (true, false, _) => Verdict::Drifted,
        (false, true, _) | (false, false, PlanExit::Changes) => Verdict::Pending,
        (false, false, _) => Verdict::InSync,
    }
}
