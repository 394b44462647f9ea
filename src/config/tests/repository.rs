//! Files in which a repository tightens policy.

use jiff::SignedDuration;

use super::*;
use crate::config::repository_schema;
use crate::domain::finding::FindingAction;
use crate::domain::policy::{Effect, PolicyMode, Restriction};
use crate::reconcile::settings::RepositorySettings;

const NAME: &str = "live/.mooring.yaml";

fn settings(text: &str) -> RepositorySettings {
    parse_repository(text.as_bytes(), NAME)
        .unwrap_or_else(|error| panic!("{}", error.report(false, 100)))
}

/// The report on a file that has to be refused.
fn refused(text: &str) -> String {
    let error = parse_repository(text.as_bytes(), NAME).expect_err("accepted");
    error.report(false, 100)
}

#[test]
fn the_example_says_all_that_a_repository_can_say() {
    let example = include_str!("../../../examples/repository/.mooring.yaml");
    let said = settings(example);
    let policy = &said.policy;
    assert_eq!(policy.file, NAME);
    assert_eq!(policy.mode, Some(PolicyMode::Heal));
    let [databases, access] = policy.rules.as_slice() else {
        panic!("two rules");
    };
    let effect = |rule: &Restriction| rule.rule().effect.clone();
    assert_eq!(effect(databases), Effect::Refuse);
    let when = &databases.rule().when;
    assert_eq!(when.types[0].as_str(), "aws_db_*");
    assert_eq!(
        when.actions,
        [FindingAction::Replace, FindingAction::Delete]
    );
    let Effect::Ask(requirement) = effect(access) else {
        panic!("it asks");
    };
    assert_eq!((requirement.count, requirement.not_author), (2, true));
    assert_eq!(policy.windows.len(), 1);
    assert_eq!(policy.windows[0].zone.iana_name(), Some("Europe/Berlin"));
    let freeze = policy.freezes[0].from.to_string();
    assert_eq!(freeze, "2027-12-19T23:00:00Z", "its day begins in Berlin");
    assert_eq!(policy.stack_limit.map(|limit| limit.applies), Some(1));
    assert_eq!(policy.max_changes, Some(5));
    assert_eq!(policy.hold_off, Some(SignedDuration::from_mins(15)));
    assert_eq!(said.watch, ["policies/live.json"]);
    // Whatever key there is, the example shows it.
    let schema: serde_json::Value = serde_json::from_str(&repository_schema()).unwrap();
    let mut keys = Vec::new();
    properties(&schema, &mut keys);
    let missing: Vec<&String> = keys
        .iter()
        .filter(|key| !example.contains(&format!("{key}:")))
        .collect();
    assert_eq!(missing, Vec::<&String>::new());
}

fn properties(schema: &serde_json::Value, keys: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(fields) => {
            if let Some(serde_json::Value::Object(properties)) = fields.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            fields.values().for_each(|value| properties(value, keys));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| properties(item, keys)),
        _ => {}
    }
}

#[test]
fn a_file_in_which_nothing_stands_says_nothing() {
    let nothing = settings("# to come\n");
    assert_eq!(nothing.policy.mode, None);
    assert!(nothing.policy.rules.is_empty() && nothing.watch.is_empty());
}

#[test]
fn what_would_loosen_policy_is_refused_where_it_stands() {
    insta::assert_snapshot!(refused("policy:\n  rules:\n    - { name: tags, effect: safe, attributes: [tags] }\n"), @"
     × a repository can tighten policy and never loosen it, so no rule here can be `safe`
      ╭─[live/.mooring.yaml:3:29]
    2 │   rules:
    3 │     - { name: tags, effect: safe, attributes: [tags] }
      ·                             ────
      ╰────
     help: write `ask` or `refuse`; what may be done without asking, and what is left alone, stands
           in the operator's configuration
    ");
    insta::assert_snapshot!(refused("policy:\n  safe: [{ type: x, attributes: [tags] }]\n"), @"
     × unknown key `safe`
      ╭─[live/.mooring.yaml:2:3]
    1 │ policy:
    2 │   safe: [{ type: x, attributes: [tags] }]
      ·   ────
      ╰────
     help: allowed here: `freezes`, `hold_off`, `limits`, `max_changes`, `mode`, `rules`, `windows`
    ");
    insta::assert_snapshot!(refused("policy:\n  rules:\n    - { name: scaling, effect: ignore, attributes: [desired] }\nlabels: { tier: dev }\n"), @"
     × unknown key `labels`
      ╭─[live/.mooring.yaml:4:1]
    3 │     - { name: scaling, effect: ignore, attributes: [desired] }
    4 │ labels: { tier: ***
      · ──────
      ╰────
     help: allowed here: `policy`, `timezone`, `watch`
    ");
}

#[test]
fn mistakes_are_told_all_at_once_with_their_lines() {
    insta::assert_snapshot!(refused("timezone: Mars\npolicy:\n  mode: wild\n  max_changes: 0\n  hold_off: soon\n  rules:\n    - { name: a, effect: refuse, types: [] }\nwatch: [../secrets]\n"), @"
     × `Mars` is no time zone
      ╭─[live/.mooring.yaml:1:11]
    1 │ timezone: Mars
      ·           ────
    2 │ policy:
      ╰────
     help: write an IANA name, for example `Europe/Berlin`

     × `wild` is no mode
      ╭─[live/.mooring.yaml:3:9]
    2 │ policy:
    3 │   mode: wild
      ·         ────
    4 │   max_changes: 0
      ╰────
     help: allowed here: `observe`, `heal`, `sync`

     × with zero this never holds
      ╭─[live/.mooring.yaml:4:16]
    3 │   mode: wild
    4 │   max_changes: 0
      ·                ─
    5 │   hold_off: soon
      ╰────
     help: write 1 or more

     × this is no duration
      ╭─[live/.mooring.yaml:5:13]
    4 │   max_changes: 0
    5 │   hold_off: soon
      ·             ────
    6 │   rules:
      ╰────
     help: write a number with a unit: `30s`, `5m`, `1h30m`, `90d` (a day is 24 hours)

     × nothing stands in this list, so the rule would never fit
      ╭─[live/.mooring.yaml:7:41]
    6 │   rules:
    7 │     - { name: a, effect: refuse, types: [] }
      ·                                         ─
    8 │ watch: [../secrets]
      ╰────
     help: name something, or take the key away: then it fits whatever that is

     × this path leads out of the repository
      ╭─[live/.mooring.yaml:8:9]
    7 │     - { name: a, effect: refuse, types: [] }
    8 │ watch: [../secrets]
      ·         ──────────
      ╰────
     help: write it relative to the repository's root
    ");
    let bytes = parse_repository(b"policy: \xff", NAME).expect_err("accepted");
    assert_eq!(
        bytes.to_string(),
        "live/.mooring.yaml is not UTF-8 text (save it as UTF-8)"
    );
}

#[test]
fn the_operator_can_have_them_passed_over() {
    let read = |more: &str| {
        let text = format!("sources: [{{ name: infra, path: /srv/git/infra{more} }}]\n");
        good(&text).sources[0].repository.is_some()
    };
    assert!(read(""), "they can only tighten");
    assert!(read(", repository: { settings: true }"));
    assert!(!read(", repository: { settings: false }"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn files_of_repositories_never_panic(
        text in "([a-z]{1,3}|policy|rules|effect|ask|name|: |:\n|\n|  |- |\\[|\\]|\\{|\\}|, |\"|'|&a |\\*a|!|#|0|1h)*",
    ) {
        if let Err(error) = parse_repository(text.as_bytes(), NAME) {
            error.report(false, 80);
        }
    }
}
