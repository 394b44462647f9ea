//! What chat channels share: colours, and words in the dialects of Markdown.

use serde::Serialize;

use crate::domain::finding::Severity;

use super::Delivery;
use super::content::Content;
use super::section::{Item, Section};
use super::words::cut;

/// What stands where a service's limit ends a message.
pub(super) const NOT_ALL: &str = "… this is not all of it";

/// The colour of a message as red, green and blue: that of an end, or of how bad it is.
pub(super) const fn colour(content: &Content) -> u32 {
    if content.over {
        return 0x2e_a0_43;
    }
    match content.severity {
        Severity::Critical => 0xb3_00_21,
        Severity::High => 0xe8_59_0c,
        Severity::Medium => 0xe0_b4_00,
        Severity::Low => 0x1f_6f_eb,
        Severity::Info => 0x6e_77_81,
    }
}

/// The colour as `#rrggbb`.
pub(super) fn hex_colour(content: &Content) -> String {
    format!("#{:06x}", colour(content))
}

/// The body of a request.
pub(super) fn json(body: &impl Serialize) -> Result<Vec<u8>, Delivery> {
    serde_json::to_vec(body).map_err(|error| Delivery::Rejected {
        error: format!("the message cannot be written as JSON: {error}"),
    })
}

/// A dialect of Markdown.
pub(super) struct Dialect {
    /// Characters that a backslash keeps from meaning something.
    pub(super) escaped: &'static str,
    /// Whether a name after an `@` is a mention that no backslash prevents.
    pub(super) mentions: bool,
    /// How a service counts the length of text.
    pub(super) length: fn(&str) -> usize,
}

impl Dialect {
    /// Text in which nothing formats or mentions anybody.
    pub(super) fn escape(&self, text: &str) -> String {
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            if self.escaped.contains(c) {
                escaped.push('\\');
            }
            escaped.push(c);
            if c == '@' && self.mentions {
                // Nothing visible, and the name that follows is no longer one.
                escaped.push('\u{200b}');
            }
        }
        escaped
    }

    /// Sections below each other in at most so many characters; no line is torn apart, and those
    /// that do not fit are left out.
    pub(super) fn sections(&self, sections: &[Section], most: usize) -> String {
        let room = most.saturating_sub((self.length)(NOT_ALL) + 2);
        let mut text = String::new();
        for section in sections {
            let mut title = Some(format!("**{}**", self.escape(section.title)));
            let lines = section.items.iter().flat_map(|item| self.entry(item));
            let more = section.more.iter().map(|more| self.escape(more));
            for line in lines.chain(more) {
                let gap = if text.is_empty() { "" } else { "\n\n" };
                let next = match title.take() {
                    Some(title) => format!("{gap}{title}\n{line}"),
                    None => format!("\n{line}"),
                };
                if (self.length)(&text) + (self.length)(&next) > room {
                    text.push_str(gap);
                    text.push_str(NOT_ALL);
                    return text;
                }
                text.push_str(&next);
            }
        }
        text
    }

    fn entry(&self, item: &Item) -> Vec<String> {
        let head = item.head(code, |text| self.escape(text));
        let link = |place: &str, to: &str| format!("[{}]({to})", self.escape(place));
        let details = item.lines.iter();
        let details = details.map(|line| {
            let line = line.form(code, |text| self.escape(text), link);
            format!("\u{2003}{line}")
        });
        std::iter::once(format!("• {head}"))
            .chain(details)
            .collect()
    }

    /// The text in at most so many characters as the service counts them, cut in the middle.
    pub(super) fn cut(&self, text: &str, most: usize) -> String {
        let wider = (self.length)(text).saturating_sub(text.chars().count());
        cut(text, most.saturating_sub(wider))
    }
}

/// Text in which nothing is markup.
pub(super) fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

/// Every character as one.
pub(super) fn characters(text: &str) -> usize {
    text.chars().count()
}

/// Characters outside the basic plane as two, as JavaScript counts.
pub(super) fn code_units(text: &str) -> usize {
    text.encode_utf16().count()
}
