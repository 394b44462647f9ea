//! Builtins of our own: where the engine's have no bound, where it leaves out what older policies use,
//! and the time, which is told by whoever asks.
//!
//! An argument of a wrong kind makes the call undefined, as in OPA.

use std::cell::Cell;

use regex::Regex;
use regorus::{Engine, Value};

use super::value::{self, Unfit};

/// Passes collections only.
pub(super) const COLLECTION: &str = "mooring_internal.collection";
/// Passes numbers and sets only.
pub(super) const OPERAND: &str = "mooring_internal.operand";

/// Longest array that `numbers.range` makes.
const LONGEST_RANGE: i64 = 100_000;
/// Longest pattern, and longest compiled pattern, of `re_match`.
const LARGEST_PATTERN: usize = 1 << 20;

/// Why a call is a failure, whatever the policy makes of undefined values.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("numbers.range makes {LONGEST_RANGE} numbers at most")]
    Range,
    #[error("JSON is nested too deep")]
    Deep,
    #[error("what it holds cannot be used: {0}")]
    Unfit(#[from] Unfit),
}

thread_local! {
    static REFUSED: Cell<Option<String>> = const { Cell::new(None) };
}

type Function = fn(&[Value]) -> Result<Value, Refusal>;

const FUNCTIONS: [(&str, u8, Function); 11] = [
    (COLLECTION, 1, collection),
    (OPERAND, 1, operand),
    ("numbers.range", 2, range),
    ("json.unmarshal", 1, json_unmarshal),
    ("json.is_valid", 1, json_is_valid),
    ("yaml.unmarshal", 1, yaml_unmarshal),
    ("yaml.is_valid", 1, yaml_is_valid),
    ("to_number", 1, to_number),
    ("re_match", 2, re_match),
    ("any", 1, any),
    ("all", 1, all),
];

/// The names of all of them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS
        .iter()
        .map(|(name, ..)| *name)
        .chain(["time.now_ns"])
}

/// Adds all but the time.
pub(super) fn add(engine: &mut Engine) -> Result<(), String> {
    for (name, arguments, function) in FUNCTIONS {
        let called = move |given: Vec<Value>| {
            function(&given).map_err(|refusal| {
                REFUSED.set(Some(refusal.to_string()));
                refusal.into()
            })
        };
        engine
            .add_extension(name.to_owned(), arguments, Box::new(called))
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The last refusal on this thread since this was last asked. The engine drops an error within a
/// function that another definition of it has a value for.
pub(super) fn refused() -> Option<String> {
    REFUSED.take()
}

/// Adds the time, in nanoseconds since 1970.
pub(super) fn add_time(engine: &mut Engine, nanoseconds: i64) -> Result<(), String> {
    let now = move |_: Vec<Value>| Ok(Value::from(nanoseconds));
    engine
        .add_extension("time.now_ns".to_owned(), 0, Box::new(now))
        .map_err(|error| error.to_string())
}

fn collection(given: &[Value]) -> Result<Value, Refusal> {
    Ok(match given {
        [value @ (Value::Array(_) | Value::Set(_) | Value::Object(_))] => value.clone(),
        _ => Value::Undefined,
    })
}

fn operand(given: &[Value]) -> Result<Value, Refusal> {
    Ok(match given {
        [value @ (Value::Number(_) | Value::Set(_))] => value.clone(),
        _ => Value::Undefined,
    })
}

fn range(given: &[Value]) -> Result<Value, Refusal> {
    let [from, to] = given else {
        return Ok(Value::Undefined);
    };
    let (Ok(from), Ok(to)) = (from.as_i64(), to.as_i64()) else {
        return Ok(Value::Undefined);
    };
    if from.abs_diff(to) >= LONGEST_RANGE.unsigned_abs() {
        return Err(Refusal::Range);
    }
    let numbers: Vec<Value> = if from <= to {
        (from..=to).map(Value::from).collect()
    } else {
        (to..=from).rev().map(Value::from).collect()
    };
    Ok(Value::from(numbers))
}

fn json_unmarshal(given: &[Value]) -> Result<Value, Refusal> {
    Ok(json(text(given))?.unwrap_or(Value::Undefined))
}

fn json_is_valid(given: &[Value]) -> Result<Value, Refusal> {
    Ok(Value::from(json(text(given))?.is_some()))
}

fn yaml_unmarshal(given: &[Value]) -> Result<Value, Refusal> {
    Ok(yaml(text(given))?.unwrap_or(Value::Undefined))
}

fn yaml_is_valid(given: &[Value]) -> Result<Value, Refusal> {
    Ok(Value::from(yaml(text(given))?.is_some()))
}

fn to_number(given: &[Value]) -> Result<Value, Refusal> {
    Ok(match given {
        [number @ Value::Number(_)] => number.clone(),
        [Value::Null] => Value::from(0_u64),
        [Value::Bool(yes)] => Value::from(u64::from(*yes)),
        [Value::String(text)] => match json(Some(text))? {
            Some(number @ Value::Number(_)) => number,
            _ => Value::Undefined,
        },
        _ => Value::Undefined,
    })
}

fn re_match(given: &[Value]) -> Result<Value, Refusal> {
    let [Value::String(pattern), Value::String(text)] = given else {
        return Ok(Value::Undefined);
    };
    let pattern = regex::RegexBuilder::new(pattern)
        .size_limit(LARGEST_PATTERN)
        .build();
    Ok(pattern.map_or(Value::Undefined, |pattern: Regex| {
        Value::from(pattern.is_match(text))
    }))
}

fn any(given: &[Value]) -> Result<Value, Refusal> {
    let yes = |value: &Value| *value == Value::from(true);
    Ok(match given {
        [Value::Array(values)] => Value::from(values.iter().any(yes)),
        [Value::Set(values)] => Value::from(values.iter().any(yes)),
        _ => Value::Undefined,
    })
}

fn all(given: &[Value]) -> Result<Value, Refusal> {
    let yes = |value: &Value| *value == Value::from(true);
    Ok(match given {
        [Value::Array(values)] => Value::from(values.iter().all(yes)),
        [Value::Set(values)] => Value::from(values.iter().all(yes)),
        _ => Value::Undefined,
    })
}

fn text(given: &[Value]) -> Option<&str> {
    match given {
        [Value::String(text)] => Some(text),
        _ => None,
    }
}

/// None if it is no JSON. What is beyond bounds is an error, lest a denial be silenced by it.
fn json(text: Option<&str>) -> Result<Option<Value>, Refusal> {
    match text.map(serde_json::from_str) {
        Some(Ok(json)) => Ok(Some(value::read(&json, usize::MAX)?)),
        Some(Err(error)) if error.to_string().starts_with("recursion limit") => Err(Refusal::Deep),
        Some(Err(_)) | None => Ok(None),
    }
}

fn yaml(text: Option<&str>) -> Result<Option<Value>, Refusal> {
    match text.map(serde_saphyr::from_str) {
        Some(Ok(json)) => Ok(Some(value::read(&json, usize::MAX)?)),
        Some(Err(_)) | None => Ok(None),
    }
}
