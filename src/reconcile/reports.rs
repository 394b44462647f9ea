//! Reports on a schedule: made when they are due, kept, and told to whom they concern.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::artifacts::ArtifactName;
use crate::domain::ids::StackId;
use crate::domain::notice::{Notice, ReportNotice};
use crate::domain::posture::{AlertCounts, Filter, Input, Posture, Window};
use crate::domain::report::{ReportId, audience};
use crate::report::posture::kept;
use crate::store::{Addressed, Conclusion, StoreError};

use super::context::Context;
use super::settings::ReportSettings;
use super::{conclude, news, posture};

/// The wait between two looks at the clock.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// Entries of a list in a message.
const MOST: usize = 20;

/// Makes reports until the daemon stops.
pub async fn keep_sending(context: Arc<Context>) {
    loop {
        let now = context.now();
        let next = round(&context, now).await;
        let wait = next.and_then(|next| Duration::try_from(next.duration_since(now)).ok());
        let wait = wait
            .unwrap_or(LONGEST_SLEEP)
            .clamp(Duration::from_secs(1), LONGEST_SLEEP);
        tokio::select! {
            () = context.stop.plans.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Makes every report that is due, one that came due while Mooring was down once; says when the next
/// one is. What fails is due again.
pub(super) async fn round(context: &Context, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    for settings in &context.settings.reports {
        match look(context, settings, now).await {
            Ok(due) => next = [next, due].into_iter().flatten().min(),
            Err(error) => tracing::error!(
                report = settings.name,
                "cannot make the report, to be tried again: {error}"
            ),
        }
    }
    next
}

/// What is remembered of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// It was made then.
    Made(Timestamp),
    /// It was first seen in the configuration then, and not yet made.
    Awaited(Timestamp),
}

impl std::fmt::Display for Last {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Made(at) => write!(f, "made {at}"),
            Self::Awaited(at) => write!(f, "awaited {at}"),
        }
    }
}

impl FromStr for Last {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (word, at) = text.split_once(' ').ok_or(())?;
        let at = at.parse().map_err(|_| ())?;
        match word {
            "made" => Ok(Self::Made(at)),
            "awaited" => Ok(Self::Awaited(at)),
            _ => Err(()),
        }
    }
}

fn key(settings: &ReportSettings) -> String {
    format!("report/{}", settings.name)
}

/// Makes a report if it is due; says when it is next.
async fn look(
    context: &Context,
    settings: &ReportSettings,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let key = key(settings);
    let known = context.store.recall(&key).await?;
    let last = match known.and_then(|text| text.parse().ok()) {
        Some(last) => last,
        None => {
            let last = Last::Awaited(now);
            context.store.remember(&key, &last.to_string()).await?;
            last
        }
    };
    let (Last::Made(at) | Last::Awaited(at)) = last;
    let Some(due) = next(settings, at) else {
        return Ok(None);
    };
    if due > now {
        return Ok(Some(due));
    }
    // Whole seconds can be written in a command.
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    make(context, settings, window(settings, last, due, now), now).await?;
    Ok(next(settings, now))
}

fn next(settings: &ReportSettings, after: Timestamp) -> Option<Timestamp> {
    settings.schedule.next(after, &StackId::new(&settings.name))
}

/// What time a report tells of: what is written; else from the one before, and the first one as long
/// as it is from one to the next.
fn window(settings: &ReportSettings, last: Last, due: Timestamp, now: Timestamp) -> Window {
    let long = match (settings.since, last) {
        (Some(long), _) => long,
        (None, Last::Made(at)) => now.duration_since(at),
        (None, Last::Awaited(_)) => {
            let second = next(settings, due).unwrap_or(now);
            second.duration_since(due)
        }
    };
    Window::before(now, long)
}

/// Makes a report, or one for each value that it is split by: all are told, or none.
async fn make(
    context: &Context,
    settings: &ReportSettings,
    window: Window,
    now: Timestamp,
) -> Result<(), StoreError> {
    let input = posture::gather(&context.store, window, now).await?;
    let before = match window.preceding() {
        Some(before) if is_known(context, &input, before).await? => {
            Some(posture::gather(&context.store, before, now).await?)
        }
        _ => None,
    };
    let parts: Vec<(Option<String>, Filter)> = match &settings.each {
        None => vec![(None, settings.filter.clone())],
        Some(each) => {
            let parts = each.parts(&settings.filter, &input.stacks).into_iter();
            parts.map(|part| (Some(part.value), part.filter)).collect()
        }
    };
    let made = parts.len();
    let mut twins: BTreeMap<ReportId, usize> = BTreeMap::new();
    let mut news = Vec::new();
    for (about, filter) in parts {
        let whole = posture_of(&input, &filter);
        let twins = twins
            .entry(ReportId::new(now, &settings.name, about.as_deref(), 0))
            .or_default();
        let id = ReportId::new(now, &settings.name, about.as_deref(), *twins);
        *twins += 1;
        let report = ReportNotice {
            kept: keep(context, &id, &whole).await,
            id,
            name: settings.name.clone(),
            about,
            before: before.as_ref().map(|input| counts_of(input, &filter)),
            posture: Box::new(whole.clone().shortened(MOST)),
        };
        news.extend(addressed(context, settings, report, &whole, now));
    }
    let last = Last::Made(now).to_string();
    let conclusion = Conclusion {
        news: &news,
        memory: Some((&key(settings), &last)),
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    tracing::info!(
        report = settings.name,
        reports = made,
        messages = news.len(),
        "the report is made"
    );
    Ok(())
}

/// Whether all of a time is remembered: nothing of it is forgotten, and Mooring was there.
async fn is_known(context: &Context, input: &Input, time: Window) -> Result<bool, StoreError> {
    let stacks = context.store.stacks().await?;
    let first = stacks.iter().map(|stack| stack.first_seen_at).min();
    let forgotten = input.known_from.is_some_and(|known| known > time.from());
    Ok(!forgotten && first.is_some_and(|first| first <= time.from()))
}

fn posture_of(input: &Input, filter: &Filter) -> Posture {
    Posture::of(&Input {
        filter: filter.clone(),
        ..input.clone()
    })
}

fn counts_of(input: &Input, filter: &Filter) -> AlertCounts {
    posture_of(input, filter).alerts
}

fn addressed(
    context: &Context,
    settings: &ReportSettings,
    report: ReportNotice,
    whole: &Posture,
    now: Timestamp,
) -> Vec<Addressed> {
    let id = report.id.clone();
    let notice = Notice::Report(report);
    let told = if settings.notifiers.is_empty() {
        news::of_stack(context, &notice, &audience(&whole.stacks.items), now)
    } else {
        news::addressed(settings.notifiers.iter().cloned(), &notice, now)
    };
    if told.is_empty() {
        tracing::warn!(
            report = %id,
            "no route sends this report to anybody: give it `notify`, or add a route"
        );
    }
    told
}

/// Keeps the forms of a report; says whether all of them are.
async fn keep(context: &Context, id: &ReportId, posture: &Posture) -> bool {
    let forms = match kept(posture) {
        Ok(forms) => forms,
        Err(error) => {
            tracing::error!("{error}");
            return false;
        }
    };
    let mut all = true;
    for (name, text) in forms {
        all &= match ArtifactName::parse(name) {
            Some(name) => conclude::keep(context, id.clone(), name, text.into_bytes()).await,
            None => false,
        };
    }
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
