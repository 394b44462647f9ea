//! How much a finding matters, whether it can be undone, and whether it is noise: all that follows
//! from what differs in it and the rules.

use super::finding::Finding;
use super::irreversible::irreversible;
use super::noise::suppressed;
use super::rules::Rules;
use super::severity::severity;

/// Judges a finding; again, when its differences have been corrected.
pub(super) fn assess(finding: &mut Finding, rules: &Rules) {
    finding.irreversible = irreversible(finding, rules);
    (finding.severity, finding.severity_reason) = severity(finding, rules);
    finding.suppressed = suppressed(finding, rules);
}
