//! The function on the table's stream.

use crate::bed::{Bed, NOW, finding};
use dial_core::store::{DeliveryState, StoreError};
use dial_master::deliver::Deliverer;
use dial_master::deliver::transport::Http;
use dial_master::lambda::{Function, deliver};
use dial_master::message::links::Links;
use dial_master::sinks::Sinks;
use dial_master::sinks::guard::Guard;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A stream event about outbox rows, numbered from 1.
fn event(rows: &[(&str, &str)]) -> Value {
    let record = |(n, (id, sink)): (usize, &(&str, &str))| {
        json!({
            "eventName": "INSERT",
            "dynamodb": {
                "SequenceNumber": (n + 1).to_string(),
                "Keys": {
                    "pk": {"S": format!("F#{id}")},
                    "sk": {"S": format!("OUT#{sink}")},
                },
            },
        })
    };
    json!({"Records": rows.iter().enumerate().map(record).collect::<Vec<_>>()})
}

async fn invoke(bed: &Bed, event: &Value) -> Value {
    // No sink is configured: each row ends as failed, without a call.
    let deliverer = Deliverer::with(
        bed.store.clone(),
        Sinks::default(),
        Links::default(),
        Arc::new(Http::new(Guard::Public).unwrap()),
        Arc::new(|| Timestamp::from_second(NOW + 1).unwrap()),
        1,
    );
    let deadline = Instant::now() + Duration::from_mins(1);
    deliver(&*bed.store, &deliverer, event, deadline).await
}

#[tokio::test]
async fn records_are_sent_again_only_while_the_store_is_silent() {
    let bed = Bed::new();
    let (one, two) = (finding(1), finding(2));
    bed.post(&[one.clone(), two.clone()]).await;
    let (one, two) = (one["id"].as_str().unwrap(), two["id"].as_str().unwrap());
    let event = event(&[(one, "slack"), (two, "slack"), (one, "thehive")]);
    bed.store
        .break_with(Some(StoreError::Unavailable("gone".into())));
    let all = json!({"batchItemFailures": [
        {"itemIdentifier": "1"}, {"itemIdentifier": "2"}, {"itemIdentifier": "3"},
    ]});
    assert_eq!(invoke(&bed, &event).await, all);
    bed.store.break_with(None);
    let none = json!({"batchItemFailures": []});
    assert_eq!(invoke(&bed, &event).await, none);
    let shown = bed.get(&format!("/v1/findings/{one}")).await.json();
    for row in shown["deliveries"].as_array().unwrap() {
        assert_eq!(row["state"], json!(DeliveryState::Failed), "{row}");
    }
    assert_eq!(
        invoke(&bed, &event).await,
        none,
        "a repeated record changes nothing"
    );
}

#[tokio::test]
async fn what_is_no_stream_event_delivers_nothing() {
    let bed = Bed::new();
    for event in [
        json!(null),
        json!({}),
        json!({"Records": [7, {"eventName": "INSERT"}]}),
    ] {
        let answer = invoke(&bed, &event).await;
        assert_eq!(answer, json!({"batchItemFailures": []}), "{event}");
    }
    assert_eq!(bed.calls(), 0);
}

#[test]
fn functions_have_names() {
    assert_eq!("api".parse(), Ok(Function::Api));
    assert_eq!("deliver".parse(), Ok(Function::Deliver));
    assert_eq!("sweep".parse(), Ok(Function::Sweep));
    let error = "Api".parse::<Function>().unwrap_err().to_string();
    assert_eq!(error, "DIAL_FUNCTION is `Api`; use api, deliver or sweep");
}
