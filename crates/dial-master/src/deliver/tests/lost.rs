//! Slack's answer to a message is lost, and the channel goes on: nobody is told twice, or never.

use super::real::Named;
use super::{Rows, base, clock, finding, run_for};
use crate::deliver::Deliverer;
use crate::deliver::transport::{Transport, TransportError};
use crate::message::links::Links;
use crate::sinks::guard::Guard;
use crate::sinks::{Call, Reply, SinkSettings, Sinks};
use async_trait::async_trait;
use dial_core::store::DeliveryState;
use dial_core::store::unanswered::Span;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// Most messages that Slack gives at once.
const MAX_PAGE: usize = 999;

/// What becomes of the first message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    /// It is there, but the answer never comes.
    Unanswered,
    /// It never arrives, and neither does an answer.
    Lost,
    /// It is there, but whoever sent it is no more.
    Crashed,
}

/// A channel in which others post as well.
struct Channel {
    start: Instant,
    /// Microsecond and metadata, in order.
    messages: Mutex<Vec<(i64, Value)>>,
    first: Mutex<Option<First>>,
    /// Looks that were answered.
    looks: Mutex<usize>,
}

impl Channel {
    fn now(&self) -> i64 {
        let passed = SignedDuration::try_from(self.start.elapsed()).unwrap();
        (base() + passed).as_microsecond()
    }

    fn post(&self, at: i64, metadata: &Value) -> i64 {
        let mut messages = self.messages.lock().unwrap();
        let taken = |at: i64| messages.iter().any(|(other, _)| *other == at);
        let at = (at..at + 1_000_000).find(|at| !taken(*at)).unwrap();
        messages.push((at, metadata.clone()));
        messages.sort_by_key(|(at, _)| *at);
        at
    }

    /// Other messages, one each so many milliseconds.
    fn chat(&self, from: i64, seconds: i64, every_ms: i64) {
        let mut messages = self.messages.lock().unwrap();
        let times = (0..seconds * 1_000 / every_ms).map(|n| from + n * every_ms * 1_000 + 7);
        messages.extend(times.map(|at| (at, Value::Null)));
        messages.sort_by_key(|(at, _)| *at);
    }

    fn told(&self) -> usize {
        let messages = self.messages.lock().unwrap();
        messages.iter().filter(|(_, of)| !of.is_null()).count()
    }

    /// `conversations.history`: newest first, within what is asked for.
    fn history(&self, call: &Call) -> Value {
        let asked = |name: &str| {
            let mut pairs = call.url.query_pairs();
            let found = pairs.find(|(key, _)| key == name);
            found.map(|(_, value)| value.parse::<f64>().unwrap())
        };
        #[expect(clippy::cast_possible_truncation, reason = "times of this century")]
        let micros = |name| asked(name).map(|seconds| (seconds * 1e6).round() as i64);
        let (oldest, latest) = (micros("oldest"), micros("latest"));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small whole number"
        )]
        let limit = asked("limit").map_or(100, |limit| limit as usize);
        let messages = self.messages.lock().unwrap();
        let mut found = messages.iter().rev().filter(|(at, _)| {
            oldest.is_none_or(|oldest| oldest <= *at) && latest.is_none_or(|latest| *at <= latest)
        });
        let page: Vec<Value> = found
            .by_ref()
            .take(limit.min(MAX_PAGE))
            .map(|(at, metadata)| json!({"ts": ts(*at), "metadata": metadata}))
            .collect();
        json!({"ok": true, "messages": page, "has_more": found.next().is_some()})
    }
}

fn ts(micros: i64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[async_trait]
impl Transport for Channel {
    async fn perform(&self, call: Call, timeout: Duration) -> Result<Reply, TransportError> {
        let body = if call.url.path().ends_with("/conversations.history") {
            *self.looks.lock().unwrap() += 1;
            self.history(&call)
        } else {
            let body: Value = serde_json::from_slice(&call.body).unwrap();
            let first = self.first.lock().unwrap().take();
            if first == Some(First::Lost) {
                tokio::time::sleep(timeout).await;
                return Err(TransportError::Timeout(timeout));
            }
            let at = self.post(self.now(), &body["metadata"]);
            match first {
                Some(First::Unanswered) => {
                    tokio::time::sleep(timeout).await;
                    return Err(TransportError::Timeout(timeout));
                }
                Some(First::Crashed) => std::future::pending().await,
                _ => json!({"ok": true, "channel": "C1", "ts": ts(at)}),
            }
        };
        Ok(Reply {
            step: call.step,
            status: 200,
            retry_after: None,
            body: body.to_string().into_bytes(),
        })
    }
}

struct Bed {
    store: Arc<Rows>,
    channel: Arc<Channel>,
    deliverer: Arc<Deliverer>,
}

/// A bot in a channel.
async fn slack() -> Sinks {
    let settings = "[chat]\ntype = 'slack'\nbot_token = 'env:token'\nchannel = 'C1'\n";
    let settings: BTreeMap<String, SinkSettings> = toml::from_str(settings).unwrap();
    let sinks = Sinks::build(&settings, &Named, Guard::Anything).await;
    sinks.unwrap()
}

async fn bed(first: First) -> Bed {
    let store = Rows::with(&["chat"], 1);
    let channel = Arc::new(Channel {
        start: Instant::now(),
        messages: Mutex::default(),
        first: Mutex::new(Some(first)),
        looks: Mutex::default(),
    });
    let deliverer = Deliverer::with(
        store.clone(),
        slack().await,
        Links::default(),
        channel.clone(),
        clock(),
        7,
    );
    Bed {
        store,
        channel,
        deliverer: Arc::new(deliverer),
    }
}

#[tokio::test(start_paused = true)]
async fn other_messages_hide_none_of_ours() {
    let hour = 3_600;
    // Name, what becomes of the first message, others (for how long, how often), most looks.
    let cases = [
        ("alone", First::Unanswered, None, 1),
        ("it never came", First::Lost, None, 1),
        ("crashed", First::Crashed, None, 1),
        ("an hour of others", First::Crashed, Some((hour, 500)), 2),
        ("answer lost", First::Unanswered, Some((hour, 500)), 2),
        ("lost", First::Lost, Some((hour, 500)), 2),
        // 50 messages a second: more than one attempt reads.
        ("a flood", First::Crashed, Some((hour, 20)), 20),
        ("lost in a flood", First::Lost, Some((hour, 20)), 14),
    ];
    for (name, first, others, most) in cases {
        let Bed {
            store,
            channel,
            deliverer,
        } = bed(first).await;
        let began = channel.now();
        if let Some((seconds, every_ms)) = others {
            channel.chat(began - 60_000_000, seconds + 120, every_ms);
        }
        // The first attempt, ended in the middle where it is to crash.
        let attempt = tokio::time::timeout(Duration::from_secs(20), deliverer.sweep(None));
        let crashed = attempt.await.is_err();
        assert_eq!(crashed, first == First::Crashed, "{name}");
        // Everything else had its turn before.
        tokio::time::sleep(Duration::from_mins(50)).await;
        let after = bed_of(&store, &channel).await;
        run_for(&after, Duration::from_mins(30)).await;
        let row = store.row(&finding(0).id, "chat");
        assert_eq!(row.state, DeliveryState::Sent, "{name}: {row:?}");
        assert_eq!(channel.told(), 1, "{name}");
        let looks = *channel.looks.lock().unwrap();
        assert!((1..=most).contains(&looks), "{name}: {looks} looks");
    }
}

/// Another process over the same rows and the same channel.
async fn bed_of(store: &Arc<Rows>, channel: &Arc<Channel>) -> Arc<Deliverer> {
    let start = channel.start;
    let clock = move || base() + SignedDuration::try_from(start.elapsed()).unwrap();
    Arc::new(Deliverer::with(
        store.clone(),
        slack().await,
        Links::default(),
        channel.clone(),
        Arc::new(clock),
        8,
    ))
}

#[tokio::test(start_paused = true)]
async fn a_row_of_a_time_without_spans_is_looked_for_since_its_errand_began() {
    let Bed {
        store,
        channel,
        deliverer,
    } = bed(First::Unanswered).await;
    deliverer.sweep(None).await;
    // What the migration of an older row makes of it.
    let row = store.row(&finding(0).id, "chat");
    let lease = base() + SignedDuration::from_mins(40);
    let wide = Span::around(row.since, lease);
    let key = (row.finding.clone(), row.sink.clone());
    store
        .table
        .lock()
        .unwrap()
        .get_mut(&key)
        .unwrap()
        .unanswered = [wide].into_iter().collect();
    channel.chat(channel.now(), 2_000, 1_000);
    tokio::time::sleep(Duration::from_mins(40)).await;
    run_for(&deliverer, Duration::from_mins(30)).await;
    assert_eq!(channel.told(), 1);
    let looks = *channel.looks.lock().unwrap();
    assert!(looks > 7, "more than one attempt can read: {looks}");
    assert_eq!(store.states("chat"), [DeliveryState::Sent]);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_or_never_reached_is_not_looked_for() {
    let lost = || TransportError::Timeout(Duration::from_secs(1));
    let cases = [
        ("refused", Err(TransportError::Unreached("x".into())), 0),
        ("busy", Ok(429), 0),
        ("broken", Ok(503), 1),
        ("silent", Err(lost()), 1),
    ];
    for (name, answer, spans) in cases {
        let Bed { store, .. } = bed(First::Lost).await;
        let other = Arc::new(Once(Mutex::new(Some(answer))));
        let sinks = slack().await;
        let deliverer = Deliverer::with(store.clone(), sinks, Links::default(), other, clock(), 7);
        assert_eq!(deliverer.sweep(None).await.retried, 1, "{name}");
        let row = store.row(&finding(0).id, "chat");
        assert_eq!(row.unanswered.spans().len(), spans, "{name}");
        if let Some(span) = row.unanswered.own() {
            let now: Timestamp = base();
            assert!(span.from < now && now < span.to, "{name}");
            assert!(span.to <= now + SignedDuration::from_secs(20), "{name}");
        }
    }
}

/// Answers once.
struct Once(Mutex<Option<Result<u16, TransportError>>>);

#[async_trait]
impl Transport for Once {
    async fn perform(&self, call: Call, _: Duration) -> Result<Reply, TransportError> {
        let status = self.0.lock().unwrap().take().unwrap()?;
        Ok(Reply {
            step: call.step,
            status,
            retry_after: None,
            body: Vec::new(),
        })
    }
}
