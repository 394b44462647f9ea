//! Whole plans against policy: what must never be applied by itself.

use jiff::Timestamp;

use super::classify::classify;
use super::finding::{Findings, Origin, PlanExit, Severity, Verdict, verdict};
use super::ledger::carry;
use super::plan::{Plan, PlannedAction, ResourceChange};
use super::policy::{Conditions, DecisionKind, Effect, Facts, Policy, PolicyMode, Rule, decide};
use super::rules::Rules;
use super::testing::{change, object};
use super::value::Value;

fn plan(changes: Vec<ResourceChange>, drift: Vec<ResourceChange>) -> Plan {
    Plan {
        complete: true,
        changes,
        drift,
        ..Plan::default()
    }
}

/// Everything that can be called safe is called safe.
fn generous() -> Policy {
    Policy {
        mode: PolicyMode::Heal,
        safe: vec![Rule {
            name: "all".to_owned(),
            when: Conditions::default(),
            effect: Effect::Safe,
        }],
        ..Policy::default()
    }
}

fn judged(plan: &Plan) -> (Findings, Verdict, DecisionKind) {
    let findings = classify(plan, &Rules::default());
    let verdict = verdict(PlanExit::Changes, plan.errored, plan.complete, &findings);
    let decision = decide(verdict, &findings, &generous(), &Facts::default());
    (findings, verdict, decision.kind)
}

fn tag_drift() -> (ResourceChange, ResourceChange) {
    let (state, real) = (object(&[("tags", "prod")]), object(&[("tags", "hacked")]));
    let update = PlannedAction::Update;
    (
        change(
            "aws_s3_bucket.b",
            update.clone(),
            real.clone(),
            state.clone(),
        ),
        change("aws_s3_bucket.b", update, state, real),
    )
}

fn deleted(wanted: Value) -> Plan {
    let state = object(&[("name", "web"), ("trust", "ours")]);
    let address = "aws_iam_role.web";
    plan(
        vec![change(address, PlannedAction::Create, Value::Null, wanted)],
        vec![change(address, PlannedAction::Delete, state, Value::Null)],
    )
}

#[test]
fn tag_drift_alone_is_repaired() {
    let (update, drift) = tag_drift();
    let (_, verdict, decision) = judged(&plan(vec![update], vec![drift]));
    assert_eq!((verdict, decision), (Verdict::Drifted, DecisionKind::Apply));
}

#[test]
fn creating_again_what_was_deleted_never_deploys_code() {
    let same = judged(&deleted(object(&[("name", "web"), ("trust", "ours")])));
    assert_eq!((same.1, same.2), (Verdict::Drifted, DecisionKind::Apply));
    let changed = judged(&deleted(object(&[("name", "web"), ("trust", "everyone")])));
    assert_eq!(
        (changed.1, changed.2),
        (Verdict::DriftedAndPending, DecisionKind::Ask)
    );
    assert_eq!(changed.0.resources[0].origin, Origin::Both);
}

#[test]
fn an_update_that_shows_no_difference_is_code_and_blocks() {
    let (update, drift) = tag_drift();
    let value = object(&[("input", "x")]);
    let silent = change(
        "terraform_data.t",
        PlannedAction::Update,
        value.clone(),
        value,
    );
    let (_, verdict, decision) = judged(&plan(vec![update, silent], vec![drift]));
    assert_eq!(
        (verdict, decision),
        (Verdict::DriftedAndPending, DecisionKind::Ask)
    );
}

#[test]
fn an_unknown_action_on_what_holds_data_is_irreversible_and_critical() {
    let database = object(&[("name", "main")]);
    let action = PlannedAction::Other(vec!["create".to_owned(), "forget".to_owned()]);
    let odd = change("aws_db_instance.main", action, database.clone(), database);
    let (findings, _, decision) = judged(&plan(vec![odd], vec![]));
    assert!(findings.resources[0].irreversible.is_some());
    assert_eq!(findings.resources[0].severity, Severity::Critical);
    assert_ne!(decision, DecisionKind::Apply);
}

#[test]
fn in_a_chain_of_moves_each_object_keeps_its_own_drift() {
    let moved = |to: &str, from: &str, value: &str| ResourceChange {
        previous_address: Some(super::ids::Address::new(from)),
        ..change(
            to,
            PlannedAction::NoOp,
            object(&[("n", value)]),
            object(&[("n", value)]),
        )
    };
    let drift = change(
        "t.b",
        PlannedAction::Update,
        object(&[("n", "old")]),
        object(&[("n", "B")]),
    );
    let (findings, ..) = judged(&plan(
        vec![moved("t.c", "t.b", "C"), moved("t.b", "t.a", "B")],
        vec![drift],
    ));
    let drifted: Vec<&str> = findings
        .resources
        .iter()
        .filter(|finding| !finding.attributes.is_empty())
        .map(|finding| finding.address.as_str())
        .collect();
    assert_eq!(drifted, ["t.b"]);
}

#[test]
fn what_an_apply_absorbed_outlives_code_that_came_and_went() {
    let group = |ingress: &str| object(&[("ingress", ingress)]);
    let entry =
        |action, after: &str| change("aws_security_group.g", action, group("open"), group(after));
    let look = |ledger, plan: &Plan| {
        let mut findings = classify(plan, &Rules::default());
        let rules = Rules::default();
        let now = Timestamp::UNIX_EPOCH;
        let ledger = carry(ledger, plan, true, &mut findings, &rules, now);
        (ledger, findings.resources.len())
    };
    let opened = plan(
        vec![entry(PlannedAction::NoOp, "open")],
        vec![change(
            "aws_security_group.g",
            PlannedAction::Update,
            group("shut"),
            group("open"),
        )],
    );
    let absorbed = plan(vec![entry(PlannedAction::NoOp, "open")], vec![]);
    let governed = plan(vec![entry(PlannedAction::Update, "mine")], vec![]);
    let shut = change(
        "aws_security_group.g",
        PlannedAction::NoOp,
        group("shut"),
        group("shut"),
    );

    let (ledger, _) = look(Vec::new(), &opened);
    let (ledger, shown) = look(ledger, &absorbed);
    assert_eq!((ledger.len(), shown), (1, 1));
    let (ledger, _) = look(ledger, &governed);
    let (ledger, shown) = look(ledger, &absorbed);
    assert_eq!(
        (ledger.len(), shown),
        (1, 1),
        "the code is gone again and the port is still open"
    );
    let (ledger, shown) = look(ledger, &plan(vec![shut], vec![]));
    assert_eq!((ledger.len(), shown), (0, 0));
}
