//! Any bytes as the JSON of a plan, up to the reports about it: nothing panics, the reports hold
//! what they promise.
#![no_main]
#![allow(missing_docs, unsafe_code, clippy::unwrap_used, clippy::expect_used)]

mod input;
mod mutate;

use clap::ValueEnum as _;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use mooring::reconcile::explain::{Explaining, from_stream};
use mooring::report::{Format, Options, render};

fuzz_target!(|bytes: &[u8]| {
    let Ok(check) = from_stream(bytes, &Explaining::default()) else {
        return;
    };
    let checks = [check];
    for verbose in [false, true] {
        let options = Options {
            width: 80,
            color: false,
            verbose,
            why: verbose,
        };
        for format in Format::value_variants() {
            let report = render(*format, &checks, &options).unwrap();
            match format {
                Format::Json => drop(parsed::<serde_json::Value>(&report)),
                _ => assert!(
                    !report.chars().any(|c| c.is_control() && c != '\n'),
                    "a terminal would obey this report: {report:?}"
                ),
            }
        }
    }
    let [check] = checks;
    let stored = serde_json::to_string(&check).unwrap();
    assert_eq!(check, parsed(&stored));
});

/// Values in a plan may be nested more deeply than serde_json reads unless told.
fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> T {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    T::deserialize(&mut reader).unwrap()
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    input::in_place(data, size, max_size, |bytes| mutate::json(bytes, seed))
});
