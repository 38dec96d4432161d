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
}

impl OtherSide {
    pub(super) fn script(self, host: &str, mut answers: Vec<Answer>) -> Self {
        answers.reverse();
        self.script.lock().unwrap().insert(host.to_owned(), answers);
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
        let answer = answer.unwrap_or(Answer::Status(200));
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
