//! Any bytes as a saved plan file: it is read, or said to be unreadable.
#![no_main]
#![allow(missing_docs, unsafe_code, clippy::unwrap_used, clippy::expect_used)]

mod input;
mod mutate;

use std::io::{Cursor, Read, Write};

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use mooring::terraform::PlanFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Larger entries are left alone by the mutator.
const LARGEST_ENTRY: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let file = input::file(bytes);
    let plan = PlanFile::open_existing(&file);
    let first = plan.base();
    let again = plan.base();
    assert_eq!(first.ok(), again.ok());
    assert_eq!(plan.refreshed(), plan.refreshed());
});

// Checksums would stop a changed byte at the door, so an archive is unpacked and packed again.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    input::in_place(data, size, max_size, |bytes| repacked(bytes, seed))
});

fn repacked(bytes: &[u8], seed: u32) -> Option<Vec<u8>> {
    if seed.is_multiple_of(4) {
        return None;
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let chosen = seed as usize / 4 % archive.len().max(1);
    let mut packed = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len().min(16) {
        let entry = archive.by_index(index).ok()?;
        let name = entry.name().ok()?.into_owned();
        let mut content = Vec::new();
        entry.take(LARGEST_ENTRY).read_to_end(&mut content).ok()?;
        if index == chosen {
            content = mutate::json(&content, seed / 64).unwrap_or_else(|| {
                let room = content.len() + 64;
                let size = content.len();
                content.resize(room, 0);
                let size = libfuzzer_sys::fuzzer_mutate(&mut content, size, room);
                content.truncate(size);
                content
            });
        }
        let method = match seed % 3 {
            0 => CompressionMethod::Stored,
            _ => CompressionMethod::Deflated,
        };
        let options = SimpleFileOptions::default().compression_method(method);
        packed.start_file(name, options).ok()?;
        packed.write_all(&content).ok()?;
    }
    Some(packed.finish().ok()?.into_inner())
}
