//! What time alone does to alerts: people are reminded, others are told, acknowledgements end, and a
//! trouble that stayed and that nobody could look at again is told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::alert::{Alert, AlertEvent, AlertKind, along, tick};
use crate::domain::cause::of_failure;
use crate::domain::check::StackCheck;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::Verdict;
use crate::domain::ids::{AlertId, StackId};
use crate::domain::notice::{AlertNotice, RequestLine};
use crate::domain::tell::Told;
use crate::store::{Area, Conclusion, StoreError};

use super::context::Context;
use super::pulse::Part;
use super::{news, overdue, vote};

/// The longest wait between two looks at the clock.
const LONGEST_SLEEP: Duration = Duration::from_secs(15);

/// Moves alerts by time until the daemon stops.
pub async fn keep(context: Arc<Context>) {
    if let Err(error) = reckon(&context).await {
        tracing::error!("cannot read the open alerts: {error}");
    }
    loop {
        context.pulse.beat(Part::Clock);
        let now = context.now();
        let wait = match strike(&context, now).await {
            Ok(next) => next.and_then(|next| Duration::try_from(next.duration_since(now)).ok()),
            Err(error) => {
                tracing::error!("cannot move alerts by time: {error}");
                None
            }
        };
        let wait = wait
            .unwrap_or(LONGEST_SLEEP)
            .clamp(Duration::from_millis(200), LONGEST_SLEEP);
        let stop = &context.stop.plans;
        if stop
            .run_until_cancelled(tokio::time::sleep(wait))
            .await
            .is_none()
        {
            return;
        }
    }
}

/// Sets the time of each open alert anew: the configuration may be another than it was.
pub(super) async fn reckon(context: &Context) -> Result<(), StoreError> {
    let _one_at_a_time = context.store.alone(Area::Telling).await?;
    let open = context.store.open_alerts_as_told().await?;
    let entries: Vec<_> = open
        .into_iter()
        .filter_map(|(alert, notice)| Some(news::entry(context, alert, notice?)))
        .collect();
    let conclusion = Conclusion {
        alerts: &entries,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await
}

/// Moves every alert whose time has come; says when the next one's comes.
pub(super) async fn strike(
    context: &Context,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let _one_at_a_time = context.store.alone(Area::Telling).await?;
    vote::expire(context, now).await?;
    let mut moved = BTreeSet::new();
    let mut open = None;
    for (alert, notice) in context.store.due_alerts(now).await? {
        let Some(notice) = notice.filter(|_| !moved.contains(&alert.id)) else {
            continue;
        };
        moved.insert(alert.id);
        let timing = news::timing(context, &alert, &notice);
        let mut told = Told::default();
        match tick(alert.clone(), &timing, now) {
            Some((moved_to, event)) => {
                let notice = looked_at(context, notice).await?;
                let first = as_told(&moved_to, event, notice, now);
                told.alerts.push((moved_to.clone(), first.clone()));
                told.news.push(first);
                let again = matches!(event, AlertEvent::Reminded | AlertEvent::Escalated);
                let others = if again && alert.acknowledged.is_none() {
                    if open.is_none() {
                        open = Some(context.store.open_alerts_as_told().await?);
                    }
                    let open = open.as_deref().unwrap_or_default();
                    companions(context, &moved_to, event, open, &moved, now).await?
                } else {
                    Vec::new()
                };
                for (alert, notice) in others {
                    moved.insert(alert.id);
                    told.alerts.push((alert, notice.clone()));
                    told.news.push(notice);
                }
            }
            None => told.alerts.push((alert, notice)),
        }
        let spread = news::spread(context, &told, now);
        let conclusion = Conclusion {
            alerts: &spread.entries,
            news: &spread.news,
            ..Conclusion::default()
        };
        context.store.conclude(&conclusion).await?;
        context.news_bell.notify_one();
    }
    context.store.next_alert_at().await
}

/// When each open alert wants its stack looked at next.
pub(super) async fn looks(context: &Context) -> Result<Vec<(StackId, Timestamp)>, StoreError> {
    let open = context.store.open_alerts_as_told().await?;
    let wanted = open.into_iter().filter_map(|(alert, notice)| {
        let timing = news::timing(context, &alert, &notice?);
        let at = alert.wants_look_at(&timing)?;
        Some((alert.stack, at))
    });
    Ok(wanted.collect())
}

fn as_told(alert: &Alert, event: AlertEvent, notice: AlertNotice, now: Timestamp) -> AlertNotice {
    AlertNotice {
        event,
        at: now,
        ..notice.with(alert)
    }
}

/// Alerts of other stacks with the same cause, which are spoken of along with one whose time it is.
async fn companions(
    context: &Context,
    first: &Alert,
    event: AlertEvent,
    open: &[(Alert, Option<AlertNotice>)],
    moved: &BTreeSet<AlertId>,
    now: Timestamp,
) -> Result<Vec<(Alert, AlertNotice)>, StoreError> {
    let key = |alert: &Alert| alert.trouble.cause.as_ref().map(|cause| cause.key.clone());
    let Some(cause) = key(first) else {
        return Ok(Vec::new());
    };
    let mut others = Vec::new();
    for (alert, notice) in open {
        let (Some(notice), true, false) = (
            notice,
            key(alert).as_deref() == Some(cause.as_str()),
            moved.contains(&alert.id),
        ) else {
            continue;
        };
        let timing = news::timing(context, alert, notice);
        if let Some((alert, event)) = along(alert.clone(), event, &timing, now) {
            let notice = looked_at(context, notice.clone()).await?;
            let notice = as_told(&alert, event, notice, now);
            others.push((alert, notice));
        }
    }
    Ok(others)
}

/// What is told of drift or waiting code, with what the last look at the stack saw of it; one that
/// failed saw nothing. What is told of a stack that nobody looks at says for how long by now.
async fn looked_at(context: &Context, notice: AlertNotice) -> Result<AlertNotice, StoreError> {
    let sees = matches!(notice.kind, AlertKind::Drift | AlertKind::Pending);
    let asked = context.store.last_request(&notice.stack).await?;
    let asked = asked.filter(|request| sees && request.asked.rollback.is_none());
    let request = asked.as_ref().and_then(RequestLine::of);
    let notice = AlertNotice { request, ..notice };
    let record = context.store.stack(&notice.stack).await?;
    let unseen = notice.check.failure.as_ref();
    let unseen = unseen.is_some_and(|failure| failure.kind == FailureKind::NotChecked);
    if let (true, Some(record)) = (unseen, &record) {
        return Ok(older(notice, overdue::failure(record, context.now())));
    }
    let last = record.and_then(|record| record.last.zip(record.checked_at));
    Ok(match last {
        Some((check, at)) if sees && check.verdict != Verdict::Failed => AlertNotice {
            check,
            looked_at: Some(at),
            ..notice
        },
        _ => notice,
    })
}

/// The same failure in other words.
fn older(notice: AlertNotice, failure: Failure) -> AlertNotice {
    AlertNotice {
        cause: Some(of_failure(&failure)),
        check: StackCheck {
            failure: Some(failure),
            ..notice.check
        },
        ..notice
    }
}
