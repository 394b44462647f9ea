//! Which changes could lose data or cannot be undone. Nothing that is so is ever automatic.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::finding::{AttributeChange, Finding, FindingAction, Origin, Subject};
use super::rules::{Rules, covered};
use super::tables::{IRREVERSIBLE, STATEFUL};

static STATEFUL_TYPES: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    let rows = STATEFUL.iter();
    rows.map(|row| (row.resource_type, row.reason)).collect()
});

/// Why objects of this type may hold what cannot be made again, if they may.
pub fn holds_data(resource_type: &str) -> Option<&'static str> {
    STATEFUL_TYPES.get(resource_type).copied()
}

/// Why applying this change could lose data or cannot be undone, if so: by what happens to the
/// object, or to one of its attributes.
pub fn irreversible(finding: &Finding, rules: &Rules) -> Option<String> {
    let attributes = finding.attributes.iter();
    loses_object(finding, rules).map(str::to_owned).or_else(|| {
        let mut reasons = attributes.filter_map(|a| loses_value(finding, a, rules));
        reasons.next()
    })
}

/// Why the object's data could be lost: delete, replace or forget of something that may hold data,
/// an action this program does not know, or its re-creation (empty) after somebody deleted it.
pub fn loses_object<'r>(finding: &Finding, rules: &'r Rules) -> Option<&'r str> {
    let recreated = finding.action == FindingAction::Create
        && finding
            .attributes
            .iter()
            .any(|a| a.subject == Subject::Deleted && a.origin == Origin::Drift);
    let gone = matches!(
        finding.action,
        FindingAction::Delete
            | FindingAction::Replace
            | FindingAction::Forget
            | FindingAction::Other
    );
    if !gone && !recreated {
        return None;
    }
    let own = rules.irreversible.iter().find(|rule| {
        rule.attributes.is_empty() && rule.resource_type.is_match(&finding.resource_type)
    });
    own.map(|rule| rule.reason.as_str())
        .or_else(|| holds_data(&finding.resource_type))
}

/// Why an apply would do to an attribute what cannot be undone: from the real value to the wanted
/// one. What cannot be told, because it is masked or not known yet, is taken for the worst.
fn loses_value(finding: &Finding, change: &AttributeChange, rules: &Rules) -> Option<String> {
    let Subject::Attribute(path) = &change.subject else {
        return None;
    };
    if change.origin == Origin::Unenforced {
        return None;
    }
    let own = rules.irreversible.iter().find(|rule| {
        let touched = rule.attributes.iter().any(|pattern| {
            pattern.below(path.segments()).is_some_and(|below| {
                super::effect::Effect::Any.of(&change.real, &change.want, below) != Some(false)
            })
        });
        rule.resource_type.is_match(&finding.resource_type)
            && (touched || covered(&rule.attributes, change))
    });
    if let Some(rule) = own {
        return Some(format!("{path}: {}", rule.reason));
    }
    let row = IRREVERSIBLE.iter().find(|row| {
        row.scope.has_type(&finding.resource_type)
            && row
                .scope
                .below(&change.subject)
                .any(|below| row.effect.of(&change.real, &change.want, below) != Some(false))
    })?;
    Some(format!(
        "{path} would be {}: {}",
        row.effect.words(),
        row.reason
    ))
}
