//! Whole plans against tables and the operator's rules: how much what is found matters, what of it
//! is noise, what cannot be undone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use jiff::Timestamp;

use super::classify::classify;
use super::content::tells_drift;
use super::finding::{Finding, Findings, Origin, PlanExit, Severity, Verdict, verdict};
use super::ids::Address;
use super::ledger::carry;
use super::pattern::{NamePattern, PathPattern};
use super::plan::{Plan, PlannedAction, ResourceChange};
use super::policy::{DecisionKind, Facts, Policy, PolicyMode, decide};
use super::rules::{IrreversibleRule, NoiseRule, Rules, SeverityRule};
use super::testing::{change, value};
use super::value::Value;

fn plan(changes: Vec<ResourceChange>, drift: Vec<ResourceChange>) -> Plan {
    Plan {
        complete: true,
        changes,
        drift,
        ..Plan::default()
    }
}

/// An object that the world moved where no configuration looks.
fn moved(address: &str, state: &str, real: &str) -> Plan {
    let (state, real) = (value(state), value(real));
    plan(
        vec![change(
            address,
            PlannedAction::NoOp,
            real.clone(),
            real.clone(),
        )],
        vec![change(address, PlannedAction::Update, state, real)],
    )
}

/// An object that an apply would update: by code, or because the world moved away from `want`.
fn update(address: &str, origin: Origin, real: &str, want: &Value) -> Plan {
    let real = value(real);
    let drifted = || change(address, PlannedAction::Update, want.clone(), real.clone());
    let drift = if origin == Origin::Drift {
        vec![drifted()]
    } else {
        Vec::new()
    };
    plan(
        vec![change(
            address,
            PlannedAction::Update,
            real.clone(),
            want.clone(),
        )],
        drift,
    )
}

fn found(plan: &Plan, rules: &Rules) -> Finding {
    let mut findings = classify(plan, rules).resources;
    assert_eq!(findings.len(), 1);
    findings.remove(0)
}

fn told(plan: &Plan) -> (Severity, String) {
    let found = found(plan, &Rules::default());
    (found.severity, found.severity_reason)
}

fn name(pattern: &str) -> NamePattern {
    NamePattern::parse(pattern).unwrap()
}

fn paths(patterns: &[&str]) -> Vec<PathPattern> {
    let patterns = patterns.iter().map(|pattern| PathPattern::parse(pattern));
    patterns.collect::<Result<_, _>>().unwrap()
}

fn ingress(rules: &[(u16, &str)]) -> String {
    let rules = rules.iter().map(|(port, from)| {
        format!(r#"{{"from_port":{port},"to_port":{port},"cidr_blocks":["{from}"]}}"#)
    });
    format!(r#"{{"ingress":[{}]}}"#, rules.collect::<Vec<_>>().join(","))
}

#[test]
fn a_port_opened_to_everybody_is_critical_and_any_other_change_of_it_high() {
    let address = "aws_security_group.web";
    let before = ingress(&[(443, "0.0.0.0/0"), (22, "10.0.0.0/8")]);
    let opened = ingress(&[(443, "0.0.0.0/0"), (22, "0.0.0.0/0")]);
    let (severity, reason) = told(&moved(address, &before, &opened));
    assert_eq!(severity, Severity::Critical);
    insta::assert_snapshot!(reason, @"ingress opened to everybody: everybody can reach what is in the group");
    let (severity, reason) = told(&moved(address, &opened, &before));
    assert_eq!(severity, Severity::High);
    insta::assert_snapshot!(reason, @"ingress changed: who can reach what is in the group");
}

#[test]
fn switches_count_by_the_way_they_were_turned() {
    let public = |on: &str| format!(r#"{{"publicly_accessible":{on}}}"#);
    let db = "aws_db_instance.main";
    assert_eq!(
        told(&moved(db, &public("false"), &public("true"))).0,
        Severity::Critical
    );
    assert_eq!(
        told(&moved(db, &public("true"), &public("false"))).0,
        Severity::Low
    );
    let bucket = |on: &str| format!(r#"{{"versioning":[{{"enabled":{on},"mfa_delete":false}}]}}"#);
    let (severity, reason) = told(&moved("aws_s3_bucket.b", &bucket("true"), &bucket("false")));
    assert_eq!(severity, Severity::High);
    insta::assert_snapshot!(reason, @"versioning turned off: overwritten content is lost");
    // Drift counts by what the world did, code by what it wants.
    let drift = update(db, Origin::Drift, &public("true"), &value(&public("false")));
    assert_eq!(told(&drift).0, Severity::Critical);
    let code = update(
        db,
        Origin::Pending,
        &public("true"),
        &value(&public("false")),
    );
    assert_eq!(told(&code).0, Severity::Medium);
}

#[test]
fn a_public_principal_in_a_policy_is_critical() {
    let policy = |principal: &str| {
        let document = format!(r#"{{"Statement":[{{"Effect":"Allow","Principal":{principal}}}]}}"#);
        format!(r#"{{"policy":{}}}"#, serde_json::Value::String(document))
    };
    let (own, public) = (policy(r#"{"AWS":"arn:aws:iam::1:root"}"#), policy(r#""*""#));
    for address in ["aws_s3_bucket_policy.p", "aws_sqs_queue.q", "aws_kms_key.k"] {
        assert_eq!(
            told(&moved(address, &own, &public)).0,
            Severity::Critical,
            "{address}"
        );
        assert_eq!(
            told(&moved(address, &public, &own)).0,
            Severity::High,
            "{address}"
        );
    }
}

#[test]
fn the_highest_attribute_decides_and_labels_never_raise() {
    let group = |env: &str, name: &str| format!(r#"{{"tags":{{"Env":"{env}"}},"name":"{name}"}}"#);
    let address = "aws_iam_group.g";
    assert_eq!(
        told(&moved(address, &group("a", "g"), &group("b", "g"))).0,
        Severity::Low
    );
    assert_eq!(
        told(&moved(address, &group("a", "g"), &group("b", "h"))).0,
        Severity::High
    );
}

#[test]
fn the_first_rule_of_the_operator_decides() {
    let rule = |attributes: &[&str], origins: &[Origin], severity| SeverityRule {
        resource_type: name("aws_*"),
        attributes: paths(attributes),
        origins: origins.to_vec(),
        severity,
        reason: None,
    };
    let rules = Rules {
        severities: vec![
            rule(&["tags.Owner"], &[], Severity::High),
            rule(&["tags"], &[Origin::Drift], Severity::Medium),
            SeverityRule {
                reason: Some("ours to know".to_owned()),
                ..rule(&["ingress", "tags"], &[], Severity::Info)
            },
        ],
        ..Rules::default()
    };
    let judged = |state: &str, real: &str| {
        let found = found(&moved("aws_security_group.g", state, real), &rules);
        (found.severity, found.severity_reason)
    };
    let as_configured = |severity| (severity, "as configured".to_owned());
    let tags =
        |owner: &str, env: &str| format!(r#"{{"tags":{{"Owner":"{owner}","Env":"{env}"}}}}"#);
    assert_eq!(
        judged(&tags("a", "x"), &tags("b", "x")),
        as_configured(Severity::High)
    );
    // The second rule is for drift only, so the third decides.
    let (severity, reason) = judged(&tags("a", "x"), &tags("b", "y"));
    assert_eq!(
        (severity, reason.as_str()),
        (Severity::Info, "ours to know")
    );
    let drift = update(
        "aws_vpc.v",
        Origin::Drift,
        &tags("a", "y"),
        &value(&tags("a", "x")),
    );
    assert_eq!(found(&drift, &rules).severity, Severity::Medium);
}

const DATABASE: &str = "aws_db_instance.main";

fn restorable(time: u8, status: &str) -> String {
    format!(r#"{{"latest_restorable_time":"2026-01-01T00:{time:02}:00Z","status":"{status}"}}"#)
}

fn silent(findings: &Findings) -> bool {
    let policy = Policy {
        mode: PolicyMode::Heal,
        ..Policy::default()
    };
    let in_sync = verdict(PlanExit::NoChanges, false, true, findings);
    in_sync == Verdict::InSync
        && !findings.has_grave_unenforced()
        && !findings.resources.iter().any(tells_drift)
        && decide(in_sync, findings, &policy, &Facts::default()).kind == DecisionKind::Nothing
}

#[test]
fn noise_is_suppressed_only_if_nothing_else_differs() {
    let rules = Rules::default();
    let noise = moved(
        DATABASE,
        &restorable(1, "available"),
        &restorable(2, "available"),
    );
    let suppressed = found(&noise, &rules).suppressed.unwrap();
    insta::assert_snapshot!(suppressed, @"the time of the latest backup");
    assert!(silent(&classify(&noise, &rules)));
    let more = moved(
        DATABASE,
        &restorable(1, "available"),
        &restorable(2, "stopped"),
    );
    assert!(found(&more, &rules).suppressed.is_none());
}

#[test]
fn what_an_apply_would_touch_is_never_suppressed() {
    let (before, after) = (restorable(1, "available"), restorable(2, "available"));
    let mut planned = moved(DATABASE, &before, &after);
    planned.changes[0].previous_address = Some(Address::new("aws_db_instance.old"));
    planned.drift[0].previous_address = Some(Address::new("aws_db_instance.old"));
    assert!(
        found(&planned, &Rules::default()).suppressed.is_none(),
        "moved"
    );
    let mut planned = moved(DATABASE, &before, &after);
    planned.changes[0].importing = Some("id".to_owned());
    assert!(
        found(&planned, &Rules::default()).suppressed.is_none(),
        "imported"
    );
    for origin in [Origin::Drift, Origin::Pending] {
        let planned = update(DATABASE, origin, &before, &value(&after));
        let found = found(&planned, &Rules::default());
        assert!(found.suppressed.is_none(), "{origin:?}");
        assert!(found.is_drift() || found.is_pending());
    }
}

#[test]
fn the_operator_names_noise_and_takes_away_from_it() {
    let group = |desired: u8, max: u8| {
        format!(r#"{{"scaling_config":[{{"desired_size":{desired},"max_size":{max}}}]}}"#)
    };
    let address = "aws_eks_node_group.g";
    let noise = Rules {
        noise: vec![NoiseRule {
            resource_type: name("aws_eks_node_group"),
            attributes: paths(&["scaling_config.desired_size"]),
            reason: "the autoscaler sets it".to_owned(),
        }],
        ..Rules::default()
    };
    let scaled = moved(address, &group(2, 5), &group(4, 5));
    assert!(found(&scaled, &Rules::default()).suppressed.is_none());
    let suppressed = found(&scaled, &noise).suppressed;
    assert_eq!(suppressed.as_deref(), Some("the autoscaler sets it"));
    let more = moved(address, &group(2, 5), &group(4, 9));
    assert!(found(&more, &noise).suppressed.is_none());

    let wanted = Rules {
        severities: vec![SeverityRule {
            resource_type: name("aws_db_instance"),
            attributes: paths(&["latest_restorable_time"]),
            origins: Vec::new(),
            severity: Severity::Medium,
            reason: None,
        }],
        ..Rules::default()
    };
    let time = moved(
        DATABASE,
        &restorable(1, "available"),
        &restorable(2, "available"),
    );
    let found = found(&time, &wanted);
    assert!(found.suppressed.is_none() && tells_drift(&found));
}

#[test]
fn noise_does_not_enter_the_ledger_and_leaves_it() {
    let both = moved(
        DATABASE,
        &restorable(1, "available"),
        &restorable(2, "stopped"),
    );
    let look = |ledger, plan: &Plan, rules: &Rules| {
        let mut findings = classify(plan, rules);
        let now = Timestamp::UNIX_EPOCH;
        let ledger = carry(ledger, plan, true, &mut findings, rules, now);
        (ledger, findings)
    };
    let (ledger, _) = look(Vec::new(), &both, &Rules::default());
    let kept: Vec<String> = ledger.iter().map(|entry| entry.path.to_string()).collect();
    assert_eq!(kept, ["status"]);
    // Back as it was, the database says nothing, though the time has moved on.
    let back = moved(
        DATABASE,
        &restorable(2, "stopped"),
        &restorable(3, "available"),
    );
    let (ledger, findings) = look(ledger, &back, &Rules::default());
    assert!(ledger.is_empty() && silent(&findings), "{findings:?}");
    assert!(findings.resources.iter().all(|f| f.suppressed.is_some()));

    let (ledger, _) = look(Vec::new(), &both, &Rules::default());
    let now_noise = Rules {
        noise: vec![NoiseRule {
            resource_type: name("aws_db_*"),
            attributes: paths(&["status"]),
            reason: "stopped at night".to_owned(),
        }],
        ..Rules::default()
    };
    let absorbed = restorable(2, "stopped");
    let (ledger, findings) = look(ledger, &moved(DATABASE, &absorbed, &absorbed), &now_noise);
    assert!(ledger.is_empty() && findings.resources.is_empty());
}

#[test]
fn an_apply_that_takes_away_protection_or_data_is_irreversible() {
    let reason = |address: &str, origin, real: &str, want: &str| {
        let plan = update(address, origin, real, &value(want));
        found(&plan, &Rules::default()).irreversible
    };
    for (address, real, want) in [
        (
            "aws_db_instance.d",
            r#"{"deletion_protection":true}"#,
            r#"{"deletion_protection":false}"#,
        ),
        (
            "aws_db_instance.d",
            r#"{"backup_retention_period":30}"#,
            r#"{"backup_retention_period":7}"#,
        ),
        (
            "aws_s3_bucket.b",
            r#"{"force_destroy":false}"#,
            r#"{"force_destroy":true}"#,
        ),
        (
            "aws_s3_bucket.b",
            r#"{"versioning":[{"enabled":true}]}"#,
            r#"{"versioning":[{"enabled":false}]}"#,
        ),
        (
            "aws_s3_bucket_versioning.v",
            r#"{"versioning_configuration":[{"status":"Enabled"}]}"#,
            r#"{"versioning_configuration":[{"status":"Suspended"}]}"#,
        ),
        (
            "aws_cloudwatch_log_group.l",
            r#"{"retention_in_days":0}"#,
            r#"{"retention_in_days":30}"#,
        ),
        (
            "aws_dynamodb_table.t",
            r#"{"point_in_time_recovery":[{"enabled":true}]}"#,
            r#"{"point_in_time_recovery":[{"enabled":false}]}"#,
        ),
        (
            "aws_sqs_queue.q",
            r#"{"kms_master_key_id":"a"}"#,
            r#"{"kms_master_key_id":"b"}"#,
        ),
        (
            "google_storage_bucket.b",
            r#"{"soft_delete_policy":[{"retention_duration_seconds":604800}]}"#,
            r#"{"soft_delete_policy":[{"retention_duration_seconds":0}]}"#,
        ),
        (
            "google_bigtable_table.t",
            r#"{"deletion_protection":"PROTECTED"}"#,
            r#"{"deletion_protection":"UNPROTECTED"}"#,
        ),
        (
            "google_pubsub_topic.t",
            r#"{"message_retention_duration":"604800s"}"#,
            r#"{"message_retention_duration":"86400s"}"#,
        ),
        (
            "azurerm_key_vault.k",
            r#"{"purge_protection_enabled":false}"#,
            r#"{"purge_protection_enabled":true}"#,
        ),
        (
            "azurerm_storage_account.s",
            r#"{"blob_properties":[{"delete_retention_policy":[{"days":30}]}]}"#,
            r#"{"blob_properties":[{"delete_retention_policy":[{"days":7}]}]}"#,
        ),
        (
            "kubernetes_persistent_volume_v1.v",
            r#"{"spec":[{"persistent_volume_reclaim_policy":"Retain"}]}"#,
            r#"{"spec":[{"persistent_volume_reclaim_policy":"Delete"}]}"#,
        ),
    ] {
        assert!(
            reason(address, Origin::Pending, real, want).is_some(),
            "{address} {want}"
        );
        // Raised by hand, and an apply would put it back.
        assert!(
            reason(address, Origin::Drift, real, want).is_some(),
            "{address} {want}"
        );
        let safe = reason(address, Origin::Drift, want, real);
        let both_ways = ["kms_master", "purge_protection", "reclaim_policy"]
            .iter()
            .any(|name| want.contains(name));
        assert_eq!(safe.is_some(), both_ways, "{address} {real}");
        assert!(
            found(&moved(address, real, want), &Rules::default())
                .irreversible
                .is_none()
        );
    }
    let reason = reason(
        "aws_db_instance.d",
        Origin::Drift,
        r#"{"backup_retention_period":30}"#,
        r#"{"backup_retention_period":7}"#,
    );
    insta::assert_snapshot!(reason.unwrap(), @"backup_retention_period would be reduced: older backups are deleted");
}

#[test]
fn what_is_not_known_before_the_apply_is_taken_for_the_worst() {
    let key = |key: Value| Value::Object([("kms_key_id".to_owned(), key)].into());
    let unknown = update(
        "aws_ebs_volume.v",
        Origin::Pending,
        r#"{"kms_key_id":"a"}"#,
        &key(Value::Unknown),
    );
    assert!(found(&unknown, &Rules::default()).irreversible.is_some());
    let first = update(
        "aws_ebs_volume.v",
        Origin::Pending,
        r#"{"kms_key_id":null}"#,
        &key(Value::Unknown),
    );
    assert!(found(&first, &Rules::default()).irreversible.is_none());
}

#[test]
fn the_operator_adds_to_what_cannot_be_undone() {
    let rules = Rules {
        irreversible: vec![
            IrreversibleRule {
                resource_type: name("acme_*"),
                attributes: Vec::new(),
                reason: "bookings".to_owned(),
            },
            IrreversibleRule {
                resource_type: name("acme_*"),
                attributes: paths(&["settings.mode"]),
                reason: "runs would break".to_owned(),
            },
        ],
        // A severity is no permission.
        severities: vec![SeverityRule {
            resource_type: name("*"),
            attributes: Vec::new(),
            origins: Vec::new(),
            severity: Severity::Info,
            reason: None,
        }],
        ..Rules::default()
    };
    let gone = change(
        "acme_ledger.l",
        PlannedAction::Delete,
        value("{}"),
        Value::Null,
    );
    let gone = found(&plan(vec![gone], vec![]), &rules);
    assert_eq!(gone.irreversible.as_deref(), Some("bookings"));
    let settings = |mode: &str, size: u8| {
        value(&format!(
            r#"{{"settings":[{{"mode":"{mode}","size":{size}}}]}}"#
        ))
    };
    let real = r#"{"settings":[{"mode":"a","size":1}]}"#;
    let broken = update("acme_ledger.l", Origin::Pending, real, &settings("b", 1));
    assert_eq!(
        found(&broken, &rules).irreversible.as_deref(),
        Some("settings: runs would break")
    );
    let grown = update("acme_ledger.l", Origin::Pending, real, &settings("a", 2));
    assert!(found(&grown, &rules).irreversible.is_none());
    let listed = change(
        "aws_db_instance.d",
        PlannedAction::Delete,
        value("{}"),
        Value::Null,
    );
    assert!(
        found(&plan(vec![listed], vec![]), &rules)
            .irreversible
            .is_some()
    );
}
