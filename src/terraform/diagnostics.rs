//! Diagnostics, as events of a `-json` stream or as the text that commands without one print.

use serde::Deserialize;

/// One error or warning of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Diagnostic {
    /// Error, not warning.
    pub(super) is_error: bool,
    /// The first line, so to say.
    pub(super) summary: String,
    /// The rest; may be empty.
    pub(super) detail: String,
    /// The resource or provider it comes from.
    pub(super) address: Option<String>,
    /// `file:line` in the configuration.
    pub(super) place: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    diagnostic: Wire,
}

#[derive(Deserialize)]
struct Wire {
    severity: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    detail: String,
    address: Option<String>,
    range: Option<WireRange>,
}

#[derive(Deserialize)]
struct WireRange {
    filename: String,
    start: WirePosition,
}

#[derive(Deserialize)]
struct WirePosition {
    line: u64,
}

impl Diagnostic {
    /// The diagnostic that a line of a `-json` stream holds, if it holds one.
    pub(super) fn from_event(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        if !text.contains("\"diagnostic\"") {
            return None;
        }
        let wire = serde_json::from_str::<Event>(text).ok()?.diagnostic;
        Some(Self {
            is_error: wire.severity == "error",
            summary: wire.summary,
            detail: wire.detail,
            address: wire.address,
            place: wire
                .range
                .map(|range| format!("{}:{}", range.filename, range.start.line)),
        })
    }

    /// The errors in text for people, with or without the frame that is drawn around them.
    pub(super) fn errors_in_text(text: &str) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut in_summary = false;
        for line in text.lines() {
            let line = unframed(line);
            let start = [("Error: ", true), ("Warning: ", false)]
                .into_iter()
                .find_map(|(word, is_error)| Some((line.strip_prefix(word)?.to_owned(), is_error)));
            if let Some((summary, is_error)) = start {
                found.push(Self {
                    is_error,
                    summary,
                    ..Self::default()
                });
                in_summary = true;
            } else if let Some(last) = found.last_mut() {
                if line.trim().is_empty() {
                    in_summary = false;
                }
                last.extend(&line, in_summary);
            }
        }
        found.retain(|diagnostic| diagnostic.is_error);
        for diagnostic in &mut found {
            diagnostic.detail = diagnostic.detail.trim().to_owned();
        }
        found
    }

    fn extend(&mut self, line: &str, in_summary: bool) {
        if in_summary {
            self.summary.push(' ');
            self.summary.push_str(line.trim());
        } else if let Some(place) = place(line).filter(|_| self.place.is_none()) {
            self.place = Some(place);
        } else if let Some(address) = line.strip_prefix("  with ") {
            self.address = Some(address.trim_end_matches(',').to_owned());
        } else if !is_snippet(line) {
            self.detail.push_str(line);
            self.detail.push('\n');
        }
    }
}

/// The line without colour and without the frame's left edge.
fn unframed(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            for c in chars.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(c);
        }
    }
    let trimmed = plain.trim_end();
    let inner = trimmed
        .strip_prefix('│')
        .map(|rest| rest.strip_prefix(' ').unwrap_or(rest));
    match inner {
        Some(inner) => inner.to_owned(),
        None => trimmed.trim_matches(['╷', '╵']).to_owned(),
    }
}

/// `file:line` of `  on main.tf line 2, in resource "x":`.
fn place(line: &str) -> Option<String> {
    let (file, rest) = line.strip_prefix("  on ")?.rsplit_once(" line ")?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!number.is_empty()).then(|| format!("{file}:{number}"))
}

/// `   2: code`, quoted from the configuration.
fn is_snippet(line: &str) -> bool {
    let trimmed = line.trim_start();
    let digits = trimmed.chars().take_while(char::is_ascii_digit).count();
    digits > 0
        && line.starts_with("  ")
        && trimmed.get(digits..).is_some_and(|r| r.starts_with(':'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_event_gives_its_place() {
        let line = br#"{"@level":"error","@message":"Error: Unsupported argument","diagnostic":{"severity":"error","summary":"Unsupported argument","detail":"An argument named \"bogus\" is not expected here.","range":{"filename":"m.tf","start":{"line":2,"column":33,"byte":66},"end":{"line":2,"column":38,"byte":71}},"snippet":{"code":"bogus = 1"}},"type":"diagnostic"}"#;
        let diagnostic = Diagnostic::from_event(line).unwrap();
        assert_eq!(diagnostic.place.as_deref(), Some("m.tf:2"));
        assert!(diagnostic.is_error);
        assert_eq!(Diagnostic::from_event(br#"{"type":"version"}"#), None);
        assert_eq!(Diagnostic::from_event(b"{\"diagnostic\""), None);
    }

    #[test]
    fn text_is_read_like_events() {
        let text = "Initializing the backend...\nWarning: Old\n\nx\n\nError: Unclosed configuration block\n\n  on m.tf line 1, in resource \"x\":\n   1: resource \"x\" {\n\nThere is no closing brace for this block before the end of the file. This may\nbe caused by incorrect brace nesting elsewhere in this file.\n\n\nError: Failed to read the given file as a state\nor plan file\n\nState read error\n";
        let found = Diagnostic::errors_in_text(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].summary, "Unclosed configuration block");
        assert_eq!(found[0].place.as_deref(), Some("m.tf:1"));
        assert!(found[0].detail.starts_with("There is no"));
        assert!(found[0].detail.ends_with("this file."));
        assert_eq!(
            found[1].summary,
            "Failed to read the given file as a state or plan file"
        );
    }

    #[test]
    fn the_frame_and_the_colours_come_off() {
        let text = "\u{1b}[31m╷\u{1b}[0m\n\u{1b}[31m│\u{1b}[0m \u{1b}[1mError: \u{1b}[0mBad thing\u{1b}[0m\n│ \n│   with aws_vpc.a,\n│   on a b.tf line 12:\n│   12: x = 1\n│ \n│ Because.\n╵\n";
        let found = Diagnostic::errors_in_text(text);
        assert_eq!(
            found,
            [Diagnostic {
                is_error: true,
                summary: "Bad thing".into(),
                detail: "Because.".into(),
                address: Some("aws_vpc.a".into()),
                place: Some("a b.tf:12".into()),
            }]
        );
    }

    proptest! {
        #[test]
        fn no_text_upsets_the_reader(text in "(Error: |Warning: |  on |line |[0-9]:|│|\u{1b}\\[|\n|.){0,60}") {
            Diagnostic::errors_in_text(&text);
            Diagnostic::from_event(text.as_bytes());
        }
    }
}
