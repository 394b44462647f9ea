//! Reports are made when they are due, once, and told to whom they concern.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::SignedDuration;
use uuid::Uuid;

use super::*;
use crate::domain::alert::{Alert, AlertKind, Resolution, Trouble};
use crate::domain::finding::Severity;
use crate::domain::ids::{AlertId, SourceName};
use crate::domain::pattern::NamePattern;
use crate::domain::report::Each;
use crate::domain::route::{Condition, Route, Subject};
use crate::domain::schedule::Schedule;
use crate::domain::selection::Selection;
use crate::domain::stack::StackRecord;
use crate::notify::settings::{ChannelSettings, NotifierSettings, NotifySettings, Value};
use crate::reconcile::fixture;
use crate::reconcile::settings::{Settings, TellingSettings};
use crate::reconcile::time::Time;
use crate::secret::SecretSource;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A Friday.
fn friday() -> Timestamp {
    at("2026-11-20T12:00:00Z")
}

fn schedule(expression: &str) -> Schedule {
    Schedule::parse(expression, "UTC", SignedDuration::ZERO, friday()).unwrap()
}

fn weekly() -> ReportSettings {
    ReportSettings {
        name: "weekly".to_owned(),
        schedule: schedule("0 8 * * 1"),
        since: None,
        filter: Filter::default(),
        each: None,
        notifiers: vec!["team".to_owned()],
    }
}

fn notify() -> NotifySettings {
    let slack = |name: &str| NotifierSettings {
        name: name.to_owned(),
        channel: ChannelSettings {
            channel: "slack",
            values: [(
                "webhook_url",
                Value::Secret(SecretSource::File("/nowhere".into())),
            )]
            .into_iter()
            .collect(),
        },
    };
    NotifySettings {
        notifiers: ["team", "web", "data"].map(slack).to_vec(),
        ..NotifySettings::default()
    }
}

/// A daemon that starts on what an earlier one left in the directory.
async fn daemon(
    directory: &Path,
    reports: Vec<ReportSettings>,
    routes: Vec<Route>,
) -> Arc<Context> {
    let settings = Settings {
        telling: TellingSettings {
            routes,
            ..TellingSettings::default()
        },
        reports,
        ..fixture::settings(directory, notify())
    };
    fixture::daemon(settings, Time::default()).await
}

async fn remember(context: &Context, dir: &str, owners: &[&str], alerts: Vec<Alert>) {
    let mut stack = StackRecord::new(
        StackId::new(format!("infra/{dir}")),
        SourceName::new("infra"),
        dir.to_owned(),
        "default".to_owned(),
        BTreeMap::new(),
        friday() - SignedDuration::from_hours(24),
    );
    stack.owners = owners.iter().map(|&owner| owner.to_owned()).collect();
    let alerts: Vec<_> = alerts.into_iter().map(Into::into).collect();
    let conclusion = Conclusion {
        stack: Some(&stack),
        alerts: &alerts,
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await.unwrap();
}

fn alert(n: u128, dir: &str, opened: Timestamp, resolved: Option<Timestamp>) -> Alert {
    Alert {
        id: AlertId::from_uuid(Uuid::from_u128(n)),
        stack: StackId::new(format!("infra/{dir}")),
        kind: AlertKind::Drift,
        trouble: Trouble {
            parts: BTreeMap::new(),
            cause: None,
            content: "a".to_owned(),
            severity: Severity::High,
        },
        seen_at: opened,
        looks: 1,
        persist: SignedDuration::ZERO,
        opened_at: Some(opened),
        spoken_at: opened,
        escalated_at: None,
        free_since: None,
        acknowledged: None,
        lull: None,
        returns: Vec::new(),
        told_to: BTreeSet::new(),
        changed_at: opened,
        resolved: resolved.map(|at| (at, Resolution::PutBack)),
    }
}

/// The reports that wait to be told to a receiver.
async fn told(context: &Context, notifier: &str) -> Vec<ReportNotice> {
    let (news, _) = context.store.waiting_news(notifier).await.unwrap();
    let reports = news.into_iter().map(|envelope| match envelope.notice {
        Notice::Report(report) => report,
        other => panic!("a report: {other:?}"),
    });
    reports.collect()
}

#[tokio::test]
async fn a_report_is_made_when_it_is_due_and_never_twice() {
    let directory = tempfile::tempdir().unwrap();
    let context = daemon(directory.path(), vec![weekly()], vec![]).await;
    remember(&context, "web", &[], vec![]).await;
    let monday = at("2026-11-23T08:00:00Z");
    assert_eq!(round(&context, friday()).await, Some(monday));
    let early = at("2026-11-23T07:59:59Z");
    assert_eq!(round(&context, early).await, Some(monday));
    assert!(told(&context, "team").await.is_empty());
    let next = at("2026-11-30T08:00:00Z");
    let late = at("2026-11-23T08:00:02.5Z");
    for _ in 0..2 {
        assert_eq!(round(&context, late).await, Some(next));
        let reports = told(&context, "team").await;
        let [report] = reports.as_slice() else {
            panic!("one report: {reports:?}");
        };
        assert_eq!(report.id.as_str(), "20261123t080002z-weekly");
        // The first one tells of a week, though it was waited for since Friday only.
        let window = report.posture.window;
        assert_eq!(window.from(), at("2026-11-16T08:00:02Z"));
        assert_eq!(window.to(), at("2026-11-23T08:00:02Z"));
        assert!(told(&context, "web").await.is_empty());
    }
}

#[tokio::test]
async fn one_that_came_due_while_mooring_was_down_is_made_once_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let context = daemon(directory.path(), vec![weekly()], vec![]).await;
    remember(&context, "web", &[], vec![]).await;
    round(&context, friday()).await;
    round(&context, at("2026-11-23T08:00:00Z")).await;
    drop(context);

    let context = daemon(directory.path(), vec![weekly()], vec![]).await;
    // Two of them came due.
    let start = at("2026-12-09T10:30:00Z");
    let next = Some(at("2026-12-14T08:00:00Z"));
    assert_eq!(round(&context, start).await, next);
    drop(context);
    let context = daemon(directory.path(), vec![weekly()], vec![]).await;
    assert_eq!(round(&context, start).await, next);
    let windows: Vec<_> = told(&context, "team")
        .await
        .iter()
        .map(|report| (report.posture.window.from(), report.posture.window.to()))
        .collect();
    let made = at("2026-11-23T08:00:00Z");
    assert_eq!(
        windows,
        [(at("2026-11-16T08:00:00Z"), made), (made, start)],
        "none of the time is told twice or not at all"
    );
}

#[tokio::test]
async fn a_report_says_what_happened_and_what_had_before_and_is_kept_whole() {
    let directory = tempfile::tempdir().unwrap();
    let daily = ReportSettings {
        schedule: schedule("0 8 * * *"),
        since: Some(SignedDuration::from_hours(24)),
        ..weekly()
    };
    let context = daemon(directory.path(), vec![daily], vec![]).await;
    let alerts = vec![
        alert(
            1,
            "web",
            at("2026-11-20T09:00:00Z"),
            Some(at("2026-11-20T10:00:00Z")),
        ),
        alert(2, "web", at("2026-11-22T09:00:00Z"), None),
    ];
    remember(&context, "web", &[], alerts).await;
    round(&context, friday()).await;
    round(&context, at("2026-11-21T08:00:00Z")).await;
    round(&context, at("2026-11-22T08:00:00Z")).await;
    round(&context, at("2026-11-23T08:00:00Z")).await;
    let reports = told(&context, "team").await;
    let opened = |report: &ReportNotice| {
        let before = report.before.map(|before| before.opened);
        (
            report.posture.alerts.opened,
            report.posture.alerts.open,
            before,
        )
    };
    let opened: Vec<_> = reports.iter().map(opened).collect();
    // Nothing is known of the time before the first one: the stack was first seen in it.
    assert_eq!(opened, [(1, 0, None), (0, 0, Some(1)), (1, 1, Some(0))]);

    let last = reports.last().unwrap();
    assert!(last.kept);
    assert_eq!(context.artifacts.reports().await.unwrap()[0], last.id);
    let files = context
        .artifacts
        .list(&last.id.clone().into())
        .await
        .unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["report.csv", "report.html", "report.json"]);
    let json = ArtifactName::parse(crate::report::posture::KEPT).unwrap();
    let json = crate::artifacts::ArtifactId::new(last.id.clone(), json);
    let json = context.artifacts.get(&json).await.unwrap().unwrap();
    let whole: Posture = serde_json::from_slice(&json).unwrap();
    assert_eq!(whole.alerts, last.posture.alerts);
}

fn route(owner: Option<&str>, to: &str, subject: Option<Subject>) -> Route {
    Route {
        when: Condition {
            which: Selection {
                owners: owner.into_iter().map(NamePattern::exactly).collect(),
                ..Selection::default()
            },
            kinds: subject.into_iter().collect(),
            ..Condition::default()
        },
        to: vec![to.to_owned()],
        escalate_to: Vec::new(),
        goes_on: false,
    }
}

#[tokio::test]
async fn each_owner_gets_a_report_of_its_own_where_the_routes_say() {
    let directory = tempfile::tempdir().unwrap();
    let each = ReportSettings {
        each: Some(Each::Owner),
        notifiers: vec![],
        ..weekly()
    };
    let routes = vec![
        route(Some("@acme/web"), "web", Some(Subject::Report)),
        route(Some("@acme/data"), "data", None),
        route(None, "team", None),
    ];
    let context = daemon(directory.path(), vec![each], routes).await;
    remember(&context, "shop", &["@acme/web"], vec![]).await;
    remember(&context, "cart", &["@acme/web", "acme-web"], vec![]).await;
    remember(&context, "lake", &["@acme/data"], vec![]).await;
    remember(&context, "nobody", &[], vec![]).await;
    round(&context, friday()).await;
    round(&context, at("2026-11-23T08:00:00Z")).await;
    let mut seen = Vec::new();
    for notifier in ["web", "data", "team"] {
        for report in told(&context, notifier).await {
            let about = report.about.unwrap();
            seen.push((
                notifier,
                about,
                report.posture.counts.stacks,
                report.id.to_string(),
            ));
        }
    }
    let line = |to, about: &str, stacks, id: &str| {
        (
            to,
            about.to_owned(),
            stacks,
            format!("20261123t080000z-weekly.{id}"),
        )
    };
    assert_eq!(
        seen,
        [
            line("web", "@acme/web", 2, "acme-web"),
            // It has one stack, which belongs to the others too: the first route that fits counts.
            line("web", "acme-web", 1, "acme-web.2"),
            line("data", "@acme/data", 1, "acme-data"),
        ]
    );
}
