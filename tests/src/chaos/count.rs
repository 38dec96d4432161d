//! What came of a plan, in numbers, and what must hold of them.

use super::sender::Sent;
use super::{Plan, Sinks, findings};
use crate::poll;
use crate::reader::Reader;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// How often `/metrics` may show too few rows.
const TRIES: usize = 5;
const AGAIN: Duration = Duration::from_secs(1);

/// Delivery states of all findings, counted, and the ids that the store lists.
#[derive(Debug, Default)]
pub(super) struct Ends {
    states: BTreeMap<String, usize>,
    stored: BTreeSet<String>,
    /// Findings that the master made itself.
    own: usize,
    /// Rows of all findings, and those that `/metrics` shows, over all sinks and states.
    rows: usize,
    shown: usize,
    /// Of the last life: findings received, and what became of them.
    received: usize,
    became: usize,
}

/// The numbers of one run.
#[derive(Debug)]
pub struct Counts {
    plan: Plan,
    kills: usize,
    requests: usize,
    accepted: usize,
    duplicates: u64,
    rejected: usize,
    stored: usize,
    stored_is_accepted: bool,
    own: usize,
    rows_shown: (usize, usize),
    received_became: (usize, usize),
    states: BTreeMap<String, usize>,
    sinks: Vec<SinkCounts>,
    throttled: usize,
}

#[derive(Debug)]
struct SinkCounts {
    name: &'static str,
    distinct: usize,
    repeats: usize,
    faults: usize,
    complete: bool,
}

impl Counts {
    pub(super) fn of(plan: Plan, kills: usize, sent: &Sent, ends: Ends, sinks: &Sinks) -> Self {
        let of = |(name, sink): (&'static str, &super::Faulty)| SinkCounts {
            name,
            distinct: sink.distinct(),
            repeats: sink.repeats(),
            faults: sink.faults(),
            complete: sink.distinct() == sent.accepted.len(),
        };
        Self {
            plan,
            kills,
            requests: sent.requests,
            accepted: sent.accepted.len(),
            duplicates: sent.duplicates,
            rejected: sent.rejected,
            stored: ends.stored.len(),
            stored_is_accepted: ends.stored == sent.accepted,
            own: ends.own,
            rows_shown: (ends.rows, ends.shown),
            received_became: (ends.received, ends.became),
            states: ends.states,
            sinks: sinks.all().map(of).into_iter().collect(),
            throttled: 0,
        }
    }

    /// The same with the number of requests that the store refused.
    #[must_use]
    pub(super) fn with_throttled(mut self, throttled: usize) -> Self {
        self.throttled = throttled;
        self
    }

    /// Every promise that does not hold; none is good.
    pub fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut promise = |holds: bool, what: String| {
            if !holds {
                broken.push(what);
            }
        };
        promise(
            self.accepted == self.plan.findings,
            "not every finding was accepted".into(),
        );
        promise(
            self.stored_is_accepted,
            "stored and accepted findings differ".into(),
        );
        promise(
            self.rejected == 0,
            format!("{} findings were rejected", self.rejected),
        );
        let sent = self.states.get("sent").copied().unwrap_or_default();
        let rows = self.stored * self.sinks.len();
        promise(
            sent == rows,
            format!("{sent} of {rows} deliveries are sent: {:?}", self.states),
        );
        let (rows, shown) = self.rows_shown;
        promise(
            rows == shown,
            format!("/metrics shows {shown} of {rows} deliveries"),
        );
        let (received, became) = self.received_became;
        promise(
            received == became,
            format!("/metrics received {received} findings, but says what became of {became}"),
        );
        for sink in &self.sinks {
            promise(
                sink.complete,
                format!("{} does not hold every finding", sink.name),
            );
            promise(
                sink.repeats == 0,
                format!("{} was told {} times too often", sink.name, sink.repeats),
            );
        }
        broken
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "master killed          {:>8} times", self.kills)?;
        writeln!(f, "store requests refused {:>8}", self.throttled)?;
        writeln!(f, "batches sent           {:>8}", self.requests)?;
        writeln!(f, "findings accepted      {:>8}", self.accepted)?;
        writeln!(f, "  called duplicates    {:>8}", self.duplicates)?;
        writeln!(f, "  rejected             {:>8}", self.rejected)?;
        writeln!(f, "findings stored        {:>8}", self.stored)?;
        writeln!(f, "  and the master's own {:>8}", self.own)?;
        writeln!(f, "rows on /metrics       {:>8}", self.rows_shown.1)?;
        for (state, count) in &self.states {
            writeln!(f, "deliveries {state:<11} {count:>8}")?;
        }
        for sink in &self.sinks {
            writeln!(
                f,
                "{:<10} has {:>8} findings, told twice {:>3}, faults {:>6}",
                sink.name, sink.distinct, sink.repeats, sink.faults
            )?;
        }
        Ok(())
    }
}

/// Waits until no delivery is under way, then counts what the master's API shows.
///
/// What the master raised itself is told by its rule: nothing of it was sent.
pub(super) async fn ends(base: &str, accepted: &BTreeSet<String>, limit: Duration) -> Ends {
    let reader = Reader::of(base);
    let mut ends = Ends::default();
    for id in accepted {
        for state in settled(&reader, id, limit).await {
            ends.rows += 1;
            *ends.states.entry(state).or_default() += 1;
        }
    }
    for (id, rule) in stored(&reader).await {
        if rule == findings::RULE {
            ends.stored.insert(id);
        } else {
            ends.rows += settled(&reader, &id, limit).await.len();
            ends.own += 1;
        }
    }
    let mut metrics = reader.text("/metrics").await;
    for _ in 0..TRIES {
        ends.shown = sum(&metrics, "dial_outbox_rows{");
        if ends.shown == ends.rows {
            break;
        }
        // A row that is added up while it is counted may be missed for a moment.
        tokio::time::sleep(AGAIN).await;
        metrics = reader.text("/metrics").await;
    }
    ends.received = sum(&metrics, "dial_findings_received_total");
    ends.became = sum(&metrics, "dial_findings_total{");
    ends
}

/// States of a finding's deliveries, once none is under way.
async fn settled(reader: &Reader, id: &str, limit: Duration) -> Vec<String> {
    poll::until_within("the end of every delivery", limit, || async {
        let states = states(reader, id).await?;
        let over = |state: &String| state != "pending" && state != "sending";
        states.iter().all(over).then_some(states)
    })
    .await
}

/// Sum of all lines of a metric.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are small and never below zero"
)]
fn sum(metrics: &str, name: &str) -> usize {
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum::<f64>() as usize
}

async fn states(reader: &Reader, id: &str) -> Option<Vec<String>> {
    let (status, finding) = reader.get(&format!("/v1/findings/{id}")).await;
    let rows = finding["deliveries"].as_array().filter(|_| status == 200)?;
    let state = |row: &serde_json::Value| row["state"].as_str().map(str::to_owned);
    rows.iter().map(state).collect()
}

/// Every finding with the name of its rule.
async fn stored(reader: &Reader) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/findings?limit=200{cursor}");
        let page = poll::until("a page of findings", || async {
            let (status, page) = reader.get(&path).await;
            (status == 200).then_some(page)
        })
        .await;
        let findings = page["findings"].as_array().cloned().unwrap_or_default();
        let named = |finding: &serde_json::Value| {
            let (id, rule) = (finding["id"].as_str()?, finding["rule"]["name"].as_str()?);
            Some((id.to_owned(), rule.to_owned()))
        };
        all.extend(findings.iter().filter_map(named));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}
