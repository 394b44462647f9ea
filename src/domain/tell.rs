//! What people are told about a look at a stack: which alerts open, change or end.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::alert::{
    Acknowledgement, Alert, AlertEvent, AlertKind, Resolution, Sight, Trouble, advance, news,
};
use super::attribute_key::AttributeKey;
use super::audience::Audience;
use super::cause;
use super::check::StackCheck;
use super::content::{content, parts, tells_drift};
use super::failure::Failure;
use super::finding::{Finding, Severity, Verdict};
use super::ids::AlertId;
use super::notice::{AlertNotice, RequestLine};
use super::stack::StackRecord;
use super::timing::Timings;

/// The alerts of a stack after a look, with what to tell about those that moved.
#[derive(Debug, Default)]
pub struct Told {
    /// Alerts to store, each as it would be told now.
    pub alerts: Vec<(Alert, AlertNotice)>,
    /// What to tell.
    pub news: Vec<AlertNotice>,
}

/// Who acknowledges what is found at the first sight of a source.
const BASELINE: &str = "the baseline";

impl Told {
    /// Says of every trouble that a plan would mend what people are asked about it.
    pub fn ask(&mut self, request: &Option<RequestLine>) {
        let stored = self.alerts.iter_mut().map(|(_, notice)| notice);
        for notice in stored.chain(&mut self.news) {
            if matches!(notice.kind, AlertKind::Drift | AlertKind::Pending) {
                notice.request.clone_from(request);
            }
        }
    }

    /// What was found at the first sight of a source opens its alerts silently, because one summary
    /// says it all, and nobody is reminded of it until it grows. What Mooring itself did is told all
    /// the same, and what cannot be looked at is told again and again.
    pub fn open_silently(&mut self, now: Timestamp) {
        self.news.retain(|news| news.kind == AlertKind::Apply);
        for (alert, notice) in &mut self.alerts {
            if alert.kind == AlertKind::Drift && !alert.is_over() {
                alert.acknowledged = Some(Acknowledgement {
                    by: BASELINE.to_owned(),
                    at: now,
                    until: None,
                    reason: Some("found at the first look".to_owned()),
                });
                notice.acknowledged.clone_from(&alert.acknowledged);
            }
        }
    }
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
    /// Whether what the stack reads in Git differs from the last look.
    pub code_moved: bool,
    /// How long code may wait.
    pub pending_after: SignedDuration,
    /// When people are told.
    pub timings: &'a Timings,
    /// Whom it concerns.
    pub audience: &'a Audience,
}

/// Which alerts move. `known` are the open ones of the stack and those that ended lately; `fresh`
/// makes ids.
pub fn tell(
    situation: &Situation<'_>,
    known: &[Alert],
    fresh: impl Fn() -> AlertId,
    now: Timestamp,
) -> Told {
    let mut told = Told::default();
    for (kind, sight) in sights(situation) {
        let before = latest(known, kind);
        let stack = &situation.record.id;
        let severity = match &sight {
            Sight::Present(trouble) => trouble.severity,
            Sight::Absent(_) | Sight::Unseen => Severity::Info,
        };
        let timing = situation
            .timings
            .of(kind, severity, situation.pending_after);
        let moved = advance(
            before.cloned(),
            &sight,
            (stack, kind),
            &timing,
            fresh(),
            now,
        );
        let Some((alert, event)) = moved else {
            continue;
        };
        let since = match kind {
            AlertKind::Drift => situation.record.drift_since,
            AlertKind::Pending => situation.record.pending_since,
            AlertKind::Failed | AlertKind::Apply => None,
        };
        let detail = situation.record.held.clone();
        let mut notice = AlertNotice {
            since,
            detail: detail.filter(|_| kind == AlertKind::Apply),
            ..as_told(&alert, situation.check, situation.audience, now)
        };
        if let Some(event) = event {
            notice.event = event;
            let last = before.filter(|_| event == AlertEvent::Changed);
            notice.news =
                last.map_or_else(Vec::new, |b| news(&b.trouble.parts, &alert.trouble.parts));
            told.news.push(notice.clone());
        }
        told.alerts.push((alert, notice));
    }
    told
}

/// The open alert of a kind, or else the one that ended last.
fn latest(known: &[Alert], kind: AlertKind) -> Option<&Alert> {
    let of_kind = known.iter().filter(|alert| alert.kind == kind);
    of_kind.max_by_key(|alert| (!alert.is_over(), alert.resolved.map(|(at, _)| at)))
}

/// An alert as news, as if it had just been opened; what a look knows besides is added to it.
pub fn as_told(
    alert: &Alert,
    check: &StackCheck,
    audience: &Audience,
    now: Timestamp,
) -> AlertNotice {
    AlertNotice {
        alert: alert.id,
        event: AlertEvent::Opened,
        kind: alert.kind,
        stack: alert.stack.clone(),
        severity: alert.trouble.severity,
        at: now,
        looked_at: None,
        opened_at: alert.begun_at(),
        since: None,
        detail: None,
        resolution: None,
        news: Vec::new(),
        acknowledged: None,
        returns: 0,
        escalated: false,
        cause: alert.trouble.cause.clone(),
        request: None,
        trouble: None,
        audience: audience.clone(),
        check: check.clone(),
    }
    .with(alert)
}

impl AlertNotice {
    /// The same news with what is known of the alert now.
    #[must_use]
    pub fn with(self, alert: &Alert) -> Self {
        Self {
            opened_at: alert.begun_at(),
            resolution: alert.resolved.map(|(_, resolution)| resolution),
            acknowledged: alert.acknowledged.clone(),
            returns: alert.returns.len(),
            escalated: alert.escalated_at.is_some(),
            trouble: Some(alert.trouble.clone()),
            ..self
        }
    }
}

/// A trouble that is one failure: another kind of it is another trouble.
pub fn of_failure_alone(failure: &Failure) -> BTreeMap<String, String> {
    let kind = failure.kind.as_str().to_owned();
    BTreeMap::from([(kind.clone(), kind)])
}

fn sights(situation: &Situation<'_>) -> [(AlertKind, Sight); 4] {
    let check = situation.check;
    let unstable = &situation.record.doubt.unstable;
    let over = Sight::Absent(Resolution::PutBack);
    let failed = check.verdict == Verdict::Failed;
    let failure = match &check.failure {
        Some(failure) if failed => Sight::Present(Trouble {
            content: failure.kind.as_str().to_owned(),
            severity: Severity::High,
            parts: of_failure_alone(failure),
            cause: Some(cause::of_failure(failure)),
        }),
        _ => over.clone(),
    };
    let drift = match drift_trouble(check, unstable) {
        _ if failed => Sight::Unseen,
        Some(trouble) => Sight::Present(trouble),
        None if situation.repaired => Sight::Absent(Resolution::Repaired),
        None if check.findings.has_drift() => Sight::Absent(Resolution::Ignored),
        None if situation.code_moved => Sight::Absent(Resolution::CaughtUp),
        None => over.clone(),
    };
    let waits = |f: &Finding| f.is_pending() || f.is_consequence();
    let pending = match situation.record.pending_since {
        _ if failed => Sight::Unseen,
        Some(_) => Sight::Present(Trouble {
            content: content(check, unstable, waits),
            severity: Severity::Medium,
            parts: parts(check, unstable, waits),
            cause: cause::of_findings(check, AlertKind::Pending, waits),
        }),
        None => over.clone(),
    };
    let apply = match &situation.record.held {
        Some(reason) => Sight::Present(Trouble {
            content: reason.clone(),
            severity: Severity::Critical,
            parts: BTreeMap::new(),
            cause: None,
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
    let outputs = findings.has_told_drift().then_some(Severity::Low);
    let severity = worst.max(checks).max(outputs)?;
    Some(Trouble {
        content: content(check, unstable, tells_drift),
        severity,
        parts: parts(check, unstable, tells_drift),
        cause: cause::of_findings(check, AlertKind::Drift, tells_drift),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::domain::ids::{SourceName, StackId};
    use crate::domain::ignored::Ignored;
    use crate::domain::testing::{check, drift};

    fn told(look: &StackCheck, known: &[Alert], now: Timestamp) -> Told {
        let (id, source) = (StackId::new("infra/a"), SourceName::new("infra"));
        let (dir, workspace) = ("a".to_owned(), "default".to_owned());
        let mut record = StackRecord::new(id, source, dir, workspace, BTreeMap::new(), now);
        record.observe(look.clone(), now);
        let situation = Situation {
            record: &record,
            check: look,
            repaired: false,
            code_moved: false,
            pending_after: SignedDuration::from_hours(24),
            timings: &Timings::default().at_once(),
            audience: &Audience::default(),
        };
        let fresh = || AlertId::from_uuid(uuid::Uuid::nil());
        tell(&situation, known, fresh, now)
    }

    #[test]
    fn drift_that_rules_ignore_opens_no_alert_and_ends_the_one_there_is() {
        let now = Timestamp::UNIX_EPOCH;
        let mut look = check(vec![drift("t.a", "tags.Env", "x")]);
        let opened = told(&look, &[], now).alerts.remove(0).0;
        assert_eq!(opened.kind, AlertKind::Drift);
        let found = &mut look.findings.resources[0];
        found.suppressed = Some("ignored".to_owned());
        found.ignored = Some(Ignored {
            rule: "r".to_owned(),
            owner: "o".to_owned(),
            reason: "why".to_owned(),
            until: None,
        });
        assert!(told(&look, &[], now).alerts.is_empty());
        let later = now + SignedDuration::from_hours(1);
        let (ended, _) = told(&look, &[opened], later).alerts.remove(0);
        assert_eq!(ended.resolved, Some((later, Resolution::Ignored)));
    }
}
