//! From the bytes of a file to the text of one JSON document: byte order marks, UTF-16, and lines
//! that a shell or wrapper printed before it.

use std::borrow::Cow;

use super::ReadError;

/// Objects and lists may be nested this deep; real plans stay below a few dozen levels.
pub(super) const DEEPEST: usize = 5_000;

/// A JSON document within a file.
#[derive(Debug)]
pub(super) struct Document<'a> {
    /// The document itself, from its opening brace.
    pub(super) text: Cow<'a, str>,
    /// Lines of the file before it.
    pub(super) skipped_lines: usize,
    /// How deep its objects and lists are nested.
    pub(super) depth: usize,
}

/// Finds the JSON document in the bytes of a file.
pub(super) fn document(bytes: &[u8]) -> Result<Document<'_>, ReadError> {
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(ReadError::NotAPlan {
            what: "a saved plan file",
        });
    }
    if bytes.trim_ascii().is_empty() {
        return Err(ReadError::NotAPlan { what: "empty" });
    }
    let text = decode(bytes)?;
    let (start, skipped_lines) = opening(&text).ok_or(ReadError::NotAPlan { what: "not JSON" })?;
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(start..).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(start..).unwrap_or_default().to_owned()),
    };
    let depth = depth(text.as_bytes());
    if depth > DEEPEST {
        return Err(ReadError::TooDeep { depth });
    }
    Ok(Document {
        text,
        skipped_lines,
        depth,
    })
}

fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, ReadError> {
    let not_text = || ReadError::NotAPlan { what: "not JSON" };
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        return wide(rest, u16::from_le_bytes).ok_or_else(not_text);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        return wide(rest, u16::from_be_bytes).ok_or_else(not_text);
    }
    let rest = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(rest)
        .map(Cow::Borrowed)
        .map_err(|_| not_text())
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Cow<'static, str>> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16(&units).ok().map(Cow::Owned)
}

/// Where the first line begins that opens an object, and how many lines stand before it.
fn opening(text: &str) -> Option<(usize, usize)> {
    let mut offset = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let indent = line.len() - line.trim_start().len();
        if line.trim_start().starts_with('{') {
            return Some((offset + indent, number));
        }
        offset += line.len();
    }
    None
}

/// The deepest nesting, found without recursion.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text {
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_found_in_every_common_encoding() {
        let json = "{\"a\":\"\u{e9}\u{1f600}\"}";
        let utf16 = |bytes: fn(u16) -> [u8; 2], bom: [u8; 2]| {
            let units = json.encode_utf16().flat_map(bytes);
            bom.into_iter().chain(units).collect::<Vec<u8>>()
        };
        let files = [
            json.as_bytes().to_vec(),
            [b"\xEF\xBB\xBF", json.as_bytes()].concat(),
            utf16(u16::to_le_bytes, [0xFF, 0xFE]),
            utf16(u16::to_be_bytes, [0xFE, 0xFF]),
        ];
        for file in files {
            assert_eq!(document(&file).unwrap().text, json);
        }
    }

    #[test]
    fn lines_before_the_document_are_skipped_and_counted() {
        let found =
            document(b"$ terraform show -json p\r\n\r\n  {\"a\": [1, \"{[\"]}\r\n").unwrap();
        assert_eq!(found.text, "{\"a\": [1, \"{[\"]}\r\n");
        assert_eq!((found.skipped_lines, found.depth), (2, 2));
    }

    #[test]
    fn what_holds_no_document_is_named() {
        for (bytes, what) in [
            (&b"PK\x03\x04rest"[..], "a saved plan file"),
            (b"Error: no such file\n", "not JSON"),
            (b" \n", "empty"),
            (b"\xFF\xFE\x00", "not JSON"),
            (b"\xC3\x28{", "not JSON"),
        ] {
            let error = document(bytes).unwrap_err();
            assert!(matches!(error, ReadError::NotAPlan { what: w } if w == what));
        }
    }
}
