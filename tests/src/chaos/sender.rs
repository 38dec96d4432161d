//! A worker's side of the wire: sends every batch until the master says that it has it.

use super::findings::Load;
use crate::deployment::{key_id, worker_id, worker_key};
use dial_core::gzip::deflate;
use dial_core::signature::sign;
use dial_core::wire::{Accepted, CONTENT_TYPE, FINDINGS_PATH, header};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// Batches under way at once.
const CONNECTIONS: usize = 4;
/// Pause before a batch is tried again; the master may be starting.
const AGAIN: Duration = Duration::from_millis(100);
/// One batch in so many is sent a second time though it was accepted.
const TWICE: u32 = 10;

/// What came of the sending.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent {
    /// Ids that the master said to have.
    pub(super) accepted: BTreeSet<String>,
    /// Requests, successful or not.
    pub(super) requests: usize,
    /// Findings that the master called duplicates.
    pub(super) duplicates: u64,
    /// Findings that it rejected; none should be.
    pub(super) rejected: usize,
}

/// Sends in the background.
pub(super) struct Sender {
    tasks: JoinSet<()>,
    sent: Arc<Mutex<Sent>>,
}

struct Way {
    client: reqwest::Client,
    url: String,
    sent: Arc<Mutex<Sent>>,
}

impl Sender {
    /// Starts to send to a master at this base URL.
    pub(super) fn start(loads: Vec<Load>, base: &str, seed: u64) -> Self {
        let sent = Arc::new(Mutex::new(Sent::default()));
        let loads = Arc::new(loads);
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for n in 0..CONNECTIONS {
            let way = Way::to(base, Arc::clone(&sent));
            let (loads, next) = (Arc::clone(&loads), Arc::clone(&next));
            let mut rng = StdRng::seed_from_u64(seed.wrapping_add(n as u64));
            tasks.spawn(async move {
                while let Some(load) = loads.get(next.fetch_add(1, Ordering::Relaxed)) {
                    way.deliver(load).await;
                    if rng.random_range(0..TWICE) == 0 {
                        way.deliver(load).await;
                    }
                }
            });
        }
        Self { tasks, sent }
    }

    /// Waits until the master has everything.
    pub(super) async fn finish(mut self) -> Sent {
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("sending does not panic");
        }
        std::mem::take(&mut *self.sent.lock().unwrap())
    }
}

impl Way {
    fn to(base: &str, sent: Arc<Mutex<Sent>>) -> Self {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            // The master behind the proxy may have died since.
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client");
        Self {
            client,
            url: format!("{base}{FINDINGS_PATH}"),
            sent,
        }
    }

    async fn deliver(&self, load: &Load) {
        loop {
            let answer = self.post(&load.json).await;
            if self.noted(load, answer) {
                return;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Notes a request; whether the master has the batch.
    fn noted(&self, load: &Load, answer: Option<Accepted>) -> bool {
        let mut sent = self.sent.lock().unwrap();
        sent.requests += 1;
        let Some(answer) = answer else {
            return false;
        };
        sent.duplicates += u64::from(answer.duplicates);
        sent.rejected += answer.rejected.len();
        let ids = load.ids.iter().map(ToString::to_string);
        sent.accepted.extend(ids);
        true
    }

    async fn post(&self, json: &[u8]) -> Option<Accepted> {
        let body = deflate(json);
        let now = Timestamp::now().as_second();
        let request = self
            .client
            .post(&self.url)
            .header(header::ID, "msg_chaos")
            .header(header::TIMESTAMP, now.to_string())
            .header(
                header::SIGNATURE,
                sign(&worker_key(), "msg_chaos", now, &body),
            )
            .header(header::WORKER, worker_id().to_string())
            .header(header::KEY, key_id().to_string())
            .header("content-type", CONTENT_TYPE)
            .header("content-encoding", "gzip")
            .body(body);
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        assert!(
            status == 200 || status == 429 || status >= 500,
            "a genuine batch is refused with {status}"
        );
        if status == 200 {
            response.json().await.ok()
        } else {
            None
        }
    }
}
