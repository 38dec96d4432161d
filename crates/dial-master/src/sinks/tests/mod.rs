//! Sinks as the configuration makes them; the parts that all their tests share.

mod answers;
mod aws;
mod bulk;
mod changes;
mod injection;
mod mentions;
mod notices;
mod probes;
mod requests;
mod services;
mod settings;
mod updates;

use super::guard::Guard;
use super::{Call, Job, SinkSettings, Sinks, Step};
use crate::message::links::Links;
use crate::message::samples::untouched;
use dial_core::Finding;
use dial_core::ports::Secrets;
use dial_core::secret::{Secret, SecretError, SecretRef};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const WEBHOOK: &str = "type = 'slack'\nwebhook_url = 'env:HOOK'";
const BOT: &str = "type = 'slack'\nbot_token = 'env:TOKEN'\nchannel = 'C0123456789'";
const THEHIVE: &str =
    "type = 'thehive'\nurl = 'https://hive.example.org/'\napi_key = 'env:TOKEN'\ntags = ['aws']";
const SIGNED: &str =
    "type = 'webhook'\nurl = 'https://in.example.org/dial?x=1'\nsecret = 'env:KEY'";
const PAGERDUTY: &str = "type = 'pagerduty'\nrouting_key = 'env:ROUTE'";
const SPLUNK: &str =
    "type = 'splunk'\nurl = 'https://hec.example.org:8088'\ntoken = 'env:TOKEN'\nindex = 'aws'";
const OPENSEARCH: &str = "type = 'opensearch'\nurl = 'https://search.example.org/'\n\
     index = 'dial-findings'\nuser = 'dial'\npassword = 'env:TOKEN'";
const JIRA: &str = "type = 'jira'\nurl = 'https://example.atlassian.net'\n\
     email = 'bot@example.org'\napi_token = 'env:TOKEN'\nproject = 'SEC'\nlabels = ['aws']\n\
     priorities = { critical = 'Highest', high = 'High' }";
const TEAMS: &str = "type = 'teams'\nwebhook_url = 'env:FLOW'";
const GOOGLE_CHAT: &str = "type = 'google_chat'\nwebhook_url = 'env:SPACE'";

struct Known;

#[async_trait::async_trait]
impl Secrets for Known {
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let SecretRef::Env(name) = reference else {
            return Err(SecretError::Literal);
        };
        let text = match name.as_str() {
            "HOOK" => "https://hooks.slack.com/services/T0/B0/c2VjcmV0",
            "INSIDE" => "https://169.254.169.254/latest/sEcReT",
            "TOKEN" => "tok-c2VjcmV0",
            "BROKEN" => "a\nb",
            "KEY" => "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "NEXT" => "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=",
            "ROUTE" => "0123456789abcdef0123456789ABCDEF",
            "SPACE" => "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=k1&token=t1",
            "FLOW" => "https://prod-00.westeurope.logic.azure.com/workflows/1/invoke?sig=c2ln",
            "SHORT" => "whsec_c2hvcnQ=",
            _ => return Err(SecretError::Env(name.clone())),
        };
        Ok(Secret::new(text))
    }
}

fn settings(name: &str, text: &str) -> BTreeMap<String, SinkSettings> {
    let settings: SinkSettings = toml::from_str(text).unwrap();
    BTreeMap::from([(name.to_owned(), settings)])
}

async fn built(text: &str) -> Sinks {
    let settings = settings("it", text);
    Sinks::build(&settings, &Known, Guard::Public)
        .await
        .unwrap()
}

/// A finding that nobody touched yet.
fn job<'a>(finding: &'a Finding, links: &'a Links) -> Job<'a> {
    Job {
        finding,
        // For the rest of the test.
        stored: Box::leak(Box::new(untouched(finding))),
        history: &[],
        receipt: None,
        group: None,
        digest: None,
        mention: None,
        links,
        attempt: 1,
        unanswered: &[],
        received_at: "2026-05-01T10:00:03Z".parse().unwrap(),
        since: "2026-05-01T10:00:03Z".parse().unwrap(),
        now: "2026-05-01T10:00:04Z".parse().unwrap(),
    }
}

fn links() -> Links {
    Links::new(Some("https://dial.example.org")).unwrap()
}

fn sent(step: Step) -> Call {
    match step {
        Step::Send(call) => call,
        other => panic!("nothing sent: {other:?}"),
    }
}

/// The whole request, secrets hidden as logs would hide them.
fn shown(call: &Call) -> String {
    let mut text = format!("{} {}\n", call.method, call.url);
    for (name, value) in &call.headers {
        let _ = writeln!(text, "{name}: {value:?}");
    }
    match serde_json::from_slice::<Value>(&call.body) {
        Ok(json) => {
            let _ = write!(text, "\n{}", serde_json::to_string_pretty(&json).unwrap());
        }
        Err(_) => text.push_str(&String::from_utf8_lossy(&call.body)),
    }
    text
}
