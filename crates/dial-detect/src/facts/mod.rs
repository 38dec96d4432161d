//! Facts: what an event means where fields alone do not say it; one file per AWS service.

mod apigateway;
mod backup;
mod bedrock;
mod cloudfront;
mod cloudtrail;
mod config;
mod dynamodb;
mod ec2;
mod ecr;
mod efs;
mod eks;
mod event_bus;
mod glue;
mod guardduty;
mod iam;
mod kafka;
mod kms;
mod lakeformation;
mod lambda;
mod logs;
mod opensearch;
mod organizations;
mod other_policy;
pub mod policy;
mod principal;
mod ram;
mod rds;
mod redshift;
mod resource_policy;
mod route53;
mod s3;
#[cfg(test)]
mod sample;
mod secretsmanager;
mod sharing;
mod signin;
mod sns;
mod sqs;
mod ssm;
mod unread;

pub(crate) use unread::Unread;

#[cfg(test)]
pub(crate) use sample::{answered, event, facts_of, sample};
#[cfg(test)]
pub(crate) use unread::JUDGED;

use crate::event::Kind;
use crate::normalise::Call;
use crate::text::bounded;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Most sentences that one event yields.
const MAX_SENTENCES: usize = 30;
/// Longest sentence, characters.
const MAX_SENTENCE: usize = 600;
/// Most members of a list among the facts.
const MAX_LIST: usize = 50;

/// Every extractor, sorted by name.
pub static EXTRACTORS: &[Extractor] = &[
    apigateway::LOGS,
    apigateway::METHOD,
    apigateway::POLICY,
    backup::COPY,
    backup::POLICY,
    bedrock::POLICY,
    cloudfront::DISTRIBUTION,
    cloudtrail::TRAIL,
    cloudtrail::POLICY,
    config::AGGREGATION,
    dynamodb::EXPORT,
    dynamodb::POLICY,
    ec2::ENCRYPTION,
    ec2::ENDPOINT_POLICY,
    ec2::ENDPOINT_SERVICE,
    ec2::IMAGE,
    ec2::INGRESS,
    ec2::LAUNCH,
    ec2::NACL,
    ec2::PEERING,
    ec2::ROUTE,
    ec2::SNAPSHOT,
    ec2::TERMINATION,
    ecr::POLICY,
    ecr::REPLICATION,
    efs::POLICY,
    eks::ACCESS,
    eks::ENDPOINT,
    event_bus::POLICY,
    event_bus::TARGET,
    glue::POLICY,
    guardduty::DETECTOR,
    iam::ATTACHED,
    iam::MFA,
    iam::OTHER_USER,
    iam::POLICY,
    iam::TRUST,
    kafka::POLICY,
    kms::GRANT,
    kms::POLICY,
    lakeformation::GRANT,
    lambda::LAYER,
    lambda::PERMISSION,
    lambda::POLICY,
    lambda::URL,
    logs::POLICY,
    logs::SUBSCRIPTION,
    opensearch::ACCESS,
    opensearch::POLICY,
    opensearch::PROTECTION,
    organizations::POLICY,
    organizations::RESOURCE_POLICY,
    other_policy::POLICY,
    principal::PRINCIPAL,
    ram::INVITATION,
    ram::SHARE,
    rds::KEY,
    rds::EXPOSURE,
    rds::SNAPSHOT,
    redshift::POLICY,
    redshift::SHARE,
    route53::CHANGE,
    s3::ACL,
    s3::ENCRYPTION,
    s3::LIFECYCLE,
    s3::NOTIFICATION,
    s3::OBJECT,
    s3::POLICY,
    s3::PUBLIC_ACCESS_BLOCK,
    s3::REPLICATION,
    s3::VERSIONING,
    secretsmanager::POLICY,
    signin::CONSOLE,
    sns::POLICY,
    sns::SUBSCRIPTION,
    sqs::POLICY,
    ssm::DOCUMENT,
    ssm::POLICY,
];

/// One question about an event, and the events that it is asked of.
#[derive(Debug)]
pub struct Extractor {
    /// What the facts are below, such as `ec2.ingress`.
    pub name: &'static str,
    /// One line for the reference.
    pub summary: &'static str,
    /// Event sources that it looks at; empty for all.
    pub sources: &'static [&'static str],
    /// Event names, without date suffix, that it looks at; empty for all.
    pub names: &'static [&'static str],
    /// The facts that it makes, by full name.
    pub facts: &'static [&'static str],
    run: fn(&Call<'_>, &Known<'_>, &mut Facts),
}

/// What the operator and the event say is ours.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Accounts, and S3 canonical user ids, from the configuration.
    pub accounts: &'a BTreeSet<String>,
    /// Account of the event.
    pub own: &'a str,
}

/// What the facts saw in one event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Nested by service: `{"s3": {"policy": {"public": true}}}`; rules read it as `fact.…`.
    pub map: Map<String, Value>,
    /// One sentence each for the explanation: statement, grant, port.
    pub sentences: Vec<String>,
}

/// Asks every extractor whose events include this one; never fails, an odd field adds no fact.
pub fn extract(call: &Call<'_>, known: &Known<'_>) -> Facts {
    extract_wanted(call, known, |_| true)
}

/// As [`extract`], from some extractors only.
pub(crate) fn extract_wanted(
    call: &Call<'_>,
    known: &Known<'_>,
    is_wanted: impl Fn(&'static Extractor) -> bool,
) -> Facts {
    let mut facts = Facts::default();
    let wanted = asked(call).filter(|extractor| is_wanted(extractor));
    wanted.for_each(|extractor| (extractor.run)(call, known, &mut facts));
    facts
}

/// The extractors that look at a call.
pub(crate) fn asked(call: &Call<'_>) -> impl Iterator<Item = &'static Extractor> {
    let is_call = call.event().kind == Kind::CloudTrail;
    let all = EXTRACTORS.iter().filter(move |_| is_call);
    all.filter(|extractor| extractor.looks_at(call.source(), call.name()))
}

impl Extractor {
    /// Whether events of this source and name (without date suffix) are looked at.
    pub fn looks_at(&self, source: &str, name: &str) -> bool {
        let among = |list: &[&str], it| list.is_empty() || list.contains(&it);
        among(self.names, name) && among(self.sources, source)
    }
}

impl Known<'_> {
    /// Whether an account, or a canonical user id, is ours.
    pub fn has(&self, account: &str) -> bool {
        account == self.own || self.accounts.contains(account)
    }
}

impl Facts {
    /// Value of a fact by its dotted name, without the prefix `fact.`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let (service, rest) = name.split_once('.')?;
        let inside = |value, key: &str| Value::get(value, key);
        rest.split('.').try_fold(self.map.get(service)?, inside)
    }

    /// Sets a fact by its dotted name; lists are cut, texts bounded.
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        let mut parts = name.split('.');
        let last = parts.next_back().unwrap_or(name);
        let mut map = &mut self.map;
        for part in parts {
            let below = map.entry(part).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(below) = below else { return };
            map = below;
        }
        map.insert(last.to_owned(), fit(value.into()));
    }

    /// Adds a sentence, from a capital letter on, on one line and of bounded length.
    fn say(&mut self, sentence: impl AsRef<str>) {
        let mut sentence = bounded(sentence.as_ref(), MAX_SENTENCE);
        if let Some(first) = sentence.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        if self.sentences.len() < MAX_SENTENCES && !self.sentences.contains(&sentence) {
            self.sentences.push(sentence);
        }
    }
}

/// A list of distinct texts, sorted.
fn list<T: AsRef<str> + Ord>(texts: impl IntoIterator<Item = T>) -> Value {
    let distinct: BTreeSet<T> = texts.into_iter().collect();
    distinct.iter().map(AsRef::as_ref).collect()
}

fn fit(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(bounded(&text, 512)),
        Value::Array(list) => list.into_iter().take(MAX_LIST).map(fit).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests;
