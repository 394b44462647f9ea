//! A mail as it is sent: what its headers tell mail programs and their filters.
//!
//! A conversation is what mail programs make of `References` and of the subject: Gmail wants both to
//! agree (a subject without its `Re:`), Outlook goes by the subject where it has nothing better. So
//! later mails of an alert refer to the same id and keep the subject of its first one, which the
//! thread remembers. A trouble that has become worse than that subject says begins a new one: a
//! critical alert must not hide behind a subject that says low.

use std::time::SystemTime;

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};

use crate::domain::finding::Severity;
use crate::domain::notice::Turn;

use super::super::Letter;
use super::super::http::with_causes;
use super::super::render::{Mail, Tags};
use super::super::words::{clean, cut};

/// Longest subject.
const SUBJECT: usize = 200;

/// Who writes what to whom.
pub(super) struct Envelope<'a> {
    pub(super) letter: Letter<'a>,
    /// The name of the notifier.
    pub(super) receiver: &'a str,
    pub(super) from: &'a Mailbox,
    pub(super) to: &'a Mailbox,
}

impl Envelope<'_> {
    /// The message, and what later ones of its conversation have to know.
    pub(super) fn message(&self, mail: Mail) -> Result<(Message, Option<String>), String> {
        let letter = self.letter;
        let topic = Topic::of(letter, &mail.subject);
        let domain = self.from.email.domain();
        let conversation = format!("<{}@mooring.{domain}>", letter.notice.conversation());
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(self.to.clone())
            .subject(&topic.subject)
            .date(SystemTime::from(letter.created_at))
            .message_id(Some(format!("<{}@mooring.{domain}>", letter.id)))
            .in_reply_to(conversation.clone())
            .references(conversation);
        for (name, value) in self.headers(domain, &topic) {
            let name = HeaderName::new_from_ascii_str(name);
            message = message.raw_header(HeaderValue::new(name, value));
        }
        let body = MultiPart::alternative()
            .boundary(format!("mooring-{}", letter.id))
            .singlepart(SinglePart::plain(mail.text))
            .singlepart(SinglePart::html(mail.html));
        let message = message.multipart(body).map_err(|e| with_causes(&e))?;
        Ok((message, topic.handle))
    }

    fn headers(&self, domain: &str, topic: &Topic) -> Vec<(&'static str, String)> {
        let notice = self.letter.notice;
        let Tags { kind, event } = Tags::of(notice);
        let receiver = self.receiver;
        let mut headers = vec![
            ("Auto-Submitted", "auto-generated".to_owned()),
            // Exchange answers with notes of absence otherwise.
            ("X-Auto-Response-Suppress", "All".to_owned()),
            (
                "List-Id",
                format!("Mooring {receiver} <{receiver}.mooring.{domain}>"),
            ),
            // The subject as it would be on its own, for filters.
            ("X-Mooring-Title", topic.title.clone()),
            ("X-Mooring-Receiver", receiver.to_owned()),
            ("X-Mooring-Kind", kind.to_owned()),
            ("X-Mooring-Event", event.to_owned()),
            ("X-Mooring-Severity", notice.severity().as_str().to_owned()),
        ];
        if let Some(stack) = notice.stack() {
            headers.push(("X-Mooring-Stack", clean(stack.as_str())));
        }
        if is_urgent(self.letter) {
            headers.push(("X-Priority", "1 (Highest)".to_owned()));
            headers.push(("Importance", "high".to_owned()));
            headers.push(("Priority", "urgent".to_owned()));
        }
        headers
    }
}

/// Whether a mail may disturb: news of something critical that nobody has taken on.
fn is_urgent(letter: Letter<'_>) -> bool {
    letter.notice.severity() == Severity::Critical
        && matches!(letter.notice.turn(), Turn::Begins | Turn::GoesOn)
}

/// What a mail says, what it is called, and what later ones of its conversation will be.
struct Topic {
    title: String,
    subject: String,
    handle: Option<String>,
}

impl Topic {
    fn of(letter: Letter<'_>, subject: &str) -> Self {
        let title = cut(clean(subject).trim(), SUBJECT);
        let severity = letter.notice.severity();
        let (began, handle) = match letter.notice.turn() {
            Turn::Alone => (None, None),
            Turn::Begins => (None, Some(severity)),
            Turn::GoesOn | Turn::IsTaken | Turn::Ends => {
                let began = letter.handle.and_then(began);
                let began = began.filter(|(worst, _)| severity <= *worst);
                (began, began.is_none().then_some(severity))
            }
        };
        Self {
            handle: handle.map(|severity| format!("{} {title}", severity.as_str())),
            subject: match began {
                // Another recipient of the same message may have begun it.
                Some((_, began)) if began != title => format!("Re: {began}"),
                _ => title.clone(),
            },
            title,
        }
    }
}

/// The severity and the subject that a conversation began with.
fn began(handle: &str) -> Option<(Severity, &str)> {
    let (severity, subject) = handle.split_once(' ')?;
    Some((Severity::parse(severity)?, subject))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
