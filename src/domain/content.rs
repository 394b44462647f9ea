//! What a look found, boiled down to one hash: the same trouble has the same content, whenever it
//! is looked at.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::attribute_key::AttributeKey;
use super::check::StackCheck;
use super::finding::{AttributeChange, Finding, Origin, Severity};

/// Unenforced changes of this severity or above are worth a message.
const UNENFORCED_TELLS_FROM: Severity = Severity::Medium;

/// Whether the world moved here in a way that people are told about.
pub fn tells_drift(finding: &Finding) -> bool {
    let unenforced = finding.has_unenforced() && finding.severity >= UNENFORCED_TELLS_FROM;
    (finding.is_drift() && finding.suppressed.is_none()) || unenforced
}

/// Whether a finding counts when two looks are compared.
pub fn counts(finding: &Finding) -> bool {
    tells_drift(finding) || finding.is_pending() || finding.is_consequence()
}

/// Hashes the findings that `which` lets through, the outputs and the failing checks, without times
/// and without the values of attributes known to be `unstable`.
pub fn content(
    check: &StackCheck,
    unstable: &BTreeSet<AttributeKey>,
    which: impl Fn(&Finding) -> bool,
) -> String {
    let findings = &check.findings;
    let told = findings.resources.iter().filter(|f| which(f));
    let mut lines: Vec<String> = told.flat_map(|f| lines(f, unstable)).collect();
    let outputs = findings.outputs.iter();
    lines.extend(outputs.map(|o| serde_json::json!(["output", o.name, o.origin]).to_string()));
    let checks = findings.checks.iter();
    lines.extend(checks.map(|c| serde_json::json!(["check", c.address, c.status]).to_string()));
    hash(lines)
}

fn lines(finding: &Finding, unstable: &BTreeSet<AttributeKey>) -> Vec<String> {
    let head = (&finding.address, &finding.deposed, finding.action);
    let whole = serde_json::json!([head, finding.previous_address, finding.importing]);
    let attributes = finding.attributes.iter().map(|a| {
        let line = if unstable.contains(&AttributeKey::of(finding, a)) {
            serde_json::json!([head, a.subject, a.origin])
        } else {
            serde_json::json!([head, a.subject, a.origin, a.state, a.real, a.want])
        };
        line.to_string()
    });
    std::iter::once(whole.to_string())
        .chain(attributes)
        .collect()
}

fn hash(mut lines: Vec<String>) -> String {
    lines.sort_unstable();
    hex::encode(Sha256::digest(lines.join("\n")))
}

/// What the trouble consists of: each object by its address (outputs and checks by theirs), with a
/// hash over how it differs.
pub fn parts(
    check: &StackCheck,
    unstable: &BTreeSet<AttributeKey>,
    which: impl Fn(&Finding) -> bool,
) -> BTreeMap<String, String> {
    let findings = &check.findings;
    let resources = findings.resources.iter().filter(|f| which(f)).map(|f| {
        let name = match &f.deposed {
            Some(key) => format!("{} (deposed object {key})", f.address),
            None => f.address.to_string(),
        };
        (name, hash(lines(f, unstable)))
    });
    let outputs = findings.outputs.iter();
    let outputs = outputs.map(|o| (format!("output {}", o.name), o.origin.as_str().to_owned()));
    let checks = findings.checks.iter();
    let checks = checks.map(|c| (c.address.clone(), format!("{:?}", c.status)));
    resources.chain(outputs).chain(checks).collect()
}

/// Every attribute that an apply would put back, by its key.
pub fn drifted(check: &StackCheck) -> impl Iterator<Item = AttributeKey> + '_ {
    drifted_attributes(check).map(|(key, _)| key)
}

/// Every attribute that an apply would put back.
pub fn drifted_attributes(
    check: &StackCheck,
) -> impl Iterator<Item = (AttributeKey, &AttributeChange)> + '_ {
    let findings = check
        .findings
        .resources
        .iter()
        .filter(|finding| finding.is_drift());
    findings.flat_map(|finding: &Finding| {
        let attributes = finding
            .attributes
            .iter()
            .filter(|a| a.origin == Origin::Drift);
        attributes.map(move |a| (AttributeKey::of(finding, a), a))
    })
}
