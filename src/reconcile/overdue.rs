//! A stack that is not checked in time is a trouble of its own: silence is never good news.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::alert::{Alert, AlertKind};
use crate::domain::check::StackCheck;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::Verdict;
use crate::domain::glance::Glance;
use crate::domain::ids::StackId;
use crate::domain::stack::StackRecord;
use crate::domain::tell::{Situation, tell};
use crate::store::{Area, Conclusion, StoreError};

use super::context::Context;
use super::pulse::Part;
use super::recover::unseen;
use super::{fresh, news};

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(60);

/// Opens an alert for every stack whose last look is too old, until the daemon stops. The next look
/// ends it.
pub async fn watch(context: Arc<Context>) {
    let stop = context.stop.plans.clone();
    while stop
        .run_until_cancelled(tokio::time::sleep(EVERY))
        .await
        .is_some()
    {
        context.pulse.beat(Part::Overdue);
        if let Err(error) = round(&context).await {
            tracing::error!("cannot look for stacks that are not checked: {error}");
        }
    }
}

pub(super) async fn round(context: &Context) -> Result<(), StoreError> {
    let now = context.now();
    let overdue = |glance: Glance| glance.is_overdue(now).then_some(glance.id);
    for stack in context.store.each_glance(overdue).await? {
        alert(context, &stack, now).await?;
    }
    Ok(())
}

fn is_overdue(record: &StackRecord, now: Timestamp) -> bool {
    record.tracked && record.last.is_some() && record.verdict(now) == Verdict::Unknown
}

/// That a stack is not checked, and for how long by now.
pub(super) fn failure(record: &StackRecord, now: Timestamp) -> Failure {
    let hours = record
        .checked_at
        .map(|at| now.duration_since(at).as_hours());
    let long = hours.map_or_else(String::new, |hours| format!(" for {hours} hours"));
    Failure::new(
        FailureKind::NotChecked,
        format!("not checked{long}: whether it is in sync is not known"),
        "look at its runs (`mooring runs`) and at the daemon's log",
    )
}

async fn alert(context: &Context, id: &StackId, now: Timestamp) -> Result<(), StoreError> {
    let _one_at_a_time = context.store.alone(Area::Telling).await?;
    // A look may have ended while others were told.
    let Some(record) = context
        .store
        .stack(id)
        .await?
        .filter(|r| is_overdue(r, now))
    else {
        return Ok(());
    };
    let record = &record;
    let known = news::known(context, id).await?;
    let open = |alert: &Alert| alert.kind == AlertKind::Failed && !alert.is_over();
    if known.iter().any(open) {
        return Ok(());
    }
    let check = StackCheck {
        verdict: Verdict::Failed,
        failure: Some(failure(record, now)),
        ..unseen(record)
    };
    let audience = news::audience(record);
    let timings = context.settings.telling.timings.at_once();
    let situation = Situation {
        record,
        check: &check,
        repaired: false,
        code_moved: false,
        pending_after: SignedDuration::MAX,
        timings: &timings,
        audience: &audience,
    };
    let told = tell(&situation, &known, fresh::alert, now);
    let spread = news::spread(context, &told, now);
    let conclusion = Conclusion {
        alerts: &spread.entries,
        news: &spread.news,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(())
}
