//! Prometheus metrics. Everything is counted here and nowhere else, so that names, units and labels
//! stay of one kind; no label grows with the number of stacks.

use std::time::Duration;

use jiff::Timestamp;
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::domain::alert::AlertKind;
use crate::domain::failure::FailureKind;
use crate::domain::finding::{Finding, Origin, Severity};
use crate::domain::ids::SourceName;
use crate::domain::notice::VerdictCounts;
use crate::domain::run::{Outcome, Trigger};

const RUNS: &str = "mooring_runs_total";
const RUN_DURATION: &str = "mooring_run_duration_seconds";
const QUEUE: &str = "mooring_queue_length";
const ACTIVE: &str = "mooring_runs_active";
const STACKS: &str = "mooring_stacks";
const FINDINGS: &str = "mooring_findings";
const APPLIES: &str = "mooring_applies_total";
const ALERTS: &str = "mooring_alerts_open";
const DELIVERED: &str = "mooring_messages_delivered_total";
const FAILED: &str = "mooring_messages_failed_total";
const OUTBOX: &str = "mooring_outbox_waiting";
const SOURCE_SUCCESS: &str = "mooring_source_last_success_timestamp_seconds";
const SOURCE_FAILURES: &str = "mooring_source_failures_total";
const BUILD: &str = "mooring_build_info";

/// Upper bounds of a run's duration in seconds.
const BUCKETS: [f64; 13] = [
    0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0,
];

/// Metrics that cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up metrics: {cause}")]
pub struct MetricsError {
    cause: String,
}

/// The process's metrics.
#[derive(Debug, Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Starts counting for the whole process; fails if something else counts already.
    pub fn install() -> Result<Self, MetricsError> {
        let (recorder, metrics) = Self::build()?;
        metrics::set_global_recorder(recorder).map_err(|error| MetricsError {
            cause: error.to_string(),
        })?;
        describe();
        Ok(metrics)
    }

    fn build() -> Result<(PrometheusRecorder, Self), MetricsError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(RUN_DURATION.to_owned()), &BUCKETS)
            .map_err(|error| MetricsError {
                cause: error.to_string(),
            })?
            .build_recorder();
        let metrics = Self(recorder.handle());
        Ok((recorder, metrics))
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds recorded durations into their buckets. To be called every minute or so, or memory
    /// grows where nobody scrapes.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

fn describe() {
    describe_counter!(
        RUNS,
        "Runs that ended, by what started them and how they ended."
    );
    describe_histogram!(
        RUN_DURATION,
        Unit::Seconds,
        "How long runs took, waiting not counted."
    );
    describe_gauge!(QUEUE, "Runs that wait for a free place.");
    describe_gauge!(ACTIVE, "Runs under way.");
    describe_gauge!(STACKS, "Tracked stacks by verdict.");
    describe_gauge!(FINDINGS, "Findings of all stacks by origin and severity.");
    describe_counter!(APPLIES, "Applies by how they ended.");
    describe_gauge!(ALERTS, "Open alerts by kind.");
    describe_counter!(
        DELIVERED,
        "Messages accepted by their receiver, by notifier."
    );
    describe_counter!(
        FAILED,
        "Failed deliveries by notifier: retry (will be tried again) or rejected (will not)."
    );
    describe_gauge!(OUTBOX, "Messages that wait to be delivered.");
    describe_gauge!(
        SOURCE_SUCCESS,
        Unit::Seconds,
        "When a source was last fetched successfully, in seconds since 1970."
    );
    describe_counter!(
        SOURCE_FAILURES,
        "Failed fetches by source and kind of failure."
    );
    describe_gauge!(BUILD, "Always 1; the label says which version runs.");
    gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    for outcome in ApplyOutcome::ALL {
        counter!(APPLIES, "outcome" => outcome.as_str()).increment(0);
    }
}

/// A count as a gauge takes it; exact up to 2^53.
#[allow(clippy::cast_precision_loss)]
const fn count(value: usize) -> f64 {
    value as f64
}

const fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Checked { .. } => "checked",
        Outcome::Unconfirmed { .. } => "unconfirmed",
        Outcome::Repaired => "repaired",
        Outcome::PartlyRepaired => "partly_repaired",
        Outcome::Failed { .. } => "failed",
        Outcome::Busy => "busy",
        Outcome::Cancelled => "cancelled",
    }
}

/// A run ended. `duration` begins when the run did, not when it was queued.
pub fn run_ended(trigger: Trigger, outcome: &Outcome, duration: Duration) {
    let outcome = outcome_word(outcome);
    counter!(RUNS, "trigger" => trigger.as_str(), "outcome" => outcome).increment(1);
    histogram!(RUN_DURATION).record(duration.as_secs_f64());
}

/// How many runs wait for a free place.
pub fn queue_length(runs: usize) {
    gauge!(QUEUE).set(count(runs));
}

/// How many runs are under way.
pub fn runs_active(runs: usize) {
    gauge!(ACTIVE).set(count(runs));
}

/// How many stacks have each verdict.
pub fn stacks(counts: &VerdictCounts) {
    let by_verdict = [
        ("in_sync", counts.in_sync),
        ("drifted", counts.drifted),
        ("pending", counts.pending),
        ("drifted_and_pending", counts.drifted_and_pending),
        ("failed", counts.failed),
        ("unknown", counts.unknown),
    ];
    for (verdict, stacks) in by_verdict {
        gauge!(STACKS, "verdict" => verdict).set(count(stacks));
    }
}

/// The findings of all stacks as they are now; what is not among them is set to nought.
pub fn findings<'a>(findings: impl IntoIterator<Item = &'a Finding>) {
    const ORIGINS: [Origin; 6] = [
        Origin::Drift,
        Origin::Pending,
        Origin::Both,
        Origin::Unenforced,
        Origin::Consequence,
        Origin::Input,
    ];
    const SEVERITIES: [Severity; 5] = [
        Severity::Info,
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];
    let mut counts = std::collections::BTreeMap::new();
    for origin in ORIGINS {
        for severity in SEVERITIES {
            counts.insert((origin, severity), 0);
        }
    }
    for finding in findings {
        *counts
            .entry((finding.origin, finding.severity))
            .or_insert(0) += 1;
    }
    for ((origin, severity), number) in counts {
        gauge!(FINDINGS, "origin" => origin.as_str(), "severity" => severity.as_str())
            .set(count(number));
    }
}

/// How an apply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyOutcome {
    /// The repaired findings are gone.
    Repaired,
    /// Some of them are still there.
    PartlyRepaired,
    /// Terraform failed.
    Failed,
    /// It was cut off; a person has to look.
    Interrupted,
}

impl ApplyOutcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [
        Self::Repaired,
        Self::PartlyRepaired,
        Self::Failed,
        Self::Interrupted,
    ];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Repaired => "repaired",
            Self::PartlyRepaired => "partly_repaired",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// An apply ended.
pub fn apply_ended(outcome: ApplyOutcome) {
    counter!(APPLIES, "outcome" => outcome.as_str()).increment(1);
}

/// The kinds of all open alerts as they are now.
pub fn alerts_open(open: impl IntoIterator<Item = AlertKind>) {
    let open: Vec<AlertKind> = open.into_iter().collect();
    for kind in AlertKind::ALL {
        let alerts = open.iter().filter(|k| **k == kind).count();
        gauge!(ALERTS, "kind" => kind.as_str()).set(count(alerts));
    }
}

/// A receiver took a message over.
pub fn message_delivered(notifier: &str) {
    counter!(DELIVERED, "notifier" => notifier.to_owned()).increment(1);
}

/// A receiver did not; `again` says whether it will be tried again.
pub fn message_failed(notifier: &str, again: bool) {
    let kind = if again { "retry" } else { "rejected" };
    counter!(FAILED, "notifier" => notifier.to_owned(), "kind" => kind).increment(1);
}

/// How many messages wait to be delivered.
pub fn outbox_waiting(messages: usize) {
    gauge!(OUTBOX).set(count(messages));
}

/// A source was fetched, or found unchanged.
pub fn source_fetched(source: &SourceName, at: Timestamp) {
    gauge!(SOURCE_SUCCESS, "source" => source.as_str().to_owned())
        .set(at.as_duration().as_secs_f64());
}

/// A source could not be fetched.
pub fn source_failed(source: &SourceName, kind: FailureKind) {
    counter!(SOURCE_FAILURES, "source" => source.as_str().to_owned(), "kind" => kind.as_str())
        .increment(1);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
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
        let finding = Finding {
            address: crate::domain::ids::Address::new("a.b"),
            resource_type: "a".to_owned(),
            mode: crate::domain::plan::Mode::Managed,
            deposed: None,
            previous_address: None,
            importing: false,
            action: crate::domain::finding::FindingAction::Update,
            origin: Origin::Drift,
            severity: Severity::High,
            irreversible: false,
            suppressed: false,
            reason: None,
            attributes: Vec::new(),
        };
        let of = |text: &str| samples(text)[r#"mooring_findings{origin="drift",severity="high"}"#];
        metrics::with_local_recorder(&recorder, || findings([&finding, &finding]));
        assert_eq!(of(&metrics.render()), 2.0);
        metrics::with_local_recorder(&recorder, || findings([]));
        assert_eq!(of(&metrics.render()), 0.0);
    }
}
