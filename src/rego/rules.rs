//! Which rules are asked, and for what.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::opinion::RuleName;

use super::error::{LoadError, Place};
use super::settings::Namespaces;
use super::source::Source;
use super::syntax;

/// The package that Mooring's own questions go to, and in whose place of `data` it tells of the stack.
const OURS: &str = "mooring";
/// What it tells there.
const TOLD: [&str; 3] = ["findings", "stack", "decision_mode"];

/// What the answer of a rule means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    Denies,
    Warns,
    Safe,
}

/// A rule that is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    pub(super) name: RuleName,
    pub(super) meaning: Meaning,
    /// Its path as the engine wants it.
    pub(super) path: String,
}

/// The rules to ask, in order.
pub(super) fn asked(
    sources: &[Source],
    namespaces: &Namespaces,
) -> Result<BTreeSet<Asked>, LoadError> {
    let mut packages: BTreeMap<String, BTreeSet<Asked>> = BTreeMap::new();
    for source in sources {
        nothing_told(source)?;
        let package = source.package.join(".");
        let rules = packages.entry(package.clone()).or_default();
        for name in source
            .module
            .policy
            .iter()
            .filter_map(|r| syntax::rule_name(r))
        {
            if let Some(meaning) = meaning(&package, &name) {
                rules.insert(Asked {
                    meaning,
                    path: path(&source.package, &name),
                    name: RuleName {
                        package: package.clone(),
                        rule: name,
                    },
                });
            }
        }
    }
    let ours = packages.get(OURS).cloned().unwrap_or_default();
    match namespaces {
        Namespaces::All => Ok(packages.into_values().flatten().collect()),
        Namespaces::Named(names) => {
            let mut asked = ours;
            for name in names {
                let rules = packages.get(name).filter(|rules| !rules.is_empty());
                match rules {
                    Some(rules) => asked.extend(rules.iter().cloned()),
                    // Who only says what is safe has no package of conftest's.
                    None if *namespaces == Namespaces::default() && !asked.is_empty() => {}
                    None => {
                        return Err(LoadError::NothingToAsk {
                            namespace: name.clone(),
                            found: packages.into_keys().collect::<Vec<_>>().join(", "),
                        });
                    }
                }
            }
            Ok(asked)
        }
    }
}

/// The names that conftest looks for, and ours.
fn meaning(package: &str, name: &str) -> Option<Meaning> {
    let is = |word: &str| {
        name.strip_prefix(word).is_some_and(|rest| {
            rest.is_empty()
                || rest.strip_prefix('_').is_some_and(|parts| {
                    let part = |part: &str| {
                        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric())
                    };
                    parts.split('_').all(part)
                })
        })
    };
    match name {
        _ if is("deny") || is("violation") => Some(Meaning::Denies),
        _ if is("warn") => Some(Meaning::Warns),
        _ if package == OURS && is("safe") => Some(Meaning::Safe),
        _ => None,
    }
}

/// Names that Mooring tells something under cannot be rules.
fn nothing_told(source: &Source) -> Result<(), LoadError> {
    let [package, rest @ ..] = source.package.as_slice() else {
        return Ok(());
    };
    let mut names: Vec<(String, u32, u32)> = Vec::new();
    match rest {
        [name, ..] => names.push((name.clone(), 1, 1)),
        [] => names.extend(source.module.policy.iter().filter_map(|rule| {
            let span = rule.span();
            Some((syntax::rule_name(rule)?, span.line, span.col))
        })),
    }
    let told = |(name, ..): &(String, u32, u32)| TOLD.contains(&name.as_str());
    match names.into_iter().find(told).filter(|_| package == OURS) {
        Some((name, line, column)) => Err(LoadError::Policy {
            place: Place {
                file: source.file.clone(),
                line,
                column,
            },
            message: format!("`{OURS}.{name}` is what Mooring tells: give the rule another name"),
        }),
        None => Ok(()),
    }
}

/// The path of a rule, with quotes around what is no name.
pub(super) fn path(package: &[String], rule: &str) -> String {
    let mut path = "data".to_owned();
    for part in package.iter().map(String::as_str).chain([rule]) {
        let mut chars = part.chars();
        let starts = chars
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if starts && chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            path.push('.');
            path.push_str(part);
        } else {
            path.push_str(&format!("[{}]", serde_json::Value::from(part)));
        }
    }
    path
}
