//! A file mapped into memory: the system reads it page by page and takes pages back when it needs
//! them, so a large plan costs no memory of ours.
#![allow(
    unsafe_code,
    reason = "a memory map is a promise that the compiler cannot check"
)]

use std::fs::File;
use std::io;

use memmap2::{Advice, Mmap};

/// Maps a file that nobody changes while it is read. If somebody does all the same, what is read is
/// neither the old nor the new content, and if it is cut off the process ends: both are so of any
/// program that maps files, and a plan file is written once.
pub(super) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is private and only read from; that the file stays as it is is up to its
    // owner, see above.
    let map = unsafe { Mmap::map(file)? };
    // A hint: without it the plan is read all the same.
    let _unsupported = map.advise(Advice::Sequential);
    Ok(map)
}
