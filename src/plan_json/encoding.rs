//! From the bytes of a file to one JSON document in UTF-8: byte order marks, UTF-16, and lines that
//! a shell or wrapper printed before it.

use std::io::{BufRead, BufReader, ErrorKind, Read};

use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

use super::ReadError;
use super::utf8::NotUtf8;

/// How much of what is read from a stream is held at once, in bytes.
pub(super) const CHUNK: usize = 64 << 10;

/// No wrapper prints more than this before a plan.
const LONGEST_PREAMBLE: usize = 1 << 20;

const ZIP: &[u8] = b"PK\x03\x04";
const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";
const WIDE_MARKS: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

/// Whether these bytes are UTF-16, as their byte order mark says.
pub(super) fn is_wide(bytes: &[u8]) -> bool {
    WIDE_MARKS.iter().any(|mark| bytes.starts_with(mark))
}

/// A stream as UTF-8 without a byte order mark.
pub(super) fn decoded<R: Read>(source: R) -> BufReader<DecodeReaderBytes<R, Vec<u8>>> {
    let mut decoder = DecodeReaderBytesBuilder::new();
    decoder
        .bom_sniffing(true)
        .utf8_passthru(true)
        .strip_bom(true);
    BufReader::with_capacity(CHUNK, decoder.build(source))
}

/// The text from its document on, and how many lines stand before it.
pub(super) fn document(bytes: &[u8]) -> Result<(&str, usize), ReadError> {
    let mut rest = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
    let skipped_lines = skip_to_document(&mut rest)?;
    match std::str::from_utf8(rest) {
        Ok(text) => Ok((text, skipped_lines)),
        Err(error) => {
            let before = rest.get(..error.valid_up_to()).unwrap_or_default();
            let lines = before.iter().filter(|byte| **byte == b'\n').count();
            let column = before
                .iter()
                .rev()
                .take_while(|byte| **byte != b'\n')
                .count();
            Err(ReadError::Syntax {
                line: skipped_lines + lines + 1,
                column: column + 1,
                cause: NotUtf8::CAUSE.to_owned(),
            })
        }
    }
}

/// Consumes everything before the first line that opens an object, and counts its lines.
pub(super) fn skip_to_document(source: &mut impl BufRead) -> Result<usize, ReadError> {
    let (mut lines, mut skipped) = (0, 0);
    let mut blank = true;
    let mut head = Vec::with_capacity(ZIP.len());
    let mut at_line_start = true;
    loop {
        let chunk = match source.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(ReadError::Io(error)),
        };
        if chunk.is_empty() || skipped > LONGEST_PREAMBLE {
            let what = if blank { "empty" } else { "not JSON" };
            return Err(ReadError::NotAPlan { what });
        }
        let mut taken = 0;
        for byte in chunk {
            if head.len() < ZIP.len() {
                head.push(*byte);
                if head == ZIP {
                    let what = "a saved plan file";
                    return Err(ReadError::NotAPlan { what });
                }
            }
            match byte {
                b'{' if at_line_start => {
                    source.consume(taken);
                    return Ok(lines);
                }
                b'\n' => {
                    lines += 1;
                    at_line_start = true;
                }
                byte if byte.is_ascii_whitespace() => {}
                _ => (at_line_start, blank) = (false, false),
            }
            taken += 1;
        }
        skipped += taken;
        source.consume(taken);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn streamed(bytes: &[u8]) -> Result<(String, usize), ReadError> {
        let mut source = decoded(bytes);
        let lines = skip_to_document(&mut source)?;
        let mut text = String::new();
        source.read_to_string(&mut text).unwrap();
        Ok((text, lines))
    }

    #[test]
    fn a_document_is_found_in_every_common_encoding() {
        let json = "{\"a\":\"\u{e9}\u{1f600}\"}";
        let utf16 = |bytes: fn(u16) -> [u8; 2], bom: [u8; 2]| {
            let units = json.encode_utf16().flat_map(bytes);
            bom.into_iter().chain(units).collect::<Vec<u8>>()
        };
        let narrow = [
            json.as_bytes().to_vec(),
            [UTF8_MARK, json.as_bytes()].concat(),
        ];
        let wide = [
            utf16(u16::to_le_bytes, [0xFF, 0xFE]),
            utf16(u16::to_be_bytes, [0xFE, 0xFF]),
        ];
        for file in &narrow {
            assert!(!is_wide(file));
            assert_eq!(document(file).unwrap(), (json, 0));
        }
        assert!(wide.iter().all(|file| is_wide(file)));
        for file in narrow.iter().chain(&wide) {
            assert_eq!(streamed(file).unwrap(), (json.to_owned(), 0));
        }
    }

    #[test]
    fn lines_before_the_document_are_skipped_and_counted() {
        let file = b"$ terraform show -json p | {\r\n\r\n  {\"a\": [1, \"{[\"]}\r\n";
        let document = "{\"a\": [1, \"{[\"]}\r\n";
        assert_eq!(super::document(file).unwrap(), (document, 2));
        assert_eq!(streamed(file).unwrap(), (document.to_owned(), 2));
    }

    #[test]
    fn what_holds_no_document_is_named() {
        let endless = vec![b'x'; 2 * LONGEST_PREAMBLE];
        for (bytes, what) in [
            (&b"PK\x03\x04rest"[..], "a saved plan file"),
            (b"Error: no such file\n", "not JSON"),
            (b" \n", "empty"),
            (b"", "empty"),
            (b"\xC3\x28{", "not JSON"),
            (&endless, "not JSON"),
        ] {
            for error in [document(bytes).unwrap_err(), streamed(bytes).unwrap_err()] {
                assert!(matches!(error, ReadError::NotAPlan { what: w } if w == what));
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_placed() {
        let error = document(b"x\n{\"a\":\n \"\xC3\x28\"}").unwrap_err();
        assert!(
            matches!(
                error,
                ReadError::Syntax {
                    line: 3,
                    column: 3,
                    ..
                }
            ),
            "{error}"
        );
    }
}
