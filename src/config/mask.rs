//! The text of a configuration as error messages may quote it. A value is shown only behind a key
//! that the configuration knows: a secret written inline stands behind another one (`token: …`,
//! a misspelt key, an environment variable). The masked text has the length of the original, so
//! that places in it stay true. It works line by line, because the file may be no valid YAML.

use std::collections::BTreeSet;
use std::ops::Range;

use super::written::Configuration;

const MASK: &[u8] = b"***";

/// Known keys whose values are not shown: people write credentials there.
const HIDDEN: &[&str] = &["backend_config", "recipients"];

/// Every key that the schema knows.
pub(super) fn known_keys() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    collect(schemars::schema_for!(Configuration).as_value(), &mut keys);
    keys
}

fn collect(schema: &serde_json::Value, keys: &mut BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(fields) => {
            if let Some(serde_json::Value::Object(properties)) = fields.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            fields.values().for_each(|value| collect(value, keys));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, keys)),
        _ => {}
    }
}

/// The text, byte for byte as long, without values that could be secret.
pub(super) fn masked(text: &str) -> String {
    let known = known_keys();
    let mut out = Vec::with_capacity(text.len());
    let mut hidden_below = None;
    for line in text.split_inclusive('\n') {
        let (content, end) = match line.strip_suffix('\n') {
            Some(content) => (content, "\n"),
            None => (line, ""),
        };
        let ranges = secret_ranges(content, &known, &mut hidden_below);
        let start = out.len();
        out.extend(content.bytes().map(printable));
        if let Some(written) = out.get_mut(start..) {
            ranges.into_iter().for_each(|range| hide(written, range));
        }
        out.extend_from_slice(end.as_bytes());
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Control characters would reach the reader's terminal.
const fn printable(byte: u8) -> u8 {
    match byte {
        b'\t' => b'\t',
        b'\r' => b' ',
        0..0x20 | 0x7f => b'?',
        _ => byte,
    }
}

/// The length of what is masked does not show either, as long as it is longer than the mask.
fn hide(line: &mut [u8], range: Range<usize>) {
    let Some(bytes) = line.get_mut(range) else {
        return;
    };
    let lead = bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
    for (i, byte) in bytes.iter_mut().skip(lead).enumerate() {
        *byte = MASK.get(i).copied().unwrap_or(b' ');
    }
}

/// Whether what follows a known key may be a credential all the same: backend settings, and a
/// secret itself where the name of its file or variable belongs.
fn holds_secret(key: &str, value: &str) -> bool {
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    let word = value.split([' ', '"', '\'', ',', '}']).next().unwrap_or("");
    let is = |name: &str| key == name || key.strip_suffix(name).is_some_and(|k| k.ends_with('_'));
    let nested = word.is_empty() || word.starts_with(['{', '&', '*', '#']);
    let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    HIDDEN.contains(&key)
        || (is("file") && !nested && !word.starts_with(['/', '.']))
        || (is("env") && !nested && !word.chars().all(upper))
}

struct Key<'a> {
    start: usize,
    name: &'a str,
    value: usize,
}

fn secret_ranges(
    line: &str,
    known: &BTreeSet<String>,
    hidden_below: &mut Option<usize>,
) -> Vec<Range<usize>> {
    let indent = line.len() - line.trim_start().len();
    let rest = line.trim_start();
    if rest.is_empty() {
        return Vec::new();
    }
    if let Some(above) = *hidden_below {
        if indent > above || (indent == above && rest.starts_with('-')) {
            return Vec::from([Range {
                start: indent,
                end: line.len(),
            }]);
        }
        *hidden_below = None;
    }
    let lead = rest.len() - rest.trim_start_matches(['-', '?', '#', ' ', '\t']).len();
    let begin = indent + lead;
    let keys = keys_in(line, begin);
    let Some(first) = keys.first() else {
        let shown = rest.starts_with("- ") || rest.starts_with('#');
        let value = line.get(begin..).unwrap_or("");
        let bare = value.chars().any(char::is_alphanumeric);
        return if bare && !shown {
            Vec::from([Range {
                start: begin,
                end: line.len(),
            }])
        } else {
            url_ranges(line, begin..line.len())
        };
    };
    let mut ranges = Vec::new();
    let before = line.get(begin..first.start).unwrap_or("");
    if before.chars().any(|c| !"{[,\"' ".contains(c)) {
        ranges.push(begin..first.start);
    }
    let secret = keys.iter().find(|key| {
        let value = line.get(key.value..).unwrap_or("");
        !known.contains(key.name) || holds_secret(key.name, value)
    });
    let open_end = secret.map_or(line.len(), |key| key.value);
    ranges.extend(url_ranges(line, first.start..open_end));
    if let Some(secret) = secret {
        ranges.push(secret.value..line.len());
        if !rest.starts_with('#') {
            *hidden_below = Some(begin);
        }
    }
    ranges
}

/// What could be a mapping's keys: a word or quoted text before a colon.
fn keys_in(line: &str, begin: usize) -> Vec<Key<'_>> {
    let mut keys = Vec::new();
    let mut from = begin;
    for (colon, _) in line.match_indices(':').filter(|(at, _)| *at >= begin) {
        let before = line.get(from..colon).unwrap_or("").trim_end();
        let after = line.get(colon + 1..).and_then(|rest| rest.chars().next());
        let quote = before.chars().last().filter(|c| matches!(c, '"' | '\''));
        if after.is_some_and(|c| !c.is_whitespace()) && quote.is_none() {
            continue;
        }
        let (start, name) = match quote {
            Some(quote) => {
                let inner = before.strip_suffix(quote).unwrap_or(before);
                let start = inner.rfind(quote).map_or(0, |at| at + quote.len_utf8());
                (start, inner.get(start..).unwrap_or(""))
            }
            None => {
                let edge = |c: char| c.is_whitespace() || "{}[],".contains(c);
                let last = before.char_indices().rev().find(|(_, c)| edge(*c));
                let start = last.map_or(0, |(at, c)| at + c.len_utf8());
                (start, before.get(start..).unwrap_or(""))
            }
        };
        keys.push(Key {
            start: from + start,
            name,
            value: colon + 1,
        });
        from = colon + 1;
    }
    keys
}

/// User information, path and query of URLs: each may be the credential (a webhook's path is).
fn url_ranges(line: &str, within: Range<usize>) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let end = within.end;
    let mut from = within.start;
    while let Some(at) = line.get(from..end).and_then(|text| text.find("://")) {
        let start = from + at + "://".len();
        let rest = line.get(start..end).unwrap_or("");
        let url = rest
            .find(|c: char| c.is_whitespace() || c == '"' || c == '\'')
            .and_then(|stop| rest.get(..stop))
            .unwrap_or(rest);
        let host = url.rfind('@').map_or(0, |at| at + 1);
        if host > 0 {
            ranges.push(start..end);
            break;
        }
        let path = url
            .get(host..)
            .and_then(|text| text.find(['/', '?', '#']))
            .map_or(url.len(), |at| host + at + 1);
        if path < url.len() {
            ranges.push(start + path..start + url.len());
        }
        from = start + url.len();
    }
    ranges
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_values_of_known_keys_are_shown() {
        let text = "\
sources:
  - name: infra
    url: https://joe:hunter2@git.example.com/acme/infra
    token: ghp_0123456789
    tokens:
    - ghp_a: b
    - ghp_c
    ref: main # password: hunter3
    { tokn: hunter4, name: hunter5 }
# webhook_url: https://hooks.example.com/T0/B0
env: { AWS_SECRET: hunter6 }
notify:
  - name: a
    slack:
      url: \"https://hooks.example.com/T1/B1\"
      password: |
        hunter7
      'pass word': hunter8
    webhook: {url_file: /run/x}
      token_file: hunter12
    webhook: {url_env: HOOK, token_env: hunter13, name: x}
stacks:
  - match: a/**
    backend_config:
      - secret_key=hunter9
    hunter10
    labels: {a: hunter11}
";
        let masked = masked(text);
        let lines: Vec<&str> = masked.lines().map(str::trim_end).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        sources:
          - name: infra
            url: https://***
            token: ***
            tokens:
            ***
            ***
            ref: main # password: ***
            { tokn: ***
        # webhook_url: ***
        env: { AWS_SECRET: ***
        notify:
          - name: a
            slack:
              url: "https://hooks.example.com/***  "
              password: *
                ***
              'pass word': ***
            webhook: {url_file: /run/x}
              token_file: ***
            webhook: {url_env: HOOK, token_env: ***
        stacks:
          - match: a/**
            backend_config:
              ***
            ***
            labels: {a: ***
        "#);
    }

    proptest! {
        #[test]
        fn places_stay_true(text in "([a-z\"'#:{}@/ \t\r\u{e9}\u{1F600}-]|name: |token: |https://|\n)*") {
            let masked = masked(&text);
            prop_assert_eq!(masked.len(), text.len());
            prop_assert_eq!(masked.lines().count(), text.lines().count());
        }

        #[test]
        fn an_unknown_key_gives_nothing_away(
            indent in 0usize..6,
            lead in "(- )?",
            key in "[a-z]{3,9}x",
            secret in "[A-Z0-9:/@, {}\"]{4,20}[A-Z]{8}",
        ) {
            let text = format!("{}{lead}{key}: {secret}\nname: a\n", " ".repeat(indent));
            let tail = &secret[secret.len() - 8..];
            prop_assert!(!masked(&text).contains(tail));
        }
    }
}
