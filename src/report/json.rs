//! The JSON report, version 1. Fields may be added; none changes its meaning.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;

use super::{Summary, words};
use crate::domain::check::StackCheck;
use crate::domain::failure::Failure;
use crate::domain::finding::{AttributeChange, Finding, FindingAction, Note, Origin};
use crate::domain::finding::{OutputFinding, Severity, Verdict};
use crate::domain::ids::Address;
use crate::domain::ignored::Ignored;
use crate::domain::place::{Declared, LastChange};
use crate::domain::plan::{Check, Mode};
use crate::domain::policy::{About, Approvable, By, Decision, DecisionKind, Reason, Requirement};
use crate::domain::why::why;

/// The whole document.
#[derive(Debug, Clone, Serialize)]
struct Document<'a> {
    schema_version: u32,
    summary: Summary,
    stacks: Vec<StackReport<'a>>,
}

/// One stack.
#[derive(Debug, Clone, Serialize)]
pub struct StackReport<'a> {
    /// Its id; null for a plan file that was explained.
    pub stack: Option<&'a str>,
    /// Its workspace.
    pub workspace: &'a str,
    /// The commit that was planned.
    pub commit: Option<&'a str>,
    /// Whether the tree had uncommitted changes.
    pub dirty: bool,
    /// The verdict.
    pub verdict: Verdict,
    /// The version of the tool that planned.
    pub terraform_version: Option<&'a str>,
    /// How long the look took, in milliseconds.
    pub duration_ms: u64,
    /// Why it failed: kind, message and hint.
    pub error: Option<&'a Failure>,
    /// The digest of the change set.
    pub digest: Option<&'a str>,
    /// Objects that are not as they should be.
    pub findings: Vec<FindingReport<'a>>,
    /// Outputs that would change.
    pub outputs: &'a [OutputFinding],
    /// Checks that did not pass.
    pub checks: &'a [Check],
    /// Number of changes put off to a later plan.
    pub deferred: usize,
    /// Number of provider actions that an apply would run.
    pub invocations: usize,
    /// Number of findings that nobody is told of; they are listed all the same.
    pub suppressed: usize,
    /// What policy says.
    pub decision: DecisionReport<'a>,
}

/// What policy says of the plan as a whole.
#[derive(Debug, Clone, Serialize)]
pub struct DecisionReport<'a> {
    /// What to do.
    pub kind: DecisionKind,
    /// Why, one sentence each.
    pub reasons: Vec<&'a str>,
    /// What was decided of each change, and by which rule or guard.
    pub explained: Vec<ExplainedReport<'a>>,
    /// Whose yes it needs, if it is asked.
    pub requirement: &'a Requirement,
    /// Whether people can say yes.
    pub approvable: Approvable,
    /// It is not decided otherwise before this time.
    pub not_before: Option<Timestamp>,
    /// What was decided, where decisions are only recorded.
    pub shadow: Option<DecisionKind>,
}

/// One thing that was decided, and by what.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainedReport<'a> {
    /// The object; null if it is about the plan.
    pub address: Option<&'a Address>,
    /// What of it; null if it is about all of it.
    pub attribute: Option<&'a str>,
    /// What decided: `builtin`, `default`, `{"guard": …}` or `{"rule": {"name", "effect"}}`.
    pub by: &'a By,
    /// The reason as a sentence.
    pub text: &'a str,
}

/// A decision as the report and the API show it.
pub fn decision_dto(decision: &Decision) -> DecisionReport<'_> {
    DecisionReport {
        kind: decision.kind,
        reasons: decision.reasons.iter().map(|r| r.text.as_str()).collect(),
        explained: decision.explained().map(explained).collect(),
        requirement: &decision.requirement,
        approvable: decision.approvable,
        not_before: decision.not_before,
        shadow: decision.shadow,
    }
}

/// A reason with what decided, as the report and the API show it.
pub fn explained(reason: &Reason) -> ExplainedReport<'_> {
    let (address, attribute) = match &reason.about {
        About::Plan => (None, None),
        About::Change { address, attribute } => (Some(address), attribute.as_deref()),
    };
    ExplainedReport {
        address,
        attribute,
        by: &reason.by,
        text: &reason.text,
    }
}

/// One object that is not as it should be.
#[derive(Debug, Clone, Serialize)]
pub struct FindingReport<'a> {
    /// Its address.
    pub address: &'a str,
    /// Its resource type.
    #[serde(rename = "type")]
    pub resource_type: &'a str,
    /// Managed or data.
    pub mode: Mode,
    /// The deposed key of a left-over object.
    pub deposed: Option<&'a str>,
    /// Its address before a move.
    pub previous_address: Option<&'a str>,
    /// Whether it is being imported.
    pub importing: bool,
    /// What an apply would do to it.
    pub action: FindingAction,
    /// The origin over all its attributes.
    pub origin: Origin,
    /// How much it matters.
    pub severity: Severity,
    /// Why it matters that much.
    pub severity_reason: &'a str,
    /// Whether the change could lose data.
    pub irreversible: bool,
    /// Why it could.
    pub irreversible_reason: Option<&'a str>,
    /// Whether it is known noise or ignored: nobody is told of it.
    pub suppressed: bool,
    /// Why it is.
    pub suppressed_reason: Option<&'a str>,
    /// The rule that ignores it, with who answers for it, why and until when.
    pub ignored: Option<&'a Ignored>,
    /// Terraform's reason or the history behind it.
    pub reason: Option<&'a str>,
    /// Since when it has been found; null if only this look knows of it.
    pub since: Option<Timestamp>,
    /// Where the block stands that declares it, if a tree is at hand.
    pub location: Option<LocationReport<'a>>,
    /// The differences.
    pub attributes: Vec<AttributeReport>,
}

/// A block of the configuration.
#[derive(Debug, Clone, Serialize)]
pub struct LocationReport<'a> {
    /// Its file, relative to the root of the repository.
    pub file: &'a str,
    /// Its first line, from 1.
    pub line: u32,
    /// Its last line.
    pub end_line: u32,
    /// Where it can be looked at as it was planned.
    pub url: Option<&'a str>,
    /// Who last changed a line of it: author, time, commit and the first line of its message.
    pub last_change: Option<&'a LastChange>,
}

/// One difference with its three sides; masked values are `(sensitive)`, those known only after
/// the apply `(known after apply)`.
#[derive(Debug, Clone, Serialize)]
pub struct AttributeReport {
    /// The path, or `<deleted>`, `<create>`, `<delete>`, `<forget>`, `<replace>`.
    pub path: String,
    /// Where the difference comes from.
    pub origin: Origin,
    /// As last recorded.
    pub state: Json,
    /// As it is.
    pub real: Json,
    /// As the configuration wants it.
    pub want: Json,
    /// Whether any side is masked.
    pub sensitive: bool,
    /// Whether part of what is wanted is known only after the apply.
    pub unknown: bool,
    /// Whether it forces a replacement.
    pub forces_replacement: bool,
    /// Why it has its origin.
    pub why: String,
    /// What its values do not show at once.
    pub note: Option<Note>,
}

/// The JSON report over these stacks, in their order.
pub fn json(checks: &[StackCheck]) -> Json {
    let document = Document {
        schema_version: 1,
        summary: Summary::of(checks),
        stacks: checks.iter().map(stack_dto).collect(),
    };
    serde_json::to_value(document).unwrap_or_default()
}

/// One stack as the report and the API show it.
pub fn stack_dto(check: &StackCheck) -> StackReport<'_> {
    StackReport {
        stack: check.stack.as_ref().map(AsRef::as_ref),
        workspace: &check.workspace,
        commit: check.commit.as_ref().map(AsRef::as_ref),
        dirty: check.dirty,
        verdict: check.verdict,
        terraform_version: check.terraform_version.as_deref(),
        duration_ms: check.duration_ms,
        error: check.failure.as_ref(),
        digest: check.digest.as_ref().map(AsRef::as_ref),
        findings: check.findings.resources.iter().map(finding).collect(),
        outputs: &check.findings.outputs,
        checks: &check.findings.checks,
        deferred: check.findings.deferred,
        invocations: check.findings.invocations,
        suppressed: words::suppressed(check),
        decision: decision_dto(&check.decision),
    }
}

fn finding(finding: &Finding) -> FindingReport<'_> {
    FindingReport {
        address: finding.address.as_str(),
        resource_type: &finding.resource_type,
        mode: finding.mode,
        deposed: finding.deposed.as_deref(),
        previous_address: finding.previous_address.as_ref().map(AsRef::as_ref),
        importing: finding.importing,
        action: finding.action,
        origin: finding.origin,
        severity: finding.severity,
        severity_reason: &finding.severity_reason,
        irreversible: finding.irreversible.is_some(),
        irreversible_reason: finding.irreversible.as_deref(),
        suppressed: finding.suppressed.is_some(),
        suppressed_reason: finding.suppressed.as_deref(),
        ignored: finding.ignored.as_ref(),
        reason: finding.reason.as_deref(),
        since: finding.background.since,
        location: finding.background.declared.as_ref().map(location),
        attributes: finding.attributes.iter().map(attribute).collect(),
    }
}

fn location(declared: &Declared) -> LocationReport<'_> {
    LocationReport {
        file: &declared.place.file,
        line: declared.place.first,
        end_line: declared.place.last,
        url: declared.link.as_deref(),
        last_change: declared.changed.as_ref(),
    }
}

fn attribute(change: &AttributeChange) -> AttributeReport {
    AttributeReport {
        path: change.subject.to_string(),
        origin: change.origin,
        state: change.state.to_json(),
        real: change.real.to_json(),
        want: change.want.to_json(),
        sensitive: change.sensitive(),
        unknown: change.want.has_unknown(),
        forces_replacement: change.forces_replacement,
        why: why(change),
        note: change.note,
    }
}
