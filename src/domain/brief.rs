//! A stack's trouble in half a line, for lists.

use super::check::StackCheck;
use super::finding::{Finding, Verdict};

/// What is wrong with a stack: the failure, or its worst finding and how many others.
pub fn brief(check: &StackCheck) -> String {
    if let (Verdict::Failed, Some(failure)) = (check.verdict, &check.failure) {
        return failure.to_string();
    }
    let findings = &check.findings;
    let told: Vec<&Finding> = findings
        .resources
        .iter()
        .filter(|finding| finding.suppressed.is_none())
        .collect();
    let Some(worst) = told.iter().max_by_key(|finding| finding.severity) else {
        return match (findings.checks.first(), findings.outputs.is_empty()) {
            (Some(check), _) => format!("{} does not pass", check.address),
            (None, false) => "outputs only".to_owned(),
            (None, true) => "nothing".to_owned(),
        };
    };
    let more = match told.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} ({}){more}", worst.address, worst.origin.as_str())
}
