//! Notices of every kind, made up: what templates are proven on, what `mooring notify` shows and
//! sends, and what the tests of every channel render.

mod reports;

use std::collections::BTreeMap;

use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::domain::alert::{AlertEvent, AlertKind, Resolution};
use crate::domain::check::StackCheck;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::{
    AttributeChange, Finding, FindingAction, Findings, Origin, Severity, Subject, Verdict,
};
use crate::domain::ids::{Address, AlertId, CommitId, Fingerprint, RunId, SourceName, StackId};
use crate::domain::notice::{
    AlertNotice, Audience, Notice, RepairNotice, SummaryLine, SummaryNotice, VerdictCounts,
};
use crate::domain::plan::Mode;
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::value::{AttributePath, Number, Value};

/// 2026-11-23 10:00 UTC.
const SEEN: Timestamp = Timestamp::constant(1_795_428_000, 0);

fn minutes_later(minutes: i64) -> Timestamp {
    SEEN.checked_add(SignedDuration::from_mins(minutes))
        .unwrap_or(SEEN)
}

pub(super) fn id(n: u128) -> Uuid {
    Uuid::from_u128(0x0193_5000_0000_7000_8000_0000_0000_0000 + n)
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
        resource_type: address.split('.').next().unwrap_or_default().to_owned(),
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

fn alert(event: AlertEvent, kind: AlertKind, severity: Severity, check: StackCheck) -> AlertNotice {
    AlertNotice {
        alert: AlertId::from_uuid(id(2)),
        event,
        kind,
        stack: StackId::new("infra/live/web@prod"),
        severity,
        at: SEEN,
        opened_at: SEEN,
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
    }
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
    Notice::Alert(alert(
        AlertEvent::Opened,
        AlertKind::Drift,
        Severity::High,
        check,
    ))
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
    Notice::Alert(alert(
        AlertEvent::Changed,
        AlertKind::Drift,
        Severity::Critical,
        check,
    ))
}

fn locked() -> StackCheck {
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
    check
}

/// A stack whose state is locked.
pub(super) fn failed() -> Notice {
    Notice::Alert(alert(
        AlertEvent::Opened,
        AlertKind::Failed,
        Severity::High,
        locked(),
    ))
}

/// Drift that somebody put right.
pub(super) fn resolved() -> Notice {
    let check = check(
        Verdict::InSync,
        Vec::new(),
        DecisionKind::Nothing,
        "in sync",
    );
    Notice::Alert(AlertNotice {
        at: minutes_later(90),
        resolution: Some(Resolution::PutBack),
        ..alert(
            AlertEvent::Resolved,
            AlertKind::Drift,
            Severity::High,
            check,
        )
    })
}

fn repair(after: StackCheck) -> RepairNotice {
    let before = check(
        Verdict::Drifted,
        vec![tags()],
        DecisionKind::Apply,
        "aws_s3_bucket.logs is drift and safe by rule",
    );
    RepairNotice {
        run: RunId::from_uuid(id(3)),
        stack: StackId::new("infra/live/web@prod"),
        at: minutes_later(2),
        before,
        after,
    }
}

/// A repair that worked.
pub(super) fn repaired() -> Notice {
    let after = check(
        Verdict::InSync,
        Vec::new(),
        DecisionKind::Nothing,
        "in sync",
    );
    Notice::Repaired(repair(after))
}

/// An apply after which the stack could not be planned.
pub(super) fn unverified() -> Notice {
    Notice::Repaired(repair(locked()))
}

/// The first look at a source.
pub(super) fn first_sight() -> Notice {
    let line = |stack: &str, verdict, severity, text: &str| SummaryLine {
        stack: StackId::new(stack),
        verdict,
        severity,
        since: Some(SEEN),
        text: text.to_owned(),
    };
    Notice::Summary(SummaryNotice {
        source: SourceName::new("infra"),
        at: minutes_later(5),
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

/// A kind of notice that can be shown and sent without anything having happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Specimen {
    /// Drift of several resources.
    Drift,
    /// Something that holds data is deleted.
    Deleted,
    /// A stack that cannot be checked.
    Failed,
    /// Drift is gone.
    Resolved,
    /// Mooring repaired something.
    Repaired,
    /// Mooring repaired something and cannot say whether it worked.
    Unverified,
    /// The first look at a source.
    FirstLook,
    /// A report on many stacks.
    Report,
    /// A report with nothing to say.
    CalmReport,
}

impl Specimen {
    /// Each of them, in the order in which they tell a story.
    pub const ALL: [Self; 9] = [
        Self::Drift,
        Self::Deleted,
        Self::Failed,
        Self::Resolved,
        Self::Repaired,
        Self::Unverified,
        Self::FirstLook,
        Self::Report,
        Self::CalmReport,
    ];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drift => "drift",
            Self::Deleted => "deleted",
            Self::Failed => "failed",
            Self::Resolved => "resolved",
            Self::Repaired => "repaired",
            Self::Unverified => "unverified",
            Self::FirstLook => "first-look",
            Self::Report => "report",
            Self::CalmReport => "calm-report",
        }
    }

    pub(super) fn notice(self) -> Notice {
        match self {
            Self::Drift => drift(),
            Self::Deleted => deleted(),
            Self::Failed => failed(),
            Self::Resolved => resolved(),
            Self::Repaired => repaired(),
            Self::Unverified => unverified(),
            Self::FirstLook => first_sight(),
            Self::Report => reports::report(SEEN, "infra"),
            Self::CalmReport => reports::calm(SEEN, "infra"),
        }
    }

    /// The notice as if it were about now and about stacks that nobody has. `trial` sets the alerts
    /// and runs of one trial apart from those of another.
    pub fn as_of(self, now: Timestamp, trial: Uuid) -> Notice {
        let moved = |at: Timestamp| {
            let moved = at.checked_add(now.duration_since(minutes_later(90)));
            moved.unwrap_or(now)
        };
        let unowned =
            |stack: &StackId| StackId::new(stack.as_str().replacen("infra/", "example/", 1));
        let mut notice = self.notice();
        match &mut notice {
            Notice::Alert(alert) => {
                // Failures are an alert of their own, as they are in life.
                let kind = u128::from(alert.kind == AlertKind::Failed);
                alert.alert = AlertId::from_uuid(Uuid::from_u128(trial.as_u128() ^ kind));
                alert.stack = unowned(&alert.stack);
                alert.at = moved(alert.at);
                alert.opened_at = moved(alert.opened_at);
                alert.since = alert.since.map(moved);
                alert.check.stack = Some(alert.stack.clone());
            }
            Notice::Repaired(repair) => {
                repair.run = RunId::from_uuid(trial);
                repair.stack = unowned(&repair.stack);
                repair.at = moved(repair.at);
                repair.before.stack = Some(repair.stack.clone());
                repair.after.stack = Some(repair.stack.clone());
            }
            Notice::Summary(summary) => {
                summary.at = moved(summary.at);
                summary.source = SourceName::new("example");
                for line in &mut summary.stacks {
                    line.stack = unowned(&line.stack);
                    line.since = line.since.map(moved);
                }
            }
            Notice::Report(_) if self == Self::CalmReport => {
                return reports::calm(now, "example");
            }
            Notice::Report(_) => return reports::report(now, "example"),
            // No specimen is one of these.
            Notice::Group(_) | Notice::Digest(_) | Notice::Undelivered(_) => {}
        }
        notice
    }
}
