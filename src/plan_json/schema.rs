//! What providers say of their types (`terraform providers schema -json`): which attributes are
//! sensitive, and which lists are sets.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;

use crate::domain::plan::Mode;

use super::clear::Clear;
use super::marks::Marks;

/// The schemas of some types.
#[derive(Default)]
pub struct Schema {
    resources: HashMap<String, Node>,
    data_sources: HashMap<String, Node>,
}

/// A schema that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the providers' schema cannot be read: {}", super::cause(.0))]
pub struct SchemaError(serde_json::Error);

/// An attribute or block, or the object of a type.
#[derive(Default)]
pub(super) struct Node {
    sensitive: bool,
    /// Whether a list of it has no order.
    set: bool,
    fields: BTreeMap<String, Node>,
    /// What an item of a list or map of lists is.
    item: Option<Box<Node>>,
}

impl Schema {
    /// Reads the output of `terraform providers schema -json`; of all types, or only of these.
    ///
    /// # Errors
    /// If it is no such output.
    pub fn read(source: impl Read, types: Option<&BTreeSet<String>>) -> Result<Self, SchemaError> {
        let mut schema = Self::default();
        let mut reader = serde_json::Deserializer::from_reader(std::io::BufReader::new(source));
        let pass = Pass {
            schema: &mut schema,
            types,
            level: Level::Document,
        };
        pass.deserialize(&mut reader)
            .and_then(|()| reader.end())
            .map_err(SchemaError)?;
        Ok(schema)
    }

    pub(super) fn of(&self, mode: Mode, resource_type: &str) -> Option<&Node> {
        match mode {
            Mode::Managed => self.resources.get(resource_type),
            Mode::Data => self.data_sources.get(resource_type),
            Mode::Other => None,
        }
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types: Vec<&String> = self.resources.keys().collect();
        f.debug_struct("Schema").field("types", &types).finish()
    }
}

impl Node {
    /// The marks on everything that is sensitive. A list with a sensitive part is marked as a
    /// whole: how many items it has is not known here.
    pub(super) fn sensitive(&self) -> Marks {
        if self.sensitive {
            return Marks::All;
        }
        if let Some(item) = &self.item {
            return if item.sensitive().any() {
                Marks::All
            } else {
                Marks::Nothing
            };
        }
        let fields = self.fields.iter();
        Marks::fields(fields.map(|(name, field)| (name.clone(), field.sensitive())))
    }

    /// Whether the type has such an attribute or block.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Gives every set one order, so that two with the same items are equal. Where single items are
    /// marked the marks go by place, so those stay as they are.
    pub(super) fn sort_sets(&self, value: &mut Clear, marks: &Marks) {
        match value {
            Clear::Object(fields) => {
                for (name, field) in fields {
                    // In a map of objects each item is one.
                    let node = self.fields.get(name).or(self.item.as_deref());
                    if let Some(node) = node {
                        node.sort_sets(field, &marks.field(name));
                    }
                }
            }
            Clear::List(items) => {
                let by_place = matches!(marks, Marks::Items(_));
                if let Some(item) = &self.item {
                    let each = marks.clone().each(items.len());
                    for (value, marks) in items.iter_mut().zip(each) {
                        item.sort_sets(value, &marks);
                    }
                }
                if self.set && !by_place {
                    items.sort_by_cached_key(Clear::canonical);
                }
            }
            _ => {}
        }
    }

    fn of_block(block: WireBlock) -> Self {
        let attributes = block.attributes.into_iter();
        let attributes = attributes.map(|(name, attribute)| (name, Self::of_attribute(attribute)));
        let blocks = block.block_types.into_iter();
        let blocks = blocks.map(|(name, nested)| {
            let inner = Self::of_block(nested.block.unwrap_or_default());
            (name, Self::nested(&nested.nesting_mode, inner))
        });
        Self {
            fields: attributes.chain(blocks).collect(),
            ..Self::default()
        }
    }

    fn of_attribute(attribute: WireAttribute) -> Self {
        let mut node = match attribute.nested_type {
            Some(nested) => {
                let fields = nested.attributes.into_iter();
                let fields = fields.map(|(name, attribute)| (name, Self::of_attribute(attribute)));
                let inner = Self {
                    fields: fields.collect(),
                    ..Self::default()
                };
                Self::nested(&nested.nesting_mode, inner)
            }
            None => Self::of_type(&attribute.kind),
        };
        node.sensitive = attribute.sensitive;
        node
    }

    fn nested(mode: &str, inner: Self) -> Self {
        match mode {
            "list" | "set" | "map" => Self {
                set: mode == "set",
                item: Some(Box::new(inner)),
                ..Self::default()
            },
            _ => inner,
        }
    }

    /// A type as written: a name, or `["set", "string"]`, `["object", {…}]`.
    fn of_type(kind: &Json) -> Self {
        match kind.as_array().map(Vec::as_slice) {
            Some([Json::String(mode), Json::Object(fields)]) if mode == "object" => {
                let fields = fields.iter();
                Self {
                    fields: fields
                        .map(|(name, kind)| (name.clone(), Self::of_type(kind)))
                        .collect(),
                    ..Self::default()
                }
            }
            Some([Json::String(mode), inner]) => Self::nested(mode, Self::of_type(inner)),
            _ => Self::default(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireType {
    block: WireBlock,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireBlock {
    attributes: BTreeMap<String, WireAttribute>,
    block_types: BTreeMap<String, WireNested>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireNested {
    nesting_mode: String,
    block: Option<WireBlock>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireAttribute {
    #[serde(rename = "type")]
    kind: Json,
    nested_type: Option<WireNestedType>,
    sensitive: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireNestedType {
    attributes: BTreeMap<String, WireAttribute>,
    nesting_mode: String,
}

/// Where the pass over the document is.
#[derive(Clone, Copy)]
enum Level {
    Document,
    Providers,
    Provider,
    Types(Mode),
}

struct Pass<'s> {
    schema: &'s mut Schema,
    types: Option<&'s BTreeSet<String>>,
    level: Level,
}

impl<'de> DeserializeSeed<'de> for Pass<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Pass<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of a provider schema")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let level = match (self.level, name.as_str()) {
                (Level::Document, "provider_schemas") => Level::Providers,
                (Level::Providers, _) => Level::Provider,
                (Level::Provider, "resource_schemas") => Level::Types(Mode::Managed),
                (Level::Provider, "data_source_schemas") => Level::Types(Mode::Data),
                (Level::Types(mode), kind)
                    if self.types.is_none_or(|types| types.contains(kind)) =>
                {
                    let node = Node::of_block(map.next_value::<WireType>()?.block);
                    let known = match mode {
                        Mode::Data => &mut self.schema.data_sources,
                        Mode::Managed | Mode::Other => &mut self.schema.resources,
                    };
                    known.insert(name, node);
                    continue;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            map.next_value_seed(Pass {
                schema: &mut *self.schema,
                types: self.types,
                level,
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sets_and_sensitive_parts_are_known_by_type() {
        let document = json!({"format_version": "1.0", "provider_schemas": {"p": {
            "provider": {"version": 0},
            "resource_schemas": {
                "t": {"version": 1, "block": {
                    "attributes": {
                        "password": {"type": "string", "sensitive": true},
                        "zones": {"type": ["set", "string"]},
                        "order": {"type": ["list", "string"]},
                        "nested": {"nested_type": {"nesting_mode": "set", "attributes": {
                            "k": {"type": ["set", "number"]}}}}
                    },
                    "block_types": {"ingress": {"nesting_mode": "set", "block": {"attributes": {
                        "cidrs": {"type": ["set", "string"]}}}},
                        "auth": {"nesting_mode": "list", "block": {"attributes": {
                        "token": {"type": "string", "sensitive": true}}}}}
                }},
                "other": {"block": {}}
            }
        }}});
        let types = BTreeSet::from(["t".to_owned()]);
        let schema = Schema::read(document.to_string().as_bytes(), Some(&types)).unwrap();
        assert!(schema.of(Mode::Managed, "other").is_none());
        let node = schema.of(Mode::Managed, "t").unwrap();
        assert_eq!(
            node.sensitive(),
            Marks::parse(Some(r#"{"password": true, "auth": true}"#))
        );
        let sorted = |value: Json| {
            let mut value = Clear::parse(&value.to_string()).unwrap();
            node.sort_sets(&mut value, &Marks::Nothing);
            value
        };
        let one = json!({"zones": ["b", "a"], "nested": [{"k": [2, 1]}, {"k": [0]}],
            "ingress": [{"cidrs": ["x", "y"]}, {"cidrs": []}]});
        let two = json!({"zones": ["a", "b"], "nested": [{"k": [0]}, {"k": [1, 2]}],
            "ingress": [{"cidrs": []}, {"cidrs": ["y", "x"]}]});
        assert!(sorted(one) == sorted(two));
        assert!(sorted(json!({"order": ["b", "a"]})) != sorted(json!({"order": ["a", "b"]})));
        assert!(Schema::read(&b"[]"[..], None).is_err());
        let error = Schema::read(&br#"{"provider_schemas": "hunter2"}"#[..], None).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
