//! The same plan in one piece and in many: whether bytes come at once or trickle in, the answer is
//! the same.
#![no_main]
#![allow(missing_docs, unsafe_code, clippy::unwrap_used, clippy::expect_used)]

mod input;
mod mutate;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};

use input::{KEY, Pieces, read_from, read_slice};

/// The first bytes of an input say into which pieces the rest is cut.
const SIZES: usize = 4;

fuzz_target!(|bytes: &[u8]| {
    let Some((sizes, document)) = bytes.split_first_chunk::<SIZES>() else {
        return;
    };
    let whole = read_slice(document, &KEY);
    let streamed = read_from(Pieces::new(document, sizes), &KEY);
    match (whole, streamed) {
        (Ok(whole), Ok(streamed)) => {
            assert_eq!(whole.plan, streamed.plan);
            assert_eq!(whole.warnings, streamed.warnings);
        }
        (Err(_), Err(_)) => {}
        (whole, streamed) => panic!("in one piece {whole:?}, in many {streamed:?}"),
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    input::in_place(data, size, max_size, |bytes| {
        let (sizes, document) = bytes.split_first_chunk::<SIZES>()?;
        let mut sizes = *sizes;
        if let Some(size) = sizes.get_mut(seed as usize % 16) {
            *size = (seed >> 8) as u8;
        }
        Some([&sizes[..], &mutate::json(document, seed)?].concat())
    })
});
