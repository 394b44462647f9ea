//! What is told of one alert at once.

use std::collections::BTreeMap;

use crate::domain::alert::AlertEvent;
use crate::domain::finding::Severity;
use crate::domain::ids::{AlertId, EnvelopeId};
use crate::domain::notice::{AlertNotice, Notice};

use super::{Composed, Envelope, alert_of};

/// Whether news of an alert waits for nothing. Its end waits for those of others of its cause.
pub(super) fn is_urgent(alert: &AlertNotice) -> bool {
    alert.severity == Severity::Critical && alert.event != AlertEvent::Resolved
}

/// The first piece of each alert that waits for nothing.
pub(super) fn urgent(waiting: &[&Envelope]) -> BTreeMap<AlertId, EnvelopeId> {
    let mut first = BTreeMap::new();
    for envelope in waiting {
        if let Some(alert) = alert_of(&envelope.notice).filter(|alert| is_urgent(alert)) {
            first.entry(alert.alert).or_insert(envelope.id);
        }
    }
    first
}

/// News of one alert that is told at once, or other news.
pub(super) struct Piece<'e> {
    /// The first of it.
    pub(super) first: &'e Envelope,
    /// The alert as it is told.
    pub(super) alert: Option<&'e AlertNotice>,
    /// All of it.
    pub(super) envelopes: Vec<EnvelopeId>,
    /// Whether its beginning was held back until now.
    pub(super) begins: bool,
}

impl Piece<'_> {
    /// What happened, as whoever has heard nothing of it yet is told.
    pub(super) fn event(&self) -> Option<AlertEvent> {
        let event = self.alert?.event;
        Some(match event {
            AlertEvent::Changed if self.begins => AlertEvent::Opened,
            event => event,
        })
    }

    pub(super) fn is_urgent(&self) -> bool {
        self.alert.is_some_and(is_urgent)
    }

    /// The alert as it is told.
    pub(super) fn told(&self) -> Option<AlertNotice> {
        let mut alert = self.alert?.clone();
        let event = self.event()?;
        if alert.event != event {
            alert.event = event;
            alert.news.clear();
        }
        Some(alert)
    }

    pub(super) fn alone(&self) -> Composed {
        let told = self.told().map(Notice::Alert);
        Composed {
            notice: told.unwrap_or_else(|| self.first.notice.clone()),
            envelopes: self.envelopes.clone(),
        }
    }
}
