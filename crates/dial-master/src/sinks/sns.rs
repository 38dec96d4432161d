//! SNS: one message per finding to a topic, as text for people or as JSON for machines.

use super::aws::{self, Arn, RoleArn, element};
use super::configured::{self, Parts, Problem, Settings};
use super::rights::Rights;
use super::{Job, Probe, Reply, Sink, SinkKind, Step};
use crate::message::{plain, text::inert};
use dial_core::config::Check;
use dial_core::ports::Signing;
use dial_core::secret::SecretRef;
use reqwest::Url;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

pub(super) static KIND: SinkKind = SinkKind {
    name: "sns",
    summary: "Message to an Amazon SNS topic: e-mail text, or JSON for subscribed programs",
    min_interval: Duration::ZERO,
    concurrency: 4,
    build: configured::read::<SnsSettings>,
};

const EXAMPLE: &str = "arn:aws:sns:eu-west-1:111122223333:dial";
/// Version of the API, which every request names.
const VERSION: &str = "2010-03-31";
/// A subject has fewer than 100 characters.
const MAX_SUBJECT: usize = 99;
/// A message with its attributes has at most 262,144 bytes; these are kept for attributes.
const MAX_MESSAGE: usize = 262_144 - 8_192;
/// Longest value of an attribute, characters.
const MAX_ATTRIBUTE: usize = 256;

/// `[master.sinks.<name>]` with `type = "sns"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnsSettings {
    topic_arn: Arn,
    #[serde(default)]
    format: Format,
    role: Option<RoleArn>,
    external_id: Option<String>,
    endpoint: Option<String>,
}

/// Who reads it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// People: text that reads well as an e-mail.
    #[default]
    Text,
    /// Programs: the finding.
    Json,
}

struct Sns {
    url: Url,
    topic: Arn,
    format: Format,
    signing: Signing,
    endpoint: Option<String>,
}

impl Check for SnsSettings {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        if let Some(message) = self.topic_arn.misfit("sns", EXAMPLE) {
            report("topic_arn", message);
        }
        aws::check_one_role(self.role.as_ref(), report);
        aws::check_external_id(self.role.as_ref(), self.external_id.as_ref(), report);
    }
}

impl Settings for SnsSettings {
    fn urls(&self) -> Vec<(&'static str, &str)> {
        let given = self.endpoint.iter();
        given.map(|url| ("endpoint", url.as_str())).collect()
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        Vec::new()
    }

    fn rights(&self) -> Option<Rights> {
        Some(Rights {
            actions: &["sns:Publish"],
            resource: Some(self.topic_arn.text.clone()),
            role: self.role.as_ref().map(RoleArn::text),
        })
    }

    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem> {
        let region = &self.topic_arn.region;
        Ok(Box::new(Sns {
            url: aws::endpoint(parts, self.endpoint.as_ref(), "sns", region)?,
            topic: self.topic_arn.clone(),
            format: self.format,
            endpoint: self.endpoint.clone(),
            signing: aws::signing("sns", region, self.role.as_ref(), self.external_id.as_ref()),
        }))
    }
}

impl Sink for Sns {
    fn digests(&self) -> bool {
        self.format == Format::Text
    }

    fn tells_closed(&self) -> bool {
        self.format == Format::Text
    }

    fn start(&self, job: &Job<'_>) -> Step {
        Step::Send(aws::call(
            "publish",
            &self.url,
            aws::FORM,
            form(&self.fields(job)).into_bytes(),
            self.signing.clone(),
        ))
    }

    fn probe(&self) -> Probe {
        aws::who(self.endpoint.as_ref(), &self.signing)
    }

    fn probed(&self, reply: &Reply) -> Probe {
        aws::identified(reply)
    }

    fn resume(&self, _job: &Job<'_>, reply: &Reply) -> Step {
        if reply.status != 200 {
            return aws::judge(reply, "sns:Publish", &self.topic.text);
        }
        let xml = String::from_utf8_lossy(&reply.body);
        match element(&xml, "MessageId") {
            Some(id) => Step::Done(Some(json!({"message": inert(id, 100)}))),
            None => Step::Retry {
                after: reply.retry_after,
                reason: format!("unreadable answer: {}", reply.reason()),
            },
        }
    }
}

impl Sns {
    #[allow(
        clippy::case_sensitive_file_extension_comparisons,
        reason = "it is no file, and SNS writes it like this"
    )]
    fn is_in_order(&self) -> bool {
        self.topic.resource.ends_with(".fifo")
    }

    /// Subject and text.
    fn told(&self, job: &Job<'_>) -> (String, String) {
        let finding = job.finding;
        match (self.format, job.notice()) {
            (Format::Text, Some(notice)) => (
                plain::notice_subject(&notice, MAX_SUBJECT),
                plain::notice(&notice),
            ),
            (Format::Text, None) => (
                plain::subject(finding, MAX_SUBJECT),
                plain::text(finding, job.group, job.links),
            ),
            (Format::Json, _) => (
                plain::subject(finding, MAX_SUBJECT),
                aws::whole(finding, MAX_MESSAGE).to_string(),
            ),
        }
    }

    fn fields(&self, job: &Job<'_>) -> Vec<(String, String)> {
        let finding = job.finding;
        let (subject, message) = self.told(job);
        let mut fields = vec![
            ("Action".to_owned(), "Publish".to_owned()),
            ("Version".into(), VERSION.into()),
            ("TopicArn".into(), self.topic.text.clone()),
            ("Subject".into(), subject),
            ("Message".into(), message),
        ];
        // Within five minutes a topic in order drops a message that it has already.
        if self.is_in_order() {
            fields.push(("MessageGroupId".into(), finding.account.id.clone()));
            let key = match job.receipt {
                Some(_) => format!("closed-{}-{}", job.stored.triage.revision, job.key()),
                None => job.key(),
            };
            fields.push(("MessageDeduplicationId".into(), key));
        }
        let told = attributes(job)
            .into_iter()
            .map(|(name, value)| (name, inert(&value, MAX_ATTRIBUTE)))
            .filter(|(_, value)| !value.is_empty());
        for (n, (name, value)) in (1..).zip(told) {
            let entry = format!("MessageAttributes.entry.{n}");
            fields.push((format!("{entry}.Name"), name.into()));
            fields.push((format!("{entry}.Value.DataType"), "String".into()));
            fields.push((format!("{entry}.Value.StringValue"), value));
        }
        fields
    }
}

/// What subscriptions filter by; many findings have one severity, the worst, and nothing else in
/// common.
fn attributes(job: &Job<'_>) -> Vec<(&'static str, String)> {
    if let Some(digest) = job.digest {
        let worst = digest.by_severity.first();
        return worst
            .map(|(severity, _)| ("severity", severity.to_string()))
            .into_iter()
            .collect();
    }
    let finding = job.finding;
    vec![
        ("severity", finding.severity.to_string()),
        ("account", finding.account.id.clone()),
        ("region", finding.region.clone()),
        ("rule", finding.rule.name.clone()),
    ]
}

/// Fields as a form's body.
fn form(fields: &[(String, String)]) -> String {
    let mut url = Url::parse("form:").expect("a scheme alone is a URL");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}
