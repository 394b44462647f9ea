//! How much a finding matters, and why: by the operator's rules, then by the built-in table.

use super::effect::Effect;
use super::finding::{AttributeChange, Finding, FindingAction, Origin, Severity, Subject};
use super::irreversible::loses_object;
use super::rules::{Rules, SeverityRule, covered};
use super::tables::{SEVERITY, SeverityRow};
use super::value::Value;

/// The reason where there is none.
pub const NOTHING_SPECIAL: &str = "nothing special is known of it";

/// The severity of a finding, and why.
///
/// The first rule of the operator that matches decides. Without one the built-in table does: for
/// each attribute the highest severity among the rows that name it, or else among the rows for all
/// attributes of its type; for the finding the highest of its attributes.
pub fn severity(finding: &Finding, rules: &Rules) -> (Severity, String) {
    match matched(finding, rules) {
        Some(rule) => {
            let reason = rule.reason.as_deref().unwrap_or("as configured");
            (rule.severity, reason.to_owned())
        }
        None => built_in(finding, rules),
    }
}

/// The operator's rule that decides on a finding, if one does.
pub fn matched<'r>(finding: &Finding, rules: &'r Rules) -> Option<&'r SeverityRule> {
    rules.severities.iter().find(|rule| {
        let mut attributes = finding.attributes.iter();
        rule.resource_type.is_match(&finding.resource_type)
            && (rule.origins.is_empty() || rule.origins.contains(&finding.origin))
            && (rule.attributes.is_empty() || attributes.all(|a| covered(&rule.attributes, a)))
    })
}

/// Whether nothing but consequences of other changes is in a finding.
fn only_follows(finding: &Finding) -> bool {
    let mut attributes = finding.attributes.iter();
    finding.origin == Origin::Consequence && attributes.all(|a| a.origin == Origin::Consequence)
}

fn built_in(finding: &Finding, rules: &Rules) -> (Severity, String) {
    if let Some(reason) = loses_object(finding, rules) {
        return (Severity::Critical, format!("it could lose data: {reason}"));
    }
    let mut worst: Option<(Severity, String)> = None;
    let mut raise = |severity, reason: &dyn Fn() -> String| {
        if worst.as_ref().is_none_or(|(known, _)| severity > *known) {
            worst = Some((severity, reason()));
        }
    };
    if let Some(reason) = &finding.irreversible {
        raise(Severity::High, &|| reason.clone());
    }
    if finding.action == FindingAction::Read || only_follows(finding) {
        raise(Severity::Info, &|| {
            "it follows from other changes".to_owned()
        });
    } else {
        for attribute in &finding.attributes {
            match row(finding, attribute) {
                Some(row) => raise(row.severity, &|| words(attribute, row)),
                None => {
                    let (severity, reason) = unlisted(attribute.origin);
                    raise(severity, &|| reason.to_owned());
                }
            }
        }
    }
    worst.unwrap_or_else(|| (Severity::Medium, NOTHING_SPECIAL.to_owned()))
}

const fn unlisted(origin: Origin) -> (Severity, &'static str) {
    match origin {
        Origin::Unenforced => (Severity::Low, "no configuration looks there"),
        Origin::Consequence => (Severity::Info, "it follows from other changes"),
        _ => (Severity::Medium, NOTHING_SPECIAL),
    }
}

/// The row that decides on an attribute.
fn row(finding: &Finding, attribute: &AttributeChange) -> Option<&'static SeverityRow> {
    let holds = |row: &&SeverityRow| {
        row.scope.has_type(&finding.resource_type)
            && row.scope.below(&attribute.subject).any(|below| {
                if !matches!(attribute.subject, Subject::Attribute(_)) {
                    return row.effect == Effect::Any;
                }
                let mut moves = moves(attribute).into_iter().flatten();
                moves.any(|(from, to)| row.effect.of(from, to, below) == Some(true))
            })
    };
    let matching: Vec<&SeverityRow> = SEVERITY.iter().filter(holds).collect();
    let (general, named): (Vec<&SeverityRow>, Vec<&SeverityRow>) =
        matching.into_iter().partition(|row| row.scope.is_general());
    let rows = if named.is_empty() { general } else { named };
    // Of equals the one that is about fewer types, and of those the first.
    let weight = |row: &&SeverityRow| (row.severity, !row.scope.is_of_any_type());
    rows.into_iter().rev().max_by_key(weight)
}

/// What moved: the world from the recorded value to the real one, the code from the real one to
/// the wanted one.
fn moves(attribute: &AttributeChange) -> [Option<(&Value, &Value)>; 2] {
    let world = (&attribute.state, &attribute.real);
    let code = (&attribute.real, &attribute.want);
    match attribute.origin {
        Origin::Drift | Origin::Unenforced => [Some(world), None],
        Origin::Pending | Origin::Input | Origin::Consequence => [Some(code), None],
        Origin::Both => [Some(world), Some(code)],
    }
}

fn words(attribute: &AttributeChange, row: &SeverityRow) -> String {
    match &attribute.subject {
        Subject::Attribute(path) => format!("{path} {}: {}", row.effect.words(), row.reason),
        Subject::Deleted => format!("deleted by hand: {}", row.reason),
        Subject::Create | Subject::Delete | Subject::Forget | Subject::Replace => {
            row.reason.to_owned()
        }
    }
}
