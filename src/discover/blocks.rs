//! The blocks that a file declares, with their lines.

use std::fmt;

use hcl_edit::Span;
use hcl_edit::structure::{Block, Body};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::read::{self, Syntax};

/// What identifies a block in its module: its type and its labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Header(Vec<String>);

impl Header {
    /// Takes the type, then the labels.
    pub(super) fn new<T: Into<String>>(parts: impl IntoIterator<Item = T>) -> Self {
        Self(parts.into_iter().map(Into::into).collect())
    }
}

/// A block that something can be found by.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Declaration {
    pub(super) header: Header,
    /// From 1, both included.
    pub(super) lines: (u32, u32),
    /// Of a module call: its source, if it is constant.
    pub(super) source: Option<String>,
}

/// The type of block that calls a module.
const MODULE: &str = "module";

/// How many labels a type of block has; `None` for types that nothing is found by.
fn labels(kind: &str) -> Option<usize> {
    match kind {
        "resource" | "data" | "ephemeral" => Some(2),
        MODULE | "output" | "variable" | "check" => Some(1),
        _ => None,
    }
}

/// The blocks of a file; none if it cannot be parsed.
pub(super) fn declarations(text: &str, syntax: Syntax) -> Vec<Declaration> {
    let mut found = Found {
        text,
        lines: Lines::of(text),
        declarations: Vec::new(),
    };
    match syntax {
        Syntax::Hcl => {
            if let Ok(body) = read::body(text, "") {
                found.body(&body);
            }
        }
        Syntax::Json => found.object(text),
    }
    found.declarations
}

struct Found<'a> {
    text: &'a str,
    lines: Lines,
    declarations: Vec<Declaration>,
}

impl<'a> Found<'a> {
    fn body(&mut self, body: &Body) {
        for block in body.blocks() {
            self.block(block);
            if block.has_ident("check") {
                for inner in block.body.get_blocks("data") {
                    self.block(inner);
                }
            }
        }
    }

    fn block(&mut self, block: &Block) {
        let kind = block.ident.as_str();
        let Some(span) = block.span() else { return };
        if labels(kind) != Some(block.labels.len()) {
            return;
        }
        let names = block
            .labels
            .iter()
            .map(hcl_edit::structure::BlockLabel::as_str);
        let source = block.body.get_attribute("source");
        let source = source.filter(|_| kind == MODULE);
        self.declarations.push(Declaration {
            header: Header::new(std::iter::once(kind).chain(names)),
            lines: (
                self.lines.at(span.start),
                self.lines.at(span.end.saturating_sub(1)),
            ),
            source: source
                .and_then(|source| source.value.as_str())
                .map(str::to_owned),
        });
    }

    fn object(&mut self, object: &'a str) {
        for (kind, value) in pairs(object) {
            let kind = text(kind);
            match labels(&kind) {
                Some(1) => {
                    for (name, body) in pairs(value.get()) {
                        self.pair(Header::new([&kind, &text(name)]), name, body);
                        if kind == "check" {
                            self.data(body);
                        }
                    }
                }
                Some(_) => self.two_labels(&kind, value),
                None => {}
            }
        }
    }

    /// The data source inside a check.
    fn data(&mut self, check: &'a RawValue) {
        for (kind, value) in pairs(check.get()) {
            if text(kind) == "data" {
                self.two_labels("data", value);
            }
        }
    }

    fn two_labels(&mut self, kind: &str, value: &'a RawValue) {
        for (object, inner) in pairs(value.get()) {
            for (name, body) in pairs(inner.get()) {
                let header = Header::new([kind, &text(object), &text(name)]);
                self.pair(header, name, body);
            }
        }
    }

    fn pair(&mut self, header: Header, name: &'a RawValue, body: &'a RawValue) {
        let (Some((first, _)), Some((_, last))) = (self.span(name), self.span(body)) else {
            return;
        };
        let is_call = header.0.first().is_some_and(|kind| kind == MODULE);
        let settings = if is_call {
            pairs(body.get())
        } else {
            Vec::new()
        };
        let mut settings = settings.into_iter();
        let source = settings.find(|(name, _)| text(name) == "source");
        self.declarations.push(Declaration {
            header,
            lines: (first, last),
            source: source.and_then(|(_, value)| serde_json::from_str(value.get()).ok()),
        });
    }

    /// The first and last line of a part of the text.
    fn span(&self, part: &RawValue) -> Option<(u32, u32)> {
        let part = part.get();
        let start = part
            .as_ptr()
            .addr()
            .checked_sub(self.text.as_ptr().addr())?;
        let end = start.checked_add(part.len())?.checked_sub(1)?;
        Some((self.lines.at(start), self.lines.at(end)))
    }
}

/// What a key says.
fn text(key: &RawValue) -> String {
    serde_json::from_str(key.get()).unwrap_or_default()
}

/// The members of an object, or of each object of a list of them: JSON may write blocks either
/// way, and may write one name twice. Both parts of each are slices of the text.
fn pairs(json: &str) -> Vec<(&RawValue, &RawValue)> {
    let object =
        |json| serde_json::from_str::<Pairs<'_>>(json).map_or_else(|_| Vec::new(), |p| p.0);
    if json.trim_start().starts_with('[') {
        let list: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
        list.into_iter()
            .flat_map(|item| object(item.get()))
            .collect()
    } else {
        object(json)
    }
}

struct Pairs<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Where each line begins.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(breaks).collect())
    }

    /// The line of a byte, from 1.
    fn at(&self, offset: usize) -> u32 {
        let line = self.0.partition_point(|start| *start <= offset);
        u32::try_from(line).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, syntax: Syntax) -> Vec<String> {
        let declarations = declarations(text, syntax).into_iter();
        declarations
            .map(|found| {
                let (first, last) = found.lines;
                let source = found.source.map_or_else(String::new, |s| format!(" {s}"));
                format!("{} {first}-{last}{source}", found.header.0.join("."))
            })
            .collect()
    }

    #[test]
    fn blocks_are_found_with_their_lines() {
        let text = "# comment\n\nresource \"a\" \"b\" {\n  x = <<EOT\n}\nresource \"no\" \"no\" {\nEOT\n}\n\
                    data a c {}\r\nlocals {\n  resource = 1\n}\ncheck \"k\" {\n  data \"http\" \"d\" {\n  }\n}\n\
                    module \"m\" {\n  source = \"./é\"\n}\nmodule \"n\" {\n  source = var.x\n}\noutput \"o\" {\n  value = 1\n} # end\nresource \"a\" \"f\" {\n  source = \"./f\"\n}";
        assert_eq!(
            found(text, Syntax::Hcl),
            [
                "resource.a.b 3-8",
                "data.a.c 9-9",
                "check.k 13-16",
                "data.http.d 14-15",
                "module.m 17-19 ./é",
                "module.n 20-22",
                "output.o 23-25",
                "resource.a.f 26-28",
            ]
        );
    }

    #[test]
    fn in_json_a_block_begins_with_its_name() {
        let text = "{\n \"//\": \"x\",\n \"resource\": {\n  \"a\": {\n   \"b\":\n   {\"x\": \"}\\\"\\n\",\n    \"y\": [1]\n   },\n\
                    \"c\": [{\n}], \"d\": 1\n  }\n },\n \"resource\": [{\"a\": [{\"\\u0065\": {}}]}],\n\
                    \"module\": {\"m\": {\"source\": \"./m\"}},\n \"check\": [{\"k\": {\"data\": {\"http\":\n {\"d\": {}}}}}],\n\
                    \"output\": {\n \"o\": {\"value\": 1}}\n}";
        assert_eq!(
            found(text, Syntax::Json),
            [
                "resource.a.b 5-8",
                "resource.a.c 9-10",
                "resource.a.d 10-10",
                "resource.a.e 13-13",
                "module.m 14-14 ./m",
                "check.k 15-16",
                "data.http.d 16-16",
                "output.o 18-18",
            ]
        );
    }

    #[test]
    fn a_file_that_does_not_parse_declares_nothing() {
        assert_eq!(found("resource \"a\" \"b\" {", Syntax::Hcl), [""; 0]);
        assert_eq!(found("{\"output\": {\"o\": {}}", Syntax::Json), [""; 0]);
        let deep = "[".repeat(200_000);
        assert_eq!(found(&deep, Syntax::Json), [""; 0]);
        assert_eq!(found(&format!("x = {deep}"), Syntax::Hcl), [""; 0]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken(text in "([{}\\[\\]\":, \n]|resource|module|\"a\"|x){0,60}") {
            declarations(&text, Syntax::Hcl);
            declarations(&text, Syntax::Json);
        }
    }
}
