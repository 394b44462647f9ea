//! What holds for any input.

use mooring::domain::digest::change_digest;
use mooring::plan_json::{ReadError, Reader};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value as Json;

use super::{KEY, parse, plans};

/// Writes JSON with the keys of each object in an order that `seed` decides.
fn shuffled(json: &Json, seed: u64, text: &mut String) {
    match json {
        Json::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            let mut state = seed | 1;
            for i in (1..keys.len()).rev() {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                keys.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
            }
            text.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                text.push_str(if i > 0 { "," } else { "" });
                text.push_str(&Json::from(key.as_str()).to_string());
                text.push(':');
                shuffled(&fields[key], seed.wrapping_add(i as u64), text);
            }
            text.push('}');
        }
        Json::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                text.push_str(if i > 0 { "," } else { "" });
                shuffled(item, seed, text);
            }
            text.push(']');
        }
        _ => text.push_str(&json.to_string()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Reader::new(&KEY).read(&bytes);
        let _ = Reader::new(&KEY).read_from(&*bytes);
    }

    #[test]
    fn no_mutation_of_a_plan_panics(
        which in any::<Index>(),
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<Index>()),
    ) {
        let plans = plans();
        let mut bytes = which.get(&plans).1.clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let (whole, streamed) = (Reader::new(&KEY).read(&bytes), Reader::new(&KEY).read_from(&*bytes));
        if let (Ok(whole), Ok(streamed)) = (whole, streamed) {
            prop_assert_eq!(whole.plan, streamed.plan);
        }
    }

    #[test]
    fn a_cut_off_plan_says_where(which in any::<Index>(), cut in any::<Index>()) {
        let plans = plans();
        let bytes = which.get(&plans).1.trim_ascii_end();
        let cut = 1 + cut.index(bytes.len() - 1);
        let error = Reader::new(&KEY).read(&bytes[..cut]).unwrap_err();
        let lines = bytes[..cut].iter().filter(|b| **b == b'\n').count() + 1;
        let placed = matches!(error, ReadError::Syntax { line, .. } if line + 1 >= lines);
        prop_assert!(placed, "{error}");
    }

    #[test]
    fn the_order_of_keys_does_not_matter(which in any::<Index>(), seed in any::<u64>()) {
        // Some are nested more deeply than this test's own reader follows.
        let mut plans = plans();
        plans.retain(|(_, bytes)| serde_json::from_slice::<Json>(bytes).is_ok());
        prop_assert!(plans.len() > 100);
        let bytes = &which.get(&plans).1;
        let json = parse(bytes);
        let mut other = String::new();
        shuffled(&json, seed, &mut other);
        let said = |bytes: &[u8]| {
            let (reading, findings) = super::reading(bytes);
            (change_digest(&reading.plan, &KEY), findings)
        };
        prop_assert_eq!(said(bytes), said(other.as_bytes()));
    }
}
