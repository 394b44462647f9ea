//! What people are told about a look at a stack: which alerts open, change or end.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::domain::alert::{Alert, AlertEvent, AlertKind, Resolution, Sight, Trouble, advance};
use crate::domain::check::StackCheck;
use crate::domain::finding::{Finding, Origin, Severity, Verdict};
use crate::domain::ids::{AlertId, StackId};
use crate::domain::notice::{AlertNotice, Notice};
use crate::domain::stack::StackRecord;

/// Unenforced changes of this severity or above are worth a message.
const UNENFORCED_ALERTS_FROM: Severity = Severity::Medium;

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
    /// An apply of ours did not end as it should; says how.
    pub apply_trouble: Option<&'a str>,
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
            told.notices
                .push(notice(&alert, event, situation.check, now));
            told.alerts.push(alert);
        }
    }
    told
}

/// The message for one step of an alert.
pub fn notice(alert: &Alert, event: AlertEvent, check: &StackCheck, now: Timestamp) -> Notice {
    Notice::Alert(AlertNotice {
        alert: alert.id,
        event,
        kind: alert.kind,
        stack: alert.stack.clone(),
        severity: alert.trouble.severity,
        at: now,
        opened_at: alert.opened_at,
        resolution: alert.resolved.map(|(_, resolution)| resolution),
        check: check.clone(),
    })
}

fn sights(situation: &Situation<'_>, now: Timestamp) -> [(AlertKind, Sight); 4] {
    let check = situation.check;
    let over = Sight::Absent(Resolution::PutBack);
    let failed = check.verdict == Verdict::Failed;
    let failure = match &check.failure {
        Some(failure) if failed => Sight::Present(Trouble {
            content: failure.kind.as_str().to_owned(),
            severity: Severity::High,
        }),
        _ => over.clone(),
    };
    let drift = match drift_trouble(check) {
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
            content: content(&situation.record.id, check, |f| f.is_pending()),
            severity: Severity::Medium,
        }),
        Some(_) => Sight::Unseen,
        None => over.clone(),
    };
    let apply = match situation.apply_trouble {
        Some(trouble) => Sight::Present(Trouble {
            content: trouble.to_owned(),
            severity: Severity::Critical,
        }),
        None if failed => Sight::Unseen,
        None => over,
    };
    [
        (AlertKind::Failed, failure),
        (AlertKind::Drift, drift),
        (AlertKind::Pending, pending),
        (AlertKind::Apply, apply),
    ]
}

fn tells(finding: &Finding) -> bool {
    finding.is_drift()
        || (finding.origin == Origin::Unenforced
            && !finding.suppressed
            && finding.severity >= UNENFORCED_ALERTS_FROM)
}

fn drift_trouble(check: &StackCheck) -> Option<Trouble> {
    let findings = &check.findings;
    let worst = findings
        .resources
        .iter()
        .filter(|f| tells(f))
        .map(|f| f.severity)
        .max();
    let checks = findings.has_failing_check().then_some(Severity::High);
    let outputs = findings.has_drift().then_some(Severity::Low);
    let severity = worst.max(checks).max(outputs)?;
    let stack = check.stack.clone().unwrap_or_else(|| StackId::new("."));
    Some(Trouble {
        content: content(&stack, check, tells),
        severity,
    })
}

/// A hash over what the findings are, without times, so that the same trouble has the same content.
pub fn content(stack: &StackId, check: &StackCheck, which: impl Fn(&Finding) -> bool) -> String {
    let mut lines: Vec<String> = check
        .findings
        .resources
        .iter()
        .filter(|finding| which(finding))
        .flat_map(|finding| {
            let head = (&finding.address, &finding.deposed, finding.action);
            let whole = serde_json::json!([head, finding.previous_address, finding.importing]);
            let parts = finding.attributes.iter().map(move |a| {
                serde_json::json!([head, a.subject, a.origin, a.state, a.real, a.want])
            });
            std::iter::once(whole)
                .chain(parts)
                .map(|line| line.to_string())
        })
        .collect();
    lines.extend(
        check
            .findings
            .outputs
            .iter()
            .map(|o| format!("output {} {:?}", o.name, o.origin)),
    );
    lines.extend(
        check
            .findings
            .checks
            .iter()
            .map(|c| format!("check {} {:?}", c.address, c.status)),
    );
    lines.sort_unstable();
    let mut hash = Sha256::new();
    hash.update(stack.as_str());
    for line in lines {
        hash.update([0]);
        hash.update(line);
    }
    hex::encode(hash.finalize())
}
