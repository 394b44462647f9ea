//! What would be sent, as files, and what a notice says.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::ids::MessageId;
use crate::domain::notice::Notice;

use super::render::Data;
use super::{Letter, Notifiers};

/// A form of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// How names of such files end, for example `html`.
    pub ending: &'static str,
    /// The file's content.
    pub bytes: Vec<u8>,
}

impl Preview {
    /// A form of a message.
    pub(super) fn new(ending: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            ending,
            bytes: bytes.into(),
        }
    }

    /// The body of a request.
    pub(super) fn json(body: &impl Serialize) -> Vec<Self> {
        let bytes = serde_json::to_vec_pretty(body).ok();
        bytes
            .into_iter()
            .map(|bytes| Self::new("json", bytes))
            .collect()
    }
}

impl Notifiers {
    /// What a notifier would send, without sending it; its words alone if it has no form of its
    /// own. Nothing if there is no such notifier.
    pub fn preview(
        &self,
        name: &str,
        id: &MessageId,
        notice: &Notice,
        created_at: Timestamp,
    ) -> Vec<Preview> {
        let Some(channel) = self.channels.get(name) else {
            return Vec::new();
        };
        let recipients = channel.recipients();
        let letter = Letter {
            id,
            recipient: recipients.first().map(String::as_str),
            notice,
            created_at,
            handle: None,
            style: &self.style,
        };
        let previews = channel.preview(letter);
        if !previews.is_empty() {
            return previews;
        }
        let data = Data::new(&letter.content(), notice, name, &letter.style.zone);
        let mail = self.renderer.mail(&data);
        mail.into_iter()
            .map(|mail| Preview::new("txt", format!("{}\n\n{}", mail.subject, mail.text)))
            .collect()
    }

    /// What a notice is about, in a line.
    pub fn subject(&self, notice: &Notice) -> String {
        self.style.content(notice).subject
    }

    /// What a notice says, as a plain mail to this notifier would.
    pub fn text(&self, name: &str, notice: &Notice) -> String {
        let data = Data::new(&self.style.content(notice), notice, name, &self.style.zone);
        let mail = self.renderer.mail(&data);
        mail.map(|mail| mail.text).unwrap_or_default()
    }
}
