//! What a posture is made from: stacks as they are now, alerts and runs of a time, as plain values.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::period::Window;
use crate::domain::alert::{Alert, AlertKind, Resolution};
use crate::domain::finding::{Finding, Severity, Verdict};
use crate::domain::guard::is_recent;
use crate::domain::ids::{SourceName, StackId};
use crate::domain::ignored::Ignored;
use crate::domain::policy::Contest;
use crate::domain::run::{Outcome, Run};
use crate::domain::selection::Selection;
use crate::domain::stack::StackRecord;

/// Everything a posture is made from.
#[derive(Debug, Clone)]
pub struct Input {
    /// When it is made: verdicts are of this moment.
    pub made_at: Timestamp,
    /// The time that is told of.
    pub window: Window,
    /// From when on resolved alerts are still known; none if nothing was forgotten.
    pub known_from: Option<Timestamp>,
    /// Which stacks are told of.
    pub filter: Filter,
    /// Every stack ever seen.
    pub stacks: Vec<StackNow>,
    /// Every alert that was open at some moment of the window, and every one that is open now.
    pub alerts: Vec<AlertSeen>,
    /// Every run that applied something in the window, and of each alert about drift the runs that
    /// lead up to it; more do no harm.
    pub runs: Vec<RunSeen>,
}

/// Which stacks and alerts are told of; an empty one lets all of them pass.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Filter {
    /// Which stacks.
    #[serde(flatten)]
    pub which: Selection,
    /// The least severity of alerts.
    pub severity: Option<Severity>,
}

impl Filter {
    /// Whether a stack passes.
    pub fn passes(&self, stack: &StackNow) -> bool {
        let source = Some(&stack.source);
        self.which
            .fits(stack.id.as_str(), source, &stack.labels, &stack.owners)
    }
}

/// A stack as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackNow {
    /// Its id.
    pub id: StackId,
    /// Its source.
    pub source: SourceName,
    /// Its directory in the source.
    pub dir: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Who answers for it.
    pub owners: Vec<String>,
    /// Whether it is still looked after; one that is not counts only in the past.
    pub tracked: bool,
    /// Its verdict: an old one is `unknown`.
    pub verdict: Verdict,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The worst severity of what is told of it, if there is anything.
    pub severity: Option<Severity>,
    /// When it was last looked at.
    pub checked_at: Option<Timestamp>,
    /// Attributes that drifted again soon after their repair.
    pub contested: Vec<String>,
    /// Findings that nobody is told of: address and reason.
    pub suppressed: Vec<(String, String)>,
    /// Findings that rules ignore.
    pub ignored: Vec<(String, Ignored)>,
    /// One line: what is wrong; nothing if all is well.
    pub headline: Option<String>,
}

impl StackNow {
    /// A stack as it is remembered, seen at a time.
    pub fn of(record: &StackRecord, owners: Vec<String>, now: Timestamp) -> Self {
        let verdict = record.verdict(now);
        let worst = worst(record);
        let contest = Contest::default();
        let lately = record
            .repairs
            .iter()
            .filter(|repair| is_recent(repair, &contest, now));
        let contested = lately.filter(|repair| record.drifting.contains_key(&repair.attribute));
        let mut contested: Vec<String> = contested
            .map(|repair| repair.attribute.as_str().to_owned())
            .collect();
        contested.sort();
        contested.dedup();
        Self {
            id: record.id.clone(),
            source: record.source.clone(),
            dir: record.dir.clone(),
            labels: record.labels.clone(),
            owners,
            tracked: record.tracked,
            verdict,
            since: match verdict {
                Verdict::Unknown => record.checked_at,
                _ => record.verdict_since,
            },
            severity: match verdict {
                Verdict::Failed => Some(Severity::High),
                _ => worst.map(|finding| finding.severity),
            },
            checked_at: record.checked_at,
            contested,
            ignored: findings(record)
                .filter_map(|f| Some((f.address.to_string(), f.ignored.clone()?)))
                .collect(),
            suppressed: findings(record)
                .filter_map(|finding| {
                    let reason = finding.suppressed.clone()?;
                    Some((finding.address.to_string(), reason))
                })
                .collect(),
            headline: headline(record, verdict),
        }
    }
}

fn findings(record: &StackRecord) -> impl Iterator<Item = &Finding> {
    let last = record.last.iter();
    last.flat_map(|check| &check.findings.resources)
}

fn worst(record: &StackRecord) -> Option<&Finding> {
    let told = findings(record).filter(|finding| finding.suppressed.is_none());
    told.max_by_key(|finding| finding.severity)
}

/// One line: what is wrong with a stack; nothing if it is in sync and nothing from medium severity
/// up was found.
pub fn headline(record: &StackRecord, verdict: Verdict) -> Option<String> {
    let worst = worst(record);
    if verdict == Verdict::InSync && worst.is_none_or(|f| f.severity < Severity::Medium) {
        return None;
    }
    let last = record.last.as_ref();
    let failure = last.and_then(|check| check.failure.as_ref());
    Some(match (verdict, failure, worst) {
        (Verdict::Unknown, ..) if last.is_none() => "never checked".to_owned(),
        (Verdict::Unknown, ..) => "not checked recently".to_owned(),
        (Verdict::Failed, Some(failure), _) => failure.to_string(),
        (_, _, Some(worst)) => {
            let told = findings(record).filter(|finding| finding.suppressed.is_none());
            let more = match told.count().saturating_sub(1) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{} ({}){more}", worst.address, worst.origin.as_str())
        }
        _ => "outputs or checks only".to_owned(),
    })
}

/// Somebody knows of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// Until when it keeps the alert quiet; none means until it ends.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
}

/// An alert of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertSeen {
    /// Its stack, or a source that cannot be read.
    pub stack: StackId,
    /// What it is about.
    pub kind: AlertKind,
    /// The worst severity in it.
    pub severity: Severity,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Since when the stack has been like this, if that is known.
    pub since: Option<Timestamp>,
    /// When and by whom it was ended.
    pub resolved: Option<(Timestamp, FixedBy)>,
    /// Who knows of it.
    pub acknowledged: Option<Acknowledgement>,
}

impl AlertSeen {
    /// An alert as it is remembered, with what is known of its stack.
    pub fn of(alert: &Alert, record: Option<&StackRecord>) -> Self {
        let since = record.and_then(|record| match alert.kind {
            AlertKind::Drift => record.drift_since,
            AlertKind::Pending => record.pending_since,
            AlertKind::Failed | AlertKind::Apply => None,
        });
        let (open, opened_at) = (alert.resolved.is_none(), alert.begun_at());
        let acknowledged = alert.acknowledged.as_ref();
        Self {
            stack: alert.stack.clone(),
            kind: alert.kind,
            severity: alert.trouble.severity,
            opened_at,
            since: since.filter(|since| open && *since <= opened_at),
            resolved: alert
                .resolved
                .map(|(at, how)| (at, FixedBy::of(alert.kind, how))),
            acknowledged: acknowledged.map(|known| Acknowledgement {
                by: known.by.clone(),
                until: known.until,
                reason: known.reason.clone(),
            }),
        }
    }

    /// When the trouble was first seen, as far as is known.
    pub(super) fn first_seen(&self) -> Timestamp {
        self.since
            .map_or(self.opened_at, |since| since.min(self.opened_at))
    }

    /// When it ended; never before it began.
    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        let resolved = self.resolved.as_ref();
        resolved.map(|(at, _)| (*at).max(self.opened_at))
    }

    /// Whether it was open just before a moment.
    pub(super) fn is_open_before(&self, at: Timestamp) -> bool {
        self.opened_at < at && self.ended_at().is_none_or(|end| end >= at)
    }
}

/// Who ended a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixedBy {
    /// Mooring repaired it.
    Mooring,
    /// It was put right outside Mooring.
    Outside,
    /// Waiting code was applied outside Mooring, or taken back in Git.
    Code,
    /// Nobody: rules ignore it by now.
    Ignored,
    /// Nobody: the stack is no longer tracked.
    Untracked,
}

impl FixedBy {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Mooring,
        Self::Outside,
        Self::Code,
        Self::Ignored,
        Self::Untracked,
    ];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mooring => "mooring",
            Self::Outside => "outside",
            Self::Code => "code",
            Self::Ignored => "ignored",
            Self::Untracked => "untracked",
        }
    }

    /// Who ended a trouble of this kind that ended like this.
    pub const fn of(kind: AlertKind, resolution: Resolution) -> Self {
        match (resolution, kind) {
            (Resolution::Repaired, _) => Self::Mooring,
            (Resolution::Ignored, _) => Self::Ignored,
            (Resolution::Untracked, _) => Self::Untracked,
            (Resolution::CaughtUp, _) | (Resolution::PutBack, AlertKind::Pending) => Self::Code,
            (Resolution::PutBack, AlertKind::Drift | AlertKind::Failed | AlertKind::Apply) => {
                Self::Outside
            }
        }
    }
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSeen {
    /// Its stack.
    pub stack: StackId,
    /// When it began to look.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What came of it.
    pub saw: Saw,
}

/// What a run says about its stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saw {
    /// A confirmed look.
    Verdict(Verdict),
    /// A look that said something new and bad, yet to be confirmed.
    Unconfirmed,
    /// Mooring put something back, in whole or in part.
    Repair,
    /// Nothing.
    Nothing,
}

impl RunSeen {
    /// A run as it is remembered; none while it is not over.
    pub fn of(run: &Run) -> Option<Self> {
        let ended_at = run.ended_at?;
        let saw = match &run.outcome {
            Some(Outcome::Checked { verdict }) => Saw::Verdict(*verdict),
            Some(Outcome::Unconfirmed { .. }) => Saw::Unconfirmed,
            Some(Outcome::Repaired | Outcome::PartlyRepaired) => Saw::Repair,
            Some(Outcome::Failed { .. } | Outcome::Busy | Outcome::Cancelled) | None => {
                Saw::Nothing
            }
        };
        Some(Self {
            stack: run.stack.clone(),
            started_at: run.started_at.unwrap_or(run.queued_at),
            ended_at,
            saw,
        })
    }
}
