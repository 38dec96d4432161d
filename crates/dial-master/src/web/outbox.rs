//! `/deliveries`: what waits and what failed, and trying again.

use super::frame::Frame;
use super::line::Line;
use super::oops::Oops;
use super::reply;
use super::retry::MOST;
use super::visitor::Visitor;
use super::words::{self, When};
use crate::api::State;
use askama::Template;
use axum::extract;
use axum::response::Response;
use dial_core::FindingId;
use dial_core::store::outbox::{Backlog, Count, Place};
use dial_core::store::{Delivery, DeliveryState, Store, StoreError, Stored, Summary};
use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Rows of each kind that are shown; each needs its finding.
const SHOWN: usize = 100;
/// Findings that are read at the same time.
const TOGETHER: usize = 8;

/// Counts of one sink.
#[derive(Debug, Default)]
struct Sink {
    name: String,
    /// The page of its rows alone, or where it is that, of all.
    link: String,
    chosen: bool,
    waiting: u64,
    failed: u64,
    sent: u64,
    suppressed: u64,
}

/// One row.
#[derive(Debug)]
struct Row {
    id: String,
    /// Its finding; none once that is forgotten.
    line: Option<Line>,
    sink: String,
    class: &'static str,
    word: &'static str,
    attempts: u32,
    since: When,
    due: When,
    error: String,
    may_retry: bool,
}

/// What trying all of them again would do.
#[derive(Debug)]
struct Again {
    /// How many failed, `37 deliveries`.
    failed: String,
    /// How many a request takes.
    number: u64,
    /// Whether that is not all.
    cut: bool,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "deliveries.html")]
struct Page {
    frame: Frame,
    sinks: Vec<Sink>,
    /// The sink that is looked at alone.
    sink: Option<String>,
    failed: Vec<Row>,
    waiting: Vec<Row>,
    more: bool,
    again: Option<Again>,
    /// What became of trying again.
    done: Option<String>,
    /// This page, for the forms to come back to.
    address: String,
}

pub(super) async fn show(
    visitor: Visitor,
    extract::State(state): extract::State<Arc<State>>,
    extract::RawQuery(query): extract::RawQuery,
) -> Result<Response, Oops> {
    let (store, now, query) = (&*state.parts.store, state.now(), query.unwrap_or_default());
    let names = store.known_sinks(&state.parts.sinks).await?;
    let sink = value(&query, "sink");
    if sink.as_ref().is_some_and(|sink| !names.contains(sink)) {
        return Err(Oops::unknown("sink"));
    }
    let is_wanted = |name: &&String| sink.as_ref().is_none_or(|sink| sink == *name);
    let wanted: Vec<&String> = names.iter().filter(is_wanted).collect();
    let (failed, failed_cut) = backlog(store, &wanted, Backlog::Failed, now).await?;
    let (waiting, waiting_cut) = backlog(store, &wanted, Backlog::Waiting, now).await?;
    let findings = findings(store, failed.iter().chain(&waiting), now).await?;
    let counts = store.counts(&names, now).await?;
    let known = &state.parts.sinks;
    let of_rows = |rows: &[Delivery]| -> Vec<Row> {
        let row = |row| Row::new(row, &findings, known, now);
        rows.iter().map(row).collect()
    };
    let page = Page {
        frame: Frame::new(&visitor, "deliveries", "Deliveries"),
        sinks: sinks(&names, &counts, sink.as_deref()),
        failed: of_rows(&failed),
        waiting: of_rows(&waiting),
        more: failed_cut || waiting_cut,
        again: Again::of(&counts, |name| {
            known.contains(name) && wanted.contains(&name)
        }),
        done: done(&query),
        address: address(sink.as_deref()),
        sink,
    };
    Ok(reply::page(StatusCode::OK, &page))
}

/// This page with only the rows of a sink.
fn address(sink: Option<&str>) -> String {
    let Some(sink) = sink else {
        return "/deliveries".to_owned();
    };
    let sink: String = form_urlencoded::byte_serialize(sink.as_bytes()).collect();
    format!("/deliveries?sink={sink}")
}

/// This page with what became of trying again.
pub(super) fn after(sink: Option<&str>, done: usize, left: usize) -> String {
    let address = address(sink);
    let sign = if sink.is_some() { '&' } else { '?' };
    format!("{address}{sign}done={done}&left={left}")
}

fn value(query: &str, wanted: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let found = pairs.find(|(name, _)| name == wanted);
    found.map(|(_, value)| value.into_owned())
}

/// Only numbers are taken from the address.
fn done(query: &str) -> Option<String> {
    let number = |name| value(query, name).and_then(|value| value.parse::<u16>().ok());
    let tried = match number("done")? {
        1 => "1 delivery is".to_owned(),
        done => format!("{done} deliveries are"),
    };
    Some(match number("left").unwrap_or(0) {
        0 => format!("{tried} tried again."),
        left => format!("{tried} tried again; {left} not, because they have not failed any more."),
    })
}

/// What waits or failed, what was due first on top, and whether there is more.
async fn backlog(
    store: &dyn Store,
    sinks: &[&String],
    which: Backlog,
    now: Timestamp,
) -> Result<(Vec<Delivery>, bool), StoreError> {
    let mut rows = Vec::new();
    for sink in sinks {
        rows.extend(store.backlog(sink, which, None, now, SHOWN + 1).await?);
    }
    rows.sort_by_cached_key(Place::of);
    let cut = rows.len() > SHOWN;
    rows.truncate(SHOWN);
    Ok((rows, cut))
}

/// The findings of these rows.
async fn findings(
    store: &dyn Store,
    rows: impl Iterator<Item = &Delivery>,
    now: Timestamp,
) -> Result<BTreeMap<FindingId, Summary>, StoreError> {
    let ids: BTreeSet<FindingId> = rows.map(|row| row.finding.clone()).collect();
    let reads = ids
        .into_iter()
        .map(|id| async move { store.finding(&id, now).await });
    let found: Vec<_> = stream::iter(reads).buffered(TOGETHER).try_collect().await?;
    let summary = |stored: Stored| {
        let summary = Summary::of(&stored.finding, &stored.triage);
        (summary.id.clone(), summary)
    };
    Ok(found.into_iter().flatten().map(summary).collect())
}

fn sinks(names: &[String], counts: &[Count], chosen: Option<&str>) -> Vec<Sink> {
    let mut sinks: BTreeMap<&str, Sink> = BTreeMap::new();
    for name in names {
        let is_chosen = chosen == Some(name);
        let sink = sinks.entry(name).or_default();
        sink.name = words::one_line(name);
        sink.link = address((!is_chosen).then_some(name));
        sink.chosen = is_chosen;
    }
    for count in counts {
        let sink = sinks.entry(&count.sink).or_default();
        match count.state {
            DeliveryState::Pending | DeliveryState::Sending => sink.waiting += count.rows,
            DeliveryState::Failed => sink.failed += count.rows,
            DeliveryState::Sent => sink.sent = count.rows,
            DeliveryState::Suppressed => sink.suppressed = count.rows,
        }
    }
    sinks.into_values().collect()
}

impl Again {
    /// Of sinks that can be told; nothing where none of them failed.
    fn of(counts: &[Count], of_sink: impl Fn(&String) -> bool) -> Option<Self> {
        let failed = |count: &&Count| count.state == DeliveryState::Failed && of_sink(&count.sink);
        let failed: u64 = counts.iter().filter(failed).map(|count| count.rows).sum();
        let most = MOST as u64;
        (failed > 0).then(|| Self {
            failed: match failed {
                1 => "1 delivery".to_owned(),
                failed => format!("{failed} deliveries"),
            },
            number: failed.min(most),
            cut: failed > most,
        })
    }
}

impl Row {
    fn new(
        row: &Delivery,
        findings: &BTreeMap<FindingId, Summary>,
        known: &[String],
        now: Timestamp,
    ) -> Self {
        Self {
            id: row.finding.to_string(),
            line: findings
                .get(&row.finding)
                .map(|summary| Line::new(summary, now)),
            sink: words::one_line(&row.sink),
            class: words::delivery_class(row.state),
            word: words::delivery(row.state),
            attempts: row.attempts,
            since: When::new(row.since, now),
            due: When::new(row.due_at, now),
            error: row
                .last_error
                .as_deref()
                .map(words::one_line)
                .unwrap_or_default(),
            may_retry: row.state == DeliveryState::Failed && known.contains(&row.sink),
        }
    }
}
