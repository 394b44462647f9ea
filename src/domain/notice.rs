//! What people are told: one value per message, from which every channel renders its own form.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::alert::{AlertEvent, AlertKind, Resolution};
use super::check::StackCheck;
use super::finding::{Severity, Verdict};
use super::ids::{AlertId, RunId, SourceName, StackId};

/// A message to people, complete and free of secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "notice")]
#[allow(clippy::large_enum_variant, reason = "few of them live at a time")]
pub enum Notice {
    /// Something happened to one alert.
    Alert(AlertNotice),
    /// Mooring changed something: what was repaired.
    Repaired(RepairNotice),
    /// First sight of a source, or a scheduled summary.
    Summary(SummaryNotice),
}

impl Notice {
    /// How much it matters.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Alert(alert) => alert.severity,
            Self::Repaired(_) | Self::Summary(_) => Severity::Info,
        }
    }

    /// The stack it is about, if it is about one.
    pub const fn stack(&self) -> Option<&StackId> {
        match self {
            Self::Alert(alert) => Some(&alert.stack),
            Self::Repaired(repair) => Some(&repair.stack),
            Self::Summary(_) => None,
        }
    }

    /// What it does to the conversation it belongs to.
    pub const fn turn(&self) -> Turn {
        match self {
            Self::Alert(alert) => match alert.event {
                AlertEvent::Opened => Turn::Begins,
                AlertEvent::Changed | AlertEvent::Reminded | AlertEvent::Escalated => Turn::GoesOn,
                AlertEvent::Acknowledged => Turn::IsTaken,
                AlertEvent::Resolved => Turn::Ends,
            },
            Self::Repaired(_) | Self::Summary(_) => Turn::Alone,
        }
    }

    /// Which conversation it belongs to: messages of one alert share it.
    pub fn conversation(&self) -> String {
        match self {
            Self::Alert(alert) => format!("alert-{}", alert.alert),
            Self::Repaired(repair) => format!("run-{}", repair.run),
            Self::Summary(summary) => format!("summary-{}", summary.at.as_second()),
        }
    }
}

/// What a message does to its conversation, for channels that keep incidents, issues or one message
/// that is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// A trouble begins.
    Begins,
    /// It is still there, or another than before.
    GoesOn,
    /// A person has taken it on.
    IsTaken,
    /// It is over.
    Ends,
    /// It is news, and nothing follows.
    Alone,
}

/// Something happened to an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertNotice {
    /// The alert.
    pub alert: AlertId,
    /// What happened to it.
    pub event: AlertEvent,
    /// What it is about.
    pub kind: AlertKind,
    /// The stack.
    pub stack: StackId,
    /// The worst severity in it.
    pub severity: Severity,
    /// When this event happened.
    pub at: Timestamp,
    /// When the alert was opened.
    pub opened_at: Timestamp,
    /// Since when the stack has been like this, if that is known.
    pub since: Option<Timestamp>,
    /// What no plan shows: how an apply of ours ended.
    pub detail: Option<String>,
    /// How it ended, if it did.
    pub resolution: Option<Resolution>,
    /// The stack as seen now.
    pub check: StackCheck,
}

/// A repair that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairNotice {
    /// The run that made it.
    pub run: RunId,
    /// The stack.
    pub stack: StackId,
    /// When it was verified.
    pub at: Timestamp,
    /// The stack as it was before, with the findings that were repaired and why that was safe.
    pub before: StackCheck,
    /// What is still there.
    pub after: StackCheck,
}

/// Why a summary is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SummaryReason {
    /// A source was looked at for the first time: its findings are the baseline.
    FirstSight(SourceName),
    /// The schedule asked for it.
    Scheduled,
}

/// The posture of many stacks in one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryNotice {
    /// Why it is sent.
    pub reason: SummaryReason,
    /// When it was made.
    pub at: Timestamp,
    /// Every stack that is not in sync, worst first.
    pub stacks: Vec<SummaryLine>,
    /// How many stacks have each verdict.
    pub counts: VerdictCounts,
}

/// One stack in a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryLine {
    /// The stack.
    pub stack: StackId,
    /// Its verdict.
    pub verdict: Verdict,
    /// The worst severity of its findings.
    pub severity: Severity,
    /// Since when.
    pub since: Option<Timestamp>,
    /// One line: what is wrong.
    pub text: String,
}

/// How many stacks have each verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerdictCounts {
    /// All of them.
    pub stacks: usize,
    /// In sync.
    pub in_sync: usize,
    /// Drifted.
    pub drifted: usize,
    /// Pending.
    pub pending: usize,
    /// Drifted and pending.
    pub drifted_and_pending: usize,
    /// Failed.
    pub failed: usize,
    /// Not checked recently enough.
    pub unknown: usize,
}

impl VerdictCounts {
    /// Counts verdicts.
    pub fn of(verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        let mut counts = Self::default();
        for verdict in verdicts {
            counts.stacks += 1;
            match verdict {
                Verdict::InSync => counts.in_sync += 1,
                Verdict::Drifted => counts.drifted += 1,
                Verdict::Pending => counts.pending += 1,
                Verdict::DriftedAndPending => counts.drifted_and_pending += 1,
                Verdict::Failed => counts.failed += 1,
                Verdict::Unknown => counts.unknown += 1,
            }
        }
        counts
    }
}
