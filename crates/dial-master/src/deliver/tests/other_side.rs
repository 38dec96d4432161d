//! The other side of a call, and a sink that speaks to it.

use crate::deliver::transport::{Transport, TransportError};
use crate::sinks::{Call, Job, Reply, Sink, Step};
use async_trait::async_trait;
use reqwest::Url;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// What the other side does with a call.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Status(u16),
    Busy(u64),
    /// 200, after so many seconds.
    Slow(u64),
    Hang,
}

/// The other side: answers by host, in order, then always 200; keeps what it got and when.
#[derive(Default)]
pub(super) struct OtherSide {
    script: Mutex<BTreeMap<String, Vec<Answer>>>,
    got: Mutex<Vec<(String, String, Instant)>>,
    taken: Mutex<Vec<(String, String)>>,
    /// Hosts that answer 503 until then.
    down: Mutex<BTreeMap<String, Instant>>,
}

impl OtherSide {
    pub(super) fn script(self, host: &str, mut answers: Vec<Answer>) -> Self {
        answers.reverse();
        self.script.lock().unwrap().insert(host.to_owned(), answers);
        self
    }

    /// A host that is down for so long from now on.
    pub(super) fn down(self, host: &str, time: Duration) -> Self {
        let until = Instant::now() + time;
        self.down.lock().unwrap().insert(host.to_owned(), until);
        self
    }

    /// (host, body) of everything that was answered by 200.
    pub(super) fn taken(&self) -> Vec<(String, String)> {
        self.taken.lock().unwrap().clone()
    }

    pub(super) fn got(&self, host: &str) -> Vec<(String, Instant)> {
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
            .push((host.clone(), body.clone(), Instant::now()));
        let answer = self
            .script
            .lock()
            .unwrap()
            .get_mut(&host)
            .and_then(Vec::pop);
        let sent = (host, body);
        let reply = |status, retry_after: Option<u64>| Reply {
            step: call.step,
            status,
            retry_after: retry_after.map(Duration::from_secs),
            body: Vec::new(),
        };
        let down = self.down.lock().unwrap().get(&sent.0).copied();
        let down = down.is_some_and(|until| Instant::now() < until);
        let answer = answer.unwrap_or(Answer::Status(if down { 503 } else { 200 }));
        if matches!(answer, Answer::Status(200)) {
            self.taken.lock().unwrap().push(sent);
        }
        match answer {
            Answer::Status(status) => Ok(reply(status, None)),
            Answer::Busy(seconds) => Ok(reply(429, Some(seconds))),
            Answer::Slow(seconds) => {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Ok(reply(200, None))
            }
            Answer::Hang => {
                tokio::time::sleep(timeout).await;
                Err(TransportError::Timeout(timeout))
            }
        }
    }
}

/// Posts what people would read to its host: the finding's id, below another one's, or a digest;
/// and who is alerted.
pub(super) struct Channel {
    pub(super) host: &'static str,
    pub(super) threads: bool,
}

impl Sink for Channel {
    fn threads(&self) -> bool {
        self.threads
    }

    fn digests(&self) -> bool {
        true
    }

    fn start(&self, job: &Job<'_>) -> Step {
        let url = Url::parse(&format!("https://{}/", self.host)).unwrap();
        let first = job.group.and_then(|group| group.first.as_ref());
        let said = match (job.digest, first) {
            (Some(digest), _) => format!("digest of {}", digest.count),
            (None, Some(first)) => format!("{} below {first}", job.finding.id),
            (None, None) => job.finding.id.to_string(),
        };
        let alerted: Vec<String> = match job.digest {
            Some(digest) => digest.mentions.iter().map(ToString::to_string).collect(),
            None => job
                .mention
                .into_iter()
                .flatten()
                .map(ToString::to_string)
                .collect(),
        };
        let said = match alerted.len() {
            0 => said,
            _ => format!("{said} for {}", alerted.join(", ")),
        };
        Step::Send(Call::post("post", &url, said.into_bytes()))
    }

    fn resume(&self, job: &Job<'_>, reply: &Reply) -> Step {
        match reply.status {
            200 => Step::Done(Some(serde_json::json!(job.finding.id))),
            _ => crate::sinks::judge_status(reply),
        }
    }
}

/// Posts the finding's id to its host; 200 is done, 429 and 5xx may pass.
pub(super) struct Plain(pub(super) &'static str);

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
