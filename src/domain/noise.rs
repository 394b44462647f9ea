//! Known noise: what servers change by themselves and what says nothing. Only a finding that is
//! nothing but noise, and that no apply would touch, is kept from people.

use super::finding::{AttributeChange, Finding, FindingAction, Origin};
use super::rules::{Rules, covered};
use super::tables::NOISE;

/// Why a finding is nothing but known noise, if it is: no apply would touch the object, and every
/// attribute that differs is on a list: the operator's, or the built-in one, which does not hold for
/// attributes that a severity rule of the operator names.
pub fn suppressed(finding: &Finding, rules: &Rules) -> Option<String> {
    let untouched = finding.action == FindingAction::None
        && finding.previous_address.is_none()
        && !finding.importing;
    if !untouched || finding.attributes.is_empty() {
        return None;
    }
    let mut reasons: Vec<&str> = Vec::new();
    for attribute in &finding.attributes {
        let reason = reason(&finding.resource_type, attribute, rules)?;
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    Some(reasons.join("; "))
}

/// Whether a difference is noise by itself.
pub fn is_noise(resource_type: &str, attribute: &AttributeChange, rules: &Rules) -> bool {
    reason(resource_type, attribute, rules).is_some()
}

fn reason<'r>(
    resource_type: &str,
    attribute: &AttributeChange,
    rules: &'r Rules,
) -> Option<&'r str> {
    if attribute.origin != Origin::Unenforced {
        return None;
    }
    let own = rules.noise.iter().find(|rule| {
        rule.resource_type.is_match(resource_type) && covered(&rule.attributes, attribute)
    });
    if let Some(rule) = own {
        return Some(&rule.reason);
    }
    let claimed = rules.severities.iter().any(|rule| {
        rule.resource_type.is_match(resource_type) && covered(&rule.attributes, attribute)
    });
    if claimed {
        return None;
    }
    let row = NOISE
        .iter()
        .find(|row| row.scope.has_type(resource_type) && covered(&row.scope.attributes, attribute));
    row.map(|row| row.reason)
}
