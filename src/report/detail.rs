//! What a difference consists of, where both sides as a whole would hide it: documents by their
//! paths, lists by their items.

use std::fmt;

use super::document::{Change, Kind, compare};
use super::fit::{columns, difference, items};
use super::words::{self, Sides};
use crate::domain::finding::AttributeChange;
use crate::domain::value::Value;

/// Lists are shown whole up to this many columns a side.
const SHORT_LIST: usize = 60;

/// A difference in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Detail {
    /// What it is and how much differs, for example `JSON document, 2 differences`.
    pub(super) title: String,
    /// That the configuration wants one of the sides, if so.
    pub(super) want: Option<&'static str>,
    /// What differs between which sides.
    pub(super) parts: Vec<Part>,
}

/// What differs between two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Which sides, for example `state → real`.
    pub(super) names: &'static str,
    /// What is different.
    pub(super) lines: Vec<Line>,
}

/// One thing that is different.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Line {
    /// `+` new, `-` gone, `~` another value, `·` anything else.
    pub(super) sign: &'static str,
    /// Where in the document; empty for an item of a list.
    pub(super) path: String,
    /// What was there.
    pub(super) from: Option<String>,
    /// What is there.
    pub(super) to: Option<String>,
    /// What else there is to say.
    pub(super) remark: &'static str,
}

/// The parts of a document or of a list, whatever its length; none where the sides are best shown as
/// they are.
pub(super) fn detail(change: &AttributeChange) -> Option<Detail> {
    let sides = words::sides(change);
    document(&sides).or_else(|| list(&sides))
}

impl Detail {
    /// The title and what is wanted.
    pub(super) fn heading(&self) -> String {
        match self.want {
            Some(want) => format!("{}, {want}", self.title),
            None => self.title.clone(),
        }
    }
}

/// As [`detail`], but short lists are left whole.
pub(super) fn detail_of_long(change: &AttributeChange) -> Option<Detail> {
    let sides = words::sides(change);
    let long = |value: &Value| columns(&words::value(value)) > SHORT_LIST;
    document(&sides).or_else(|| list(&sides).filter(|_| long(sides.from) || long(sides.to)))
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) | Value::Redacted { text, .. } => Some(text),
        _ => None,
    }
}

const fn is_redacted(value: &Value) -> bool {
    matches!(value, Value::Redacted { .. })
}

fn document(sides: &Sides<'_>) -> Option<Detail> {
    let changes = compare(text(sides.from)?, text(sides.to)?)?;
    let masked = is_redacted(sides.from) || is_redacted(sides.to);
    let title = match changes.len() {
        0 if masked => "JSON document, differs in what is masked".to_owned(),
        0 => words::SAME_DOCUMENT.to_owned(),
        number => format!("JSON document, {}", words::count(number, "difference")),
    };
    let mut parts = vec![Part {
        names: sides.names,
        lines: changes.into_iter().map(Line::from).collect(),
    }];
    let known = sides.known_want();
    if let Some(want) = sides.want.filter(|_| known.is_none()) {
        parts.push(Part {
            names: "real → want",
            lines: match text(want).and_then(|want| compare(text(sides.to)?, want)) {
                Some(changes) => changes.into_iter().map(Line::from).collect(),
                None => vec![Line::whole(sides.to, want)],
            },
        });
    }
    Some(Detail {
        title,
        want: known,
        parts,
    })
}

fn list(sides: &Sides<'_>) -> Option<Detail> {
    let (from, to) = (items(sides.from)?, items(sides.to)?);
    let (title, lines) = items_that_differ(from, to);
    let mut parts = vec![Part {
        names: sides.names,
        lines,
    }];
    let known = sides.known_want();
    if let Some(want) = sides.want.filter(|_| known.is_none()) {
        parts.push(Part {
            names: "real → want",
            lines: match items(want) {
                Some(want) => items_that_differ(to, want).1,
                None => vec![Line::whole(sides.to, want)],
            },
        });
    }
    Some(Detail {
        title,
        want: known,
        parts,
    })
}

fn items_that_differ(from: &[Value], to: &[Value]) -> (String, Vec<Line>) {
    let (gone, new, same) = difference(from, to);
    let counts = [
        (gone.len(), "gone"),
        (new.len(), "new"),
        (same, "unchanged"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    let gone = gone.into_iter().map(|item| Line {
        sign: "-",
        from: Some(words::value(item)),
        ..Line::default()
    });
    let new = new.into_iter().map(|item| Line {
        sign: "+",
        to: Some(words::value(item)),
        ..Line::default()
    });
    (counts.join(", "), gone.chain(new).collect())
}

impl Line {
    fn whole(from: &Value, to: &Value) -> Self {
        Self {
            sign: "~",
            from: Some(words::value(from)),
            to: Some(words::value(to)),
            ..Self::default()
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sign)?;
        if !self.path.is_empty() {
            let colon = if self.remark.is_empty() { ":" } else { "" };
            write!(f, " {}{colon}", self.path)?;
        }
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, " {from} → {to}"),
            (Some(value), None) | (None, Some(value)) => write!(f, " {value}"),
            (None, None) => write!(f, " {}", self.remark),
        }
    }
}

impl From<Change> for Line {
    fn from(Change { path, kind }: Change) -> Self {
        let path = if path.is_empty() {
            "(whole)".to_owned()
        } else {
            path
        };
        let (sign, from, to, remark) = match kind {
            Kind::Changed(from, to) => ("~", Some(from), Some(to), ""),
            Kind::Gone(value) => ("-", Some(value), None, ""),
            Kind::New(value) => ("+", None, Some(value), ""),
            Kind::Reordered => ("·", None, None, "in another order"),
        };
        Self {
            sign,
            path,
            from,
            to,
            remark,
        }
    }
}
