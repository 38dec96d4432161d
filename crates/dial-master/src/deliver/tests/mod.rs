//! The deliverer against stores, clocks and other sides that fail in every way.

mod beside;
mod bulk;
mod closed;
mod explore;
mod guarantee;
mod lost;
mod other_side;
mod real;
mod routed;
mod rows;
mod services;
mod stuck;
mod updates;

use super::transport::Transport;
use super::{Clock, Deliverer, Tally};
use crate::enduring::Defects;
use crate::message::links::Links;
use crate::message::samples;
use crate::sinks::configured::Terms;
use crate::sinks::{Configured, Sinks};
use dial_core::store::{DeliveryState, Settlement, Store};
use dial_core::{Finding, FindingId};
use jiff::{SignedDuration, Timestamp};
use other_side::{Answer, OtherSide, Plain};
use rows::Rows;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

fn base() -> Timestamp {
    "2026-05-01T10:00:00Z".parse().unwrap()
}

fn finding(number: usize) -> Finding {
    let mut finding = samples::benign();
    finding.event.id = format!("event-{number}");
    finding.id = finding.expected_id();
    finding
}

/// The clock of the paused runtime.
fn clock() -> Clock {
    let start = Instant::now();
    Arc::new(move || base() + SignedDuration::try_from(start.elapsed()).unwrap())
}

fn sinks(list: &[(&'static str, u64, usize)]) -> Sinks {
    let mut sinks = Sinks::default();
    for (name, interval, concurrency) in list {
        let terms = Terms {
            min_interval: Duration::from_secs(*interval),
            concurrency: *concurrency,
            timeout: Duration::from_secs(15),
            give_up_after: Duration::from_hours(6),
            digest_above: 20,
            send_resolved: false,
        };
        let sink = Box::new(Plain(name));
        sinks.insert(
            name,
            Configured {
                kind: "plain",
                terms,
                sink,
            },
        );
    }
    sinks
}

fn deliverer(store: &Arc<Rows>, sinks: Sinks, other: &Arc<OtherSide>) -> Arc<Deliverer> {
    let store: Arc<dyn Store> = store.clone();
    let other: Arc<dyn Transport> = other.clone();
    Arc::new(Deliverer::with(
        store,
        sinks,
        Links::default(),
        other,
        clock(),
        7,
    ))
}

/// Runs the deliverer as a service for some (paused) time.
async fn run_for(deliverer: &Arc<Deliverer>, time: Duration) {
    let wake = Arc::new(Notify::new());
    let shutdown = tokio::time::sleep(time);
    let defects = Arc::new(Defects::new(clock()));
    deliverer.clone().run(wake, defects, shutdown).await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_answer_is_tried_again_and_then_delivered() {
    let store = Rows::with(&["a"], 1);
    let other = Arc::new(OtherSide::default().script("a", vec![Answer::Status(500), Answer::Hang]));
    let deliverer = deliverer(&store, sinks(&[("a", 0, 1)]), &other);
    assert_eq!(
        deliverer.sweep(None).await,
        Tally {
            retried: 1,
            ..Tally::default()
        }
    );
    let id = finding(0).id;
    let row = store.row(&id, "a");
    assert_eq!((row.state, row.attempts), (DeliveryState::Pending, 1));
    assert_eq!(row.last_error.as_deref(), Some("answered 500"));
    run_for(&deliverer, Duration::from_mins(2)).await;
    let row = store.row(&id, "a");
    assert_eq!((row.state, row.attempts), (DeliveryState::Sent, 3));
    assert_eq!(row.last_error.as_deref(), Some("no answer within 15 s"));
    assert_eq!(other.got("a").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_busy_sink_is_left_alone_for_as_long_as_it_asks() {
    let store = Rows::with(&["a"], 5);
    let other = Arc::new(OtherSide::default().script("a", vec![Answer::Busy(30)]));
    let deliverer = deliverer(&store, sinks(&[("a", 0, 1)]), &other);
    let start = Instant::now();
    run_for(&deliverer, Duration::from_mins(5)).await;
    assert_eq!(store.states("a"), [DeliveryState::Sent; 5]);
    let times: Vec<u64> = other
        .got("a")
        .iter()
        .map(|(_, at)| (*at - start).as_secs())
        .collect();
    assert_eq!(times.len(), 6, "{times:?}");
    assert!(times[1..].iter().all(|at| *at >= 30), "{times:?}");
    // Nobody else was claimed meanwhile: one claim each, two for the refused row.
    let rows = store.table.lock().unwrap();
    assert_eq!(rows.values().map(|row| row.attempts).sum::<u32>(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_sink_delays_no_other() {
    let store = Rows::with(&["good", "hangs"], 20);
    let other = Arc::new(OtherSide::default().script("hangs", vec![Answer::Hang; 100]));
    let deliverer = deliverer(&store, sinks(&[("good", 0, 1), ("hangs", 0, 1)]), &other);
    let start = Instant::now();
    run_for(&deliverer, Duration::from_secs(20)).await;
    assert_eq!(store.states("good"), [DeliveryState::Sent; 20]);
    let slowest = other
        .got("good")
        .iter()
        .map(|(_, at)| *at - start)
        .max()
        .unwrap();
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert!(!other.got("hangs").is_empty());
    assert!(!store.states("hangs").contains(&DeliveryState::Sent));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_write_is_asked_now_and_then_and_all_goes_on_after() {
    let store = Rows::with(&["a"], 100);
    let other = Arc::new(OtherSide::default());
    let deliverer = deliverer(&store, sinks(&[("a", 0, 2)]), &other);
    *store.full.lock().unwrap() = true;
    run_for(&deliverer, Duration::from_mins(10)).await;
    let claims = *store.claims.lock().unwrap();
    assert!((100..=250).contains(&claims), "{claims} in ten minutes");
    assert!(other.got("a").is_empty(), "nobody is told without a claim");
    *store.full.lock().unwrap() = false;
    run_for(&deliverer, Duration::from_secs(10)).await;
    assert_eq!(store.states("a"), [DeliveryState::Sent; 100]);
}

#[tokio::test(start_paused = true)]
async fn messages_keep_their_distance() {
    let store = Rows::with(&["slow"], 5);
    let other = Arc::new(OtherSide::default());
    let deliverer = deliverer(&store, sinks(&[("slow", 1, 1)]), &other);
    let start = Instant::now();
    deliverer.sweep(None).await;
    let times: Vec<u64> = other
        .got("slow")
        .iter()
        .map(|(_, at)| (*at - start).as_secs())
        .collect();
    assert_eq!(times, [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_leaves_rows_for_the_next_sweep() {
    let store = Rows::with(&["slow"], 30);
    let other = Arc::new(OtherSide::default());
    let deliverer = deliverer(&store, sinks(&[("slow", 1, 1)]), &other);
    let tally = deliverer
        .sweep(Some(Instant::now() + Duration::from_secs(20)))
        .await;
    assert_eq!((tally.sent, tally.left), (16, 14));
    let pending = store
        .states("slow")
        .iter()
        .filter(|s| **s == DeliveryState::Pending)
        .count();
    assert_eq!(pending, 14);
    let tally = deliverer.sweep(None).await;
    assert_eq!((tally.sent, tally.left), (14, 0));
}

#[tokio::test(start_paused = true)]
async fn two_deliverers_over_the_same_rows_send_nothing_twice() {
    let store = Rows::with(&["a", "b"], 50);
    let other = Arc::new(OtherSide::default());
    let kinds = [("a", 0, 4), ("b", 0, 1)];
    let one = deliverer(&store, sinks(&kinds), &other);
    let two = deliverer(&store, sinks(&kinds), &other);
    let rows: Vec<_> = store.table.lock().unwrap().keys().cloned().collect();
    let (first, second, third) =
        tokio::join!(one.sweep(None), two.sweep(None), two.deliver(&rows, None));
    assert_eq!(first.sent + second.sent + third.sent, 100);
    for host in ["a", "b"] {
        let mut bodies: Vec<String> = other.got(host).into_iter().map(|(body, _)| body).collect();
        bodies.sort_unstable();
        bodies.dedup();
        assert_eq!((bodies.len(), other.got(host).len()), (50, 50), "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_a_crash_left_claimed_comes_back_when_its_lease_ends() {
    let store = Rows::with(&["a"], 1);
    let id = finding(0).id;
    let lease = base() + SignedDuration::from_secs(45);
    let crashed = store.claim(&id, "a", base(), lease).await.unwrap().unwrap();
    let other = Arc::new(OtherSide::default());
    let deliverer = deliverer(&store, sinks(&[("a", 0, 1)]), &other);
    assert_eq!(deliverer.sweep(None).await, Tally::default());
    let left = deliverer.deliver(&[(id.clone(), "a".into())], None).await;
    assert_eq!(
        left,
        Tally {
            left: 1,
            ..Tally::default()
        }
    );
    let start = Instant::now();
    run_for(&deliverer, Duration::from_mins(1)).await;
    let row = store.row(&id, "a");
    assert_eq!((row.state, row.attempts), (DeliveryState::Sent, 2));
    assert!(other.got("a")[0].1 - start >= Duration::from_secs(44));
    // The crashed one wakes up and finds that it lost the row.
    let late = store.settle(
        &id,
        "a",
        crashed.attempts,
        Settlement::Failed { error: "x".into() },
    );
    assert_eq!(late.await, Ok(false));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_helped_fails_with_its_reason() {
    type Spoil = fn(&Rows, &FindingId);
    let cases: [(&str, &str, Vec<Answer>, Spoil, &str); 5] = [
        (
            "4xx",
            "a",
            vec![Answer::Status(403)],
            |_, _| {},
            "answered 403",
        ),
        (
            "redirect",
            "a",
            vec![Answer::Status(302)],
            |_, _| {},
            "redirects are not followed",
        ),
        (
            "no such sink",
            "gone",
            vec![],
            |_, _| {},
            "`gone` is not in the configuration",
        ),
        (
            "expired",
            "a",
            vec![],
            |store, _| store.findings.lock().unwrap().clear(),
            "unknown or expired",
        ),
        (
            "panic",
            "a",
            vec![],
            |store, id| {
                let mut findings = store.findings.lock().unwrap();
                findings.get_mut(id).unwrap().finding.title = "panic".into();
            },
            "panicked",
        ),
    ];
    for (name, sink, answers, spoil, expected) in cases {
        let store = Rows::with(&[sink], 1);
        let id = finding(0).id;
        spoil(&store, &id);
        let other = Arc::new(OtherSide::default().script("a", answers));
        let deliverer = deliverer(&store, sinks(&[("a", 0, 1)]), &other);
        let tally = deliverer
            .deliver(&[(id.clone(), sink.to_owned())], None)
            .await;
        assert_eq!(
            tally,
            Tally {
                failed: 1,
                ..Tally::default()
            },
            "{name}"
        );
        let row = store.row(&id, sink);
        assert_eq!(row.state, DeliveryState::Failed, "{name}");
        let reason = row.last_error.unwrap();
        assert!(reason.contains(expected), "{name}: {reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_never_recovers_is_given_up_after_its_time() {
    let store = Rows::with(&["a"], 1);
    let other = Arc::new(OtherSide::default().script("a", vec![Answer::Status(503); 10_000]));
    let deliverer = deliverer(&store, sinks(&[("a", 0, 1)]), &other);
    run_for(&deliverer, Duration::from_hours(8)).await;
    let row = store.row(&finding(0).id, "a");
    assert_eq!(row.state, DeliveryState::Failed);
    let reason = row.last_error.unwrap();
    assert!(reason.starts_with("gave up after 6 h"), "{reason}");
    assert!(row.attempts > 12, "{}", row.attempts);
    let last = other.got("a").last().unwrap().1;
    assert!(
        last.elapsed() < Duration::from_hours(4),
        "{:?}",
        last.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_recorded_at_once_is_recorded_later() {
    let store = Rows::with(&["a"], 1);
    *store.broken_settles.lock().unwrap() = 4;
    let other = Arc::new(OtherSide::default());
    let deliverer = deliverer(&store, sinks(&[("a", 0, 1)]), &other);
    assert_eq!(deliverer.sweep(None).await.sent, 1);
    assert_eq!(other.got("a").len(), 1);
    assert_eq!(store.states("a"), [DeliveryState::Sent]);
}

#[tokio::test(start_paused = true)]
async fn new_rows_leave_at_once_when_the_deliverer_is_woken() {
    let store = Rows::with(&[], 0);
    let other = Arc::new(OtherSide::default());
    let deliverer = deliverer(&store, sinks(&[("a", 0, 1), ("b", 0, 1)]), &other);
    let wake = Arc::new(Notify::new());
    let (stop, stopped) = oneshot::channel::<()>();
    let defects = Arc::new(Defects::new(clock()));
    let running = tokio::spawn(deliverer.run(wake.clone(), defects, async {
        let _ = stopped.await;
    }));
    // Between two polls.
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    store.add(&finding(0), &["a", "b"]);
    let added = Instant::now();
    wake.notify_one();
    tokio::time::sleep(Duration::from_millis(300)).await;
    for host in ["a", "b"] {
        assert_eq!(other.got(host).len(), 1, "{host}");
        assert!(other.got(host)[0].1 - added < Duration::from_millis(100));
    }
    drop(stop);
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_attempt_under_way_is_finished_before_the_end_and_no_other_is_begun() {
    let store = Rows::with(&["a"], 2);
    let other = Arc::new(OtherSide::default().script("a", vec![Answer::Slow(9)]));
    let deliverer = deliverer(&store, sinks(&[("a", 0, 1)]), &other);
    let start = Instant::now();
    run_for(&deliverer, Duration::from_secs(2)).await;
    assert_eq!(start.elapsed().as_secs(), 9);
    let mut states = store.states("a");
    states.sort_by_key(|state| *state == DeliveryState::Pending);
    assert_eq!(states, [DeliveryState::Sent, DeliveryState::Pending]);
}
