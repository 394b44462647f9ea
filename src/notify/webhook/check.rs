//! A stack as it was seen, in the data of an event.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;

use crate::domain::check::StackCheck;
use crate::domain::finding::{AttributeChange, Finding};
use crate::domain::place::{Declared, LastChange};

#[derive(Debug, Serialize)]
pub(super) struct Check<'a> {
    verdict: &'static str,
    workspace: &'a str,
    commit: Option<&'a str>,
    dirty: bool,
    findings: Vec<FindingBody<'a>>,
    outputs: Vec<OutputBody<'a>>,
    checks: Vec<CheckBody<'a>>,
    decision: DecisionBody<'a>,
    failure: Option<FailureBody<'a>>,
}

#[derive(Debug, Serialize)]
struct FindingBody<'a> {
    address: &'a str,
    #[serde(rename = "type")]
    resource_type: &'a str,
    deposed: Option<&'a str>,
    previous_address: Option<&'a str>,
    importing: bool,
    action: &'static str,
    origin: &'static str,
    severity: &'static str,
    /// Why it matters that much; may be empty.
    severity_reason: &'a str,
    /// Since when it has been found.
    since: Option<Timestamp>,
    /// Where it is declared, and who last changed that.
    location: Option<Location<'a>>,
    irreversible: bool,
    suppressed: bool,
    attributes: Vec<AttributeBody>,
}

/// A block of the configuration; the file is relative to the root of the repository.
#[derive(Debug, Serialize)]
struct Location<'a> {
    file: &'a str,
    line: u32,
    end_line: u32,
    url: Option<&'a str>,
    last_change: Option<&'a LastChange>,
}

/// One difference: as recorded, as it is, as Git wants it. Masked values are `"(sensitive)"`.
#[derive(Debug, Serialize)]
struct AttributeBody {
    path: String,
    origin: &'static str,
    state: Json,
    real: Json,
    want: Json,
    sensitive: bool,
}

#[derive(Debug, Serialize)]
struct OutputBody<'a> {
    name: &'a str,
    action: &'static str,
    origin: &'static str,
    sensitive: bool,
}

#[derive(Debug, Serialize)]
struct CheckBody<'a> {
    address: &'a str,
    status: crate::domain::plan::CheckStatus,
    messages: &'a [String],
}

#[derive(Debug, Serialize)]
struct DecisionBody<'a> {
    kind: &'static str,
    reasons: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct FailureBody<'a> {
    kind: &'static str,
    message: &'a str,
    hint: &'a str,
}

pub(super) fn check(check: &StackCheck) -> Check<'_> {
    let findings = &check.findings;
    Check {
        verdict: check.verdict.as_str(),
        workspace: &check.workspace,
        commit: check.commit.as_ref().map(|commit| commit.as_str()),
        dirty: check.dirty,
        findings: findings.resources.iter().map(finding).collect(),
        outputs: findings
            .outputs
            .iter()
            .map(|output| OutputBody {
                name: &output.name,
                action: output.action.as_str(),
                origin: output.origin.as_str(),
                sensitive: output.sensitive,
            })
            .collect(),
        checks: findings
            .checks
            .iter()
            .map(|check| CheckBody {
                address: &check.address,
                status: check.status,
                messages: &check.messages,
            })
            .collect(),
        decision: DecisionBody {
            kind: check.decision.kind.as_str(),
            reasons: check.decision.reasons.iter().map(|r| &*r.text).collect(),
        },
        failure: check.failure.as_ref().map(|failure| FailureBody {
            kind: failure.kind.as_str(),
            message: &failure.message,
            hint: &failure.hint,
        }),
    }
}

fn finding(finding: &Finding) -> FindingBody<'_> {
    FindingBody {
        address: finding.address.as_str(),
        resource_type: &finding.resource_type,
        deposed: finding.deposed.as_deref(),
        previous_address: finding.previous_address.as_ref().map(|a| a.as_str()),
        importing: finding.importing,
        action: finding.action.as_str(),
        origin: finding.origin.as_str(),
        severity: finding.severity.as_str(),
        severity_reason: &finding.severity_reason,
        since: finding.background.since,
        location: finding.background.declared.as_ref().map(location),
        irreversible: finding.irreversible.is_some(),
        suppressed: finding.suppressed.is_some(),
        attributes: finding.attributes.iter().map(attribute).collect(),
    }
}

fn location(declared: &Declared) -> Location<'_> {
    Location {
        file: &declared.place.file,
        line: declared.place.first,
        end_line: declared.place.last,
        url: declared.link.as_deref(),
        last_change: declared.changed.as_ref(),
    }
}

fn attribute(change: &AttributeChange) -> AttributeBody {
    AttributeBody {
        path: change.subject.to_string(),
        origin: change.origin.as_str(),
        state: change.state.to_json(),
        real: change.real.to_json(),
        want: change.want.to_json(),
        sensitive: change.sensitive(),
    }
}
