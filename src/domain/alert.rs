//! Alerts: the life of one trouble of one stack. Only changed content speaks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use super::alert_kind::AlertKind;

use super::cause::Cause;
use super::finding::Severity;
use super::ids::{AlertId, StackId};
use super::timing::Timing;

/// How a trouble ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Mooring repaired it.
    Repaired,
    /// It was put right elsewhere: by hand, or by an apply that was not ours.
    PutBack,
    /// What the stack reads in Git changed, and with it the trouble went.
    CaughtUp,
    /// Rules ignore it by now.
    Ignored,
    /// The stack is no longer tracked.
    Untracked,
}

impl Resolution {
    /// As a person reads it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Repaired => "repaired by Mooring",
            Self::PutBack => "put right outside Mooring",
            Self::CaughtUp => "over since the configuration was changed",
            Self::Ignored => "ignored by a rule from now on",
            Self::Untracked => "the stack is no longer tracked",
        }
    }
}

/// The trouble as seen now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Changes whenever the content does: a hash over what the trouble consists of, without times.
    pub content: String,
    /// The worst severity in it.
    pub severity: Severity,
    /// What it consists of, by name, each with a hash of its own, to say what is new in it.
    #[serde(default)]
    pub parts: BTreeMap<String, String>,
    /// Where it comes from, if others may have the same trouble from there.
    #[serde(default)]
    pub cause: Option<Cause>,
}

/// A person has taken the trouble on: until it grows, or until a time, nobody is reminded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// How long it holds; none means as long as the trouble stays as it is.
    pub until: Option<Timestamp>,
    /// Why, in the person's words.
    pub reason: Option<String>,
}

/// It is gone, and not yet believed to stay gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lull {
    /// Since when.
    pub since: Timestamp,
    /// How it ended.
    pub resolution: Resolution,
}

/// An open or resolved alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// The stack.
    pub stack: StackId,
    /// What it is about.
    pub kind: AlertKind,
    /// The trouble as last seen.
    pub trouble: Trouble,
    /// When the trouble was first seen.
    pub seen_at: Timestamp,
    /// How many looks in a row have seen it.
    pub looks: u32,
    /// How long it has to stay before people are told.
    pub persist: SignedDuration,
    /// When people were first told; none while it is not known whether the trouble stays.
    pub opened_at: Option<Timestamp>,
    /// When its content last changed.
    pub changed_at: Timestamp,
    /// When people were last told of it.
    pub spoken_at: Timestamp,
    /// When others were told because nobody had acknowledged it.
    pub escalated_at: Option<Timestamp>,
    /// Since when nobody has it any more, if somebody had.
    pub free_since: Option<Timestamp>,
    /// Who has taken it on.
    pub acknowledged: Option<Acknowledgement>,
    /// Whether it seems to be over.
    pub lull: Option<Lull>,
    /// When it came back after it had been told resolved, lately.
    pub returns: Vec<Timestamp>,
    /// Who has been told of it since it was opened.
    pub told_to: BTreeSet<String>,
    /// When and how it ended.
    pub resolved: Option<(Timestamp, Resolution)>,
}

/// What to tell people about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertEvent {
    /// A new trouble.
    Opened,
    /// The trouble is another than last told.
    Changed,
    /// The trouble is still there.
    Reminded,
    /// Nobody has acknowledged the trouble in time: others are told.
    Escalated,
    /// A person has taken the trouble on.
    Acknowledged,
    /// The trouble is over.
    Resolved,
}

impl AlertEvent {
    /// Whether everybody who was told of the alert hears of this, even if no route would tell them of
    /// it by now: what they know is no longer so.
    pub const fn concerns_all_told(self) -> bool {
        match self {
            Self::Changed | Self::Acknowledged | Self::Resolved => true,
            Self::Opened | Self::Reminded | Self::Escalated => false,
        }
    }

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Changed => "changed",
            Self::Reminded => "reminded",
            Self::Escalated => "escalated",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// What was looked at: a check that failed says nothing about drift, so its silence resolves none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// The trouble is there.
    Present(Trouble),
    /// It was looked for and is not there.
    Absent(Resolution),
    /// It could not be looked at.
    Unseen,
}

/// A trouble that has stayed for its time is told by the look that sees that it has. It is told
/// without one if none came for so long.
pub const TOLD_UNSEEN_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// So long before people are told again of a trouble it is looked at.
const LOOKED_AT_BEFORE: SignedDuration = SignedDuration::from_mins(2);
/// A trouble that comes back within this time after it was told resolved continues its alert.
pub const RETURNS_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// An alert that has come back so often comes and goes.
const COMES_AND_GOES_FROM: usize = 2;
/// One that comes and goes is told resolved only when it has stayed away for this long.
pub const SETTLES_AFTER: SignedDuration = SignedDuration::from_hours(6);

impl Alert {
    fn new(id: AlertId, stack: StackId, kind: AlertKind, trouble: Trouble, now: Timestamp) -> Self {
        Self {
            id,
            stack,
            kind,
            trouble,
            seen_at: now,
            looks: 0,
            persist: SignedDuration::ZERO,
            opened_at: None,
            changed_at: now,
            spoken_at: now,
            escalated_at: None,
            free_since: None,
            acknowledged: None,
            lull: None,
            returns: Vec::new(),
            told_to: BTreeSet::new(),
            resolved: None,
        }
    }

    /// When it was opened; one that waits to be told begins when it was first seen.
    pub fn begun_at(&self) -> Timestamp {
        self.opened_at.unwrap_or(self.seen_at)
    }

    /// Whether it is over.
    pub const fn is_over(&self) -> bool {
        self.resolved.is_some()
    }

    /// Whether it keeps coming back, so that its end is told only when it lasts.
    pub fn comes_and_goes(&self, now: Timestamp) -> bool {
        let lately = |at: &&Timestamp| now.duration_since(**at) <= RETURNS_WITHIN;
        self.returns.iter().filter(lately).count() >= COMES_AND_GOES_FROM
    }

    /// The trouble is over. People who were never told of it are not told of its end.
    #[must_use]
    pub fn resolve(self, resolution: Resolution, now: Timestamp) -> (Self, Option<AlertEvent>) {
        let told = self.opened_at.map(|_| AlertEvent::Resolved);
        let alert = Self {
            resolved: Some((now, resolution)),
            lull: None,
            spoken_at: now,
            ..self
        };
        (alert, told)
    }

    /// A person takes it on.
    #[must_use]
    pub fn acknowledge(self, acknowledgement: Acknowledgement) -> (Self, AlertEvent) {
        let alert = Self {
            spoken_at: acknowledgement.at,
            acknowledged: Some(acknowledgement),
            ..self
        };
        (alert, AlertEvent::Acknowledged)
    }

    /// When a look decides whether people are told: then the trouble has stayed for its time. None
    /// if they were told, or if more looks have to see it first.
    pub fn opens_at(&self, timing: &Timing) -> Option<Timestamp> {
        if self.is_over() || self.opened_at.is_some() || self.looks < timing.looks {
            return None;
        }
        after(self.seen_at, self.persist)
    }

    /// When a look is wanted, so that nobody is told what is over: when its time to be told comes,
    /// and shortly before people are told again.
    pub fn wants_look_at(&self, timing: &Timing) -> Option<Timestamp> {
        self.opens_at(timing).or_else(|| {
            let tick = self.next_tick(timing)?;
            tick.checked_sub(LOOKED_AT_BEFORE).ok()
        })
    }

    /// When [`tick`] has something to say next, if nothing else happens.
    pub fn next_tick(&self, timing: &Timing) -> Option<Timestamp> {
        if self.is_over() {
            return None;
        }
        if let Some(lull) = &self.lull {
            return after(lull.since, SETTLES_AFTER);
        }
        let Some(opened_at) = self.opened_at else {
            let opens_at = self.opens_at(timing)?;
            return after(opens_at, TOLD_UNSEEN_AFTER);
        };
        if let Some(acknowledged) = &self.acknowledged {
            return acknowledged.until;
        }
        let escalation = timing.escalate.filter(|_| self.escalated_at.is_none());
        let free_since = self.free_since.unwrap_or(opened_at);
        let escalation = escalation.and_then(|wait| after(free_since, wait));
        let reminder = timing.remind.and_then(|wait| after(self.spoken_at, wait));
        [escalation, reminder].into_iter().flatten().min()
    }
}

fn after(at: Timestamp, wait: SignedDuration) -> Option<Timestamp> {
    at.checked_add(wait).ok()
}

/// What time alone does to an alert: a trouble that nobody could look at again is told, people are reminded, others are
/// told, an acknowledgement or a lull ends.
pub fn tick(alert: Alert, timing: &Timing, now: Timestamp) -> Option<(Alert, AlertEvent)> {
    if alert.next_tick(timing)? > now {
        return None;
    }
    if let Some(lull) = alert.lull.clone() {
        let (alert, event) = alert.resolve(lull.resolution, now);
        return event.map(|event| (alert, event));
    }
    let spoken = Alert {
        spoken_at: now,
        ..alert
    };
    let Some(opened_at) = spoken.opened_at else {
        let alert = Alert {
            opened_at: Some(now),
            ..spoken
        };
        return Some((alert, AlertEvent::Opened));
    };
    if spoken.acknowledged.is_some() {
        let alert = Alert {
            acknowledged: None,
            free_since: Some(now),
            ..spoken
        };
        return Some((alert, AlertEvent::Reminded));
    }
    let free_since = spoken.free_since.unwrap_or(opened_at);
    let escalates = spoken.escalated_at.is_none()
        && timing
            .escalate
            .and_then(|wait| after(free_since, wait))
            .is_some_and(|at| at <= now);
    if escalates {
        let alert = Alert {
            escalated_at: Some(now),
            ..spoken
        };
        return Some((alert, AlertEvent::Escalated));
    }
    Some((spoken, AlertEvent::Reminded))
}

/// What is told of an alert because others of the same cause are spoken of now, ahead of its own
/// time, so that people hear once of a cause and not once for each stack. None if it does not
/// belong there, or if less than half of its own wait is over.
pub fn along(
    alert: Alert,
    event: AlertEvent,
    timing: &Timing,
    now: Timestamp,
) -> Option<(Alert, AlertEvent)> {
    let opened_at = alert.opened_at?;
    if alert.is_over() || alert.lull.is_some() || alert.acknowledged.is_some() {
        return None;
    }
    let half_over = |wait: Option<SignedDuration>, from: Timestamp| {
        wait.is_some_and(|wait| now.duration_since(from) >= wait / 2)
    };
    let free_since = alert.free_since.unwrap_or(opened_at);
    let escalates = alert.escalated_at.is_none() && half_over(timing.escalate, free_since);
    let reminds = half_over(timing.remind, alert.spoken_at);
    let spoken = Alert {
        spoken_at: now,
        ..alert
    };
    match event {
        AlertEvent::Escalated if escalates => {
            let alert = Alert {
                escalated_at: Some(now),
                ..spoken
            };
            Some((alert, AlertEvent::Escalated))
        }
        AlertEvent::Reminded if reminds => Some((spoken, AlertEvent::Reminded)),
        _ => None,
    }
}

/// The next state of an alert after a look, and what to tell, if anything. `known` is the stack's
/// open alert of this kind, or the last one if it ended less than [`RETURNS_WITHIN`] ago; `fresh` is
/// the id a new one would get; `timing` is that of the trouble as seen now.
pub fn advance(
    known: Option<Alert>,
    sight: &Sight,
    subject: (&StackId, AlertKind),
    timing: &Timing,
    fresh: AlertId,
    now: Timestamp,
) -> Option<(Alert, Option<AlertEvent>)> {
    let open = known.as_ref().is_some_and(|alert| !alert.is_over());
    match (known, sight) {
        (Some(alert), Sight::Present(trouble)) if open => seen_again(&alert, trouble, timing, now),
        (known, Sight::Present(trouble)) => {
            let (stack, kind) = subject;
            let returning = known.and_then(|alert| returning(alert, now));
            let mut alert = returning
                .unwrap_or_else(|| Alert::new(fresh, stack.clone(), kind, trouble.clone(), now));
            alert.trouble = trouble.clone();
            alert.looks = 1;
            alert.persist = timing.persist;
            Some(opened(alert, timing, now))
        }
        (Some(alert), Sight::Absent(resolution)) if open => {
            if alert.opened_at.is_some() && alert.comes_and_goes(now) {
                let lull = alert.lull.clone().unwrap_or(Lull {
                    since: now,
                    resolution: *resolution,
                });
                let settled = after(lull.since, SETTLES_AFTER).is_none_or(|at| at <= now)
                    || *resolution == Resolution::Untracked;
                if !settled {
                    let alert = Alert {
                        lull: Some(lull),
                        looks: 0,
                        ..alert
                    };
                    return Some((alert, None));
                }
            }
            Some(alert.resolve(*resolution, now))
        }
        (_, Sight::Absent(_) | Sight::Unseen) => None,
    }
}

/// An alert that ended lately and whose trouble is there again.
fn returning(alert: Alert, now: Timestamp) -> Option<Alert> {
    let (ended, _) = alert.resolved?;
    alert.opened_at?;
    if now.duration_since(ended) > RETURNS_WITHIN {
        return None;
    }
    let mut returns = alert.returns.clone();
    returns.push(now);
    returns.retain(|at| now.duration_since(*at) <= RETURNS_WITHIN);
    Some(Alert {
        seen_at: now,
        opened_at: None,
        changed_at: now,
        escalated_at: None,
        free_since: None,
        acknowledged: None,
        lull: None,
        returns,
        told_to: BTreeSet::new(),
        resolved: None,
        ..alert
    })
}

fn opened(alert: Alert, timing: &Timing, now: Timestamp) -> (Alert, Option<AlertEvent>) {
    if alert.opens_at(timing).is_none_or(|at| at > now) {
        return (alert, None);
    }
    let alert = Alert {
        opened_at: Some(now),
        spoken_at: now,
        ..alert
    };
    (alert, Some(AlertEvent::Opened))
}

/// None if nothing about it is new.
fn seen_again(
    known: &Alert,
    trouble: &Trouble,
    timing: &Timing,
    now: Timestamp,
) -> Option<(Alert, Option<AlertEvent>)> {
    let changed = known.trouble.content != trouble.content;
    let grew = grows(&known.trouble, trouble);
    let alert = Alert {
        trouble: trouble.clone(),
        looks: known.looks.saturating_add(1),
        persist: timing.persist,
        changed_at: if changed { now } else { known.changed_at },
        // One that comes and goes is not told anew each time it comes.
        lull: None,
        acknowledged: known.acknowledged.clone().filter(|_| !grew),
        free_since: match known.acknowledged {
            Some(_) if grew => Some(now),
            _ => known.free_since,
        },
        ..known.clone()
    };
    if alert.opened_at.is_none() {
        return Some(opened(alert, timing, now));
    }
    if changed && (grew || alert.acknowledged.is_none()) {
        let alert = Alert {
            spoken_at: now,
            ..alert
        };
        return Some((alert, Some(AlertEvent::Changed)));
    }
    let same = known.trouble == *trouble && known.lull.is_none();
    (!same).then_some((alert, None))
}

/// Whether a trouble has become worse, or holds something that it did not hold.
fn grows(before: &Trouble, now: &Trouble) -> bool {
    now.severity > before.severity
        || now
            .parts
            .iter()
            .any(|(name, hash)| before.parts.get(name) != Some(hash))
}

/// What is new in the parts of a trouble or plan, one short sentence each.
pub fn news(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let new = now
        .iter()
        .filter_map(|(name, hash)| match before.get(name) {
            None => Some(format!("new: {name}")),
            Some(old) if old != hash => Some(format!("changed: {name}")),
            Some(_) => None,
        });
    let gone = before
        .keys()
        .filter(|name| !now.contains_key(*name))
        .map(|name| format!("no longer: {name}"));
    new.chain(gone).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
