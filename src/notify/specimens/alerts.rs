//! Made-up notices about one stack.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::domain::aftermath::COMMAND;
use crate::domain::alert::{Acknowledgement, AlertEvent, AlertKind, Resolution};
use crate::domain::audience::Audience;
use crate::domain::check::StackCheck;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::{
    AttributeChange, Finding, FindingAction, Findings, Origin, Severity, Subject, Verdict,
};
use crate::domain::ids::{Address, AlertId, CommitId, Fingerprint, RunId, SourceName, StackId};
use crate::domain::notice::{AlertNotice, Notice, RepairNotice};
use crate::domain::place::{Background, BlockPlace, Declared, LastChange, Recipe};
use crate::domain::plan::Mode;
use crate::domain::policy::{Decision, DecisionKind};
use crate::domain::value::{AttributePath, Number, Value};

/// 2026-11-23 10:00 UTC.
pub(super) const SEEN: Timestamp = Timestamp::constant(1_795_428_000, 0);

pub(super) fn minutes_later(minutes: i64) -> Timestamp {
    SEEN.checked_add(SignedDuration::from_mins(minutes))
        .unwrap_or(SEEN)
}

pub(in super::super) fn id(n: u128) -> Uuid {
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
        resource_type: address.rsplit('.').nth(1).unwrap_or_default().to_owned(),
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
        ignored: None,
        background: Background::default(),
        reason: None,
        attributes,
    }
}

/// What is known of a finding that was first seen and declared there.
fn known(
    mut finding: Finding,
    why: &str,
    minutes: i64,
    place: (&str, u32, u32),
    who: (&str, i64, &str),
) -> Finding {
    const COMMIT: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";
    let (file, first, last) = place;
    let (author, days, subject) = who;
    let planned = "0123456789abcdef0123456789abcdef01234567";
    finding.severity_reason = why.to_owned();
    finding.background = Background {
        since: Some(minutes_later(-minutes)),
        declared: Some(Declared {
            place: BlockPlace {
                file: file.to_owned(),
                first,
                last,
            },
            link: Some(format!(
                "https://github.com/acme/infra/blob/{planned}/{file}#L{first}-L{last}"
            )),
            changed: Some(LastChange {
                author: author.to_owned(),
                at: minutes_later(-1440 * days),
                commit: CommitId::new(COMMIT),
                subject: subject.to_owned(),
            }),
        }),
    };
    finding
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

pub(super) fn check(
    verdict: Verdict,
    resources: Vec<Finding>,
    kind: DecisionKind,
    why: &str,
) -> StackCheck {
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
        recipe: Some(Recipe {
            engine: "terraform".to_owned(),
            dir: "live/web".to_owned(),
            workspace: Some("prod".to_owned()),
            var_files: vec!["prod.tfvars".to_owned()],
            backend_config: Vec::new(),
            complete: true,
        }),
        findings: Findings {
            resources,
            ..Findings::default()
        },
        decision: Decision::because(kind, why),
    }
}

pub(super) fn alert(
    event: AlertEvent,
    kind: AlertKind,
    severity: Severity,
    check: StackCheck,
) -> AlertNotice {
    AlertNotice {
        alert: AlertId::from_uuid(id(2)),
        event,
        kind,
        stack: StackId::new("infra/live/web@prod"),
        severity,
        at: SEEN,
        looked_at: None,
        opened_at: SEEN,
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
        audience: Audience {
            source: Some(SourceName::new("infra")),
            labels: BTreeMap::new(),
            owners: vec!["@acme/web".to_owned(), "@acme/platform".to_owned()],
        },
        check,
    }
}

pub(super) fn tags() -> Finding {
    let finding = finding(
        "aws_s3_bucket.logs",
        Severity::Low,
        Origin::Drift,
        vec![attribute(
            &["tags", "Env"],
            Origin::Drift,
            [text("prod"), text("<b>*hacked*</b> & `more`"), text("prod")],
        )],
    );
    known(
        finding,
        "tags say something about it and change nothing",
        12,
        ("live/web/storage.tf", 4, 18),
        ("Bea <b@x>", 400, "Tag *all* buckets"),
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
    let open = known(
        open,
        "ingress opened to everybody: it decides who reaches the network",
        12,
        ("live/web/main.tf", 12, 31),
        ("Ann", 3, "Open the port"),
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
    Notice::Alert(AlertNotice {
        since: Some(minutes_later(-12)),
        ..alert(AlertEvent::Opened, AlertKind::Drift, Severity::High, check)
    })
}

/// A database deleted by hand while code is waiting.
pub(super) fn deleted() -> Notice {
    Notice::Alert(gone())
}

pub(super) fn gone() -> AlertNotice {
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
    let database = known(
        database,
        "it could lose data: AWS::RDS::DBInstance",
        9,
        ("modules/database/main.tf", 1, 44),
        ("Ann", 90, "Make the database larger"),
    );
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
    AlertNotice {
        news: vec!["new: aws_db_instance.main".to_owned()],
        since: Some(minutes_later(-26 * 60)),
        opened_at: minutes_later(-26 * 60),
        ..alert(
            AlertEvent::Changed,
            AlertKind::Drift,
            Severity::Critical,
            check,
        )
    }
}

pub(super) fn locked() -> StackCheck {
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
    ended(Resolution::PutBack)
}

fn ended(resolution: Resolution) -> Notice {
    let check = check(
        Verdict::InSync,
        Vec::new(),
        DecisionKind::Nothing,
        "in sync",
    );
    Notice::Alert(AlertNotice {
        at: minutes_later(90),
        resolution: Some(resolution),
        ..alert(
            AlertEvent::Resolved,
            AlertKind::Drift,
            Severity::High,
            check,
        )
    })
}

pub(super) fn repair(after: StackCheck) -> RepairNotice {
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
    Notice::Repaired(repair(in_sync()))
}

pub(super) fn in_sync() -> StackCheck {
    check(
        Verdict::InSync,
        Vec::new(),
        DecisionKind::Nothing,
        "in sync",
    )
}

/// An apply after which the stack could not be planned.
pub(super) fn unverified() -> Notice {
    Notice::Repaired(repair(locked()))
}

/// A database that is still gone, told as something happens to the alert.
fn later(event: AlertEvent, hours: i64) -> AlertNotice {
    AlertNotice {
        event,
        news: Vec::new(),
        at: minutes_later(60 * hours),
        ..gone()
    }
}

/// Nobody has done anything about it.
pub(super) fn reminded() -> Notice {
    Notice::Alert(later(AlertEvent::Reminded, 4))
}

/// Nobody has said that they would.
pub(super) fn escalated() -> Notice {
    Notice::Alert(AlertNotice {
        escalated: true,
        ..later(AlertEvent::Escalated, 1)
    })
}

/// Somebody has.
pub(super) fn acknowledged() -> Notice {
    Notice::Alert(AlertNotice {
        acknowledged: Some(Acknowledgement {
            by: "ann".to_owned(),
            at: minutes_later(65),
            until: Some(minutes_later(65 + 8 * 60)),
            reason: Some("restoring from last night's snapshot".to_owned()),
        }),
        ..later(AlertEvent::Acknowledged, 1)
    })
}

fn number(number: &str) -> Value {
    Value::Number(Number::parse(number))
}

/// Code that has been waiting for two days.
pub(super) fn pending() -> Notice {
    let waiting = finding(
        "aws_sqs_queue.jobs",
        Severity::Medium,
        Origin::Pending,
        vec![attribute(
            &["delay_seconds"],
            Origin::Pending,
            [number("0"), number("0"), number("30")],
        )],
    );
    let waiting = known(
        waiting,
        "",
        2 * 1440,
        ("live/web/queue.tf", 7, 12),
        ("Cleo", 2, "Give the workers time"),
    );
    let check = check(
        Verdict::Pending,
        vec![waiting],
        DecisionKind::Alert,
        "code is waiting, and the mode is observe",
    );
    Notice::Alert(AlertNotice {
        since: Some(minutes_later(-2 * 1440)),
        ..alert(
            AlertEvent::Opened,
            AlertKind::Pending,
            Severity::Medium,
            check,
        )
    })
}

/// A repair that was cut off.
pub(super) fn interrupted() -> Notice {
    let check = check(
        Verdict::Drifted,
        vec![tags()],
        DecisionKind::Ask,
        "repairs are held until a person has looked",
    );
    let run = RunId::from_uuid(id(3));
    Notice::Alert(AlertNotice {
        detail: Some(format!(
            "the apply of run {run} was cut off: Mooring was stopped in the middle of it\n\
             Terraform is not running any more.\n\
             It was about to change, and how that ended is not known: aws_s3_bucket.logs.\n\
             The state is as it was (serial 7): what was changed is not in it, so the next plan may \
             want to do it again.\n\
             The state before it is kept as:\n\
             {COMMAND}snapshots/infra_live_web@prod-0123456789ab/{run}.tfstate.age\n\
             What putting it back would mean:\n\
             {COMMAND}mooring state restore infra/live/web@prod {run}"
        )),
        ..alert(
            AlertEvent::Opened,
            AlertKind::Apply,
            Severity::Critical,
            check,
        )
    })
}

/// Drift that Mooring repaired.
pub(super) fn resolved_by_repair() -> Notice {
    ended(Resolution::Repaired)
}

/// A stack that left its source.
pub(super) fn untracked() -> Notice {
    ended(Resolution::Untracked)
}
