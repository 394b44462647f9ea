//! How messages of all receivers speak.

use jiff::tz::TimeZone;

use crate::domain::notice::Notice;

use super::content::{Content, Fact, content_in};

/// What is the same for every message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Style {
    /// The zone of times.
    pub(super) zone: TimeZone,
    pub(super) occasion: Occasion,
}

/// Why messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Something happened.
    Real,
    /// Somebody tries a receiver out.
    Trial,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            occasion: Occasion::Real,
        }
    }
}

impl Style {
    /// What a notice says. A trial says so wherever anybody looks first.
    pub(super) fn content(&self, notice: &Notice) -> Content {
        const TRIAL: &str = "This is a test of this receiver: nothing happened, and nothing is to \
                             be done.";
        let mut content = content_in(notice, &self.zone);
        if self.occasion == Occasion::Trial {
            content.subject = format!("[test] {}", content.subject);
            content.headline = format!("Test – {}", content.headline);
            content.facts.insert(0, TRIAL.to_owned());
            content.brief.badge = format!("test: {}", content.brief.badge);
            let fact = Fact {
                label: "Test",
                text: TRIAL.to_owned(),
            };
            content.brief.facts.insert(0, fact);
        }
        content
    }
}
