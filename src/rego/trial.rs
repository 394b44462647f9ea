//! Tests that people write for their policies.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use regorus::Value;

use crate::domain::opinion::RuleName;

use super::bounded::Lost;
use super::check::check;
use super::engine::{Builtins, Compiled};
use super::error::{LoadError, Place};
use super::load::Policies;
use super::rules;
use super::source::Source;
use super::syntax;

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialOutcome {
    /// It is true.
    Passed,
    /// It is false or undefined.
    Failed,
    /// Its name begins with `todo_`.
    Skipped,
    /// It broke off, and why.
    Broken(String),
}

/// A test and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Its package and name.
    pub name: RuleName,
    /// Where it is.
    pub place: Place,
    /// How it ended.
    pub outcome: TrialOutcome,
    /// What it printed.
    pub prints: Vec<String>,
}

impl Policies {
    /// Runs the rules whose names begin with `test_`, in the order of packages and names, each within
    /// the time of one evaluation. Files of tests are loaded for it; `now` is what `time.now_ns()`
    /// gives.
    pub fn test(&self, now: Timestamp) -> Result<Vec<Trial>, LoadError> {
        let mut sources = self.sources.to_vec();
        for test in &self.texts.tests {
            sources.push(test.parse()?);
        }
        check(&sources)?;
        let mut compiled = Compiled::new(&sources, &self.texts.data, Builtins::Undefined)?;
        let now = i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX);
        compiled.set_time(now).map_err(LoadError::Policies)?;
        let found = found(&sources);
        Ok(found
            .into_iter()
            .map(|((name, path), places)| self.run(&compiled, name, path, &places))
            .collect())
    }

    fn run(&self, compiled: &Compiled, name: RuleName, path: String, places: &[Place]) -> Trial {
        let mut compiled = compiled.clone();
        let time = self.limits.time;
        let (outcome, prints) = match places {
            _ if name.rule.starts_with("todo_") => (TrialOutcome::Skipped, Vec::new()),
            [_] => self
                .threads
                .run(time, move || {
                    let outcome = match compiled.value(&path, time) {
                        Ok(Value::Bool(true)) => TrialOutcome::Passed,
                        Ok(_) => TrialOutcome::Failed,
                        Err(message) => TrialOutcome::Broken(message),
                    };
                    (outcome, compiled.prints())
                })
                .unwrap_or_else(|lost| (TrialOutcome::Broken(said(lost, time)), Vec::new())),
            // One would hide the other.
            _ => (
                TrialOutcome::Broken("it is defined more than once: give each a name".to_owned()),
                Vec::new(),
            ),
        };
        let place = places.first().cloned().unwrap_or_else(|| Place {
            file: String::new(),
            line: 1,
            column: 1,
        });
        Trial {
            name,
            place,
            outcome,
            prints,
        }
    }
}

fn said(lost: Lost, time: Duration) -> String {
    match lost {
        Lost::TimedOut => format!("no end within {} ms", time.as_millis()),
        Lost::Busy => "too many tests that ran out of time have still not ended".to_owned(),
        Lost::Crashed => "the evaluation broke down".to_owned(),
    }
}

/// Tests by name and path, with every place where they are defined.
fn found(sources: &[Source]) -> BTreeMap<(RuleName, String), Vec<Place>> {
    let mut found: BTreeMap<_, Vec<Place>> = BTreeMap::new();
    for source in sources {
        for rule in &source.module.policy {
            let Some(name) = syntax::rule_name(rule) else {
                continue;
            };
            if !name.starts_with("test_") && !name.starts_with("todo_test_") {
                continue;
            }
            let path = rules::path(&source.package, &name);
            let name = RuleName {
                package: source.package.join("."),
                rule: name,
            };
            found.entry((name, path)).or_default().push(Place {
                file: source.file.clone(),
                line: rule.span().line,
                column: rule.span().col,
            });
        }
    }
    found
}
