//! `/deliveries`: what waits and what failed, and trying again.

use super::frame::Frame;
use super::oops::Oops;
use super::reply;
use super::visitor::Visitor;
use super::words::{self, When};
use crate::api::State;
use askama::Template;
use axum::extract;
use axum::response::Response;
use dial_core::store::outbox::Backlog;
use dial_core::store::{Delivery, DeliveryState};
use http::StatusCode;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of each kind that are shown of one sink.
const SHOWN: usize = 100;

/// Counts of one sink.
#[derive(Debug, Default)]
struct Sink {
    name: String,
    waiting: u64,
    failed: u64,
    sent: u64,
    suppressed: u64,
}

/// One row.
#[derive(Debug)]
struct Row {
    id: String,
    sink: String,
    class: &'static str,
    word: &'static str,
    attempts: u32,
    since: When,
    due: When,
    error: String,
    may_retry: bool,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "deliveries.html")]
struct Page {
    frame: Frame,
    sinks: Vec<Sink>,
    failed: Vec<Row>,
    waiting: Vec<Row>,
    more: bool,
}

pub(super) async fn show(
    visitor: Visitor,
    extract::State(state): extract::State<Arc<State>>,
) -> Result<Response, Oops> {
    let (store, now) = (&*state.parts.store, state.now());
    let names = store.known_sinks(&state.parts.sinks).await?;
    let (mut failed, mut waiting, mut more) = (Vec::new(), Vec::new(), false);
    for name in &names {
        for (which, rows) in [
            (Backlog::Failed, &mut failed),
            (Backlog::Waiting, &mut waiting),
        ] {
            let found = store.backlog(name, which, None, now, SHOWN).await?;
            more |= found.len() == SHOWN;
            rows.extend(found.iter().map(|row| Row::new(row, now)));
        }
    }
    let counts = store.counts(&names, now).await?;
    let mut sinks: BTreeMap<&str, Sink> = BTreeMap::new();
    for name in &names {
        sinks.entry(name).or_default().name = words::one_line(name);
    }
    for count in &counts {
        let sink = sinks.entry(&count.sink).or_default();
        match count.state {
            DeliveryState::Pending | DeliveryState::Sending => sink.waiting += count.rows,
            DeliveryState::Failed => sink.failed += count.rows,
            DeliveryState::Sent => sink.sent = count.rows,
            DeliveryState::Suppressed => sink.suppressed = count.rows,
        }
    }
    let page = Page {
        frame: Frame::new(&visitor, "deliveries", "Deliveries"),
        sinks: sinks.into_values().collect(),
        failed,
        waiting,
        more,
    };
    Ok(reply::page(StatusCode::OK, &page))
}

impl Row {
    fn new(row: &Delivery, now: Timestamp) -> Self {
        Self {
            id: row.finding.to_string(),
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
            may_retry: row.state == DeliveryState::Failed,
        }
    }
}
