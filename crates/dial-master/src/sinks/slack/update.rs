//! What became of a finding, on the message that a channel has of it: the message changes in
//! place, and its thread gets the new lines of the history.

use super::{Bot, Posted, posted};
use crate::message::history;
use crate::sinks::{Call, Job, Reply, Step, judge_status};
use http::header;
use reqwest::Url;
use serde_json::{Value, json};

impl Bot {
    /// Edits the message; one that cannot be found again is left as it is.
    pub(super) fn update(&self, job: &Job<'_>) -> Step {
        let Some((channel, ts)) = place(job) else {
            return Step::Fail(
                "Slack's answer to the message was lost, so it cannot be edited".into(),
            );
        };
        let mut body = self.message(job);
        body["channel"] = json!(channel);
        body["ts"] = json!(ts);
        Step::Send(self.call("update", &self.update, &body))
    }

    pub(super) fn updating(&self, job: &Job<'_>, reply: &Reply) -> Step {
        if reply.status != 200 {
            return judge_status(reply);
        }
        let Some(Posted { ok: true, .. }) = reply.json::<Posted>() else {
            return posted(reply);
        };
        let lines = history::untold(job.history, job.receipt);
        match place(job).filter(|_| reply.step == "update" && !lines.is_empty()) {
            Some((channel, ts)) => {
                let mut body = thread_reply(&lines);
                body["channel"] = json!(channel);
                body["thread_ts"] = json!(ts);
                Step::Send(self.call("thread", &self.post, &body))
            }
            None => done(job),
        }
    }

    pub(super) fn call(&self, step: &'static str, url: &Url, body: &Value) -> Call {
        Call::post_json(step, url, body).header(header::AUTHORIZATION, self.authorization.clone())
    }
}

/// Lines of the history as plain text, which parses no markup.
fn thread_reply(lines: &[String]) -> Value {
    let block = |line: &String| {
        let text = json!({"type": "plain_text", "text": line, "emoji": false});
        json!({"type": "section", "text": text})
    };
    let last = lines.last().map_or("", String::as_str);
    let (amp, less, more) = ("&amp;", "&lt;", "&gt;");
    let text = last.replace('&', amp).replace('<', less).replace('>', more);
    json!({
        "text": text,
        "blocks": lines.iter().map(block).collect::<Vec<_>>(),
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// Channel and timestamp of the message, as Slack gave them.
fn place<'a>(job: &Job<'a>) -> Option<(&'a str, &'a str)> {
    let receipt = job.receipt?;
    Some((receipt["channel"].as_str()?, receipt["ts"].as_str()?))
}

/// The receipt remembers how much of the history the thread has.
fn done(job: &Job<'_>) -> Step {
    let mut receipt = job.receipt.cloned().unwrap_or_default();
    if receipt.is_object() {
        receipt["told"] = json!(history::told(job.history));
    }
    Step::Done(Some(receipt))
}
