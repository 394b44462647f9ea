//! Notices that the tests of every channel render.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::alert::{AlertEvent, AlertKind, Resolution};
use crate::domain::check::StackCheck;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::{
    AttributeChange, Finding, FindingAction, Findings, Origin, Severity, Subject, Verdict,
};
use crate::domain::ids::{
    Address, AlertId, CommitId, Fingerprint, MessageId, RunId, SourceName, StackId,
};
use crate::domain::notice::{
    AlertNotice, Audience, Notice, RepairNotice, SummaryLine, SummaryNotice, SummaryReason,
    VerdictCounts,
};
use crate::domain::plan::Mode;
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::value::{AttributePath, Number, Value};
use crate::secret::SecretSource;

use super::content::{Content, Item, Section};
use super::settings::{self, ChannelSettings, NotifierSettings, NotifySettings, form};
use super::{Delivery, Notifiers};

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn id(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(0x0193_5000_0000_7000_8000_0000_0000_0000 + n)
}

pub(super) fn message_id() -> MessageId {
    MessageId::from_uuid(id(1))
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn hidden(fingerprint: &str) -> Value {
    Value::Sensitive {
        fingerprint: Fingerprint::new(fingerprint),
        empty: false,
    }
}

fn attribute(path: &[&str], origin: Origin, sides: [Value; 3]) -> AttributeChange {
    let path = AttributePath::new(path.iter().map(|&key| key.to_owned()).collect());
    AttributeChange::new(Subject::Attribute(path), origin, sides)
}

fn finding(
    address: &str,
    severity: Severity,
    origin: Origin,
    attributes: Vec<AttributeChange>,
) -> Finding {
    Finding {
        address: Address::new(address),
        resource_type: address.split('.').next().unwrap().to_owned(),
        mode: Mode::Managed,
        deposed: None,
        previous_address: None,
        importing: false,
        action: if origin == Origin::Unenforced {
            FindingAction::None
        } else {
            FindingAction::Update
        },
        origin,
        severity,
        severity_reason: String::new(),
        irreversible: None,
        suppressed: None,
        reason: None,
        attributes,
    }
}

fn rule(cidr: &str, port: &str) -> Value {
    let fields = [
        ("cidr_blocks", Value::List(vec![text(cidr)])),
        ("from_port", Value::Number(Number::parse(port))),
        ("to_port", Value::Number(Number::parse(port))),
        ("protocol", text("tcp")),
        ("description", text("")),
    ];
    Value::Object(BTreeMap::from(fields.map(|(k, v)| (k.to_owned(), v))))
}

fn check(verdict: Verdict, resources: Vec<Finding>, kind: DecisionKind, why: &str) -> StackCheck {
    StackCheck {
        stack: Some(StackId::new("infra/live/web@prod")),
        workspace: "prod".to_owned(),
        commit: Some(CommitId::new("0123456789abcdef0123456789abcdef01234567")),
        dirty: false,
        verdict,
        terraform_version: Some("1.11.4".to_owned()),
        duration_ms: 1750,
        failure: None,
        digest: None,
        findings: Findings {
            resources,
            ..Findings::default()
        },
        decision: Decision {
            kind,
            reasons: vec![why.to_owned()],
        },
    }
}

fn alert(event: AlertEvent, kind: AlertKind, severity: Severity, check: StackCheck) -> Notice {
    Notice::Alert(AlertNotice {
        alert: AlertId::from_uuid(id(2)),
        event,
        kind,
        stack: StackId::new("infra/live/web@prod"),
        severity,
        at: at("2026-11-23T10:00:00Z"),
        opened_at: at("2026-11-23T10:00:00Z"),
        since: None,
        detail: None,
        resolution: None,
        news: Vec::new(),
        acknowledged: None,
        returns: 0,
        escalated: false,
        cause: None,
        audience: Audience::default(),
        check,
    })
}

fn tags() -> Finding {
    finding(
        "aws_s3_bucket.logs",
        Severity::Low,
        Origin::Drift,
        vec![attribute(
            &["tags", "Env"],
            Origin::Drift,
            [text("prod"), text("<b>*hacked*</b> & `more`"), text("prod")],
        )],
    )
}

/// Drift of three resources, one of them in a secret value, one that no apply puts back.
pub(super) fn drift() -> Notice {
    let open = finding(
        "aws_security_group.web",
        Severity::High,
        Origin::Unenforced,
        vec![attribute(
            &["ingress"],
            Origin::Unenforced,
            [
                Value::List(vec![rule("10.0.0.0/8", "443")]),
                Value::List(vec![rule("10.0.0.0/8", "443"), rule("0.0.0.0/0", "22")]),
                Value::List(vec![rule("10.0.0.0/8", "443"), rule("0.0.0.0/0", "22")]),
            ],
        )],
    );
    let secret = finding(
        "module.db[\"main\"].aws_ssm_parameter.password",
        Severity::Medium,
        Origin::Drift,
        vec![attribute(
            &["value"],
            Origin::Drift,
            [hidden("aa"), hidden("bb"), hidden("aa")],
        )],
    );
    let check = check(
        Verdict::Drifted,
        vec![tags(), secret, open],
        DecisionKind::Ask,
        "aws_security_group.web: high severity change that an apply would absorb into the state",
    );
    alert(AlertEvent::Opened, AlertKind::Drift, Severity::High, check)
}

/// A database deleted by hand while code is waiting.
pub(super) fn deleted() -> Notice {
    let mut database = finding(
        "aws_db_instance.main",
        Severity::Critical,
        Origin::Drift,
        vec![AttributeChange {
            subject: Subject::Deleted,
            ..attribute(&[], Origin::Drift, [Value::Null, Value::Null, Value::Null])
        }],
    );
    database.action = FindingAction::Create;
    database.irreversible = Some("AWS::RDS::DBInstance".to_owned());
    let waiting = finding(
        "aws_sqs_queue.jobs",
        Severity::Medium,
        Origin::Pending,
        vec![attribute(
            &["delay_seconds"],
            Origin::Pending,
            [
                Value::Number(Number::parse("0")),
                Value::Number(Number::parse("0")),
                Value::Number(Number::parse("30")),
            ],
        )],
    );
    let check = check(
        Verdict::DriftedAndPending,
        vec![waiting, database],
        DecisionKind::Ask,
        "pending code blocks the repair: applying would also deploy it",
    );
    alert(
        AlertEvent::Changed,
        AlertKind::Drift,
        Severity::Critical,
        check,
    )
}

pub(super) fn failed() -> Notice {
    let mut check = check(
        Verdict::Failed,
        Vec::new(),
        DecisionKind::Refuse,
        "the plan failed or is incomplete",
    );
    check.failure = Some(Failure::new(
        FailureKind::Locked,
        "the state is locked by ci@runner-7\n(operation apply, since 2026-11-23 09:12 UTC)",
        "Wait until that apply ends; if it is dead, release the lock with terraform force-unlock.",
    ));
    alert(AlertEvent::Opened, AlertKind::Failed, Severity::High, check)
}

pub(super) fn resolved() -> Notice {
    let check = check(
        Verdict::InSync,
        Vec::new(),
        DecisionKind::Nothing,
        "in sync",
    );
    let Notice::Alert(notice) = alert(
        AlertEvent::Resolved,
        AlertKind::Drift,
        Severity::High,
        check,
    ) else {
        unreachable!()
    };
    Notice::Alert(AlertNotice {
        at: at("2026-11-23T11:30:00Z"),
        resolution: Some(Resolution::PutBack),
        news: Vec::new(),
        acknowledged: None,
        returns: 0,
        escalated: false,
        cause: None,
        audience: Audience::default(),
        ..notice
    })
}

pub(super) fn repaired() -> Notice {
    let before = check(
        Verdict::Drifted,
        vec![tags()],
        DecisionKind::Apply,
        "aws_s3_bucket.logs is drift and safe by rule",
    );
    let after = check(
        Verdict::InSync,
        Vec::new(),
        DecisionKind::Nothing,
        "in sync",
    );
    Notice::Repaired(RepairNotice {
        run: RunId::from_uuid(id(3)),
        stack: StackId::new("infra/live/web@prod"),
        at: at("2026-11-23T10:02:00Z"),
        before,
        after,
    })
}

/// An apply after which the stack could not be planned.
pub(super) fn unverified() -> Notice {
    let Notice::Repaired(notice) = repaired() else {
        unreachable!()
    };
    let Notice::Alert(failed) = failed() else {
        unreachable!()
    };
    Notice::Repaired(RepairNotice {
        after: failed.check,
        ..notice
    })
}

pub(super) fn first_sight() -> Notice {
    let line = |stack: &str, verdict, severity, text: &str| SummaryLine {
        stack: StackId::new(stack),
        verdict,
        severity,
        since: Some(at("2026-11-23T10:00:00Z")),
        text: text.to_owned(),
    };
    Notice::Summary(SummaryNotice {
        reason: SummaryReason::FirstSight(SourceName::new("infra")),
        at: at("2026-11-23T10:05:00Z"),
        stacks: vec![
            line(
                "infra/live/db",
                Verdict::Failed,
                Severity::High,
                "credentials_refused: the backend refused the credentials",
            ),
            line(
                "infra/live/web@prod",
                Verdict::Drifted,
                Severity::Low,
                "aws_s3_bucket.logs: tags.Env",
            ),
        ],
        counts: VerdictCounts::of([
            Verdict::InSync,
            Verdict::InSync,
            Verdict::InSync,
            Verdict::Drifted,
            Verdict::Failed,
        ]),
    })
}

/// Every sample.
pub(super) fn all() -> [Notice; 7] {
    [
        drift(),
        deleted(),
        failed(),
        resolved(),
        repaired(),
        unverified(),
        first_sight(),
    ]
}

/// More than any service takes, full of what means something to one of them.
pub(super) fn flood() -> Content {
    let hostile = "<!channel> @everyone @here **b** _i_ [x](http://x) `c` 😀 \"&";
    let item = Item {
        label: hostile.repeat(4),
        text: hostile.repeat(9),
        lines: vec![hostile.repeat(9); 6],
    };
    Content {
        subject: hostile.repeat(3),
        headline: hostile.repeat(30),
        facts: vec![hostile.repeat(2), "&".repeat(3000)],
        sections: vec![Section::new("What changed", vec![item; 90])],
        severity: Severity::High,
        over: false,
    }
}

/// Delivers by a channel whose secret, its first field, holds this text.
pub(super) async fn deliver(
    channel: &'static str,
    secret: &str,
    texts: &[(&'static str, &str)],
    notice: &Notice,
    handle: Option<&str>,
) -> Delivery {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), secret).unwrap();
    let field = form(channel).unwrap().fields.first().unwrap().name;
    let place = SecretSource::File(file.path().to_owned());
    let mut values = vec![(field, settings::Value::Secret(place))];
    for (field, text) in texts {
        values.push((field, settings::Value::Text((*text).to_owned())));
    }
    let settings = NotifySettings {
        notifiers: vec![NotifierSettings {
            name: "there".to_owned(),
            channel: ChannelSettings {
                channel,
                values: values.into_iter().collect(),
            },
        }],
        ..NotifySettings::default()
    };
    let notifiers = Notifiers::build(&settings).unwrap();
    let to = notifiers.addressees().pop().unwrap();
    notifiers
        .deliver(&to, &message_id(), notice, Timestamp::UNIX_EPOCH, handle)
        .await
}
