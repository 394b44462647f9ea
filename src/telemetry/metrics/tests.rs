//! Everything recorded comes out in the form that Prometheus reads.

use std::collections::BTreeMap;

use crate::domain::finding::Verdict;

use super::*;

/// Sample (name and labels) → value; panics on anything that Prometheus would not read.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
            && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name) = (words.next().unwrap(), words.next().unwrap());
            let rest = words.next().unwrap();
            assert!(is_name(name), "{line}");
            match kind {
                "HELP" => assert!(!rest.is_empty(), "{line}"),
                "TYPE" => assert!(types.insert(name, rest).is_none(), "{line}"),
                other => panic!("{other}"),
            }
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        let name = sample.split('{').next().unwrap();
        assert!(is_name(name), "{line}");
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .filter(|family| types.get(family) == Some(&"histogram"))
            .unwrap_or(name);
        let kind = types
            .get(family)
            .unwrap_or_else(|| panic!("no TYPE before {line}"));
        assert_eq!(*kind == "counter", name.ends_with("_total"), "{line}");
        if let Some(labels) = sample.strip_prefix(name).filter(|l| !l.is_empty()) {
            let labels = labels.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
            for label in labels.split("\",") {
                let (label, value) = label.split_once("=\"").unwrap();
                assert!(is_name(label), "{line}");
                assert!(!value.contains('\n'), "{line}");
            }
        }
        samples.insert(sample.to_owned(), value.parse().unwrap());
    }
    samples
}

#[test]
fn everything_recorded_is_rendered_as_prometheus_reads_it() {
    let (recorder, metrics) = Metrics::build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        describe();
        let checked = Outcome::Checked {
            verdict: Verdict::InSync,
        };
        run_ended(Trigger::Schedule, &checked, Duration::from_millis(700));
        run_ended(Trigger::Schedule, &checked, Duration::from_secs(7000));
        queue_length(3);
        runs_active(2);
        stacks(&VerdictCounts::of([Verdict::Failed, Verdict::InSync]));
        findings([]);
        apply_ended(ApplyOutcome::Repaired);
        alerts_open([AlertKind::Drift, AlertKind::Drift]);
        message_delivered("on\"call\n");
        message_failed("team", true);
        outbox_waiting(4);
        channel("team", Circuit::HalfOpen);
        channel_turned("team", Circuit::HalfOpen);
        heartbeat(Heartbeat::Withheld);
        artifacts_waiting(5);
        artifacts_dropped(2);
        artifact_upload_failed();
        let source = SourceName::new("infra");
        source_fetched(&source, "2026-11-23T10:00:00Z".parse().unwrap());
        source_failed(&source, FailureKind::RepositoryRefused);
    });
    let text = metrics.render();
    let samples = samples(&text);
    for (sample, value) in [
        (
            r#"mooring_runs_total{trigger="schedule",outcome="checked"}"#,
            2.0,
        ),
        (r#"mooring_run_duration_seconds_bucket{le="0.5"}"#, 0.0),
        (r#"mooring_run_duration_seconds_bucket{le="1"}"#, 1.0),
        (r#"mooring_run_duration_seconds_bucket{le="3600"}"#, 1.0),
        (r#"mooring_run_duration_seconds_bucket{le="+Inf"}"#, 2.0),
        ("mooring_run_duration_seconds_sum", 7000.7),
        ("mooring_queue_length", 3.0),
        (
            r#"mooring_channel_state{notifier="team",state="half_open"}"#,
            1.0,
        ),
        (
            r#"mooring_channel_state{notifier="team",state="open"}"#,
            0.0,
        ),
        (
            r#"mooring_channel_transitions_total{notifier="team",to="half_open"}"#,
            1.0,
        ),
        (r#"mooring_heartbeats_total{outcome="withheld"}"#, 1.0),
        ("mooring_runs_active", 2.0),
        (r#"mooring_stacks{verdict="failed"}"#, 1.0),
        (r#"mooring_stacks{verdict="drifted"}"#, 0.0),
        (r#"mooring_findings{origin="drift",severity="high"}"#, 0.0),
        (r#"mooring_applies_total{outcome="repaired"}"#, 1.0),
        (r#"mooring_applies_total{outcome="interrupted"}"#, 0.0),
        (r#"mooring_alerts_open{kind="drift"}"#, 2.0),
        (r#"mooring_alerts_open{kind="failed"}"#, 0.0),
        (
            r#"mooring_messages_delivered_total{notifier="on\"call\n"}"#,
            1.0,
        ),
        (
            r#"mooring_messages_failed_total{notifier="team",kind="retry"}"#,
            1.0,
        ),
        ("mooring_outbox_waiting", 4.0),
        ("mooring_leads", 0.0),
        ("mooring_artifacts_waiting", 5.0),
        ("mooring_artifacts_dropped_total", 2.0),
        ("mooring_artifact_uploads_failed_total", 1.0),
        (
            r#"mooring_source_last_success_timestamp_seconds{source="infra"}"#,
            1_795_428_000.0,
        ),
        (
            r#"mooring_source_failures_total{source="infra",kind="repository_refused"}"#,
            1.0,
        ),
        (
            concat!(
                "mooring_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"}"
            ),
            1.0,
        ),
    ] {
        assert_eq!(samples.get(sample), Some(&value), "{sample} in\n{text}");
    }
    let described = text.lines().filter(|l| l.starts_with("# HELP")).count();
    assert_eq!(
        described,
        text.lines().filter(|l| l.starts_with("# TYPE")).count()
    );
}

#[test]
fn a_finding_that_is_gone_is_not_counted_any_more() {
    let (recorder, metrics) = Metrics::build().unwrap();
    let finding = (Origin::Drift, Severity::High);
    let of = |text: &str| samples(text)[r#"mooring_findings{origin="drift",severity="high"}"#];
    metrics::with_local_recorder(&recorder, || findings([finding, finding]));
    assert_eq!(of(&metrics.render()), 2.0);
    metrics::with_local_recorder(&recorder, || findings([]));
    assert_eq!(of(&metrics.render()), 0.0);
}
