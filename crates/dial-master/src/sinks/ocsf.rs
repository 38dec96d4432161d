//! OCSF: each finding as a line of JSON, an object of its own in S3 or a line of one file.
//!
//! An object's key is made of the finding's id, so that a repeat writes the same object again, and
//! an object shows how the finding stands now. A file is searched before a repeat is appended, and
//! gets a line for each change.

use super::aws::{self, RoleArn};
use super::configured::{self, Parts, Problem, Settings};
use super::rights::{ACCOUNT, Rights};
use super::{Call, Job, Line, Probe, Reply, Sink, SinkKind, Step};
use dial_aws::Location;
use dial_core::config::Check;
use dial_core::ports::Signing;
use dial_core::secret::SecretRef;
use dial_core::{AccountId, Finding, Region, ocsf};
use http::Method;
use jiff::tz::TimeZone;
use reqwest::Url;
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) static KIND: SinkKind = SinkKind {
    name: "ocsf",
    summary: "OCSF JSON Lines: an object per finding in S3, or a line of a file",
    min_interval: Duration::ZERO,
    concurrency: 4,
    build: configured::read::<OcsfSettings>,
};

/// Longest prefix of keys, bytes; the rest of a key is shorter than 200.
const MAX_PREFIX: usize = 512;

/// `[master.sinks.<name>]` with `type = "ocsf"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OcsfSettings {
    to: String,
    region: Option<Region>,
    role: Option<RoleArn>,
    external_id: Option<String>,
    endpoint: Option<String>,
}

struct Objects {
    /// The bucket's address; ends with a slash.
    base: Url,
    bucket: String,
    prefix: String,
    signing: Signing,
    endpoint: Option<String>,
}

struct Lines {
    path: PathBuf,
    url: Url,
}

impl Check for OcsfSettings {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        match self.to.parse::<Location>() {
            Err(error) => report("to", error.to_string()),
            Ok(Location::S3 { key, .. }) => self.check_s3(&key, report),
            Ok(Location::Path(path)) => self.check_file(&path, report),
        }
        aws::check_one_role(self.role.as_ref(), report);
        aws::check_external_id(self.role.as_ref(), self.external_id.as_ref(), report);
    }
}

impl OcsfSettings {
    fn check_s3(&self, key: &str, report: &mut dyn FnMut(&str, String)) {
        if self.region.is_none() {
            report(
                "region",
                "give the bucket's region, such as eu-west-1".into(),
            );
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "/_.=-".contains(c);
        if !key.chars().all(fits) || key.len() > MAX_PREFIX || key.contains("//") {
            let message = format!(
                "a prefix is at most {MAX_PREFIX} of A-Z, a-z, 0-9 and /_.=- with single slashes"
            );
            report("to", message);
        }
    }

    fn check_file(&self, path: &Path, report: &mut dyn FnMut(&str, String)) {
        let name = path.file_name();
        if name.is_none() || self.to.ends_with('/') {
            report(
                "to",
                "names a folder; name a file, such as /var/log/dial/findings.jsonl".into(),
            );
        }
        let of_s3 = [
            ("region", self.region.is_some()),
            ("role", self.role.is_some()),
            ("endpoint", self.endpoint.is_some()),
        ];
        for (key, _) in of_s3.into_iter().filter(|(_, given)| *given) {
            report(key, "belongs to s3://bucket/prefix; a file has none".into());
        }
    }

    fn objects(&self, bucket: String, prefix: &str, parts: &Parts<'_>) -> Result<Objects, Problem> {
        let region = self.region.clone();
        let region = region.ok_or_else(|| Problem::new("region", "is missing"))?;
        let base = if let Some(url) = &self.endpoint {
            parts.url_below("endpoint", url, &format!("{bucket}/"))?
        } else {
            parts.url("to", &address(&bucket, &region))?
        };
        Ok(Objects {
            base,
            bucket,
            endpoint: self.endpoint.clone(),
            prefix: self::prefix(prefix),
            signing: aws::signing("s3", &region, self.role.as_ref(), self.external_id.as_ref()),
        })
    }
}

impl Settings for OcsfSettings {
    fn urls(&self) -> Vec<(&'static str, &str)> {
        let given = self.endpoint.iter();
        given.map(|url| ("endpoint", url.as_str())).collect()
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        Vec::new()
    }

    fn rights(&self) -> Option<Rights> {
        let Ok(Location::S3 { bucket, key }) = self.to.parse() else {
            return None;
        };
        let region = self.region.as_ref()?;
        let key = key_of(
            &prefix(&key),
            region.as_str(),
            ACCOUNT,
            "20260501",
            "doctor",
        );
        Some(Rights {
            actions: &["s3:PutObject"],
            resource: Some(format!(
                "arn:{}:s3:::{bucket}/{key}",
                aws::partition(region)
            )),
            role: self.role.as_ref().map(RoleArn::text),
        })
    }

    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem> {
        let wrong = |error: &dyn std::error::Error| Problem::new("to", &error.to_string());
        match self.to.parse::<Location>().map_err(|e| wrong(&e))? {
            Location::S3 { bucket, key } => Ok(Box::new(self.objects(bucket, &key, parts)?)),
            Location::Path(path) => {
                let path = std::path::absolute(path).map_err(|e| wrong(&e))?;
                let url = Url::from_file_path(&path)
                    .map_err(|()| Problem::new("to", "is no path of a file"))?;
                Ok(Box::new(Lines { path, url }))
            }
        }
    }
}

impl Sink for Objects {
    fn start(&self, job: &Job<'_>) -> Step {
        let key = key(&self.prefix, job.finding);
        let Ok(url) = self.base.join(&escaped(&key)) else {
            return Step::Fail(format!("key {key} makes no address"));
        };
        let mut body = event(job).1;
        body.push(b'\n');
        let signing = self.signing.clone();
        let mut call = aws::call("put", &url, "application/x-ndjson", body, signing);
        call.method = Method::PUT;
        Step::Send(call)
    }

    fn resume(&self, job: &Job<'_>, reply: &Reply) -> Step {
        let key = key(&self.prefix, job.finding);
        if reply.status == 200 {
            return Step::Done(Some(json!({"bucket": self.bucket, "key": key})));
        }
        aws::judge(reply, "s3:PutObject", &format!("{}/{key}", self.bucket))
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

impl Sink for Lines {
    fn start(&self, job: &Job<'_>) -> Step {
        let (uid, text) = event(job);
        let line = Line {
            path: self.path.clone(),
            uid,
            look: job.attempt > 1,
        };
        Step::Send(Call::append("append", &self.url, line, text))
    }

    fn resume(&self, _job: &Job<'_>, _reply: &Reply) -> Step {
        Step::Done(None)
    }

    fn updates(&self) -> bool {
        true
    }

    fn probe(&self) -> Probe {
        Probe::blind("the first finding opens the file")
    }
}

/// The event's `metadata.uid` and its text, one line.
///
/// Each change of a finding makes an event of its own uid, the id and the number of the change.
fn event(job: &Job<'_>) -> (String, Vec<u8>) {
    let triage = &job.stored.triage;
    let mut event = ocsf::detection(job.finding, triage.status);
    let mut uid = job.finding.id.to_string();
    if let Some(last) = job.history.last() {
        uid = format!("{uid}/{}", triage.revision);
        event["metadata"]["uid"] = json!(uid);
        event["metadata"]["sequence"] = json!(triage.revision);
        event["finding_info"]["modified_time"] = json!(last.at.as_millisecond());
        if let Some(comment) = &last.comment {
            event["comment"] = json!(comment);
        }
    }
    (uid, event.to_string().into_bytes())
}

/// A name with dots fits no certificate of S3, so it stands in the path.
fn address(bucket: &str, region: &Region) -> String {
    let suffix = aws::suffix(region);
    if bucket.contains('.') {
        format!("https://s3.{region}.{suffix}/{bucket}/")
    } else {
        format!("https://{bucket}.s3.{region}.{suffix}/")
    }
}

/// What stands before every key; empty, or with a slash at its end.
fn prefix(given: &str) -> String {
    match given.trim_matches('/') {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    }
}

/// The key of a finding's object.
fn key(prefix: &str, finding: &Finding) -> String {
    let region = Region::parse(&finding.region);
    let region = region.as_ref().map_or("unknown", Region::as_str);
    let account = AccountId::parse(&finding.account.id);
    let account = account.as_ref().map_or("unknown", AccountId::as_str);
    let day = finding.time.to_zoned(TimeZone::UTC).strftime("%Y%m%d");
    key_of(
        prefix,
        region,
        account,
        &day.to_string(),
        finding.id.as_str(),
    )
}

/// Partitions as Security Lake has them.
fn key_of(prefix: &str, region: &str, account: &str, day: &str, id: &str) -> String {
    format!("{prefix}region={region}/accountId={account}/eventDay={day}/{id}.jsonl")
}

/// As S3 signs it: of the characters that a key of ours has, only `=` is escaped.
fn escaped(key: &str) -> String {
    key.replace('=', "%3D")
}
