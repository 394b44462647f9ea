#![allow(clippy::unwrap_used, clippy::expect_used)]

use jiff::SignedDuration;
use proptest::prelude::*;

use super::samples::*;
use super::*;
use crate::domain::attribute_key::AttributeKey;
use crate::domain::ids::RunId;
use crate::domain::ignored::Ignored;
use crate::domain::pattern::{NamePattern, StackPattern};
use crate::domain::run::{Outcome, Run, RunState, Trigger};
use crate::domain::selection::Selection;
use crate::domain::stack::{Repair, StackRecord};
use crate::domain::testing::{check, drift};

fn names(alerts: &[OpenAlert]) -> Vec<&str> {
    alerts.iter().map(|alert| alert.stack.as_str()).collect()
}

#[test]
fn what_rules_ignore_is_named_two_weeks_before_that_ends() {
    let mut input = estate();
    let ignored = |days: Option<i64>| Ignored {
        rule: "scaling".to_owned(),
        owner: "web".to_owned(),
        reason: "it scales".to_owned(),
        until: days.map(|days| end() + SignedDuration::from_hours(24 * days)),
    };
    input.stacks[0].ignored = [Some(15), Some(14), None, Some(1), Some(-1)]
        .into_iter()
        .enumerate()
        .map(|(n, days)| (format!("t.a{n}"), ignored(days)))
        .collect();
    let soon = Posture::of(&input).expiring_ignores;
    let named: Vec<&str> = soon.items.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(named, ["t.a3", "t.a1"]);
    assert_eq!(soon.items[0].owner, "web");
}

#[test]
fn a_week_is_told_in_numbers_that_follow_from_what_happened() {
    let posture = Posture::of(&estate());
    let counts = VerdictCounts {
        stacks: 6,
        in_sync: 2,
        drifted: 1,
        pending: 1,
        drifted_and_pending: 0,
        failed: 1,
        unknown: 1,
    };
    assert_eq!(posture.counts, counts);
    assert_eq!(posture.coverage.percent(), Some(83));
    let alerts = AlertCounts {
        open_before: 2,
        opened: 7,
        resolved: 4,
        open: 5,
        repairs: 1,
    };
    assert_eq!(posture.alerts, alerts);
    assert_eq!(
        names(&posture.oldest),
        [
            "infra/live/queue",
            "infra/live/queue",
            "infra/live/db",
            "edge/live/edge/dns",
            "edge"
        ]
    );
    assert_eq!(posture.oldest[0].age, Seconds((400 + 168) * 3600));
    assert_eq!(
        names(&posture.new.items),
        [
            "infra/live/db",
            "edge",
            "edge/live/edge/dns",
            "infra/live/queue"
        ]
    );
    let fixed = FixedCounts {
        mooring: 1,
        outside: 1,
        code: 1,
        ignored: 0,
        untracked: 1,
    };
    assert_eq!(posture.fixed_by, fixed);
    assert_eq!(posture.fixed.items[0].stack.as_str(), "infra/live/queue");
    assert_eq!(posture.fixed.items[0].after, Seconds(25 * 3600));
    let noise: Vec<&str> = posture
        .suppressed
        .items
        .iter()
        .map(|s| s.address.as_str())
        .collect();
    assert_eq!(noise, ["aws_ecs_service.web"]);
    assert_eq!(posture.contested.items[0].stack.as_str(), "infra/live/web");
    assert_eq!(posture.expiring.items[0].by, "robin");
    assert_eq!(posture.expiring_ignores.total, 0);
    assert_eq!(
        posture.failing.items[0].stack.as_str(),
        "edge/live/edge/dns"
    );
    assert_eq!(
        posture.unchecked.items[0].stack.as_str(),
        "edge/live/edge/cdn"
    );
    assert_eq!(
        posture.known_from, None,
        "nothing of this week is forgotten"
    );
}

#[test]
fn every_day_of_the_window_is_there_and_adds_up() {
    let posture = Posture::of(&estate());
    let days: Vec<(String, usize, usize, usize, usize)> = posture
        .trend
        .iter()
        .map(|day| {
            (
                day.date.to_string(),
                day.opened,
                day.resolved,
                day.repaired,
                day.open,
            )
        })
        .collect();
    let day = |date: &str, opened, resolved, repaired, open| {
        (format!("2026-11-{date}"), opened, resolved, repaired, open)
    };
    assert_eq!(
        days,
        [
            day("18", 1, 0, 0, 3),
            day("19", 1, 2, 1, 2),
            day("20", 2, 1, 0, 3),
            day("21", 0, 0, 0, 3),
            day("22", 0, 0, 0, 3),
            day("23", 1, 0, 0, 4),
            day("24", 1, 1, 0, 4),
            day("25", 1, 0, 0, 5),
        ]
    );
}

#[test]
fn detection_took_no_longer_than_from_the_last_clean_look_to_the_first_that_saw_it() {
    let detect = Posture::of(&estate()).time_to_detect;
    // The database: the clean look began at 2850, the unconfirmed one ended at 2878; the web: from
    // 1380 to 1441. The queue has no run that opened its alert's look before it; the stack that is
    // gone has no run at all.
    assert_eq!(detect.all.measured, 2);
    assert_eq!(detect.all.unmeasured, 2);
    assert_eq!(detect.all.median_seconds, Some(Seconds(28 * 60)));
    assert_eq!(detect.all.p90_seconds, Some(Seconds(61 * 60)));
    let critical = &detect.by_severity[0];
    assert_eq!(critical.severity, Severity::Critical);
    assert_eq!(critical.took.median_seconds, Some(Seconds(28 * 60)));
    let low = detect.by_severity.last().unwrap();
    assert_eq!(
        (low.severity, low.took.median_seconds),
        (Severity::Low, None)
    );
}

#[test]
fn drift_that_was_there_at_the_first_look_has_no_time_to_detect() {
    let mut input = estate();
    input
        .runs
        .retain(|run| run.saw != Saw::Verdict(Verdict::InSync));
    let detect = Posture::of(&input).time_to_detect;
    assert_eq!(detect.by_severity[0].took.median_seconds, None);
    assert_eq!(detect.by_severity[0].took.unmeasured, 1);
}

#[test]
fn repair_is_timed_from_opening_to_resolution_and_leaving_repairs_nothing() {
    let repair = Posture::of(&estate()).time_to_repair;
    assert_eq!((repair.all.measured, repair.all.unmeasured), (3, 0));
    assert_eq!(repair.all.median_seconds, Some(Seconds(25 * 3600)));
    assert_eq!(repair.all.p90_seconds, Some(Seconds(50 * 3600)));
}

#[test]
fn without_data_nothing_is_known_and_nothing_is_zero_seconds() {
    let input = Input {
        stacks: vec![],
        alerts: vec![],
        runs: vec![],
        ..estate()
    };
    let posture = Posture::of(&input);
    assert_eq!(posture.coverage.percent(), None);
    assert_eq!(posture.time_to_detect.all.median_seconds, None);
    assert_eq!(posture.time_to_repair.all.p90_seconds, None);
    assert_eq!(posture.trend.len(), 8);
}

#[test]
fn a_filter_takes_alerts_with_their_stacks() {
    let of = |filter| {
        let posture = Posture::of(&Input { filter, ..estate() });
        (
            posture.counts.stacks,
            posture.alerts.open,
            posture.alerts.resolved,
        )
    };
    let which = |which| Filter {
        which,
        ..Filter::default()
    };
    let source = |name: &str| {
        which(Selection {
            sources: vec![SourceName::new(name)],
            ..Selection::default()
        })
    };
    // The alert of the source itself counts with it; `edg` is another name.
    assert_eq!(of(source("edge")), (2, 2, 0));
    assert_eq!(of(source("edg")), (0, 0, 0));
    assert_eq!(of(source("infra")), (4, 3, 4));
    let owner = which(Selection {
        owners: vec![NamePattern::exactly("platform")],
        ..Selection::default()
    });
    assert_eq!(of(owner), (3, 2, 4));
    let label = which(Selection {
        labels: BTreeMap::from([("tier".to_owned(), NamePattern::exactly("stage"))]),
        ..Selection::default()
    });
    assert_eq!(of(label), (1, 0, 2));
    let stacks = which(Selection {
        stacks: vec![StackPattern::parse("*/live/{db,web}").unwrap()],
        ..Selection::default()
    });
    assert_eq!(of(stacks), (2, 1, 1));
    // Stacks stay, whatever their alerts.
    let grave = Filter {
        severity: Some(Severity::High),
        ..Filter::default()
    };
    assert_eq!(of(grave), (6, 3, 1));
}

#[test]
fn groups_have_what_lacks_a_name_at_their_end() {
    let groups = Posture::of(&estate()).groups;
    let names = |groups: &[Group]| -> Vec<String> {
        let names = groups.iter().map(|group| group.name.clone());
        names
            .map(|name| name.unwrap_or_else(|| "none".to_owned()))
            .collect()
    };
    assert_eq!(names(&groups.sources.items), ["edge", "infra"]);
    assert_eq!(names(&groups.owners.items), ["data", "platform", "none"]);
    assert_eq!(groups.labels[0].label, "tier");
    assert_eq!(
        names(&groups.labels[0].values.items),
        ["prod", "stage", "none"]
    );
    let platform = &groups.owners.items[1];
    assert_eq!(
        (platform.counts.stacks, platform.opened, platform.open),
        (3, 3, 2)
    );
}

#[test]
fn a_shortened_posture_keeps_its_counts() {
    let whole = Posture::of(&estate());
    let short = whole.clone().shortened(1);
    assert_eq!(short.new.items.len(), 1);
    assert_eq!(short.new.total, whole.new.total);
    assert_eq!(short.open.total, 5);
    assert_eq!(short.counts, whole.counts);
    let values = &short.groups.labels[0].values;
    assert_eq!((values.total, values.items.len()), (3, 1));
}

#[test]
fn it_comes_back_from_json_as_it_was_in_a_message_too() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "notice", rename_all = "snake_case")]
    enum Told {
        Digest(Posture),
    }
    let told = Told::Digest(Posture::of(&estate()));
    let text = serde_json::to_string(&told).unwrap();
    assert_eq!(serde_json::from_str::<Told>(&text).unwrap(), told);
}

#[test]
fn a_record_becomes_a_stack_with_its_worst_finding_and_what_is_contested() {
    let mut noise = drift("aws_ecs_service.web", "desired_count", "3");
    noise.suppressed = Some("autoscaling".to_owned());
    let bad = drift("aws_sqs_queue.jobs", "tags.Env", "hacked");
    let key = AttributeKey::of(&bad, &bad.attributes[0]);
    let mut record = StackRecord::new(
        StackId::new("infra/a"),
        SourceName::new("infra"),
        "a".to_owned(),
        "default".to_owned(),
        BTreeMap::new(),
        hour(0),
    );
    let unseen = StackNow::of(&record, vec![], hour(0));
    assert_eq!(unseen.headline.as_deref(), Some("never checked"));
    record.observe(check(vec![noise, bad]), hour(1));
    record.repairs = vec![Repair {
        attribute: key,
        at: hour(0),
    }];
    let now = StackNow::of(&record, vec!["me".to_owned()], hour(2));
    assert_eq!(now.verdict, Verdict::Drifted);
    assert_eq!(now.headline.as_deref(), Some("aws_sqs_queue.jobs (drift)"));
    assert_eq!(now.contested, ["aws_sqs_queue.jobs tags.Env"]);
    assert_eq!(
        now.suppressed,
        [("aws_ecs_service.web".to_owned(), "autoscaling".to_owned())]
    );
    let later = StackNow::of(&record, vec![], hour(26));
    assert_eq!(
        later.verdict,
        Verdict::Unknown,
        "a look that is too old says nothing"
    );
    assert_eq!(later.since, Some(hour(1)));
    assert_eq!(
        later.contested, [""; 0],
        "a repair of yesterday is no contest"
    );
}

#[test]
fn a_run_says_what_its_outcome_says_and_nothing_before_it_is_over() {
    let id = RunId::from_uuid(uuid::Uuid::nil());
    let mut run = Run::queued(id, StackId::new("s"), Trigger::Schedule, hour(0));
    assert_eq!(RunSeen::of(&run), None);
    run.step(RunState::Syncing, hour(1)).unwrap();
    run.finish(Outcome::PartlyRepaired, hour(2)).unwrap();
    let seen = RunSeen::of(&run).unwrap();
    assert_eq!((seen.started_at, seen.ended_at), (hour(1), hour(2)));
    assert_eq!(seen.saw, Saw::Repair);
    run.outcome = Some(Outcome::Busy);
    assert_eq!(RunSeen::of(&run).unwrap().saw, Saw::Nothing);
}

fn any_alert() -> impl Strategy<Value = AlertSeen> {
    let stacks = prop::sample::select(vec!["infra/a", "infra/b", "edge/a", "edge", "gone/x"]);
    let kind = prop::sample::select(AlertKind::ALL.to_vec());
    let severity = prop::sample::select(vec![Severity::Low, Severity::High, Severity::Critical]);
    let resolved = prop::option::of((-300i64..300, prop::sample::select(FixedBy::ALL.to_vec())));
    (stacks, kind, severity, -300i64..300, resolved).prop_map(
        |(stack, kind, severity, opened, resolved)| alert(stack, kind, severity, opened, resolved),
    )
}

fn any_stack() -> impl Strategy<Value = StackNow> {
    let verdict = prop::sample::select(vec![
        Verdict::InSync,
        Verdict::Drifted,
        Verdict::Pending,
        Verdict::DriftedAndPending,
        Verdict::Failed,
        Verdict::Unknown,
    ]);
    let name = prop::sample::select(vec!["a", "b", "c", "live/edge/a", "live/edge/b"]);
    let word = prop::sample::select(vec!["", "x", "y"]);
    (name, word.clone(), word, verdict, any::<bool>()).prop_map(
        |(name, owner, tier, verdict, tracked)| StackNow {
            tracked,
            ..stack(name, owner, tier, verdict)
        },
    )
}

fn any_run() -> impl Strategy<Value = RunSeen> {
    let saw = prop::sample::select(vec![
        Saw::Verdict(Verdict::InSync),
        Saw::Verdict(Verdict::Drifted),
        Saw::Unconfirmed,
        Saw::Repair,
        Saw::Nothing,
    ]);
    (
        prop::sample::select(vec!["infra/a", "infra/b"]),
        -20_000i64..20_000,
        saw,
    )
        .prop_map(|(stack, minute, saw)| run(stack, minute, saw))
}

proptest! {
    #[test]
    fn counts_add_up_whatever_happened(
        stacks in prop::collection::vec(any_stack(), 0..12),
        alerts in prop::collection::vec(any_alert(), 0..30),
        runs in prop::collection::vec(any_run(), 0..20),
        from in -200i64..200,
        length in 1i64..300,
        source in prop::option::of(prop::sample::select(vec!["infra", "edge"])),
    ) {
        let input = Input {
            window: Window::new(hour(from), hour(from + length)).unwrap(),
            filter: Filter {
                which: Selection {
                    sources: source.into_iter().map(SourceName::new).collect(),
                    ..Selection::default()
                },
                ..Filter::default()
            },
            stacks,
            alerts,
            runs,
            ..estate()
        };
        let posture = Posture::of(&input);
        let alerts = posture.alerts;
        prop_assert_eq!(alerts.open_before + alerts.opened, alerts.resolved + alerts.open);
        prop_assert_eq!(posture.trend.last().unwrap().open, alerts.open);
        let mut open = alerts.open_before;
        for day in &posture.trend {
            open = open + day.opened - day.resolved;
            prop_assert_eq!(day.open, open);
        }
        prop_assert!(posture.trend.windows(2).all(|two| two[0].date.tomorrow().unwrap() == two[1].date));
        prop_assert_eq!(posture.open.total, alerts.open);
        prop_assert_eq!(posture.fixed.total, alerts.resolved);
        let by: usize = FixedBy::ALL.iter().map(|by| posture.fixed_by.by(*by)).sum();
        prop_assert_eq!(by, alerts.resolved);
        prop_assert!(posture.new.total <= alerts.opened.min(alerts.open));
        let repaired = posture.time_to_repair.all;
        prop_assert_eq!(repaired.measured + posture.fixed_by.untracked + posture.fixed_by.ignored, alerts.resolved);
        for measure in [&posture.time_to_detect, &posture.time_to_repair] {
            let parts = measure.by_severity.iter().map(|of| of.took.measured + of.took.unmeasured);
            prop_assert_eq!(parts.sum::<usize>(), measure.all.measured + measure.all.unmeasured);
            prop_assert_eq!(measure.all.median_seconds.is_some(), measure.all.measured > 0);
            prop_assert!(measure.all.median_seconds <= measure.all.p90_seconds);
        }
        let counts = posture.counts;
        prop_assert_eq!(counts.stacks, posture.stacks.total);
        prop_assert_eq!(posture.coverage.checked + posture.unchecked.total, counts.stacks);
        let sources = &posture.groups.sources.items;
        prop_assert_eq!(sources.iter().map(|g| g.counts.stacks).sum::<usize>(), counts.stacks);
        for label in &posture.groups.labels {
            prop_assert_eq!(label.values.items.iter().map(|g| g.counts.stacks).sum::<usize>(), counts.stacks);
        }
        for group in sources {
            prop_assert!(group.open <= alerts.open && group.opened <= alerts.opened);
        }
    }

    #[test]
    fn a_percentile_is_a_measured_time_with_enough_below_it(hours in prop::collection::vec(1i64..400, 1..40)) {
        let alerts = hours.iter().enumerate().map(|(n, hours)| {
            let opened = 100 - hours;
            alert(&format!("infra/{n}"), AlertKind::Drift, Severity::High, opened, Some((100, FixedBy::Outside)))
        });
        let posture = Posture::of(&Input { alerts: alerts.collect(), stacks: vec![], ..estate() });
        let spread = posture.time_to_repair.all;
        for (percent, found) in [(50, spread.median_seconds), (90, spread.p90_seconds)] {
            let found = SignedDuration::from_secs(found.unwrap().0 as i64).as_hours();
            prop_assert!(hours.contains(&found));
            let within = hours.iter().filter(|hours| **hours <= found).count();
            prop_assert!(within * 100 >= hours.len() * percent);
            let below = hours.iter().filter(|hours| **hours < found).count();
            prop_assert!(below * 100 < hours.len() * percent);
        }
    }
}
