//! OpenSearch and Elasticsearch: one document per finding, its `_id` the finding's id.

use super::aws::{self, AwsSettings, RoleArn};
use super::call::{basic_header, secret_header};
use super::configured::{self, Parts, Problem, Settings};
use super::rights::{ACCOUNT, Rights};
use super::{Bulk, Call, Job, Probe, Reply, Sink, SinkKind, Step, Unpacked, judge_status};
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

/// OpenSearch is at its best with requests of 5 to 15 MB.
const MAX_REQUEST: usize = 5 * 1024 * 1024;
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

    fn rights(&self) -> Option<Rights> {
        let aws = self.aws.as_ref()?;
        Some(Rights {
            actions: match aws.service {
                Service::Es => &["es:ESHttpPost"],
                Service::Aoss => &["aoss:APIAccessAll"],
            },
            resource: self.resource(aws),
            role: aws.role.as_ref().map(RoleArn::text),
        })
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
    /// The domain's index or the collection, as far as the address is one that AWS gave.
    fn resource(&self, aws: &AwsSettings<Service>) -> Option<String> {
        let url = Url::parse(&self.url).ok()?;
        let (name, service) = url.host_str()?.split_once('.')?;
        let (region, partition) = (&aws.region, aws::partition(&aws.region));
        let is_of = |host: String| service.starts_with(&host);
        let place = format!("{region}:{ACCOUNT}");
        match aws.service {
            Service::Es if is_of(format!("{region}.es.")) || is_of(format!("aos.{region}.")) => {
                let name = ["search-", "vpc-"]
                    .iter()
                    .find_map(|it| name.strip_prefix(it))?;
                let (domain, _) = name.rsplit_once('-')?;
                let index = &self.index;
                Some(format!(
                    "arn:{partition}:es:{place}:domain/{domain}/{index}/_bulk"
                ))
            }
            Service::Aoss if is_of(format!("{region}.aoss.")) => {
                Some(format!("arn:{partition}:aoss:{place}:collection/{name}"))
            }
            _ => None,
        }
    }

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
        let (action, body) = action(job);
        Step::Send(self.call(action, body))
    }

    fn bulk(&self) -> Option<&dyn Bulk> {
        Some(self)
    }

    fn updates(&self) -> bool {
        true
    }

    fn resume(&self, job: &Job<'_>, reply: &Reply) -> Step {
        match reply.json::<Bulks>() {
            Some(bulk) if reply.status == 200 => judge_item(job, bulk.items.first()),
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

impl Bulk for OpenSearch {
    fn pack(&self, jobs: &[Job<'_>]) -> Option<(Call, usize)> {
        let (mut body, mut count) = (String::new(), 0);
        for job in jobs {
            let (_, lines) = action(job);
            if body.len() + lines.len() > MAX_REQUEST {
                break;
            }
            body.push_str(&lines);
            count += 1;
        }
        (count > 0).then(|| (self.call("create", body), count))
    }

    fn unpack(&self, jobs: &[Job<'_>], reply: &Reply) -> Unpacked {
        let Some(bulk) = reply.json::<Bulks>().filter(|_| reply.status == 200) else {
            // One bad line spoils the request for all.
            let alone = matches!(reply.status, 400 | 413);
            let end = |job| (!alone).then(|| self.resume(job, reply));
            return Unpacked::Ends(jobs.iter().map(end).collect());
        };
        let items = bulk.items.iter().map(Some).chain(std::iter::repeat(None));
        let ends = jobs.iter().zip(items).map(|(job, item)| {
            let item = item.filter(|item| is_of(job, item))?;
            Some(judge_item(job, Some(item)))
        });
        Unpacked::Ends(ends.collect())
    }
}

/// Whether an item of an answer is about a job; without an id the order says so.
fn is_of(job: &Job<'_>, item: &Value) -> bool {
    let mut results = item.as_object().into_iter().flatten();
    let id = results.find_map(|(_, result)| result["_id"].as_str());
    id.is_none_or(|id| id == job.finding.id.as_str())
}

/// One action and its document; the last line needs its end too.
fn action(job: &Job<'_>) -> (&'static str, String) {
    let document = ecs::document(job.stored, job.links);
    let (action, document) = match job.receipt {
        None => ("create", document),
        // The document may have been removed meanwhile.
        Some(_) => (
            "update",
            json!({"doc": ecs::change(job.stored), "upsert": document}),
        ),
    };
    let head = json!({action: {"_id": job.finding.id}});
    (action, format!("{head}\n{document}\n"))
}

impl OpenSearch {
    fn call(&self, action: &'static str, body: String) -> Call {
        let call = Call::post(action, &self.bulk, body.into_bytes());
        self.authorized(call.header(header::CONTENT_TYPE, NDJSON))
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
struct Bulks {
    #[serde(default)]
    items: Vec<Value>,
}

/// What became of one item: `{"create": {"_id", "status", "error": {"type", "reason"}}}`.
fn judge_item(job: &Job<'_>, item: Option<&Value>) -> Step {
    let result = item.and_then(Value::as_object);
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
