//! Troubles that came back before their end was told: nobody hears of an end that is none.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::domain::alert::{AlertEvent, news};
use crate::domain::ids::{AlertId, EnvelopeId};
use crate::domain::notice::{AlertNotice, Notice};

use super::{Composed, Envelope, alert_of};

/// The news that waits, without ends that are none.
pub(super) struct Remaining<'e> {
    /// What is to be told.
    pub(super) envelopes: Vec<Cow<'e, Envelope>>,
    /// What nobody will hear of.
    pub(super) silent: Vec<EnvelopeId>,
    /// The ends that go with what came back as another trouble.
    ends: BTreeMap<EnvelopeId, EnvelopeId>,
}

impl<'e> Remaining<'e> {
    pub(super) fn of(waiting: &'e [Envelope]) -> Self {
        let mut remaining = Self {
            envelopes: Vec::new(),
            silent: Vec::new(),
            ends: BTreeMap::new(),
        };
        let mut over: BTreeMap<AlertId, &'e Envelope> = BTreeMap::new();
        for envelope in waiting {
            let Some(alert) = alert_of(&envelope.notice) else {
                remaining.envelopes.push(Cow::Borrowed(envelope));
                continue;
            };
            let end = over.remove(&alert.alert);
            if alert.event == AlertEvent::Resolved {
                over.insert(alert.alert, envelope);
            }
            match end.and_then(|end| Some((end, alert_of(&end.notice)?))) {
                Some((end, ended)) if alert.event == AlertEvent::Opened => {
                    remaining.back((end, ended), (envelope, alert));
                }
                _ => remaining.envelopes.push(Cow::Borrowed(envelope)),
            }
        }
        remaining
    }

    /// A trouble is back whose end is yet to be told.
    fn back(
        &mut self,
        (end, ended): (&'e Envelope, &AlertNotice),
        (envelope, alert): (&'e Envelope, &AlertNotice),
    ) {
        let (Some(before), Some(now)) = (&ended.trouble, &alert.trouble) else {
            self.envelopes.push(Cow::Borrowed(envelope));
            return;
        };
        self.envelopes.retain(|other| other.id != end.id);
        let same = before.content == now.content && before.severity == now.severity;
        // Whoever had taken it on has to know that nobody has it any more.
        if same && ended.acknowledged.is_none() {
            self.silent.extend([end.id, envelope.id]);
            return;
        }
        let mut news = news(&before.parts, &now.parts);
        if ended.acknowledged.is_some() {
            news.push("it was over for a while, and nobody has it any more".to_owned());
        }
        self.ends.insert(envelope.id, end.id);
        self.envelopes.push(Cow::Owned(Envelope {
            notice: Notice::Alert(AlertNotice {
                event: AlertEvent::Changed,
                news,
                ..alert.clone()
            }),
            ..envelope.clone()
        }));
    }

    /// The messages, with the ends that are in what they say.
    pub(super) fn with_ends(&self, messages: &mut [Composed]) {
        for message in messages {
            let told = std::mem::take(&mut message.envelopes);
            message.envelopes = told
                .into_iter()
                .flat_map(|id| [self.ends.get(&id).copied(), Some(id)])
                .flatten()
                .collect();
        }
    }
}
