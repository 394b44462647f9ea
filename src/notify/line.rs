//! A line of detail: words that every channel can show, and what some can show better: the sides of a
//! difference one below the other, a place in the code as a link.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

/// A detail on one line. Used as text it is its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    words: String,
    more: More,
}

/// What a line is besides its words.
#[derive(Debug, Clone, PartialEq, Eq)]
enum More {
    Nothing,
    Difference(Difference),
    Spot(Spot),
}

/// A place in the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// The file and its line.
    pub(super) place: String,
    /// Where that can be looked at.
    pub(super) link: Option<String>,
    /// What else there is to say of it; may be empty.
    pub(super) rest: String,
}

/// What an attribute was, is and should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// The attribute.
    pub(super) path: String,
    /// What stands against each other, at least one.
    pub(super) sides: Vec<Side>,
}

/// One side of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) mark: Mark,
    /// The mark in words, such as `was`.
    pub(super) label: &'static str,
    pub(super) value: String,
}

/// What a side is to the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Not any more.
    Gone,
    /// Instead.
    Come,
    /// Neither: as it should be.
    Wanted,
}

impl Mark {
    /// As in a diff.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Gone => "−",
            Self::Come => "+",
            Self::Wanted => "=",
        }
    }

    /// The stable word.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Come => "come",
            Self::Wanted => "wanted",
        }
    }
}

impl Line {
    /// A difference, whose sides may be no more than its words (of secrets).
    pub(super) fn of_difference(words: String, path: String, sides: Vec<Side>) -> Self {
        let more = if sides.is_empty() {
            More::Nothing
        } else {
            More::Difference(Difference { path, sides })
        };
        Self { words, more }
    }

    /// A place in the code.
    pub(super) fn of_spot(spot: Spot) -> Self {
        Self {
            words: format!("{}{}", spot.place, spot.rest),
            more: More::Spot(spot),
        }
    }

    /// The line in a channel's form: a detail as `code`, a place in the code as a link if one is known,
    /// with `text` behind it.
    pub(super) fn form(
        &self,
        code: impl Fn(&str) -> String,
        text: impl Fn(&str) -> String,
        link: impl Fn(&str, &str) -> String,
    ) -> String {
        let Some(Spot {
            place,
            link: to,
            rest,
        }) = self.spot()
        else {
            return code(self);
        };
        let place = to
            .as_ref()
            .map_or_else(|| code(place), |to| link(place, to));
        place + &text(rest)
    }

    /// The sides, if it is a difference that can be shown.
    pub(super) const fn difference(&self) -> Option<&Difference> {
        match &self.more {
            More::Difference(difference) => Some(difference),
            More::Nothing | More::Spot(_) => None,
        }
    }

    /// The place, if it is one.
    pub(super) const fn spot(&self) -> Option<&Spot> {
        match &self.more {
            More::Spot(spot) => Some(spot),
            More::Nothing | More::Difference(_) => None,
        }
    }
}

impl From<String> for Line {
    fn from(words: String) -> Self {
        Self {
            words,
            more: More::Nothing,
        }
    }
}

impl Deref for Line {
    type Target = str;

    fn deref(&self) -> &str {
        &self.words
    }
}

impl Borrow<str> for Line {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
