//! The wire format of protocol buffers, as far as it takes to find a field.

use std::io::{BufRead, Read};

use super::Unknown;

/// A field longer than this is not read, in bytes.
const LONGEST_FIELD: u64 = 64 << 20;

/// What a field holds.
pub(super) enum Content {
    /// A number, a truth value or a member of an enumeration.
    Number(u64),
    /// Text, bytes or a message.
    Bytes(Vec<u8>),
    /// Something of a fixed width.
    Fixed,
}

/// A message, field by field.
pub(super) struct Message<R>(R);

impl<R: BufRead> Message<R> {
    /// The message in these bytes.
    pub(super) const fn new(input: R) -> Self {
        Self(input)
    }

    /// Number and content of the next field; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Content)>, Unknown> {
        match self.0.fill_buf() {
            Ok([]) => return Ok(None),
            Ok(_) => {}
            Err(_) => return Err(Unknown("the plan in it cannot be unpacked")),
        }
        let key = self.varint()?;
        let content = match key & 7 {
            0 => Content::Number(self.varint()?),
            1 => self.fixed(8)?,
            2 => {
                let length = self.varint()?;
                Content::Bytes(self.bytes(length)?)
            }
            5 => self.fixed(4)?,
            _ => return Err(BROKEN),
        };
        Ok(Some((key >> 3, content)))
    }

    fn varint(&mut self) -> Result<u64, Unknown> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let mut byte = [0];
            self.0.read_exact(&mut byte).map_err(|_| BROKEN)?;
            let [byte] = byte;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(BROKEN)
    }

    fn fixed(&mut self, width: u64) -> Result<Content, Unknown> {
        self.bytes(width).map(|_| Content::Fixed)
    }

    fn bytes(&mut self, length: u64) -> Result<Vec<u8>, Unknown> {
        if length > LONGEST_FIELD {
            return Err(Unknown("a part of the plan in it is too large"));
        }
        let mut bytes = Vec::new();
        let read = self.0.by_ref().take(length).read_to_end(&mut bytes);
        match read {
            Ok(read) if read as u64 == length => Ok(bytes),
            _ => Err(BROKEN),
        }
    }
}

const BROKEN: Unknown = Unknown("the plan in it is broken");
