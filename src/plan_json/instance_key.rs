//! Instance keys in addresses, which Terraform writes as quoted strings of its language: `["a\"b"]`.
//! Source: HCL native syntax specification, "Template Expressions".

/// An instance key that is text, and what stands around it.
pub(super) struct Found<'a> {
    /// What stands before it, the opening quote included.
    pub(super) before: &'a str,
    /// The key as it is written.
    pub(super) written: &'a str,
    /// The key itself.
    pub(super) key: String,
    /// What follows, from the closing quote on.
    pub(super) after: &'a str,
}

/// The first instance key of an address that is text.
pub(super) fn next(address: &str) -> Option<Found<'_>> {
    let start = address.find("[\"")? + 2;
    let inside = address.get(start..)?;
    let mut escaped = false;
    let length = inside.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let end = start + length.unwrap_or(inside.len());
    let written = address.get(start..end)?;
    Some(Found {
        before: address.get(..start)?,
        written,
        key: read(written),
        after: address.get(end..)?,
    })
}

/// The text of a quoted string.
fn read(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(c) = rest.chars().next() {
        let (meant, length) = escape(rest).unwrap_or((c, c.len_utf8()));
        text.push(meant);
        rest = rest.get(length..).unwrap_or_default();
    }
    text
}

/// The character that an escape at the beginning stands for, and how long the escape is.
fn escape(text: &str) -> Option<(char, usize)> {
    // Only the doubled sign goes; the brace is read as what it is.
    if text.starts_with("$${") || text.starts_with("%%{") {
        return Some((text.chars().next()?, 2));
    }
    let escape = text.strip_prefix('\\')?;
    let hexadecimal = |digits: usize| {
        let code = u32::from_str_radix(escape.get(1..=digits)?, 16).ok()?;
        Some((char::from_u32(code)?, digits + 2))
    };
    match escape.chars().next()? {
        'n' => Some(('\n', 2)),
        'r' => Some(('\r', 2)),
        't' => Some(('\t', 2)),
        c @ ('"' | '\\') => Some((c, 2)),
        'u' => hexadecimal(4),
        'U' => hexadecimal(8),
        _ => None,
    }
}

/// A text as a quoted string is written, without the quotes.
pub(super) fn written(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '"' | '\\' => written.extend(['\\', c]),
            c => written.push(c),
        }
    }
    written.replace("${", "$${").replace("%{", "%%{")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_are_undone() {
        let found = next(r#"m.a["x\"\\\u00e9\n$${b}%%{c}"].t.x["y"]"#).unwrap();
        assert_eq!(found.before, "m.a[\"");
        assert_eq!(found.key, "x\"\\\u{e9}\n${b}%{c}");
        assert_eq!(found.after, r#""].t.x["y"]"#);
        assert!(next("m.a[0].t.x").is_none());
        assert_eq!(next(r#"t.x["never ended\"#).unwrap().key, "never ended\\");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(key in "(?s).{0,20}") {
            let address = format!("t.x[\"{}\"].y", written(&key));
            let found = next(&address).unwrap();
            prop_assert_eq!(found.key, key);
            prop_assert_eq!(found.after, "\"].y");
        }
    }
}
