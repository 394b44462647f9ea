//! What would be applied, but not now: times, limits and people that say later.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::order::Awaits;
use super::{By, Facts, Guard, Policy, Reason};

/// Nothing is applied from one time to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub to: Timestamp,
    /// Why.
    pub reason: String,
}

/// The most applies in a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyLimit {
    /// How many.
    pub applies: usize,
    /// In how long.
    pub within: SignedDuration,
}

impl ApplyLimit {
    /// What has to be known of the past to judge by either limit.
    #[must_use]
    pub fn over_both(self, other: Self) -> Self {
        Self {
            applies: self.applies.max(other.applies),
            within: self.within.max(other.within),
        }
    }
}

/// Limits on applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Of one stack.
    pub stack: Option<ApplyLimit>,
    /// Of all stacks together.
    pub fleet: Option<ApplyLimit>,
}

/// Something that says later.
pub(super) struct Wait {
    pub(super) reason: Reason,
    /// When it is over, if that is known.
    pub(super) until: Option<Timestamp>,
}

/// Everything that says later.
pub(super) fn waits(policy: &Policy, facts: &Facts) -> Vec<Wait> {
    let now = facts.now;
    let mut waits = Vec::new();
    let mut wait = |guard, text: String, until| {
        waits.push(Wait {
            reason: Reason::plan(By::Guard(guard), text),
            until,
        });
    };
    if let Some(pause) = &facts.paused
        && pause.until.is_none_or(|until| until > now)
    {
        wait(Guard::Paused, pause.words(), pause.until);
    }
    for needed in &facts.needed {
        let guard = match needed.why {
            Awaits::Applying => Guard::NeededApplying,
            Awaits::Asked { .. } | Awaits::Held => Guard::NeededFirst,
        };
        wait(guard, needed.reason(), needed.until);
    }
    let frozen = |freeze: &&Freeze| freeze.from <= now && now < freeze.to;
    for (freezes, file) in policy.all_freezes() {
        for freeze in freezes.iter().filter(frozen) {
            let text = format!("nothing is applied until {}: {}", freeze.to, freeze.reason);
            wait(Guard::Freeze, said_by(text, file), Some(freeze.to));
        }
    }
    for (windows, file) in policy.all_windows() {
        if windows.is_empty() || windows.iter().any(|window| window.contain(now)) {
            continue;
        }
        let next = windows.iter().filter_map(|window| window.next(now)).min();
        let then = next.map_or_else(String::new, |at| format!("; the next begins at {at}"));
        let text = format!("{}{then}", Guard::Window.reason());
        wait(Guard::Window, said_by(text, file), next);
    }
    let stack = policy.stack_limits();
    let stack = stack.map(|(limit, file)| (Guard::StackLimit, limit, file, &facts.applies.stack));
    let fleet = policy.limits.fleet;
    let fleet = fleet.map(|limit| (Guard::FleetLimit, limit, None, &facts.applies.fleet));
    for (guard, limit, file, applies) in stack.chain(fleet) {
        let Some(until) = over(limit, applies).filter(|until| *until > now) else {
            continue;
        };
        let text = format!(
            "{}: {} applies within {:#} are the most",
            guard.reason(),
            limit.applies,
            limit.within
        );
        wait(guard, said_by(text, file), Some(until));
    }
    if facts.guards.contains(&Guard::HoldOff) {
        let asked = policy.asked_hold_off();
        let asked = asked.map(|(time, file)| format!(" ({file} asks for {time:#})"));
        let text = format!("{}{}", Guard::HoldOff.reason(), asked.unwrap_or_default());
        wait(Guard::HoldOff, text, facts.held_off_until);
    }
    waits
}

/// What says later to a plan that is to be applied now, whoever said yes to it; none if nothing does.
pub fn not_now(policy: &Policy, facts: &Facts) -> Option<String> {
    let waits = waits(policy, facts).into_iter();
    let texts: Vec<String> = waits.map(|wait| wait.reason.text).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// A reason, with the file of the repository that it comes from, if it does.
fn said_by(text: String, file: Option<&str>) -> String {
    match file {
        Some(file) => format!("{text} ({file})"),
        None => text,
    }
}

/// When one more apply is within the limit; none if it always is.
fn over(limit: ApplyLimit, applies: &[Timestamp]) -> Option<Timestamp> {
    let oldest = applies.get(limit.applies.checked_sub(1)?)?;
    oldest.checked_add(limit.within).ok()
}

/// When the last of them is over; none if that of one is not known.
pub(super) fn end(waits: &[Wait]) -> Option<Timestamp> {
    let ends: Option<Vec<Timestamp>> = waits.iter().map(|wait| wait.until).collect();
    ends?.into_iter().max()
}
