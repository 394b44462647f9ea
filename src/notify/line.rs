//! A line of detail: words that every channel can show, and the sides of a difference for those that
//! can set them one below the other.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

/// A detail on one line. Used as text it is its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    words: String,
    difference: Option<Difference>,
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
        let difference = (!sides.is_empty()).then_some(Difference { path, sides });
        Self { words, difference }
    }

    /// The sides, if it is a difference that can be shown.
    pub(super) const fn difference(&self) -> Option<&Difference> {
        self.difference.as_ref()
    }
}

impl From<String> for Line {
    fn from(words: String) -> Self {
        Self {
            words,
            difference: None,
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
