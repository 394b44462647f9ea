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
