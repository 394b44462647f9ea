//! How a secret looks inside base64 that cannot be read as text: where it begins in a group, and what
//! stands around it, is not known. Other encodings are undone instead (see [`super::decoded`]).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// The base64 of the text alone, and what it always looks like inside the base64 of a longer text,
/// where it can begin at any of three places of a group. Both alphabets. How each begins is decided by
/// the first eight bytes of the text.
pub(super) fn base64(text: &[u8]) -> impl Iterator<Item = String> {
    let inside = (0..3).map(|shift| {
        let mut padded = vec![0; shift];
        padded.extend_from_slice(text);
        let whole = STANDARD_NO_PAD.encode(&padded);
        // Characters that also hold bits of what stands before or behind are left out.
        let first = (shift * 8).div_ceil(6);
        let end = padded.len() * 8 / 6;
        whole.get(first..end).unwrap_or_default().to_owned()
    });
    let alone = STANDARD_NO_PAD.encode(text);
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_alphabets_are_known_with_and_without_padding() {
        assert!(base64(b"??>??>??>").any(|form| form == "Pz8-Pz8-Pz8-"));
        assert!(base64(b"fo").any(|form| form == "Zm8="));
    }

    proptest! {
        #[test]
        fn a_text_is_found_wherever_it_stands_in_base64(
            before in "\\PC{0,7}", text in "\\PC{8,20}", after in "\\PC{0,7}",
        ) {
            let whole = STANDARD_NO_PAD.encode(format!("{before}{text}{after}"));
            let mut forms = base64(text.as_bytes());
            prop_assert!(forms.any(|form| whole.contains(&form)));
        }
    }
}
