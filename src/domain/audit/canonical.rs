//! The one text that a JSON value has for hashing.

use serde_json::Value;

/// The text of RFC 8785, for values without fractions: keys sorted, no white space, and no escapes but
/// those that must be.
pub(super) fn text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            let fields = fields.into_iter();
            list(out, ['{', '}'], fields, |(name, value), out| {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write(value, out);
            });
        }
        Value::Array(items) => list(out, ['[', ']'], items.iter(), write),
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn list<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl Iterator<Item = T>,
    each: impl Fn(T, &mut String),
) {
    out.push(open);
    for (n, item) in items.enumerate() {
        if n > 0 {
            out.push(',');
        }
        each(item, out);
    }
    out.push(close);
}

/// The value without control characters, line breaks and tabs apart: tools escape them differently,
/// and people do not see them.
pub(super) fn plain(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let hidden = |c: char| c.is_control() && c != '\n' && c != '\t';
            Value::String(text.replace(hidden, "\u{fffd}"))
        }
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            fields.map(|(name, value)| (name, plain(value))).collect()
        }
        other => other,
    }
}
