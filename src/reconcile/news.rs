//! From alerts and notices to news for receivers: who is told of what.

use jiff::{SignedDuration, Timestamp};

use crate::domain::alert::{Alert, AlertEvent, RETURNS_WITHIN};
use crate::domain::audience::Audience;
use crate::domain::compose::Envelope;
use crate::domain::ids::StackId;
use crate::domain::notice::{AlertNotice, Notice};
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

/// Alerts to store, with the time at which they move by themselves.
pub(super) fn entries(context: &Context, told: &Told) -> Vec<AlertEntry> {
    let alerts = told.alerts.iter();
    alerts
        .map(|(alert, notice)| entry(context, alert.clone(), notice.clone()))
        .collect()
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

/// News of alerts for everybody whom they concern.
pub(super) fn of_alerts(
    context: &Context,
    alerts: &[AlertNotice],
    now: Timestamp,
) -> Vec<Addressed> {
    let alerts = alerts.iter();
    alerts
        .flat_map(|alert| {
            let notice = Notice::Alert(alert.clone());
            let to = routed(context, &notice, &alert.audience, now);
            let others = alert.escalated || alert.event == AlertEvent::Escalated;
            let mut names = to.to;
            if others {
                names.extend(to.escalate_to);
            }
            addressed(names, &notice, now)
        })
        .collect()
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
