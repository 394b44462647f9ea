//! A receiver that takes nothing is told of to those that can be reached. It is not told of itself,
//! what cannot be told of one to another makes no news, so that two that are dead keep silent, and of
//! those that one server stands behind the first speaks for all, and names them.

use jiff::{SignedDuration, Timestamp};

use serde::{Deserialize, Serialize};

use crate::domain::channel::{Channel, Circuit, OutageNews, OutageTold, outage_news};
use crate::domain::notice::{Notice, Reach, UndeliveredNotice};
use crate::store::{Area, Conclusion, StoreError};

use super::context::Context;
use super::news;

/// When nobody can be told of an outage, or others of the same server are told of already, it is
/// tried again after this time.
const ASKED_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);
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
    // That something is lost matters to whoever comes back, too.
    let others: Vec<String> = others(context, notifier).map(str::to_owned).collect();
    if others.is_empty() {
        return Ok(());
    }
    let memory = (key.as_str(), now.to_string());
    tell(
        context,
        notifier,
        (Reach::GivenUp, error),
        others,
        memory,
        now,
    )
    .await
}

/// What others were last told of an outage of this receiver.
pub(super) async fn told_of(
    context: &Context,
    notifier: &str,
) -> Result<Option<OutageTold>, StoreError> {
    let remembered = remembered(context, notifier).await?;
    Ok(remembered.map(|remembered| remembered.told))
}

/// An outage as others were told of it.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    told: OutageTold,
    /// Who was told; its end is told to the same.
    to: Vec<String>,
}

async fn remembered(context: &Context, notifier: &str) -> Result<Option<Remembered>, StoreError> {
    let text = context.store.recall(&outage_key(notifier)).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// All others that tell of a receiver that cannot be reached.
fn others<'a>(context: &'a Context, notifier: &'a str) -> impl Iterator<Item = &'a str> {
    let all = context.notifiers.names();
    all.filter(move |other| *other != notifier && context.notifiers.tells_of_receivers(other))
}

/// All others that are reached through the same.
fn beside<'a>(context: &'a Context, notifier: &'a str) -> impl Iterator<Item = &'a str> {
    let shared = context.notifiers.shares(notifier);
    let all = context.notifiers.names();
    let beside = move |other: &&str| shared.is_some() && context.notifiers.shares(other) == shared;
    all.filter(move |other| *other != notifier).filter(beside)
}

/// Those who can be told of a receiver.
async fn reached(context: &Context, notifier: &str) -> Result<Vec<String>, StoreError> {
    let mut reached = Vec::new();
    let shared = context.notifiers.shares(notifier);
    let apart = |other: &&str| shared.is_none() || context.notifiers.shares(other) != shared;
    for other in others(context, notifier).filter(apart) {
        let channel = context.store.channel(other).await?;
        if channel.is_none_or(|channel| channel.circuit == Circuit::Closed) {
            reached.push(other.to_owned());
        }
    }
    Ok(reached)
}

/// Whether others know already of an outage of what this receiver is reached through.
async fn is_known(context: &Context, notifier: &str) -> Result<bool, StoreError> {
    for other in beside(context, notifier) {
        let remembered = remembered(context, other).await?;
        if remembered.is_some_and(|remembered| !remembered.told.over) {
            return Ok(true);
        }
    }
    Ok(false)
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
    let notifier = &channel.notifier;
    // Those behind one server fail together; only one of them speaks.
    let _one_at_a_time = context.store.alone(Area::Telling).await?;
    let (reach, to) = match news {
        OutageNews::Down(since) => {
            let known = is_known(context, notifier).await?;
            let others = reached(context, notifier).await?;
            if known || others.is_empty() {
                return Ok(now.checked_add(ASKED_AGAIN_AFTER).ok());
            }
            (Reach::Down(since), others)
        }
        OutageNews::Back(since) => {
            let known = remembered(context, notifier).await?;
            (
                Reach::Back(since),
                known.map_or_else(Vec::new, |known| known.to),
            )
        }
    };
    let error = channel.last_error.as_deref().unwrap_or_default();
    let known = Remembered {
        told: news.told(now),
        to: to.clone(),
    };
    // Plain fields and names are always JSON.
    let text = serde_json::to_string(&known).unwrap_or_default();
    let key = outage_key(notifier);
    tell(context, notifier, (reach, error), to, (&key, text), now).await?;
    *told = Some(known.told);
    Ok(None)
}

fn outage_key(notifier: &str) -> String {
    format!("outage/{notifier}")
}

async fn tell(
    context: &Context,
    notifier: &str,
    (news, error): (Reach, &str),
    to: Vec<String>,
    (key, remembered): (&str, String),
    now: Timestamp,
) -> Result<(), StoreError> {
    let counts = context.store.undelivered().await?;
    let counts = counts.get(notifier).copied().unwrap_or_default();
    let notice = Notice::Undelivered(UndeliveredNotice {
        notifier: notifier.to_owned(),
        others: match news {
            Reach::GivenUp => Vec::new(),
            Reach::Down(_) | Reach::Back(_) => {
                beside(context, notifier).map(str::to_owned).collect()
            }
        },
        news,
        at: now,
        waiting: counts.waiting,
        given_up: counts.given_up,
        error: error.to_owned(),
    });
    let conclusion = Conclusion {
        news: &news::addressed(to, &notice, now),
        memory: Some((key, &remembered)),
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(())
}
