//! A stream that ends with an error where it is no UTF-8: what passes over parts of a document
//! unread does not look at their bytes.

use std::error::Error;
use std::fmt;
use std::io::{self, Read};

/// Where a stream is no UTF-8.
#[derive(Debug)]
pub(super) struct NotUtf8 {
    /// Lines before it.
    pub(super) lines: usize,
    /// Column in bytes, from 1.
    pub(super) column: usize,
}

impl NotUtf8 {
    /// What is said of it.
    pub(super) const CAUSE: &str = "bytes that are no UTF-8";
}

impl fmt::Display for NotUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::CAUSE)
    }
}

impl Error for NotUtf8 {}

/// The longest beginning of a character, in bytes.
const LONGEST_PART: usize = 3;

/// See the module. Reads in pieces as large as its reader asks for.
pub(super) struct Utf8<R> {
    source: R,
    /// The beginning of a character whose rest has not come.
    part: Vec<u8>,
    place: NotUtf8,
}

impl<R> Utf8<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            part: Vec::with_capacity(LONGEST_PART + 1),
            place: NotUtf8 {
                lines: 0,
                column: 1,
            },
        }
    }

    /// Takes in what came, up to a character that is not complete.
    fn check(&mut self, mut bytes: &[u8]) -> Result<(), NotUtf8> {
        while !self.part.is_empty() {
            let Some((next, rest)) = bytes.split_first() else {
                return Ok(());
            };
            self.part.push(*next);
            bytes = rest;
            match std::str::from_utf8(&self.part) {
                Ok(_) => {
                    let part = std::mem::take(&mut self.part);
                    self.pass(&part);
                }
                Err(error) if error.error_len().is_some() => return Err(self.here()),
                Err(_) => {}
            }
        }
        match std::str::from_utf8(bytes) {
            Ok(_) => self.pass(bytes),
            Err(error) => {
                let (good, rest) = bytes.split_at(error.valid_up_to());
                self.pass(good);
                if error.error_len().is_some() {
                    return Err(self.here());
                }
                self.part.extend_from_slice(rest);
            }
        }
        Ok(())
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.place.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => self.place.column = bytes.len() - last,
            None => self.place.column += bytes.len(),
        }
    }

    const fn here(&self) -> NotUtf8 {
        NotUtf8 {
            lines: self.place.lines,
            column: self.place.column,
        }
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        let checked = if bytes.is_empty() && !buffer.is_empty() && !self.part.is_empty() {
            Err(self.here())
        } else {
            self.check(bytes)
        };
        checked.map_err(|place| io::Error::new(io::ErrorKind::InvalidData, place))?;
        Ok(count)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives so many bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1.min(buffer.len()).min(self.0.len());
            self.0.read(&mut buffer[..size])
        }
    }

    proptest! {
        #[test]
        fn a_stream_is_judged_as_its_bytes_at_once_are(
            bytes in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                ".*".prop_map(String::into_bytes),
                (".*", any::<u8>(), ".*")
                    .prop_map(|(one, byte, two)| [one.as_bytes(), &[byte], two.as_bytes()].concat()),
            ],
            size in 1_usize..9,
        ) {
            let mut through = Vec::new();
            let read = Utf8::new(Trickle(&bytes, size)).read_to_end(&mut through);
            match std::str::from_utf8(&bytes) {
                Ok(_) => {
                    prop_assert!(read.is_ok());
                    prop_assert_eq!(through, bytes);
                }
                Err(error) => {
                    let failed = read.unwrap_err();
                    let place = failed.get_ref().unwrap().downcast_ref::<NotUtf8>().unwrap();
                    let before = &bytes[..error.valid_up_to()];
                    let lines = before.split(|byte| *byte == b'\n').collect::<Vec<_>>();
                    prop_assert_eq!(place.lines, lines.len() - 1);
                    prop_assert_eq!(place.column, lines.last().unwrap().len() + 1);
                }
            }
        }
    }
}
