//! What a text says once an encoding is undone: escapes of JSON, shells, URLs and HTML, base64 and
//! hexadecimal. A secret can stand in several of them at once, so each view is looked at like a text
//! of its own, and knows where in the text its parts stand.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::SHORTEST_MASKED;

/// A text behind an encoding.
pub(super) struct View {
    pub(super) text: String,
    origin: Origin,
}

enum Origin {
    /// Where each byte of the view begins in the text, and where the last ends.
    Places(Vec<usize>),
    /// The view is encoded as one: whoever has a part of it has some of its neighbours too.
    Whole(Range<usize>),
}

impl View {
    /// Where a part of the view stands in the text.
    pub(super) fn place(&self, part: &Range<usize>) -> Range<usize> {
        match &self.origin {
            Origin::Places(places) => {
                let place = |at: usize| places.get(at).or(places.last()).copied().unwrap_or(0);
                place(part.start)..place(part.end)
            }
            Origin::Whole(place) => place.clone(),
        }
    }
}

/// What an escape at the beginning of a text stands for, and how long the escape is.
type Escape = fn(&str) -> Option<(char, usize)>;

/// Whether a text has none of these escapes is seen by the byte they begin with.
const ESCAPES: &[(u8, Escape)] = &[
    (b'\\', backslash),
    (b'%', percent),
    (b'+', query),
    (b'&', entity),
];

/// Every view of a text that differs from it.
pub(super) fn views(text: &str) -> Vec<View> {
    if text.len() < SHORTEST_MASKED {
        return Vec::new();
    }
    let mut views = Vec::new();
    for (first, escape) in ESCAPES {
        if text.as_bytes().contains(first) {
            views.extend(unescaped(text, *escape));
        }
    }
    views.extend(blocks(text));
    views
}

fn unescaped(text: &str, escape: Escape) -> Option<View> {
    let mut plain = String::with_capacity(text.len());
    let mut places = Vec::with_capacity(text.len() + 1);
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let found = text.get(at..).and_then(escape);
        let (meant, length) = found.unwrap_or((c, c.len_utf8()));
        places.resize(places.len() + meant.len_utf8(), at);
        plain.push(meant);
        at += length;
    }
    places.push(at);
    (plain != text).then_some(View {
        text: plain,
        origin: Origin::Places(places),
    })
}

/// As JSON, shells and most languages escape.
fn backslash(text: &str) -> Option<(char, usize)> {
    let escape = text.strip_prefix('\\')?;
    let unit = |from: usize| u32::from_str_radix(escape.get(from..from + 4)?, 16).ok();
    match escape.chars().next()? {
        'n' => Some(('\n', 2)),
        'r' => Some(('\r', 2)),
        't' => Some(('\t', 2)),
        'u' => match unit(1)? {
            high @ 0xD800..=0xDBFF if escape.get(5..7) == Some("\\u") => {
                let low = unit(7)?.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
                let code = 0x1_0000 + ((high - 0xD800) << 10) + low;
                Some((char::from_u32(code)?, 12))
            }
            code => Some((char::from_u32(code)?, 6)),
        },
        c => Some((c, 1 + c.len_utf8())),
    }
}

/// As URLs escape; a character of several bytes is several escapes.
fn percent(text: &str) -> Option<(char, usize)> {
    let byte = |number: usize| {
        let escape = text.get(3 * number..3 * number + 3)?.strip_prefix('%')?;
        u8::from_str_radix(escape, 16).ok()
    };
    let first = byte(0)?;
    let length = match first {
        0..=0x7F => return Some((char::from(first), 3)),
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let bytes: Vec<u8> = (0..length).map_while(byte).collect();
    let c = std::str::from_utf8(&bytes).ok()?.chars().next()?;
    Some((c, 3 * length))
}

/// As forms and queries escape.
fn query(text: &str) -> Option<(char, usize)> {
    match text.as_bytes().first()? {
        b'+' => Some((' ', 1)),
        _ => percent(text),
    }
}

/// As HTML and XML escape.
fn entity(text: &str) -> Option<(char, usize)> {
    let inside = text.strip_prefix('&')?;
    let end = inside.bytes().take(9).position(|byte| byte == b';')?;
    let name = inside.get(..end)?;
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((c, end + 2))
}

/// What stands in base64 or hexadecimal, on one line or wrapped into several.
fn blocks(text: &str) -> Vec<View> {
    let mut views = Vec::new();
    let mut block: Option<Block> = None;
    for line in runs(text) {
        if let Some(block) = &mut block
            && block.goes_on_with(text, &line)
        {
            block.take(text, line);
            continue;
        }
        views.extend(block.replace(Block::of(text, line)).and_then(Block::view));
    }
    views.extend(block.and_then(Block::view));
    views
}

/// Unbroken letters of base64 and hexadecimal, padding included.
fn runs(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let start = at + rest.iter().position(|byte| is_letter(*byte))?;
        let rest = bytes.get(start..)?;
        let letters = rest.iter().take_while(|byte| is_letter(**byte)).count();
        let padding = rest.get(letters..)?.iter().take(2);
        at = start + letters + padding.take_while(|byte| **byte == b'=').count();
        Some(start..at)
    })
}

const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Lines of one encoded text: all as long as the first, the last at most.
struct Block {
    place: Range<usize>,
    first: usize,
    last: usize,
    letters: String,
}

impl Block {
    fn of(text: &str, line: Range<usize>) -> Self {
        Self {
            place: line.clone(),
            first: line.len(),
            last: line.len(),
            letters: text.get(line).unwrap_or_default().to_owned(),
        }
    }

    fn goes_on_with(&self, text: &str, line: &Range<usize>) -> bool {
        let between = text.get(self.place.end..line.start).unwrap_or_default();
        self.last == self.first
            && line.len() <= self.first
            && between.contains('\n')
            && between.trim().is_empty()
    }

    fn take(&mut self, text: &str, line: Range<usize>) {
        self.place.end = line.end;
        self.last = line.len();
        self.letters.push_str(text.get(line).unwrap_or_default());
    }

    fn view(self) -> Option<View> {
        let letters = self.letters.trim_end_matches('=');
        let text = hexadecimal(letters).or_else(|| base64(letters))?;
        (text.len() >= SHORTEST_MASKED).then_some(View {
            text,
            origin: Origin::Whole(self.place),
        })
    }
}

fn hexadecimal(digits: &str) -> Option<String> {
    if digits.len() < 2 * SHORTEST_MASKED {
        return None;
    }
    text(hex::decode(digits).ok()?)
}

fn base64(letters: &str) -> Option<String> {
    const ANY: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    // One letter alone holds no byte.
    let whole = letters.len() - usize::from(letters.len() % 4 == 1);
    if whole * 3 / 4 < SHORTEST_MASKED {
        return None;
    }
    let letters = letters.get(..whole)?.replace('-', "+").replace('_', "/");
    text(ANY.decode(letters).ok()?)
}

/// Bytes as text, which may be in the encoding that PowerShell takes.
fn text(bytes: Vec<u8>) -> Option<String> {
    let wide =
        bytes.len().is_multiple_of(2) && bytes.iter().skip(1).step_by(2).all(|byte| *byte == 0);
    if wide {
        return String::from_utf8(bytes.into_iter().step_by(2).collect()).ok();
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Vec<String> {
        views(text).into_iter().map(|view| view.text).collect()
    }

    #[test]
    fn escapes_are_undone() {
        for (text, plain) in [
            (r#"a\"b\\c\u00e9\ud83d\ude00"#, "a\"b\\c\u{e9}\u{1f600}"),
            ("p%2fq%2Fr%C3%a9", "p/q/r\u{e9}"),
            ("one+two%3d", "one two="),
            ("&lt;a&gt;&amp;&#34;&#x27;&quot;&none;", "<a>&\"'\"&none;"),
        ] {
            let views = shown(text);
            assert!(views.iter().any(|view| view == plain), "{views:?}");
        }
        assert_eq!(shown("nothing to undo: 100% & \u{e9}"), [""; 0]);
    }

    #[test]
    fn base64_and_hexadecimal_are_read_in_all_their_spellings() {
        for (text, plain) in [
            ("x: Pz4/Pj8+Pz4/Pg==", "?>?>?>?>?>"),
            ("x: Pz4_Pj8-Pz4_Pg", "?>?>?>?>?>"),
            (
                "MTIzNDU2Nzg5\n  MDEyMzQ1Njc4\r\n  OTA=\nx",
                "12345678901234567890",
            ),
            ("=3132333435363738;", "12345678"),
            ("3A3B3C3D3E3F3A3B", ":;<=>?:;"),
            ("cwBlAGMAcgBlAHQAcwA=", "secrets"),
            ("cwBlAGMAcgBlAHQAcwAxAA==", "secrets1"),
        ] {
            let views = shown(text);
            let found = views.iter().any(|view| view == plain);
            assert_eq!(found, plain.len() >= SHORTEST_MASKED, "{views:?}");
        }
        assert_eq!(
            shown("i-0123456789abcdef0 subnet-0a1b2c3d4e5f67890"),
            [""; 0]
        );
    }

    proptest! {
        #[test]
        fn every_part_of_a_view_is_a_part_of_the_text(
            text in "(\\PC|[\\\\%&+]|%[0-9a-fA-F]{2}|\\\\u[0-9a-f]{4}|&lt;|[A-Za-z0-9+/=\n]{0,30}){0,20}",
            start in 0_usize..50, length in 0_usize..50,
        ) {
            for view in views(&text) {
                let part = start.min(view.text.len())..(start + length).min(view.text.len());
                if view.text.get(part.clone()).is_some() {
                    let place = view.place(&part);
                    prop_assert!(text.get(place).is_some());
                }
            }
        }
    }
}
