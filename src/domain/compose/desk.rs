//! What is remembered of earlier messages to one receiver.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::ids::AlertId;

/// A cause of which nothing was said for so long is forgotten, unless stacks are still in it.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The longest wait between two messages that say how far a cause has spread.
const LONGEST_INTERVAL: SignedDuration = SignedDuration::from_hours(4);

/// What is remembered of earlier messages to one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Desk {
    /// Causes of which something was said, by key.
    pub groups: BTreeMap<String, Group>,
    /// Repairs of which something was said lately, by what they put back.
    #[serde(default)]
    pub repairs: BTreeMap<String, Repairs>,
    /// When messages were sent, as far back as the limit reaches.
    pub sent: Vec<Timestamp>,
}

/// A cause of which something was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Names its conversation.
    pub id: String,
    /// When something was last said of it.
    pub spoken_at: Timestamp,
    /// How many messages have said how far it has spread, since it began.
    pub messages: u32,
    /// Its open alerts that were told one by one. Each ends as it began.
    pub singly: BTreeSet<AlertId>,
    /// Its open alerts that were told together.
    pub together: BTreeSet<AlertId>,
    /// How many alerts were in it since it began.
    pub total: usize,
}

/// Repairs that are alike, of which something was said lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repairs {
    /// Since when they have been told.
    pub since: Timestamp,
    /// When something was last said of them.
    pub spoken_at: Timestamp,
    /// How many of them were told.
    pub told: usize,
    /// How many messages have told of several, or of more.
    pub messages: u32,
}

impl Repairs {
    /// When there may be another message, by the pace of [`Group::next_at`].
    pub(super) fn next_at(&self, interval: SignedDuration) -> Timestamp {
        if self.messages == 0 {
            return self.spoken_at;
        }
        paced(self.spoken_at, self.messages, interval)
    }
}

fn conversation(cause: &str, since: Timestamp) -> String {
    format!("{}-{}", cause.replace(['/', ' '], "-"), since.as_second())
}

/// The wait doubles with each message, up to hours.
fn paced(spoken_at: Timestamp, messages: u32, interval: SignedDuration) -> Timestamp {
    let doublings = messages.saturating_sub(1).min(16);
    let wait = interval.saturating_mul(1 << doublings);
    let wait = wait.min(LONGEST_INTERVAL.max(interval));
    spoken_at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

impl Group {
    fn begin(cause: &str, now: Timestamp) -> Self {
        Self {
            id: conversation(cause, now),
            spoken_at: now,
            messages: 0,
            singly: BTreeSet::new(),
            together: BTreeSet::new(),
            total: 0,
        }
    }

    /// How many of its alerts are open, as far as was told.
    pub fn open(&self) -> usize {
        self.singly.len() + self.together.len()
    }

    /// When the next message may say how far it has spread: the wait doubles with each of them, so
    /// that a cause that creeps through many stacks is a few messages and not one for each.
    pub(super) fn next_at(&self, interval: SignedDuration) -> Timestamp {
        paced(self.spoken_at, self.messages, interval)
    }

    /// Takes note of an alert that is told.
    fn add(&mut self, alert: AlertId, together: bool) {
        if self.singly.contains(&alert) || self.together.contains(&alert) {
            return;
        }
        self.total += 1;
        if together {
            self.together.insert(alert);
        } else {
            self.singly.insert(alert);
        }
    }

    /// Takes note of an alert that is told to be over.
    fn remove(&mut self, alert: AlertId) {
        if !self.singly.remove(&alert) && !self.together.remove(&alert) {
            // It came and went between two messages.
            self.total += 1;
        }
    }
}

impl Desk {
    /// Without what is too old to matter.
    pub(super) fn without_old(mut self, limit: Option<SignedDuration>, now: Timestamp) -> Self {
        let within = limit.unwrap_or(SignedDuration::ZERO);
        self.sent.retain(|at| now.duration_since(*at) < within);
        self.repairs
            .retain(|_, repairs| now.duration_since(repairs.spoken_at) <= LONGEST_INTERVAL);
        self.groups.retain(|_, group| {
            group.open() > 0 || now.duration_since(group.spoken_at) < FORGOTTEN_AFTER
        });
        self
    }

    /// The cause with which an alert was told.
    pub(super) fn cause_of(&self, alert: AlertId) -> Option<&str> {
        let holds =
            |group: &Group| group.singly.contains(&alert) || group.together.contains(&alert);
        let (cause, _) = self.groups.iter().find(|(_, group)| holds(group))?;
        Some(cause)
    }

    /// Takes note that these alerts of a cause are told, or told to be over, one by one.
    pub(super) fn tell_singly(
        &mut self,
        cause: &str,
        over: bool,
        alerts: impl Iterator<Item = AlertId>,
        now: Timestamp,
    ) {
        self.group(cause, now).take(alerts, over, false);
    }

    /// Takes note that these alerts of a cause are told, or told to be over, in one message; gives
    /// the group as that message finds it. `spreads`: the message says how far the cause has spread.
    pub(super) fn tell_together(
        &mut self,
        cause: &str,
        (over, spreads): (bool, bool),
        alerts: impl Iterator<Item = AlertId>,
        now: Timestamp,
    ) -> Group {
        let group = self.group(cause, now);
        group.take(alerts, over, true);
        if now.duration_since(group.spoken_at) > LONGEST_INTERVAL {
            // What is left of an outbreak must not slow down the news of the next.
            group.messages = 0;
        }
        if spreads {
            group.messages += 1;
            group.spoken_at = now;
        }
        let told = group.clone();
        if group.open() == 0 {
            (group.messages, group.total) = (0, 0);
        }
        told
    }

    /// Takes note that so many repairs of a kind are told, by one message or by one each; names their
    /// conversation.
    pub(super) fn tell_repairs(
        &mut self,
        kind: &str,
        told: usize,
        together: bool,
        now: Timestamp,
    ) -> String {
        let begin = Repairs {
            since: now,
            spoken_at: now,
            told: 0,
            messages: 0,
        };
        let repairs = self.repairs.entry(kind.to_owned()).or_insert(begin);
        repairs.spoken_at = now;
        repairs.told += told;
        repairs.messages += u32::from(together);
        conversation(kind, repairs.since)
    }

    /// A cause of which nothing is open begins anew.
    fn group(&mut self, cause: &str, now: Timestamp) -> &mut Group {
        let group = self.groups.entry(cause.to_owned());
        let group = group.or_insert_with(|| Group::begin(cause, now));
        if group.open() == 0 {
            *group = Group::begin(cause, now);
        }
        group
    }
}

impl Group {
    fn take(&mut self, alerts: impl Iterator<Item = AlertId>, over: bool, together: bool) {
        for alert in alerts {
            if over {
                self.remove(alert);
            } else {
                self.add(alert, together);
            }
        }
    }
}
