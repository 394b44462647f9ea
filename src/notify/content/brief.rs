//! A message at a glance: what the first screen of a phone has to answer.

use crate::domain::alert::AlertEvent;

use super::super::steps;
use super::super::words::{clean, cut};
use super::{Content, Item, LONGEST_LABEL};

/// The title of what Mooring does about a trouble.
pub(super) const DOES: &str = "What Mooring does";

/// Where, what, how bad, since when, what happens next and what to do, each on a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in super::super) struct Brief {
    /// How bad or how good, in a word or two.
    pub(in super::super) badge: String,
    /// The stack, or how many.
    pub(in super::super) place: String,
    /// What is with it.
    pub(in super::super) state: String,
    /// The rest, most urgent first.
    pub(in super::super) facts: Vec<Fact>,
}

/// An answer and its question in a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Fact {
    pub(in super::super) label: &'static str,
    pub(in super::super) text: String,
}

impl Brief {
    pub(super) fn new(badge: &str, place: impl std::fmt::Display, state: impl AsRef<str>) -> Self {
        Self {
            badge: badge.to_owned(),
            place: cut(&clean(&place.to_string()), LONGEST_LABEL),
            state: clean(state.as_ref()),
            facts: Vec::new(),
        }
    }

    /// With one answer more, if there is one.
    pub(super) fn with(mut self, label: &'static str, text: impl AsRef<str>) -> Self {
        let text = cut(&clean(text.as_ref()), LONGEST_LABEL);
        if !text.is_empty() {
            self.facts.push(Fact { label, text });
        }
        self
    }
}

/// Adds what happens next and what to do, which stand first in their sections.
pub(super) fn complete(content: &mut Content) {
    for (title, label) in [(DOES, "Next"), (steps::TITLE, "To do")] {
        let mut sections = content.sections.iter();
        let first = sections
            .find(|section| section.title == title)
            .and_then(|section| section.items.first());
        if let Some(first) = first {
            content.brief = std::mem::take(&mut content.brief).with(label, in_a_line(first));
        }
    }
}

fn in_a_line(item: &Item) -> String {
    // A command stands below, whole, where it can be copied.
    item.text.strip_suffix(':').unwrap_or(&item.text).to_owned()
}

/// What happened to a trouble; empty if it is new, which goes without saying.
pub(super) const fn event(event: AlertEvent) -> &'static str {
    match event {
        AlertEvent::Opened | AlertEvent::Resolved => "",
        AlertEvent::Changed => "it is another trouble than last told",
        AlertEvent::Reminded => "it is still there",
        AlertEvent::Escalated => "nobody has it",
        AlertEvent::Acknowledged => "somebody has taken it on",
    }
}
