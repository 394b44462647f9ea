//! Values in clear, as they are before anything is hidden. They never leave this module's parents:
//! what the rest of the program sees is [`crate::domain::value::Value`], made by the redactor.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::domain::value::Number;

use super::marks::Marks;

/// Parts nested deeper than this stay text: they are compared, but not shown, so that whatever walks
/// a value needs little stack.
const SHOWN_DEEPEST: usize = 256;

/// Documents up to this depth are parsed by plain recursion.
const PLAIN: usize = 100;

/// A value in clear.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) enum Clear {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Clear>),
    Object(BTreeMap<String, Clear>),
    /// Known only after the apply.
    Unknown,
    /// Nested too deeply to be shown; as it is written.
    Deep(String),
}

impl Clear {
    /// Parses a part of a document. Its syntax has been checked when it was found, what can still
    /// be wrong is an escape in a string.
    pub(super) fn parse(raw: &str) -> Result<Self, serde_json::Error> {
        parse(raw, 0)
    }

    /// Whether this is null, `""`, `[]` or `{}`.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::String(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Object(fields) => fields.values().all(Self::is_empty),
            Self::Bool(_) | Self::Number(_) | Self::Unknown | Self::Deep(_) => false,
        }
    }

    /// Bytes that are equal if and only if the values are, for keyed hashing only.
    pub(super) fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let mut text = |kind: u8, text: &str| {
            bytes.push(kind);
            bytes.extend(text.len().to_le_bytes());
            bytes.extend(text.as_bytes());
        };
        match self {
            Self::Null => bytes.push(b'n'),
            Self::Bool(true) => bytes.push(b't'),
            Self::Bool(false) => bytes.push(b'f'),
            Self::Unknown => bytes.push(b'u'),
            Self::Number(number) => text(b'#', number.as_str()),
            Self::String(string) => text(b's', string),
            Self::Deep(raw) => text(b'd', raw),
            Self::List(items) => {
                bytes.push(b'[');
                bytes.extend(items.len().to_le_bytes());
                for item in items {
                    item.write(bytes);
                }
            }
            Self::Object(fields) => {
                bytes.push(b'{');
                bytes.extend(fields.len().to_le_bytes());
                for (key, field) in fields {
                    bytes.extend(key.len().to_le_bytes());
                    bytes.extend(key.as_bytes());
                    field.write(bytes);
                }
            }
        }
    }

    /// Puts [`Clear::Unknown`] where `after_unknown` says so, also where `after` leaves the place
    /// out.
    #[must_use]
    pub(super) fn with_unknown(self, unknown: Marks) -> Self {
        match (self, unknown) {
            (known, Marks::Nothing | Marks::Text | Marks::Strings) => known,
            (_, Marks::All) => Self::Unknown,
            (known, Marks::Fields(marks)) => {
                let mut fields = match known {
                    Self::Object(fields) => fields,
                    _ => BTreeMap::new(),
                };
                for (key, marks) in marks {
                    let field = fields.remove(&key).unwrap_or_default();
                    fields.insert(key, field.with_unknown(marks));
                }
                Self::Object(fields)
            }
            (known, Marks::Items(marks)) => {
                let mut items = match known {
                    Self::List(items) => items,
                    _ => Vec::new(),
                };
                items.resize(items.len().max(marks.len()), Self::Null);
                for (item, marks) in items.iter_mut().zip(marks) {
                    *item = std::mem::take(item).with_unknown(marks);
                }
                Self::List(items)
            }
        }
    }
}

fn parse(raw: &str, depth: usize) -> Result<Clear, serde_json::Error> {
    if nesting(raw) <= PLAIN {
        return serde_json::from_str::<Json>(raw).map(convert);
    }
    if depth + PLAIN > SHOWN_DEEPEST {
        return Ok(Clear::Deep(raw.to_owned()));
    }
    if raw.trim_start().starts_with('{') {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(raw)?;
        let fields = fields
            .into_iter()
            .map(|(key, field)| Ok((key, parse(field.get(), depth + 1)?)));
        fields.collect::<Result<_, _>>().map(Clear::Object)
    } else {
        let items: Vec<&RawValue> = serde_json::from_str(raw)?;
        let items = items.into_iter().map(|item| parse(item.get(), depth + 1));
        items.collect::<Result<_, _>>().map(Clear::List)
    }
}

fn convert(json: Json) -> Clear {
    match json {
        Json::Null => Clear::Null,
        Json::Bool(b) => Clear::Bool(b),
        Json::Number(number) => Clear::Number(Number::parse(&number.to_string())),
        Json::String(text) => Clear::String(text),
        Json::Array(items) => Clear::List(items.into_iter().map(convert).collect()),
        Json::Object(fields) => {
            Clear::Object(fields.into_iter().map(|(k, v)| (k, convert(v))).collect())
        }
    }
}

/// How deep objects and lists are nested, found without recursion.
pub(super) fn nesting(raw: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut quoted, mut escaped) = (false, false);
    for byte in raw.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Every string in a part of a document, keys too, found without recursion.
pub(super) fn strings(raw: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = raw;
    while let Some(open) = rest.find('"') {
        rest = rest.get(open..).unwrap_or_default();
        let mut reader = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        let Some(Ok(text)) = reader.next() else {
            break;
        };
        rest = rest.get(reader.byte_offset()..).unwrap_or_default();
        found.push(text);
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn deep_parts_stay_text_and_the_rest_is_read() {
        let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
        let Clear::Object(fields) =
            Clear::parse(&format!(r#"{{"a": "b", "c": {deep}, "d": [1.0]}}"#)).unwrap()
        else {
            panic!("an object");
        };
        assert!(fields.get("a") == Some(&Clear::String("b".to_owned())));
        assert!(fields.get("d") == Some(&Clear::List(vec![Clear::Number(Number::parse("1"))])));
        let mut at = fields.get("c");
        let mut levels = 0;
        while let Some(Clear::List(items)) = at {
            (at, levels) = (items.first(), levels + 1);
        }
        assert!(
            matches!(at, Some(Clear::Deep(_))) && levels > 100,
            "{levels}"
        );
    }

    #[test]
    fn strings_are_found_among_everything_else() {
        assert_eq!(
            strings(r#"{"a": ["b\"c", 1, null], "\u00e9": {"d": "e"}}"#),
            ["a", "b\"c", "\u{e9}", "d", "e"]
        );
    }
}
