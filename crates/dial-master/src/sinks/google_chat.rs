//! Google Chat: a card per finding, through the incoming webhook of a space.

use super::configured::{self, Parts, Problem, Settings};
use super::{Call, Job, Reply, Sink, SinkKind, Step, judge_status};
use crate::message::google_chat;
use dial_core::config::Check;
use dial_core::secret::SecretRef;
use reqwest::Url;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// Google Chat takes 60 messages a minute and space, of all apps together.
pub(super) static KIND: SinkKind = SinkKind {
    name: "google_chat",
    summary: "Card in a Google Chat space, by incoming webhook",
    min_interval: Duration::from_millis(1_100),
    concurrency: 1,
    build: configured::read::<GoogleChatSettings>,
};

/// `[master.sinks.<name>]` with `type = "google_chat"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GoogleChatSettings {
    webhook_url: SecretRef,
}

struct GoogleChat {
    url: Url,
}

impl Check for GoogleChatSettings {
    fn check(&self, _report: &mut dyn FnMut(&str, String)) {}
}

impl Settings for GoogleChatSettings {
    fn urls(&self) -> Vec<(&'static str, &str)> {
        Vec::new()
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        vec![("webhook_url", &self.webhook_url)]
    }

    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem> {
        let url = parts.secret_url("webhook_url")?;
        let asked = |name: &str| url.query_pairs().any(|(key, _)| key == name);
        if !url.path().ends_with("/messages") || !asked("key") || !asked("token") {
            return Err(Problem::new(
                "webhook_url",
                "is no webhook of Google Chat: …/messages?key=…&token=…",
            ));
        }
        Ok(Box::new(GoogleChat { url }))
    }
}

impl Sink for GoogleChat {
    fn digests(&self) -> bool {
        true
    }

    fn tells_closed(&self) -> bool {
        true
    }

    fn start(&self, job: &Job<'_>) -> Step {
        let mut message = match job.notice() {
            Some(notice) => google_chat::notice(&notice, &job.key()),
            None => google_chat::message(job.finding, job.group, job.links),
        };
        // What is said later about the finding comes below it.
        message["thread"] = json!({"threadKey": job.key()});
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .append_pair("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD");
        Step::Send(Call::post_json("post", &url, &message))
    }

    fn resume(&self, _job: &Job<'_>, reply: &Reply) -> Step {
        match (reply.status, reply.json::<Posted>()) {
            (200, Some(posted)) => Step::Done(Some(json!({"message": posted.name}))),
            (200, None) => Step::Fail(format!("{}; Google Chat would name it", reply.reason())),
            _ => judge_status(reply),
        }
    }
}

#[derive(Deserialize)]
struct Posted {
    name: String,
}
