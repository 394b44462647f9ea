//! Records with something in every field, for tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Addressed, Grounds, Store, StoreError};
use crate::domain::alert::{Alert, AlertEvent, AlertKind, Trouble};
use crate::domain::approval::{Approver, Intent};
use crate::domain::audience::Audience;
use crate::domain::binding::Binding;
use crate::domain::check::StackCheck;
use crate::domain::compose::Envelope;
use crate::domain::counts::VerdictCounts;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::{
    AttributeChange, Evidence, Finding, FindingAction, Findings, Note, Origin, OutputFinding,
    Severity, Subject, Verdict,
};
use crate::domain::identity::Identity;
use crate::domain::ids::{
    Address, AlertId, ChangeDigest, CommitId, EnvelopeId, Fingerprint, MessageId, RunId,
    SourceName, StackId,
};
use crate::domain::ledger::LedgerEntry;
use crate::domain::message::{Addressee, Message};
use crate::domain::notice::{
    AlertNotice, Notice, RepairNotice, ReportNotice, SummaryLine, SummaryNotice,
};
use crate::domain::place::Background;
use crate::domain::plan::{Check, CheckStatus, Mode};
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::posture::Posture;
use crate::domain::posture::samples::estate;
use crate::domain::report::ReportId;
use crate::domain::request::Request;
use crate::domain::run::{Run, Trigger};
use crate::domain::stack::{StackRecord, StateIdentity};
use crate::domain::state_watch::StateMove;
use crate::domain::value::{AttributePath, Number, Value};

impl Store {
    /// Stores an intent of a stack that shares its state with none.
    pub(crate) async fn intend(
        &self,
        run: &Run,
        intent: &Intent,
        used: Option<&Request>,
    ) -> Result<(), StoreError> {
        let grounds = Grounds {
            source: &SourceName::new("infra"),
            state: intent.binding.stack.as_str(),
        };
        self.record_intent(run, intent, used, grounds).await
    }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_760_000_000 + seconds).unwrap()
}

pub(super) fn run_id(n: u128) -> RunId {
    RunId::from_uuid(Uuid::from_u128(n))
}

pub(super) fn stack_id(name: &str) -> StackId {
    StackId::new(format!("infra/{name}"))
}

pub(super) fn operator() -> Identity {
    Identity::Operator {
        claims: Some("ada".into()),
    }
}

pub(super) fn run(n: u128, stack: &str, seconds: i64) -> Run {
    Run::queued(run_id(n), stack_id(stack), Trigger::Schedule, at(seconds))
}

pub(super) fn failure() -> Failure {
    Failure::new(FailureKind::Busy, "the state kept moving", "wait")
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(Value::Number(Number::parse("0.10")), |value, _| {
        Value::List(vec![value])
    })
}

fn values() -> Value {
    let fields = [
        ("null", Value::Null),
        ("bool", Value::Bool(true)),
        (
            "number",
            Value::Number(Number::parse("9007199254740993.000001")),
        ),
        ("text", Value::String("ümlaut \u{0} \"quoted\"\n".into())),
        ("unknown", Value::Unknown),
        (
            "secret",
            Value::Sensitive {
                fingerprint: Fingerprint::new("ab12"),
                empty: false,
            },
        ),
        (
            "redacted",
            Value::Redacted {
                text: "url://(sensitive)@host".into(),
                fingerprint: Fingerprint::new("cd34"),
            },
        ),
        ("deep", deep(300)),
    ];
    Value::Object(fields.map(|(k, v)| (k.to_owned(), v)).into())
}

pub(super) fn ledger_entry(key: &str) -> LedgerEntry {
    LedgerEntry {
        address: Address::new("module.net[\"a\"].aws_vpc.main[0]"),
        path: AttributePath::new(vec!["tags".into(), key.into()]),
        accepted: values(),
        first_seen_at: at(1),
        while_governed: None,
    }
}

pub(super) fn decision() -> Decision {
    Decision::because(DecisionKind::Apply, "aws_sqs_queue.jobs: safe by rule tags")
}

pub(super) fn check(stack: &str) -> StackCheck {
    StackCheck {
        stack: Some(stack_id(stack)),
        workspace: "default".into(),
        commit: Some(CommitId::new("0123456789012345678901234567890123456789")),
        dirty: false,
        verdict: Verdict::DriftedAndPending,
        terraform_version: Some("1.11.4".into()),
        duration_ms: 1750,
        failure: Some(failure()),
        digest: Some(ChangeDigest::new("d1")),
        recipe: None,
        findings: Findings {
            resources: vec![Finding {
                address: Address::new("aws_sqs_queue.jobs"),
                resource_type: "aws_sqs_queue".into(),
                mode: Mode::Managed,
                deposed: Some("deadbeef".into()),
                previous_address: Some(Address::new("aws_sqs_queue.old")),
                importing: true,
                action: FindingAction::Update,
                origin: Origin::Both,
                severity: Severity::High,
                severity_reason: "a port".to_owned(),
                irreversible: Some("rows".to_owned()),
                suppressed: Some("noise".to_owned()),
                ignored: None,
                background: Background::default(),
                reason: Some("tainted".into()),
                attributes: vec![
                    AttributeChange {
                        subject: Subject::Attribute(AttributePath::new(vec![
                            "tags".into(),
                            "a.b".into(),
                        ])),
                        origin: Origin::Drift,
                        state: values(),
                        real: Value::Null,
                        want: Value::Unknown,
                        forces_replacement: true,
                        evidence: Evidence::Absorbed {
                            since: Timestamp::UNIX_EPOCH,
                        },
                        note: Some(Note::SameItems),
                    },
                    AttributeChange::whole(Subject::Deleted, Origin::Drift),
                ],
            }],
            outputs: vec![OutputFinding {
                name: "url".into(),
                action: FindingAction::Create,
                sensitive: true,
                origin: Origin::Consequence,
            }],
            checks: vec![Check {
                address: "check.health".into(),
                status: CheckStatus::Fail,
                messages: vec!["not healthy".into()],
            }],
            deferred: 3,
            invocations: 0,
        },
        decision: decision(),
    }
}

pub(super) fn stack(name: &str) -> StackRecord {
    StackRecord {
        cost: None,
        providers: Some(BTreeSet::from([
            "registry.terraform.io/hashicorp/aws".into()
        ])),
        quiet_since: Some(at(6)),
        state_moved: Some(StateMove {
            at: Some(at(5)),
            from: None,
            to: Some(StateIdentity {
                lineage: "l".into(),
                serial: 7,
            }),
        }),
        id: stack_id(name),
        source: SourceName::new("infra"),
        dir: name.into(),
        workspace: "default".into(),
        labels: BTreeMap::from([("team".into(), "platform".into())]),
        owners: vec!["@acme/web".into()],
        tracked: true,
        max_age: SignedDuration::from_hours(24),
        first_seen_at: at(0),
        checked_at: Some(at(1)),
        verdict_since: Some(at(2)),
        drift_since: Some(at(3)),
        drifting: BTreeMap::new(),
        backend: Some("b".repeat(64)),
        pending_since: Some(at(4)),
        last: Some(check(name)),
        in_sync_commit: Some(CommitId::new("abc")),
        in_sync_state: None,
        state: Some(StateIdentity {
            lineage: "l".into(),
            serial: u64::MAX,
        }),
        held: Some("the apply was cut off".to_owned()),
        doubt: crate::domain::confirm::Doubt::default(),
        repairs: Vec::new(),
    }
}

pub(super) fn intent(run: RunId) -> Intent {
    Intent {
        run,
        binding: Binding {
            stack: stack_id("a"),
            digest: ChangeDigest::new("d1"),
            lineage: "l".into(),
            serial: u64::MAX,
            commit: Some(CommitId::new("abc")),
            inputs: Fingerprint::new("ef56"),
        },
        approver: Approver::Policy,
        decision: decision(),
        snapshot: "snapshots/x.tfstate".into(),
        at: at(9),
    }
}

pub(super) fn alert(n: u128, stack: &str, kind: AlertKind) -> Alert {
    Alert {
        id: AlertId::from_uuid(Uuid::from_u128(n)),
        stack: stack_id(stack),
        kind,
        trouble: Trouble {
            content: "c0ffee".into(),
            severity: Severity::High,
            parts: BTreeMap::from([("aws_x.y".into(), "1".into())]),
            cause: None,
        },
        seen_at: at(9),
        looks: 2,
        persist: SignedDuration::ZERO,
        opened_at: Some(at(10)),
        changed_at: at(11),
        spoken_at: at(11),
        escalated_at: None,
        free_since: None,
        acknowledged: None,
        lull: None,
        returns: vec![at(1)],
        told_to: BTreeSet::from(["team".to_owned()]),
        resolved: None,
    }
}

/// News of what the n-th sample says.
pub(super) fn news(n: u128, notice: Notice, seconds: i64) -> Addressed {
    Addressed {
        notifier: "team".into(),
        envelope: Envelope {
            id: EnvelopeId::from_uuid(Uuid::from_u128(n << 64)),
            notice,
            at: at(seconds),
        },
    }
}

pub(super) fn notices() -> [Notice; 3] {
    [
        Notice::Alert(AlertNotice {
            alert: AlertId::from_uuid(Uuid::from_u128(1)),
            event: AlertEvent::Changed,
            kind: AlertKind::Drift,
            stack: stack_id("a"),
            severity: Severity::Critical,
            at: at(1),
            looked_at: None,
            opened_at: at(0),
            since: None,
            detail: None,
            resolution: None,
            news: Vec::new(),
            acknowledged: None,
            returns: 0,
            escalated: false,
            cause: None,
            request: None,
            trouble: None,
            audience: Audience::default(),
            check: check("a"),
        }),
        Notice::Repaired(RepairNotice {
            run: run_id(1),
            stack: stack_id("a"),
            at: at(2),
            before: check("a"),
            after: check("a"),
        }),
        Notice::Summary(SummaryNotice {
            source: SourceName::new("infra"),
            at: at(3),
            stacks: vec![SummaryLine {
                stack: stack_id("a"),
                verdict: Verdict::Failed,
                severity: Severity::Low,
                since: Some(at(0)),
                text: "cannot be checked".into(),
            }],
            counts: VerdictCounts::of([Verdict::Failed, Verdict::InSync]),
        }),
    ]
}

/// With every kind of number, list and text that a posture has.
pub(super) fn report() -> Notice {
    let posture = Posture::of(&estate());
    Notice::Report(ReportNotice {
        id: ReportId::new(at(4), "weekly", Some("web"), 0),
        name: "weekly".into(),
        about: Some("web".into()),
        before: Some(posture.alerts),
        posture: Box::new(posture),
        kept: true,
    })
}

pub(super) fn message(n: u128, notice: Notice, seconds: i64) -> Message {
    let id = MessageId::from_uuid(Uuid::from_u128(n));
    let to = Addressee {
        notifier: "team".into(),
        recipient: n.is_multiple_of(2).then(|| "a@example.com".into()),
    };
    Message::new(id, to, notice, at(seconds))
}
