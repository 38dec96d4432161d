//! The deliverer against stores, clocks and other sides that fail in every way.

use super::transport::{Transport, TransportError};
use super::{Clock, Deliverer, Tally};
use crate::message::links::Links;
use crate::message::samples;
use crate::sinks::configured::Terms;
use crate::sinks::{Call, Configured, Job, Reply, Sink, Sinks, Step};
use async_trait::async_trait;
use dial_core::store::{
    Acceptance, Audit, Cursor, Delivery, DeliveryState, Outcome, Page, Query, Settlement, Status,
    Store, StoreError, Stored,
};
use dial_core::{Finding, FindingId};
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// Rows and findings in memory, with the claims of the real stores; fails on demand.
#[derive(Default)]
struct Rows {
    table: Mutex<BTreeMap<(FindingId, String), Delivery>>,
    findings: Mutex<BTreeMap<FindingId, Stored>>,
    /// Settlements that are to fail before one succeeds.
    broken_settles: Mutex<u32>,
}

impl Rows {
    fn with(sinks: &[&str], findings: usize) -> Arc<Self> {
        let store = Self::default();
        for number in 0..findings {
            store.add(&finding(number), sinks);
        }
        Arc::new(store)
    }

    fn add(&self, finding: &Finding, sinks: &[&str]) {
        let stored = Stored {
            finding: finding.clone(),
            status: Status::Open,
            received_at: base(),
            expires_at: Timestamp::MAX,
        };
        self.findings
            .lock()
            .unwrap()
            .insert(finding.id.clone(), stored);
        for sink in sinks {
            let row = Delivery {
                finding: finding.id.clone(),
                sink: (*sink).to_owned(),
                state: DeliveryState::Pending,
                attempts: 0,
                due_at: base(),
                received_at: base(),
                last_error: None,
                receipt: None,
            };
            let key = (finding.id.clone(), (*sink).to_owned());
            self.table.lock().unwrap().insert(key, row);
        }
    }

    fn row(&self, id: &FindingId, sink: &str) -> Delivery {
        let rows = self.table.lock().unwrap();
        rows[&(id.clone(), sink.to_owned())].clone()
    }

    fn states(&self, sink: &str) -> Vec<DeliveryState> {
        let rows = self.table.lock().unwrap();
        let of_sink = rows.values().filter(|row| row.sink == sink);
        of_sink.map(|row| row.state).collect()
    }
}

fn is_open(row: &Delivery, now: Timestamp) -> bool {
    let waiting = matches!(row.state, DeliveryState::Pending | DeliveryState::Sending);
    waiting && row.due_at <= now
}

#[async_trait]
impl Store for Rows {
    async fn accept(&self, _: Vec<Acceptance>) -> Vec<Result<Outcome, StoreError>> {
        unreachable!("delivery accepts nothing")
    }

    async fn finding(&self, id: &FindingId, _: Timestamp) -> Result<Option<Stored>, StoreError> {
        Ok(self.findings.lock().unwrap().get(id).cloned())
    }

    async fn audit(&self, _: &FindingId) -> Result<Vec<Audit>, StoreError> {
        unreachable!("delivery reads no history")
    }

    async fn list(
        &self,
        _: &Query,
        _: Option<&Cursor>,
        _: usize,
        _: Timestamp,
    ) -> Result<Page, StoreError> {
        unreachable!("delivery lists nothing")
    }

    async fn deliveries(&self, _: &FindingId) -> Result<Vec<Delivery>, StoreError> {
        unreachable!("delivery reads rows by `due` and `claim`")
    }

    async fn due(
        &self,
        sink: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = self.table.lock().unwrap();
        let mut due: Vec<Delivery> = rows
            .values()
            .filter(|r| r.sink == sink && is_open(r, now))
            .cloned()
            .collect();
        due.sort_by_key(|row| row.due_at);
        due.truncate(limit);
        Ok(due)
    }

    async fn claim(
        &self,
        id: &FindingId,
        sink: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        // Others get a chance between looking and taking, as with a real store.
        tokio::task::yield_now().await;
        let mut rows = self.table.lock().unwrap();
        let Some(row) = rows
            .get_mut(&(id.clone(), sink.to_owned()))
            .filter(|r| is_open(r, now))
        else {
            return Ok(None);
        };
        row.state = DeliveryState::Sending;
        row.attempts += 1;
        row.due_at = lease_until;
        Ok(Some(row.clone()))
    }

    async fn settle(
        &self,
        id: &FindingId,
        sink: &str,
        attempt: u32,
        settlement: Settlement,
    ) -> Result<bool, StoreError> {
        let mut broken = self.broken_settles.lock().unwrap();
        if *broken > 0 {
            *broken -= 1;
            return Err(StoreError::Throttled("test".into()));
        }
        let mut rows = self.table.lock().unwrap();
        let row = rows.get_mut(&(id.clone(), sink.to_owned())).unwrap();
        if row.state != DeliveryState::Sending || row.attempts != attempt {
            return Ok(false);
        }
        match settlement {
            Settlement::Sent { receipt } => {
                row.state = DeliveryState::Sent;
                row.receipt = receipt;
            }
            Settlement::Retry { at, error } => {
                row.state = DeliveryState::Pending;
                row.due_at = at;
                row.last_error = Some(error);
            }
            Settlement::Failed { error } => {
                row.state = DeliveryState::Failed;
                row.last_error = Some(error);
            }
        }
        Ok(true)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What the other side does with a call.
#[derive(Debug, Clone)]
enum Answer {
    Status(u16),
    Busy(u64),
    Hang,
}

/// The other side: answers by host, in order, then always 200; keeps what it got and when.
#[derive(Default)]
struct OtherSide {
    script: Mutex<BTreeMap<String, Vec<Answer>>>,
    got: Mutex<Vec<(String, String, Instant)>>,
}

impl OtherSide {
    fn script(self, host: &str, mut answers: Vec<Answer>) -> Self {
        answers.reverse();
        self.script.lock().unwrap().insert(host.to_owned(), answers);
        self
    }

    fn got(&self, host: &str) -> Vec<(String, Instant)> {
        let got = self.got.lock().unwrap();
        let of_host = got.iter().filter(|(to, _, _)| to == host);
        of_host.map(|(_, body, at)| (body.clone(), *at)).collect()
    }
}

#[async_trait]
impl Transport for OtherSide {
    async fn perform(&self, call: Call, timeout: Duration) -> Result<Reply, TransportError> {
        let host = call.url.host_str().unwrap().to_owned();
        let body = String::from_utf8(call.body).unwrap();
        self.got
            .lock()
            .unwrap()
            .push((host.clone(), body, Instant::now()));
        let answer = self
            .script
            .lock()
            .unwrap()
            .get_mut(&host)
            .and_then(Vec::pop);
        let reply = |status, retry_after: Option<u64>| Reply {
            step: call.step,
            status,
            retry_after: retry_after.map(Duration::from_secs),
            body: Vec::new(),
        };
        match answer.unwrap_or(Answer::Status(200)) {
            Answer::Status(status) => Ok(reply(status, None)),
            Answer::Busy(seconds) => Ok(reply(429, Some(seconds))),
            Answer::Hang => {
                tokio::time::sleep(timeout).await;
                Err(TransportError::Timeout(timeout))
            }
        }
    }
}

/// Posts the finding's id to its host; 200 is done, 429 and 5xx may pass.
struct Plain(&'static str);

impl Sink for Plain {
    fn start(&self, job: &Job<'_>) -> Step {
        let url = Url::parse(&format!("https://{}/", self.0)).unwrap();
        assert!(job.finding.title != "panic", "asked for");
        Step::Send(Call::post(
            "post",
            &url,
            job.finding.id.to_string().into_bytes(),
        ))
    }

    fn resume(&self, _: &Job<'_>, reply: &Reply) -> Step {
        match reply.status {
            200 => Step::Done(None),
            _ => crate::sinks::judge_status(reply),
        }
    }
}

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
    deliverer.clone().run(wake, shutdown).await;
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
    let running = tokio::spawn(deliverer.run(wake.clone(), async {
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
