//! JSON into values of the engine, within bounds: a number such as 1e999999999 would be written out,
//! digit by digit, and deep values are walked by recursion.

use regorus::Value;
use serde::Deserialize;
use serde_json::Value as Json;

/// Deepest nesting of a value.
const DEEPEST: usize = 200;
/// Largest power of ten, up or down, and longest number in characters.
const LARGEST_POWER: u32 = 10_000;
const LONGEST_NUMBER: usize = 10_000;
/// What a value costs besides its text, roughly, when it is written as JSON.
const PER_VALUE: usize = 2;
/// Objects that hold such a key stand for numbers where numbers are kept as text.
const NUMBER: &str = "$serde_json::private::Number";

/// Why a value cannot be given to a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("it is nested more than {DEEPEST} levels deep")]
    Deep,
    #[error("it is larger than {0} bytes")]
    Large(usize),
    #[error("it has the number {0}, which is out of bounds")]
    Number(String),
    #[error("it cannot be read: {0}")]
    Other(String),
}

/// Makes a value of JSON that is not larger than `most` bytes.
pub(super) fn read(json: &Json, most: usize) -> Result<Value, Unfit> {
    let mut size: usize = 0;
    let mut rest = vec![(json, 1)];
    while let Some((json, depth)) = rest.pop() {
        if depth > DEEPEST {
            return Err(Unfit::Deep);
        }
        let own = match json {
            Json::Null | Json::Bool(_) => 2,
            Json::Number(number) => {
                let text = number.as_str();
                bounded(text)?;
                text.len()
            }
            Json::String(text) => text.len(),
            Json::Array(items) => {
                rest.extend(items.iter().map(|item| (item, depth + 1)));
                0
            }
            Json::Object(fields) => {
                if fields.contains_key(NUMBER) {
                    return Err(Unfit::Number(NUMBER.to_owned()));
                }
                rest.extend(fields.values().map(|item| (item, depth + 1)));
                fields.keys().map(|key| key.len() + PER_VALUE).sum()
            }
        };
        size = size.saturating_add(own + PER_VALUE);
        if size > most.saturating_add(PER_VALUE) {
            return Err(Unfit::Large(most));
        }
    }
    // The conversion of the engine itself would make `undefined` of an error, and every rule silent.
    Value::deserialize(json).map_err(|error| Unfit::Other(error.to_string()))
}

fn bounded(number: &str) -> Result<(), Unfit> {
    let power = number.split_once(['e', 'E']).map(|(_, power)| power);
    let small = power.is_none_or(|power| {
        let digits = power.trim_start_matches(['+', '-']);
        digits
            .parse::<u32>()
            .is_ok_and(|power| power <= LARGEST_POWER)
    });
    if small && number.len() <= LONGEST_NUMBER {
        return Ok(());
    }
    let shown: String = number.chars().take(40).collect();
    Err(Unfit::Number(shown))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        deserializer.disable_recursion_limit();
        Json::deserialize(&mut deserializer).unwrap()
    }

    #[test]
    fn what_a_plan_holds_comes_through_unchanged() {
        let text = r#"{"a":[1,-2.5,1e3,true,null,"ä\n"],"b":{"c":{}},"n":9007199254740993}"#;
        let value = read(&json(text), 1 << 20).unwrap();
        assert_eq!(value, Value::from_json_str(text).unwrap());
        assert_eq!(value["n"], Value::from(9_007_199_254_740_993_u64));
    }

    #[test]
    fn numbers_that_would_fill_the_memory_are_refused() {
        for bad in ["1e999999999", "-1E-999999999", "1e99999999999999999999"] {
            let text = format!("{{\"a\":[{bad}]}}");
            let error = read(&json(&text), 1 << 20).unwrap_err();
            assert!(matches!(error, Unfit::Number(_)), "{bad}");
        }
        let hidden = format!("{{\"{NUMBER}\":\"1e999999999\"}}");
        let mut fields = serde_json::Map::new();
        fields.insert(NUMBER.to_owned(), Json::from("1e999999999"));
        assert!(read(&Json::Object(fields), 1 << 20).is_err(), "{hidden}");
        assert!(read(&json("1e400"), 1 << 20).is_ok());
    }

    #[test]
    fn deep_and_large_values_are_refused() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&json(&nested(150)), 1 << 20).is_ok());
        assert_eq!(read(&json(&nested(300)), 1 << 20), Err(Unfit::Deep));
        let text = format!("\"{}\"", "x".repeat(1000));
        assert_eq!(read(&json(&text), 999), Err(Unfit::Large(999)));
        assert!(read(&json(&text), 1000).is_ok());
    }
}
