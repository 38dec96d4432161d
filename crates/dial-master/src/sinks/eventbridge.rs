//! `EventBridge`: one event per finding on a bus, its detail the finding.

use super::aws::{self, Arn, Fault, RoleArn};
use super::configured::{self, Parts, Problem, Settings};
use super::rights::Rights;
use super::{Call, Job, Probe, Reply, Sink, SinkKind, Step};
use crate::message::text::inert;
use dial_core::config::Check;
use dial_core::ports::Signing;
use dial_core::secret::SecretRef;
use http::{HeaderName, HeaderValue};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) static KIND: SinkKind = SinkKind {
    name: "eventbridge",
    summary: "Event on an Amazon EventBridge bus",
    min_interval: Duration::ZERO,
    concurrency: 4,
    build: configured::read::<EventBridgeSettings>,
};

const EXAMPLE: &str = "arn:aws:events:eu-west-1:111122223333:event-bus/dial";
/// `detail-type` of a new finding; at most 128 characters.
const NEW: &str = "DIAL Finding";
/// `detail-type` of one whose triage changed.
const CHANGED: &str = "DIAL Finding Changed";
/// Detail above this leaves without its record. The bus takes 1 MB, but many of its targets and
/// the buses of older partitions take 256 KB.
const MAX_DETAIL: usize = 240_000;
/// Resources of one event.
const MAX_RESOURCES: usize = 10;

/// `[master.sinks.<name>]` with `type = "eventbridge"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventBridgeSettings {
    bus_arn: Arn,
    #[serde(default = "dial")]
    source: String,
    role: Option<RoleArn>,
    external_id: Option<String>,
    endpoint: Option<String>,
}

fn dial() -> String {
    "dial".to_owned()
}

struct EventBridge {
    url: Url,
    bus: String,
    source: String,
    signing: Signing,
    endpoint: Option<String>,
}

impl Check for EventBridgeSettings {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        if let Some(message) = self.bus_arn.misfit("events", EXAMPLE) {
            report("bus_arn", message);
        } else if !self.bus_arn.resource.starts_with("event-bus/") {
            report(
                "bus_arn",
                format!("is no event bus; use one such as {EXAMPLE}"),
            );
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "/_.-".contains(c);
        let good = (1..=256).contains(&self.source.len()) && self.source.chars().all(fits);
        if !good || self.source.starts_with("aws.") {
            let message = "must be 1 to 256 of A-Z, a-z, 0-9 and /_.- and not start with aws.";
            report("source", message.into());
        }
        aws::check_one_role(self.role.as_ref(), report);
        aws::check_external_id(self.role.as_ref(), self.external_id.as_ref(), report);
    }
}

impl Settings for EventBridgeSettings {
    fn urls(&self) -> Vec<(&'static str, &str)> {
        let given = self.endpoint.iter();
        given.map(|url| ("endpoint", url.as_str())).collect()
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        Vec::new()
    }

    fn rights(&self) -> Option<Rights> {
        Some(Rights {
            actions: &["events:PutEvents"],
            resource: Some(self.bus_arn.text.clone()),
            role: self.role.as_ref().map(RoleArn::text),
        })
    }

    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem> {
        let region = &self.bus_arn.region;
        Ok(Box::new(EventBridge {
            url: aws::endpoint(parts, self.endpoint.as_ref(), "events", region)?,
            bus: self.bus_arn.text.clone(),
            source: self.source.clone(),
            endpoint: self.endpoint.clone(),
            signing: aws::signing(
                "events",
                region,
                self.role.as_ref(),
                self.external_id.as_ref(),
            ),
        }))
    }
}

impl Sink for EventBridge {
    fn start(&self, job: &Job<'_>) -> Step {
        Step::Send(self.put(&self.entry(job)))
    }

    fn resume(&self, _job: &Job<'_>, reply: &Reply) -> Step {
        if reply.status != 200 {
            return aws::judge(reply, "events:PutEvents", &self.bus);
        }
        put(reply)
    }

    fn updates(&self) -> bool {
        true
    }

    fn probe(&self) -> Probe {
        aws::who(self.endpoint.as_ref(), &self.signing)
    }

    fn probed(&self, reply: &Reply) -> Probe {
        aws::identified(reply)
    }
}

impl EventBridge {
    fn put(&self, entry: &Value) -> Call {
        let body = json!({"Entries": [entry]}).to_string().into_bytes();
        let signing = self.signing.clone();
        aws::call(
            "put",
            &self.url,
            "application/x-amz-json-1.1",
            body,
            signing,
        )
        .header(
            HeaderName::from_static("x-amz-target"),
            HeaderValue::from_static("AWSEvents.PutEvents"),
        )
    }

    fn entry(&self, job: &Job<'_>) -> Value {
        let finding = job.finding;
        let last = job.history.last();
        let kind = if job.receipt.is_some() { CHANGED } else { NEW };
        let mut detail = aws::whole(finding, MAX_DETAIL);
        detail["url"] = json!(job.links.finding(&finding.id));
        detail["triage"] = json!(job.stored.triage);
        if let Some(change) = last {
            detail["change"] = json!(change);
        }
        let arns = finding.resources.iter().filter_map(|r| r.arn.as_ref());
        let arns: Vec<String> = arns
            .take(MAX_RESOURCES)
            .map(|arn| inert(arn, 2_048))
            .filter(|arn| !arn.is_empty())
            .collect();
        json!({
            "EventBusName": self.bus,
            "Source": self.source,
            "DetailType": kind,
            "Time": last.map_or(finding.time, |change| change.at).as_second(),
            "Resources": arns,
            "Detail": detail.to_string(),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    #[serde(default)]
    failed_entry_count: u32,
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    event_id: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
}

/// An answer of 200 says for each entry whether the bus has it.
fn put(reply: &Reply) -> Step {
    let entry = reply.json::<Put>().and_then(|put| {
        let failed = put.failed_entry_count > 0;
        put.entries.into_iter().next().map(|entry| (failed, entry))
    });
    match entry {
        Some((
            false,
            Entry {
                event_id: Some(id),
                error_code: None,
                ..
            },
        )) => Step::Done(Some(json!({"event": inert(&id, 100)}))),
        Some((
            _,
            Entry {
                error_code: Some(code),
                error_message,
                ..
            },
        )) => Fault::new(&code, &error_message.unwrap_or_default()).step(),
        _ => Step::Retry {
            after: reply.retry_after,
            reason: format!("unreadable answer: {}", reply.reason()),
        },
    }
}
