//! PagerDuty Events API v2: one incident per finding, its dedup key the finding's id.

use super::configured::{self, Parts, Problem, Settings};
use super::{Call, Job, Reply, Sink, SinkKind, Step, judge_status};
use crate::message::notice::Notice;
use crate::message::pagerduty;
use dial_core::Secret;
use dial_core::config::Check;
use dial_core::secret::SecretRef;
use dial_core::store::Status;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// PagerDuty takes about 120 events a minute and key.
pub(super) static KIND: SinkKind = SinkKind {
    name: "pagerduty",
    summary: "Incident in PagerDuty (Events API v2)",
    min_interval: Duration::from_millis(500),
    concurrency: 1,
    build: configured::read::<PagerDutySettings>,
};

/// Where events go unless the settings say otherwise (accounts in the EU do).
const API: &str = "https://events.pagerduty.com/";
/// Length of an integration key.
const KEY: usize = 32;

/// `[master.sinks.<name>]` with `type = "pagerduty"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PagerDutySettings {
    routing_key: SecretRef,
    api_url: Option<String>,
}

struct PagerDuty {
    enqueue: Url,
    routing_key: Secret,
}

impl Check for PagerDutySettings {
    fn check(&self, _report: &mut dyn FnMut(&str, String)) {}
}

impl Settings for PagerDutySettings {
    fn urls(&self) -> Vec<(&'static str, &str)> {
        let url = self.api_url.iter();
        url.map(|url| ("api_url", url.as_str())).collect()
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        vec![("routing_key", &self.routing_key)]
    }

    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem> {
        let routing_key = parts.secret("routing_key")?;
        let key = routing_key.expose();
        if key.len() != KEY || !key.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Problem::new(
                "routing_key",
                "must be the 32 letters and digits of an Events API v2 integration key",
            ));
        }
        let api = self.api_url.as_deref().unwrap_or(API);
        Ok(Box::new(PagerDuty {
            enqueue: parts.url_below("api_url", api, "v2/enqueue")?,
            routing_key: routing_key.clone(),
        }))
    }
}

impl Sink for PagerDuty {
    fn digests(&self) -> bool {
        true
    }

    fn start(&self, job: &Job<'_>) -> Step {
        match (job.receipt, action(job)) {
            (Some(_), Some(action)) => self.act(action, job),
            // Nobody is called for what is over already.
            (None, Some("resolve")) => done(job),
            _ => Step::Send(Call::post_json(
                "trigger",
                &self.enqueue,
                &self.trigger(job),
            )),
        }
    }

    fn updates(&self) -> bool {
        true
    }

    fn resume(&self, job: &Job<'_>, reply: &Reply) -> Step {
        match reply.status {
            // It may have been taken up while the trigger waited here.
            202 if reply.step == "trigger" => match action(job) {
                Some(action) => self.act(action, job),
                None => done(job),
            },
            202 => done(job),
            _ => judge_status(reply),
        }
    }
}

/// What brings an incident where the finding stands; `None` = it is open.
fn action(job: &Job<'_>) -> Option<&'static str> {
    match job.stored.triage.status {
        // It stands for many findings.
        _ if job.digest.is_some() => None,
        Status::Open => None,
        Status::Acknowledged | Status::Snoozed => Some("acknowledge"),
        Status::Resolved | Status::FalsePositive => Some("resolve"),
    }
}

fn done(job: &Job<'_>) -> Step {
    Step::Done(Some(json!({"dedup_key": job.key()})))
}

impl PagerDuty {
    fn act(&self, action: &'static str, job: &Job<'_>) -> Step {
        let event = self.event(action, job);
        Step::Send(Call::post_json(action, &self.enqueue, &event))
    }

    fn trigger(&self, job: &Job<'_>) -> Value {
        let mut event = self.event("trigger", job);
        let notice = job.digest.map(|digest| Notice::digest(digest, job.links));
        let link = if let Some(notice) = &notice {
            event["payload"] = pagerduty::digest(notice);
            event["links"] = pagerduty::link(notice);
            notice.link.as_ref().map(|(_, url)| url.clone())
        } else {
            event["payload"] = pagerduty::payload(job.finding, job.group);
            event["links"] = pagerduty::links(job.finding, job.links);
            job.links.finding(&job.finding.id)
        };
        event["client"] = json!("DIAL");
        if let Some(link) = link {
            event["client_url"] = json!(link);
        }
        event
    }

    /// A repeat of the same key joins the incident that is open.
    fn event(&self, action: &str, job: &Job<'_>) -> Value {
        json!({
            "routing_key": self.routing_key.expose(),
            "event_action": action,
            "dedup_key": job.key(),
        })
    }
}
