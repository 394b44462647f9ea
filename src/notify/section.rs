//! The parts of a message: titled lists of entries, on single lines without control characters.

use super::line::Line;
use super::words::{clean, cut};

/// Longest free text taken over from elsewhere (error messages, messages of checks).
const LONGEST_TEXT: usize = 600;
/// Longest address or name shown.
pub(super) const LONGEST_LABEL: usize = 250;
/// A titled list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) items: Vec<Item>,
    /// What is left out.
    pub(super) more: Option<String>,
}

impl Section {
    pub(super) const fn new(title: &'static str, items: Vec<Item>) -> Self {
        Self {
            title,
            items,
            more: None,
        }
    }
}

/// One entry: what it is about, a sentence, details.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Item {
    /// An address or a stack, empty for a plain sentence.
    pub(super) label: String,
    pub(super) text: String,
    /// Details, or a command to type.
    pub(super) lines: Vec<Line>,
}

impl Item {
    pub(super) fn sentence(text: impl AsRef<str>) -> Self {
        Self {
            text: cut(&clean(text.as_ref()), LONGEST_TEXT),
            ..Self::default()
        }
    }

    pub(super) fn labelled(label: impl AsRef<str>, text: impl AsRef<str>) -> Self {
        Self {
            label: cut(&clean(label.as_ref()), LONGEST_LABEL),
            ..Self::sentence(text)
        }
    }

    /// What it is about and the sentence, each in a channel's form.
    pub(super) fn head(
        &self,
        label: impl FnOnce(&str) -> String,
        text: impl FnOnce(&str) -> String,
    ) -> String {
        match (self.label.is_empty(), self.text.is_empty()) {
            (true, _) => text(&self.text),
            (false, true) => label(&self.label),
            (false, false) => format!("{} – {}", label(&self.label), text(&self.text)),
        }
    }

    /// All of it as plain text, each detail on a line below.
    pub(super) fn plain(&self) -> String {
        let lines = self.lines.iter().map(|line| format!("\n    {line}"));
        let head = self.head(str::to_owned, str::to_owned);
        std::iter::once(head).chain(lines).collect()
    }

    /// A command to type. One that would not be shown as it has to be typed is not shown at all: what
    /// a shell makes of the rest may be something else.
    pub(super) fn with_command(self, command: impl AsRef<str>) -> Self {
        let command = command.as_ref();
        let long = command.chars().count() > LONGEST_TEXT;
        if long || command.contains('`') || clean(command) != command {
            return self
                .with_line("(a name in this command cannot be shown as it has to be typed)");
        }
        self.with_line(command)
    }

    pub(super) fn with_line(mut self, line: impl AsRef<str>) -> Self {
        let line = cut(&clean(line.as_ref()), LONGEST_TEXT);
        self.lines.push(Line::from(line));
        self
    }
}
