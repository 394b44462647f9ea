//! Stacks that are no longer in their source: their history stays, their alerts end.

use std::collections::BTreeSet;

use crate::domain::alert::Resolution;
use crate::domain::glance::Glance;
use crate::domain::ids::{SourceName, StackId};
use crate::domain::run::{Outcome, RunState};
use crate::domain::source::SourceRecord;
use crate::domain::stack::StackRecord;
use crate::domain::tell::{Told, as_told};
use crate::store::{Area, Conclusion, StoreError};

use super::command::SourceUpdate;
use super::conclude::conclude_run;
use super::context::Context;
use super::recover::unseen;
use super::{news, source_alert, vote};

/// Takes leave of every stack that the database has and the source no longer does.
pub(super) async fn leave(context: &Context, update: &SourceUpdate) -> Result<(), StoreError> {
    let present: BTreeSet<&StackId> = update.stacks.iter().map(|stack| &stack.id).collect();
    let is_gone = |stack: &Glance| {
        stack.tracked && stack.source == update.source && !present.contains(&stack.id)
    };
    for record in context.store.choose(is_gone).await? {
        untrack(context, record).await?;
    }
    Ok(())
}

/// Takes leave of a stack that is no longer followed, if the database still has it as tracked.
pub(super) async fn forget(context: &Context, stack: &StackId) -> Result<(), StoreError> {
    match context.store.stack(stack).await? {
        Some(record) if record.tracked => untrack(context, record).await,
        _ => Ok(()),
    }
}

/// Takes leave of every stack whose source is no longer configured, and of the source's own alert.
pub async fn retire(context: &Context) -> Result<(), StoreError> {
    let configured: BTreeSet<&SourceName> = context
        .settings
        .sources
        .iter()
        .map(|source| &source.name)
        .collect();
    let is_gone = |stack: &Glance| stack.tracked && !configured.contains(&stack.source);
    for record in context.store.choose(is_gone).await? {
        untrack(context, record).await?;
    }
    for source in context.store.sources().await? {
        if !configured.contains(&source.name) {
            let over = SourceRecord {
                failures: 0,
                failure: None,
                ..source
            };
            source_alert::tell(context, &over).await?;
        }
    }
    Ok(())
}

async fn untrack(context: &Context, record: StackRecord) -> Result<(), StoreError> {
    let now = context.now();
    tracing::info!(stack = record.id.as_str(), "no longer in its source");
    let unfinished = context.store.unfinished_runs().await?;
    let queued = |run: &crate::domain::run::Run| run.state == RunState::Queued;
    for mut run in unfinished
        .into_iter()
        .filter(|run| run.stack == record.id && queued(run))
    {
        conclude_run(context, &mut run, Outcome::Cancelled).await?;
    }
    let record = StackRecord {
        tracked: false,
        ..record
    };
    vote::forget(context, &record.id).await?;
    let _one_at_a_time = context.store.alone(Area::Telling).await?;
    let audience = news::audience(&record);
    let check = record.last.clone().unwrap_or_else(|| unseen(&record));
    let mut told = Told::default();
    for alert in context.store.open_alerts(Some(&record.id)).await? {
        let (alert, event) = alert.resolve(Resolution::Untracked, now);
        let mut notice = as_told(&alert, &check, &audience, now);
        if let Some(event) = event {
            notice.event = event;
            told.news.push(notice.clone());
        }
        told.alerts.push((alert, notice));
    }
    let spread = news::spread(context, &told, now);
    let conclusion = Conclusion {
        stack: Some(&record),
        alerts: &spread.entries,
        news: &spread.news,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(())
}
