//! What a child prints, taken in without ever holding more than was asked for.

use super::diagnostics::Diagnostic;

/// Longest line that is read as an event; longer ones are passed over.
const LONGEST_LINE: usize = 1 << 20;
/// How much text that is no event is kept.
const KEPT_TEXT: usize = 1 << 20;
/// How many diagnostics of each severity are kept.
const KEPT_DIAGNOSTICS: usize = 200;

/// Bytes up to a limit; what comes after is read and dropped.
pub(super) struct Capture {
    bytes: Vec<u8>,
    limit: usize,
    overflowed: bool,
}

impl Capture {
    /// Keeps `limit` bytes.
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
            overflowed: false,
        }
    }

    /// For what an engine says on standard error.
    pub(super) const fn messages() -> Self {
        Self::new(KEPT_TEXT)
    }

    /// Takes in the next bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let room = self.limit - self.bytes.len();
        self.overflowed |= bytes.len() > room;
        let kept = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.bytes.extend_from_slice(kept);
    }

    /// Whether there was more than the limit.
    pub(super) const fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// What was kept.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What was kept, as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A `-json` event stream, of which only the diagnostics matter, and text between the events.
pub(super) struct Events {
    line: Vec<u8>,
    too_long: bool,
    /// Error diagnostics, in order.
    pub(super) errors: Vec<Diagnostic>,
    /// Warnings, in order.
    pub(super) warnings: Vec<Diagnostic>,
    /// Lines that are no events.
    pub(super) text: Capture,
}

impl Events {
    /// Nothing yet.
    pub(super) const fn new() -> Self {
        Self {
            line: Vec::new(),
            too_long: false,
            errors: Vec::new(),
            warnings: Vec::new(),
            text: Capture::messages(),
        }
    }

    /// Takes in the next bytes, wherever they are cut.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + piece.len() > LONGEST_LINE {
                self.too_long = true;
                self.line.clear();
            }
            if !self.too_long {
                self.line.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    /// Takes in a last line without a line break.
    pub(super) fn finish(&mut self) {
        self.end_line();
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.too_long = false;
        if !line.starts_with(b"{") {
            self.text.take(&line);
            return;
        }
        match Diagnostic::from_event(&line) {
            Some(d) if d.is_error && self.errors.len() < KEPT_DIAGNOSTICS => self.errors.push(d),
            Some(d) if !d.is_error && self.warnings.len() < KEPT_DIAGNOSTICS => {
                self.warnings.push(d);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ERROR: &str = r#"{"@level":"error","diagnostic":{"severity":"error","summary":"Bad","detail":"d"},"type":"diagnostic"}"#;

    #[test]
    fn a_line_beyond_the_limit_is_dropped_and_the_next_one_read() {
        let mut events = Events::new();
        events.take(b"{\"x\":\"");
        for _ in 0..20 {
            events.take(&[b'y'; 100_000]);
        }
        events.take(format!("\"}}\n{ERROR}\nplain\n").as_bytes());
        assert_eq!(events.errors.len(), 1);
        assert_eq!(events.text.text(), "plain\n");
    }

    #[test]
    fn a_capture_keeps_its_limit_and_says_that_there_was_more() {
        let mut capture = Capture::new(4);
        capture.take(b"abc");
        assert!(!capture.overflowed());
        capture.take(b"def");
        assert!(capture.overflowed());
        capture.take(b"g");
        assert_eq!(capture.into_bytes(), b"abcd");
    }

    proptest! {
        #[test]
        fn where_the_stream_is_cut_makes_no_difference(cuts in prop::collection::vec(1usize..60, 1..40)) {
            let stream = format!("text\n{ERROR}\n{{\"type\":\"version\"}}\n{ERROR}");
            let mut events = Events::new();
            let mut rest = stream.as_bytes();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                events.take(piece);
                rest = after;
            }
            events.take(rest);
            events.finish();
            prop_assert_eq!(events.errors.len(), 2);
            prop_assert_eq!(events.text.text(), "text\n");
        }
    }
}
