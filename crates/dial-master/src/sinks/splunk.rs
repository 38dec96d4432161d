//! Splunk: one event per finding, through an HTTP Event Collector.
//!
//! Splunk knows no key that makes a repeat vanish: an attempt whose answer was lost may leave the
//! event twice. Searches remove it with `dedup id`.

use super::call::secret_header;
use super::configured::{self, Parts, Problem, Settings};
use super::{Bulk, Call, Job, Probe, Reply, Sink, SinkKind, Step, Unpacked, judge_status};
use crate::message::{news, text::inert};
use dial_core::config::Check;
use dial_core::secret::SecretRef;
use dial_core::store::Audit;
use http::{HeaderName, HeaderValue, header};
use jiff::Timestamp;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

pub(super) static KIND: SinkKind = SinkKind {
    name: "splunk",
    summary: "Event in Splunk, by HTTP Event Collector",
    min_interval: Duration::ZERO,
    concurrency: 4,
    build: configured::read::<SplunkSettings>,
};

/// Source type of what people did with a finding.
const CHANGE: &str = "dial:change";
const CHANNEL: HeaderName = HeaderName::from_static("x-splunk-request-channel");
/// Splunk Cloud refuses requests of 1 MB.
const MAX_REQUEST: usize = 900 * 1024;
/// How long Splunk is given to index before each question.
const PATIENCE: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
];
/// Steps that ask for the acknowledgement, in order.
const POLLS: [&str; 3] = ["ack 1", "ack 2", "ack 3"];

/// `[master.sinks.<name>]` with `type = "splunk"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SplunkSettings {
    url: String,
    token: SecretRef,
    index: Option<String>,
    #[serde(default = "sourcetype")]
    sourcetype: String,
    /// Whether the token has indexer acknowledgement switched on.
    #[serde(default)]
    ack: bool,
}

fn sourcetype() -> String {
    "dial:finding".to_owned()
}

struct Splunk {
    event: Url,
    ack: Url,
    health: Url,
    authorization: HeaderValue,
    channel: Option<HeaderValue>,
    index: Option<String>,
    sourcetype: String,
}

impl Check for SplunkSettings {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        if let Some(index) = &self.index
            && (index.is_empty() || index.len() > 80 || !index.chars().all(fits))
        {
            let message = format!("`{index}` is no index: use a-z, 0-9, _ and -");
            report("index", message);
        }
        let fits = |c: char| c.is_ascii_graphic();
        let length = self.sourcetype.len();
        if !(1..=50).contains(&length) || !self.sourcetype.chars().all(fits) {
            report(
                "sourcetype",
                "must be 1 to 50 characters without spaces".into(),
            );
        }
    }
}

impl Settings for SplunkSettings {
    fn urls(&self) -> Vec<(&'static str, &str)> {
        vec![("url", &self.url)]
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        vec![("token", &self.token)]
    }

    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem> {
        let event = parts.url_below("url", &self.url, "services/collector/event")?;
        Ok(Box::new(Splunk {
            ack: parts.url_below("url", &self.url, "services/collector/ack")?,
            health: parts.url_below("url", &self.url, "services/collector/health")?,
            authorization: secret_header("Splunk ", parts.secret("token")?)
                .ok_or_else(|| Problem::new("token", "holds what no header may hold"))?,
            channel: self.ack.then(|| channel(&event)),
            index: self.index.clone(),
            sourcetype: self.sourcetype.clone(),
            event,
        }))
    }
}

impl Sink for Splunk {
    fn start(&self, job: &Job<'_>) -> Step {
        let body = self.events(job).concat().into_bytes();
        if body.len() > MAX_REQUEST {
            return Step::Fail(format!(
                "event is {} bytes, Splunk takes {MAX_REQUEST}",
                body.len()
            ));
        }
        if body.is_empty() {
            return done(job);
        }
        Step::Send(self.authorized(Call::post("event", &self.event, body)))
    }

    fn resume(&self, job: &Job<'_>, reply: &Reply) -> Step {
        match POLLS.iter().position(|step| *step == reply.step) {
            Some(asked) => self.acknowledged(asked, job, reply),
            None => self.taken(job, reply),
        }
    }

    fn updates(&self) -> bool {
        true
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
        Some(self)
    }

    fn probe(&self) -> Probe {
        Probe::ask(Call::get("health", &self.health))
    }

    /// After the collector itself, the token: a request of no events says whether it is known.
    fn probed(&self, reply: &Reply) -> Probe {
        let code = reply.json::<Answer>().map(|answer| answer.code);
        match (reply.step, reply.status, code) {
            ("health", 200, Some(_)) => {
                Probe::ask(self.authorized(Call::post("token", &self.event, Vec::new())))
            }
            ("health", 200, None) => Probe::refused("the address is not a collector's"),
            ("token", _, Some(5)) => Probe::good("the collector is healthy and knows the token"),
            ("token", _, Some(code)) => {
                Probe::refused(format!("Splunk answered code {code}{}", fix(code)))
            }
            _ => Probe::of_status(reply),
        }
    }
}

impl Bulk for Splunk {
    fn pack(&self, jobs: &[Job<'_>]) -> Option<(Call, usize)> {
        let (mut body, mut count) = (String::new(), 0);
        for job in jobs {
            let events = self.events(job).concat();
            if body.len() + events.len() > MAX_REQUEST {
                break;
            }
            body.push_str(&events);
            count += 1;
        }
        let call = Call::post("event", &self.event, body.into_bytes());
        (count > 0).then(|| (self.authorized(call), count))
    }

    fn unpack(&self, jobs: &[Job<'_>], reply: &Reply) -> Unpacked {
        let Some(first) = jobs.first() else {
            return Unpacked::Ends(Vec::new());
        };
        match self.resume(first, reply) {
            Step::Send(call) => Unpacked::Further(call),
            Step::Done(_) => Unpacked::Ends(jobs.iter().map(|job| Some(done(job))).collect()),
            Step::Fail(_) if is_about_an_event(reply) => Unpacked::Ends(self.before(jobs, reply)),
            other => Unpacked::Ends(vec![Some(other); jobs.len()]),
        }
    }
}

impl Splunk {
    /// What is indexed before a bad event; all others are told alone. Releases count events from
    /// 0 or from 1, so the one before the bad one is not believed.
    fn before(&self, jobs: &[Job<'_>], reply: &Reply) -> Vec<Option<Step>> {
        let bad = reply.json::<Answer>().and_then(|answer| answer.invalid);
        let mut certain = bad.map_or(0, |bad| bad.saturating_sub(1));
        let mut indexed = |job| {
            let events = self.events(job).len() as u64;
            let all = certain >= events;
            certain = if all { certain - events } else { 0 };
            all
        };
        jobs.iter()
            .map(|job| indexed(job).then(|| done(job)))
            .collect()
    }

    fn authorized(&self, call: Call) -> Call {
        let call = call.header(header::AUTHORIZATION, self.authorization.clone());
        match &self.channel {
            Some(channel) => call.header(CHANNEL, channel.clone()),
            None => call,
        }
    }

    /// The finding unless Splunk has it, and every change that it has not; the oldest changes go
    /// where there are too many.
    fn events(&self, job: &Job<'_>) -> Vec<String> {
        let finding = job.receipt.is_none().then(|| {
            let event = json!(job.finding);
            self.event(job, &self.sourcetype, job.finding.time, &event)
        });
        let mut changes = Vec::new();
        let mut room = MAX_REQUEST.saturating_sub(finding.as_ref().map_or(0, String::len));
        for line in news::since(job.history, shown(job)).rev() {
            let event = self.event(job, CHANGE, line.at, &change(job, line));
            let Some(left) = room.checked_sub(event.len()) else {
                break;
            };
            room = left;
            changes.push(event);
        }
        finding
            .into_iter()
            .chain(changes.into_iter().rev())
            .collect()
    }

    fn event(&self, job: &Job<'_>, kind: &str, at: Timestamp, event: &Value) -> String {
        let mut body = json!({
            "time": seconds(at.as_millisecond()),
            "host": job.finding.account.id,
            "source": "dial",
            "sourcetype": kind,
            "event": event,
        });
        if let Some(index) = &self.index {
            body["index"] = json!(index);
        }
        body.to_string()
    }

    fn taken(&self, job: &Job<'_>, reply: &Reply) -> Step {
        let said = reply.json::<Answer>();
        let ack = match (reply.status, &said) {
            (200, Some(Answer { code: 0, ack, .. })) => *ack,
            _ => return judge(reply, said.as_ref()),
        };
        match (&self.channel, ack) {
            (None, _) => done(job),
            (Some(_), Some(id)) => Step::Send(self.ask(0, id)),
            (Some(_), None) => Step::Fail(
                "Splunk gave no ackId; switch on indexer acknowledgement for the token \
                 or remove `ack`"
                    .into(),
            ),
        }
    }

    fn ask(&self, asked: usize, id: u64) -> Call {
        let body = json!({"acks": [id]});
        self.authorized(Call::post_json(POLLS[asked], &self.ack, &body))
            .wait(PATIENCE[asked])
    }

    /// The answer names the id, so that no step has to remember it.
    fn acknowledged(&self, asked: usize, job: &Job<'_>, reply: &Reply) -> Step {
        let acks = reply.json::<Acks>().unwrap_or_default().acks;
        match acks.into_iter().next() {
            _ if reply.status != 200 => judge(reply, reply.json().as_ref()),
            Some((_, true)) => done(job),
            Some((id, false)) if asked + 1 < POLLS.len() => match id.parse() {
                Ok(id) => Step::Send(self.ask(asked + 1, id)),
                Err(_) => Step::Fail(format!("unreadable ackId: {}", inert(&id, 40))),
            },
            _ => Step::Retry {
                after: Some(Duration::from_mins(1)),
                reason: "Splunk took the event but did not confirm that it is indexed".into(),
            },
        }
    }
}

/// The revision that Splunk was told of last.
fn shown(job: &Job<'_>) -> u64 {
    let revision = job.receipt.and_then(|r| r["revision"].as_u64());
    revision.unwrap_or(0)
}

fn done(job: &Job<'_>) -> Step {
    Step::Done(Some(json!({"revision": job.stored.triage.revision})))
}

/// What someone did with the finding, with what searches group by.
fn change(job: &Job<'_>, line: &Audit) -> Value {
    json!({
        "id": job.finding.id,
        "rule": job.finding.rule.name,
        "account": job.finding.account.id,
        "action": line.action,
        "who": line.who,
        "door": line.door,
        "comment": line.comment,
        "triage": line.after,
    })
}

#[derive(Deserialize)]
struct Answer {
    code: u16,
    #[serde(default)]
    text: String,
    #[serde(rename = "ackId")]
    ack: Option<u64>,
    #[serde(rename = "invalid-event-number")]
    invalid: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Acks {
    acks: BTreeMap<String, bool>,
}

/// What the collector's codes mean; without a code, what the status means.
fn judge(reply: &Reply, said: Option<&Answer>) -> Step {
    let Some(Answer {
        code,
        text,
        invalid,
        ..
    }) = said
    else {
        return match reply.status {
            200..=299 => Step::Retry {
                after: None,
                reason: format!("unreadable answer: {}", reply.reason()),
            },
            _ => judge_status(reply),
        };
    };
    let which = invalid.map(|n| format!(" (event {n})")).unwrap_or_default();
    let reason = format!("Splunk answered code {code}: {}{which}", inert(text, 120));
    match code {
        8 | 9 => Step::Retry {
            after: reply.retry_after,
            reason,
        },
        1..=7 | 10..=16 => Step::Fail(format!("{reason}{}", fix(*code))),
        _ => judge_status(reply),
    }
}

/// Whether one of the events is refused, or all are too much, rather than who sends them.
fn is_about_an_event(reply: &Reply) -> bool {
    let code = reply.json::<Answer>().map(|answer| answer.code);
    reply.status == 413 || matches!(code, Some(5 | 6 | 12 | 13 | 15))
}

/// What a person does about a code, where that is known.
fn fix(code: u16) -> &'static str {
    match code {
        1 => "; the token is disabled",
        2..=4 => "; check the token",
        7 => "; the token may not write to this index",
        10 | 11 => "; the token has indexer acknowledgement on: set `ack = true`",
        14 => "; the token has indexer acknowledgement off: remove `ack`",
        _ => "",
    }
}

/// Whole milliseconds as seconds in plain decimals; a float of this size keeps them.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of any year below 10000 fit in 52 bits"
)]
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1_000.0
}

/// A GUID that stays the same for a collector, so that any process may ask for another's event.
fn channel(event: &Url) -> HeaderValue {
    let digest = Sha256::digest(format!("dial splunk channel {event}"));
    let part = |from: usize, to: usize| {
        digest[from..to]
            .iter()
            .fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    };
    let parts = [
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(8, 10),
        part(10, 16),
    ];
    HeaderValue::try_from(parts.join("-")).expect("hexadecimal digits are ASCII")
}
