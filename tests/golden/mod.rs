//! Plans of a real Terraform, each with the right answer beside it. `README.md` here lists them.

mod answer;
mod bounds;
mod encodings;
mod marked;
mod plan_files;
mod properties;
mod secrets;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use mooring::domain::check::StackCheck;
use mooring::domain::classify::classify;
use mooring::domain::digest::DigestKey;
use mooring::domain::failure::Failure;
use mooring::domain::finding::{Findings, Verdict};
use mooring::domain::rules::Rules;
use mooring::plan_json::{Reader, Reading};
use mooring::reconcile::explain;
use serde::Deserialize;
use serde_json::Value as Json;

pub(crate) const KEY: DigestKey = DigestKey::new([42; 32]);

/// One labelled plan.
pub(crate) struct Case {
    /// The name of its files.
    pub(crate) name: String,
    /// What is read.
    pub(crate) bytes: Vec<u8>,
    /// The right answer.
    pub(crate) expected: Json,
}

impl Case {
    /// Whether it must be refused.
    fn is_refused(&self) -> bool {
        self.expected.get("error").is_some()
    }

    /// The texts in a list of the answer.
    fn texts(&self, key: &str) -> Vec<&str> {
        let list = self.expected[key].as_array().into_iter().flatten();
        list.map(|text| text.as_str().unwrap()).collect()
    }
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/plans")
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let mut cases: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name()?.to_str()?.strip_suffix(".plan.json")?;
            let expected = folder().join(format!("{name}.expected.json"));
            Some(Case {
                name: name.to_owned(),
                bytes: std::fs::read(&path).unwrap(),
                expected: serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap(),
            })
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(cases.len() >= 200, "the labelled plans are there");
    cases
});

/// Every labelled plan that can be read.
pub(crate) fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(|case| !case.is_refused())
}

/// Every labelled plan that can be read: its name and bytes.
pub(crate) fn plans() -> Vec<(String, Vec<u8>)> {
    cases()
        .map(|case| (case.name.clone(), case.bytes.clone()))
        .collect()
}

/// A document of any depth.
pub(crate) fn parse(bytes: &[u8]) -> Json {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    reader.disable_recursion_limit();
    Json::deserialize(&mut reader).unwrap()
}

pub(crate) fn reading(bytes: &[u8]) -> (Reading, Findings) {
    let reading = Reader::new(&KEY).read(bytes).unwrap();
    let streamed = Reader::new(&KEY).read_from(bytes).unwrap();
    assert_eq!(
        reading.plan, streamed.plan,
        "one pass over a stream says the same"
    );
    assert_eq!(reading.warnings, streamed.warnings);
    let findings = classify(&reading.plan, &Rules::default());
    (reading, findings)
}

/// What `explain` says of a plan.
pub(crate) fn explained(bytes: &[u8]) -> Result<StackCheck, Failure> {
    explain::from_stream(bytes, &explain::Explaining::default())
}

#[test]
fn every_labelled_plan_is_understood() {
    let mut wrong = Vec::new();
    for case in cases() {
        wrong.extend(answer::difference(case, &case.bytes));
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_is_no_plan_is_refused_with_a_reason() {
    let refused: Vec<_> = CASES.iter().filter(|case| case.is_refused()).collect();
    assert!(refused.len() >= 4, "there are inputs to refuse");
    for case in refused {
        let failure = explained(&case.bytes).unwrap_err();
        let said = failure.message.clone();
        let wanted = case.expected["error"].as_str().unwrap();
        assert!(said.contains(wanted), "{}: {said}", case.name);
        for text in case.texts("absent") {
            assert!(!format!("{failure:?}").contains(text), "{}", case.name);
        }
    }
}

#[test]
fn a_plan_with_something_to_do_is_never_in_sync() {
    for case in cases() {
        let check = explained(&case.bytes).unwrap();
        if case.expected["exit"] != 0 {
            assert_ne!(check.verdict, Verdict::InSync, "{}", case.name);
        }
    }
}

#[test]
fn every_labelled_plan_is_in_the_table() {
    let readme = folder().parent().unwrap().join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let (_, table) = readme.split_once("## Cases").unwrap();
    let listed = table.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("| ")?.split_once(" |")?;
        Some(name)
    });
    let listed: BTreeSet<_> = listed.filter(|n| *n != "case").collect();
    let there: BTreeSet<_> = CASES.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(listed, there);
}

#[test]
fn a_truth_says_what_it_is_about() {
    let known = [
        "absent",
        "actions",
        "by_hand",
        "checks",
        "deferred",
        "deposed",
        "error",
        "errored",
        "exit",
        "findings",
        "importing",
        "made_by",
        "notes",
        "outputs",
        "partial",
        "reasons",
        "sensitive",
        "shows",
        "verdict",
        "warnings",
    ];
    for case in CASES.iter() {
        let expected = case.expected.as_object().unwrap();
        let unknown: Vec<_> = expected
            .keys()
            .filter(|key| !known.contains(&key.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", case.name);
        assert!(expected["shows"].is_string(), "{}", case.name);
        assert!(
            case.is_refused() || expected["verdict"].is_string(),
            "{}",
            case.name
        );
    }
}
