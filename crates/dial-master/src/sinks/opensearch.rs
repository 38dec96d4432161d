//! OpenSearch and Elasticsearch: one document per finding, its `_id` the finding's id.

use super::aws::AwsSettings;
use super::call::{basic_header, secret_header};
use super::configured::{self, Parts, Problem, Settings};
use super::{Call, Job, Probe, Reply, Sink, SinkKind, Step, judge_status};
use crate::message::{ecs, text::inert};
use dial_core::config::Check;
use dial_core::ports::Signing;
use dial_core::secret::SecretRef;
use http::{HeaderValue, Method, header};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) static KIND: SinkKind = SinkKind {
    name: "opensearch",
    summary: "Document in OpenSearch or Elasticsearch (ECS)",
    min_interval: Duration::ZERO,
    concurrency: 4,
    build: configured::read::<OpenSearchSettings>,
};

const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// `[master.sinks.<name>]` with `type = "opensearch"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenSearchSettings {
    url: String,
    index: String,
    user: Option<String>,
    password: Option<SecretRef>,
    api_key: Option<SecretRef>,
    /// Signs for a domain or collection of AWS.
    aws: Option<AwsSettings<Service>>,
}

/// Signing name of a service.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Service {
    /// A domain.
    Es,
    /// A serverless collection.
    Aoss,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Es => "es",
            Self::Aoss => "aoss",
        }
    }
}

struct OpenSearch {
    bulk: Url,
    index: Url,
    authorization: Option<HeaderValue>,
    signing: Option<Signing>,
}

impl Check for OpenSearchSettings {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        let index = &self.index;
        let first = index.chars().next().unwrap_or('-');
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if "-_.".contains(first) || index.len() > 255 || !index.chars().all(fits) {
            let message = format!("`{index}` is no index or alias: use a-z, 0-9, ., _ and -");
            report("index", message);
        }
        if let Some(aws) = &self.aws {
            aws.check(report);
            if self.user.is_some() || self.api_key.is_some() {
                let message = "excludes user and api_key: a request is signed or has a password";
                report("aws", message.into());
            }
        }
        match (&self.user, &self.password, &self.api_key) {
            (Some(_), None, None) => report("password", "user needs a password".into()),
            (None, Some(_), None) => report("user", "password needs a user".into()),
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => report(
                "api_key",
                "api_key and user with password exclude each other; keep one".into(),
            ),
            (Some(user), _, _) if user.contains(':') => {
                report("user", "must not hold a colon".into());
            }
            _ => {}
        }
    }
}

impl Settings for OpenSearchSettings {
    fn urls(&self) -> Vec<(&'static str, &str)> {
        vec![("url", &self.url)]
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let password = self.password.iter().map(|s| ("password", s));
        let key = self.api_key.iter().map(|s| ("api_key", s));
        password.chain(key).collect()
    }

    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem> {
        let path = format!("{}/_bulk", self.index);
        Ok(Box::new(OpenSearch {
            bulk: parts.url_below("url", &self.url, &path)?,
            index: parts.url_below("url", &self.url, &self.index)?,
            authorization: self.authorization(parts)?,
            signing: self.aws.as_ref().map(|aws| aws.signing(aws.service.name())),
        }))
    }
}

impl OpenSearchSettings {
    fn authorization(&self, parts: &Parts<'_>) -> Result<Option<HeaderValue>, Problem> {
        match &self.user {
            Some(user) => Ok(Some(basic_header(user, parts.secret("password")?))),
            None if self.api_key.is_some() => secret_header("ApiKey ", parts.secret("api_key")?)
                .map(Some)
                .ok_or_else(|| Problem::new("api_key", "holds what no header may hold")),
            None => Ok(None),
        }
    }
}

impl Sink for OpenSearch {
    fn start(&self, job: &Job<'_>) -> Step {
        let document = ecs::document(job.stored, job.links);
        if job.receipt.is_none() {
            return Step::Send(self.bulk("create", job, &document));
        }
        // The document may have been removed meanwhile.
        let change = json!({"doc": ecs::change(job.stored), "upsert": document});
        Step::Send(self.bulk("update", job, &change))
    }

    fn updates(&self) -> bool {
        true
    }

    fn resume(&self, job: &Job<'_>, reply: &Reply) -> Step {
        match reply.json::<Bulk>() {
            Some(bulk) if reply.status == 200 => judge_item(job, &bulk),
            None if reply.status == 200 => Step::Retry {
                after: None,
                reason: format!("unreadable answer: {}", reply.reason()),
            },
            _ => judge_status(reply),
        }
    }

    fn probe(&self) -> Probe {
        let call = Call::get("index", &self.index);
        let method = Method::HEAD;
        Probe::ask(self.authorized(Call { method, ..call }))
    }

    fn probed(&self, reply: &Reply) -> Probe {
        match reply.status {
            200 => Probe::good("the index is there"),
            404 => Probe::good("there is no index yet; the first finding makes it"),
            // Credentials that may only write are good enough.
            403 => Probe::unclear("the credentials may not look at the index"),
            _ => Probe::of_status(reply),
        }
    }
}

impl OpenSearch {
    /// One action and its document; the last line needs its end too.
    fn bulk(&self, action: &'static str, job: &Job<'_>, document: &Value) -> Call {
        let head = json!({action: {"_id": job.finding.id}});
        let body = format!("{head}\n{document}\n").into_bytes();
        self.authorized(Call::post(action, &self.bulk, body).header(header::CONTENT_TYPE, NDJSON))
    }

    fn authorized(&self, call: Call) -> Call {
        match (&self.authorization, &self.signing) {
            (Some(value), _) => call.header(header::AUTHORIZATION, value.clone()),
            (None, Some(signing)) => call.signed(signing.clone()),
            (None, None) => call,
        }
    }
}

/// Of a bulk answer, which is 200 whatever became of the items.
#[derive(Deserialize)]
struct Bulk {
    #[serde(default)]
    items: Vec<Value>,
}

/// We sent one item: `{"create": {"_id", "status", "error": {"type", "reason"}}}`.
fn judge_item(job: &Job<'_>, bulk: &Bulk) -> Step {
    let result = bulk.items.first().and_then(Value::as_object);
    let Some((action, item)) = result.and_then(|item| item.iter().next()) else {
        return Step::Retry {
            after: None,
            reason: "the answer names no item".into(),
        };
    };
    let error = &item["error"];
    let word = |key: &str| inert(error[key].as_str().unwrap_or_default(), 160);
    let status = item["status"].as_u64().unwrap_or_default();
    let reason = format!(
        "item answered {status}: {} {}",
        word("type"),
        word("reason")
    );
    let reason = reason.trim_end().to_owned();
    match status {
        200..=299 => Step::Done(Some(json!({"document": job.finding.id}))),
        409 if action == "create" => {
            Step::Done(Some(json!({"document": job.finding.id, "duplicate": true})))
        }
        408 | 409 | 429 | 500..=599 => Step::Retry {
            after: None,
            reason,
        },
        _ => Step::Fail(reason),
    }
}
