//! Sinks that cannot change a message tell by one more that a finding is closed, where asked to.

use super::real::{Named, expiry};
use super::{base, finding};
use crate::deliver::Deliverer;
use crate::deliver::transport::{Transport, TransportError};
use crate::message::links::Links;
use crate::routing::Routing;
use crate::routing::settings::RouteSettings;
use crate::sinks::guard::Guard;
use crate::sinks::{Call, Reply, SinkSettings, Sinks};
use crate::store::Sqlite;
use async_trait::async_trait;
use dial_core::store::Acceptance;
use dial_core::store::triage::{Actor, Change, Door, Request, Triaging as _};
use dial_core::store::{Delivery, Store as _};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Takes everything, as a workflow of Teams does.
#[derive(Default)]
struct Taker(Mutex<Vec<(String, String)>>);

#[async_trait]
impl Transport for Taker {
    async fn perform(&self, call: Call, _: Duration) -> Result<Reply, TransportError> {
        let host = call.url.host_str().unwrap().to_owned();
        let body = String::from_utf8(call.body).unwrap();
        self.0.lock().unwrap().push((host, body));
        Ok(Reply {
            step: call.step,
            status: 202,
            retry_after: None,
            body: Vec::new(),
        })
    }
}

struct Bed {
    store: Arc<Sqlite>,
    taker: Arc<Taker>,
    deliverer: Deliverer,
    _folder: tempfile::TempDir,
}

impl Bed {
    async fn new(route: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::open(&folder.path().join("dial.db")).unwrap());
        let sink = |name: &str, more: &str| {
            format!(
                "[{name}]\ntype = 'teams'\nwebhook_url = 'env:https://{name}/'\n\
                 min_interval_ms = 0\n{more}\n"
            )
        };
        let text = sink("loud", "send_resolved = true") + &sink("quiet", "");
        let settings: BTreeMap<String, SinkSettings> = toml::from_str(&text).unwrap();
        let sinks = Sinks::build(&settings, &Named, Guard::Anything).await;
        let sinks = sinks.unwrap();
        let route: RouteSettings = toml::from_str(route).unwrap();
        let routing = Arc::new(Routing::new(&route, &[], sinks.names()));
        let taker = Arc::new(Taker::default());
        for number in 0..3 {
            let acceptance = Acceptance {
                finding: finding(number),
                sinks: sinks.names(),
                received_at: base(),
                expires_at: expiry(),
                sender: "111122223333/eu-west-1".into(),
            };
            store.accept(vec![acceptance]).await.remove(0).unwrap();
        }
        let clock = Arc::new(base);
        let links = Links::default();
        let deliverer = Deliverer::with(store.clone(), sinks, links, taker.clone(), clock, 7);
        let deliverer = deliverer.routed(routing);
        deliverer.sweep(None).await;
        Self {
            store,
            taker,
            deliverer,
            _folder: folder,
        }
    }

    /// The row that stands for all three findings.
    async fn first(&self, sink: &str) -> Delivery {
        for number in 0..3 {
            let rows = self.store.deliveries(&finding(number).id).await.unwrap();
            let own = rows
                .into_iter()
                .find(|row| row.sink == sink && row.sent_at.is_some());
            if let Some(row) = own {
                return row;
            }
        }
        panic!("nobody was told");
    }

    /// Changes the finding that was told and delivers; what each host was told then.
    async fn change(&self, change: Change) -> Vec<(String, String)> {
        self.taker.0.lock().unwrap().clear();
        let by = Actor {
            who: "analyst".into(),
            door: Door::Api,
        };
        let request = Request {
            change,
            comment: Some("the bucket is private again".into()),
            by,
            at: base(),
        };
        let first = self.first("loud").await.finding;
        self.store.change(&first, None, &request).await.unwrap();
        self.deliverer.sweep(None).await;
        std::mem::take(&mut *self.taker.0.lock().unwrap())
    }
}

#[tokio::test]
async fn closing_is_told_once_with_the_count_where_a_sink_asks_for_it() {
    let bed = Bed::new("").await;
    assert_eq!(
        bed.taker.0.lock().unwrap().len(),
        2,
        "one message for three, at each"
    );
    assert_eq!(bed.change(Change::Acknowledge).await, []);
    let told = bed.change(Change::Resolve).await;
    let hosts: Vec<&str> = told.iter().map(|(host, _)| host.as_str()).collect();
    assert_eq!(hosts, ["loud"]);
    for part in [
        "RESOLVED",
        "analyst",
        "the bucket is private again",
        "2 repeats",
    ] {
        assert!(told[0].1.contains(part), "{part}: {}", told[0].1);
    }
    let text = "done, see the ticket".to_owned();
    assert_eq!(
        bed.change(Change::Comment { text }).await,
        [],
        "told already"
    );
    assert_eq!(bed.change(Change::Reopen).await, []);
    let again = bed.change(Change::FalsePositive).await;
    assert_eq!(again.len(), 1);
    assert!(again[0].1.contains("FALSE POSITIVE"), "{}", again[0].1);
}

#[tokio::test]
async fn a_route_says_it_for_its_findings() {
    let bed = Bed::new("send_resolved = true").await;
    assert_eq!(bed.change(Change::Resolve).await.len(), 2);
    let bed = Bed::new("send_resolved = false").await;
    assert_eq!(bed.change(Change::Resolve).await, []);
}
