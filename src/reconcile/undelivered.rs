//! A receiver that takes nothing is told of to the others.

use jiff::{SignedDuration, Timestamp};

use crate::domain::notice::{Notice, UndeliveredNotice};
use crate::store::{Conclusion, StoreError};

use super::context::Context;
use super::news;

/// How long nothing more is said of a receiver.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(6);

/// Tells every other receiver that messages to this one were given up.
pub(super) async fn tell(
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
    let notice = Notice::Undelivered(UndeliveredNotice {
        notifier: notifier.to_owned(),
        at: now,
        given_up: context.store.given_up_messages(notifier).await?,
        error: error.to_owned(),
    });
    let others = context.notifiers.names().filter(|other| *other != notifier);
    let others = others.map(str::to_owned);
    let conclusion = Conclusion {
        news: &news::addressed(others, &notice, now),
        memory: Some((&key, &now.to_string())),
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    context.news_bell.notify_one();
    Ok(())
}
