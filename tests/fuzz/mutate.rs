//! Changes to JSON that leave it JSON: what is moved about are fields, values and marks.

use serde_json::{Map, Number, Value as Json};

/// A changed document; `None` if it is none, or if its bytes should be changed instead.
pub(crate) fn json(bytes: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut random = Random(u64::from(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    if random.below(5) == 0 {
        return None;
    }
    let mut document: Json = serde_json::from_slice(bytes).ok()?;
    for _ in 0..=random.below(3) {
        let nodes = count(&document);
        let donor = nth(&mut document, &mut random.below(nodes))?.clone();
        let place = nth(&mut document, &mut random.below(nodes))?;
        change(place, donor, &mut random);
    }
    Some(document.to_string().into_bytes())
}

/// A small generator: the same seed gives the same numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % limit.max(1)
    }
}

fn children(value: &mut Json) -> Vec<&mut Json> {
    match value {
        Json::Array(items) => items.iter_mut().collect(),
        Json::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    }
}

fn count(value: &Json) -> usize {
    1 + match value {
        Json::Array(items) => items.iter().map(count).sum(),
        Json::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// The value that stands at this place when all are counted from the outside.
fn nth<'a>(value: &'a mut Json, place: &mut usize) -> Option<&'a mut Json> {
    if *place == 0 {
        return Some(value);
    }
    *place -= 1;
    children(value)
        .into_iter()
        .find_map(|child| nth(child, place))
}

fn change(place: &mut Json, donor: Json, random: &mut Random) {
    match (random.below(8), &mut *place) {
        (0, _) => *place = donor,
        (1, Json::Array(items)) => items.push(donor),
        (1, Json::Object(fields)) => {
            fields.insert(NAMES[random.below(NAMES.len())].to_owned(), donor);
        }
        (2, Json::Array(items)) if !items.is_empty() => {
            items.remove(random.below(items.len()));
        }
        (2 | 3, Json::Object(fields)) => {
            let key = fields.keys().nth(random.below(fields.len())).cloned();
            if let Some(value) = key.and_then(|key| fields.remove(&key))
                && random.below(2) == 0
            {
                fields.insert(NAMES[random.below(NAMES.len())].to_owned(), value);
            }
        }
        (3, Json::Array(items)) => items.extend(items.clone()),
        (4, Json::String(text)) => {
            let mut bytes = std::mem::take(text).into_bytes();
            let size = bytes.len();
            bytes.resize(size + 32, 0);
            let size = libfuzzer_sys::fuzzer_mutate(&mut bytes, size, size + 32);
            bytes.truncate(size);
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        (5, _) => {
            for _ in 0..=random.below(160) {
                let inner = place.take();
                *place = match random.below(2) {
                    0 => Json::Array(vec![inner]),
                    _ => Json::Object(Map::from_iter([("a".to_owned(), inner)])),
                };
            }
        }
        _ => *place = plain(random),
    }
}

fn plain(random: &mut Random) -> Json {
    match random.below(12) {
        0 => Json::Null,
        1 | 2 => Json::Bool(true),
        3 => Json::Bool(false),
        4 => Json::Array(Vec::new()),
        5 => Json::Object(Map::new()),
        6 => NUMBERS[random.below(NUMBERS.len())]
            .parse::<Number>()
            .map_or(Json::Null, Json::Number),
        _ => Json::from(WORDS[random.below(WORDS.len())]),
    }
}

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1.5",
    "1e999999999",
    "-1e-999999999",
    "18446744073709551616",
    "0.10000000000000000000000000000000000000001",
];

const WORDS: &[&str] = &[
    "",
    "create",
    "delete",
    "update",
    "read",
    "no-op",
    "forget",
    "managed",
    "data",
    "terraform_data",
    "aws_s3_bucket.b",
    "module.m[\"k\"].aws_iam_role.r[0]",
    "a[\"unclosed",
    "p@ss \"w\\rd\"<&>",
    "line one\nline two",
    "\u{1b}[31m\u{7}",
    "\u{202e}\u{0}\u{1f600}",
    "{\"Statement\":[{\"Effect\":\"Allow\"}]}",
    "%70%61ss",
    "1.2",
    "0.1",
    "1.0.3",
    "1.11.4",
];

const NAMES: &[&str] = &[
    "format_version",
    "terraform_version",
    "variables",
    "planned_values",
    "prior_state",
    "configuration",
    "resource_changes",
    "resource_drift",
    "output_changes",
    "deferred_changes",
    "relevant_attributes",
    "checks",
    "errored",
    "complete",
    "applyable",
    "root_module",
    "child_modules",
    "module_calls",
    "module",
    "resources",
    "outputs",
    "values",
    "sensitive_values",
    "sensitive",
    "value",
    "default",
    "expressions",
    "constant_value",
    "address",
    "previous_address",
    "deposed",
    "mode",
    "type",
    "change",
    "actions",
    "action_reason",
    "before",
    "after",
    "after_unknown",
    "before_sensitive",
    "after_sensitive",
    "replace_paths",
    "importing",
    "id",
    "identity",
    "tags",
    "tags_all",
    "policy",
    "ingress",
    "lineage",
    "serial",
    "instances",
    "attributes",
    "sensitive_attributes",
];
