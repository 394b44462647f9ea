//! The same document in the forms it has in files: encodings, line ends, lines around it.

use super::{CASES, Case, answer, explained, parse};

const NAMES: &[&str] = &[
    "drift_several",
    "keys_to_escape",
    "secret_in_json",
    "moved_changed",
    "deposed_and_changed",
    "number_huge",
    "v1_0_secret",
    "output_sensitive",
];

fn utf16(text: &str, unit: fn(u16) -> [u8; 2], mark: [u8; 2]) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(unit);
    mark.into_iter().chain(units).collect()
}

/// The forms, each with a name.
fn forms(case: &Case) -> Vec<(&'static str, Vec<u8>)> {
    let text = std::str::from_utf8(&case.bytes).unwrap();
    let lines = serde_json::to_string_pretty(&parse(&case.bytes)).unwrap();
    let shell = format!("$ terraform show -json tfplan\n\nWarning: a wrapper was here\n{text}");
    vec![
        (
            "UTF-8 with a mark",
            ["\u{feff}", text].concat().into_bytes(),
        ),
        (
            "UTF-16, little end first",
            utf16(text, u16::to_le_bytes, [0xFF, 0xFE]),
        ),
        (
            "UTF-16, big end first",
            utf16(text, u16::to_be_bytes, [0xFE, 0xFF]),
        ),
        (
            "lines that end in CR LF",
            lines.replace('\n', "\r\n").into_bytes(),
        ),
        ("many lines", lines.clone().into_bytes()),
        ("lines before it", shell.clone().into_bytes()),
        (
            "lines before it, in UTF-16 with CR LF",
            utf16(&shell.replace('\n', "\r\n"), u16::to_le_bytes, [0xFF, 0xFE]),
        ),
        ("space around it", format!(" \n\t{text}\n \n").into_bytes()),
    ]
}

#[test]
fn a_plan_says_the_same_in_every_encoding() {
    let mut tried = 0;
    for case in CASES
        .iter()
        .filter(|case| NAMES.contains(&case.name.as_str()))
    {
        for (form, bytes) in forms(case) {
            let wrong = answer::difference(case, &bytes);
            assert_eq!(wrong, None, "{form}");
            tried += 1;
        }
    }
    assert_eq!(tried, 8 * NAMES.len());
}

#[test]
fn a_plan_that_is_cut_off_is_refused_in_every_encoding() {
    for case in CASES
        .iter()
        .filter(|case| NAMES.contains(&case.name.as_str()))
    {
        for (form, bytes) in forms(case).into_iter().take(3) {
            let half = bytes.get(..bytes.len() / 4 * 2).unwrap();
            let failure = explained(half).unwrap_err();
            assert!(
                failure.message.contains("line"),
                "{form}: {}",
                failure.message
            );
        }
    }
}
