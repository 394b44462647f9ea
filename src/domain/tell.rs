//! What people are told about a look at a stack: which alerts open, change or end.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::alert::{Alert, AlertEvent, AlertKind, Resolution, Sight, Trouble, advance};
use super::check::StackCheck;
use super::content::{AttributeKey, content, tells_drift};
use super::finding::{Severity, Verdict};
use super::ids::AlertId;
use super::notice::{AlertNotice, Notice};
use super::stack::StackRecord;

/// The alerts of a stack after a look, with what to tell about those that moved.
#[derive(Debug, Default)]
pub struct Told {
    /// Alerts to store.
    pub alerts: Vec<Alert>,
    /// Messages to send.
    pub notices: Vec<Notice>,
}

/// What the alerts of a stack depend on besides the look itself.
#[derive(Debug)]
pub struct Situation<'a> {
    /// The stack, with the look already taken in.
    pub record: &'a StackRecord,
    /// The look.
    pub check: &'a StackCheck,
    /// Whether Mooring has just repaired something here.
    pub repaired: bool,
    /// How long code may wait.
    pub pending_after: SignedDuration,
}

/// Which alerts move. `fresh` makes ids.
pub fn tell(
    situation: &Situation<'_>,
    open: &[Alert],
    fresh: impl Fn() -> AlertId,
    now: Timestamp,
) -> Told {
    let mut told = Told::default();
    for (kind, sight) in sights(situation, now) {
        let alert = open.iter().find(|alert| alert.kind == kind).cloned();
        let stack = &situation.record.id;
        if let Some((alert, event)) = advance(alert, &sight, stack, kind, fresh(), now) {
            told.notices.push(notice(&alert, event, situation, now));
            told.alerts.push(alert);
        }
    }
    told
}

fn notice(alert: &Alert, event: AlertEvent, situation: &Situation<'_>, now: Timestamp) -> Notice {
    let detail = situation.record.held.clone();
    Notice::Alert(AlertNotice {
        alert: alert.id,
        event,
        kind: alert.kind,
        stack: alert.stack.clone(),
        severity: alert.trouble.severity,
        at: now,
        opened_at: alert.opened_at,
        since: match alert.kind {
            AlertKind::Drift => situation.record.drift_since,
            AlertKind::Pending => situation.record.pending_since,
            AlertKind::Failed | AlertKind::Apply => None,
        },
        detail: detail.filter(|_| alert.kind == AlertKind::Apply),
        resolution: alert.resolved.map(|(_, resolution)| resolution),
        check: situation.check.clone(),
    })
}

fn sights(situation: &Situation<'_>, now: Timestamp) -> [(AlertKind, Sight); 4] {
    let check = situation.check;
    let unstable = &situation.record.doubt.unstable;
    let over = Sight::Absent(Resolution::PutBack);
    let failed = check.verdict == Verdict::Failed;
    let failure = match &check.failure {
        Some(failure) if failed => Sight::Present(Trouble {
            content: failure.kind.as_str().to_owned(),
            severity: Severity::High,
        }),
        _ => over.clone(),
    };
    let drift = match drift_trouble(check, unstable) {
        _ if failed => Sight::Unseen,
        Some(trouble) => Sight::Present(trouble),
        None if situation.repaired => Sight::Absent(Resolution::Repaired),
        None => over.clone(),
    };
    let waited = situation
        .record
        .pending_since
        .map(|since| now.duration_since(since));
    let pending = match waited {
        _ if failed => Sight::Unseen,
        Some(waited) if waited >= situation.pending_after => Sight::Present(Trouble {
            content: content(check, unstable, |f| f.is_pending() || f.is_consequence()),
            severity: Severity::Medium,
        }),
        Some(_) => Sight::Unseen,
        None => over.clone(),
    };
    let apply = match &situation.record.held {
        Some(reason) => Sight::Present(Trouble {
            content: reason.clone(),
            severity: Severity::Critical,
        }),
        None => over,
    };
    [
        (AlertKind::Failed, failure),
        (AlertKind::Drift, drift),
        (AlertKind::Pending, pending),
        (AlertKind::Apply, apply),
    ]
}

fn drift_trouble(check: &StackCheck, unstable: &BTreeSet<AttributeKey>) -> Option<Trouble> {
    let findings = &check.findings;
    let worst = findings
        .resources
        .iter()
        .filter(|f| tells_drift(f))
        .map(|f| f.severity)
        .max();
    let checks = findings.has_failing_check().then_some(Severity::High);
    let outputs = findings.has_drift().then_some(Severity::Low);
    let severity = worst.max(checks).max(outputs)?;
    Some(Trouble {
        content: content(check, unstable, tells_drift),
        severity,
    })
}
