//! What came of a plan, in numbers, and what must hold of them.

use super::sender::Sent;
use super::{Plan, Sinks};
use crate::poll;
use crate::reader::Reader;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// Delivery states of all findings, counted, and the ids that the store lists.
#[derive(Debug, Default)]
pub(super) struct Ends {
    states: BTreeMap<String, usize>,
    stored: BTreeSet<String>,
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
            complete: sink.has_exactly(sent.accepted.iter()),
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
pub(super) async fn ends(base: &str, accepted: &BTreeSet<String>, limit: Duration) -> Ends {
    let reader = Reader::of(base);
    let mut ends = Ends {
        stored: stored(&reader).await,
        ..Ends::default()
    };
    for id in accepted {
        let states = poll::until_within("the end of every delivery", limit, || async {
            let states = states(&reader, id).await?;
            let over = |state: &String| state != "pending" && state != "sending";
            states.iter().all(over).then_some(states)
        })
        .await;
        for state in states {
            *ends.states.entry(state).or_default() += 1;
        }
    }
    ends
}

async fn states(reader: &Reader, id: &str) -> Option<Vec<String>> {
    let (status, finding) = reader.get(&format!("/v1/findings/{id}")).await;
    let rows = finding["deliveries"].as_array().filter(|_| status == 200)?;
    let state = |row: &serde_json::Value| row["state"].as_str().map(str::to_owned);
    rows.iter().map(state).collect()
}

async fn stored(reader: &Reader) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/findings?limit=200{cursor}");
        let page = poll::until("a page of findings", || async {
            let (status, page) = reader.get(&path).await;
            (status == 200).then_some(page)
        })
        .await;
        let findings = page["findings"].as_array().cloned().unwrap_or_default();
        ids.extend(
            findings
                .iter()
                .filter_map(|f| f["id"].as_str().map(str::to_owned)),
        );
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}
