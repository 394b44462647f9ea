//! What a person may see of the outbox, and have sent again.

use crate::domain::channel::Channel;
use crate::domain::identity::Identity;
use crate::domain::ids::MessageId;
use crate::domain::message::Message;
use crate::store::{MessageFilter, StoreError, Undelivered};

use super::command::Refusal;
use super::context::Context;

/// A message with what it is about.
#[derive(Debug)]
pub struct MessageView {
    /// The message.
    pub message: Message,
    /// What it is about, in a line.
    pub about: String,
}

/// A channel with what waits for it.
#[derive(Debug)]
pub struct ChannelView {
    /// The channel as it is now.
    pub channel: Channel,
    /// How many messages to it are not delivered.
    pub undelivered: Undelivered,
}

/// The newest of these messages, newest first.
pub(super) async fn list(
    context: &Context,
    filter: &MessageFilter,
    limit: u32,
) -> Result<Vec<MessageView>, StoreError> {
    let messages = context.store.messages(filter, limit).await?;
    Ok(messages
        .into_iter()
        .map(|message| view(context, message))
        .collect())
}

/// One message, and its text.
pub(super) async fn show(
    context: &Context,
    id: &MessageId,
) -> Result<Option<(MessageView, String)>, StoreError> {
    let message = context.store.message(id).await?;
    Ok(message.map(|message| {
        let text = context
            .notifiers
            .text(&message.to.notifier, &message.notice);
        (view(context, message), text)
    }))
}

fn view(context: &Context, message: Message) -> MessageView {
    MessageView {
        about: context.notifiers.subject(&message.notice),
        message,
    }
}

/// Every configured channel.
pub(super) async fn channels(context: &Context) -> Result<Vec<ChannelView>, StoreError> {
    let now = context.now();
    let counts = context.store.undelivered().await?;
    let mut views = Vec::new();
    for name in context.notifiers.names() {
        let known = context.store.channel(name).await?;
        let channel = known.unwrap_or_else(|| Channel::new(name, now)).at(now);
        let undelivered = counts.get(name).copied().unwrap_or_default();
        views.push(ChannelView {
            channel,
            undelivered,
        });
    }
    Ok(views)
}

/// Has a message that was given up sent again, as the same message.
pub(super) async fn retry(context: &Context, id: &MessageId, by: &Identity) -> Result<(), Refusal> {
    let message = context.store.message(id).await?;
    let message = message.ok_or(Refusal::UnknownMessage(*id))?;
    let notifier = &message.to.notifier;
    configured(context, notifier)?;
    if !context.store.retry_message(id, by, context.now()).await? {
        return Err(Refusal::NotGivenUp(*id, message.state));
    }
    tracing::info!(%by, notifier, message_id = %id, "sent again, as a person asked");
    context.outbox_bells.ring(notifier);
    Ok(())
}

/// Has every message that was given up sent again, or those to one notifier; says how many.
pub(super) async fn retry_all(
    context: &Context,
    notifier: Option<&str>,
    by: &Identity,
) -> Result<usize, Refusal> {
    let names: Vec<&str> = match notifier {
        Some(notifier) => {
            configured(context, notifier)?;
            vec![notifier]
        }
        None => context.notifiers.names().collect(),
    };
    let mut all = 0;
    for notifier in names {
        let messages = context
            .store
            .retry_messages(notifier, by, context.now())
            .await?;
        if messages > 0 {
            tracing::info!(%by, notifier, messages, "sent again, as a person asked");
            context.outbox_bells.ring(notifier);
        }
        all += messages;
    }
    Ok(all)
}

fn configured(context: &Context, notifier: &str) -> Result<(), Refusal> {
    if context.notifiers.names().any(|name| name == notifier) {
        return Ok(());
    }
    Err(Refusal::UnknownNotifier(notifier.to_owned()))
}
