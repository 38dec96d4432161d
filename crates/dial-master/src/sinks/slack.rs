//! Slack: one message per finding, through an incoming webhook or a bot's `chat.postMessage`.

mod look;
mod mention;
mod update;

use super::call::secret_header;
use super::configured::{self, Parts, Problem, Settings};
use super::{Call, Job, Probe, Reply, Sink, SinkKind, Step, judge_status};
use crate::message;
use crate::message::links::Links;
use crate::message::slack::{Standing, Telling};
use crate::routing::digest::Digest;
use crate::routing::mention::{Mention, too_many};
use dial_core::Severity;
use dial_core::config::Check;
use dial_core::secret::SecretRef;
use http::{HeaderValue, header};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Slack takes about one message per second and channel.
pub(super) static KIND: SinkKind = SinkKind {
    name: "slack",
    summary: "Message in a Slack channel, by incoming webhook or bot token",
    min_interval: Duration::from_secs(1),
    concurrency: 1,
    build: configured::read::<SlackSettings>,
};

/// Where bots post unless the settings say otherwise (`GovSlack` does).
const API: &str = "https://slack.com/api/";
/// Marks our messages, so that one that a crash left unrecorded is found again.
const EVENT_TYPE: &str = "dial_finding";
/// Errors that pass by themselves; every other one needs a person.
const TRANSIENT: [&str; 7] = [
    "fatal_error",
    "internal_error",
    "message_limit_exceeded",
    "rate_limited",
    "ratelimited",
    "request_timeout",
    "service_unavailable",
];

/// `[master.sinks.<name>]` with `type = "slack"`: a webhook, or a bot token and a channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlackSettings {
    webhook_url: Option<SecretRef>,
    bot_token: Option<SecretRef>,
    channel: Option<String>,
    api_url: Option<String>,
    /// Whether messages have buttons; `[master.slack]` takes the clicks.
    #[serde(default)]
    buttons: bool,
    /// Who is alerted, by severity; a route may say otherwise. Read as texts, so that a wrong one is
    /// named by its place and the others are read on.
    #[serde(default)]
    mention: BTreeMap<String, Vec<Mention>>,
}

/// Who is alerted by findings of a severity.
type Alerted = BTreeMap<Severity, Vec<Mention>>;

struct Webhook {
    url: Url,
    mention: Alerted,
}

struct Bot {
    post: Url,
    update: Url,
    history: Url,
    test: Url,
    replies: Url,
    authorization: HeaderValue,
    channel: String,
    buttons: bool,
    mention: Alerted,
}

impl Check for SlackSettings {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        let bot_keys = [
            ("channel", self.channel.is_some()),
            ("api_url", self.api_url.is_some()),
            ("buttons", self.buttons),
        ];
        match (&self.webhook_url, &self.bot_token) {
            (None, None) => report(
                "webhook_url",
                "give either webhook_url or bot_token and channel".into(),
            ),
            (Some(_), Some(_)) => report(
                "webhook_url",
                "webhook_url and bot_token exclude each other; keep one".into(),
            ),
            (Some(_), None) => {
                for (key, _) in bot_keys.into_iter().filter(|(_, given)| *given) {
                    report(
                        key,
                        "belongs to bot_token; a webhook has its channel".into(),
                    );
                }
            }
            (None, Some(_)) => self.check_channel(report),
        }
        for (severity, mentions) in &self.mention {
            let wrong = severity.parse::<Severity>().err();
            let wrong = wrong.map(|error| error.to_string());
            if let Some(message) = wrong.or_else(|| too_many(mentions)) {
                report(&format!("mention.{severity}"), message);
            }
        }
    }
}

impl SlackSettings {
    /// Whom each severity alerts; those that are none were refused before.
    fn alerted(&self) -> Alerted {
        let known = |(severity, mentions): (&String, &Vec<Mention>)| {
            Some((severity.parse::<Severity>().ok()?, mentions.clone()))
        };
        self.mention.iter().filter_map(known).collect()
    }

    fn check_channel(&self, report: &mut dyn FnMut(&str, String)) {
        let fits = |c: char| c.is_ascii_alphanumeric() || "#-_".contains(c);
        match &self.channel {
            None => report(
                "channel",
                "bot_token needs a channel, such as C0123456789".into(),
            ),
            Some(c) if c.is_empty() || c.len() > 81 || !c.chars().all(fits) => report(
                "channel",
                format!("`{c}` is no channel id or name; copy the id from the channel's details"),
            ),
            Some(_) => {}
        }
    }
}

impl Settings for SlackSettings {
    fn urls(&self) -> Vec<(&'static str, &str)> {
        self.api_url
            .iter()
            .map(|url| ("api_url", url.as_str()))
            .collect()
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let webhook = self.webhook_url.iter().map(|s| ("webhook_url", s));
        webhook
            .chain(self.bot_token.iter().map(|s| ("bot_token", s)))
            .collect()
    }

    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem> {
        if self.webhook_url.is_some() {
            let url = parts.secret_url("webhook_url")?;
            let mention = self.alerted();
            return Ok(Box::new(Webhook { url, mention }));
        }
        let api = self.api_url.as_deref().unwrap_or(API);
        let token = parts.secret("bot_token")?;
        Ok(Box::new(Bot {
            post: parts.url_below("api_url", api, "chat.postMessage")?,
            update: parts.url_below("api_url", api, "chat.update")?,
            history: parts.url_below("api_url", api, "conversations.history")?,
            test: parts.url_below("api_url", api, "auth.test")?,
            replies: parts.url_below("api_url", api, "conversations.replies")?,
            authorization: secret_header("Bearer ", token)
                .ok_or_else(|| Problem::new("bot_token", "holds what no header may hold"))?,
            channel: self.channel.clone().unwrap_or_default(),
            buttons: self.buttons,
            mention: self.alerted(),
        }))
    }
}

impl Sink for Webhook {
    fn digests(&self) -> bool {
        true
    }

    fn tells_closed(&self) -> bool {
        true
    }

    fn start(&self, job: &Job<'_>) -> Step {
        if let Some(digest) = job.digest {
            let mut body = message::together::digest(digest, job.links);
            mention::digest(&mut body, &self.mention, digest);
            return Step::Send(Call::post_json("post", &self.url, &body));
        }
        if let Some(notice) = job.notice() {
            let body = message::together::closed(&notice);
            return Step::Send(Call::post_json("post", &self.url, &body));
        }
        // Nobody can change what a webhook posted: it tells no state, which would grow stale.
        let mut body = message::slack::message(Telling {
            finding: job.finding,
            links: job.links,
            standing: None,
            buttons: false,
        });
        message::together::add_count(&mut body, job.group);
        mention::finding(&mut body, &self.mention, job);
        Step::Send(Call::post_json("post", &self.url, &body))
    }

    fn resume(&self, _job: &Job<'_>, reply: &Reply) -> Step {
        match reply.status {
            200 if reply.body.trim_ascii() == b"ok" => Step::Done(None),
            200 => Step::Fail(format!("{}; Slack would say ok", reply.reason())),
            _ => judge_status(reply),
        }
    }
}

impl Sink for Bot {
    fn updates(&self) -> bool {
        true
    }

    fn threads(&self) -> bool {
        true
    }

    fn digests(&self) -> bool {
        true
    }

    fn start(&self, job: &Job<'_>) -> Step {
        if job.receipt.is_some() {
            return self.update(job);
        }
        self.look_or_post(job)
    }

    fn resume(&self, job: &Job<'_>, reply: &Reply) -> Step {
        if look::is_look(reply.step) {
            return self.looked(job, reply);
        }
        if matches!(reply.step, "update" | "thread") {
            return self.updating(job, reply);
        }
        if reply.status != 200 {
            return judge_status(reply);
        }
        posted(reply)
    }

    fn probe(&self) -> Probe {
        let call = Call::post_json("test", &self.test, &json!({}));
        Probe::ask(call.header(header::AUTHORIZATION, self.authorization.clone()))
    }

    fn probed(&self, reply: &Reply) -> Probe {
        match reply.json::<Tested>().filter(|_| reply.status == 200) {
            Some(tested) => tested.probe(),
            None if reply.status == 200 => Probe::refused("the address is not Slack's"),
            None => Probe::of_status(reply),
        }
    }
}

impl Bot {
    fn message(&self, job: &Job<'_>) -> Value {
        let mut body = message::slack::message(Telling {
            finding: job.finding,
            links: job.links,
            standing: Some(Standing::of(&job.stored.triage, job.history)),
            buttons: self.buttons,
        });
        message::together::add_count(&mut body, job.group);
        mention::finding(&mut body, &self.mention, job);
        body
    }

    fn digest(&self, digest: &Digest, links: &Links) -> Value {
        let mut body = message::together::digest(digest, links);
        mention::digest(&mut body, &self.mention, digest);
        body
    }

    fn post(&self, job: &Job<'_>) -> Call {
        let mut body = match (job.digest, thread(job)) {
            (Some(digest), _) => self.digest(digest, job.links),
            (None, Some(_)) => message::together::repeat(job.finding),
            (None, None) => self.message(job),
        };
        if let Some(thread) = thread(job) {
            body["thread_ts"] = json!(thread);
        }
        body["channel"] = json!(self.channel);
        body["metadata"] = json!({
            "event_type": EVENT_TYPE,
            "event_payload": {about(job): job.finding.id},
        });
        Call::post_json("post", &self.post, &body)
            .header(header::AUTHORIZATION, self.authorization.clone())
    }
}

/// What a message's metadata names: a digest is not the message of the finding that carries it.
fn about(job: &Job<'_>) -> &'static str {
    if job.digest.is_some() {
        "digest"
    } else {
        "finding"
    }
}

/// `ts` of the message that a repeat goes below.
fn thread<'a>(job: &Job<'a>) -> Option<&'a str> {
    job.group?.first.as_ref()?.get("ts")?.as_str()
}

#[derive(Deserialize)]
struct Posted {
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    channel: Value,
    #[serde(default)]
    ts: Value,
}

/// What `auth.test` says.
#[derive(Deserialize)]
struct Tested {
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    team: String,
    #[serde(default)]
    user: String,
}

impl Tested {
    fn probe(&self) -> Probe {
        let shown = |text| message::text::inert(text, 80);
        if self.ok {
            let (user, team) = (shown(&self.user), shown(&self.team));
            return Probe::good(format!("bot {user} of {team}"));
        }
        let said = format!("Slack refused: {}", shown(&self.error));
        if TRANSIENT.contains(&self.error.as_str()) {
            Probe::unclear(said)
        } else {
            Probe::refused(said)
        }
    }
}

/// Slack says in the body of a 200 whether it took the message.
fn posted(reply: &Reply) -> Step {
    let after = reply.retry_after;
    match reply.json::<Posted>() {
        Some(Posted {
            ok: true,
            channel,
            ts,
            ..
        }) => Step::Done(Some(json!({"channel": channel, "ts": ts}))),
        Some(Posted { error, .. }) => {
            let reason = format!("Slack refused: {}", message::text::inert(&error, 80));
            if TRANSIENT.contains(&error.as_str()) {
                Step::Retry { after, reason }
            } else {
                Step::Fail(reason)
            }
        }
        None => Step::Retry {
            after,
            reason: format!("unreadable answer: {}", reply.reason()),
        },
    }
}
