//! What became of a finding, on the alert that TheHive has of it: a status, a tag, a comment.

use super::{TheHive, found_id};
use crate::message::{history, markdown};
use crate::sinks::{Call, Job, Reply, Step, judge_status};
use dial_core::store::Status;
use http::Method;
use serde_json::{Value, json};

/// Start of the tag that says where the finding stands.
const TAG: &str = "triage:";
const STATUSES: [Status; 5] = [
    Status::Open,
    Status::Acknowledged,
    Status::Resolved,
    Status::FalsePositive,
    Status::Snoozed,
];

impl TheHive {
    /// Changes the alert, after looking for it where its id is not known.
    pub(super) fn update(&self, job: &Job<'_>) -> Step {
        match job.receipt.and_then(|receipt| receipt["alert"].as_str()) {
            Some(alert) => self.patch(job, alert),
            None => Step::Send(self.call("find", &self.query, &self.which(job))),
        }
    }

    pub(super) fn updating(&self, job: &Job<'_>, reply: &Reply) -> Step {
        match (reply.step, reply.status) {
            ("find", 200) => match found_id(job, reply) {
                Some(alert) => self.patch(job, &alert),
                None => Step::Fail("TheHive has no alert of this finding any more".into()),
            },
            ("patch", 200..=299) => self.patched(job),
            ("comment", 200..=299) => done(job),
            _ => judge_status(reply),
        }
    }

    fn patch(&self, job: &Job<'_>, alert: &str) -> Step {
        let now = job.stored.triage.status;
        let tag = |status: &Status| format!("{TAG}{}", word(*status));
        let others = STATUSES.iter().filter(|status| **status != now);
        let mut body = json!({
            "addTags": [tag(&now)],
            "removeTags": others.map(tag).collect::<Vec<_>>(),
        });
        if let Some(status) = self.statuses.get(word(now)) {
            body["status"] = json!(status);
        }
        self.of_alert("patch", Method::PATCH, alert, &[], &body)
    }

    /// TheHive 4 knows no comments on alerts.
    fn patched(&self, job: &Job<'_>) -> Step {
        let lines = history::untold(job.history, job.receipt);
        let alert = job.receipt.and_then(|receipt| receipt["alert"].as_str());
        match alert.filter(|_| self.has_comments() && !lines.is_empty()) {
            Some(alert) => {
                let lines: Vec<String> = lines.iter().map(|line| markdown::span(line)).collect();
                let body = json!({"message": lines.join("\n\n")});
                self.of_alert("comment", Method::POST, alert, &["comment"], &body)
            }
            None => done(job),
        }
    }

    /// A call below the alert's own address; its id is TheHive's word and becomes one segment.
    fn of_alert(
        &self,
        step: &'static str,
        method: Method,
        alert: &str,
        below: &[&str],
        body: &Value,
    ) -> Step {
        let mut url = self.alerts.clone();
        let Ok(mut segments) = url.path_segments_mut() else {
            return Step::Fail("TheHive's address cannot have a path".into());
        };
        segments.pop_if_empty().push(alert).extend(below);
        drop(segments);
        let call = Call {
            method,
            ..self.call(step, &url, body)
        };
        Step::Send(call)
    }
}

/// The receipt remembers how much of the history was told.
fn done(job: &Job<'_>) -> Step {
    let mut receipt = job.receipt.cloned().unwrap_or_default();
    if !receipt.is_object() {
        receipt = json!({});
    }
    receipt["told"] = json!(history::told(job.history));
    Step::Done(Some(receipt))
}

/// The word of a status, as JSON and the settings spell it.
pub(super) fn word(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Acknowledged => "acknowledged",
        Status::Resolved => "resolved",
        Status::FalsePositive => "false_positive",
        Status::Snoozed => "snoozed",
    }
}
