//! The sinks that the configuration asks for: read, checked, given their secrets, built.

use super::guard::Guard;
use super::rights::Rights;
use super::{Audience, SINKS, Sink, SinkKind};
use dial_core::Secret;
use dial_core::config::{self, Check};
use dial_core::ports::Secrets;
use dial_core::secret::SecretRef;
use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use toml::{Table, Value};

/// Longest name of a sink; it becomes part of keys.
const MAX_NAME: usize = 64;

/// Kinds that cannot change a message and tell by a further one that a finding is closed.
const TELLS_CLOSED: [&str; 4] = ["google_chat", "slack", "sns", "teams"];

/// Takes (path below the section, message with its fix).
pub(super) type Report<'a> = &'a mut dyn FnMut(&str, String);

/// Reads the settings of one kind.
pub(super) type Read = fn(Table, Report<'_>) -> Option<Box<dyn Settings>>;

/// `[master.sinks.<name>]`: `type`, the keys of every sink, and those of its kind.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct SinkSettings(Table);

/// The keys that every sink has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    min_interval_ms: Option<u64>,
    concurrency: Option<u64>,
    timeout_seconds: Option<u64>,
    give_up_after_hours: Option<u64>,
    digest_above: Option<u64>,
    send_resolved: Option<bool>,
}

const COMMON: [&str; 6] = [
    "digest_above",
    "send_resolved",
    "min_interval_ms",
    "concurrency",
    "timeout_seconds",
    "give_up_after_hours",
];

/// What the keys of one kind say.
pub(super) trait Settings: Send + Sync {
    /// Addresses that are no secret, by key.
    fn urls(&self) -> Vec<(&'static str, &str)>;

    /// Secrets that [`Settings::build`] asks for, by key.
    fn secrets(&self) -> Vec<(&'static str, &SecretRef)>;

    /// What the sink must be allowed to do in AWS; `None` for one that is elsewhere.
    fn rights(&self) -> Option<Rights> {
        None
    }

    /// The sink.
    fn build(&self, parts: &Parts<'_>) -> Result<Box<dyn Sink>, Problem>;
}

/// What a sink is built from beside its settings.
pub(super) struct Parts<'a> {
    guard: Guard,
    secrets: &'a BTreeMap<&'static str, Secret>,
}

/// One thing wrong with a sink: key and message.
#[derive(Debug)]
pub(super) struct Problem {
    key: &'static str,
    message: String,
}

/// How fast and how long a sink is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Least time between two messages.
    pub min_interval: Duration,
    /// Messages under way at once.
    pub concurrency: usize,
    /// Longest wait for one answer.
    pub timeout: Duration,
    /// Age of a finding from which on a failed attempt is the last.
    pub give_up_after: Duration,
    /// With more findings waiting than this, one message tells of them all; 0 = never.
    pub digest_above: usize,
    /// Whether people are told by a further message that a finding is closed, unless its route
    /// says otherwise; only for sinks that cannot change a message.
    pub send_resolved: bool,
}

/// A sink of the configuration.
pub struct Configured {
    /// Its kind.
    pub kind: &'static str,
    /// How it is served.
    pub terms: Terms,
    /// The sink.
    pub sink: Box<dyn Sink>,
}

/// Every sink of the configuration, by name.
#[derive(Clone, Default)]
pub struct Sinks {
    list: BTreeMap<String, Arc<Configured>>,
    guard: Guard,
}

/// Settings that were read without complaint.
struct ReadSink {
    kind: &'static SinkKind,
    common: Common,
    settings: Box<dyn Settings>,
}

/// Checks settings without fetching a secret; paths start with `sinks.`.
pub fn check(settings: &BTreeMap<String, SinkSettings>, guard: Guard, report: Report<'_>) {
    for (name, settings) in settings {
        let _ = read_sink(name, settings, guard, report);
    }
}

/// The secrets that sinks are built with; those of settings that cannot be read are left out.
pub fn secrets(settings: &BTreeMap<String, SinkSettings>, guard: Guard) -> Vec<SecretRef> {
    let each = readable(settings, guard).flat_map(|(_, sink)| {
        let secrets = sink.settings.secrets().into_iter();
        let references: Vec<SecretRef> = secrets.map(|(_, it)| it.clone()).collect();
        references
    });
    each.collect()
}

/// What the sinks of AWS must be allowed to do, by name; those of settings that cannot be read are
/// left out.
pub fn rights(settings: &BTreeMap<String, SinkSettings>, guard: Guard) -> Vec<(String, Rights)> {
    let each = readable(settings, guard)
        .filter_map(|(name, sink)| Some((name.clone(), sink.settings.rights()?)));
    each.collect()
}

fn readable(
    settings: &BTreeMap<String, SinkSettings>,
    guard: Guard,
) -> impl Iterator<Item = (&String, ReadSink)> {
    settings.iter().filter_map(move |(name, settings)| {
        let read = read_sink(name, settings, guard, &mut |_, _| {});
        Some((name, read?))
    })
}

impl Sinks {
    /// Builds every sink, or lists every problem as (path that starts with `sinks.`, message).
    pub async fn build(
        settings: &BTreeMap<String, SinkSettings>,
        secrets: &dyn Secrets,
        guard: Guard,
    ) -> Result<Self, Vec<(String, String)>> {
        let mut problems = Vec::new();
        let mut sinks = Self {
            guard,
            ..Self::default()
        };
        for (name, settings) in settings {
            let mut report = |path: &str, message| problems.push((path.to_owned(), message));
            let Some(read) = read_sink(name, settings, guard, &mut report) else {
                continue;
            };
            match read.build(secrets, guard).await {
                Ok(configured) => sinks.insert(name, configured),
                Err(list) => problems.extend(
                    list.into_iter()
                        .map(|p| (format!("sinks.{name}.{}", p.key), p.message)),
                ),
            }
        }
        if problems.is_empty() {
            Ok(sinks)
        } else {
            Err(problems)
        }
    }

    /// Adds a sink, replacing one of that name.
    pub fn insert(&mut self, name: &str, configured: Configured) {
        self.list.insert(name.to_owned(), Arc::new(configured));
    }

    /// Names, ascending; what a new finding's outbox rows are made from.
    pub fn names(&self) -> Vec<String> {
        self.list.keys().cloned().collect()
    }

    /// Each with its name, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Configured)> {
        self.list.iter().map(|(name, sink)| (name, sink.as_ref()))
    }

    /// The sink of that name.
    pub fn get(&self, name: &str) -> Option<&Configured> {
        self.list.get(name).map(AsRef::as_ref)
    }

    /// Which addresses the sinks may have.
    pub fn guard(&self) -> Guard {
        self.guard
    }
}

/// The [`Read`] of a kind whose keys are `T`.
pub(super) fn read<T>(table: Table, report: Report<'_>) -> Option<Box<dyn Settings>>
where
    T: DeserializeOwned + Check + Settings + 'static,
{
    let settings: T = config::table(table, report)?;
    Some(Box::new(settings))
}

fn read_sink(
    name: &str,
    settings: &SinkSettings,
    guard: Guard,
    report: Report<'_>,
) -> Option<ReadSink> {
    let at = |key: &str| match key {
        "" => format!("sinks.{name}"),
        key => format!("sinks.{name}.{key}"),
    };
    let mut clean = true;
    let mut report = |key: &str, message: String| {
        clean = false;
        report(&at(key), message);
    };
    if !is_name(name) {
        report(
            "",
            format!("a sink's name is 1 to {MAX_NAME} of a-z, 0-9, _ and -"),
        );
    }
    let mut table = settings.0.clone();
    let kind = kind(table.remove("type").as_ref(), &mut report);
    let (common, own): (Table, Table) = table
        .into_iter()
        .partition(|(key, _)| COMMON.contains(&key.as_str()));
    let common: Option<Common> = config::table(common, &mut report);
    let kind = kind?;
    if common
        .as_ref()
        .is_some_and(|c| c.send_resolved == Some(true))
        && !TELLS_CLOSED.contains(&kind.name)
    {
        let message = "this kind shows changes itself or is read by machines; remove it";
        report("send_resolved", message.into());
    }
    let settings = (kind.build)(own, &mut report);
    for (key, url) in settings.iter().flat_map(|s| s.urls()) {
        if let Err(refused) = guard.url(url) {
            report(key, refused.to_string());
        }
    }
    let (common, settings) = (common?, settings?);
    clean.then_some(ReadSink {
        kind,
        common,
        settings,
    })
}

fn kind(word: Option<&Value>, report: Report<'_>) -> Option<&'static SinkKind> {
    let found = SINKS
        .iter()
        .find(|kind| word.and_then(Value::as_str) == Some(kind.name));
    if found.is_none() {
        let names: Vec<&str> = SINKS.iter().map(|kind| kind.name).collect();
        let wrong = word.map_or("`type` is missing".to_owned(), |w| {
            format!("no such type {w}")
        });
        let near = word.and_then(Value::as_str);
        let near = near.and_then(|word| config::nearest(word, names.iter().copied()));
        let fix = near.map_or_else(
            || format!("use one of {}", names.join(", ")),
            |near| format!("did you mean {near}?"),
        );
        report("type", format!("{wrong}; {fix}"));
    }
    found.copied()
}

fn is_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(fits)
}

impl Check for Common {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        let ranges = [
            ("min_interval_ms", self.min_interval_ms, 0, 60_000),
            ("concurrency", self.concurrency, 1, 16),
            ("timeout_seconds", self.timeout_seconds, 1, 30),
            ("give_up_after_hours", self.give_up_after_hours, 1, 24 * 30),
            ("digest_above", self.digest_above, 0, 100),
        ];
        for (key, value, least, most) in ranges {
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                report(key, format!("must be {least} to {most}"));
            }
        }
    }
}

impl ReadSink {
    async fn build(&self, secrets: &dyn Secrets, guard: Guard) -> Result<Configured, Vec<Problem>> {
        let mut fetched = BTreeMap::new();
        let mut problems = Vec::new();
        for (key, reference) in self.settings.secrets() {
            match secrets.fetch(reference).await {
                Ok(secret) => drop(fetched.insert(key, secret)),
                Err(error) => problems.push(Problem::new(key, &error.to_string())),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let parts = Parts {
            guard,
            secrets: &fetched,
        };
        let sink = self.settings.build(&parts).map_err(|p| vec![p])?;
        Ok(Configured {
            kind: self.kind.name,
            terms: Terms::of(self.kind, &self.common),
            sink,
        })
    }
}

impl Terms {
    fn of(kind: &SinkKind, common: &Common) -> Self {
        Self {
            min_interval: common
                .min_interval_ms
                .map_or(kind.min_interval, Duration::from_millis),
            concurrency: common
                .concurrency
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(kind.concurrency),
            timeout: Duration::from_secs(common.timeout_seconds.unwrap_or(15)),
            give_up_after: Duration::from_secs(3_600 * common.give_up_after_hours.unwrap_or(72)),
            digest_above: common
                .digest_above
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(20),
            send_resolved: common.send_resolved.unwrap_or(false),
        }
    }
}

impl Parts<'_> {
    /// A secret that [`Settings::secrets`] named.
    pub(super) fn secret(&self, key: &'static str) -> Result<&Secret, Problem> {
        self.secrets
            .get(key)
            .ok_or_else(|| Problem::new(key, "is missing"))
    }

    /// A secret that is an address.
    pub(super) fn secret_url(&self, key: &'static str) -> Result<Url, Problem> {
        self.url(key, self.secret(key)?.expose())
    }

    /// An address that sinks may have.
    pub(super) fn url(&self, key: &'static str, text: &str) -> Result<Url, Problem> {
        self.guard
            .url(text)
            .map_err(|refused| Problem::new(key, &refused.to_string()))
    }

    /// An address below another.
    pub(super) fn url_below(
        &self,
        key: &'static str,
        base: &str,
        path: &str,
    ) -> Result<Url, Problem> {
        self.url(key, &format!("{}/{path}", base.trim_end_matches('/')))
    }
}

impl Problem {
    /// A problem with the value of a key.
    pub(super) fn new(key: &'static str, message: &str) -> Self {
        let message = message.to_owned();
        Self { key, message }
    }
}

impl SinkSettings {
    /// Whether its messages have buttons, whose clicks somebody must take.
    pub fn has_buttons(&self) -> bool {
        self.0.get("buttons").and_then(Value::as_bool) == Some(true)
    }

    /// Whether its messages can mention somebody.
    pub fn mentions(&self) -> bool {
        self.0.get("type").and_then(Value::as_str) == Some("slack")
    }

    /// Who reads what this sink is told; for the word that it has as `type`.
    pub fn audience(&self) -> Audience {
        let word = self.0.get("type").and_then(Value::as_str);
        Audience::of(word.unwrap_or_default())
    }
}

impl fmt::Debug for SinkSettings {
    /// Shows keys only: a literal secret may have been put where a reference belongs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl fmt::Debug for Sinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.list.iter().map(|(name, sink)| (name, sink.kind));
        f.debug_map().entries(kinds).finish()
    }
}
