//! TheHive 5 and 4: one alert per finding, its sourceRef the finding's id, so that a repeat is refused.

use super::call::secret_header;
use super::configured::{self, Parts, Problem, Settings};
use super::{Call, Job, Probe, Reply, Sink, SinkKind, Step, judge_status};
use crate::message::notice::Notice;
use crate::message::{self, markdown, news, text::inert};
use dial_core::config::Check;
use dial_core::finding::Resource;
use dial_core::secret::SecretRef;
use dial_core::store::Stored;
use dial_core::{Finding, Severity};
use http::{HeaderName, HeaderValue, Method, header};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

pub(super) static KIND: SinkKind = SinkKind {
    name: "thehive",
    summary: "Alert in TheHive 5 or 4 with observables",
    min_interval: Duration::ZERO,
    concurrency: 2,
    build: configured::read::<TheHiveSettings>,
};

const TYPE: &str = "dial";
/// Longest `title` and `tags[]` that TheHive takes, characters.
const MAX_TITLE: usize = 512;
const MAX_TAG: usize = 128;
/// Longest `observables[].data`, characters.
const MAX_DATA: usize = 4_096;
/// Observables of one alert; the finding has the rest.
const MAX_OBSERVABLES: usize = 50;

/// `[master.sinks.<name>]` with `type = "thehive"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TheHiveSettings {
    url: String,
    api_key: SecretRef,
    organisation: Option<String>,
    #[serde(default)]
    version: Version,
    #[serde(default = "dial")]
    source: String,
    #[serde(default = "amber")]
    tlp: u8,
    #[serde(default = "amber")]
    pap: u8,
    #[serde(default)]
    tags: Vec<String>,
    /// Names of TheHive's alert statuses, by where the finding stands.
    #[serde(default)]
    statuses: BTreeMap<String, String>,
}

/// Release of TheHive; 4 takes observables only in its older API, by another name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
enum Version {
    Four,
    #[default]
    Five,
}

impl TryFrom<i64> for Version {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        match number {
            4 => Ok(Self::Four),
            5 => Ok(Self::Five),
            other => Err(format!("no support for TheHive {other}; use 4 or 5")),
        }
    }
}

impl Version {
    fn create_path(self) -> &'static str {
        match self {
            Version::Four => "api/alert",
            Version::Five => "api/v1/alert",
        }
    }

    fn observables_key(self) -> &'static str {
        match self {
            Version::Four => "artifacts",
            Version::Five => "observables",
        }
    }
}

fn dial() -> String {
    TYPE.to_owned()
}

const fn amber() -> u8 {
    2
}

struct TheHive {
    create: Url,
    query: Url,
    user: Url,
    authorization: HeaderValue,
    organisation: Option<HeaderValue>,
    version: Version,
    source: String,
    tlp: u8,
    pap: u8,
    tags: Vec<String>,
    statuses: BTreeMap<String, String>,
}

impl Check for TheHiveSettings {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        if !(1..=32).contains(&self.source.chars().count()) {
            report("source", "must be 1 to 32 characters long".into());
        }
        if self.tlp > 4 {
            report("tlp", "must be 0 (clear) to 4 (red)".into());
        }
        if self.pap > 3 {
            report("pap", "must be 0 (clear) to 3 (red)".into());
        }
        for tag in self.tags.iter().filter(|tag| tag.chars().count() > MAX_TAG) {
            report(
                "tags",
                format!("`{tag}` is longer than {MAX_TAG} characters"),
            );
        }
        news::check_keys("statuses", self.statuses.keys(), report);
        if self.version == Version::Four && !self.statuses.is_empty() {
            report("statuses", "TheHive 4 shows no changes; remove it".into());
        }
        let organisation = self.organisation.as_deref().map(HeaderValue::from_str);
        if matches!(organisation, Some(Err(_))) {
            report("organisation", "holds what no header may hold".into());
        }
    }
}

impl Settings for TheHiveSettings {
    fn urls(&self) -> Vec<(&'static str, &str)> {
        vec![("url", &self.url)]
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        vec![("api_key", &self.api_key)]
    }

    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem> {
        let organisation = self.organisation.as_deref().map(HeaderValue::from_str);
        Ok(Box::new(TheHive {
            create: parts.url_below("url", &self.url, self.version.create_path())?,
            query: parts.url_below("url", &self.url, "api/v1/query?name=dial-alert")?,
            user: parts.url_below("url", &self.url, "api/v1/user/current")?,
            authorization: secret_header("Bearer ", parts.secret("api_key")?)
                .ok_or_else(|| Problem::new("api_key", "holds what no header may hold"))?,
            organisation: organisation
                .transpose()
                .map_err(|_| Problem::new("organisation", "holds what no header may hold"))?,
            version: self.version,
            source: self.source.clone(),
            tlp: self.tlp,
            pap: self.pap,
            tags: self.tags.clone(),
            statuses: self.statuses.clone(),
        }))
    }
}

impl Sink for TheHive {
    fn start(&self, job: &Job<'_>) -> Step {
        match job.receipt.map(|receipt| receipt["alert"].as_str()) {
            None => Step::Send(self.call("create", &self.create, &self.alert(job))),
            Some(Some(id)) => Step::Send(self.change(job, id)),
            // It was there before us, so its id is not known yet.
            Some(None) => Step::Send(self.call("query", &self.query, &self.which(job))),
        }
    }

    fn digests(&self) -> bool {
        true
    }

    /// TheHive 4 has no way to add a tag and keep those that people added.
    fn updates(&self) -> bool {
        self.version == Version::Five
    }

    fn resume(&self, job: &Job<'_>, reply: &Reply) -> Step {
        match reply.step {
            "create" => self.created(job, reply),
            "change" => changed(job, reply),
            _ => self.found(job, reply),
        }
    }

    fn probe(&self) -> Probe {
        Probe::ask(self.authorized(Call::get("user", &self.user)))
    }

    fn probed(&self, reply: &Reply) -> Probe {
        match reply.json::<User>().filter(|_| reply.status == 200) {
            Some(user) => Probe::good(format!("user {}", inert(&user.login, 80))),
            None if reply.status == 200 => Probe::refused("the address is not TheHive's"),
            None => Probe::of_status(reply),
        }
    }
}

impl TheHive {
    fn call(&self, step: &'static str, url: &Url, body: &Value) -> Call {
        self.authorized(Call::post_json(step, url, body))
    }

    fn authorized(&self, call: Call) -> Call {
        let call = call.header(header::AUTHORIZATION, self.authorization.clone());
        match &self.organisation {
            Some(name) => call.header(HeaderName::from_static("x-organisation"), name.clone()),
            None => call,
        }
    }

    fn alert(&self, job: &Job<'_>) -> Value {
        if let Some(digest) = job.digest {
            return self.digest(job, &Notice::digest(digest, job.links));
        }
        let finding = job.finding;
        let mut alert = json!({
            "type": TYPE,
            "source": self.source,
            "sourceRef": finding.id,
            "title": title(finding),
            "description": markdown::description(finding, job.links),
            "severity": severity(finding.severity),
            "tlp": self.tlp,
            "pap": self.pap,
            "date": finding.time.as_millisecond(),
            "tags": tags(job.stored, &self.tags),
        });
        alert[self.version.observables_key()] = json!(observables(finding));
        if let Some(link) = job.links.finding(&finding.id) {
            alert["externalLink"] = json!(link);
        }
        alert
    }

    /// An alert that stands for many findings.
    fn digest(&self, job: &Job<'_>, notice: &Notice) -> Value {
        let own = self.tags.iter().map(String::as_str);
        let tags: BTreeSet<&str> = [TYPE, "digest"].into_iter().chain(own).collect();
        let mut alert = json!({
            "type": TYPE,
            "source": self.source,
            "sourceRef": job.key(),
            "title": markdown::tame(&notice.headline),
            "description": markdown::notice(notice),
            "severity": severity(notice.severity),
            "tlp": self.tlp,
            "pap": self.pap,
            "date": job.finding.time.as_millisecond(),
            "tags": tags,
        });
        if let Some((_, link)) = &notice.link {
            alert["externalLink"] = json!(link);
        }
        alert
    }

    /// A refused creation may mean that the alert is there; not every release says so the same way.
    fn created(&self, job: &Job<'_>, reply: &Reply) -> Step {
        if matches!(reply.status, 200 | 201) {
            let id = reply.json::<Created>().map(|created| created.id);
            return Step::Done(id.map(|id| json!({"alert": id})));
        }
        let refusal = reply.json::<Refusal>();
        match refusal.filter(|r| r.kind == "CreateError" && (400..500).contains(&reply.status)) {
            Some(refusal) if refusal.names_the_alert() => {
                Step::Done(Some(json!({"duplicate": true})))
            }
            Some(_) => Step::Send(self.call("query", &self.query, &self.which(job))),
            None => judge_status(reply),
        }
    }

    fn which(&self, job: &Job<'_>) -> Value {
        json!({"query": [
            {"_name": "listAlert"},
            {"_name": "filter", "_and": [
                {"_eq": {"_field": "type", "_value": TYPE}},
                {"_eq": {"_field": "source", "_value": self.source}},
                {"_eq": {"_field": "sourceRef", "_value": job.key()}},
            ]},
            {"_name": "page", "from": 0, "to": 1},
        ]})
    }
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "_id")]
    id: String,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "sourceRef")]
    source_ref: String,
}

impl Refusal {
    /// `Observable already exists` is another matter: then there is no alert.
    fn names_the_alert(&self) -> bool {
        self.message.starts_with("Alert ") && self.message.contains("already exist")
    }
}

/// What happens to an alert that is there.
impl TheHive {
    fn found(&self, job: &Job<'_>, reply: &Reply) -> Step {
        if reply.status != 200 {
            return judge_status(reply);
        }
        let listed = reply.json::<Vec<Listed>>().unwrap_or_default();
        let key = job.key();
        let alert = listed.into_iter().find(|l| l.source_ref == key);
        match (alert, job.receipt) {
            (Some(alert), Some(_)) => Step::Send(self.change(job, &alert.id)),
            (Some(alert), None) => Step::Done(Some(json!({"alert": alert.id, "duplicate": true}))),
            (None, Some(_)) => Step::Fail("TheHive has no such alert any more".into()),
            (None, None) => {
                Step::Fail("TheHive refused to create the alert (CreateError) and has none".into())
            }
        }
    }

    /// A tag says where the finding stands; the alert's own status only where the settings say so.
    fn change(&self, job: &Job<'_>, id: &str) -> Call {
        let status = news::status_key(job.stored.triage.status);
        let others = news::STATUSES.iter().filter(|other| **other != status);
        let stale = others.map(|other| status_tag(other));
        let mut body = json!({
            "addTags": std::iter::once(status_tag(&status)).chain(repeats_tag(shown(job)))
                .collect::<Vec<_>>(),
            "removeTags": stale.chain(stale_repeats(job)).collect::<Vec<_>>(),
        });
        if let Some(name) = self.statuses.get(&status) {
            body["status"] = json!(name);
        }
        let mut url = self.create.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(id);
        }
        self.authorized(Call::json("change", Method::PATCH, &url, &body))
    }
}

fn status_tag(status: &str) -> String {
    format!("status:{status}")
}

/// How many findings repeat this one.
fn shown(job: &Job<'_>) -> u32 {
    job.group.map_or(0, |group| group.repeats)
}

fn repeats_tag(repeats: u32) -> Option<String> {
    (repeats > 0).then(|| format!("repeats:{repeats}"))
}

/// The tag of the count that the alert shows by now.
fn stale_repeats(job: &Job<'_>) -> Option<String> {
    let before = job.receipt.and_then(|receipt| receipt["repeats"].as_u64());
    let before = before.and_then(|count| u32::try_from(count).ok());
    repeats_tag(before.filter(|before| *before != shown(job))?)
}

/// The receipt remembers the count that the alert shows.
fn changed(job: &Job<'_>, reply: &Reply) -> Step {
    let mut receipt = job.receipt.cloned().unwrap_or_default();
    if receipt.is_object() && shown(job) > 0 {
        receipt["repeats"] = json!(shown(job));
    }
    match reply.status {
        200 | 204 => Step::Done(Some(receipt)),
        _ => judge_status(reply),
    }
}

fn title(finding: &Finding) -> String {
    let account = finding.account.name.as_ref().unwrap_or(&finding.account.id);
    let place = inert(&format!("{account}, {}", finding.region), 100);
    // The place must not be cut off by a long title.
    let title = message::title(finding, MAX_TITLE - 104);
    markdown::tame(&format!("{title} ({place})"))
}

fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Informational | Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }
}

fn tags(stored: &Stored, own: &[String]) -> BTreeSet<String> {
    let finding = &stored.finding;
    let status = status_tag(&news::status_key(stored.triage.status));
    let status = (stored.triage.revision > 0).then_some(status);
    let told = [
        TYPE.to_owned(),
        format!("rule:{}", finding.rule.name),
        format!("account:{}", finding.account.id),
        format!("region:{}", finding.region),
        format!("severity:{}", finding.severity),
    ];
    let attack = finding
        .attack
        .iter()
        .take(10)
        .map(|id| format!("attack:{id}"));
    told.into_iter()
        .chain(attack)
        .chain(status)
        .map(|tag| markdown::tame(&inert(&tag, MAX_TAG)))
        .chain(own.iter().cloned())
        .collect()
}

/// Things to look for elsewhere; each only once, for a repeat can fail the whole alert.
fn observables(finding: &Finding) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let mut list = Vec::new();
    let listed = !finding.source.reputation.is_empty();
    for (kind, data, message) in sightings(finding) {
        let data = inert(&data, MAX_DATA);
        if data.is_empty() || list.len() >= MAX_OBSERVABLES || !seen.insert((kind, data.clone())) {
            continue;
        }
        let bad = kind == "ip" && listed;
        list.push(json!({"dataType": kind, "data": data, "message": message, "ioc": bad}));
    }
    list
}

/// (TheHive data type, value, what it is).
fn sightings(finding: &Finding) -> impl Iterator<Item = (&'static str, String, &'static str)> {
    let (source, principal) = (&finding.source, &finding.principal);
    let address = source.ip.clone().map(|ip| match ip.parse::<IpAddr>() {
        Ok(ip) => ("ip", ip.to_canonical().to_string(), "source address"),
        // AWS names a service here when it made the call itself.
        Err(_) => ("other", ip, "source"),
    });
    let network = source.asn.as_ref().map(|asn| asn.number.to_string());
    let told = [
        address,
        source
            .user_agent
            .clone()
            .map(|agent| ("user-agent", agent, "user agent")),
        network.map(|number| ("autonomous-system", number, "network of the source address")),
        principal.arn.clone().map(|arn| ("other", arn, "principal")),
        principal
            .access_key_id
            .clone()
            .map(|key| ("other", key, "access key id")),
        Some(("other", finding.account.id.clone(), "account")),
    ];
    let resources = finding.resources.iter().map(Resource::key);
    told.into_iter().flatten().chain(
        resources
            .map(|key| ("other", key, "resource"))
            .collect::<Vec<_>>(),
    )
}
