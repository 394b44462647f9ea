//! The attributes of one object in a state, as values that can be compared: in clear, so they are
//! for nothing else.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::domain::value::{Number, Value};

/// Under this key `serde_json` hands over the text of a number that is no plain integer.
const NUMBER: &str = "$serde_json::private::Number";

/// A value in clear. It cannot be read where a key occurs twice.
pub(super) struct InClear(pub(super) Value);

impl<'de> Deserialize<'de> for InClear {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(Number::parse(&number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(Number::parse(&number.to_string())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(InClear(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == NUMBER {
                return Ok(Value::Number(Number::parse(&map.next_value::<String>()?)));
            }
            match fields.entry(key) {
                Entry::Vacant(place) => place.insert(map.next_value::<InClear>()?.0),
                Entry::Occupied(_) => return Err(A::Error::custom("a key occurs twice")),
            };
        }
        Ok(Value::Object(fields))
    }
}
