//! Rules: which changes they are about, and what they do with them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::finding::{AttributeChange, Finding, FindingAction, Origin, Severity, Subject};
use super::super::ids::without_keys;
use super::super::pattern::{NamePattern, PathPattern};
use super::super::rules::{covered, touched};
use super::super::selection::Selection;
use super::super::value::AttributePath;
use super::{Facts, Requirement};

/// What is ignored without a word about severity: what is critical never is.
const IGNORED_UP_TO: Severity = Severity::High;

/// Who answers for it that a difference is left alone, and how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignore {
    /// Who.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Until when; without an end until somebody takes the rule away.
    pub until: Option<Timestamp>,
}

/// What a rule does with the changes it fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nobody is told of them, and they are left as they are.
    Ignore(Ignore),
    /// They may be applied without asking.
    Safe,
    /// People are asked about the whole plan.
    Ask(Requirement),
    /// The whole plan is refused; nobody can approve it.
    Refuse,
}

impl Effect {
    /// Its kind.
    pub const fn kind(&self) -> EffectKind {
        match self {
            Self::Ignore(_) => EffectKind::Ignore,
            Self::Safe => EffectKind::Safe,
            Self::Ask(_) => EffectKind::Ask,
            Self::Refuse => EffectKind::Refuse,
        }
    }
}

/// The kind of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Nobody is told, and what drifted stays as it is. Needs `owner` and `reason`.
    Ignore,
    /// It may be applied without asking.
    Safe,
    /// People are asked about the whole plan.
    Ask,
    /// The whole plan is refused; nobody can approve it.
    Refuse,
}

impl EffectKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ignore, Self::Safe, Self::Ask, Self::Refuse];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Safe => "safe",
            Self::Ask => "ask",
            Self::Refuse => "refuse",
        }
    }

    /// Whether it takes something away from what Mooring may do: then it fits as soon as it is about
    /// a part of a change. What grants something has to be about all of it.
    pub const fn restricts(self) -> bool {
        matches!(self, Self::Ask | Self::Refuse)
    }
}

/// What has to be so for a rule to fit; what is empty asks nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// Which stacks.
    pub stacks: Selection,
    /// Resource types.
    pub types: Vec<NamePattern>,
    /// Addresses, with or without instance keys.
    pub addresses: Vec<NamePattern>,
    /// Modules, without instance keys, and what is in them.
    pub modules: Vec<NamePattern>,
    /// Attributes and what is below them.
    pub attributes: Vec<PathPattern>,
    /// Where the difference comes from.
    pub origins: Vec<Origin>,
    /// What an apply would do to the object.
    pub actions: Vec<FindingAction>,
    /// The least severity.
    pub at_least: Option<Severity>,
    /// The greatest severity.
    pub at_most: Option<Severity>,
    /// The most changes that the whole plan may have.
    pub changes: Option<usize>,
}

/// A rule. Of an ordered list the first that fits decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// How reasons call it.
    pub name: String,
    /// What it is about.
    pub when: Conditions,
    /// What it does.
    pub effect: Effect,
}

impl Rule {
    /// Whether it can fit anything in this plan of this stack.
    pub(super) fn is_about(&self, facts: &Facts, changes: usize) -> bool {
        let when = &self.when;
        let (id, source) = (facts.stack.as_ref(), facts.source.as_ref());
        when.changes.is_none_or(|most| changes <= most)
            && when
                .stacks
                .fits(id.map_or("", |id| id.as_str()), source, &facts.labels, &[])
    }

    /// Whether it is about the past.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        matches!(&self.effect, Effect::Ignore(Ignore { until: Some(until), .. }) if *until <= now)
    }

    /// Whether it fits one attribute of an object that is changed in place, or that the world moved
    /// where no configuration looks.
    pub(super) fn fits_attribute(&self, finding: &Finding, change: &AttributeChange) -> bool {
        let origins = &self.when.origins;
        self.fits(finding)
            && (origins.is_empty() || origins.contains(&change.origin))
            && self.names(change)
    }

    /// Whether it fits an object that is created, deleted or replaced.
    pub(super) fn fits_object(&self, finding: &Finding) -> bool {
        let origins = &self.when.origins;
        let about = |change: &AttributeChange| {
            (origins.is_empty() || origins.contains(&change.origin)) && self.names(change)
        };
        let mut changes = finding.attributes.iter();
        self.fits(finding)
            && if changes.len() == 0 {
                self.when.attributes.is_empty()
                    && (origins.is_empty() || origins.contains(&finding.origin))
            } else if self.effect.kind().restricts() {
                changes.any(about)
            } else {
                changes.all(about)
            }
    }

    /// Whether it would ignore the attribute of an object if that were less severe.
    pub(super) fn is_exceeded(&self, finding: &Finding, change: &AttributeChange) -> bool {
        let origins = &self.when.origins;
        let worse = matches!(self.most(), Some(most) if most < finding.severity);
        matches!(self.effect, Effect::Ignore(_))
            && worse
            && self.is_for(finding)
            && (origins.is_empty() || origins.contains(&change.origin))
            && self.names(change)
    }

    fn most(&self) -> Option<Severity> {
        let ignores = matches!(self.effect, Effect::Ignore(_));
        self.when.at_most.or(ignores.then_some(IGNORED_UP_TO))
    }

    fn fits(&self, finding: &Finding) -> bool {
        let least = self.when.at_least;
        self.is_for(finding)
            && least.is_none_or(|least| least <= finding.severity)
            && self.most().is_none_or(|most| finding.severity <= most)
    }

    /// Whether it is about an object, however severe.
    fn is_for(&self, finding: &Finding) -> bool {
        let when = &self.when;
        let any = |patterns: &[NamePattern], names: &[&str]| {
            patterns.is_empty()
                || patterns.iter().any(|pattern| {
                    let named = |name: &&str| pattern.is_match(name) || pattern.as_str() == *name;
                    names.iter().any(named)
                })
        };
        let address = finding.address.as_str();
        let bare = without_keys(address);
        any(&when.types, &[&finding.resource_type])
            && any(&when.addresses, &[address, &bare])
            && (when.modules.is_empty() || any(&when.modules, &modules(&bare)))
            && (when.actions.is_empty() || when.actions.contains(&finding.action))
    }

    /// Whether its attributes name what differs.
    fn names(&self, change: &AttributeChange) -> bool {
        let patterns = &self.when.attributes;
        let named = |change: &AttributeChange| {
            if self.effect.kind().restricts() {
                touched(patterns, change)
            } else {
                covered(patterns, change)
            }
        };
        patterns.is_empty()
            || patterns.iter().any(PathPattern::is_any)
            || named(change)
            || twin_of_tags(change).is_some_and(|twin| named(&twin))
    }
}

/// The modules around an object whose address has no instance keys, outermost first.
fn modules(address: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut end = 0;
    while let Some(rest) = address.get(end..) {
        let Some(name) = rest.strip_prefix("module.") else {
            break;
        };
        let Some(length) = name.find('.') else {
            break;
        };
        let module = end + "module.".len() + length;
        found.extend(address.get(..module));
        end = module + 1;
    }
    found
}

/// A rule on `tags` covers the same keys of `tags_all`, which the AWS provider derives from it.
fn twin_of_tags(change: &AttributeChange) -> Option<AttributeChange> {
    let Subject::Attribute(path) = &change.subject else {
        return None;
    };
    let (first, rest) = path.segments().split_first()?;
    (first == "tags_all").then(|| {
        let tags = std::iter::once("tags".to_owned()).chain(rest.iter().cloned());
        AttributeChange {
            subject: Subject::Attribute(AttributePath::new(tags.collect())),
            ..change.clone()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_around_an_object_are_all_of_its_way() {
        assert_eq!(modules("aws_vpc.main"), [""; 0]);
        assert_eq!(
            modules("module.net.module.sub.aws_vpc.main"),
            ["module.net", "module.net.module.sub"]
        );
    }
}
