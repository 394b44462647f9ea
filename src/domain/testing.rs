//! Values for tests of the pure core.

use super::attribute_key::AttributeKey;
use super::check::StackCheck;
use super::finding::{
    AttributeChange, Finding, FindingAction, Findings, Origin, Severity, Subject, Verdict,
};
use super::ids::{Address, StackId};
use super::place::Background;
use super::plan::{Mode, PlannedAction, ResourceChange};
use super::policy::{Decision, DecisionKind};
use super::value::{AttributePath, Value};

/// A look at the stack `infra/a` with these findings and the verdict that follows from them.
pub(crate) fn check(resources: Vec<Finding>) -> StackCheck {
    let findings = Findings {
        resources,
        ..Findings::default()
    };
    let verdict = match (findings.has_drift(), findings.has_pending()) {
        (true, true) => Verdict::DriftedAndPending,
        (true, false) => Verdict::Drifted,
        (false, true) => Verdict::Pending,
        (false, false) => Verdict::InSync,
    };
    StackCheck {
        stack: Some(StackId::new("infra/a")),
        workspace: "default".to_owned(),
        commit: None,
        dirty: false,
        verdict,
        terraform_version: None,
        duration_ms: 1,
        failure: None,
        digest: None,
        recipe: None,
        findings,
        decision: Decision::new(DecisionKind::Alert),
    }
}

/// A managed object whose one attribute differs.
pub(crate) fn finding(
    address: &str,
    path: &str,
    origin: Origin,
    [state, real, want]: [&str; 3],
) -> Finding {
    let text = |value: &str| Value::String(value.to_owned());
    Finding {
        address: Address::new(address),
        resource_type: address.split('.').next().unwrap_or_default().to_owned(),
        mode: Mode::Managed,
        deposed: None,
        previous_address: None,
        importing: false,
        action: if origin == Origin::Unenforced {
            FindingAction::None
        } else {
            FindingAction::Update
        },
        origin,
        severity: Severity::Medium,
        severity_reason: String::new(),
        irreversible: None,
        suppressed: None,
        ignored: None,
        background: Background::default(),
        reason: None,
        attributes: vec![AttributeChange::new(
            Subject::Attribute(path_of(path)),
            origin,
            [text(state), text(real), text(want)],
        )],
    }
}

/// Drift from `prod` to `real`.
pub(crate) fn drift(address: &str, path: &str, real: &str) -> Finding {
    finding(address, path, Origin::Drift, ["prod", real, "prod"])
}

/// Code that wants `want` instead of `old`.
pub(crate) fn pending(address: &str, path: &str, want: &str) -> Finding {
    finding(address, path, Origin::Pending, ["old", "old", want])
}

/// The key of an attribute.
pub(crate) fn attribute(address: &str, path: &str) -> AttributeKey {
    let finding = drift(address, path, "");
    AttributeKey::of(&finding, &finding.attributes[0])
}

fn path_of(path: &str) -> AttributePath {
    AttributePath::new(path.split('.').map(str::to_owned).collect())
}

/// An object with these text attributes.
pub(crate) fn object(fields: &[(&str, &str)]) -> Value {
    let text = |value: &str| Value::String(value.to_owned());
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), text(value)));
    Value::Object(fields.collect())
}

/// An entry of a plan.
pub(crate) fn change(
    address: &str,
    action: PlannedAction,
    before: Value,
    after: Value,
) -> ResourceChange {
    ResourceChange {
        address: Address::new(address),
        previous_address: None,
        mode: Mode::Managed,
        resource_type: address.split('.').next().unwrap_or_default().to_owned(),
        deposed: None,
        action,
        before,
        after,
        replace_paths: Vec::new(),
        reason: None,
        importing: None,
    }
}

/// The value that a JSON text describes.
pub(crate) fn value(json: &str) -> Value {
    fn of(json: serde_json::Value) -> Value {
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(b) => Value::Bool(b),
            serde_json::Value::Number(n) => {
                Value::Number(super::value::Number::parse(&n.to_string()))
            }
            serde_json::Value::String(text) => Value::String(text),
            serde_json::Value::Array(items) => Value::List(items.into_iter().map(of).collect()),
            serde_json::Value::Object(fields) => Value::Object(
                fields
                    .into_iter()
                    .map(|(key, value)| (key, of(value)))
                    .collect(),
            ),
        }
    }
    of(serde_json::from_str(json).unwrap_or_default())
}
