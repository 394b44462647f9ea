//! Marks: trees that run along a value and say which parts of it are hidden or unknown.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::clear::{Clear, nesting};

/// Marks nested deeper than this are not told apart.
const DEEPEST: usize = 100;

/// Whether marks written so can mark anything; most mark nothing.
pub(super) fn may_mark(raw: &str) -> bool {
    raw.contains("true")
}

/// Which parts of a value are marked. Normalised: `Fields` and `Items` hold at least one mark.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Marks {
    /// Nothing.
    #[default]
    Nothing,
    /// Text in which a secret occurs on some side of the comparison: cut out where it occurs, the
    /// other sides hidden, since what replaced a secret may be one.
    Text,
    /// Every string in it, each by itself.
    Strings,
    /// All of it, as one.
    All,
    /// Parts of an object.
    Fields(BTreeMap<String, Marks>),
    /// Parts of a list, by index.
    Items(Vec<Marks>),
}

impl Marks {
    /// Marks from a part of the document; nothing where there is none. Parts that are nested too
    /// deeply or broken count as marked.
    pub(super) fn parse(raw: Option<&str>) -> Self {
        let Some(raw) = raw.filter(|raw| may_mark(raw)) else {
            return Self::Nothing;
        };
        if nesting(raw) > DEEPEST {
            return Self::All;
        }
        serde_json::from_str(raw).map_or(Self::All, |marks| Self::read(&marks))
    }

    /// Reads `before_sensitive`, `after_sensitive`, `sensitive_values` or `after_unknown`.
    fn read(marks: &Json) -> Self {
        match marks {
            Json::Bool(true) => Self::All,
            Json::Object(fields) => {
                Self::fields(fields.iter().map(|(k, v)| (k.clone(), Self::read(v))))
            }
            Json::Array(items) => Self::items(items.iter().map(Self::read)),
            Json::Null | Json::Bool(false) | Json::Number(_) | Json::String(_) => Self::Nothing,
        }
    }

    /// Marks on the fields of an object.
    pub(super) fn fields(fields: impl Iterator<Item = (String, Self)>) -> Self {
        let fields: BTreeMap<_, _> = fields.filter(|(_, marks)| marks.any()).collect();
        if fields.is_empty() {
            Self::Nothing
        } else {
            Self::Fields(fields)
        }
    }

    /// Marks on the items of a list.
    pub(super) fn items(items: impl Iterator<Item = Self>) -> Self {
        let items: Vec<_> = items.collect();
        if items.iter().any(Self::any) {
            Self::Items(items)
        } else {
            Self::Nothing
        }
    }

    /// Whether anything is marked.
    pub(super) fn any(&self) -> bool {
        *self != Self::Nothing
    }

    /// What either of the two marks. Where their shapes do not fit, all.
    #[must_use]
    pub(super) fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, marks) | (marks, Self::Nothing) => marks,
            (Self::Text, Self::Text) => Self::Text,
            (Self::Text | Self::Strings, Self::Text | Self::Strings) => Self::Strings,
            (Self::Fields(mut fields), Self::Fields(others)) => {
                for (key, marks) in others {
                    let field = fields.entry(key).or_default();
                    *field = std::mem::take(field).union(marks);
                }
                Self::Fields(fields)
            }
            (Self::Items(mut items), Self::Items(others)) => {
                items.resize(items.len().max(others.len()), Self::Nothing);
                for (item, marks) in items.iter_mut().zip(others) {
                    *item = std::mem::take(item).union(marks);
                }
                Self::Items(items)
            }
            _ => Self::All,
        }
    }

    /// The marks drawn out to the lists of this value, so that a union with other marks leaves no
    /// item of it unmarked.
    pub(super) fn fitted(self, value: &Clear) -> Self {
        match (self, value) {
            (marks @ Self::Items(_), Clear::List(items)) => {
                let marks = marks.each(items.len());
                let mut values = items.iter();
                Self::Items(
                    marks
                        .into_iter()
                        .map(|marks| match values.next() {
                            Some(value) => marks.fitted(value),
                            None => marks,
                        })
                        .collect(),
                )
            }
            (Self::Fields(fields), Clear::Object(values)) => Self::Fields(
                fields
                    .into_iter()
                    .map(|(key, marks)| match values.get(&key) {
                        Some(value) => (key, marks.fitted(value)),
                        None => (key, marks),
                    })
                    .collect(),
            ),
            (marks, _) => marks,
        }
    }

    /// The marks on a field.
    pub(super) fn field(&self, key: &str) -> Self {
        match self {
            Self::Fields(fields) => fields.get(key).cloned().unwrap_or_default(),
            _ => Self::Nothing,
        }
    }

    /// The marks on each item of a list of this length. Items beyond the known marks, as when only
    /// the shorter side is marked, get the marks of all.
    pub(super) fn each(self, length: usize) -> Vec<Self> {
        match self {
            Self::Items(items) if items.len() >= length => items,
            Self::Items(mut items) => {
                let all = items.iter().cloned().fold(Self::Nothing, Self::union);
                items.resize(length, all);
                items
            }
            marks => vec![marks; length],
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_without_a_true_are_nothing() {
        for marks in [
            json!(null),
            json!(false),
            json!({"tags": {}, "list": [{}, {"a": false}]}),
        ] {
            assert_eq!(Marks::read(&marks), Marks::Nothing);
        }
    }

    #[test]
    fn a_union_marks_what_either_marks() {
        let union = |a, b| Marks::read(&a).union(Marks::read(&b));
        assert_eq!(
            union(
                json!({"a": [true, false]}),
                json!({"a": [{}, {}, true], "b": true})
            ),
            Marks::read(&json!({"a": [true, false, true], "b": true}))
        );
        assert_eq!(union(json!({"a": true}), json!(true)), Marks::All);
        assert_eq!(union(json!({"a": true}), json!([true])), Marks::All);
    }

    #[test]
    fn a_longer_list_than_the_marks_is_hidden_by_all_of_them() {
        let marks = Marks::read(&json!([false, true]));
        assert_eq!(
            marks.clone().each(3),
            [Marks::Nothing, Marks::All, Marks::All]
        );
        assert_eq!(marks.each(2), [Marks::Nothing, Marks::All]);
    }
}
