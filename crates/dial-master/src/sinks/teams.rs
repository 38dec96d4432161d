//! Microsoft Teams: an adaptive card per finding, through the URL of a workflow.

use super::configured::{self, Parts, Problem, Settings};
use super::{Call, Job, Reply, Sink, SinkKind, Step, judge_status};
use crate::message::adaptive_card;
use dial_core::config::Check;
use dial_core::secret::SecretRef;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Teams takes four requests a second.
pub(super) static KIND: SinkKind = SinkKind {
    name: "teams",
    summary: "Card in a Microsoft Teams channel or chat, by workflow",
    min_interval: Duration::from_millis(500),
    concurrency: 1,
    build: configured::read::<TeamsSettings>,
};

/// `[master.sinks.<name>]` with `type = "teams"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TeamsSettings {
    webhook_url: SecretRef,
}

struct Teams {
    url: Url,
}

impl Check for TeamsSettings {
    fn check(&self, _report: &mut dyn FnMut(&str, String)) {}
}

impl Settings for TeamsSettings {
    fn urls(&self) -> Vec<(&'static str, &str)> {
        Vec::new()
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        vec![("webhook_url", &self.webhook_url)]
    }

    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem> {
        let url = parts.secret_url("webhook_url")?;
        Ok(Box::new(Teams { url }))
    }
}

impl Sink for Teams {
    fn digests(&self) -> bool {
        true
    }

    fn tells_closed(&self) -> bool {
        true
    }

    fn start(&self, job: &Job<'_>) -> Step {
        Step::Send(Call::post_json("post", &self.url, &message(job)))
    }

    fn resume(&self, _job: &Job<'_>, reply: &Reply) -> Step {
        match reply.status {
            // Workflows answer 202 with nothing; what else answers 200 is some other page.
            202 => Step::Done(None),
            200 if reply.body.trim_ascii().is_empty() => Step::Done(None),
            200 => Step::Fail(format!("{}; a workflow would say 202", reply.reason())),
            _ => judge_status(reply),
        }
    }
}

fn message(job: &Job<'_>) -> Value {
    let card = match job.notice() {
        Some(notice) => adaptive_card::notice(&notice),
        None => adaptive_card::card(job.finding, job.group, job.links),
    };
    json!({"type": "message", "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": card,
    }]})
}
