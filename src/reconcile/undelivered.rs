//! A receiver that takes nothing is told of to the others. It is not told of itself, and what cannot
//! be told of one to another makes no news, so that two that are dead keep silent.

use jiff::{SignedDuration, Timestamp};

use crate::domain::channel::{Channel, OutageNews, OutageTold, outage_news};
use crate::domain::notice::{Notice, Reach, UndeliveredNotice};
use crate::store::{Conclusion, StoreError};

use super::context::Context;
use super::news;

/// How long nothing more is said of messages to a receiver that were given up.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(6);

/// Tells every other receiver that messages to this one were given up.
pub(super) async fn given_up(
    context: &Context,
    notifier: &str,
    error: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let key = format!("undelivered/{notifier}");
    let last = context.store.recall(&key).await?;
    let last: Option<Timestamp> = last.and_then(|text| text.parse().ok());
    if last.is_some_and(|last| now.duration_since(last) < AGAIN_AFTER) {
        return Ok(());
    }
    tell(
        context,
        notifier,
        Reach::GivenUp,
        error,
        (&key, &now.to_string()),
        now,
    )
    .await
}

/// What others were last told of an outage of this receiver.
pub(super) async fn told_of(
    context: &Context,
    notifier: &str,
) -> Result<Option<OutageTold>, StoreError> {
    let told = context.store.recall(&outage_key(notifier)).await?;
    Ok(told.and_then(|told| serde_json::from_str(&told).ok()))
}

/// Tells every other receiver of a long outage of this one, and of its end; says when there may be
/// something to tell next.
pub(super) async fn outage(
    context: &Context,
    channel: &Channel,
    told: &mut Option<OutageTold>,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let news = match outage_news(channel, *told, now) {
        Ok(news) => news,
        Err(next) => return Ok(next),
    };
    let reach = match news {
        OutageNews::Down(since) => Reach::Down(since),
        OutageNews::Back(since) => Reach::Back(since),
    };
    let notifier = &channel.notifier;
    let error = channel.last_error.as_deref().unwrap_or_default();
    let remembered = news.told(now);
    // Three plain fields are always JSON.
    let text = serde_json::to_string(&remembered).unwrap_or_default();
    let key = outage_key(notifier);
    tell(context, notifier, reach, error, (&key, &text), now).await?;
    *told = Some(remembered);
    Ok(None)
}

fn outage_key(notifier: &str) -> String {
    format!("outage/{notifier}")
}

async fn tell(
    context: &Context,
    notifier: &str,
    news: Reach,
    error: &str,
    memory: (&str, &str),
    now: Timestamp,
) -> Result<(), StoreError> {
    let counts = context.store.undelivered().await?;
    let counts = counts.get(notifier).copied().unwrap_or_default();
    let notice = Notice::Undelivered(UndeliveredNotice {
        notifier: notifier.to_owned(),
        news,
        at: now,
        waiting: counts.waiting,
        given_up: counts.given_up,
        error: error.to_owned(),
    });
    let others = context.notifiers.names().filter(|other| *other != notifier);
    let others = others.map(str::to_owned);
    let conclusion = Conclusion {
        news: &news::addressed(others, &notice, now),
        memory: Some(memory),
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(())
}
