//! What holds of decisions whatever the rules are.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::finding::{AttributeChange, Finding, FindingAction, Origin, Severity, Subject};
use super::super::hours::Hours;
use super::super::pattern::{NamePattern, PathPattern};
use super::super::testing::{check, finding};
use super::*;

const ORIGINS: [Origin; 6] = [
    Origin::Drift,
    Origin::Pending,
    Origin::Both,
    Origin::Unenforced,
    Origin::Consequence,
    Origin::Input,
];
const ACTIONS: [FindingAction; 6] = [
    FindingAction::Update,
    FindingAction::Create,
    FindingAction::Delete,
    FindingAction::Replace,
    FindingAction::Forget,
    FindingAction::None,
];
const SEVERITIES: [Severity; 5] = [
    Severity::Info,
    Severity::Low,
    Severity::Medium,
    Severity::High,
    Severity::Critical,
];
const PATHS: [&str; 4] = ["tags.Env", "tags.Owner", "delay", "tags_all.Env"];
const PATTERNS: [&str; 5] = ["tags", "tags.Env", "delay", "*", "<deleted>"];

fn findings() -> impl Strategy<Value = Vec<Finding>> {
    let attribute = (select(PATHS.to_vec()), select(ORIGINS.to_vec()));
    let one = (
        select(vec!["aws_a.x", "aws_b.y", "module.m.aws_a.z"]),
        vec(attribute, 1..4),
        select(ACTIONS.to_vec()),
        select(SEVERITIES.to_vec()),
        any::<bool>(),
    );
    let one = one.prop_map(|(address, attributes, action, severity, irreversible)| {
        let mut found = finding(address, PATHS[0], Origin::Drift, ["a", "b", "a"]);
        let whole = action == FindingAction::Create;
        found.attributes = attributes
            .into_iter()
            .map(|(path, origin)| {
                let one = finding(address, path, origin, ["a", "b", "c"]);
                let mut one: AttributeChange = one.attributes[0].clone();
                if whole {
                    one.subject = Subject::Deleted;
                }
                one
            })
            .collect();
        found.origin = Origin::over(&found.attributes).unwrap();
        found.action = action;
        found.severity = severity;
        found.irreversible = irreversible.then(|| "rows".to_owned());
        found
    });
    vec(one, 1..4)
}

fn effect() -> impl Strategy<Value = Effect> {
    let ignore = Effect::Ignore(Ignore {
        owner: "o".to_owned(),
        reason: "r".to_owned(),
        until: None,
    });
    prop_oneof![
        1 => Just(ignore),
        3 => Just(Effect::Safe),
        2 => restriction(),
    ]
}

fn restriction() -> impl Strategy<Value = Effect> {
    prop_oneof![
        (1..4_u32, any::<bool>()).prop_map(|(count, not_author)| Effect::Ask(Requirement {
            count,
            groups: Vec::new(),
            not_author,
        })),
        Just(Effect::Refuse),
    ]
}

fn rule(effect: impl Strategy<Value = Effect>) -> impl Strategy<Value = Rule> {
    let when = (
        subsequence(vec!["aws_a", "aws_b"], 0..=2),
        subsequence(PATTERNS.to_vec(), 0..=3),
        subsequence(ORIGINS.to_vec(), 0..=3),
        subsequence(ACTIONS.to_vec(), 0..=3),
        option::of(select(SEVERITIES.to_vec())),
        option::of(1..4_usize),
    );
    (when, effect).prop_map(
        |((types, attributes, origins, actions, at_most, changes), effect)| {
            let types = types.into_iter().map(|t| NamePattern::parse(t).unwrap());
            let attributes = attributes
                .into_iter()
                .map(|p| PathPattern::parse(p).unwrap());
            Rule {
                name: "r".to_owned(),
                when: Conditions {
                    types: types.collect(),
                    attributes: attributes.collect(),
                    origins,
                    actions,
                    at_most,
                    changes,
                    ..Conditions::default()
                },
                effect,
            }
        },
    )
}

fn policy() -> impl Strategy<Value = Policy> {
    let mode = select(vec![
        PolicyMode::Observe,
        PolicyMode::Heal,
        PolicyMode::Sync,
    ]);
    (mode, vec(rule(effect()), 0..5), any::<bool>()).prop_map(|(mode, rules, shadow)| Policy {
        mode,
        rules,
        shadow,
        ..Policy::default()
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    let guard = select(vec![Guard::Held, Guard::FirstSight, Guard::HoldOff]);
    (any::<bool>(), any::<bool>(), option::weighted(0.2, guard)).prop_map(
        |(moved, state_stood, guard)| Facts {
            code: if moved {
                CodeSince::Changed
            } else {
                CodeSince::Same
            },
            state_stood,
            guards: guard.into_iter().collect(),
            ..Facts::default()
        },
    )
}

fn decided(found: &[Finding], policy: &Policy, facts: &Facts) -> (Findings, Decision) {
    let mut check = check(found.to_vec());
    ignore(&mut check.findings, policy, facts);
    let decision = decide(check.verdict, &check.findings, policy, facts);
    (check.findings, decision)
}

/// How much may come of a decision without anybody, or with somebody.
fn permits(decision: &Decision) -> (bool, bool) {
    (
        decision.kind == DecisionKind::Apply,
        decision.is_approvable(),
    )
}

fn in_front(policy: &Policy, rule: Rule) -> Policy {
    let mut rules = vec![rule];
    rules.extend(policy.rules.clone());
    Policy {
        rules,
        ..policy.clone()
    }
}

fn hours(from: i8, to: i8) -> Hours {
    Hours {
        days: Vec::new(),
        from: jiff::civil::time(from, 0, 0, 0),
        to: jiff::civil::time(to, 0, 0, 0),
        zone: jiff::tz::TimeZone::UTC,
    }
}

/// Windows of which the first, the second or none is open when the facts are.
fn windows() -> impl Strategy<Value = Vec<Hours>> {
    subsequence(vec![hours(0, 0), hours(6, 7)], 0..=2)
}

fn limit() -> impl Strategy<Value = Option<ApplyLimit>> {
    option::of(
        (1..4_usize, 1..4_i64).prop_map(|(applies, hours)| ApplyLimit {
            applies,
            within: SignedDuration::from_hours(hours),
        }),
    )
}

fn tightening() -> impl Strategy<Value = Tightening> {
    let mode = select(vec![
        PolicyMode::Observe,
        PolicyMode::Heal,
        PolicyMode::Sync,
    ]);
    let rules = vec(
        rule(restriction()).prop_map(|rule| Restriction::try_from(rule).unwrap()),
        0..4,
    );
    (
        option::weighted(0.3, mode),
        rules,
        windows(),
        limit(),
        option::of(1..4_usize),
    )
        .prop_map(
            |(mode, rules, windows, stack_limit, max_changes)| Tightening {
                file: ".mooring.yaml".to_owned(),
                mode,
                rules,
                windows,
                stack_limit,
                max_changes,
                ..Tightening::default()
            },
        )
}

/// Whether a requirement asks for all that another one does.
fn asks_as_much(more: &Requirement, less: &Requirement) -> bool {
    more.count >= less.count
        && (more.not_author || !less.not_author)
        && less.groups.iter().all(|list| more.groups.contains(list))
}

proptest! {
    #[test]
    fn whatever_a_repository_says_permits_nothing_that_the_operator_does_not(
        found in findings(), policy in policy(), facts in facts(),
        own in (windows(), limit()), repository in vec(tightening(), 1..4),
        applied in vec(0..200_i64, 0..4),
    ) {
        let mut stack: Vec<jiff::Timestamp> = applied
            .into_iter()
            .map(|minutes| facts.now - SignedDuration::from_mins(minutes))
            .collect();
        stack.sort_by_key(|at| std::cmp::Reverse(*at));
        let facts = Facts { applies: Applies { stack, ..Applies::default() }, ..facts };
        let alone = Policy {
            windows: own.0,
            limits: Limits { stack: own.1, fleet: None },
            ..policy
        };
        let tightened = Policy { repository, ..alone.clone() };
        let (findings, before) = decided(&found, &alone, &facts);
        let (same, after) = decided(&found, &tightened, &facts);
        prop_assert_eq!(findings, same, "what is told and what is ignored stays");
        if after.kind == DecisionKind::Apply {
            prop_assert_eq!(before.kind, DecisionKind::Apply);
        }
        if after.is_approvable() {
            // What would be applied without asking, now or later, may be asked about.
            let alone = before.kind == DecisionKind::Apply
                || (before.kind == DecisionKind::Alert
                    && before.reasons.iter().any(|reason| matches!(reason.by, By::Guard(_))));
            prop_assert!(alone || before.is_approvable());
            prop_assert!(!before.is_approvable()
                || asks_as_much(&after.requirement, &before.requirement));
            prop_assert!(after.waits() || !before.waits());
        }
        if after.kind == DecisionKind::Alert && after.not_before.is_some() {
            // It would be applied without asking, and not sooner.
            prop_assert!(matches!(before.kind, DecisionKind::Apply | DecisionKind::Alert));
            prop_assert!(before.not_before.is_none_or(|at| after.not_before >= Some(at)));
        }
    }

    #[test]
    fn what_cannot_be_undone_and_what_deletes_is_never_applied_by_itself(
        found in findings(), policy in policy(), facts in facts(),
    ) {
        let (findings, decision) = decided(&found, &policy, &facts);
        if decision.kind == DecisionKind::Apply {
            for finding in &findings.resources {
                prop_assert!(finding.irreversible.is_none());
                prop_assert!(matches!(
                    finding.action,
                    FindingAction::Update | FindingAction::Create | FindingAction::None
                ));
            }
            prop_assert!(facts.guards.is_empty() && policy.mode != PolicyMode::Observe);
            prop_assert!(!policy.shadow);
        }
    }

    #[test]
    fn an_ignored_change_is_never_applied_by_itself(
        found in findings(), policy in policy(), facts in facts(),
    ) {
        let (findings, decision) = decided(&found, &policy, &facts);
        let ignored = |f: &Finding| f.ignored.is_some() && f.is_drift();
        if findings.resources.iter().any(ignored) {
            prop_assert_ne!(decision.kind, DecisionKind::Apply);
        }
    }

    #[test]
    fn a_rule_in_front_that_ignores_leads_to_no_apply_that_was_not_there(
        found in findings(), policy in policy(), facts in facts(),
        rule in rule(Just(Effect::Ignore(Ignore {
            owner: "o".to_owned(), reason: "r".to_owned(), until: None,
        }))),
    ) {
        let before = decided(&found, &policy, &facts).1;
        let after = decided(&found, &in_front(&policy, rule), &facts).1;
        prop_assert!(after.kind != DecisionKind::Apply || before.kind == DecisionKind::Apply);
    }

    #[test]
    fn a_rule_in_front_that_restricts_permits_nothing_more(
        found in findings(), policy in policy(), facts in facts(), rule in rule(restriction()),
    ) {
        // One that asks comes before one that would refuse, as the order says.
        let refuses = matches!(rule.effect, Effect::Refuse);
        let before = decided(&found, &policy, &facts).1;
        let after = decided(&found, &in_front(&policy, rule), &facts).1;
        prop_assert!(permits(&after).0 <= permits(&before).0);
        if refuses && before.kind == DecisionKind::Refuse {
            prop_assert_eq!(after.kind, DecisionKind::Refuse);
        }
    }

    #[test]
    fn a_rule_at_the_end_changes_nothing_that_a_rule_before_it_decided(
        found in findings(), policy in policy(), facts in facts(), last in rule(effect()),
    ) {
        let mut all = policy;
        all.rules.push(Rule {
            name: "everything".to_owned(),
            when: Conditions::default(),
            effect: Effect::Refuse,
        });
        let mut longer = all.clone();
        longer.rules.push(last);
        prop_assert_eq!(decided(&found, &all, &facts), decided(&found, &longer, &facts));
    }

    #[test]
    fn safe_alone_beside_the_rules_is_the_same_as_at_their_end(
        found in findings(), policy in policy(), facts in facts(),
        safe in vec(rule(Just(Effect::Safe)), 0..3),
    ) {
        let beside = Policy { safe: safe.clone(), ..policy.clone() };
        let mut end = policy;
        end.rules.extend(safe);
        prop_assert_eq!(decided(&found, &beside, &facts), decided(&found, &end, &facts));
    }
}
