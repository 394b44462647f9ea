#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod needed;

use jiff::civil::time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::attribute_key::AttributeKey;
use super::super::content::tells_drift;
use super::super::finding::{Finding, FindingAction, Findings, Origin, Severity, Verdict};
use super::super::hours::Hours;
use super::super::ids::{Address, SourceName, StackId};
use super::super::pattern::{NamePattern, PathPattern, StackPattern};
use super::super::testing::{check, drift, finding, pending, value};
use crate::domain::pause::{Pause, Scope};

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn names(patterns: &[&str]) -> Vec<NamePattern> {
    patterns
        .iter()
        .map(|p| NamePattern::parse(p).unwrap())
        .collect()
}

fn paths(patterns: &[&str]) -> Vec<PathPattern> {
    patterns
        .iter()
        .map(|p| PathPattern::parse(p).unwrap())
        .collect()
}

/// A rule on attributes, on all of them if none is named.
fn rule(name: &str, attributes: &[&str], effect: Effect) -> Rule {
    Rule {
        name: name.to_owned(),
        when: Conditions {
            attributes: paths(attributes),
            ..Conditions::default()
        },
        effect,
    }
}

fn ignoring(name: &str, attributes: &[&str], until: Option<&str>) -> Rule {
    rule(
        name,
        attributes,
        Effect::Ignore(Ignore {
            owner: "web".to_owned(),
            reason: "the pipeline sets it".to_owned(),
            until: until.map(at),
        }),
    )
}

fn asking(count: u32, group: &str, not_author: bool) -> Effect {
    Effect::Ask(Requirement {
        count,
        groups: vec![vec![group.to_owned()]],
        not_author,
    })
}

fn heal(rules: Vec<Rule>) -> Policy {
    Policy {
        mode: PolicyMode::Heal,
        rules,
        ..Policy::default()
    }
}

fn sync(rules: Vec<Rule>) -> Policy {
    Policy {
        mode: PolicyMode::Sync,
        ..heal(rules)
    }
}

fn now() -> Facts {
    Facts {
        now: at("2026-11-27T12:00:00Z"),
        stack: Some(StackId::new("infra/live/web")),
        source: Some(SourceName::new("infra")),
        ..Facts::default()
    }
}

/// What a look finds, with what rules ignore marked, and what is decided.
fn looked(found: Vec<Finding>, policy: &Policy, facts: &Facts) -> (Findings, Decision) {
    let mut check = check(found);
    ignore(&mut check.findings, policy, facts);
    let decision = decide(check.verdict, &check.findings, policy, facts);
    (check.findings, decision)
}

fn decided(found: Vec<Finding>, policy: &Policy) -> Decision {
    looked(found, policy, &now()).1
}

fn texts(decision: &Decision) -> String {
    let reasons = decision.reasons.iter();
    let texts: Vec<&str> = reasons.map(|reason| reason.text.as_str()).collect();
    texts.join("\n")
}

const QUEUE: &str = "aws_sqs_queue.jobs";

fn tag() -> Finding {
    drift(QUEUE, "tags.Env", "hacked")
}

fn two_attributes() -> Finding {
    let mut both = tag();
    both.attributes
        .extend(drift(QUEUE, "delay_seconds", "9").attributes);
    both
}

#[test]
fn the_first_rule_that_fits_an_attribute_decides() {
    let safe = || rule("tags", &["tags"], Effect::Safe);
    let env = || rule("env", &["tags.Env"], Effect::Refuse);
    assert_eq!(
        decided(vec![tag()], &heal(vec![safe(), env()])).kind,
        DecisionKind::Apply
    );
    let refused = decided(vec![tag()], &heal(vec![env(), safe()]));
    assert_eq!(refused.kind, DecisionKind::Refuse);
    assert_eq!(refused.approvable, Approvable::No);
    insta::assert_snapshot!(texts(&refused), @"aws_sqs_queue.jobs: rule env refuses a change of tags.Env");
    let other = drift(QUEUE, "tags.Owner", "x");
    assert_eq!(
        decided(vec![other], &heal(vec![env(), safe()])).kind,
        DecisionKind::Apply
    );
}

#[test]
fn every_planned_attribute_has_to_be_covered() {
    let policy = heal(vec![rule("tags", &["tags"], Effect::Safe)]);
    let decision = decided(vec![two_attributes()], &policy);
    assert_eq!(
        (decision.kind, decision.is_approvable()),
        (DecisionKind::Ask, true)
    );
    insta::assert_snapshot!(texts(&decision), @"aws_sqs_queue.jobs: no rule calls a change of delay_seconds safe (drift)");
    assert_eq!(decision.details.len(), 1);
    assert_eq!(
        decision.details[0].by,
        By::Rule {
            name: "tags".to_owned(),
            effect: EffectKind::Safe,
            file: None,
        }
    );
}

#[test]
fn a_rule_that_restricts_needs_to_touch_a_change_and_one_that_allows_to_cover_it() {
    let group = |real: &str| {
        let mut found = drift("aws_security_group.web", "ingress", "");
        found.attributes[0].state = value(r#"[{"port":443,"note":"web"}]"#);
        found.attributes[0].want = value(r#"[{"port":443,"note":"web"}]"#);
        found.attributes[0].real = value(real);
        found
    };
    let notes = || rule("notes", &["ingress.note"], Effect::Safe);
    let ports = || rule("ports", &["ingress.port"], Effect::Refuse);
    let note = group(r#"[{"port":443,"note":"x"}]"#);
    let both = group(r#"[{"port":22,"note":"x"}]"#);
    let gone = group("[]");
    let policy = heal(vec![ports(), notes()]);
    assert_eq!(
        decided(vec![note.clone()], &heal(vec![notes()])).kind,
        DecisionKind::Apply
    );
    assert_eq!(decided(vec![note], &policy).kind, DecisionKind::Apply);
    assert_eq!(
        decided(vec![both.clone()], &policy).kind,
        DecisionKind::Refuse
    );
    assert_eq!(
        decided(vec![both], &heal(vec![notes()])).kind,
        DecisionKind::Ask
    );
    assert_eq!(decided(vec![gone], &policy).kind, DecisionKind::Refuse);
}

#[test]
fn everything_that_is_given_has_to_fit() {
    let of = |change: fn(&mut Conditions)| {
        let mut refusing = rule("no", &[], Effect::Refuse);
        change(&mut refusing.when);
        let policy = heal(vec![refusing]);
        let mut inside = tag();
        inside.address = Address::new("module.net[\"a\"].module.sub.aws_sqs_queue.jobs[0]");
        decided(vec![inside], &policy).kind == DecisionKind::Refuse
    };
    assert!(of(|_| {}));
    assert!(of(|when| when.types = names(&["aws_sqs_*"])));
    assert!(!of(|when| when.types = names(&["aws_sns_*"])));
    assert!(of(
        |when| when.addresses = names(&["module.net.module.sub.aws_sqs_queue.jobs"])
    ));
    assert!(of(|when| when.addresses = names(&["*.aws_sqs_queue.jobs*"])));
    assert!(of(
        |when| when.addresses = names(&["module.net[\"a\"].module.sub.aws_sqs_queue.jobs[0]"])
    ));
    assert!(!of(|when| when.addresses = names(&["aws_sqs_queue.jobs"])));
    assert!(of(|when| when.modules = names(&["module.net"])));
    assert!(of(|when| when.modules = names(&["*.module.sub"])));
    assert!(!of(|when| when.modules = names(&["module.sub"])));
    assert!(of(|when| when.origins = vec![Origin::Drift, Origin::Both]));
    assert!(!of(|when| when.origins = vec![Origin::Pending]));
    assert!(of(|when| when.actions = vec![FindingAction::Update]));
    assert!(!of(|when| when.actions = vec![FindingAction::Create]));
    assert!(of(|when| when.at_least = Some(Severity::Medium)));
    assert!(!of(|when| when.at_least = Some(Severity::High)));
    assert!(!of(|when| when.at_most = Some(Severity::Low)));
    assert!(of(|when| when.changes = Some(1)));
    assert!(!of(|when| when.changes = Some(0)));
    assert!(of(
        |when| when.stacks.sources = vec![SourceName::new("infra")]
    ));
    assert!(!of(
        |when| when.stacks.sources = vec![SourceName::new("edge")]
    ));
    assert!(of(
        |when| when.stacks.stacks = vec![StackPattern::parse("infra/live/*").unwrap()]
    ));
    assert!(!of(
        |when| when.stacks.stacks = vec![StackPattern::parse("infra/dev/*").unwrap()]
    ));
    assert!(!of(|when| {
        let pattern = NamePattern::parse("prod").unwrap();
        when.stacks.labels.insert("tier".to_owned(), pattern);
    }));
}

#[test]
fn the_strictest_of_all_requirements_counts() {
    let policy = heal(vec![
        rule("tags", &["tags"], asking(2, "platform", false)),
        rule("delay", &["delay_seconds"], asking(1, "queues", true)),
    ]);
    let decision = decided(vec![two_attributes()], &policy);
    assert_eq!(decision.kind, DecisionKind::Ask);
    let wanted = Requirement {
        count: 2,
        groups: vec![vec!["platform".to_owned()], vec!["queues".to_owned()]],
        not_author: true,
    };
    assert_eq!(decision.requirement, wanted);
}

#[test]
fn what_rules_ignore_is_told_to_nobody_and_never_reverted() {
    let policy = heal(vec![
        ignoring("pipeline", &["tags"], None),
        rule("delay", &["delay_seconds"], Effect::Safe),
    ]);
    let (findings, decision) = looked(vec![tag()], &policy, &now());
    let found = &findings.resources[0];
    assert_eq!(found.ignored.as_ref().unwrap().rule, "pipeline");
    insta::assert_snapshot!(found.suppressed.as_ref().unwrap(), @"ignored by rule pipeline of web: the pipeline sets it");
    assert!(!tells_drift(found) && !findings.has_told_drift());
    assert_eq!(decision.kind, DecisionKind::Nothing);
    // Repairing something else would revert it.
    let delay = drift("aws_sqs_queue.mail", "delay_seconds", "9");
    let (_, decision) = looked(vec![tag(), delay], &policy, &now());
    assert_eq!(
        (decision.kind, decision.is_approvable()),
        (DecisionKind::Ask, true)
    );
    insta::assert_snapshot!(texts(&decision), @"aws_sqs_queue.jobs: tags.Env is ignored by rule pipeline of web: the pipeline sets it");
    // Code that waits is told as ever.
    let (findings, decision) = looked(vec![tag(), pending("t.a", "size", "2")], &policy, &now());
    assert_eq!(
        (decision.kind, findings.has_pending()),
        (DecisionKind::Alert, true)
    );
}

#[test]
fn what_is_ignored_is_told_in_full_when_it_grows() {
    let policy = heal(vec![ignoring("pipeline", &["tags"], None)]);
    let (findings, decision) = looked(vec![two_attributes()], &policy, &now());
    assert!(findings.resources[0].suppressed.is_none());
    assert!(
        texts(&decision)
            .contains("rule pipeline of web ignores tags.Env, but there is more: delay_seconds"),
        "{decision:?}"
    );
    let mut critical = tag();
    critical.severity = Severity::Critical;
    let (findings, decision) = looked(vec![critical.clone()], &policy, &now());
    assert!(findings.resources[0].suppressed.is_none());
    assert!(texts(&decision).contains("only as long as it is less than critical"));
    let mut further = ignoring("pipeline", &["tags"], None);
    further.when.at_most = Some(Severity::Critical);
    let (findings, _) = looked(vec![critical], &heal(vec![further]), &now());
    assert!(findings.resources[0].suppressed.is_some());
    // Another object is no part of it.
    let other = drift("aws_sqs_queue.mail", "delay_seconds", "9");
    let (findings, _) = looked(vec![tag(), other], &policy, &now());
    let told: Vec<bool> = findings.resources.iter().map(tells_drift).collect();
    assert_eq!(told, [false, true]);
}

#[test]
fn what_was_ignored_until_a_day_is_told_from_then_on() {
    let policy = Policy {
        rules: vec![ignoring(
            "pipeline",
            &["tags"],
            Some("2026-12-01T00:00:00Z"),
        )],
        ..Policy::default()
    };
    let (findings, _) = looked(vec![tag()], &policy, &now());
    assert!(findings.resources[0].suppressed.is_some());
    let later = Facts {
        now: at("2026-12-01T00:00:00Z"),
        ..now()
    };
    let (findings, decision) = looked(vec![tag()], &policy, &later);
    assert!(findings.resources[0].suppressed.is_none());
    insta::assert_snapshot!(texts(&decision), @"
    mode is observe: Mooring only reports
    aws_sqs_queue.jobs: ignored until 2026-12-01T00:00:00Z by web: the pipeline sets it; that is over
    ");
}

fn ahead() -> Facts {
    Facts {
        code: CodeSince::Changed,
        state_stood: true,
        ..now()
    }
}

#[test]
fn sync_applies_safe_code_only_where_it_came_after_the_stack_was_in_sync() {
    let policy = sync(vec![rule("tags", &["tags"], Effect::Safe)]);
    let code = || vec![pending(QUEUE, "tags.Env", "new")];
    assert_eq!(
        looked(code(), &policy, &ahead()).1.kind,
        DecisionKind::Apply
    );
    let mixed = vec![
        pending(QUEUE, "tags.Env", "new"),
        drift("aws_sns_topic.t", "tags.A", "x"),
    ];
    assert_eq!(looked(mixed, &policy, &ahead()).1.kind, DecisionKind::Apply);
    let stale = [
        Facts {
            state_stood: false,
            ..ahead()
        },
        Facts {
            code: CodeSince::Same,
            ..ahead()
        },
        Facts {
            code: CodeSince::Unknown,
            ..ahead()
        },
    ];
    for facts in stale {
        let decision = looked(code(), &policy, &facts).1;
        assert_eq!(
            (decision.kind, decision.is_approvable()),
            (DecisionKind::Ask, true)
        );
        assert_eq!(decision.reasons[0].by, By::Guard(Guard::NotAhead));
    }
    // Drift alone is as in mode heal.
    assert_eq!(
        looked(vec![tag()], &policy, &now()).1.kind,
        DecisionKind::Apply
    );
    for origin in [Origin::Both, Origin::Input] {
        let found = finding(QUEUE, "tags.Env", origin, ["a", "b", "c"]);
        assert_eq!(
            looked(vec![found], &policy, &ahead()).1.kind,
            DecisionKind::Ask
        );
    }
    let unsafe_code = vec![pending(QUEUE, "delay_seconds", "9")];
    assert_eq!(
        looked(unsafe_code, &policy, &ahead()).1.kind,
        DecisionKind::Ask
    );
}

#[test]
fn heal_never_lets_people_deploy_code_with_a_repair() {
    let policy = heal(vec![rule("tags", &["tags"], Effect::Safe)]);
    let decision = decided(vec![tag(), pending("t.a", "size", "2")], &policy);
    assert_eq!(
        (decision.kind, decision.approvable),
        (DecisionKind::Ask, Approvable::No)
    );
    assert!(texts(&decision).contains("nobody can approve this plan yet: first apply the code"));
    assert_eq!(
        decided(vec![pending("t.a", "size", "2")], &policy).kind,
        DecisionKind::Alert
    );
}

#[test]
fn some_guards_keep_people_from_saying_yes_until_something_is_done() {
    let policy = heal(vec![rule("tags", &["tags"], Effect::Safe)]);
    for (guard, approvable) in [
        (Guard::EmptyState, false),
        (Guard::NewLineage, false),
        (Guard::OlderSerial, false),
        (Guard::NoLocking, false),
        (Guard::Held, false),
        (Guard::DirtyTree, false),
        (Guard::Unstable, false),
        (Guard::FirstSight, true),
        (Guard::HereOnly, true),
        (Guard::Contested, true),
    ] {
        let facts = Facts {
            guards: vec![guard],
            ..now()
        };
        let decision = looked(vec![tag()], &policy, &facts).1;
        assert_eq!(
            (decision.kind, decision.is_approvable()),
            (DecisionKind::Ask, approvable),
            "{guard:?}"
        );
        assert_eq!(
            texts(&decision).contains("first "),
            !approvable || guard == Guard::FirstSight
        );
    }
}

#[test]
fn what_comes_back_says_who_else_may_be_writing_it() {
    let group = drift("aws_autoscaling_group.web", "desired_capacity", "9");
    let facts = Facts {
        guards: vec![Guard::Contested],
        contested: vec![AttributeKey::of(&group, &group.attributes[0])],
        ..now()
    };
    let policy = heal(vec![rule("all", &["*"], Effect::Safe)]);
    let decision = looked(vec![group], &policy, &facts).1;
    assert_eq!(decision.kind, DecisionKind::Ask);
    insta::assert_snapshot!(texts(&decision), @"contested: aws_autoscaling_group.web: desired_capacity came back after being repaired, something else writes it too; often that is a scaling policy, a scheduled action or the cluster autoscaler");
}

/// What is decided of safe drift under a policy like this.
fn timed(change: impl Fn(&mut Policy), facts: &Facts) -> Decision {
    let mut policy = heal(vec![rule("tags", &["tags"], Effect::Safe)]);
    change(&mut policy);
    looked(vec![tag()], &policy, facts).1
}

#[test]
fn outside_of_its_windows_nothing_is_applied() {
    let window = Hours {
        days: vec![],
        from: time(14, 0, 0, 0),
        to: time(16, 0, 0, 0),
        zone: TimeZone::get("Europe/Berlin").unwrap(),
    };
    let change = |policy: &mut Policy| policy.windows = vec![window.clone()];
    let early = timed(change, &now());
    assert_eq!(early.kind, DecisionKind::Alert);
    assert_eq!(early.not_before, Some(at("2026-11-27T13:00:00Z")));
    assert_eq!(early.approvable, Approvable::NotAsked);
    insta::assert_snapshot!(texts(&early), @"it is none of the times in which Mooring may apply; the next begins at 2026-11-27T13:00:00Z");
    let within = Facts {
        now: at("2026-11-27T13:00:00Z"),
        ..now()
    };
    assert_eq!(timed(change, &within).kind, DecisionKind::Apply);
}

#[test]
fn a_freeze_holds_until_it_is_over() {
    let change = |policy: &mut Policy| {
        policy.freezes = vec![Freeze {
            from: at("2026-11-27T00:00:00Z"),
            to: at("2026-11-28T00:00:00Z"),
            reason: "the big sale".to_owned(),
        }];
    };
    let frozen = timed(change, &now());
    assert_eq!(frozen.kind, DecisionKind::Alert);
    assert_eq!(frozen.not_before, Some(at("2026-11-28T00:00:00Z")));
    insta::assert_snapshot!(texts(&frozen), @"nothing is applied until 2026-11-28T00:00:00Z: the big sale");
    let over = Facts {
        now: at("2026-11-28T00:00:00Z"),
        ..now()
    };
    assert_eq!(timed(change, &over).kind, DecisionKind::Apply);
}

#[test]
fn more_applies_than_the_limit_wait_for_the_oldest_to_be_out_of_it() {
    let change = |policy: &mut Policy| {
        policy.limits.stack = Some(ApplyLimit {
            applies: 2,
            within: SignedDuration::from_hours(1),
        });
    };
    let applied = |times: &[&str]| Facts {
        applies: Applies {
            stack: times.iter().map(|time| at(time)).collect(),
            fleet: Vec::new(),
        },
        ..now()
    };
    assert_eq!(
        timed(change, &applied(&["2026-11-27T11:50:00Z"])).kind,
        DecisionKind::Apply
    );
    let full = timed(
        change,
        &applied(&["2026-11-27T11:50:00Z", "2026-11-27T11:30:00Z"]),
    );
    assert_eq!(full.kind, DecisionKind::Alert);
    assert_eq!(full.not_before, Some(at("2026-11-27T12:30:00Z")));
    insta::assert_snapshot!(texts(&full), @"the stack was applied too often lately: 2 applies within 1h are the most");
    let old = timed(
        change,
        &applied(&["2026-11-27T11:50:00Z", "2026-11-27T11:00:00Z"]),
    );
    assert_eq!(old.kind, DecisionKind::Apply);
}

#[test]
fn a_pause_and_a_hold_off_are_told_with_their_end() {
    let paused = Facts {
        paused: Some(Pause {
            scope: Scope::All,
            by: "ada".to_owned(),
            reason: Some("migration".to_owned()),
            at: at("2026-11-27T10:00:00Z"),
            until: Some(at("2026-11-27T18:00:00Z")),
        }),
        guards: vec![Guard::HoldOff],
        held_off_until: Some(at("2026-11-27T12:05:00Z")),
        ..now()
    };
    let decision = timed(|_| {}, &paused);
    assert_eq!(decision.kind, DecisionKind::Alert);
    assert_eq!(decision.not_before, Some(at("2026-11-27T18:00:00Z")));
    insta::assert_snapshot!(texts(&decision), @"
    everything is paused by ada until 2026-11-27T18:00:00Z: migration
    the drift is younger than the hold-off time
    ");
    let over = Facts {
        now: at("2026-11-27T18:00:00Z"),
        guards: Vec::new(),
        ..paused
    };
    assert_eq!(timed(|_| {}, &over).kind, DecisionKind::Apply);
}

#[test]
fn many_changes_at_once_are_asked_about() {
    let many = |number: usize| -> Vec<Finding> {
        let addresses = (0..number).map(|n| format!("aws_sqs_queue.q{n}"));
        addresses
            .map(|address| drift(&address, "tags.Env", "x"))
            .collect()
    };
    let policy = heal(vec![rule("tags", &["tags"], Effect::Safe)]);
    assert_eq!(decided(many(20), &policy).kind, DecisionKind::Apply);
    let decision = decided(many(21), &policy);
    assert_eq!(
        (decision.kind, decision.is_approvable()),
        (DecisionKind::Ask, true)
    );
    assert_eq!(decision.reasons[0].by, By::Guard(Guard::TooManyChanges));
}

#[test]
fn a_shadow_decides_as_ever_and_acts_on_nothing() {
    let shadow = |policy: &mut Policy| policy.shadow = true;
    let decision = timed(shadow, &now());
    assert_eq!(
        (decision.kind, decision.shadow),
        (DecisionKind::Alert, Some(DecisionKind::Apply))
    );
    insta::assert_snapshot!(texts(&decision), @"
    shadow: would have been applied
    aws_sqs_queue.jobs: tags.Env is drift and safe by rule tags
    ");
    let asked = timed(
        |policy| {
            shadow(policy);
            policy.rules.clear();
        },
        &now(),
    );
    assert_eq!(
        (asked.kind, asked.shadow),
        (DecisionKind::Alert, Some(DecisionKind::Ask))
    );
    assert!(!asked.is_approvable());
    let failed = decide(
        Verdict::Failed,
        &Findings::default(),
        &Policy {
            shadow: true,
            ..Policy::default()
        },
        &now(),
    );
    assert_eq!(failed.kind, DecisionKind::Refuse);
}

#[test]
fn a_plan_that_shows_no_change_is_never_applied_by_itself() {
    let policy = sync(vec![rule("all", &[], Effect::Safe)]);
    for verdict in [Verdict::Pending, Verdict::Drifted] {
        let decision = decide(verdict, &Findings::default(), &policy, &ahead());
        assert_eq!(decision.kind, DecisionKind::Ask, "{verdict:?}");
    }
}

#[test]
fn policies_in_rego_call_safe_what_no_rule_speaks_of_and_take_no_objection_away() {
    use super::super::opinion::{Opinion, PolicyFailureKind, Remark, RuleName, SafeResource};
    let safe = Opinion {
        safe: vec![SafeResource {
            address: Address::new(QUEUE),
            reason: Some("only tags".to_owned()),
        }],
        ..Opinion::default()
    };
    let with = |opinion: &Opinion, rules: Vec<Rule>| {
        let facts = Facts {
            opinion: Some(opinion.clone()),
            ..now()
        };
        looked(vec![tag()], &heal(rules), &facts).1
    };
    let decision = with(&safe, vec![]);
    assert_eq!(decision.kind, DecisionKind::Apply, "{}", texts(&decision));
    assert!(texts(&decision).contains("only tags"));
    // A rule that asks comes first, whatever the policies say.
    let asked = with(
        &safe,
        vec![rule("all", &[], Effect::Ask(Requirement::default()))],
    );
    assert_eq!(asked.kind, DecisionKind::Ask);
    let denial = Remark {
        rule: RuleName {
            package: "main".to_owned(),
            rule: "deny".to_owned(),
        },
        message: "not on Fridays".to_owned(),
    };
    let denied = Opinion {
        denials: vec![denial],
        ..safe
    };
    let decision = with(&denied, vec![rule("tags", &["tags"], Effect::Safe)]);
    assert_eq!(decision.kind, DecisionKind::Ask);
    assert!(texts(&decision).contains("not on Fridays"));
    // One that failed makes nothing safe, not even what a rule calls so.
    let failed = Opinion::failed(PolicyFailureKind::TimedOut, "no end within 5000 ms");
    let decision = with(&failed, vec![rule("tags", &["tags"], Effect::Safe)]);
    assert_eq!(decision.kind, DecisionKind::Ask);
    assert!(texts(&decision).contains("no end within 5000 ms"));
}

#[test]
fn what_somebody_wants_applied_needs_all_that_rules_ask_of_its_changes() {
    let rules = vec![
        rule("env", &["tags.Env"], asking(1, "platform", true)),
        rule("owner", &["tags.Owner"], asking(2, "security", false)),
        rule("name", &["name"], Effect::Refuse),
        rule("rest", &[], Effect::Safe),
    ];
    let demanded = |resources: Vec<Finding>, mode: PolicyMode| {
        let policy = Policy {
            mode,
            ..heal(rules.clone())
        };
        demand(&check(resources).findings, &policy, &Facts::default())
    };
    for mode in [PolicyMode::Heal, PolicyMode::Sync] {
        let both = demanded(
            vec![
                pending("a.b", "tags.Env", "new"),
                pending("a.c", "tags.Owner", "new"),
            ],
            mode,
        );
        assert_eq!(both.requirement.count, 2);
        assert!(both.requirement.not_author);
        assert_eq!(both.requirement.groups.len(), 2);
        assert_eq!(both.refusals, []);
        let neither = demanded(vec![pending("a.b", "delay_seconds", "new")], mode);
        assert_eq!(neither, Demand::default());
        let refused = demanded(vec![pending("a.b", "name", "new")], mode);
        assert_eq!(refused.refusals.len(), 1);
    }
}

#[test]
fn what_policies_deny_asks_and_what_they_leave_unanswered_is_a_guard() {
    use crate::domain::opinion::{Opinion, PolicyFailureKind, Remark, RuleName};
    let rule = RuleName {
        package: "main".to_owned(),
        rule: "deny".to_owned(),
    };
    let opinion = Opinion {
        denials: vec![Remark {
            rule,
            message: "too public".to_owned(),
        }],
        ..Opinion::failed(PolicyFailureKind::TimedOut, "too slow")
    };
    let reasons = heard(&opinion);
    let by: Vec<String> = reasons.iter().map(|reason| reason.by.to_string()).collect();
    assert_eq!(by, ["rule Rego: ask", "guard policy_failed"]);
    assert!(reasons[0].text.contains("too public") && reasons[1].text.contains("too slow"));
}
