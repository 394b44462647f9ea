//! How a secret looks once a configuration has encoded it: inside a JSON string, as part of a URL or
//! inside base64.

use std::fmt::Write;

/// All encoded forms of a text of eight or more characters. How each begins is decided by the first
/// sixteen bytes of the text.
pub(super) fn forms(text: &str) -> impl Iterator<Item = String> {
    let json = json(text);
    json.chain(percent(text)).chain(base64(text.as_bytes()))
}

/// Inside a JSON string, also as Terraform's `jsonencode` escapes it.
fn json(text: &str) -> impl Iterator<Item = String> {
    let quoted = serde_json::Value::from(text).to_string();
    let plain = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(text)
        .to_owned();
    let escaped_by_go = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    let html = plain.contains(escaped_by_go).then(|| {
        let mut html = plain.clone();
        for c in escaped_by_go {
            html = html.replace(c, &format!("\\u{:04x}", u32::from(c)));
        }
        html
    });
    let differs = (plain != text).then_some(plain);
    differs.into_iter().chain(html)
}

/// What escapers of URLs leave as it is besides letters, digits and `-._~`: strict ones nothing
/// (`urlencode`), those of user information and paths some.
const KEPT: &[&str] = &["", "$&+,;=", "$&+=:@", "!'()*"];

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The percent-encoded forms that differ from the text.
fn percent(text: &str) -> impl Iterator<Item = String> {
    let differs = !text.bytes().all(is_unreserved);
    let forms = KEPT.iter().map(|kept| escaped(text, kept));
    let query = || escaped(text, "").replace("%20", "+");
    let forms = differs.then(|| forms.chain(std::iter::once_with(query)));
    forms.into_iter().flatten().filter(move |form| form != text)
}

/// Left as it is by every escaper.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn escaped(text: &str, kept: &str) -> String {
    let mut form = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if is_unreserved(byte) || kept.contains(c) {
            form.push(c);
        } else {
            // Writing into a string cannot fail.
            let _ = write!(form, "%{byte:02X}");
        }
    }
    form
}

/// The base64 of the text alone, and what it always looks like inside the base64 of a longer text,
/// where it can begin at any of three places of a group. Both alphabets.
fn base64(text: &[u8]) -> impl Iterator<Item = String> {
    let inside = (0..3).map(|shift| {
        let mut padded = vec![0; shift];
        padded.extend_from_slice(text);
        let whole = groups(&padded);
        // Characters that also hold bits of what stands before or behind are left out.
        let first = (shift * 8).div_ceil(6);
        let end = padded.len() * 8 / 6;
        whole.get(first..end).unwrap_or_default().to_owned()
    });
    let alone = groups(text);
    let padding = "=".repeat(alone.len().next_multiple_of(4) - alone.len());
    let forms = inside.chain([format!("{alone}{padding}"), alone]);
    let mut all = Vec::with_capacity(10);
    for form in forms {
        if form.contains(['+', '/']) {
            all.push(form.replace('+', "-").replace('/', "_"));
        }
        all.push(form);
    }
    all.into_iter()
}

/// Base64 without padding.
fn groups(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |place| group.get(place).copied().map_or(0, u32::from);
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..=group.len() {
            let six = bits >> (18 - 6 * place) & 63;
            let letter = usize::try_from(six).ok().and_then(|six| ALPHABET.get(six));
            text.extend(letter.map(|letter| char::from(*letter)));
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_is_the_usual_one() {
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
            ("\u{3f}\u{3e}\u{3f}\u{3e}", "Pz4/Pg"),
        ] {
            assert_eq!(groups(text.as_bytes()), encoded);
        }
        assert!(base64(b"??>??>??>").any(|form| form == "Pz8-Pz8-Pz8-"));
        assert!(base64(b"fo").any(|form| form == "Zm8="));
    }

    #[test]
    fn text_is_escaped_as_the_common_escapers_do() {
        let forms: Vec<String> = percent("a b+c@d").collect();
        for form in ["a%20b%2Bc%40d", "a+b%2Bc%40d", "a%20b+c%40d", "a%20b+c@d"] {
            assert!(forms.iter().any(|found| found == form), "{forms:?}");
        }
        assert_eq!(percent("plain-text").count(), 0);
    }

    proptest! {
        #[test]
        fn a_text_is_found_wherever_it_stands_in_base64(
            before in "\\PC{0,7}", text in "\\PC{8,20}", after in "\\PC{0,7}",
        ) {
            let whole = groups(format!("{before}{text}{after}").as_bytes());
            let mut forms = base64(text.as_bytes());
            prop_assert!(forms.any(|form| whole.contains(&form)));
        }
    }
}
