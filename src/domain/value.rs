//! Values in a plan, with everything marked sensitive already replaced by a keyed fingerprint:
//! a value of this type can be compared, stored and shown without giving a secret away.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::Fingerprint;

/// What a masked value shows instead of itself.
pub const SENSITIVE: &str = "(sensitive)";
/// What a value shows that only the apply will know.
pub const UNKNOWN: &str = "(known after apply)";

/// What a value shows that is nested too deeply.
pub const TOO_DEEP: &str = "(nested too deeply to show)";

/// Reports show values nested this deeply; many JSON readers stop at 128.
const SHOWN_DEEPEST: usize = 64;

/// An exact decimal number in one canonical spelling, so that `1`, `1.0` and `10e-1` are equal and
/// no digit of a long number is lost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(String);

impl Number {
    /// Normalises the text of a JSON number. Text that is no number is kept as it is.
    pub fn parse(text: &str) -> Self {
        Self(canonical(text).unwrap_or_else(|| text.to_owned()))
    }

    /// The canonical spelling: digits, perhaps a sign and a point; an exponent only where the
    /// digits would not fit into 64 places.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Longest plain spelling; a larger exponent is kept as `<digits>e<exponent>`.
const PLAIN_DIGITS: i64 = 64;

fn canonical(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || !(whole.chars().chain(fraction.chars())).all(|c| c.is_ascii_digit()) {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let scale = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let significant = digits.trim_start_matches('0');
    let trimmed = significant.trim_end_matches('0');
    if trimmed.is_empty() {
        return Some("0".to_owned());
    }
    let scale = scale.checked_add(i64::try_from(significant.len() - trimmed.len()).ok()?)?;
    let length = i64::try_from(trimmed.len()).ok()?;
    let sign = if negative { "-" } else { "" };
    let point = length.checked_add(scale)?;
    let plain = if !(-PLAIN_DIGITS..=PLAIN_DIGITS).contains(&point) {
        format!("{trimmed}e{scale}")
    } else if scale >= 0 {
        format!("{trimmed}{}", "0".repeat(usize::try_from(scale).ok()?))
    } else if point > 0 {
        let (whole, fraction) = trimmed.split_at(usize::try_from(point).ok()?);
        format!("{whole}.{fraction}")
    } else {
        format!("0.{}{trimmed}", "0".repeat(usize::try_from(-point).ok()?))
    };
    Some(format!("{sign}{plain}"))
}

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// JSON null, and what is absent.
    Null,
    /// A boolean.
    Bool(bool),
    /// An exact number.
    Number(Number),
    /// Text without anything secret in it.
    String(String),
    /// A list or set.
    List(Vec<Value>),
    /// A map or object.
    Object(BTreeMap<String, Value>),
    /// Known only after the apply. Equal to nothing but itself.
    Unknown,
    /// Marked sensitive: only its fingerprint is left.
    Sensitive {
        /// Keyed fingerprint of the exact value.
        fingerprint: Fingerprint,
        /// Whether the hidden value is null, `""`, `[]` or `{}`.
        empty: bool,
    },
    /// Text in which a secret occurred: shown with the secret cut out, compared by fingerprint.
    Redacted {
        /// The text with every secret replaced by `(sensitive)`.
        text: String,
        /// Keyed fingerprint of the exact text.
        fingerprint: Fingerprint,
    },
}

impl Value {
    /// Whether this is null, `""`, `[]` or `{}`: Terraform providers use these for one another
    /// after a refresh, so between two *observed* values they are no difference.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::String(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Object(fields) => fields.values().all(Self::is_empty),
            Self::Sensitive { empty, .. } => *empty,
            Self::Bool(_) | Self::Number(_) | Self::Unknown | Self::Redacted { .. } => false,
        }
    }

    /// Whether two observed values are the same, with all empty values alike. Inside of lists only
    /// null and empty text are: there an empty block says something (`podSelector {}`).
    pub fn same_observed(&self, other: &Self) -> bool {
        self.same_item(other) || (self.is_empty() && other.is_empty())
    }

    /// Whether these are lists of the same items, with null and empty text in them alike.
    pub fn same_list(&self, other: &Self) -> bool {
        matches!((self, other), (Self::List(_), Self::List(_))) && self.same_item(other)
    }

    /// Whether these are the same, with null and empty text alike, and nothing else.
    pub fn same_item(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::String(text)) | (Self::String(text), Self::Null) => text.is_empty(),
            (Self::List(items), Self::List(others)) => {
                let mut pairs = items.iter().zip(others);
                items.len() == others.len() && pairs.all(|(item, other)| item.same_item(other))
            }
            (Self::Object(fields), Self::Object(others)) => {
                let mut keys = all_keys(fields, others);
                keys.all(|key| self.field(key).same_item(other.field(key)))
            }
            _ => self == other,
        }
    }

    /// Whether these are two lists of the same items in another order.
    pub fn same_items(&self, other: &Self) -> bool {
        let (Self::List(items), Self::List(others)) = (self, other) else {
            return false;
        };
        if items == others || items.len() != others.len() {
            return false;
        }
        let sorted = |items: &[Self]| {
            let mut texts: Vec<_> = items
                .iter()
                .map(|item| serde_json::to_string(item).unwrap_or_default())
                .collect();
            texts.sort_unstable();
            texts
        };
        sorted(items) == sorted(others)
    }

    /// Whether anything in here is known only after the apply.
    pub fn has_unknown(&self) -> bool {
        match self {
            Self::Unknown => true,
            Self::List(items) => items.iter().any(Self::has_unknown),
            Self::Object(fields) => fields.values().any(Self::has_unknown),
            _ => false,
        }
    }

    /// Whether anything in here is masked.
    pub fn has_sensitive(&self) -> bool {
        match self {
            Self::Sensitive { .. } | Self::Redacted { .. } => true,
            Self::List(items) => items.iter().any(Self::has_sensitive),
            Self::Object(fields) => fields.values().any(Self::has_sensitive),
            _ => false,
        }
    }

    /// Whether `self` differs from `known` only where `self` is not known yet.
    pub fn equal_but_unknown(&self, known: &Self) -> bool {
        match (self, known) {
            (Self::Unknown, _) => true,
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equal_but_unknown(b))
            }
            (Self::Object(a), Self::Object(b)) => all_keys(a, b).all(|key| {
                let left = a.get(key).unwrap_or(&Self::Null);
                left.equal_but_unknown(b.get(key).unwrap_or(&Self::Null))
            }),
            _ => self == known,
        }
    }

    /// The field of an object, null where there is none.
    pub fn field(&self, key: &str) -> &Self {
        match self {
            Self::Object(fields) => fields.get(key).unwrap_or(&Self::Null),
            _ => &Self::Null,
        }
    }

    /// The value at a path of object keys.
    pub fn at(&self, path: &AttributePath) -> &Self {
        path.segments()
            .iter()
            .fold(self, |value, key| value.field(key))
    }

    /// The value as it is shown in reports: secrets and unknowns by their placeholder, and what is
    /// nested so deeply that common JSON readers would not follow.
    pub fn to_json(&self) -> serde_json::Value {
        self.to_json_at(0)
    }

    fn to_json_at(&self, depth: usize) -> serde_json::Value {
        if depth > SHOWN_DEEPEST {
            return TOO_DEEP.into();
        }
        let deeper = |value: &Self| value.to_json_at(depth + 1);
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(b) => (*b).into(),
            Self::Number(n) => {
                serde_json::from_str(n.as_str()).unwrap_or_else(|_| n.as_str().into())
            }
            Self::String(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(deeper).collect(),
            Self::Object(fields) => {
                let fields = fields.iter().map(|(k, v)| (k.clone(), deeper(v)));
                serde_json::Value::Object(fields.collect())
            }
            Self::Unknown => UNKNOWN.into(),
            Self::Sensitive { .. } => SENSITIVE.into(),
            Self::Redacted { text, .. } => text.as_str().into(),
        }
    }
}

/// The keys of either, each once: twice would double the work with every level.
fn all_keys<'a>(
    fields: &'a BTreeMap<String, Value>,
    others: &'a BTreeMap<String, Value>,
) -> impl Iterator<Item = &'a String> {
    let more = others.keys().filter(|key| !fields.contains_key(*key));
    fields.keys().chain(more)
}

/// A path into an attribute by object keys, for example `tags.Env`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttributePath(Vec<String>);

impl AttributePath {
    /// A path of these keys, outermost first.
    pub fn new(segments: Vec<String>) -> Self {
        Self(segments)
    }

    /// This path with one more key.
    #[must_use]
    pub fn child(&self, key: &str) -> Self {
        let mut segments = self.0.clone();
        segments.push(key.to_owned());
        Self(segments)
    }

    /// The keys, outermost first.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// Whether this is `other` or lies below it.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            if segment.contains(['.', '"']) || segment.is_empty() {
                write!(f, "\"{}\"", segment.replace('"', "\\\""))?;
            } else {
                f.write_str(segment)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_value_and_keep_every_digit() {
        for (a, b) in [
            ("1", "1.0"),
            ("10e-1", "1"),
            ("0.10", "1E-1"),
            ("-0", "0"),
            ("1200", "12e2"),
        ] {
            assert_eq!(Number::parse(a), Number::parse(b), "{a} {b}");
        }
        assert_ne!(
            Number::parse("9007199254740993"),
            Number::parse("9007199254740992")
        );
        assert_eq!(Number::parse("0.05").as_str(), "0.05");
        assert_eq!(Number::parse("1e999999999").as_str(), "1e999999999");
        assert_ne!(Number::parse("1e400"), Number::parse("1e401"));
    }

    #[test]
    fn deep_objects_are_compared_in_one_pass() {
        let nested = |core: &str| {
            (0..200).fold(Value::String(core.into()), |inner, _| {
                Value::List(vec![Value::Object([("a".to_owned(), inner)].into())])
            })
        };
        assert!(nested("x").same_observed(&nested("x")));
        assert!(nested("x").equal_but_unknown(&nested("x")));
        assert!(!nested("x").same_observed(&nested("y")));
    }

    #[test]
    fn a_key_with_a_dot_is_quoted() {
        let path = AttributePath::new(vec!["tags".into(), "a.b".into()]);
        assert_eq!(path.to_string(), "tags.\"a.b\"");
    }
}
