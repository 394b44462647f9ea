//! How inputs reach what is fuzzed: the readers by one name each, pieces of a stream, a file, and
//! the buffer of libFuzzer.
#![allow(dead_code)] // Each target uses its part.

use std::io::{ErrorKind, Read, Result};
use std::path::PathBuf;

use mooring::domain::digest::DigestKey;
use mooring::plan_json::{ReadError, Reader, Reading};

pub(crate) const KEY: DigestKey = DigestKey::new([42; 32]);

/// The reader of plans, over bytes at hand.
pub(crate) fn read_slice(bytes: &[u8], key: &DigestKey) -> std::result::Result<Reading, ReadError> {
    Reader::new(key).read(bytes)
}

/// The reader of plans, over a stream.
pub(crate) fn read_from(
    source: impl Read,
    key: &DigestKey,
) -> std::result::Result<Reading, ReadError> {
    Reader::new(key).read_from(source)
}

/// A stream that gives its bytes in pieces, and is interrupted where a size is 0.
pub(crate) struct Pieces<'a> {
    rest: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    interrupted: bool,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(bytes: &'a [u8], sizes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            sizes: sizes.iter().cycle(),
            interrupted: false,
        }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut size = usize::from(self.sizes.next().copied().unwrap_or(1));
        if size == 0 && !self.interrupted {
            self.interrupted = true;
            return Err(ErrorKind::Interrupted.into());
        }
        self.interrupted = false;
        if size > 200 {
            size *= 100;
        }
        let size = size.max(1).min(buffer.len()).min(self.rest.len());
        let (now, rest) = self.rest.split_at(size);
        buffer[..size].copy_from_slice(now);
        self.rest = rest;
        Ok(size)
    }
}

/// A file with these bytes, in memory where that is possible; the same one each time.
pub(crate) fn file(bytes: &[u8]) -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    let folder = if shared.is_dir() {
        shared
    } else {
        std::env::temp_dir()
    };
    let path = folder.join(format!("fuzz-{}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Writes what `mutate` makes of an input back to where it was; libFuzzer's own mutation if it
/// makes nothing or too much of it.
pub(crate) fn in_place(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    mutate: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> usize {
    let changed = mutate(&data[..size]).filter(|changed| changed.len() <= max_size);
    match changed {
        Some(changed) => {
            data[..changed.len()].copy_from_slice(&changed);
            changed.len()
        }
        None => libfuzzer_sys::fuzzer_mutate(data, size, max_size),
    }
}
