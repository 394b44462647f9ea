//! What is remembered of earlier messages to one receiver.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::alert::AlertEvent;
use crate::domain::ids::AlertId;

/// A cause of which nothing was said for so long is forgotten, unless stacks are still in it.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What is remembered of earlier messages to one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Desk {
    /// Causes of which something was said, by key.
    pub groups: BTreeMap<String, Group>,
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
    /// How many of its alerts were told one by one since it was last quiet.
    pub singly: usize,
    /// Its open alerts that were told together.
    pub told: BTreeSet<AlertId>,
}

impl Desk {
    /// Without what is too old to matter.
    pub(super) fn without_old(mut self, limit: Option<SignedDuration>, now: Timestamp) -> Self {
        let within = limit.unwrap_or(SignedDuration::ZERO);
        self.sent.retain(|at| now.duration_since(*at) < within);
        self.groups.retain(|_, group| {
            !group.told.is_empty() || now.duration_since(group.spoken_at) < FORGOTTEN_AFTER
        });
        self
    }

    /// The cause with which an alert was told.
    pub(super) fn group_of(&self, alert: AlertId) -> Option<&str> {
        let mut groups = self.groups.iter();
        let (cause, _) = groups.find(|(_, group)| group.told.contains(&alert))?;
        Some(cause)
    }

    pub(super) fn tell_singly(
        &mut self,
        cause: &str,
        count: usize,
        interval: SignedDuration,
        now: Timestamp,
    ) {
        let group = self.group(cause, now);
        if now.duration_since(group.spoken_at) >= interval {
            group.singly = 0;
        }
        group.singly += count;
        group.spoken_at = now;
    }

    /// Takes note that something happened to these alerts together; gives the name of the group and
    /// how many of it are open now.
    pub(super) fn tell_group(
        &mut self,
        cause: &str,
        event: AlertEvent,
        alerts: impl Iterator<Item = AlertId>,
        now: Timestamp,
    ) -> (String, usize) {
        let group = self.group(cause, now);
        for alert in alerts {
            if event == AlertEvent::Resolved {
                group.told.remove(&alert);
            } else {
                group.told.insert(alert);
            }
        }
        group.spoken_at = now;
        (group.id.clone(), group.told.len())
    }

    fn group(&mut self, cause: &str, now: Timestamp) -> &mut Group {
        self.groups
            .entry(cause.to_owned())
            .or_insert_with(|| Group {
                id: format!("{}-{}", cause.replace(['/', ' '], "-"), now.as_second()),
                spoken_at: now,
                singly: 0,
                told: BTreeSet::new(),
            })
    }
}
