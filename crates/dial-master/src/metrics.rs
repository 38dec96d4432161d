//! What the master counts, as Prometheus reads it from `/metrics`.
//!
//! `dial_findings_received_total` = stored + duplicate + rejected + failed of
//! `dial_findings_total{outcome}`; a failed one is sent again by its worker. Of the stored ones,
//! `dial_findings_suppressed_total` have no outbox row. The rest, times the sinks, is the sum of
//! `dial_outbox_rows` over its states, as long as no finding is older than its retention.

use crate::emf::{Emf, Tee};
use ::metrics::{
    Recorder, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use dial_core::store::DeliveryState;
use dial_core::store::outbox::Count;
use dial_core::wire::Accepted;
use jiff::Timestamp;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::sync::OnceLock;

const RECEIVED: &str = "dial_findings_received_total";
const FINDINGS: &str = "dial_findings_total";
const SUPPRESSED: &str = "dial_findings_suppressed_total";
const REFUSALS: &str = "dial_refusals_total";
const HEARTBEATS: &str = "dial_heartbeats_total";
const RAISED: &str = "dial_own_findings_total";
const DELIVERIES: &str = "dial_deliveries_total";
const SINK_REFUSED: &str = "dial_sink_refused";
const OLDEST: &str = "dial_oldest_due_seconds";
const OUTBOX: &str = "dial_outbox_rows";
const DEFECTS: &str = "dial_defects_total";
const DETECT: &str = "dial_time_to_detect_seconds";

/// Upper bounds, seconds: our own share is milliseconds, CloudTrail's is seconds to minutes.
const BUCKETS: [f64; 15] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 900.0,
];

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// The process's counters; the first call starts the counting.
pub fn handle() -> &'static PrometheusHandle {
    HANDLE.get_or_init(|| {
        let recorder = recorder();
        let handle = recorder.handle();
        start(recorder);
        handle
    })
}

/// Starts the counting so that it also leaves as lines of this deployment; to be called first.
pub fn start_with_lines(master: &str) -> &'static Emf {
    let emf: &'static Emf = Box::leak(Box::new(Emf::new(master)));
    HANDLE.get_or_init(|| {
        let inner = recorder();
        let handle = inner.handle();
        start(Tee { inner, emf });
        handle
    });
    emf
}

fn recorder() -> PrometheusRecorder {
    PrometheusBuilder::new()
        .set_buckets(&BUCKETS)
        .expect("the list of buckets is not empty")
        .build_recorder()
}

fn start(recorder: impl Recorder + Sync + 'static) {
    if ::metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("another recorder counts; /metrics stays empty");
    }
    describe();
    // At zero from the start, so that rates and sums have no gaps.
    received(0);
    taken(&Accepted::default(), 0);
    suppressed(0);
}

fn describe() {
    describe_counter!(RECEIVED, Unit::Count, "Findings in authenticated batches");
    describe_counter!(FINDINGS, Unit::Count, "Findings by what became of them");
    describe_counter!(
        SUPPRESSED,
        Unit::Count,
        "Findings stored of which nobody is told, since a worker's suppression fits"
    );
    describe_counter!(HEARTBEATS, Unit::Count, "Heartbeats of workers recorded");
    describe_counter!(
        RAISED,
        Unit::Count,
        "Findings that the master made itself and stored, by rule; not among those received"
    );
    describe_counter!(REFUSALS, Unit::Count, "Requests refused, by reason");
    describe_counter!(
        DELIVERIES,
        Unit::Count,
        "Ends of delivery attempts by sink and outcome: sent, retried, failed"
    );
    describe_gauge!(
        SINK_REFUSED,
        "1 while a sink refuses our address, credentials or rights, by sink"
    );
    describe_gauge!(
        OLDEST,
        Unit::Seconds,
        "How long the oldest delivery that is due waits, by sink, as the last look found it"
    );
    describe_gauge!(
        OUTBOX,
        Unit::Count,
        "Outbox rows by sink and state; they add up to the findings stored for the sink"
    );
    describe_counter!(
        DEFECTS,
        Unit::Count,
        "Times that a task broke off by a defect and began again, by task"
    );
    describe_histogram!(
        DETECT,
        Unit::Seconds,
        "Time to detect by stage: event_to_judged, judged_to_accepted, accepted_to_delivered"
    );
}

/// Counts the findings of a batch as they come in.
pub(crate) fn received(count: usize) {
    counter!(RECEIVED).increment(wide(count));
}

/// Counts what became of the findings of a batch.
pub(crate) fn taken(answer: &Accepted, failed: usize) {
    for (outcome, count) in [
        ("stored", u64::from(answer.accepted)),
        ("duplicate", u64::from(answer.duplicates)),
        ("rejected", wide(answer.rejected.len())),
        ("failed", wide(failed)),
    ] {
        counter!(FINDINGS, "outcome" => outcome).increment(count);
    }
}

/// Counts new findings that a suppression fits.
pub(crate) fn suppressed(count: u64) {
    counter!(SUPPRESSED).increment(count);
}

/// Counts a heartbeat.
pub(crate) fn heartbeat() {
    counter!(HEARTBEATS).increment(1);
}

/// Counts a finding that the master made itself; rules are ours, never input.
pub(crate) fn raised(rule: &str) {
    counter!(RAISED, "rule" => rule.to_owned()).increment(1);
}

/// Counts a refused request; the reasons are words of ours, never input.
pub(crate) fn refused(reason: &'static str) {
    counter!(REFUSALS, "reason" => reason).increment(1);
}

/// Records the stages up to the moment when a new finding was durable.
pub(crate) fn accepted(event: Timestamp, judged: Timestamp, accepted: Timestamp) {
    stage("event_to_judged", event, judged);
    stage("judged_to_accepted", judged, accepted);
}

/// Records the last stage: from accepted to taken by a sink.
pub fn delivered(accepted: Timestamp, delivered: Timestamp) {
    stage("accepted_to_delivered", accepted, delivered);
}

/// Counts the end of an attempt at a sink.
pub(crate) fn attempted(sink: &str, outcome: &'static str) {
    counter!(DELIVERIES, "sink" => sink.to_owned(), "outcome" => outcome).increment(1);
}

/// Counts a task that broke off; tasks are words of ours and names of sinks, never input.
pub(crate) fn defect(task: &str) {
    counter!(DEFECTS, "task" => task.to_owned()).increment(1);
}

/// How late the oldest row is that a look at a sink found due; none is not late.
pub(crate) fn oldest_due(sink: &str, oldest: Option<Timestamp>, now: Timestamp) {
    let late = oldest.map_or(0.0, |due| now.duration_since(due).as_secs_f64().max(0.0));
    gauge!(OLDEST, "sink" => sink.to_owned()).set(late);
}

/// Whether a sink refuses us, as the last look at it said.
pub(crate) fn sink_refused(sink: &str, refused: bool) {
    gauge!(SINK_REFUSED, "sink" => sink.to_owned()).set(if refused { 1.0 } else { 0.0 });
}

/// Shows how many rows each sink has in each state; a state that is not counted is empty.
pub(crate) fn outbox(sinks: &[String], counts: &[Count]) {
    use DeliveryState::{Failed, Pending, Sending, Sent, Suppressed};
    for sink in sinks {
        for (state, word) in [
            (Pending, "pending"),
            (Sending, "sending"),
            (Failed, "failed"),
            (Sent, "sent"),
            (Suppressed, "suppressed"),
        ] {
            let mut of_state = counts
                .iter()
                .filter(|c| c.sink == *sink && c.state == state);
            let rows = of_state.next().map_or(0, |count| count.rows);
            #[allow(clippy::cast_precision_loss, reason = "gauges are floats")]
            let rows = rows as f64;
            gauge!(OUTBOX, "sink" => sink.clone(), "state" => word).set(rows);
        }
    }
}

/// Clocks of different machines may disagree: a negative time counts as none.
fn stage(name: &'static str, from: Timestamp, to: Timestamp) {
    let seconds = to.duration_since(from).as_secs_f64().max(0.0);
    histogram!(DETECT, "stage" => name).record(seconds);
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
