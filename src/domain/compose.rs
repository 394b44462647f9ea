//! From news to messages for one receiver: what has one cause becomes one message, quiet hours and
//! limits hold back what can wait. Pure: what is known of earlier messages goes in and comes out.

mod desk;
mod digest;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::alert::AlertEvent;
use super::finding::Severity;
use super::hours::Hours;
use super::ids::{AlertId, EnvelopeId};
use super::notice::{AlertNotice, DigestReason, GroupMember, GroupNotice, Notice};

pub use desk::{Desk, Group};
use digest::digest;

/// From so many stacks on, what has one cause is told in one message.
const GROUP_FROM: usize = 3;

/// One piece of news for one receiver, not yet a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Its id; ids sort by time.
    pub id: EnvelopeId,
    /// The news.
    pub notice: Notice,
    /// When it came.
    pub at: Timestamp,
}

/// How a receiver wants its news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// Every piece by itself, as machines want it.
    pub each: bool,
    /// How long news waits for others of the same cause.
    pub wait: SignedDuration,
    /// How long news of a cause that was just told of waits.
    pub interval: SignedDuration,
    /// When only what is critical gets through.
    pub quiet: Option<Hours>,
    /// The most messages in a while, those that are critical apart.
    pub limit: Option<Limit>,
}

/// So many messages in so long a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub messages: usize,
    /// In how long.
    pub within: SignedDuration,
}

/// A message, and the news that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// What it says.
    pub notice: Notice,
    /// The news in it.
    pub envelopes: Vec<EnvelopeId>,
}

/// What becomes of the news that waits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Composition {
    /// Messages to send now, in this order.
    pub messages: Vec<Composed>,
    /// What to remember of them.
    pub desk: Desk,
    /// When more can be sent, if nothing else comes.
    pub next: Option<Timestamp>,
}

/// Makes messages of the news that waits, which is in the order of its coming.
pub fn compose(waiting: &[Envelope], desk: Desk, manner: &Manner, now: Timestamp) -> Composition {
    if manner.each {
        return Composition {
            messages: waiting.iter().map(alone).collect(),
            desk,
            next: None,
        };
    }
    let mut whole = Composition {
        desk,
        ..Composition::default()
    };
    let mut waiting: Vec<&Envelope> = waiting.iter().collect();
    // Of each alert one piece at a time, so that its end never comes before its beginning.
    loop {
        let pass = Composer::new(whole.desk, manner, now).pass(&waiting);
        whole.desk = pass.desk;
        whole.next = pass.next;
        if pass.messages.is_empty() {
            return whole;
        }
        let used: BTreeSet<EnvelopeId> = pass
            .messages
            .iter()
            .flat_map(|message| message.envelopes.iter().copied())
            .collect();
        waiting.retain(|envelope| !used.contains(&envelope.id));
        whole.messages.extend(pass.messages);
    }
}

fn alone(envelope: &Envelope) -> Composed {
    Composed {
        notice: envelope.notice.clone(),
        envelopes: vec![envelope.id],
    }
}

fn alert_of(notice: &Notice) -> Option<&AlertNotice> {
    match notice {
        Notice::Alert(alert) => Some(alert),
        _ => None,
    }
}

/// What is told together: a cause, and what happened.
type Bucket = (String, AlertEvent);

struct Composer<'m> {
    manner: &'m Manner,
    now: Timestamp,
    desk: Desk,
    /// Alerts of which something is held back: what comes later about them waits as well.
    held: BTreeSet<AlertId>,
    messages: Vec<Composed>,
    next: Option<Timestamp>,
}

impl<'m> Composer<'m> {
    fn new(desk: Desk, manner: &'m Manner, now: Timestamp) -> Self {
        Self {
            manner,
            now,
            desk: desk.without_old(manner.limit.map(|limit| limit.within), now),
            held: BTreeSet::new(),
            messages: Vec::new(),
            next: None,
        }
    }

    fn pass(mut self, waiting: &[&Envelope]) -> Composition {
        let (night, live) = self.sort(waiting);
        self.morning(&night);
        self.tell(&live);
        self.finish()
    }

    fn hold(&mut self, envelope: &Envelope, until: Option<Timestamp>) {
        if let Some(alert) = alert_of(&envelope.notice) {
            self.held.insert(alert.alert);
        }
        self.next = [self.next, until].into_iter().flatten().min();
    }

    /// How many messages may go now; none is any number.
    fn room(&self) -> Option<usize> {
        let limit = self.manner.limit?;
        Some(limit.messages.saturating_sub(self.desk.sent.len()))
    }

    /// What came in quiet hours that are over, and what can be told now; holds back the rest.
    fn sort<'e>(&mut self, waiting: &[&'e Envelope]) -> (Vec<&'e Envelope>, Vec<&'e Envelope>) {
        let quiet = self.manner.quiet.as_ref();
        let quiet_until = quiet.and_then(|quiet| quiet.end(self.now));
        let is_quiet = quiet.is_some_and(|quiet| quiet.contain(self.now));
        let full = self.room() == Some(0);
        let free_at = self.manner.limit.and_then(|limit| {
            let first = self.desk.sent.first()?;
            first.checked_add(limit.within).ok()
        });
        let (mut night, mut live) = (Vec::new(), Vec::new());
        let (mut asleep, mut begun) = (BTreeSet::new(), BTreeSet::new());
        for envelope in waiting {
            let can_wait = can_wait(&envelope.notice);
            let alert = alert_of(&envelope.notice).map(|alert| alert.alert);
            let behind = alert.is_some_and(|alert| self.held.contains(&alert));
            if is_quiet && can_wait {
                self.hold(envelope, quiet_until);
            } else if full && can_wait {
                self.hold(envelope, free_at);
            } else if behind && can_wait {
                self.hold(envelope, None);
            } else if can_wait && quiet.is_some_and(|quiet| quiet.contain(envelope.at)) {
                if alert.is_none_or(|alert| !begun.contains(&alert)) {
                    asleep.extend(alert);
                    night.push(*envelope);
                }
            } else if alert.is_none_or(|alert| !asleep.contains(&alert) && begun.insert(alert)) {
                live.push(*envelope);
            }
        }
        (night, live)
    }

    fn morning(&mut self, night: &[&Envelope]) {
        match night {
            [] => {}
            [one] => self.messages.push(alone(one)),
            many => self.messages.push(Composed {
                notice: digest(
                    DigestReason::QuietHours,
                    many.iter().map(|envelope| &envelope.notice),
                    self.now,
                ),
                envelopes: many.iter().map(|envelope| envelope.id).collect(),
            }),
        }
    }

    fn tell(&mut self, live: &[&Envelope]) {
        let mut buckets: BTreeMap<Bucket, Vec<&Envelope>> = BTreeMap::new();
        for envelope in live {
            match alert_of(&envelope.notice).and_then(|alert| self.bucket(alert)) {
                Some(bucket) => buckets.entry(bucket).or_default().push(envelope),
                None => self.messages.push(alone(envelope)),
            }
        }
        // By the time of their first news, so that the end of a trouble comes after its beginning.
        let mut buckets: Vec<(Bucket, Vec<&Envelope>)> = buckets.into_iter().collect();
        buckets.sort_by_key(|(_, envelopes)| envelopes.first().map(|envelope| envelope.id));
        for ((cause, event), envelopes) in buckets {
            self.tell_bucket(&cause, event, &envelopes);
        }
    }

    fn bucket(&self, alert: &AlertNotice) -> Option<Bucket> {
        let group = self.desk.group_of(alert.alert).map(str::to_owned);
        let cause = group.or_else(|| alert.cause.as_ref().map(|cause| cause.key.clone()))?;
        Some((cause, alert.event))
    }

    fn tell_bucket(&mut self, cause: &str, event: AlertEvent, envelopes: &[&Envelope]) {
        let alerts: Vec<&AlertNotice> = envelopes
            .iter()
            .filter_map(|envelope| alert_of(&envelope.notice))
            .collect();
        let behind = alerts.iter().any(|alert| self.held.contains(&alert.alert));
        let due = self.due(cause, event, envelopes, &alerts);
        if behind || due.is_some_and(|due| due > self.now) {
            for envelope in envelopes {
                self.hold(envelope, due);
            }
            return;
        }
        let known = self.desk.groups.get(cause);
        let joins = match event {
            AlertEvent::Opened => known.is_some_and(|group| !group.told.is_empty()),
            _ => alerts
                .iter()
                .any(|alert| self.desk.group_of(alert.alert) == Some(cause)),
        };
        if joins || alerts.len() >= GROUP_FROM {
            if let Some(message) = self.as_group(cause, event, envelopes, &alerts) {
                self.messages.push(message);
            }
        } else {
            self.desk
                .tell_singly(cause, alerts.len(), self.manner.interval, self.now);
            self.messages.extend(envelopes.iter().map(|one| alone(one)));
        }
    }

    /// When a bucket is to be told: none at once.
    fn due(
        &self,
        cause: &str,
        event: AlertEvent,
        envelopes: &[&Envelope],
        alerts: &[&AlertNotice],
    ) -> Option<Timestamp> {
        let urgent = matches!(event, AlertEvent::Escalated | AlertEvent::Acknowledged)
            || alerts
                .iter()
                .any(|alert| alert.severity == Severity::Critical);
        let wait = if urgent {
            SignedDuration::ZERO
        } else {
            self.manner.wait
        };
        let first = envelopes.first()?.at.checked_add(wait).ok()?;
        let Some(known) = self.desk.groups.get(cause) else {
            return Some(first);
        };
        let again = known.spoken_at.checked_add(self.manner.interval).ok()?;
        let few = known.told.is_empty() && known.singly + alerts.len() < GROUP_FROM;
        Some(if few || again <= self.now {
            first
        } else {
            first.max(again)
        })
    }

    fn as_group(
        &mut self,
        cause: &str,
        event: AlertEvent,
        envelopes: &[&Envelope],
        alerts: &[&AlertNotice],
    ) -> Option<Composed> {
        let mut worst: Vec<&AlertNotice> = alerts.to_vec();
        worst.sort_by(|a, b| {
            b.severity
                .cmp(&a.severity)
                .then_with(|| a.stack.cmp(&b.stack))
        });
        let example = *worst.first()?;
        let ids = alerts.iter().map(|alert| alert.alert);
        let (group, open) = self.desk.tell_group(cause, event, ids, self.now);
        let members = worst.iter().map(|alert| GroupMember {
            alert: alert.alert,
            stack: alert.stack.clone(),
            severity: alert.severity,
            text: super::brief::brief(&alert.check),
        });
        let notice = Notice::Group(GroupNotice {
            group,
            event,
            kind: example.kind,
            severity: example.severity,
            at: alerts
                .iter()
                .map(|alert| alert.at)
                .max()
                .unwrap_or(self.now),
            cause: match &example.cause {
                Some(cause) => cause.words.clone(),
                None => String::new(),
            },
            members: members.collect(),
            open,
            example: Box::new(example.clone()),
        });
        Some(Composed {
            notice,
            envelopes: envelopes.iter().map(|envelope| envelope.id).collect(),
        })
    }

    /// Keeps to the limit: what is too much goes into one message that says how much it is.
    fn finish(mut self) -> Composition {
        if let Some(room) = self.room() {
            let many = self.messages.iter().filter(|m| can_wait(&m.notice)).count();
            if many > room {
                self.messages = within(std::mem::take(&mut self.messages), room, self.now);
            }
        }
        let sent = self.messages.len();
        self.desk.sent.extend(std::iter::repeat_n(self.now, sent));
        Composition {
            messages: self.messages,
            desk: self.desk,
            next: self.next,
        }
    }
}

/// The worst `room - 1` of the messages that can wait as they are, and the others in a digest.
fn within(messages: Vec<Composed>, room: usize, now: Timestamp) -> Vec<Composed> {
    let mut order: Vec<usize> = (0..messages.len())
        .filter(|n| messages.get(*n).is_some_and(|m| can_wait(&m.notice)))
        .collect();
    order.sort_by_key(|n| {
        messages
            .get(*n)
            .map(|m| std::cmp::Reverse(m.notice.severity()))
    });
    let over: BTreeSet<usize> = order.into_iter().skip(room.saturating_sub(1)).collect();
    let (mut kept, mut rest) = (Vec::new(), Vec::new());
    for (n, message) in messages.into_iter().enumerate() {
        if over.contains(&n) {
            rest.push(message);
        } else {
            kept.push(message);
        }
    }
    kept.push(Composed {
        notice: digest(
            DigestReason::RateLimit,
            rest.iter().map(|message| &message.notice),
            now,
        ),
        envelopes: rest
            .into_iter()
            .flat_map(|message| message.envelopes)
            .collect(),
    });
    kept
}

/// Whether news can wait for the morning: what is critical, and the end of it, cannot; nor what
/// somebody asked for at this time.
const fn can_wait(notice: &Notice) -> bool {
    match notice {
        Notice::Alert(alert) => !matches!(alert.severity, Severity::Critical),
        Notice::Group(group) => !matches!(group.severity, Severity::Critical),
        Notice::Repaired(_) | Notice::Digest(_) => true,
        Notice::Summary(_) | Notice::Report(_) | Notice::Undelivered(_) => false,
    }
}
