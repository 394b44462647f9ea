//! Who is told of what.

use std::collections::{BTreeMap, BTreeSet};

use globset::GlobMatcher;
use jiff::Timestamp;

use super::alert::AlertKind;
use super::finding::Severity;
use super::hours::Hours;
use super::notice::{Audience, Notice};

/// Some news, and who gets it.
#[derive(Debug, Clone)]
pub struct Route {
    /// Which news.
    pub when: Condition,
    /// The notifiers that get it.
    pub to: Vec<String>,
    /// The notifiers that get it from when nobody has acknowledged it in time.
    pub escalate_to: Vec<String>,
    /// Whether later routes are asked too.
    pub goes_on: bool,
}

/// What a route asks of news; what is empty asks nothing.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    /// Patterns on the stack's id; one must fit.
    pub stacks: Vec<GlobMatcher>,
    /// Names of sources; one must fit.
    pub sources: Vec<String>,
    /// Labels with patterns on their values; all must fit.
    pub labels: BTreeMap<String, GlobMatcher>,
    /// Patterns on owners; one must fit one owner.
    pub owners: Vec<GlobMatcher>,
    /// The least severity.
    pub severity: Option<Severity>,
    /// What it is about; one must fit.
    pub kinds: Vec<Subject>,
    /// The hours in which it happens.
    pub hours: Option<Hours>,
}

/// What news is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An alert.
    Alert(AlertKind),
    /// A repair.
    Repair,
    /// Neither: a summary, or something about Mooring itself.
    Other,
}

impl Subject {
    /// What a notice is about.
    pub const fn of(notice: &Notice) -> Self {
        match notice {
            Notice::Alert(alert) => Self::Alert(alert.kind),
            Notice::Group(group) => Self::Alert(group.kind),
            Notice::Repaired(_) => Self::Repair,
            Notice::Summary(_) | Notice::Digest(_) | Notice::Undelivered(_) => Self::Other,
        }
    }
}

impl Condition {
    fn fits(&self, stack: &str, audience: &Audience, severity: Severity, subject: Subject) -> bool {
        let any = |patterns: &[GlobMatcher], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.is_match(text))
        };
        any(&self.stacks, stack)
            && (self.sources.is_empty()
                || audience
                    .source
                    .as_ref()
                    .is_some_and(|source| self.sources.iter().any(|name| name == source.as_str())))
            && self.labels.iter().all(|(name, pattern)| {
                let value = audience.labels.get(name);
                value.is_some_and(|value| pattern.is_match(value))
            })
            && (self.owners.is_empty()
                || audience.owners.iter().any(|owner| any(&self.owners, owner)))
            && self.severity.is_none_or(|least| severity >= least)
            && (self.kinds.is_empty() || self.kinds.contains(&subject))
    }
}

/// Which notifiers are told, and which others once nobody has acknowledged it in time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receivers {
    /// Told of everything.
    pub to: BTreeSet<String>,
    /// Told from the escalation on.
    pub escalate_to: BTreeSet<String>,
}

/// Who is told of a notice about a stack. `everybody` are told what no route speaks of if there are
/// no routes at all; what routes leave out is told to nobody.
pub fn receivers(
    routes: &[Route],
    everybody: &[String],
    notice: &Notice,
    audience: &Audience,
    now: Timestamp,
) -> Receivers {
    let mut receivers = Receivers::default();
    if routes.is_empty() {
        receivers.to.extend(everybody.iter().cloned());
        return receivers;
    }
    let stack = notice.stack().map_or("", |stack| stack.as_str());
    for route in routes {
        let when = &route.when;
        let in_time = when.hours.as_ref().is_none_or(|hours| hours.contain(now));
        if !in_time || !when.fits(stack, audience, notice.severity(), Subject::of(notice)) {
            continue;
        }
        receivers.to.extend(route.to.iter().cloned());
        receivers
            .escalate_to
            .extend(route.escalate_to.iter().cloned());
        if !route.goes_on {
            break;
        }
    }
    receivers
}
