//! The posture of many stacks over a time: how they are now, what came, what went and by whom, and
//! how long that took. Every number is a count of things that are listed or can be; what is not
//! known is missing, never zero.

mod groups;
mod input;
mod period;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
mod times;
mod trend;

pub use groups::{Group, Groups, LabelGroups};
pub use input::{
    Acknowledgement, AlertSeen, Filter, FixedBy, Input, RunSeen, Saw, StackNow, headline,
};
pub use period::{BadMoment, BadWindow, Moment, Window};
pub use times::{LOOKS_BEFORE, Measure, OfSeverity, Seconds, Spread};
pub use trend::Day;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::alert::AlertKind;
use super::counts::VerdictCounts;
use super::finding::{Severity, Verdict};
use super::ids::{SourceName, StackId};

/// How many of the alerts that are open longest are named.
const OLDEST: usize = 10;
/// Acknowledgements that end within this time are named.
const EXPIRES_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Rules that ignore something and end within this time are named.
const IGNORES_EXPIRE_WITHIN: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The posture of many stacks over a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posture {
    /// When it was made: verdicts, and what is said of acknowledgements, are of this moment.
    pub made_at: Timestamp,
    /// The time that is told of: alerts are as they were at its end.
    pub window: Window,
    /// From when on resolved alerts are known, if the window begins before that.
    pub known_from: Option<Timestamp>,
    /// Which stacks are told of.
    pub filter: Filter,
    /// How many stacks have each verdict now.
    pub counts: VerdictCounts,
    /// How many stacks were looked at recently enough.
    pub coverage: Coverage,
    /// What happened to alerts.
    pub alerts: AlertCounts,
    /// The window day by day (UTC); its first and last day may be parts of days.
    pub trend: Vec<Day>,
    /// Opened in the window and open at its end, worst first.
    pub new: Listed<OpenAlert>,
    /// Resolved in the window, latest first.
    pub fixed: Listed<FixedAlert>,
    /// How many of these each one fixed.
    pub fixed_by: FixedCounts,
    /// Every alert that was open at the end of the window, oldest first.
    pub open: Listed<OpenAlert>,
    /// Those ten that have been so for longest.
    pub oldest: Vec<OpenAlert>,
    /// Stacks where drift comes back after its repair: something else writes there too.
    pub contested: Listed<Contested>,
    /// Findings that are known noise.
    pub suppressed: Listed<Suppressed>,
    /// Acknowledgements of open alerts that end within a week, soonest first.
    pub expiring: Listed<Expiring>,
    /// Rules that ignore something and end within two weeks, soonest first.
    #[serde(default)]
    pub expiring_ignores: Listed<ExpiringIgnore>,
    /// Stacks that cannot be checked, longest first.
    pub failing: Listed<StackLine>,
    /// Stacks that were not looked at recently enough, longest first.
    pub unchecked: Listed<StackLine>,
    /// From the beginning of the last look that saw no drift to the end of the first that did, of
    /// alerts about drift opened in the window: no less than what it took to detect it.
    pub time_to_detect: Measure,
    /// From opening to resolution, of alerts resolved in the window other than by leaving.
    pub time_to_repair: Measure,
    /// The same by source, owner and label.
    pub groups: Groups,
    /// Every stack, by id.
    pub stacks: Listed<StackLine>,
}

/// A list and how long it is, even where it is shortened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed<T> {
    /// How many there are.
    pub total: usize,
    /// The first of them.
    pub items: Vec<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self::all(Vec::new())
    }
}

impl<T> Listed<T> {
    fn all(items: Vec<T>) -> Self {
        Self {
            total: items.len(),
            items,
        }
    }
}

/// How many stacks were looked at recently enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Looked at within their own greatest age, whatever came of it.
    pub checked: usize,
    /// All of them.
    pub stacks: usize,
}

impl Coverage {
    /// In percent, rounded down: only all of them are a hundred. None without a stack.
    pub fn percent(self) -> Option<usize> {
        (self.checked * 100).checked_div(self.stacks)
    }
}

/// What happened to alerts: open before, plus opened, minus resolved, is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AlertCounts {
    /// Open when the window began.
    pub open_before: usize,
    /// Opened in it.
    pub opened: usize,
    /// Resolved in it.
    pub resolved: usize,
    /// Open at its end.
    pub open: usize,
    /// Runs in it that put something back.
    pub repairs: usize,
}

/// How many troubles each one ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FixedCounts {
    /// See [`FixedBy::Mooring`].
    pub mooring: usize,
    /// See [`FixedBy::Outside`].
    pub outside: usize,
    /// See [`FixedBy::Code`].
    pub code: usize,
    /// See [`FixedBy::Ignored`].
    #[serde(default)]
    pub ignored: usize,
    /// See [`FixedBy::Untracked`].
    pub untracked: usize,
}

impl FixedCounts {
    fn of(fixed: &[FixedAlert]) -> Self {
        let count = |by| fixed.iter().filter(|alert| alert.by == by).count();
        Self {
            mooring: count(FixedBy::Mooring),
            outside: count(FixedBy::Outside),
            code: count(FixedBy::Code),
            ignored: count(FixedBy::Ignored),
            untracked: count(FixedBy::Untracked),
        }
    }

    /// Those of one.
    pub const fn by(&self, by: FixedBy) -> usize {
        match by {
            FixedBy::Mooring => self.mooring,
            FixedBy::Outside => self.outside,
            FixedBy::Code => self.code,
            FixedBy::Ignored => self.ignored,
            FixedBy::Untracked => self.untracked,
        }
    }
}

/// An alert that was open at the end of the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAlert {
    /// Its stack, or a source that cannot be read.
    pub stack: StackId,
    /// What it is about.
    pub kind: AlertKind,
    /// The worst severity in it.
    pub severity: Severity,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When the trouble was first seen.
    pub first_seen: Timestamp,
    /// From then to the end of the window.
    #[serde(rename = "age_seconds")]
    pub age: Seconds,
    /// What is wrong with the stack now, if it has not ended since.
    pub headline: Option<String>,
    /// Who answers for the stack.
    pub owners: Vec<String>,
    /// Who knows of it.
    pub acknowledged: Option<Acknowledgement>,
}

/// An alert that was resolved in the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedAlert {
    /// Its stack.
    pub stack: StackId,
    /// What it was about.
    pub kind: AlertKind,
    /// The worst severity in it.
    pub severity: Severity,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was resolved.
    pub resolved_at: Timestamp,
    /// From the one to the other.
    #[serde(rename = "after_seconds")]
    pub after: Seconds,
    /// By whom.
    pub by: FixedBy,
}

/// A stack where drift comes back after its repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contested {
    /// The stack.
    pub stack: StackId,
    /// Address and path of each attribute.
    pub attributes: Vec<String>,
}

/// A finding that is known noise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Suppressed {
    /// The stack.
    pub stack: StackId,
    /// The object.
    pub address: String,
    /// Why nobody is told.
    pub reason: String,
}

/// An acknowledgement that ends soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiring {
    /// The stack.
    pub stack: StackId,
    /// What the alert is about.
    pub kind: AlertKind,
    /// The worst severity in it.
    pub severity: Severity,
    /// When it ends.
    pub until: Timestamp,
    /// Who knows of it.
    pub by: String,
    /// Why it was to be quiet.
    pub reason: Option<String>,
}

/// A rule that ignores something and ends soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiringIgnore {
    /// The stack.
    pub stack: StackId,
    /// The object.
    pub address: String,
    /// The rule.
    pub rule: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub until: Timestamp,
}

/// A stack as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackLine {
    /// Its id.
    pub stack: StackId,
    /// Its source.
    pub source: SourceName,
    /// Its directory in the source.
    pub dir: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Who answers for it.
    pub owners: Vec<String>,
    /// Its verdict.
    pub verdict: Verdict,
    /// Since when; of one that was not checked, when it last was.
    pub since: Option<Timestamp>,
    /// The worst severity of what is told of it.
    pub severity: Option<Severity>,
    /// When it was last looked at.
    pub checked_at: Option<Timestamp>,
    /// What is wrong.
    pub headline: Option<String>,
    /// How many of its findings are known noise.
    pub suppressed: usize,
    /// Whether its drift comes back after repairs.
    pub contested: bool,
}

impl StackLine {
    fn of(stack: &StackNow) -> Self {
        Self {
            stack: stack.id.clone(),
            source: stack.source.clone(),
            dir: stack.dir.clone(),
            labels: stack.labels.clone(),
            owners: stack.owners.clone(),
            verdict: stack.verdict,
            since: stack.since,
            severity: stack.severity,
            checked_at: stack.checked_at,
            headline: stack.headline.clone(),
            suppressed: stack.suppressed.len(),
            contested: !stack.contested.is_empty(),
        }
    }
}

impl Posture {
    /// The posture that follows from these facts.
    pub fn of(input: &Input) -> Self {
        let scope = Scope::of(input);
        let window = input.window;
        let tracked = || scope.stacks.values().filter(|stack| stack.tracked);
        let counts = VerdictCounts::of(tracked().map(|stack| stack.verdict));
        let lines: Vec<StackLine> = tracked().map(|stack| StackLine::of(stack)).collect();
        let of_verdict = |verdict| {
            let mut found: Vec<StackLine> = lines
                .iter()
                .filter(|line| line.verdict == verdict)
                .cloned()
                .collect();
            found.sort_by(|a, b| (a.since, &a.stack).cmp(&(b.since, &b.stack)));
            Listed::all(found)
        };
        let trend = trend::trend(window, &scope.alerts, &scope.runs);
        let sum = |of: fn(&Day) -> usize| trend.iter().map(of).sum();
        let mut open: Vec<OpenAlert> = scope.open_at(window.to()).collect();
        open.sort_by(|a, b| {
            let age = |alert: &OpenAlert| (alert.first_seen, Reverse(alert.severity), alert.kind);
            age(a).cmp(&age(b)).then_with(|| a.stack.cmp(&b.stack))
        });
        let mut new: Vec<OpenAlert> = open.clone();
        new.retain(|alert| window.contains(alert.opened_at));
        new.sort_by_key(|alert| (Reverse(alert.severity), Reverse(alert.opened_at)));
        let fixed = scope.fixed(window);
        let groups = groups::groups(&scope, window);
        Self {
            made_at: input.made_at,
            window,
            known_from: input.known_from.filter(|known| *known > window.from()),
            filter: input.filter.clone(),
            coverage: Coverage {
                checked: counts.stacks - counts.unknown,
                stacks: counts.stacks,
            },
            counts,
            alerts: AlertCounts {
                open_before: scope.open_at(window.from()).count(),
                opened: sum(|day| day.opened),
                resolved: sum(|day| day.resolved),
                open: open.len(),
                repairs: sum(|day| day.repaired),
            },
            trend,
            oldest: open.iter().take(OLDEST).cloned().collect(),
            new: Listed::all(new),
            fixed_by: FixedCounts::of(&fixed),
            contested: Listed::all(scope.contested()),
            suppressed: Listed::all(scope.suppressed()),
            expiring: Listed::all(scope.expiring(input.made_at)),
            expiring_ignores: Listed::all(scope.expiring_ignores(input.made_at)),
            failing: of_verdict(Verdict::Failed),
            unchecked: of_verdict(Verdict::Unknown),
            time_to_detect: times::to_detect(window, &scope.alerts, &scope.runs),
            time_to_repair: times::to_repair(&fixed),
            fixed: Listed::all(fixed),
            open: Listed::all(open),
            groups,
            stacks: Listed::all(lines),
        }
    }

    /// The same with lists of so many entries at most, for messages; what there are of them stays,
    /// but for labels.
    #[must_use]
    pub fn shortened(mut self, most: usize) -> Self {
        self.new.items.truncate(most);
        self.fixed.items.truncate(most);
        self.open.items.truncate(most);
        self.oldest.truncate(most);
        self.contested.items.truncate(most);
        self.suppressed.items.truncate(most);
        self.expiring.items.truncate(most);
        self.expiring_ignores.items.truncate(most);
        self.failing.items.truncate(most);
        self.unchecked.items.truncate(most);
        self.stacks.items.truncate(most);
        self.groups.shorten(most);
        self
    }
}

/// What passes the filter.
struct Scope<'a> {
    stacks: BTreeMap<&'a StackId, &'a StackNow>,
    alerts: Vec<&'a AlertSeen>,
    runs: Vec<&'a RunSeen>,
}

impl<'a> Scope<'a> {
    fn of(input: &'a Input) -> Self {
        let filter = &input.filter;
        let known: BTreeSet<&StackId> = input.stacks.iter().map(|stack| &stack.id).collect();
        let passing = input.stacks.iter().filter(|stack| filter.passes(stack));
        let stacks: BTreeMap<_, _> = passing.map(|stack| (&stack.id, stack)).collect();
        let passes = |id: &StackId| {
            // Of a source that cannot be read, or a stack that nothing is known of any more.
            stacks.contains_key(id) || (!known.contains(id) && filter.which.fits_id(id.as_str()))
        };
        let grave = |alert: &AlertSeen| filter.severity.is_none_or(|least| alert.severity >= least);
        let alerts = input.alerts.iter();
        Self {
            alerts: alerts.filter(|a| passes(&a.stack) && grave(a)).collect(),
            runs: input.runs.iter().filter(|r| passes(&r.stack)).collect(),
            stacks,
        }
    }

    fn open_at(&self, at: Timestamp) -> impl Iterator<Item = OpenAlert> + '_ {
        let open = self.alerts.iter().filter(move |a| a.is_open_before(at));
        open.map(move |alert| {
            let stack = self.stacks.get(&alert.stack);
            let first_seen = alert.first_seen();
            let still = alert.resolved.is_none();
            let headline = stack.and_then(|stack| stack.headline.clone());
            OpenAlert {
                stack: alert.stack.clone(),
                kind: alert.kind,
                severity: alert.severity,
                opened_at: alert.opened_at,
                first_seen,
                age: Seconds::between(first_seen, at),
                headline: headline.filter(|_| still),
                owners: stack.map(|stack| stack.owners.clone()).unwrap_or_default(),
                acknowledged: alert.acknowledged.clone(),
            }
        })
    }

    /// Latest first.
    fn fixed(&self, window: Window) -> Vec<FixedAlert> {
        let ended = self.alerts.iter().filter_map(|alert| {
            let resolved_at = alert.ended_at().filter(|at| window.contains(*at))?;
            let (_, by) = alert.resolved?;
            Some(FixedAlert {
                stack: alert.stack.clone(),
                kind: alert.kind,
                severity: alert.severity,
                opened_at: alert.opened_at,
                resolved_at,
                after: Seconds::between(alert.opened_at, resolved_at),
                by,
            })
        });
        let mut fixed: Vec<FixedAlert> = ended.collect();
        fixed.sort_by(|a, b| (b.resolved_at, &a.stack).cmp(&(a.resolved_at, &b.stack)));
        fixed
    }

    fn tracked(&self) -> impl Iterator<Item = &'a StackNow> + '_ {
        self.stacks.values().filter(|s| s.tracked).copied()
    }

    fn contested(&self) -> Vec<Contested> {
        let contested = self.tracked().filter(|stack| !stack.contested.is_empty());
        let contested = contested.map(|stack| Contested {
            stack: stack.id.clone(),
            attributes: stack.contested.clone(),
        });
        contested.collect()
    }

    fn suppressed(&self) -> Vec<Suppressed> {
        let suppressed = self.tracked().flat_map(|stack| {
            stack.suppressed.iter().map(|(address, reason)| Suppressed {
                stack: stack.id.clone(),
                address: address.clone(),
                reason: reason.clone(),
            })
        });
        suppressed.collect()
    }

    fn expiring_ignores(&self, now: Timestamp) -> Vec<ExpiringIgnore> {
        let last = now
            .checked_add(IGNORES_EXPIRE_WITHIN)
            .unwrap_or(Timestamp::MAX);
        let of = |stack: &StackNow| -> Vec<ExpiringIgnore> {
            let soon = stack.ignored.iter().filter_map(|(address, ignored)| {
                let until = ignored.until.filter(|until| (now..=last).contains(until))?;
                Some(ExpiringIgnore {
                    stack: stack.id.clone(),
                    address: address.clone(),
                    rule: ignored.rule.clone(),
                    owner: ignored.owner.clone(),
                    reason: ignored.reason.clone(),
                    until,
                })
            });
            soon.collect()
        };
        let mut expiring: Vec<ExpiringIgnore> = self.tracked().flat_map(of).collect();
        expiring
            .sort_by(|a, b| (a.until, &a.stack, &a.address).cmp(&(b.until, &b.stack, &b.address)));
        expiring
    }

    fn expiring(&self, now: Timestamp) -> Vec<Expiring> {
        let last = now.checked_add(EXPIRES_WITHIN).unwrap_or(Timestamp::MAX);
        let open = self.alerts.iter().filter(|alert| alert.resolved.is_none());
        let expiring = open.filter_map(|alert| {
            let known = alert.acknowledged.as_ref()?;
            let until = known.until.filter(|until| (now..=last).contains(until))?;
            Some(Expiring {
                stack: alert.stack.clone(),
                kind: alert.kind,
                severity: alert.severity,
                until,
                by: known.by.clone(),
                reason: known.reason.clone(),
            })
        });
        let mut expiring: Vec<Expiring> = expiring.collect();
        expiring.sort_by(|a, b| (a.until, &a.stack).cmp(&(b.until, &b.stack)));
        expiring
    }
}
