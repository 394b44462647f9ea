//! The posture of many stacks in one message: at the first sight of a source, and on a schedule.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::finding::{Severity, Verdict};
use crate::domain::ids::{SourceName, StackId};
use crate::domain::notice::{Notice, SummaryLine, SummaryNotice, SummaryReason, VerdictCounts};
use crate::domain::posture::headline;
use crate::domain::stack::StackRecord;
use crate::store::{Conclusion, StoreError};

use super::baseline;
use super::context::Context;
use super::news;
use super::settings::SummarySettings;

/// The wait between two looks at the clock.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// Under which the time of the last scheduled summary is remembered.
const LAST_SUMMARY: &str = "summary";

/// Tells the baseline of a source, once.
pub async fn first_sight(context: &Context, source: &SourceName) -> Result<(), StoreError> {
    let _one_at_a_time = context.telling.lock().await;
    if baseline::is_told(context, source).await? {
        return Ok(());
    }
    let now = context.now();
    let stacks = context.store.stacks().await?;
    let own = stacks.into_iter().filter(|record| &record.source == source);
    let everybody: Vec<String> = context.notifiers.names().map(str::to_owned).collect();
    let reason = SummaryReason::FirstSight(source.clone());
    send(
        context,
        reason,
        own.collect(),
        &everybody,
        &baseline::key(source),
        now,
    )
    .await
}

/// Sends the scheduled summary until the daemon stops. One that came due while Mooring was down is
/// sent at the start.
pub async fn keep_sending(context: Arc<Context>, settings: SummarySettings) {
    let mut last = last_sent(&context).await.unwrap_or_else(Timestamp::now);
    loop {
        let now = context.now();
        let due = settings.schedule.next(last, &StackId::new(LAST_SUMMARY));
        if due.is_some_and(|due| due <= now) {
            match scheduled(&context, &settings, now).await {
                Ok(()) => last = now,
                Err(error) => tracing::error!("cannot send the summary: {error}"),
            }
        }
        let wait = due.and_then(|due| Duration::try_from(due.duration_since(now)).ok());
        let wait = wait
            .unwrap_or(LONGEST_SLEEP)
            .clamp(Duration::from_secs(1), LONGEST_SLEEP);
        tokio::select! {
            () = context.stop.plans.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn last_sent(context: &Context) -> Option<Timestamp> {
    let text = context.store.recall(LAST_SUMMARY).await.ok().flatten()?;
    text.parse().ok()
}

async fn scheduled(
    context: &Context,
    settings: &SummarySettings,
    now: Timestamp,
) -> Result<(), StoreError> {
    let stacks = context.store.stacks().await?;
    send(
        context,
        SummaryReason::Scheduled,
        stacks,
        &settings.notifiers,
        LAST_SUMMARY,
        now,
    )
    .await
}

async fn send(
    context: &Context,
    reason: SummaryReason,
    stacks: Vec<StackRecord>,
    to: &[String],
    remembered_as: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let stacks: Vec<(StackRecord, Verdict)> = stacks
        .into_iter()
        .filter(|record| record.tracked)
        .map(|record| {
            let verdict = record.verdict(now);
            (record, verdict)
        })
        .collect();
    let counts = VerdictCounts::of(stacks.iter().map(|(_, verdict)| *verdict));
    let mut lines: Vec<SummaryLine> = stacks
        .iter()
        .filter_map(|(record, verdict)| line(record, *verdict))
        .collect();
    lines.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.stack.cmp(&b.stack))
    });
    let notice = Notice::Summary(SummaryNotice {
        reason,
        at: now,
        stacks: lines,
        counts,
    });
    let news = news::addressed(to.iter().cloned(), &notice, now);
    let conclusion = Conclusion {
        news: &news,
        memory: Some((remembered_as, &now.to_string())),
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(())
}

/// One stack in a line; none if there is nothing to say of it.
fn line(record: &StackRecord, verdict: Verdict) -> Option<SummaryLine> {
    let findings = record
        .last
        .iter()
        .flat_map(|check| &check.findings.resources);
    let told = findings.filter(|finding| finding.suppressed.is_none());
    let worst = told.max_by_key(|finding| finding.severity);
    let text = headline(record, verdict)?;
    let severity = match verdict {
        Verdict::Failed => Severity::High,
        _ => worst.map_or(Severity::Info, |finding| finding.severity),
    };
    Some(SummaryLine {
        stack: record.id.clone(),
        verdict,
        severity,
        since: record.verdict_since,
        text,
    })
}
