//! Many findings in one request: how many requests that takes, and every row by itself.

use super::real::Named;
use super::rows::Rows;
use super::{base, finding};
use crate::deliver::Deliverer;
use crate::deliver::transport::{Transport, TransportError};
use crate::message::links::Links;
use crate::sinks::guard::Guard;
use crate::sinks::{Call, Reply, SinkSettings, Sinks};
use async_trait::async_trait;
use dial_core::store::{DeliveryState, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An index as OpenSearch keeps one, and a collector of Splunk.
#[derive(Default)]
struct Machines {
    documents: Mutex<BTreeSet<String>>,
    events: Mutex<Vec<String>>,
    requests: Mutex<usize>,
    /// Refused as malformed.
    poison: String,
    /// Answers that are lost after the work was done.
    lost: Mutex<usize>,
}

impl Machines {
    fn index(&self, body: &str) -> Value {
        let lines: Vec<Value> = body
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let items = lines.chunks(2).map(|pair| {
            let id = pair[0]["create"]["_id"].as_str().unwrap().to_owned();
            let error = json!({"type": "mapper_parsing_exception", "reason": "no"});
            let status = match self.documents.lock().unwrap().contains(&id) {
                true => 409,
                false if id == self.poison => 400,
                false => 201,
            };
            if status == 201 {
                self.documents.lock().unwrap().insert(id.clone());
            }
            json!({"create": {"_id": id, "status": status, "error": error}})
        });
        json!({"errors": true, "items": items.collect::<Vec<_>>()})
    }

    fn collect(&self, body: &str) -> (u16, Value) {
        let events = serde_json::Deserializer::from_str(body).into_iter::<Value>();
        for (number, event) in events.enumerate() {
            let id = event.unwrap()["event"]["id"].as_str().unwrap().to_owned();
            if id == self.poison {
                let said = json!({"text": "bad", "code": 6, "invalid-event-number": number});
                return (400, said);
            }
            self.events.lock().unwrap().push(id);
        }
        (200, json!({"text": "Success", "code": 0}))
    }
}

#[async_trait]
impl Transport for Machines {
    async fn perform(&self, call: Call, timeout: Duration) -> Result<Reply, TransportError> {
        *self.requests.lock().unwrap() += 1;
        let body = String::from_utf8(call.body).unwrap();
        let (status, said) = match call.url.host_str() {
            Some("search") => (200, self.index(&body)),
            _ => self.collect(&body),
        };
        let mut lost = self.lost.lock().unwrap();
        if *lost > 0 {
            *lost -= 1;
            return Err(TransportError::Timeout(timeout));
        }
        Ok(Reply {
            step: call.step,
            status,
            retry_after: None,
            body: said.to_string().into_bytes(),
        })
    }
}

const SEARCH: &str = "type = 'opensearch'\nurl = 'https://search'\nindex = 'dial'";
const SPLUNK: &str = "type = 'splunk'\nurl = 'https://splunk'\ntoken = 'env:token'";

async fn deliverer(store: &Arc<Rows>, machines: &Arc<Machines>, settings: &str) -> Deliverer {
    let settings: SinkSettings = toml::from_str(settings).unwrap();
    let settings = BTreeMap::from([("siem".to_owned(), settings)]);
    let sinks = Sinks::build(&settings, &Named, Guard::Anything)
        .await
        .unwrap();
    let store: Arc<dyn Store> = store.clone();
    let clock = super::clock();
    let links = Links::default();
    Deliverer::with(store, sinks, links, machines.clone(), clock, 7)
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_many_is_one_request() {
    for (settings, name) in [(SEARCH, "opensearch"), (SPLUNK, "splunk")] {
        let store = Rows::with(&["siem"], 200);
        let machines = Arc::new(Machines::default());
        let deliverer = deliverer(&store, &machines, settings).await;
        assert_eq!(deliverer.sweep(None).await.sent, 200, "{name}");
        // 64 rows are claimed at once.
        assert_eq!(*machines.requests.lock().unwrap(), 4, "{name}");
        assert_eq!(store.states("siem"), [DeliveryState::Sent; 200]);
    }
}

#[tokio::test(start_paused = true)]
async fn one_bad_finding_fails_alone() {
    for (settings, name) in [(SEARCH, "opensearch"), (SPLUNK, "splunk")] {
        let store = Rows::with(&["siem"], 20);
        let poison = finding(13).id.to_string();
        let machines = Arc::new(Machines {
            poison: poison.clone(),
            ..Machines::default()
        });
        let deliverer = deliverer(&store, &machines, settings).await;
        let tally = deliverer.sweep(None).await;
        assert_eq!((tally.sent, tally.failed), (19, 1), "{name}");
        assert_eq!(
            store.row(&finding(13).id, "siem").state,
            DeliveryState::Failed
        );
        let requests = *machines.requests.lock().unwrap();
        assert!(requests <= 21, "{name}: {requests}");
        let events = machines.events.lock().unwrap();
        let distinct: BTreeSet<&String> = events.iter().collect();
        assert!(!distinct.contains(&poison), "{name}");
        if settings == SPLUNK {
            assert_eq!(distinct.len(), 19);
            // The one before the bad one may be there twice.
            assert!(events.len() <= 20, "{}", events.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_repeats_the_request_and_no_document() {
    let store = Rows::with(&["siem"], 30);
    let machines = Arc::new(Machines {
        lost: Mutex::new(1),
        ..Machines::default()
    });
    let deliverer = Arc::new(deliverer(&store, &machines, SEARCH).await);
    assert_eq!(deliverer.sweep(None).await.retried, 30);
    super::run_for(&deliverer, Duration::from_mins(1)).await;
    assert_eq!(store.states("siem"), [DeliveryState::Sent; 30]);
    assert_eq!(machines.documents.lock().unwrap().len(), 30);
    let first = store.row(&finding(0).id, "siem");
    assert_eq!(first.attempts, 2);
    assert!(first.sent_at.is_some_and(|at| at > base()));
}
