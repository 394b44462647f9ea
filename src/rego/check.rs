//! What is looked at before a policy may run: whether each function it calls exists, and whether
//! functions call themselves. The engine would find the first only when it gets there, and the second
//! never: it would run out of stack, which ends the program.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use regorus::unstable::{BUILTINS, Expr, Span};

use super::error::{LoadError, Place};
use super::functions;
use super::source::Source;
use super::syntax::{self, Node};

/// Builtins of OPA and conftest that are not there, and why.
const REFUSED: [(&str, &str); 17] = [
    ("http.send", "policies have no network"),
    ("net.lookup_ip_addr", "policies have no network"),
    ("opa.runtime", "policies have no environment"),
    ("parse_config", "policies read no files"),
    ("parse_config_file", "policies read no files"),
    ("parse_combined_config_files", "policies read no files"),
    ("rand.intn", "the same plan must get the same answer"),
    ("uuid.rfc4122", "the same plan must get the same answer"),
    ("graph.reachable_paths", "its result has no bound"),
    ("net.cidr_expand", "its result has no bound"),
    ("numbers.range_step", "its result has no bound"),
    ("bits.lsh", "its result has no bound"),
    ("units.parse", "its result has no bound"),
    ("units.parse_bytes", "its result has no bound"),
    ("json.match_schema", "schemas are not supported"),
    ("json.verify_schema", "schemas are not supported"),
    ("io.jwt.decode", "tokens are not supported"),
];

/// Checks all files together.
pub(super) fn check(sources: &[Source]) -> Result<(), LoadError> {
    let functions = Functions::of(sources);
    let mut calls: BTreeMap<String, Vec<Call>> = BTreeMap::new();
    for source in sources {
        let imports = syntax::imports(&source.module);
        for rule in &source.module.policy {
            let mut found = Ok(());
            let mut called = Vec::new();
            syntax::walk(rule, &mut |node| {
                let Node::Expr(Expr::Call {
                    fcn, params, span, ..
                }) = node
                else {
                    return;
                };
                let Some(path) = syntax::path(fcn) else {
                    return;
                };
                if path == ["sprintf"] && found.is_ok() {
                    found = format(source, params.first().map(AsRef::as_ref));
                }
                let own = full(&source.package, &path);
                let imported = path
                    .split_first()
                    .and_then(|(alias, rest)| Some(imports.get(alias)?.iter().chain(rest)));
                let imported = imported.map(|path| name(path.skip(1)));
                let given = path
                    .first()
                    .filter(|root| *root == "data")
                    .map(|_| name(path.iter().skip(1)));
                let user = [Some(own), imported, given].into_iter().flatten();
                match user.into_iter().find(|name| functions.user.contains(name)) {
                    Some(callee) => called.push(Call {
                        callee,
                        place: place(source, span),
                    }),
                    None if found.is_ok() => found = functions.builtin(source, span, &path),
                    None => {}
                }
            });
            found?;
            if let Some(function) = syntax::function(rule) {
                calls
                    .entry(full(&source.package, &function))
                    .or_default()
                    .append(&mut called);
            }
        }
    }
    no_recursion(&calls)
}

struct Call {
    callee: String,
    place: Place,
}

struct Functions {
    /// Full names without `data.`.
    user: HashSet<String>,
    ours: HashSet<&'static str>,
}

impl Functions {
    fn of(sources: &[Source]) -> Self {
        let user = sources.iter().flat_map(|source| {
            let rules = source.module.policy.iter();
            let paths = rules.filter_map(|rule| syntax::function(rule));
            paths.map(|path| full(&source.package, &path))
        });
        Self {
            user: user.collect(),
            ours: functions::names().collect(),
        }
    }

    fn builtin(&self, source: &Source, span: &Span, path: &[String]) -> Result<(), LoadError> {
        let called = path.join(".");
        let refused = REFUSED.iter().find(|(name, _)| *name == called);
        let message = match refused {
            Some((_, why)) => format!("`{called}` is not available: {why}"),
            None if self.ours.contains(called.as_str())
                || called == "print"
                || BUILTINS.contains_key(called.as_str()) =>
            {
                return Ok(());
            }
            None => format!("there is no function `{called}`"),
        };
        Err(LoadError::Policy {
            place: place(source, span),
            message,
        })
    }
}

/// The engine fills up to any width.
fn format(source: &Source, format: Option<&Expr>) -> Result<(), LoadError> {
    let Some(Expr::String { value, span, .. } | Expr::RawString { value, span, .. }) = format
    else {
        return Ok(());
    };
    let verbs = value.as_string().map(|text| text.to_string());
    let verbs = verbs.unwrap_or_default();
    let wide = |verb: &str| {
        let flags = verb.trim_start_matches([' ', '+', '-', '#', '0']);
        let sizes = flags
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .next();
        let mut sizes = sizes.unwrap_or_default().split('.');
        sizes.any(|digits| digits.len() > 3)
    };
    if !verbs.split('%').skip(1).any(wide) {
        return Ok(());
    }
    Err(LoadError::Policy {
        place: place(source, span),
        message: "widths in a format have three digits at most".to_owned(),
    })
}

fn full(package: &[String], path: &[String]) -> String {
    name(package.iter().chain(path))
}

fn name<'a>(parts: impl Iterator<Item = &'a String>) -> String {
    parts.map(String::as_str).collect::<Vec<_>>().join(".")
}

fn place(source: &Source, span: &Span) -> Place {
    let before = source.text.get(..span.start as usize).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default();
    Place {
        file: source.file.clone(),
        line: u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX),
        column: u32::try_from(column.chars().count() + 1).unwrap_or(u32::MAX),
    }
}

/// Removes functions that call nothing that is left, until none goes any more. What remains goes in
/// circles, or leads into one.
fn no_recursion(calls: &BTreeMap<String, Vec<Call>>) -> Result<(), LoadError> {
    let mut left: BTreeSet<&str> = calls.keys().map(String::as_str).collect();
    loop {
        let ends = |name: &&str| {
            let callees = calls.get(*name).into_iter().flatten();
            !callees
                .into_iter()
                .any(|call| left.contains(call.callee.as_str()))
        };
        let done: Vec<&str> = left.iter().copied().filter(|name| ends(name)).collect();
        if done.is_empty() {
            break;
        }
        for name in done {
            left.remove(name);
        }
    }
    let reaches = |from: &str| {
        let (mut seen, mut next) = (HashSet::new(), vec![from]);
        while let Some(name) = next.pop() {
            for call in calls.get(name).into_iter().flatten() {
                if call.callee == from {
                    return true;
                }
                if seen.insert(call.callee.as_str()) {
                    next.push(&call.callee);
                }
            }
        }
        false
    };
    let Some(function) = left.into_iter().find(|name| reaches(name)) else {
        return Ok(());
    };
    let mut made = calls.get(function).into_iter().flatten();
    match made.find(|call| call.callee == function || reaches(&call.callee)) {
        Some(call) => Err(LoadError::Policy {
            place: call.place.clone(),
            message: format!(
                "`{function}` calls itself, here or on a way around: Rego has no recursion"
            ),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn checked(texts: &[&str]) -> Result<(), String> {
        let sources: Vec<Source> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| Source::parse(&format!("{at}.rego"), text).unwrap())
            .collect();
        check(&sources).map_err(|error| error.to_string())
    }

    #[test]
    fn what_leads_out_of_the_policy_is_refused_where_it_stands() {
        let refused = |call: &str| {
            checked(&[&format!(
                "package main\ndeny contains msg if {{\n  input.never\n  msg := {call}\n}}"
            )])
            .unwrap_err()
        };
        assert_eq!(
            refused("http.send({\"url\": \"http://example.com\"})"),
            "0.rego:4:10: `http.send` is not available: policies have no network"
        );
        assert_eq!(
            refused("opa.runtime().env"),
            "0.rego:4:10: `opa.runtime` is not available: policies have no environment"
        );
        assert_eq!(
            refused("rand.intn(\"x\", 5)"),
            "0.rego:4:10: `rand.intn` is not available: the same plan must get the same answer"
        );
        assert_eq!(
            refused("sprintf(\"50%% %5.1f %-02000000000d\", [1, 2])"),
            "0.rego:4:19: widths in a format have three digits at most"
        );
        assert_eq!(
            refused("[sprintf(\"%d\", [x]) | x := cuont(input.a)]"),
            "0.rego:4:37: there is no function `cuont`"
        );
    }

    #[test]
    fn functions_are_found_by_every_name_they_have() {
        let library = "package lib.tags\nmissing(r) := \"x\" if { r.tags == null }";
        let main = "package main\nimport data.lib.tags as t\nimport data.lib.tags.missing\n\
                    import data.lib.tags\n\
                    own(x) := x\n\
                    deny contains t.missing(input)\n\
                    deny contains missing(input)\n\
                    deny contains tags.missing(input)\n\
                    deny contains data.lib.tags.missing(input)\n\
                    deny contains own(count(input))\n\
                    deny contains x if { walk(input, [x, _]); print(x) }";
        assert_eq!(checked(&[library, main]), Ok(()));
        assert_eq!(
            checked(&[main]).unwrap_err(),
            "0.rego:6:15: there is no function `t.missing`"
        );
    }

    #[test]
    fn a_function_that_calls_itself_is_refused() {
        let text = "package main\nf(x) := y if { y := f(x + 1) }\ndeny contains f(1)";
        assert_eq!(
            checked(&[text]).unwrap_err(),
            "0.rego:2:21: `main.f` calls itself, here or on a way around: Rego has no recursion"
        );
        let one = "package a\nimport data.b\nf(x) := b.g(x)";
        let two = "package b\nimport data.a\ng(x) := y if { y := [z | z := a.f(x)] }\nh(x) := g(x)";
        assert_eq!(
            checked(&[one, two]).unwrap_err(),
            "0.rego:3:9: `a.f` calls itself, here or on a way around: Rego has no recursion"
        );
    }

    #[test]
    fn functions_that_only_call_others_are_fine() {
        let text = "package main\nf(x) := g(x) + g(x)\ng(x) := h(x)\nh(x) := x\n\
                    deny contains sprintf(\"%d\", [f(1)])";
        assert_eq!(checked(&[text]), Ok(()));
    }
}
