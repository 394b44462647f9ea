//! What is found on loading.

use std::path::PathBuf;

use serde_json::json;

use super::super::settings::{Namespaces, RegoSettings};
use super::super::{LoadError, Policies};
use super::{ask, denials, folder, loaded, refused, settings};

#[test]
fn every_package_is_asked_if_so_configured() {
    let folder = folder(&[
        ("a.rego", "package a.b\ndeny contains \"a\""),
        ("c.rego", "package c[\"d-e\"]\ndeny contains \"c\""),
    ]);
    let mut settings = settings(folder.path());
    settings.namespaces = Namespaces::All;
    let opinion = ask(&Policies::load(&settings).unwrap(), &json!({}));
    let said: Vec<String> = opinion.denials.iter().map(|d| d.rule.to_string()).collect();
    assert_eq!(said, ["a.b.deny", "c.d-e.deny"]);
    assert_eq!(opinion.failures, []);
}

#[test]
fn a_package_that_would_never_be_asked_is_an_error() {
    let files = [("a.rego", "package terraform\ndeny contains \"a\"")];
    assert_eq!(
        refused(&files),
        "package `main` has no rule named deny, violation or warn, so nothing in it would ever be \
         asked; the packages are terraform: set `namespaces`"
    );
    let ours = [("a.rego", "package mooring\nsafe contains \"a.b\"")];
    assert_eq!(loaded(&ours).rules().collect::<Vec<_>>(), ["mooring.safe"]);
    assert!(refused(&[("a.txt", "")]).starts_with("no file ending in .rego in "));
}

#[test]
fn errors_are_found_on_loading_with_their_place() {
    assert_eq!(
        refused(&[(
            "a/x.rego",
            "package main\ndeny contains msg if {\n  msg := \n}"
        )]),
        "a/x.rego:3:7: expecting `}` while parsing set"
    );
    assert_eq!(
        refused(&[(
            "x.rego",
            "package main\ndeny contains \"m\" if { some y in input.z; x > y }"
        )]),
        "x.rego:2:43: use of undefined variable `x` is unsafe"
    );
    assert_eq!(
        refused(&[(
            "x.rego",
            "package mooring\n\nfindings := 5\ndeny contains 1"
        )]),
        "x.rego:3:1: `mooring.findings` is what Mooring tells: give the rule another name"
    );
    let missing = PathBuf::from("no/such/directory");
    let error = Policies::load(&RegoSettings::new(vec![missing])).unwrap_err();
    assert!(matches!(error, LoadError::Read { .. }), "{error}");
}

#[test]
fn data_files_stand_below_the_names_of_their_directories() {
    let folder = folder(&[
        (
            "p/a.rego",
            "package main\ndeny contains x if some x in data.limits.regions\ndeny contains data.top",
        ),
        ("d/limits/a.yaml", "regions: [eu-west-1]\n"),
        ("d/limits/b.yml", "types: []\n"),
        ("d/top.json", "{\"top\": \"t\"}"),
    ]);
    let mut settings = settings(&folder.path().join("p"));
    settings.data = vec![folder.path().join("d")];
    let opinion = ask(&Policies::load(&settings).unwrap(), &json!({}));
    assert_eq!(denials(&opinion), ["eu-west-1", "t"]);

    let wrong = |name: &str, text: &str| {
        std::fs::write(folder.path().join("d").join(name), text).unwrap();
        let error = Policies::load(&settings).unwrap_err().to_string();
        std::fs::remove_file(folder.path().join("d").join(name)).unwrap();
        error
    };
    assert!(wrong("z.json", "[1]").ends_with("z.json: the document has to be an object"));
    assert!(wrong("z.json", "{\"mooring\": 1}").contains("is for what Mooring tells"));
    assert!(wrong("z.json", "{\"top\": 2}").contains("z.json: another file says otherwise"));
    assert!(wrong("z.json", "{\n\"top\"").contains("line 2"));
    assert!(wrong("z.yaml", "a: [\n").contains("z.yaml: "));
}

#[test]
fn a_mounted_config_map_is_read_once() {
    let folder = folder(&[(
        "..2026_11/a.rego",
        "package main\na := 1\ndeny contains \"once\"",
    )]);
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
    };
    link("..2026_11", "..data");
    link("..data/a.rego", "a.rego");
    let policies = Policies::load(&settings(folder.path())).unwrap();
    assert_eq!(policies.sources.len(), 1);
    assert_eq!(denials(&ask(&policies, &json!({}))), ["once"]);
}
