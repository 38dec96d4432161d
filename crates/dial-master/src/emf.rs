//! On Lambda some of what is counted also leaves as lines that CloudWatch turns into metrics.
//!
//! A recorder around the one that `/metrics` reads: whoever counts knows neither. Few metrics and
//! one dimension, for CloudWatch bills each by the month.

use ::metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit as Measure,
};
use dial_core::emf::{self, MAX_VALUES, Reading, Unit};
use jiff::Timestamp;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// The dimension: one master may be told from another.
const DIMENSION: &str = "Master";

/// How values between two lines become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fold {
    /// Counters add up; zero is not written.
    Sum,
    /// Of a gauge the worst is kept; zero is written, so that silence can be told from health.
    Worst,
    /// Of a histogram each value is kept.
    Each,
}

/// One metric of CloudWatch, and what it is read from.
struct Source {
    metric: &'static str,
    unit: Unit,
    fold: Fold,
    name: &'static str,
    /// A label and its value; `None` = whatever the labels.
    label: Option<(&'static str, &'static str)>,
}

const fn count(
    metric: &'static str,
    name: &'static str,
    label: Option<(&'static str, &'static str)>,
) -> Source {
    Source {
        metric,
        unit: Unit::Count,
        fold: Fold::Sum,
        name,
        label,
    }
}

const fn time(
    metric: &'static str,
    fold: Fold,
    name: &'static str,
    label: Option<(&'static str, &'static str)>,
) -> Source {
    Source {
        metric,
        unit: Unit::Seconds,
        fold,
        name,
        label,
    }
}

const FINDINGS: &str = "dial_findings_total";
const DELIVERIES: &str = "dial_deliveries_total";
const STAGES: &str = "dial_time_to_detect_seconds";

/// What CloudWatch is told; the alarms and the dashboard of `infra/modules/master` go by it.
static SOURCES: [Source; 11] = [
    count("FindingsReceived", "dial_findings_received_total", None),
    count("FindingsAccepted", FINDINGS, Some(("outcome", "stored"))),
    count("FindingsFailed", FINDINGS, Some(("outcome", "failed"))),
    count("DeadLetters", FINDINGS, Some(("outcome", "rejected"))),
    count("RequestsRefused", "dial_refusals_total", None),
    count("DeliveriesSent", DELIVERIES, Some(("outcome", "sent"))),
    count(
        "DeliveriesRetried",
        DELIVERIES,
        Some(("outcome", "retried")),
    ),
    count("DeliveriesFailed", DELIVERIES, Some(("outcome", "failed"))),
    time("OldestDue", Fold::Worst, "dial_oldest_due_seconds", None),
    time(
        "TimeToJudge",
        Fold::Each,
        STAGES,
        Some(("stage", "event_to_judged")),
    ),
    time(
        "TimeToDeliver",
        Fold::Each,
        STAGES,
        Some(("stage", "accepted_to_delivered")),
    ),
];

/// Values of one source since the last line.
struct Meter {
    source: &'static Source,
    values: Mutex<Vec<f64>>,
}

impl Meter {
    fn record(&self, value: f64) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        match (self.source.fold, values.as_mut_slice()) {
            (Fold::Sum, []) if value == 0.0 => {}
            (Fold::Sum, [sum]) => *sum += value,
            (Fold::Worst, [worst]) => *worst = worst.max(value),
            (Fold::Each, full) if full.len() >= MAX_VALUES => {}
            _ => values.push(value),
        }
    }

    fn take(&self) -> Reading {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        Reading {
            name: self.source.metric,
            unit: self.source.unit,
            values: std::mem::take(&mut *values),
        }
    }
}

/// What was read since the last line, of one deployment.
pub struct Emf {
    master: String,
    meters: Vec<Arc<Meter>>,
}

impl Emf {
    /// Nothing read yet; `master` is the value of the dimension.
    pub(crate) fn new(master: &str) -> Self {
        let meters = SOURCES.iter().map(|source| {
            Arc::new(Meter {
                source,
                values: Mutex::default(),
            })
        });
        Self {
            master: master.to_owned(),
            meters: meters.collect(),
        }
    }

    /// Writes what was read since the last call as one line, where there was anything.
    ///
    /// A line that cannot be written is lost: metrics never fail an invocation.
    pub fn flush(&self, now: Timestamp, out: &mut dyn Write) {
        let readings: Vec<Reading> = self.meters.iter().map(|meter| meter.take()).collect();
        if let Some(mut line) = emf::line(now, (DIMENSION, &self.master), &readings) {
            line.push('\n');
            if let Err(error) = out.write_all(line.as_bytes()) {
                tracing::warn!(%error, "metrics not written");
            }
        }
    }

    fn meter(&self, key: &Key) -> Option<&Arc<Meter>> {
        let fits = |source: &Source| {
            let label = |(name, value)| {
                key.labels()
                    .any(|label| label.key() == name && label.value() == value)
            };
            source.name == key.name() && source.label.is_none_or(label)
        };
        self.meters.iter().find(|meter| fits(meter.source))
    }
}

/// Passes everything on, and keeps what [`Emf`] writes.
pub(crate) struct Tee<R> {
    pub(crate) inner: R,
    pub(crate) emf: &'static Emf,
}

/// A handle of the inner recorder with the meter beside it.
struct Both<H> {
    inner: H,
    meter: Arc<Meter>,
}

impl CounterFn for Both<Counter> {
    fn increment(&self, value: u64) {
        self.inner.increment(value);
        #[allow(
            clippy::cast_precision_loss,
            reason = "CloudWatch's numbers are floats"
        )]
        self.meter.record(value as f64);
    }

    fn absolute(&self, value: u64) {
        self.inner.absolute(value);
    }
}

impl GaugeFn for Both<Gauge> {
    fn increment(&self, value: f64) {
        self.inner.increment(value);
    }

    fn decrement(&self, value: f64) {
        self.inner.decrement(value);
    }

    fn set(&self, value: f64) {
        self.inner.set(value);
        self.meter.record(value);
    }
}

impl HistogramFn for Both<Histogram> {
    fn record(&self, value: f64) {
        self.inner.record(value);
        self.meter.record(value);
    }
}

impl<R: Recorder> Recorder for Tee<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Measure>, text: SharedString) {
        self.inner.describe_counter(key, unit, text);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Measure>, text: SharedString) {
        self.inner.describe_gauge(key, unit, text);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Measure>, text: SharedString) {
        self.inner.describe_histogram(key, unit, text);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let inner = self.inner.register_counter(key, metadata);
        match self.emf.meter(key).cloned() {
            Some(meter) => Counter::from_arc(Arc::new(Both { inner, meter })),
            None => inner,
        }
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        let inner = self.inner.register_gauge(key, metadata);
        match self.emf.meter(key).cloned() {
            Some(meter) => Gauge::from_arc(Arc::new(Both { inner, meter })),
            None => inner,
        }
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        let inner = self.inner.register_histogram(key, metadata);
        match self.emf.meter(key).cloned() {
            Some(meter) => Histogram::from_arc(Arc::new(Both { inner, meter })),
            None => inner,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::metrics::{NoopRecorder, counter, gauge, histogram, with_local_recorder};
    use serde_json::{Value, json};

    /// What one line says after `work`, without its head.
    fn said(emf: &'static Emf, work: impl FnOnce()) -> Option<Value> {
        let inner = NoopRecorder;
        with_local_recorder(&Tee { inner, emf }, work);
        let mut out = Vec::new();
        emf.flush(Timestamp::UNIX_EPOCH, &mut out);
        let mut line: Value = serde_json::from_slice(&out).ok()?;
        assert!(out.ends_with(b"\n") && line["_aws"].is_object());
        line.as_object_mut()?.remove("_aws");
        Some(line)
    }

    fn emf() -> &'static Emf {
        Box::leak(Box::new(Emf::new("dial")))
    }

    #[test]
    fn counters_add_up_over_labels_and_begin_again() {
        let emf = emf();
        let told = said(emf, || {
            counter!("dial_findings_total", "outcome" => "stored").increment(2);
            counter!("dial_findings_total", "outcome" => "stored").increment(1);
            counter!("dial_findings_total", "outcome" => "duplicate").increment(9);
            counter!("dial_deliveries_total", "sink" => "a", "outcome" => "failed").increment(1);
            counter!("dial_deliveries_total", "sink" => "b", "outcome" => "failed").increment(1);
            counter!("dial_refusals_total", "reason" => "stale").increment(0);
            counter!("dial_unheard_of_total").increment(5);
        });
        let expected = json!({"Master": "dial", "FindingsAccepted": 3.0, "DeliveriesFailed": 2.0});
        assert_eq!(told, Some(expected));
        assert_eq!(said(emf, || {}), None);
    }

    #[test]
    fn of_a_gauge_the_worst_is_told_and_zero_too() {
        let emf = emf();
        let worst = said(emf, || {
            gauge!("dial_oldest_due_seconds", "sink" => "a").set(90.0);
            gauge!("dial_oldest_due_seconds", "sink" => "b").set(0.0);
        });
        assert_eq!(worst, Some(json!({"Master": "dial", "OldestDue": 90.0})));
        let well = said(emf, || {
            gauge!("dial_oldest_due_seconds", "sink" => "a").set(0.0);
        });
        assert_eq!(well, Some(json!({"Master": "dial", "OldestDue": 0.0})));
    }

    #[test]
    fn of_a_histogram_each_value_is_told() {
        let told = said(emf(), || {
            for stage in ["accepted_to_delivered", "judged_to_accepted"] {
                histogram!("dial_time_to_detect_seconds", "stage" => stage).record(0.5);
                histogram!("dial_time_to_detect_seconds", "stage" => stage).record(2.0);
            }
        });
        let expected = json!({"Master": "dial", "TimeToDeliver": [0.5, 2.0]});
        assert_eq!(told, Some(expected));
    }

    #[test]
    fn every_source_is_something_that_is_counted() {
        let counted = include_str!("metrics.rs");
        for source in &SOURCES {
            let name = format!("\"{}\"", source.name);
            assert!(counted.contains(&name), "{name} is counted nowhere");
        }
    }
}
