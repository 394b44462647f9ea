#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_form;
mod bad_meaning;
mod database;
mod each;
mod good_files;
mod looking;
mod policy;
mod repository;
mod ssh_sources;

use proptest::prelude::*;

use super::*;
use crate::reconcile::settings::StackSettings;

const GOOD: &str = "sources: [{ name: infra, path: /srv/git/infra }]\n";

fn read(text: &str) -> Result<Settings, ConfigError> {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    parse(text, "mooring.yaml", Path::new("/etc/mooring"), now)
}

fn good(text: &str) -> Settings {
    read(text).unwrap_or_else(|error| panic!("{}", error.report(false, 100)))
}

/// The report on a file that has to be refused.
fn bad(text: &str) -> String {
    read(text).expect_err("accepted").report(false, 100)
}

/// The report on something added to a good file.
fn bad_with(text: &str) -> String {
    bad(&format!("{GOOD}{text}"))
}

/// What the rules make of the general settings for one directory.
fn settings_of(settings: &Settings, dir: &str) -> StackSettings {
    let mut stack = settings.defaults.clone();
    for rule in &settings.stacks {
        if rule.pattern.is_match(dir) {
            rule.overrides.apply(&mut stack);
        }
    }
    stack
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*") {
        if let Err(error) = read(&text) {
            error.report(true, 80);
        }
    }

    #[test]
    fn near_misses_never_panic(
        text in "([a-z]{1,3}|sources|policy|safe|env|name|: |:\n|\n|  |- |\\[|\\]|\\{|\\}|, |\"|'|&a |\\*a|<<|!|\\||>|#|\u{e9}|\t|\r\n|0|1h|https://|@)*",
        cut in 0usize..4000,
    ) {
        let mut example = example();
        let at = (0..=cut.min(example.len())).rev().find(|at| example.is_char_boundary(*at)).unwrap();
        example.insert_str(at, &text);
        for text in [text, example] {
            if let Err(error) = read(&text) {
                error.report(false, 80);
            }
        }
    }
}
