//! Policies: rules with effects, and when nothing is applied.

use jiff::SignedDuration;

use super::*;
use crate::domain::finding::{FindingAction, Origin, Severity};
use crate::domain::policy::{ApplyLimit, Effect, Policy, PolicyMode, Requirement};

fn policy(text: &str) -> Policy {
    let text = format!("{GOOD}timezone: Europe/Berlin\npolicy:\n{text}");
    good(&text).defaults.policy.policy
}

#[test]
fn rules_keep_their_order_their_conditions_and_what_they_do() {
    let policy = policy(
        r#"
  mode: sync
  rules:
    - name: no-databases
      effect: refuse
      types: ["aws_db_*"]
      stacks: ["infra/live/**"]
      actions: [replace, delete]
    - name: access
      effect: ask
      origins: [pending]
      severity: { at_least: high }
      approval: { count: 2, groups: [platform, security], not_author: true }
    - { name: small, effect: safe, types: [aws_sqs_queue], attributes: [tags], actions: [update, create], changes: 3 }
  safe:
    - { type: aws_sns_topic, attributes: [tags] }
"#,
    );
    assert_eq!(policy.mode, PolicyMode::Sync);
    let [refuse, ask, update, create] = policy.rules.as_slice() else {
        panic!("four rules");
    };
    assert_eq!(refuse.effect, Effect::Refuse);
    assert_eq!(
        refuse.when.actions,
        [FindingAction::Replace, FindingAction::Delete]
    );
    assert!(refuse.when.stacks.stacks[0].is_match("infra/live/web"));
    assert_eq!(ask.when.origins, [Origin::Pending]);
    assert_eq!(ask.when.at_least, Some(Severity::High));
    let wanted = Requirement {
        count: 2,
        groups: vec![vec!["platform".to_owned(), "security".to_owned()]],
        not_author: true,
    };
    assert_eq!(ask.effect, Effect::Ask(wanted));
    assert_eq!(update.when.actions, [FindingAction::Update]);
    assert_eq!(update.when.attributes[0].as_str(), "tags");
    assert_eq!(create.when.actions, [FindingAction::Create]);
    assert_eq!(
        (create.name.as_str(), create.when.changes),
        ("small", Some(3))
    );
    assert!(
        create.when.attributes.is_empty(),
        "what is created has no attributes yet"
    );
    assert_eq!(policy.safe.len(), 1);
}

#[test]
fn days_are_whole_days_of_the_zone() {
    let policy = policy(
        r#"
  rules:
    - { name: a, effect: ignore, owner: web, reason: why, until: 2027-06-30 }
    - { name: b, effect: ignore, owner: web, reason: why, until: 2027-06-30T12:00:00Z }
  freezes:
    - { from: 2026-12-20, to: 2026-12-31, reason: the end of the year }
"#,
    );
    let until = |place: usize| match &policy.rules[place].effect {
        Effect::Ignore(ignore) => ignore.until.map(|at| at.to_string()),
        _ => None,
    };
    assert_eq!(until(0).as_deref(), Some("2027-06-30T22:00:00Z"));
    assert_eq!(until(1).as_deref(), Some("2027-06-30T12:00:00Z"));
    let freeze = &policy.freezes[0];
    let times = (freeze.from.to_string(), freeze.to.to_string());
    assert_eq!(times.0, "2026-12-19T23:00:00Z");
    assert_eq!(times.1, "2026-12-31T23:00:00Z");
}

#[test]
fn limits_and_the_rest_of_when_nothing_is_applied() {
    let text = format!(
        "{GOOD}{}",
        r#"
policy:
  limits: { fleet: { applies: 9, within: 2h } }
  windows: [{ from: "09:00", to: "16:00" }]
  max_changes: 5
  contested: { times: 3, within: 1h }
stacks:
  - match: "infra/**"
    policy: { shadow: true, limits: { stack: { applies: 1, within: 1h } }, windows: [], max_changes: 7 }
"#
    );
    let settings = good(&text);
    let general = &settings.defaults.policy.policy;
    let limit = |applies, hours| ApplyLimit {
        applies,
        within: SignedDuration::from_hours(hours),
    };
    assert_eq!(general.limits.fleet, Some(limit(9, 2)));
    assert_eq!((general.max_changes, general.windows.len()), (5, 1));
    assert_eq!(general.contested.times, 3);
    let mut own = settings.defaults.clone();
    settings.stacks[0].overrides.apply(&mut own);
    let own = own.policy.policy;
    assert!(own.shadow && own.windows.is_empty());
    assert_eq!(
        (own.limits.fleet, own.limits.stack),
        (Some(limit(9, 2)), Some(limit(1, 1)))
    );
    assert_eq!((own.max_changes, own.contested.times), (7, 3));
}

#[test]
fn a_rule_that_ignored_until_a_day_that_is_over_is_told_and_is_no_mistake() {
    let text = format!(
        "{GOOD}policy:\n  rules:\n    - {{ name: old, effect: ignore, owner: web, reason: why, until: 2020-01-31 }}\n"
    );
    let settings = good(&text);
    insta::assert_snapshot!(settings.warnings.join("\n"), @"line 4: rule `old` ignored things until 2020-01-31 and does so no longer; take it away or give it more time");
}

#[test]
fn rules_that_say_too_little_or_too_much() {
    insta::assert_snapshot!(bad_with("policy:\n  rules:\n    - { name: a, effect: ignore, types: [] }\n    - { name: a, effect: safe, types: [aws_vpc], actions: [delete], owner: me }\n    - { name: b, effect: ask, actions: [updat], approval: { count: 0, groups: [] } }\n    - { name: c, effect: refuse, severity: { at_least: high, at_most: low }, approval: {} }\n"), @r#"
     × this rule ignores something and has no `owner`
      ╭─[mooring.yaml:4:26]
    3 │   rules:
    4 │     - { name: a, effect: ignore, types: [] }
      ·                          ──────
    5 │     - { name: a, effect: safe, types: [aws_vpc], actions: [delete], owner: me }
      ╰────
     help: say who answers for it (`owner`) and why (`reason`): people see both

     × this rule ignores something and has no `reason`
      ╭─[mooring.yaml:4:26]
    3 │   rules:
    4 │     - { name: a, effect: ignore, types: [] }
      ·                          ──────
    5 │     - { name: a, effect: safe, types: [aws_vpc], actions: [delete], owner: me }
      ╰────
     help: say who answers for it (`owner`) and why (`reason`): people see both

     × nothing stands in this list, so the rule would never fit
      ╭─[mooring.yaml:4:41]
    3 │   rules:
    4 │     - { name: a, effect: ignore, types: [] }
      ·                                         ─
    5 │     - { name: a, effect: safe, types: [aws_vpc], actions: [delete], owner: me }
      ╰────
     help: name something, or take the key away: then it fits whatever that is

     × a second rule is called `a`
      ╭─[mooring.yaml:5:15]
    4 │     - { name: a, effect: ignore, types: [] }
    5 │     - { name: a, effect: safe, types: [aws_vpc], actions: [delete], owner: me }
      ·               ─
    6 │     - { name: b, effect: ask, actions: [updat], approval: { count: 0, groups: [] } }
      ╰────
     help: give each its own name

     × no rule can make `delete` automatic
      ╭─[mooring.yaml:5:60]
    4 │     - { name: a, effect: ignore, types: [] }
    5 │     - { name: a, effect: safe, types: [aws_vpc], actions: [delete], owner: me }
      ·                                                            ──────
    6 │     - { name: b, effect: ask, actions: [updat], approval: { count: 0, groups: [] } }
      ╰────
     help: take it away: what cannot be undone is always left to a person; a rule can cover `update`
           and `create`

     × `owner` belongs to rules that ignore, and this one is `safe`
      ╭─[mooring.yaml:5:76]
    4 │     - { name: a, effect: ignore, types: [] }
    5 │     - { name: a, effect: safe, types: [aws_vpc], actions: [delete], owner: me }
      ·                                                                            ──
    6 │     - { name: b, effect: ask, actions: [updat], approval: { count: 0, groups: [] } }
      ╰────
     help: take it away

     × `updat` is no action
      ╭─[mooring.yaml:6:41]
    5 │     - { name: a, effect: safe, types: [aws_vpc], actions: [delete], owner: me }
    6 │     - { name: b, effect: ask, actions: [updat], approval: { count: 0, groups: [] } }
      ·                                         ─────
    7 │     - { name: c, effect: refuse, severity: { at_least: high, at_most: low }, approval: {} }
      ╰────
     help: did you mean `update`?

     × with zero this never holds
      ╭─[mooring.yaml:6:68]
    5 │     - { name: a, effect: safe, types: [aws_vpc], actions: [delete], owner: me }
    6 │     - { name: b, effect: ask, actions: [updat], approval: { count: 0, groups: [] } }
      ·                                                                    ─
    7 │     - { name: c, effect: refuse, severity: { at_least: high, at_most: low }, approval: {} }
      ╰────
     help: write 1 or more

     × nobody is in no group, so nobody could approve
      ╭─[mooring.yaml:6:79]
    5 │     - { name: a, effect: safe, types: [aws_vpc], actions: [delete], owner: me }
    6 │     - { name: b, effect: ask, actions: [updat], approval: { count: 0, groups: [] } }
      ·                                                                               ─
    7 │     - { name: c, effect: refuse, severity: { at_least: high, at_most: low }, approval: {} }
      ╰────
     help: name groups, or take the key away: then everybody who may approve can

     × no severity is that high and that low
      ╭─[mooring.yaml:7:44]
    6 │     - { name: b, effect: ask, actions: [updat], approval: { count: 0, groups: [] } }
    7 │     - { name: c, effect: refuse, severity: { at_least: high, at_most: low }, approval: {} }
      ·                                            ─
      ╰────
     help: write the lower one as `at_least`

     × `approval` belongs to rules that ask, and this one is `refuse`
      ╭─[mooring.yaml:7:88]
    6 │     - { name: b, effect: ask, actions: [updat], approval: { count: 0, groups: [] } }
    7 │     - { name: c, effect: refuse, severity: { at_least: high, at_most: low }, approval: {} }
      ·                                                                                        ─
      ╰────
     help: take it away, or write `effect: ask`
    "#);
}

#[test]
fn rules_with_words_that_there_are_not() {
    insta::assert_snapshot!(bad_with("policy:\n  rules:\n    - { name: a, effect: saf }\n"), @r#"
     × this is none of the allowed values
      ╭─[mooring.yaml:4:26]
    3 │   rules:
    4 │     - { name: a, effect: saf }
      ·                          ───
      ╰────
     help: did you mean `safe`?
    "#);
    insta::assert_snapshot!(bad_with("policy:\n  rules:\n    - { name: a, effect: safe, attribute: [tags] }\n"), @r#"
     × unknown key `attribute`
      ╭─[mooring.yaml:4:32]
    3 │   rules:
    4 │     - { name: a, effect: safe, attribute: ***
      ·                                ─────────
      ╰────
     help: did you mean `attributes`?
    "#);
}

#[test]
fn times_that_make_no_sense() {
    insta::assert_snapshot!(bad_with("policy:\n  freezes:\n    - { from: 2026-12-31, to: 2026-12-01, reason: x }\n    - { from: soon, to: 2026-12-01, reason: x }\n  limits: { stack: { applies: 0, within: 1h } }\n"), @r#"
     × this is over before it begins
      ╭─[mooring.yaml:4:31]
    3 │   freezes:
    4 │     - { from: 2026-12-31, to: 2026-12-01, reason: x }
      ·                               ──────────
    5 │     - { from: soon, to: 2026-12-01, reason: x }
      ╰────
     help: write the first day as `from` and the last as `to`

     × this is neither a day nor a time
      ╭─[mooring.yaml:5:15]
    4 │     - { from: 2026-12-31, to: 2026-12-01, reason: x }
    5 │     - { from: soon, to: 2026-12-01, reason: x }
      ·               ────
    6 │   limits: { stack: { applies: 0, within: 1h } }
      ╰────
     help: write it like `2027-01-31` or `2027-01-31T18:00:00Z`

     × with zero this never holds
      ╭─[mooring.yaml:6:31]
    5 │     - { from: soon, to: 2026-12-01, reason: x }
    6 │   limits: { stack: { applies: 0, within: 1h } }
      ·                               ─
      ╰────
     help: write 1 or more
    "#);
}
