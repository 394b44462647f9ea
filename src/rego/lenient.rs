//! Where OPA finds an expression undefined and the engine would give up. Plans are full of nulls, and
//! `some x in null` or `null + 1` is no reason for OPA to stop: there is no such x. So what is iterated
//! or calculated with is passed through a function that makes it undefined if it is of another kind.

use regorus::Value;
use regorus::unstable::Expr;

use super::functions::{COLLECTION, OPERAND};
use super::source::Source;
use super::syntax::{self, Node};

/// A policy as the engine gets it, and how its columns are those of the file.
#[derive(Debug, Clone)]
pub(super) struct Rewritten {
    pub(super) text: String,
    /// Line, column in the file from 1, and length of what was put in there, in order.
    insertions: Vec<(u32, u32, u32)>,
}

impl Rewritten {
    /// Nothing put in.
    pub(super) fn untouched(source: &Source) -> Self {
        Self {
            text: source.text.clone(),
            insertions: Vec::new(),
        }
    }

    /// With the functions put in.
    pub(super) fn of(source: &Source) -> Self {
        let mut texts: Vec<(usize, String)> = Vec::new();
        for rule in &source.module.policy {
            syntax::walk(rule, &mut |node| match node {
                Node::Collection(expr) => texts.extend(around(expr, COLLECTION)),
                Node::Expr(Expr::ArithExpr { lhs, rhs, .. } | Expr::BinExpr { lhs, rhs, .. }) => {
                    texts.extend(
                        [lhs, rhs]
                            .into_iter()
                            .flat_map(|expr| around(expr, OPERAND)),
                    );
                }
                Node::Expr(_) => {}
            });
        }
        // What is put in at one place: what closes before what opens, outer before inner.
        texts.sort_by_key(|(at, text)| (*at, text != ")"));
        let mut rewritten = Self {
            text: String::with_capacity(source.text.len() + 32 * texts.len()),
            insertions: Vec::with_capacity(texts.len()),
        };
        let mut done = 0;
        let (mut line, mut column) = (1, 1);
        for (at, text) in texts {
            let Some(before) = source.text.get(done..at) else {
                return Self::untouched(source);
            };
            for c in before.chars() {
                (line, column) = match c {
                    '\n' => (line + 1, 1),
                    _ => (line, column + 1),
                };
            }
            rewritten.text.push_str(before);
            rewritten.text.push_str(&text);
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            rewritten.insertions.push((line, column, length));
            done = at;
        }
        let rest = source.text.get(done..).unwrap_or_default();
        rewritten.text.push_str(rest);
        rewritten
    }

    /// The column in the file of a place in the text.
    pub(super) fn column(&self, line: u32, column: u32) -> u32 {
        let mut shift = 0;
        for (_, at, length) in self.insertions.iter().filter(|(on, ..)| *on == line) {
            if column < at + shift {
                break;
            }
            if column < at + shift + length {
                return *at;
            }
            shift += length;
        }
        column - shift
    }
}

fn around(expr: &Expr, function: &str) -> Vec<(usize, String)> {
    let plain = match expr {
        Expr::Array { .. }
        | Expr::Set { .. }
        | Expr::Object { .. }
        | Expr::ArrayCompr { .. }
        | Expr::SetCompr { .. }
        | Expr::ObjectCompr { .. }
        | Expr::Number { .. }
        | Expr::ArithExpr { .. }
        | Expr::BinExpr { .. } => true,
        Expr::Var { value, .. } => *value == Value::from("_"),
        _ => false,
    };
    if plain {
        return Vec::new();
    }
    let span = expr.span();
    vec![
        (span.start as usize, format!("{function}(")),
        (span.end as usize, ")".to_owned()),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn rewritten(body: &str) -> String {
        let text = format!("package main\ndeny contains msg if {{\n{body}\n}}\n");
        let source = Source::parse("a.rego", &text).unwrap();
        let rewritten = Rewritten::of(&source);
        Source::parse("a.rego", &rewritten.text).unwrap();
        let mut lines = rewritten.text.lines().skip(2);
        lines.next().unwrap().replace("mooring_internal.", "")
    }

    #[test]
    fn what_is_iterated_and_calculated_with_is_wrapped() {
        assert_eq!(
            rewritten("some x in input.a.b[c].d"),
            "some x in collection(input.a.b[c].d)"
        );
        assert_eq!(
            rewritten("x := y.z(1) - input.q * 2; every k in input.l { some v in k.w; v > 1 }"),
            "x := operand(y.z(1)) - operand(input.q) * 2; every k in input.l { \
             some v in collection(k.w); v > 1 }"
        );
        assert_eq!(
            rewritten("some v in f(a.x - 1) with input as b | {1}"),
            "some v in collection(f(operand(a.x) - 1)) with input as operand(b) | {1}"
        );
        assert_eq!(
            rewritten("some x in {1, 2}; 1 + 2 > 2"),
            "some x in {1, 2}; 1 + 2 > 2"
        );
    }

    #[test]
    fn columns_are_those_of_the_file() {
        let text = "package main\nx := {\"ä\"} - c + d\n";
        let source = Source::parse("a.rego", text).unwrap();
        let rewritten = Rewritten::of(&source);
        let line = rewritten.text.lines().nth(1).unwrap();
        for word in ["x", "ä", "c", "d"] {
            let column = |line: &str| {
                let at = line.match_indices(word);
                let alone = |at: &usize| !line[at + word.len()..].starts_with(char::is_alphabetic);
                let before = at
                    .map(|(at, _)| at)
                    .filter(alone)
                    .find(|at| !line[..*at].ends_with(char::is_alphabetic));
                u32::try_from(line[..before.unwrap()].chars().count() + 1).unwrap()
            };
            let file = column(text.lines().nth(1).unwrap());
            assert_eq!(rewritten.column(2, column(line)), file, "{word} in {line}");
        }
        assert_eq!(rewritten.column(1, 3), 3);
    }
}
