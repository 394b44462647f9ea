//! What the first sight of a source found, in one message.

use crate::domain::audience::Audience;
use crate::domain::counts::VerdictCounts;
use crate::domain::finding::{Severity, Verdict};
use crate::domain::ids::SourceName;
use crate::domain::notice::{Notice, SummaryLine, SummaryNotice};
use crate::domain::posture::headline;
use crate::domain::stack::StackRecord;
use crate::store::{Area, Conclusion, StoreError};

use super::baseline;
use super::context::Context;
use super::news;

/// Tells the baseline of a source, once.
pub async fn first_sight(context: &Context, source: &SourceName) -> Result<(), StoreError> {
    let _one_at_a_time = context.store.alone(Area::Telling).await?;
    if baseline::is_told(context, source).await? {
        return Ok(());
    }
    let now = context.now();
    let stacks = context.store.stacks().await?.into_iter();
    let stacks: Vec<(StackRecord, Verdict)> = stacks
        .filter(|record| &record.source == source && record.tracked)
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
        source: source.clone(),
        at: now,
        stacks: lines,
        counts,
    });
    let audience = Audience {
        source: Some(source.clone()),
        ..Audience::default()
    };
    let news = news::of_stack(context, &notice, &audience, now);
    let (key, told) = (baseline::key(source), now.to_string());
    let conclusion = Conclusion {
        news: &news,
        memory: Some((&key, &told)),
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
