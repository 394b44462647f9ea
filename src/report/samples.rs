//! Looks for the tests of reports.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use super::Options;
use crate::domain::check::StackCheck;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::{
    AttributeChange, Finding, FindingAction, Findings, Note, Origin, OutputFinding, Severity,
    Subject, Verdict,
};
use crate::domain::ids::{Address, ChangeDigest, CommitId, Fingerprint, StackId};
use crate::domain::place::Background;
use crate::domain::plan::{Check, CheckStatus, Mode};
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::value::{AttributePath, Number, Value};

pub(super) const PLAIN: Options = Options {
    width: 100,
    color: false,
    verbose: false,
    why: false,
};

pub(super) fn text_value(text: &str) -> Value {
    Value::String(text.into())
}

pub(super) fn attribute(path: &[&str], origin: Origin, sides: [Value; 3]) -> AttributeChange {
    let path = AttributePath::new(path.iter().map(|s| (*s).to_owned()).collect());
    AttributeChange::new(Subject::Attribute(path), origin, sides)
}

pub(super) fn whole(subject: Subject, origin: Origin) -> AttributeChange {
    AttributeChange {
        subject,
        ..attribute(&[], origin, [Value::Null, Value::Null, Value::Null])
    }
}

pub(super) fn finding(
    address: &str,
    action: FindingAction,
    attributes: Vec<AttributeChange>,
) -> Finding {
    Finding {
        address: Address::new(address),
        resource_type: address.split('.').next().unwrap().into(),
        mode: Mode::Managed,
        deposed: None,
        previous_address: None,
        importing: false,
        action,
        origin: attributes.first().map_or(Origin::Pending, |a| a.origin),
        severity: Severity::Low,
        severity_reason: "something changed".to_owned(),
        irreversible: None,
        suppressed: None,
        ignored: None,
        background: Background::default(),
        reason: None,
        attributes,
    }
}

pub(super) fn check(stack: &str, verdict: Verdict) -> StackCheck {
    StackCheck {
        stack: Some(StackId::new(stack)),
        workspace: "default".into(),
        commit: Some(CommitId::new("4f2a91c03b7d11e2a0c54f2a91c03b7d11e2a0c5")),
        dirty: false,
        verdict,
        terraform_version: Some("1.11.4".into()),
        duration_ms: 1750,
        failure: None,
        digest: None,
        recipe: None,
        findings: Findings::default(),
        decision: Decision::new(DecisionKind::Nothing),
    }
}

pub(super) fn secret(digit: &str) -> Value {
    Value::Sensitive {
        fingerprint: Fingerprint::new(digit.repeat(64)),
        empty: false,
    }
}

pub(super) fn rule(port: &str) -> Value {
    Value::Object(BTreeMap::from([
        (
            "cidr_blocks".to_owned(),
            Value::List(vec![text_value("0.0.0.0/0")]),
        ),
        ("from_port".to_owned(), Value::Number(Number::parse(port))),
        ("protocol".to_owned(), text_value("tcp")),
    ]))
}

pub(super) fn drifted() -> StackCheck {
    let mut bucket = finding(
        "aws_s3_bucket.logs",
        FindingAction::Update,
        vec![
            attribute(
                &["tags", "Env"],
                Origin::Drift,
                [text_value("prod"), text_value("hacked"), text_value("prod")],
            ),
            attribute(
                &["tags", "a.b"],
                Origin::Pending,
                [Value::Null, Value::Null, Value::Unknown],
            ),
            attribute(
                &["policy"],
                Origin::Drift,
                [
                    text_value(&"p".repeat(90)),
                    text_value("{}"),
                    text_value(&"p".repeat(90)),
                ],
            ),
        ],
    );
    bucket.origin = Origin::Both;
    let parameter = finding(
        "aws_ssm_parameter.p",
        FindingAction::Update,
        vec![attribute(
            &["value"],
            Origin::Drift,
            [secret("a"), secret("b"), secret("a")],
        )],
    );
    let mut queue = finding(
        "aws_sqs_queue.jobs[\"x\"]",
        FindingAction::Create,
        vec![whole(Subject::Deleted, Origin::Drift)],
    );
    queue.severity = Severity::Critical;
    queue.irreversible = Some("messages".to_owned());
    let mut table = finding(
        "aws_dynamodb_table.t",
        FindingAction::Replace,
        vec![AttributeChange {
            forces_replacement: true,
            ..attribute(
                &["hash_key"],
                Origin::Pending,
                [text_value("id"), text_value("id"), text_value("key")],
            )
        }],
    );
    table.previous_address = Some(Address::new("aws_dynamodb_table.old"));
    table.reason = Some("replace_because_cannot_update".into());
    let group = finding(
        "aws_security_group.g",
        FindingAction::None,
        vec![attribute(
            &["ingress"],
            Origin::Unenforced,
            [
                Value::List(vec![rule("443")]),
                Value::List(vec![rule("22"), rule("443")]),
                Value::List(vec![rule("22"), rule("443")]),
            ],
        )],
    );
    StackCheck {
        dirty: true,
        digest: Some(ChangeDigest::new("d16e57")),
        findings: Findings {
            resources: vec![bucket, parameter, queue, table, group],
            outputs: vec![OutputFinding {
                name: "url".into(),
                action: FindingAction::Update,
                sensitive: true,
                origin: Origin::Drift,
            }],
            checks: vec![Check {
                address: "check.health".into(),
                status: CheckStatus::Fail,
                messages: vec!["the answer was 503".into()],
            }],
            deferred: 1,
            invocations: 0,
        },
        decision: Decision {
            reasons: vec![
                "code waits too".into(),
                "aws_sqs_queue.jobs[\"x\"] may lose data".into(),
            ],
            ..Decision::new(DecisionKind::Ask)
        },
        ..check("live/prod/web", Verdict::DriftedAndPending)
    }
}

pub(super) fn failed() -> StackCheck {
    StackCheck {
        workspace: "blue".into(),
        failure: Some(Failure::new(
            FailureKind::Locked,
            "Error acquiring the state lock\nID: 1-2-3, held by ann@laptop since this morning, for an apply of her own",
            "wait for it, or release the lock with `terraform force-unlock` if its owner is gone",
        )),
        ..check("live/prod/db", Verdict::Failed)
    }
}

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/reader"},"Action":["s3:GetObject","s3:ListBucket"],"Resource":"arn:aws:s3:::logs/*"},{"Sid":"TlsOnly","Effect":"Deny","Principal":"*","Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#;
const POLICY_MOVED: &str = r#"{"Statement":[{"Action":["s3:GetObject","s3:ListBucket","s3:DeleteObject"],"Effect":"Allow","Principal":"*","Resource":"arn:aws:s3:::logs/*","Sid":"Read"}],"Version":"2012-10-17"}"#;

/// A policy that somebody opened, code that wants it otherwise still, and one that only looks
/// different.
pub(super) fn documents() -> StackCheck {
    let [was, is] = [POLICY, POLICY_MOVED].map(text_value);
    let mut policy = finding(
        "aws_s3_bucket_policy.logs",
        FindingAction::Update,
        vec![attribute(
            &["policy"],
            Origin::Drift,
            [was.clone(), is.clone(), was.clone()],
        )],
    );
    policy.severity = Severity::High;
    policy.severity_reason = "a bucket policy decides who reads the bucket".to_owned();
    let code = text_value(&POLICY.replace("TlsOnly", "Tls"));
    let both = finding(
        "aws_iam_policy.both",
        FindingAction::Update,
        vec![attribute(
            &["policy"],
            Origin::Both,
            [was.clone(), is, code],
        )],
    );
    let spelt = text_value(&POLICY.replace(',', ", "));
    let same = AttributeChange {
        note: Some(Note::SameDocument),
        ..attribute(&["policy"], Origin::Unenforced, [was, spelt.clone(), spelt])
    };
    let hosts = |names: &[&str]| Value::List(names.iter().map(|name| text_value(name)).collect());
    let (order, other) = (hosts(&["a", "b"]), hosts(&["b", "a"]));
    let turned = AttributeChange {
        note: Some(Note::SameItems),
        ..attribute(&["hosts"], Origin::Pending, [order.clone(), order, other])
    };
    let mut noise = finding("aws_iam_role.app", FindingAction::None, vec![same]);
    noise.suppressed = Some("the provider spells documents in its own way".to_owned());
    let listed = finding("aws_mq_broker.b", FindingAction::Update, vec![turned]);
    StackCheck {
        findings: Findings {
            resources: vec![policy, both, noise, listed],
            ..Findings::default()
        },
        decision: Decision::because(DecisionKind::Alert, "the mode is observe"),
        ..check("live/prod/iam", Verdict::DriftedAndPending)
    }
}

/// Names and values in wide characters.
pub(super) fn wide() -> StackCheck {
    let change = |path: &str, from: &str, to: &str| {
        let sides = [from, to, from].map(text_value);
        attribute(&["tags", path], Origin::Drift, sides)
    };
    let changes = vec![
        change(
            "所有者",
            "港口团队港口团队港口团队港口团队",
            "船长🚢船长🚢船长🚢船长🚢船长🚢",
        ),
        change("Env", "prod", "テスト"),
    ];
    StackCheck {
        findings: Findings {
            resources: vec![finding("aws_instance.港", FindingAction::Update, changes)],
            ..Findings::default()
        },
        ..check("live/東京/web", Verdict::Drifted)
    }
}

/// Everything a report can meet.
pub(super) fn estate() -> Vec<StackCheck> {
    let mut checks = vec![drifted(), documents(), failed(), wide()];
    checks.extend(
        ["live/prod/dns", "live/prod/mail", "live/test/web"].map(|stack| {
            let mut clean = check(stack, Verdict::InSync);
            clean.terraform_version = Some("1.11.4".to_owned());
            clean
        }),
    );
    checks
}
