//! Who is told of what.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::alert::AlertKind;
use super::audience::Audience;
use super::finding::Severity;
use super::hours::Hours;
use super::notice::Notice;
use super::selection::Selection;

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
    /// Which stacks.
    pub which: Selection,
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
    /// A report on a schedule.
    Report,
    /// None of these: a summary, or something about Mooring itself.
    Other,
}

impl Subject {
    /// What a notice is about.
    pub const fn of(notice: &Notice) -> Self {
        match notice {
            Notice::Alert(alert) => Self::Alert(alert.kind),
            Notice::Group(group) => Self::Alert(group.kind),
            Notice::Repaired(_) | Notice::Repairs(_) => Self::Repair,
            Notice::Request(request) => Self::Alert(request.kind),
            Notice::Report(_) => Self::Report,
            Notice::Summary(_) | Notice::Digest(_) | Notice::Undelivered(_) => Self::Other,
        }
    }
}

impl Condition {
    fn fits(&self, stack: &str, audience: &Audience, severity: Severity, subject: Subject) -> bool {
        let source = audience.source.as_ref();
        self.which
            .fits(stack, source, &audience.labels, &audience.owners)
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
