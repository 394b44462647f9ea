//! What would be applied, but not now: times, limits and people that say later.

use jiff::{SignedDuration, Timestamp};

use super::{By, Facts, Guard, Policy, Reason};

/// Nothing is applied from one time to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub to: Timestamp,
    /// Why.
    pub reason: String,
}

/// The most applies in a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplyLimit {
    /// How many.
    pub applies: usize,
    /// In how long.
    pub within: SignedDuration,
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
    for freeze in policy
        .freezes
        .iter()
        .filter(|f| f.from <= now && now < f.to)
    {
        let text = format!("nothing is applied until {}: {}", freeze.to, freeze.reason);
        wait(Guard::Freeze, text, Some(freeze.to));
    }
    if !policy.windows.is_empty() && !policy.windows.iter().any(|w| w.contain(now)) {
        let next = policy.windows.iter().filter_map(|w| w.next(now)).min();
        let then = next.map_or_else(String::new, |at| format!("; the next begins at {at}"));
        wait(
            Guard::Window,
            format!("{}{then}", Guard::Window.reason()),
            next,
        );
    }
    let limits = [
        (Guard::StackLimit, policy.limits.stack, &facts.applies.stack),
        (Guard::FleetLimit, policy.limits.fleet, &facts.applies.fleet),
    ];
    for (guard, limit, applies) in limits {
        let Some((limit, until)) = limit.and_then(|limit| Some((limit, over(limit, applies)?)))
        else {
            continue;
        };
        if until > now {
            let text = format!(
                "{}: {} applies within {:#} are the most",
                guard.reason(),
                limit.applies,
                limit.within
            );
            wait(guard, text, Some(until));
        }
    }
    if facts.guards.contains(&Guard::HoldOff) {
        wait(
            Guard::HoldOff,
            Guard::HoldOff.reason().to_owned(),
            facts.held_off_until,
        );
    }
    waits
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
