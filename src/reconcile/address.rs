//! From notices to messages: one for each addressee.

use jiff::Timestamp;

use crate::domain::message::{Addressee, Message};
use crate::domain::notice::Notice;

use super::context::Context;
use super::fresh;

/// One message per notice and addressee, for everybody.
pub(super) fn messages(context: &Context, notices: &[Notice], now: Timestamp) -> Vec<Message> {
    addressed(&context.notifiers.addressees(), notices, now)
}

/// One message per notice and addressee.
pub(super) fn addressed(to: &[Addressee], notices: &[Notice], now: Timestamp) -> Vec<Message> {
    let pairs = notices
        .iter()
        .flat_map(|notice| to.iter().map(move |to| (notice, to)));
    pairs
        .map(|(notice, to)| Message::new(fresh::message(), to.clone(), notice.clone(), now))
        .collect()
}
