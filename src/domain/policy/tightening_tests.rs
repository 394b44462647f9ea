#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use jiff::civil::time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::finding::Finding;
use super::super::hours::Hours;
use super::super::testing::{check, drift, pending};
use super::*;

const FILE: &str = "live/.mooring.yaml";

fn rule(name: &str, effect: Effect) -> Rule {
    Rule {
        name: name.to_owned(),
        when: Conditions::default(),
        effect,
    }
}

fn restriction(name: &str, effect: Effect) -> Restriction {
    Restriction::try_from(rule(name, effect)).unwrap()
}

fn asking(count: u32, group: &str) -> Effect {
    Effect::Ask(Requirement {
        count,
        groups: vec![vec![group.to_owned()]],
        not_author: false,
    })
}

fn said(tightening: Tightening) -> Tightening {
    Tightening {
        file: FILE.to_owned(),
        ..tightening
    }
}

/// The operator lets Mooring do everything that can be undone.
fn generous(repository: Vec<Tightening>) -> Policy {
    Policy {
        mode: PolicyMode::Sync,
        rules: vec![rule("all", Effect::Safe)],
        repository,
        ..Policy::default()
    }
}

fn now() -> Facts {
    Facts {
        now: "2026-11-27T12:00:00Z".parse().unwrap(),
        code: CodeSince::Changed,
        state_stood: true,
        ..Facts::default()
    }
}

fn tag() -> Vec<Finding> {
    vec![drift("aws_sqs_queue.jobs", "tags.Env", "hacked")]
}

fn decided(found: Vec<Finding>, policy: &Policy) -> Decision {
    let mut look = check(found);
    ignore(&mut look.findings, policy, &now());
    decide(look.verdict, &look.findings, policy, &now())
}

fn texts(decision: &Decision) -> String {
    let reasons = decision.reasons.iter();
    let texts: Vec<&str> = reasons.map(|reason| reason.text.as_str()).collect();
    texts.join("\n")
}

#[test]
fn a_rule_that_asks_hides_no_rule_that_refuses_whoever_wrote_which() {
    let ask = || asking(1, "web");
    let operator_refuses = Policy {
        rules: vec![rule("no", Effect::Refuse)],
        ..generous(vec![said(Tightening {
            rules: vec![restriction("ask", ask())],
            ..Tightening::default()
        })])
    };
    let decision = decided(tag(), &operator_refuses);
    assert_eq!(decision.kind, DecisionKind::Refuse);
    let asks_above = said(Tightening {
        rules: vec![restriction("ask", ask())],
        ..Tightening::default()
    });
    let refuses_below = Tightening {
        file: "live/web/.mooring.yaml".to_owned(),
        rules: vec![restriction("no", Effect::Refuse)],
        ..Tightening::default()
    };
    let decision = decided(tag(), &generous(vec![asks_above, refuses_below]));
    assert_eq!(decision.kind, DecisionKind::Refuse);
    insta::assert_snapshot!(texts(&decision), @"aws_sqs_queue.jobs: rule no of live/web/.mooring.yaml refuses a change of tags.Env");
    assert_eq!(
        decision.reasons[0].by.to_string(),
        "rule no of live/web/.mooring.yaml: refuse"
    );
}

#[test]
fn of_one_file_the_first_rule_that_fits_counts_and_of_several_every_one() {
    let two = |first: Effect, second: Effect| {
        let rules = vec![restriction("a", first), restriction("b", second)];
        said(Tightening {
            rules,
            ..Tightening::default()
        })
    };
    let one = decided(
        tag(),
        &generous(vec![two(asking(2, "web"), Effect::Refuse)]),
    );
    assert_eq!((one.kind, one.requirement.count), (DecisionKind::Ask, 2));
    let operator = Policy {
        rules: vec![rule("operator", asking(1, "platform"))],
        ..generous(vec![two(asking(2, "web"), Effect::Refuse)])
    };
    let both = decided(tag(), &operator);
    assert_eq!(both.requirement.count, 2);
    assert_eq!(both.requirement.groups, [["platform"], ["web"]]);
}

#[test]
fn the_more_restrained_mode_counts_and_says_whose_it_is() {
    let with = |own: PolicyMode, theirs: PolicyMode| Policy {
        mode: own,
        ..generous(vec![said(Tightening {
            mode: Some(theirs),
            ..Tightening::default()
        })])
    };
    use PolicyMode::{Heal, Observe, Sync};
    assert_eq!(with(Heal, Sync).furthest(), Heal, "never further");
    let observed = decided(tag(), &with(Sync, Observe));
    assert_eq!(observed.kind, DecisionKind::Alert);
    insta::assert_snapshot!(texts(&observed), @"mode is observe: Mooring only reports (live/.mooring.yaml)");
    let code = || vec![pending("aws_sqs_queue.jobs", "delay_seconds", "9")];
    assert_eq!(decided(code(), &with(Sync, Sync)).kind, DecisionKind::Apply);
    let held = decided(code(), &with(Sync, Heal));
    insta::assert_snapshot!(texts(&held), @"code is waiting to be applied; Mooring holds it (live/.mooring.yaml)");
    let own = decided(tag(), &with(Observe, Observe));
    assert_eq!(own.reasons[0].by, By::Builtin, "the operator says so too");
}

#[test]
fn below_a_file_that_cannot_be_read_nothing_is_applied_and_every_decision_says_so() {
    let policy = generous(vec![Tightening::unread(FILE, "line 3: unknown key")]);
    let drifted = decided(tag(), &policy);
    assert_eq!(drifted.kind, DecisionKind::Alert);
    insta::assert_snapshot!(texts(&drifted), @"
    mode is observe: Mooring only reports (live/.mooring.yaml)
    nothing is applied until live/.mooring.yaml can be read: line 3: unknown key
    ");
    let quiet = decided(Vec::new(), &policy);
    assert_eq!(quiet.kind, DecisionKind::Nothing);
    insta::assert_snapshot!(texts(&quiet), @"
    in sync
    nothing is applied until live/.mooring.yaml can be read: line 3: unknown key
    ");
}

#[test]
fn windows_of_both_have_to_be_open_and_every_freeze_and_limit_holds() {
    let hours = |from, to| Hours {
        days: Vec::new(),
        from: time(from, 0, 0, 0),
        to: time(to, 0, 0, 0),
        zone: TimeZone::UTC,
    };
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let policy = |windows: Vec<Hours>, file: Tightening| Policy {
        windows,
        ..generous(vec![said(file)])
    };
    let theirs = Tightening {
        windows: vec![hours(14, 16)],
        ..Tightening::default()
    };
    let shut = decided(tag(), &policy(vec![hours(9, 17)], theirs.clone()));
    assert_eq!(
        (shut.kind, shut.not_before),
        (DecisionKind::Alert, Some(at("2026-11-27T14:00:00Z")))
    );
    insta::assert_snapshot!(texts(&shut), @"it is none of the times in which Mooring may apply; the next begins at 2026-11-27T14:00:00Z (live/.mooring.yaml)");
    let apart = decided(tag(), &policy(vec![hours(9, 11)], theirs));
    assert_eq!(apart.reasons.len(), 2, "two that are never open at once");
    let freeze = Tightening {
        freezes: vec![Freeze {
            from: at("2026-11-27T00:00:00Z"),
            to: at("2026-11-28T00:00:00Z"),
            reason: "the sale".to_owned(),
        }],
        ..Tightening::default()
    };
    let frozen = decided(tag(), &policy(Vec::new(), freeze));
    insta::assert_snapshot!(texts(&frozen), @"nothing is applied until 2026-11-28T00:00:00Z: the sale (live/.mooring.yaml)");
    let most = |applies| ApplyLimit {
        applies,
        within: SignedDuration::from_hours(1),
    };
    let limited = Policy {
        limits: Limits {
            stack: Some(most(5)),
            fleet: None,
        },
        ..policy(
            Vec::new(),
            Tightening {
                stack_limit: Some(most(1)),
                ..Tightening::default()
            },
        )
    };
    let facts = Facts {
        applies: Applies {
            stack: vec![at("2026-11-27T11:30:00Z")],
            fleet: Vec::new(),
        },
        ..now()
    };
    let look = check(tag());
    let decision = decide(look.verdict, &look.findings, &limited, &facts);
    insta::assert_snapshot!(texts(&decision), @"the stack was applied too often lately: 1 applies within 1h are the most (live/.mooring.yaml)");
}

#[test]
fn the_smaller_number_of_changes_and_the_longer_hold_off_count() {
    let file = |most, hours| {
        said(Tightening {
            max_changes: Some(most),
            hold_off: Some(SignedDuration::from_hours(hours)),
            ..Tightening::default()
        })
    };
    let policy = generous(vec![file(1, 1), file(50, 3)]);
    let mut two = tag();
    two.extend(vec![drift("aws_sqs_queue.other", "tags.Env", "x")]);
    let asked = decided(two, &policy);
    insta::assert_snapshot!(texts(&asked), @"the plan changes 2 objects, and more than 1 are not changed at once without asking (live/.mooring.yaml)");
    let own = |hours| policy.hold_off(SignedDuration::from_hours(hours));
    assert_eq!((own(0).as_hours(), own(7).as_hours()), (3, 7));
}

#[test]
fn what_a_file_says_is_kept_with_a_decision_and_no_rule_that_grants_comes_back() {
    let file = said(Tightening {
        mode: Some(PolicyMode::Heal),
        rules: vec![restriction("ask", asking(2, "web"))],
        windows: vec![Hours {
            days: vec![jiff::civil::Weekday::Sunday],
            from: time(9, 0, 0, 0),
            to: time(17, 30, 0, 0),
            zone: TimeZone::get("Europe/Berlin").unwrap(),
        }],
        hold_off: Some(SignedDuration::from_mins(90)),
        ..Tightening::default()
    });
    let kept = serde_json::to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<Tightening>(&kept).unwrap(), file);
    let grants = serde_json::json!({ "rules": [rule("all", Effect::Safe)] });
    assert!(serde_json::from_value::<Tightening>(grants).is_err());
}
