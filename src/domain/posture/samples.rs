//! A small estate over a week, for tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::domain::finding::Verdict;

/// Hours after the beginning of the week.
pub(crate) fn hour(hours: i64) -> Timestamp {
    let start: Timestamp = "2026-11-18T08:00:00Z".parse().unwrap();
    start + SignedDuration::from_hours(hours)
}

/// When the week is over.
pub(crate) fn end() -> Timestamp {
    hour(7 * 24)
}

pub(crate) fn stack(dir: &str, owner: &str, tier: &str, verdict: Verdict) -> StackNow {
    let source = SourceName::new(if dir.starts_with("live/edge") {
        "edge"
    } else {
        "infra"
    });
    let tier = (!tier.is_empty()).then(|| ("tier".to_owned(), tier.to_owned()));
    StackNow {
        id: StackId::new(format!("{source}/{dir}")),
        source,
        dir: dir.to_owned(),
        labels: BTreeMap::from_iter(tier),
        owners: if owner.is_empty() {
            vec![]
        } else {
            vec![owner.to_owned()]
        },
        tracked: true,
        verdict,
        since: Some(hour(0)),
        severity: None,
        checked_at: Some(hour(167)),
        contested: vec![],
        suppressed: vec![],
        ignored: vec![],
        headline: None,
    }
}

pub(crate) fn alert(
    stack: &str,
    kind: AlertKind,
    severity: Severity,
    opened: i64,
    resolved: Option<(i64, FixedBy)>,
) -> AlertSeen {
    AlertSeen {
        stack: StackId::new(stack),
        kind,
        severity,
        opened_at: hour(opened),
        since: None,
        resolved: resolved.map(|(at, by)| (hour(at), by)),
        acknowledged: None,
    }
}

/// A run that began in a minute of the week and took two minutes.
pub(crate) fn run(stack: &str, minute: i64, saw: Saw) -> RunSeen {
    let started_at = hour(0) + SignedDuration::from_mins(minute);
    RunSeen {
        stack: StackId::new(stack),
        started_at,
        ended_at: started_at + SignedDuration::from_mins(2),
        saw,
    }
}

/// The estate.
pub(crate) fn estate() -> Input {
    Input {
        made_at: end(),
        window: Window::new(hour(0), end()).unwrap(),
        known_from: Some(hour(-83 * 24)),
        filter: Filter::default(),
        stacks: stacks(),
        alerts: alerts(),
        runs: vec![
            run("infra/live/db", 2850, Saw::Verdict(Verdict::InSync)),
            run("infra/live/db", 2865, Saw::Nothing),
            run("infra/live/db", 2876, Saw::Unconfirmed),
            run("infra/live/db", 2879, Saw::Verdict(Verdict::Drifted)),
            run("infra/live/web", 1380, Saw::Verdict(Verdict::Pending)),
            run(
                "infra/live/web",
                1439,
                Saw::Verdict(Verdict::DriftedAndPending),
            ),
            run("infra/live/web", 1560, Saw::Repair),
            run("infra/live/queue", 7199, Saw::Verdict(Verdict::InSync)),
        ],
    }
}

fn stacks() -> Vec<StackNow> {
    vec![
        StackNow {
            since: Some(hour(48)),
            severity: Some(Severity::Critical),
            headline: Some("aws_db_instance.main (drift) and 2 more".to_owned()),
            ..stack("live/db", "data", "prod", Verdict::Drifted)
        },
        StackNow {
            contested: vec!["aws_s3_bucket.assets tags.Environment".to_owned()],
            suppressed: vec![(
                "aws_ecs_service.web".to_owned(),
                "desired_count is set by autoscaling".to_owned(),
            )],
            ..stack("live/web", "platform", "prod", Verdict::InSync)
        },
        StackNow {
            since: Some(hour(20)),
            severity: Some(Severity::Medium),
            headline: Some("aws_sqs_queue.jobs (pending)".to_owned()),
            ..stack("live/queue", "platform", "prod", Verdict::Pending)
        },
        StackNow {
            since: Some(hour(150)),
            severity: Some(Severity::High),
            headline: Some("no valid credential sources found\nfor the provider".to_owned()),
            ..stack("live/edge/dns", "", "", Verdict::Failed)
        },
        StackNow {
            since: Some(hour(-30)),
            checked_at: Some(hour(-30)),
            headline: Some("not checked recently".to_owned()),
            ..stack("live/edge/cdn", "", "prod", Verdict::Unknown)
        },
        stack("live/stage", "platform", "stage", Verdict::InSync),
        StackNow {
            tracked: false,
            ..stack("live/gone", "platform", "stage", Verdict::Unknown)
        },
    ]
}

fn alerts() -> Vec<AlertSeen> {
    use AlertKind::{Drift, Failed, Pending};
    use Severity::{Critical, High, Low, Medium};
    vec![
        // Older than the week and still there.
        AlertSeen {
            since: Some(hour(-400)),
            ..alert("infra/live/queue", Drift, Medium, -380, None)
        },
        AlertSeen {
            acknowledged: Some(Acknowledgement {
                by: "robin".to_owned(),
                until: Some(hour(200)),
                reason: Some("the new runtime is being tried".to_owned()),
            }),
            ..alert("infra/live/queue", Pending, Medium, 44, None)
        },
        alert("infra/live/db", Drift, Critical, 48, None),
        alert("edge/live/edge/dns", Failed, High, 150, None),
        // A source that cannot be read.
        alert("edge", Failed, High, 160, None),
        alert(
            "infra/live/web",
            Drift,
            High,
            24,
            Some((26, FixedBy::Mooring)),
        ),
        alert(
            "infra/live/queue",
            Drift,
            Medium,
            120,
            Some((145, FixedBy::Outside)),
        ),
        alert(
            "infra/live/stage",
            Pending,
            Low,
            -20,
            Some((30, FixedBy::Code)),
        ),
        alert(
            "infra/live/gone",
            Drift,
            Low,
            10,
            Some((60, FixedBy::Untracked)),
        ),
        // Over before the week.
        alert(
            "infra/live/web",
            Drift,
            High,
            -90,
            Some((-80, FixedBy::Outside)),
        ),
    ]
}
