//! What time alone does to alerts: troubles that stay are told, people are reminded, others are
//! told, acknowledgements end.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::alert::tick;
use crate::domain::notice::AlertNotice;
use crate::store::{Conclusion, StoreError};

use super::context::Context;
use super::news;
use super::pulse::Part;

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
async fn reckon(context: &Context) -> Result<(), StoreError> {
    let _one_at_a_time = context.telling.lock().await;
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
    let _one_at_a_time = context.telling.lock().await;
    for (alert, notice) in context.store.due_alerts(now).await? {
        let Some(notice) = notice else {
            continue;
        };
        let timing = news::timing(context, &alert, &notice);
        let moved = tick(alert.clone(), &timing, now);
        let (alert, notice, told) = match moved {
            Some((alert, event)) => {
                let told = AlertNotice {
                    event,
                    at: now,
                    ..notice.with(&alert)
                };
                (alert, told.clone(), Some(told))
            }
            None => (alert, notice, None),
        };
        let news = news::of_alerts(context, told.as_slice(), now);
        let conclusion = Conclusion {
            alerts: &[news::entry(context, alert, notice)],
            news: &news,
            ..Conclusion::default()
        };
        context.store.conclude(&conclusion).await?;
        context.news_bell.notify_one();
    }
    context.store.next_alert_at().await
}
