//! When stacks are looked at besides their schedule.

use std::time::Duration;

use super::*;

#[test]
fn states_are_glanced_at_where_it_is_said() {
    let every =
        |text: &str, dir: &str| settings_of(&good(&format!("{GOOD}{text}")), dir).state_watch;
    assert_eq!(every("", "infra/a"), None);
    let general = "state_watch: { every: 5m }\n";
    assert_eq!(every(general, "infra/a"), Some(Duration::from_mins(5)));
    assert_eq!(every("state_watch: { every: never }\n", "infra/a"), None);
    let rules = "stacks:\n  - { match: infra/a, state_watch: { every: never } }\n  \
                 - { match: infra/b, state_watch: { every: 1m } }\n  \
                 - { match: infra/b, labels: { a: b } }\n";
    let both = format!("{general}{rules}");
    assert_eq!(every(&both, "infra/a"), None);
    assert_eq!(every(&both, "infra/b"), Some(Duration::from_mins(1)));
    assert_eq!(every(&both, "infra/c"), Some(Duration::from_mins(5)));
}

#[test]
fn how_often_a_state_is_glanced_at() {
    insta::assert_snapshot!(bad_with("state_watch: { every: 0s }\nstacks: [{ match: infra/a, state_watch: { every: often } }]\n"), @r#"
     × this duration is shorter than a second
      ╭─[mooring.yaml:2:23]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ state_watch: { every: 0s }
      ·                       ──
    3 │ stacks: [{ match: infra/a, state_watch: { every: often } }]
      ╰────
     help: write a second or more, for example `1m`

     × this is no duration
      ╭─[mooring.yaml:3:50]
    2 │ state_watch: { every: 0s }
    3 │ stacks: [{ match: infra/a, state_watch: { every: often } }]
      ·                                                  ─────
      ╰────
     help: write a number with a unit: `30s`, `5m`, `1h30m`, `90d` (a day is 24 hours)
    "#);
}

#[test]
fn quiet_stacks_are_looked_at_less_often_where_it_is_said() {
    let most = |text: &str, dir: &str| {
        let adaptive = settings_of(&good(&format!("{GOOD}{text}")), dir).adaptive;
        adaptive.map(|adaptive| adaptive.max_interval.as_hours())
    };
    assert_eq!(most("", "infra/a"), None);
    let general = "adaptive: { max_interval: 4h }\n";
    let rules = "stacks: [{ match: infra/a, adaptive: { max_interval: never } }]\n";
    assert_eq!(most(&format!("{general}{rules}"), "infra/a"), None);
    assert_eq!(most(&format!("{general}{rules}"), "infra/b"), Some(4));
    insta::assert_snapshot!(bad_with("adaptive: { max_interval: -4h }\n"), @r#"
     × this duration is negative
      ╭─[mooring.yaml:2:27]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ adaptive: { max_interval: -4h }
      ·                           ───
      ╰────
     help: write it without the sign
    "#);
}

#[test]
fn providers_of_a_budget() {
    let budget = |providers: &str| {
        format!("budgets: [{{ name: a, runs: 1, when: {{ providers: {providers} }} }}]\n")
    };
    let settings = good(&format!(
        "{GOOD}{}",
        budget("[hashicorp/aws, \"x.example/a/*\"]")
    ));
    assert_eq!(settings.budgets[0].providers.len(), 2);
    insta::assert_snapshot!(bad_with(&budget("[aws, \"a/[\"]")), @r#"
     × this is no source address of a provider
      ╭─[mooring.yaml:2:51]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ budgets: [{ name: a, runs: 1, when: { providers: [aws, "a/["] } }]
      ·                                                   ───
      ╰────
     help: write it as `required_providers` has it, `hashicorp/aws`, or with its registry,
           `registry.terraform.io/hashicorp/aws`; each part may be a pattern

     × this is no pattern: unclosed character class; missing ']'
      ╭─[mooring.yaml:2:56]
    1 │ sources: [{ name: infra, path: /srv/git/infra }]
    2 │ budgets: [{ name: a, runs: 1, when: { providers: [aws, "a/["] } }]
      ·                                                        ─────
      ╰────
     help: write it as `required_providers` has it, `hashicorp/aws`, or with its registry,
           `registry.terraform.io/hashicorp/aws`; each part may be a pattern
    "#);
}
