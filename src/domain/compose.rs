//! From news to messages for one receiver: what has one cause becomes one message, quiet hours and
//! limits hold back what can wait. Pure: what is known of earlier messages goes in and comes out.

mod desk;
mod digest;
mod piece;
mod repairs;
mod returned;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::alert::AlertEvent;
use super::finding::Severity;
use super::hours::Hours;
use super::ids::{AlertId, EnvelopeId};
use super::notice::{AlertNotice, DigestReason, GroupMember, GroupNotice, Notice};

pub use desk::{Desk, Group};
use digest::digest;
use piece::{Piece, is_urgent, urgent};
use returned::Remaining;

/// From so many stacks on, what has one cause is told in one message.
const GROUP_FROM: usize = 3;

/// For so many intervals the end of some stacks waits for that of the others of its cause.
const REST_ENDS_WITHIN: i32 = 6;

/// One piece of news for one receiver, not yet a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Its id; those of what waits are in the order of its coming, whatever the clocks say.
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
    /// News that needs no message any more.
    pub silent: Vec<EnvelopeId>,
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
            ..Composition::default()
        };
    }
    let remaining = Remaining::of(waiting);
    let mut whole = Composition {
        desk,
        silent: remaining.silent.clone(),
        ..Composition::default()
    };
    let mut waiting: Vec<&Envelope> = remaining.envelopes.iter().map(AsRef::as_ref).collect();
    // Of each alert one piece at a time, so that its end never comes before its beginning.
    loop {
        let pass = Composer::new(whole.desk, manner, now).pass(&waiting);
        whole.desk = pass.desk;
        whole.next = pass.next;
        if pass.messages.is_empty() {
            remaining.with_ends(&mut whole.messages);
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

/// What is told together: a cause, what happened, and whether it waits for nothing.
type Bucket = (String, AlertEvent, bool);

/// Whether a message about this says how far a cause has spread. Such messages become rarer.
const fn spreads(event: AlertEvent) -> bool {
    matches!(
        event,
        AlertEvent::Opened | AlertEvent::Changed | AlertEvent::Resolved
    )
}

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
        let live: Vec<Piece<'_>> = live
            .into_iter()
            .map(|envelope| self.piece(envelope, waiting))
            .collect();
        self.tell(&live);
        self.finish()
    }

    /// What is told of the alert that an envelope is about. One that joined a cause since its last
    /// message and is over is told with those that are over.
    fn piece<'e>(&self, first: &'e Envelope, waiting: &[&'e Envelope]) -> Piece<'e> {
        let mut single = Piece {
            first,
            alert: alert_of(&first.notice),
            envelopes: Vec::new(),
            begins: false,
        };
        // What was held back of an alert that gets through now is told with it, not after it.
        for held in waiting.iter().take_while(|other| other.id < first.id) {
            let other = alert_of(&held.notice);
            if let Some(other) = other.filter(|o| single.alert.is_some_and(|a| a.alert == o.alert))
            {
                single.begins |= other.event == AlertEvent::Opened;
                single.envelopes.push(held.id);
            }
        }
        single.envelopes.push(first.id);
        let Some(alert) = single
            .alert
            .filter(|alert| alert.event == AlertEvent::Opened)
        else {
            return single;
        };
        let cause = self.cause_of(alert);
        let group = cause.and_then(|cause| self.desk.groups.get(&cause));
        if group.is_none_or(|group| group.together.is_empty()) {
            return single;
        }
        let own: Vec<(EnvelopeId, &AlertNotice)> = waiting
            .iter()
            .filter_map(|envelope| Some((envelope.id, alert_of(&envelope.notice)?)))
            .filter(|(_, other)| other.alert == alert.alert)
            .collect();
        match own.last() {
            Some((_, last)) if last.event == AlertEvent::Resolved => Piece {
                first,
                alert: Some(*last),
                envelopes: own.iter().map(|(id, _)| *id).collect(),
                begins: false,
            },
            _ => single,
        }
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
        let urgent = urgent(waiting);
        for envelope in waiting {
            let can_wait = can_wait(&envelope.notice);
            let alert = alert_of(&envelope.notice).map(|alert| alert.alert);
            let behind = alert.is_some_and(|alert| self.held.contains(&alert));
            let ahead = alert.and_then(|alert| urgent.get(&alert));
            if ahead.is_some_and(|ahead| envelope.id < *ahead) {
                // It is told with what is urgent of the same alert.
            } else if is_quiet && can_wait {
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
            [] => return,
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
        // What is told here goes on, by day, together with others of its cause.
        let open: BTreeMap<AlertId, &AlertNotice> = night
            .iter()
            .filter_map(|envelope| alert_of(&envelope.notice))
            .map(|alert| (alert.alert, alert))
            .collect();
        let mut causes: BTreeMap<(String, bool), Vec<AlertId>> = BTreeMap::new();
        for (id, alert) in open {
            if let Some(cause) = self.cause_of(alert) {
                let over = alert.event == AlertEvent::Resolved;
                causes.entry((cause, over)).or_default().push(id);
            }
        }
        for ((cause, over), alerts) in causes {
            let many = alerts.len() >= GROUP_FROM;
            let alerts = alerts.into_iter();
            if many {
                let how = (over, false);
                self.desk.tell_together(&cause, how, alerts, self.now);
            } else {
                self.desk.tell_singly(&cause, over, alerts, self.now);
            }
        }
    }

    fn tell(&mut self, live: &[Piece<'_>]) {
        let mut buckets: BTreeMap<Bucket, Vec<&Piece<'_>>> = BTreeMap::new();
        let mut repairs = repairs::Waiting::default();
        for piece in live {
            match self.bucket(piece) {
                Some(bucket) => buckets.entry(bucket).or_default().push(piece),
                None if repairs.take(piece.first) => {}
                None => self.messages.push(piece.alone()),
            }
        }
        for (kind, alike) in repairs.kinds() {
            self.tell_repairs(&kind, alike);
        }
        // By the time of their first news, so that the end of a trouble comes after its beginning.
        let mut buckets: Vec<(Bucket, Vec<&Piece<'_>>)> = buckets.into_iter().collect();
        buckets.sort_by_key(|(_, pieces)| pieces.first().map(|piece| piece.first.id));
        for ((cause, event, _), pieces) in buckets {
            self.tell_bucket(&cause, event, &pieces);
        }
    }

    /// What is repaired in many stacks, one after the other, is told like a cause that spreads.
    fn tell_repairs(&mut self, kind: &str, alike: repairs::Alike<'_>) {
        let known = self.desk.repairs.get(kind);
        let due = alike
            .since()
            .and_then(|at| at.checked_add(self.manner.wait).ok());
        let due = due.max(known.map(|known| known.next_at(self.manner.interval)));
        if due.is_some_and(|due| due > self.now) {
            for envelope in alike.envelopes() {
                self.hold(envelope, due);
            }
            return;
        }
        let told = alike.envelopes().count();
        let together = known.map_or(0, |known| known.told) + told >= GROUP_FROM;
        let group = self.desk.tell_repairs(kind, told, together, self.now);
        self.messages.extend(alike.told(together.then_some(group)));
    }

    fn cause_of(&self, alert: &AlertNotice) -> Option<String> {
        let told = self.desk.cause_of(alert.alert).map(str::to_owned);
        told.or_else(|| alert.cause.as_ref().map(|cause| cause.key.clone()))
    }

    /// With what a piece is told; none if by itself. What has become critical from another cause than
    /// that with which it was told is another trouble.
    fn bucket(&self, piece: &Piece<'_>) -> Option<Bucket> {
        let alert = piece.alert?;
        let cause = self.cause_of(alert)?;
        let urgent = is_urgent(alert);
        let own = alert.cause.as_ref().is_some_and(|own| own.key == cause);
        (own || !urgent).then_some((cause, piece.event()?, urgent))
    }

    /// Ends of what was told one by one are told one by one as well; everything else of one cause
    /// is told together if it is much, or if some of it was.
    fn tell_bucket(&mut self, cause: &str, event: AlertEvent, pieces: &[&Piece<'_>]) {
        let over = event == AlertEvent::Resolved;
        let known = self.desk.groups.get(cause);
        let is_single = |piece: &Piece<'_>| {
            known.is_some_and(|group| piece.alert.is_some_and(|a| group.singly.contains(&a.alert)))
        };
        let (single, rest): (Vec<&Piece<'_>>, Vec<&Piece<'_>>) =
            pieces.iter().partition(|piece| over && is_single(piece));
        let spread = match event {
            AlertEvent::Opened => known.map_or(0, Group::open),
            _ => 0,
        };
        let together = rest.len() + spread >= GROUP_FROM
            || known.is_some_and(|group| !group.together.is_empty());
        if together {
            self.tell_singly(cause, over, &single);
            self.tell_together(cause, event, &rest);
        } else {
            self.tell_singly(cause, over, pieces);
        }
    }

    /// Holds pieces back if they are not due, or if earlier news of the same alerts is held back.
    fn holds(&mut self, pieces: &[&Piece<'_>], due: Option<Timestamp>) -> bool {
        let behind = |piece: &&Piece<'_>| {
            let alert = piece.alert.filter(|alert| !is_urgent(alert));
            alert.is_some_and(|alert| self.held.contains(&alert.alert))
        };
        let holds = pieces.iter().any(behind) || due.is_some_and(|due| due > self.now);
        if holds {
            let later = due.filter(|due| *due > self.now);
            for piece in pieces {
                self.hold(piece.first, later);
            }
        }
        holds
    }

    fn tell_singly(&mut self, cause: &str, over: bool, pieces: &[&Piece<'_>]) {
        if pieces.is_empty() || self.holds(pieces, self.first_due(pieces)) {
            return;
        }
        let ids = pieces.iter().filter_map(|piece| piece.alert);
        self.desk
            .tell_singly(cause, over, ids.map(|alert| alert.alert), self.now);
        self.messages
            .extend(pieces.iter().map(|piece| piece.alone()));
    }

    /// When the first of these has waited for others; none if it does not wait.
    fn first_due(&self, pieces: &[&Piece<'_>]) -> Option<Timestamp> {
        let urgent = pieces.iter().filter_map(|piece| piece.alert).any(|alert| {
            let asked = matches!(
                alert.event,
                AlertEvent::Escalated | AlertEvent::Acknowledged
            );
            asked || alert.severity == Severity::Critical
        });
        let wait = if urgent {
            SignedDuration::ZERO
        } else {
            self.manner.wait
        };
        pieces.first()?.first.at.checked_add(wait).ok()
    }

    /// When these are to be told together.
    fn due(&self, cause: &str, event: AlertEvent, pieces: &[&Piece<'_>]) -> Option<Timestamp> {
        let first = self.first_due(pieces)?;
        let known = self.desk.groups.get(cause);
        let Some(known) = known.filter(|group| !group.together.is_empty()) else {
            return Some(first);
        };
        if pieces.iter().any(|piece| piece.is_urgent()) {
            return Some(first);
        }
        let ids: BTreeSet<AlertId> = pieces
            .iter()
            .filter_map(|piece| piece.alert.map(|alert| alert.alert))
            .collect();
        let next = known.next_at(self.manner.interval);
        Some(match event {
            AlertEvent::Opened | AlertEvent::Changed => first.max(next),
            AlertEvent::Resolved if !known.together.is_subset(&ids) => {
                // Most often the rest ends soon, and one message says all of it.
                let rest = self.manner.interval.saturating_mul(REST_ENDS_WITHIN);
                first.checked_add(rest).ok()?.max(next)
            }
            _ => first,
        })
    }

    fn tell_together(&mut self, cause: &str, event: AlertEvent, pieces: &[&Piece<'_>]) {
        let due = self.due(cause, event, pieces);
        if self.holds(pieces, due) {
            return;
        }
        let mut worst: Vec<&Piece<'_>> = pieces.to_vec();
        worst.sort_by_key(|piece| {
            let alert = piece.alert;
            alert.map(|alert| (Reverse(alert.severity), &alert.stack))
        });
        let Some(example) = worst.first().and_then(|piece| piece.told()) else {
            return;
        };
        let worst: Vec<&AlertNotice> = worst.iter().filter_map(|piece| piece.alert).collect();
        let over = event == AlertEvent::Resolved;
        // What is critical says how far its cause has spread whenever it does, and delays nothing.
        let spreads = spreads(event) && !is_urgent(&example);
        let ids = worst.iter().map(|alert| alert.alert);
        let group = self
            .desk
            .tell_together(cause, (over, spreads), ids, self.now);
        let members = worst.iter().map(|alert| GroupMember {
            alert: alert.alert,
            stack: alert.stack.clone(),
            severity: alert.severity,
            text: super::brief::brief(&alert.check),
        });
        let notice = Notice::Group(GroupNotice {
            open: group.open(),
            total: group.total,
            group: group.id,
            event,
            kind: example.kind,
            severity: example.severity,
            at: worst.iter().map(|alert| alert.at).max().unwrap_or(self.now),
            since: worst
                .iter()
                .map(|alert| alert.opened_at)
                .min()
                .unwrap_or(self.now),
            key: cause.to_owned(),
            cause: match &example.cause {
                Some(cause) => cause.words.clone(),
                None => String::new(),
            },
            members: members.collect(),
            example: Box::new(example),
        });
        let envelopes = pieces.iter().flat_map(|piece| piece.envelopes.clone());
        self.messages.push(Composed {
            notice,
            envelopes: envelopes.collect(),
        });
    }

    /// Keeps to the limit: what is too much goes into one message that says how much it is.
    fn finish(mut self) -> Composition {
        if let Some(room) = self.room() {
            let many = self.messages.iter().filter(|m| can_wait(&m.notice)).count();
            if many > room {
                self.messages = within(std::mem::take(&mut self.messages), room, self.now);
            }
        }
        let counts = |message: &&Composed| can_wait(&message.notice);
        let sent = self.messages.iter().filter(counts).count();
        self.desk.sent.extend(std::iter::repeat_n(self.now, sent));
        Composition {
            messages: self.messages,
            desk: self.desk,
            next: self.next,
            ..Composition::default()
        }
    }
}

/// The worst `room - 1` of the messages that can wait as they are, and the others in a digest.
fn within(messages: Vec<Composed>, room: usize, now: Timestamp) -> Vec<Composed> {
    let mut order: Vec<usize> = (0..messages.len())
        .filter(|n| messages.get(*n).is_some_and(|m| can_wait(&m.notice)))
        .collect();
    order.sort_by_key(|n| messages.get(*n).map(|m| Reverse(m.notice.severity())));
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
        Notice::Request(request) => !matches!(request.severity, Severity::Critical),
        Notice::Repaired(_) | Notice::Repairs(_) | Notice::Digest(_) => true,
        Notice::Summary(_) | Notice::Report(_) | Notice::Undelivered(_) => false,
    }
}
