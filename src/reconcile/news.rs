//! From alerts and notices to news for receivers: who is told of what.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::alert::{Alert, AlertEvent, RETURNS_WITHIN};
use crate::domain::audience::Audience;
use crate::domain::compose::Envelope;
use crate::domain::ids::{AlertId, StackId};
use crate::domain::notice::{AlertNotice, Notice, RequestNotice};
use crate::domain::request::Request;
use crate::domain::route::{Receivers, receivers};
use crate::domain::stack::StackRecord;
use crate::domain::tell::Told;
use crate::domain::timing::Timing;
use crate::store::{Addressed, AlertEntry, StoreError};

use super::context::Context;
use super::fresh;

/// Whom news of a stack concerns.
pub(super) fn audience(record: &StackRecord) -> Audience {
    Audience {
        source: Some(record.source.clone()),
        labels: record.labels.clone(),
        owners: record.owners.clone(),
    }
}

/// The alerts of a stack that a look can move.
pub(super) async fn known(context: &Context, stack: &StackId) -> Result<Vec<Alert>, StoreError> {
    let since = context.now().checked_sub(RETURNS_WITHIN);
    context
        .store
        .alerts_since(stack, since.unwrap_or(Timestamp::MIN))
        .await
}

/// An alert to store, with the time at which it moves by itself.
pub(super) fn entry(context: &Context, alert: Alert, notice: AlertNotice) -> AlertEntry {
    let due = alert.next_tick(&timing(context, &alert, &notice));
    AlertEntry {
        alert,
        notice: Some(notice),
        due,
    }
}

/// When people are told of an alert by time alone. Nothing is escalated to nobody.
pub(super) fn timing(context: &Context, alert: &Alert, notice: &AlertNotice) -> Timing {
    let severity = alert.trouble.severity;
    let timings = &context.settings.telling.timings;
    let mut timing = timings.of(alert.kind, severity, SignedDuration::ZERO);
    if routed(
        context,
        &Notice::Alert(notice.clone()),
        &notice.audience,
        notice.at,
    )
    .escalate_to
    .is_empty()
    {
        timing.escalate = None;
    }
    timing
}

fn routed(context: &Context, notice: &Notice, audience: &Audience, now: Timestamp) -> Receivers {
    let everybody: Vec<String> = context.notifiers.names().map(str::to_owned).collect();
    receivers(
        &context.settings.telling.routes,
        &everybody,
        notice,
        audience,
        now,
    )
}

/// What becomes of alerts that moved.
#[derive(Debug, Default)]
pub(super) struct Spread {
    /// The alerts to store, with who has been told of them.
    pub(super) entries: Vec<AlertEntry>,
    /// The news of them.
    pub(super) news: Vec<Addressed>,
}

/// The alerts that moved, to be stored, and the news of them for everybody whom it concerns.
pub(super) fn spread(context: &Context, told: &Told, now: Timestamp) -> Spread {
    let mut spread = Spread::default();
    let mut heard: BTreeMap<AlertId, BTreeSet<String>> = BTreeMap::new();
    for notice in &told.news {
        let alert = told.alerts.iter().find(|(a, _)| a.id == notice.alert);
        let before = alert.map(|(alert, _)| &alert.told_to);
        let names = hearers(context, notice, before, now);
        heard
            .entry(notice.alert)
            .or_default()
            .extend(names.iter().cloned());
        let notice = Notice::Alert(notice.clone());
        spread.news.extend(addressed(names, &notice, now));
    }
    for (alert, notice) in &told.alerts {
        let mut alert = alert.clone();
        alert
            .told_to
            .extend(heard.remove(&alert.id).unwrap_or_default());
        spread.entries.push(entry(context, alert, notice.clone()));
    }
    spread
}

/// Whom routes name for news of an alert, and who knows of the alert from `before` and has to hear
/// that it is no longer so.
fn hearers(
    context: &Context,
    notice: &AlertNotice,
    before: Option<&BTreeSet<String>>,
    now: Timestamp,
) -> BTreeSet<String> {
    let to = routed(
        context,
        &Notice::Alert(notice.clone()),
        &notice.audience,
        now,
    );
    let mut names = to.to;
    if notice.escalated || notice.event == AlertEvent::Escalated {
        names.extend(to.escalate_to);
    }
    if notice.event.concerns_all_told() {
        names.extend(still_there(context, before.into_iter().flatten()));
    }
    names
}

/// Those of these notifiers that are configured yet.
fn still_there<'a>(
    context: &Context,
    names: impl Iterator<Item = &'a String>,
) -> impl Iterator<Item = String> {
    names
        .filter(|name| context.notifiers.names().any(|n| n == name.as_str()))
        .cloned()
}

/// News of requests for everybody whom it concerns, who heard of them before included: the requests
/// remember whom it went to. An open alert about the same tells of a request too.
pub(super) fn of_requests(
    context: &Context,
    requests: &mut [Request],
    notices: &[Notice],
    (alerts, audience): (&[Alert], &Audience),
    now: Timestamp,
) -> Vec<Addressed> {
    let mut news = Vec::new();
    for notice in notices {
        let mut names = routed(context, notice, audience, now).to;
        if let Notice::Request(about) = notice {
            names.extend(still_there(context, knowers(about, requests, alerts)));
            let next = about.next.as_ref();
            let told = |request: &&mut Request| {
                request.id == about.request.id || next.is_some_and(|next| next.id == request.id)
            };
            for request in requests.iter_mut().filter(told) {
                request.told_to.extend(names.iter().cloned());
            }
        }
        news.extend(addressed(names, notice, now));
    }
    news
}

/// Who knows of a request already and has to hear this of it.
fn knowers<'a>(
    about: &'a RequestNotice,
    requests: &'a [Request],
    alerts: &'a [Alert],
) -> impl Iterator<Item = &'a String> {
    let requests = requests.iter();
    let own = requests.filter(|request| request.id == about.request.id);
    let alerts = alerts.iter();
    let same = alerts.filter(|alert| alert.kind == about.kind && !alert.is_over());
    let told = own.map(|request| &request.told_to);
    told.chain(same.map(|alert| &alert.told_to))
        .filter(|_| about.news.concerns_all_told())
        .flatten()
}

/// Other news of a stack, or of a source, for everybody whom it concerns.
pub(super) fn of_stack(
    context: &Context,
    notice: &Notice,
    audience: &Audience,
    now: Timestamp,
) -> Vec<Addressed> {
    addressed(routed(context, notice, audience, now).to, notice, now)
}

/// The same news for each of these.
pub(super) fn addressed(
    notifiers: impl IntoIterator<Item = String>,
    notice: &Notice,
    now: Timestamp,
) -> Vec<Addressed> {
    let notifiers = notifiers.into_iter();
    notifiers
        .map(|notifier| Addressed {
            notifier,
            envelope: Envelope {
                id: fresh::envelope(),
                notice: notice.clone(),
                at: now,
            },
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
#[path = "news_tests.rs"]
mod tests;
