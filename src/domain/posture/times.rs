//! How long it took: medians and ninetieth percentiles, by severity.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AlertSeen, FixedAlert, FixedBy, RunSeen, Saw, Window};
use crate::domain::alert::AlertKind;
use crate::domain::finding::{Severity, Verdict};

/// Severities, worst first.
const SEVERITIES: [Severity; 5] = [
    Severity::Critical,
    Severity::High,
    Severity::Medium,
    Severity::Low,
    Severity::Info,
];

/// How many runs of a stack, counted back from the opening of an alert about drift, are enough to
/// tell how long it took to detect: a few looks that were yet to be confirmed, and some that said
/// nothing.
pub const LOOKS_BEFORE: u32 = 20;

/// A length of time in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub u64);

impl Seconds {
    /// From one moment to a later one; nothing if it is not later.
    pub fn between(from: Timestamp, to: Timestamp) -> Self {
        Self(u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0))
    }
}

/// How long something took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Over all severities.
    pub all: Spread,
    /// Of each severity that occurs, worst first.
    pub by_severity: Vec<OfSeverity>,
}

/// How long something took at one severity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfSeverity {
    /// The severity.
    pub severity: Severity,
    /// How long it took.
    pub took: Spread,
}

/// Percentiles by nearest rank: each is a time that was really measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// How many could be measured.
    pub measured: usize,
    /// How many could not.
    pub unmeasured: usize,
    /// Half took no longer; none if nothing was measured.
    pub median_seconds: Option<Seconds>,
    /// Nine of ten took no longer.
    pub p90_seconds: Option<Seconds>,
}

impl Spread {
    fn of(took: &[Option<Seconds>]) -> Self {
        let mut measured: Vec<Seconds> = took.iter().flatten().copied().collect();
        measured.sort_unstable();
        let rank = |percent: usize| {
            let rank = (measured.len() * percent).div_ceil(100);
            measured.get(rank.saturating_sub(1)).copied()
        };
        Self {
            measured: measured.len(),
            unmeasured: took.len() - measured.len(),
            median_seconds: rank(50),
            p90_seconds: rank(90),
        }
    }
}

impl Measure {
    fn of(took: &[(Severity, Option<Seconds>)]) -> Self {
        let all: Vec<Option<Seconds>> = took.iter().map(|(_, took)| *took).collect();
        let by_severity = SEVERITIES.into_iter().filter_map(|severity| {
            let of = took.iter().filter(|(found, _)| *found == severity);
            let of: Vec<Option<Seconds>> = of.map(|(_, took)| *took).collect();
            (!of.is_empty()).then(|| OfSeverity {
                severity,
                took: Spread::of(&of),
            })
        });
        Self {
            all: Spread::of(&all),
            by_severity: by_severity.collect(),
        }
    }
}

/// That a stack is no longer tracked repaired nothing.
pub(super) fn to_repair(fixed: &[FixedAlert]) -> Measure {
    let over = |by| matches!(by, FixedBy::Untracked | FixedBy::Ignored);
    let fixed = fixed.iter().filter(|alert| !over(alert.by));
    let took = fixed.map(|alert| (alert.severity, Some(alert.after)));
    Measure::of(&took.collect::<Vec<_>>())
}

pub(super) fn to_detect(window: Window, alerts: &[&AlertSeen], runs: &[&RunSeen]) -> Measure {
    let mut sorted: Vec<&RunSeen> = runs.to_vec();
    sorted.sort_by(|a, b| (&a.stack, a.ended_at).cmp(&(&b.stack, b.ended_at)));
    let of_drift = alerts
        .iter()
        .filter(|alert| alert.kind == AlertKind::Drift && window.contains(alert.opened_at));
    let took = of_drift.map(|alert| {
        let start = sorted.partition_point(|run| run.stack < alert.stack);
        let end = sorted.partition_point(|run| run.stack <= alert.stack);
        let own = sorted.get(start..end).unwrap_or_default();
        (alert.severity, detected_after(alert, own))
    });
    Measure::of(&took.collect::<Vec<_>>())
}

/// From the beginning of the last look that saw no drift to the end of the first that did. A trouble
/// may have begun right after that look had read its object, so it took no longer than this. None
/// if no such look is known: the trouble was there from the first look on, or the look is forgotten.
fn detected_after(alert: &AlertSeen, runs: &[&RunSeen]) -> Option<Seconds> {
    let opening = runs.iter().rposition(|run| {
        (run.started_at..=run.ended_at).contains(&alert.opened_at) && run.saw != Saw::Nothing
    })?;
    let (before, from_opening) = runs.split_at(opening);
    let mut first = from_opening.first()?;
    for run in before.iter().rev() {
        match run.saw {
            Saw::Nothing => {}
            Saw::Unconfirmed => first = run,
            Saw::Verdict(Verdict::InSync | Verdict::Pending) | Saw::Repair => {
                return Some(Seconds::between(run.started_at, first.ended_at));
            }
            Saw::Verdict(_) => return None,
        }
    }
    None
}
