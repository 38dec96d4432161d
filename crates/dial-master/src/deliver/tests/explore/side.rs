//! Slack and TheHive as their documents say: a channel that repeats, and alerts that do not.

use super::gates::{Act, Gates, Way};
use crate::deliver::Clock;
use crate::deliver::transport::{Transport, TransportError};
use crate::sinks::{Call, Reply};
use crate::store::in_memory::Snapshot;
use async_trait::async_trait;
use dial_core::store::unanswered::Span;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A message of the channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Post {
    /// `finding <id>` or `digest <id>`.
    pub(super) about: String,
    /// `ts` of the message that it is below.
    pub(super) below: Option<String>,
    /// Second at which it was posted.
    pub(super) at: i64,
}

/// What people have seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    pub(super) posts: Vec<Post>,
    pub(super) alerts: Vec<String>,
}

/// The way of one process to the services.
pub(super) struct Line {
    pub(super) process: usize,
    pub(super) gates: Arc<Gates>,
    pub(super) seen: Arc<Mutex<Seen>>,
    pub(super) clock: Clock,
    /// The channel shows nobody its history.
    pub(super) blind: bool,
}

#[async_trait]
impl Transport for Line {
    async fn perform(&self, call: Call, timeout: Duration) -> Result<Reply, TransportError> {
        let sink = call.url.host_str().unwrap().to_owned();
        let way = self.gates.pass(self.process, &sink, Act::Call).await;
        let (status, body) = match way {
            Way::Refused => (503, Value::Null),
            Way::Well | Way::Lost => self.answer(&call),
        };
        let told = format!("{} {way:?} {status} {body}", call.step);
        self.gates.told(self.process, &sink, &told);
        if way == Way::Lost {
            return Err(TransportError::Timeout(timeout));
        }
        Ok(Reply {
            step: call.step,
            status,
            retry_after: None,
            body: body.to_string().into_bytes(),
        })
    }
}

impl Line {
    fn answer(&self, call: &Call) -> (u16, Value) {
        let mut seen = self.seen.lock().unwrap();
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let asked = |name: &str| {
            let mut pairs = call.url.query_pairs();
            pairs
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        match call.url.path() {
            "/api/chat.postMessage" => (200, seen.post(&body, (self.clock)().as_second())),
            "/api/chat.update" => (200, json!({"ok": true, "channel": "C1", "ts": body["ts"]})),
            "/api/conversations.history" if self.blind => {
                (200, json!({"ok": true, "messages": []}))
            }
            "/api/conversations.history" => (200, seen.messages(None, asked)),
            "/api/conversations.replies" => (200, seen.messages(asked("ts").as_deref(), asked)),
            "/api/v1/alert" => seen.alert(&body),
            // A count or a state on an alert that is there.
            path if path.starts_with("/api/v1/alert/") => (204, Value::Null),
            other => panic!("nobody is at {other}"),
        }
    }
}

/// Its place among all messages tells apart those of a second.
fn ts(at: i64, place: usize) -> String {
    format!("{at}.{place:06}")
}

impl Seen {
    /// The messages, and of each only whether a row remembers the time of it.
    pub(super) fn posts(&self, rows: &Snapshot) -> Vec<(&str, Option<&str>, bool)> {
        let spans = rows.unanswered();
        let known = |post: &Post| {
            let holds =
                |span: &Span| span.from.as_second() <= post.at && post.at <= span.to.as_second();
            spans.iter().any(holds)
        };
        let shown = |post| (post, known(post));
        let all = self.posts.iter().map(shown);
        all.map(|(post, known)| (post.about.as_str(), post.below.as_deref(), known))
            .collect()
    }

    fn post(&mut self, body: &Value, at: i64) -> Value {
        let payload = body["metadata"]["event_payload"].as_object().unwrap();
        let (what, id) = payload.iter().next().unwrap();
        self.posts.push(Post {
            about: format!("{what} {}", id.as_str().unwrap()),
            below: body["thread_ts"].as_str().map(str::to_owned),
            at,
        });
        let ts = ts(at, self.posts.len());
        json!({"ok": true, "channel": "C1", "ts": ts})
    }

    /// What was posted in the time that is asked for.
    fn messages(&self, below: Option<&str>, asked: impl Fn(&str) -> Option<String>) -> Value {
        let bound = |name| asked(name).unwrap().parse::<f64>().unwrap();
        let (oldest, latest) = (bound("oldest"), bound("latest"));
        let within = |ts: &str| (oldest..=latest).contains(&ts.parse().unwrap());
        let shown = (1..)
            .zip(&self.posts)
            .map(|(place, post)| (ts(post.at, place), post))
            .filter(|(ts, post)| post.below.as_deref() == below && within(ts));
        let messages: Vec<Value> = shown
            .map(|(ts, post)| {
                let (what, id) = post.about.split_once(' ').unwrap();
                let metadata = json!({"event_type": "dial_finding", "event_payload": {what: id}});
                json!({"ts": ts, "metadata": metadata})
            })
            .collect();
        json!({"ok": true, "messages": messages})
    }

    /// An alert that is there already is refused as TheHive does it.
    fn alert(&mut self, body: &Value) -> (u16, Value) {
        let reference = body["sourceRef"].as_str().unwrap().to_owned();
        if self.alerts.contains(&reference) {
            let message = format!("Alert dial:dial:{reference} already exist in organisation soc");
            return (400, json!({"type": "CreateError", "message": message}));
        }
        self.alerts.push(reference);
        (201, json!({"_id": format!("~{}", self.alerts.len())}))
    }
}
