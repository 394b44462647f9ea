//! Which findings an alert is about.

use crate::domain::alert::AlertKind;
use crate::domain::finding::{Finding, Origin, Severity};
use crate::domain::notice::AlertNotice;

/// Unenforced changes below this severity are everyday noise of providers; a message leaves them
/// to the report.
pub(super) const UNENFORCED_FROM: Severity = Severity::Medium;

/// Whether a finding is what this kind of alert is about.
pub(super) fn concerns(kind: AlertKind, finding: &Finding) -> bool {
    let unenforced = finding.origin == Origin::Unenforced
        && finding.suppressed.is_none()
        && finding.severity >= UNENFORCED_FROM;
    match kind {
        AlertKind::Drift => finding.is_drift() || unenforced,
        AlertKind::Pending => finding.is_pending() && finding.origin != Origin::Drift,
        AlertKind::Failed | AlertKind::Apply => {
            finding.is_drift() || finding.is_pending() || unenforced
        }
    }
}

pub(super) fn worst_first<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<&'a Finding> {
    let mut findings: Vec<&Finding> = findings.collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// The findings that an alert is about, the gravest first.
pub(super) fn concerned(alert: &AlertNotice) -> Vec<&Finding> {
    let findings = alert.check.findings.resources.iter();
    worst_first(findings.filter(|finding| concerns(alert.kind, finding)))
}
