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
use crate::domain::channel::Circuit;
use crate::domain::counts::VerdictCounts;
use crate::domain::failure::FailureKind;
use crate::domain::finding::{Origin, Severity};
use crate::domain::ids::SourceName;
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
const CHANNEL: &str = "mooring_channel_state";
const CHANNEL_TURNS: &str = "mooring_channel_transitions_total";
const HEARTBEATS: &str = "mooring_heartbeats_total";
const ARTIFACTS_WAITING: &str = "mooring_artifacts_waiting";
const ARTIFACTS_DROPPED: &str = "mooring_artifacts_dropped_total";
const UPLOADS_FAILED: &str = "mooring_artifact_uploads_failed_total";
const SOURCE_SUCCESS: &str = "mooring_source_last_success_timestamp_seconds";
const SOURCE_FAILURES: &str = "mooring_source_failures_total";
const LEADS: &str = "mooring_leads";
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

    /// Metrics that count nothing.
    #[cfg(test)]
    pub(crate) fn idle() -> Result<Self, MetricsError> {
        Ok(Self::build()?.1)
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
        CHANNEL,
        "1 for the state a notifier's circuit is in: closed, open (left alone) or half_open."
    );
    describe_counter!(
        CHANNEL_TURNS,
        "How often a notifier's circuit came into a state."
    );
    describe_counter!(
        HEARTBEATS,
        "Beats: heard, unheard (the switch was not reached) or withheld (the daemon does not work)."
    );
    describe_gauge!(ARTIFACTS_WAITING, "Artifacts that wait to be uploaded.");
    describe_counter!(
        ARTIFACTS_DROPPED,
        "Artifacts that are lost because too many waited to be uploaded."
    );
    describe_counter!(
        UPLOADS_FAILED,
        "Failed uploads of artifacts; each is tried again."
    );
    describe_gauge!(
        SOURCE_SUCCESS,
        Unit::Seconds,
        "When a source was last fetched successfully, in seconds since 1970."
    );
    describe_counter!(
        SOURCE_FAILURES,
        "Failed fetches by source and kind of failure."
    );
    describe_gauge!(
        LEADS,
        "1 where the daemon plans and repairs by itself, 0 where it stands by for another replica."
    );
    leads(false);
    describe_gauge!(BUILD, "Always 1; the label says which version runs.");
    gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    artifacts_dropped(0);
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
pub fn findings(findings: impl IntoIterator<Item = (Origin, Severity)>) {
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
        *counts.entry(finding).or_insert(0) += 1;
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

/// Whether this daemon leads.
pub fn leads(here: bool) {
    gauge!(LEADS).set(count(usize::from(here)));
}

/// How many messages wait to be delivered.
pub fn outbox_waiting(messages: usize) {
    gauge!(OUTBOX).set(count(messages));
}

/// The state of a notifier's circuit.
pub fn channel(notifier: &str, circuit: Circuit) {
    for word in Circuit::WORDS {
        gauge!(CHANNEL, "notifier" => notifier.to_owned(), "state" => word)
            .set(count(usize::from(word == circuit.as_str())));
    }
}

/// A notifier's circuit came into a state.
pub fn channel_turned(notifier: &str, circuit: Circuit) {
    counter!(CHANNEL_TURNS, "notifier" => notifier.to_owned(), "to" => circuit.as_str())
        .increment(1);
}

/// What became of a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heartbeat {
    /// The switch heard it.
    Heard,
    /// The switch was not reached.
    Unheard,
    /// The daemon does not do its work.
    Withheld,
}

/// The heart beat, or did not.
pub fn heartbeat(beat: Heartbeat) {
    let outcome = match beat {
        Heartbeat::Heard => "heard",
        Heartbeat::Unheard => "unheard",
        Heartbeat::Withheld => "withheld",
    };
    counter!(HEARTBEATS, "outcome" => outcome).increment(1);
}

/// How many artifacts wait to be uploaded.
pub fn artifacts_waiting(artifacts: usize) {
    gauge!(ARTIFACTS_WAITING).set(count(artifacts));
}

/// So many artifacts were dropped because too many wait.
pub fn artifacts_dropped(artifacts: usize) {
    counter!(ARTIFACTS_DROPPED).increment(artifacts as u64);
}

/// An artifact could not be uploaded.
pub fn artifact_upload_failed() {
    counter!(UPLOADS_FAILED).increment(1);
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
mod tests;
