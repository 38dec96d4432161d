//! Changes of findings on their way to sinks, over the embedded store.

use super::other_side::{OtherSide, Plain};
use super::{base, clock, finding};
use crate::deliver::{Deliverer, Tally};
use crate::message::links::Links;
use crate::sinks::configured::Terms;
use crate::sinks::{Call, Configured, Job, Reply, Sink, Sinks, Step};
use crate::store::Sqlite;
use dial_core::FindingId;
use dial_core::store::triage::{Actor, Change, Door, Request, Triaging};
use dial_core::store::{Acceptance, DeliveryState, Status, Store};
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Sends what it would show: status, receipt and the actions of the history.
struct Showing;

impl Sink for Showing {
    fn updates(&self) -> bool {
        true
    }

    fn start(&self, job: &Job<'_>) -> Step {
        let url = Url::parse("https://shows/").unwrap();
        let done: Vec<&str> = job.history.iter().map(|l| l.action.as_str()).collect();
        let body = json!([job.stored.triage.status, job.receipt, done]);
        Step::Send(Call::post("post", &url, body.to_string().into_bytes()))
    }

    fn resume(&self, job: &Job<'_>, _: &Reply) -> Step {
        Step::Done(Some(json!({"attempt": job.attempt})))
    }
}

fn configured(sink: Box<dyn Sink>) -> Configured {
    let terms = Terms {
        min_interval: Duration::ZERO,
        concurrency: 1,
        timeout: Duration::from_secs(15),
        give_up_after: Duration::from_hours(6),
        digest_above: 20,
        send_resolved: false,
    };
    let kind = "plain";
    Configured { kind, terms, sink }
}

struct Bed {
    store: Arc<Sqlite>,
    other: Arc<OtherSide>,
    deliverer: Deliverer,
    id: FindingId,
    _folder: tempfile::TempDir,
}

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::open(&folder.path().join("dial.db")).unwrap());
        let finding = finding(1);
        let id = finding.id.clone();
        let one = Acceptance {
            finding,
            sinks: ["gone", "plain", "shows"].map(str::to_owned).to_vec(),
            received_at: base(),
            expires_at: base() + SignedDuration::from_hours(24),
            sender: "111122223333/eu-west-1".into(),
        };
        store.accept(vec![one]).await.remove(0).unwrap();
        let mut sinks = Sinks::default();
        sinks.insert("plain", configured(Box::new(Plain("plain"))));
        sinks.insert("shows", configured(Box::new(Showing)));
        let other = Arc::new(OtherSide::default());
        let links = Links::default();
        let deliverer = Deliverer::with(store.clone(), sinks, links, other.clone(), clock(), 7);
        Self {
            store,
            other,
            deliverer,
            id,
            _folder: folder,
        }
    }

    async fn change(&self, change: Change, at: Timestamp) {
        let by = Actor {
            who: "soc".into(),
            door: Door::Api,
        };
        let request = Request {
            change,
            comment: None,
            by,
            at,
        };
        self.store.change(&self.id, None, &request).await.unwrap();
    }

    /// State, sum of errands, and what is shown, by sink name.
    async fn rows(&self) -> Vec<(DeliveryState, u32, u32)> {
        let rows = self.store.deliveries(&self.id).await.unwrap();
        let told = |row: &dial_core::store::Delivery| (row.state, row.attempts, row.shown);
        rows.iter().map(told).collect()
    }

    fn shown(&self) -> Vec<String> {
        self.other
            .got("shows")
            .into_iter()
            .map(|(body, _)| body)
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn sinks_that_show_changes_are_told_and_the_others_left_in_peace() {
    let bed = Bed::new().await;
    let tally = bed.deliverer.sweep(None).await;
    assert_eq!((tally.sent, tally.left), (2, 0));
    let (sent, failed) = (DeliveryState::Sent, DeliveryState::Failed);
    // What left the configuration fails instead of waiting for ever.
    assert_eq!(
        bed.rows().await,
        [(failed, 1, 0), (sent, 1, 0), (sent, 1, 0)]
    );
    bed.change(Change::Acknowledge, base()).await;
    bed.change(Change::Resolve, base()).await;
    let tally = bed.deliverer.sweep(None).await;
    assert_eq!(tally.sent, 2);
    assert_eq!(
        bed.rows().await,
        [(failed, 1, 0), (sent, 2, 2), (sent, 2, 2)]
    );
    assert_eq!(bed.other.got("plain").len(), 1, "it has the finding");
    assert_eq!(
        bed.shown(),
        [
            r#"["open",null,[]]"#,
            r#"["resolved",{"attempt":1},["accepted","acknowledged","resolved"]]"#,
        ]
    );
    assert_eq!(bed.deliverer.sweep(None).await, Tally::default());
}

#[tokio::test(start_paused = true)]
async fn a_sleep_ends_by_itself_and_is_told() {
    let bed = Bed::new().await;
    let until = base() + SignedDuration::from_mins(10);
    bed.change(Change::Snooze { until }, base()).await;
    bed.deliverer.sweep(None).await;
    tokio::time::sleep(Duration::from_secs(599)).await;
    bed.deliverer.sweep(None).await;
    assert_eq!(bed.shown(), [r#"["snoozed",null,["accepted","snoozed"]]"#]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    bed.deliverer.sweep(None).await;
    let woken = r#"["open",{"attempt":1},["accepted","snoozed","woke"]]"#;
    assert_eq!(bed.shown()[1..], [woken]);
    let stored = bed.store.finding(&bed.id, until).await.unwrap().unwrap();
    assert_eq!(
        (stored.triage.status, stored.triage.revision),
        (Status::Open, 2)
    );
}
