//! `[master]` of `dial.toml`: what it may say, and every problem that a file can have.

use crate::api::Caller;
use crate::enrolment::EnrolmentSettings;
use crate::message::links::Links;
use crate::routing::Routing;
use crate::routing::settings::{self, InhibitSettings, RouteSettings};
use crate::sign_in::SignInSettings;
use crate::sinks::guard::Guard;
use crate::sinks::{self, SinkSettings};
use crate::slack::SlackSettings;
use dial_aws::Location;
use dial_core::WorkerId;
use dial_core::catalogue::Catalogue;
use dial_core::config::Check;
use dial_core::secret::SecretRef;
use dial_core::store::token::Scope;
use dial_core::wire::MAX_FINDINGS;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Longest time that findings may be kept, days.
const MAX_RETENTION_DAYS: u32 = 3_650;
/// More than any worker needs; keeps the limiter's arithmetic in whole microseconds.
const MAX_PER_SECOND: u32 = 100_000;
/// Minutes after which a worker may count as silent.
const SILENT_AFTER: std::ops::RangeInclusive<u32> = 10..=10_080;
/// Two are live during a rotation; more is a mistake.
const MAX_ROOT_KEYS: usize = 8;

/// `[master]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Master {
    /// Address and port of `serve`.
    pub listen: Listen,
    /// Where people reach this master; for links in messages.
    pub base_url: Option<String>,
    /// `sqlite:/path` or `dynamodb:table`.
    pub store: StoreRef,
    /// Dead letters and large records: a folder or `s3://bucket/prefix`.
    pub bucket: String,
    /// Root keys by number; two during a rotation.
    pub root_keys: BTreeMap<String, SecretRef>,
    /// Who may read.
    pub tokens: Vec<TokenSettings>,
    /// Whether readers need a token.
    pub auth: Auth,
    /// How people sign in to the dashboard.
    pub sign_in: SignInSettings,
    /// The rules that the dashboard knows; set by whoever starts the master, never by the file.
    /// Absent = the catalogue beside the program.
    #[serde(skip)]
    pub catalogue: Option<Catalogue>,
    /// How long findings are kept.
    pub retention_days: u32,
    /// Where they go before they are forgotten; absent = nowhere.
    pub archive: Option<ArchiveSettings>,
    /// How many findings each worker may send.
    pub rate: RateSettings,
    /// How many requests each token may make.
    pub token_rate: TokenRateSettings,
    /// What is expected of the workers.
    pub workers: WorkerSettings,
    /// Workers (`account/region`) that may report native findings of other accounts.
    pub aggregators: BTreeSet<Signer>,
    /// Sinks by name.
    pub sinks: BTreeMap<String, SinkSettings>,
    /// The Slack app that takes clicks and commands.
    pub slack: Option<SlackSettings>,
    /// Which workers may fetch their keys; absent = none.
    pub enrolment: Option<EnrolmentSettings>,
    /// Which findings go to which sinks; absent = every finding to every sink.
    pub route: RouteSettings,
    /// Findings that mute others.
    pub inhibit: Vec<InhibitSettings>,
    /// Lets sinks have private and loopback addresses; for trials on one machine.
    pub dangerous_allow_private_sinks: bool,
}

/// `[[master.tokens]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// Who holds it; for the history.
    pub name: String,
    /// Where it lies.
    pub secret: SecretRef,
    /// What its holder may do.
    #[serde(default)]
    pub scope: Scope,
    /// When it ends.
    #[serde(default)]
    pub expires: Option<Timestamp>,
}

/// Whether readers need a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// They need one.
    #[default]
    Tokens,
    /// They need none; loopback only.
    None,
}

/// `[master.archive]`: findings go to the bucket before they are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveSettings {
    /// How long before.
    pub days_ahead: u32,
}

/// `[master.rate]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateSettings {
    /// Findings a second of one worker.
    pub per_second: u32,
    /// Findings above that at once.
    pub burst: u32,
}

/// `[master.token_rate]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenRateSettings {
    /// Requests a second of one token.
    pub per_second: u32,
    /// Requests above that at once.
    pub burst: u32,
}

/// `[master.workers]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerSettings {
    /// After as many minutes without a heartbeat a worker becomes a finding.
    pub silent_after_minutes: u32,
    /// Workers (`account/region`) that are missed even if they were never heard.
    pub expected: BTreeSet<Signer>,
}

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Listen(pub SocketAddr);

/// Which store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StoreRef {
    /// The embedded store, in this file.
    Sqlite(PathBuf),
    /// A table of DynamoDB.
    Dynamodb(String),
}

/// A worker, as configuration writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Signer(pub WorkerId);

impl TokenSettings {
    /// Who shows this token.
    pub fn caller(&self) -> Caller {
        Caller {
            name: self.name.clone(),
            scope: self.scope,
        }
    }
}

impl Default for Master {
    fn default() -> Self {
        Self {
            listen: Listen(SocketAddr::from(([127, 0, 0, 1], 8600))),
            base_url: None,
            store: StoreRef::Sqlite("dial.db".into()),
            bucket: "dial-bucket".into(),
            root_keys: BTreeMap::new(),
            tokens: Vec::new(),
            auth: Auth::default(),
            sign_in: SignInSettings::default(),
            catalogue: None,
            retention_days: 400,
            archive: None,
            rate: RateSettings::default(),
            token_rate: TokenRateSettings::default(),
            workers: WorkerSettings::default(),
            aggregators: BTreeSet::new(),
            sinks: BTreeMap::new(),
            slack: None,
            enrolment: None,
            route: RouteSettings::default(),
            inhibit: Vec::new(),
            dangerous_allow_private_sinks: false,
        }
    }
}

impl Default for ArchiveSettings {
    fn default() -> Self {
        Self { days_ahead: 7 }
    }
}

impl Default for RateSettings {
    fn default() -> Self {
        Self {
            per_second: 100,
            burst: 2_000,
        }
    }
}

impl Default for TokenRateSettings {
    fn default() -> Self {
        Self {
            per_second: 50,
            burst: 500,
        }
    }
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            silent_after_minutes: 30,
            expected: BTreeSet::new(),
        }
    }
}

impl Check for Master {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        self.check_keys(report);
        self.check_readers(report);
        self.sign_in.check(self, &mut |path, message| {
            report(&format!("sign_in.{path}"), message);
        });
        sinks::check(&self.sinks, self.guard(), report);
        self.check_slack(report);
        let names = self.sinks.keys().map(String::as_str).collect();
        let slack = self.sinks.iter().filter(|(_, sink)| sink.mentions());
        let slack = slack.map(|(name, _)| name.as_str()).collect();
        settings::check(&self.route, &self.inhibit, &names, &slack, report);
        if let Err(error) = self.bucket.parse::<Location>() {
            report("bucket", error.to_string());
        }
        let days = self.retention_days;
        if !(1..=MAX_RETENTION_DAYS).contains(&days) {
            let range = format!("use 1 to {MAX_RETENTION_DAYS} days");
            report("retention_days", format!("{days} is out of range; {range}"));
        }
        self.check_archive(report);
        self.check_rate(report);
        self.check_workers(report);
        if let Some(enrolment) = &self.enrolment {
            enrolment.check(&mut |path, message| report(&format!("enrolment.{path}"), message));
        }
        if let Err(message) = Links::new(self.base_url.as_deref()) {
            report("base_url", message);
        }
    }
}

impl Master {
    /// Who is told of what.
    pub fn routing(&self) -> Routing {
        let sinks = self.sinks.keys().cloned().collect();
        Routing::new(&self.route, &self.inhibit, sinks)
    }

    /// Which addresses the sinks may have.
    pub fn guard(&self) -> Guard {
        if self.dangerous_allow_private_sinks {
            Guard::Anything
        } else {
            Guard::Public
        }
    }

    /// The archive takes hours that no new finding can come into.
    fn check_archive(&self, report: &mut dyn FnMut(&str, String)) {
        let Some(ArchiveSettings { days_ahead }) = self.archive else {
            return;
        };
        if days_ahead == 0 || days_ahead >= self.retention_days {
            let days = self.retention_days;
            let range = format!("use at least 1 and less than retention_days, which is {days}");
            let message = format!("{days_ahead} is out of range; {range}");
            report("archive.days_ahead", message);
        }
    }

    fn check_keys(&self, report: &mut dyn FnMut(&str, String)) {
        if self.root_keys.is_empty() {
            let fix =
                "name one, such as root_keys = { 1 = \"file:root.key\" }, made by `dial keys new`";
            report(
                "root_keys",
                format!("without a root key no worker can be heard; {fix}"),
            );
        }
        if self.root_keys.len() > MAX_ROOT_KEYS {
            report("root_keys", format!("at most {MAX_ROOT_KEYS} may be live"));
        }
        for number in self.root_keys.keys() {
            if !is_number(number) {
                let message = "a root key's name is its number, 1 to 4294967295";
                report(&format!("root_keys.{number}"), message.into());
            }
        }
    }

    fn check_slack(&self, report: &mut dyn FnMut(&str, String)) {
        if let Some(slack) = &self.slack {
            return slack.check(self.guard(), report);
        }
        for (name, _) in self.sinks.iter().filter(|(_, sink)| sink.has_buttons()) {
            let message = "nobody would take the clicks; add [master.slack]";
            report(&format!("sinks.{name}.buttons"), message.into());
        }
    }

    fn check_readers(&self, report: &mut dyn FnMut(&str, String)) {
        match self.auth {
            Auth::None if !self.listen.0.ip().is_loopback() => report(
                "auth",
                format!(
                    "\"none\" is for loopback only, and listen is {}; name tokens",
                    self.listen.0
                ),
            ),
            Auth::None if !self.tokens.is_empty() => {
                report(
                    "auth",
                    "\"none\" and tokens exclude each other; remove one".into(),
                );
            }
            Auth::Tokens if self.tokens.is_empty() => {
                let fix =
                    "add [[master.tokens]] with name and secret, or auth = \"none\" on loopback";
                report("tokens", format!("nobody could read; {fix}"));
            }
            Auth::None | Auth::Tokens => {}
        }
        let mut names = BTreeSet::new();
        for (n, token) in self.tokens.iter().enumerate() {
            if token.name.is_empty() || token.name.len() > 64 {
                report(&format!("tokens.{n}.name"), "use 1 to 64 bytes".into());
            }
            if !names.insert(&token.name) {
                report(
                    &format!("tokens.{n}.name"),
                    "another token has this name".into(),
                );
            }
        }
    }

    fn check_rate(&self, report: &mut dyn FnMut(&str, String)) {
        let RateSettings { per_second, burst } = self.rate;
        if !(1..=MAX_PER_SECOND).contains(&per_second) {
            report(
                "rate.per_second",
                format!("use 1 to {MAX_PER_SECOND} findings a second"),
            );
        }
        if u32::try_from(MAX_FINDINGS).is_ok_and(|batch| burst < batch) {
            report(
                "rate.burst",
                format!("use at least {MAX_FINDINGS}, one full batch"),
            );
        }
    }
}

impl Master {
    fn check_workers(&self, report: &mut dyn FnMut(&str, String)) {
        let minutes = self.workers.silent_after_minutes;
        if !SILENT_AFTER.contains(&minutes) {
            let (least, most) = (SILENT_AFTER.start(), SILENT_AFTER.end());
            let fix = format!("use {least} to {most}; workers report every five minutes or so");
            report(
                "workers.silent_after_minutes",
                format!("{minutes} is out of range; {fix}"),
            );
        }
        let rate = self.token_rate;
        if !(1..=MAX_PER_SECOND).contains(&rate.per_second) {
            let message = format!("use 1 to {MAX_PER_SECOND} requests a second");
            report("token_rate.per_second", message);
        }
        if rate.burst == 0 {
            report("token_rate.burst", "use at least 1".into());
        }
    }
}

/// The one spelling that the `dial-key` header has too.
fn is_number(text: &str) -> bool {
    text.parse()
        .is_ok_and(|number: u32| number > 0 && number.to_string() == text)
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fix = || format!("`{text}` is no address; use one such as 127.0.0.1:8600");
        text.parse().map(Self).map_err(|_| fix())
    }
}

impl TryFrom<String> for StoreRef {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("dynamodb", table)) if is_table(table) => Ok(Self::Dynamodb(table.to_owned())),
            Some(("dynamodb", _)) => {
                Err("a table's name is 3 to 255 of a-z, A-Z, 0-9, `.`, `-` and `_`".into())
            }
            _ => Err("use sqlite:/path/to/file or dynamodb:table".into()),
        }
    }
}

/// Names as DynamoDB allows them.
fn is_table(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    (3..=255).contains(&name.len()) && name.bytes().all(fits)
}

impl TryFrom<String> for Signer {
    type Error = dial_core::worker_id::WorkerIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::config::section;

    fn read(text: &str) -> Result<Master, dial_core::config::Problems> {
        section("dial.toml", text, "master", [])
    }

    #[test]
    fn a_small_file_is_enough() {
        let text = "[master]\nroot_keys = { 1 = \"file:root.key\" }\n\n\
             [[master.tokens]]\nname = \"me\"\nsecret = \"env:TOKEN\"\n";
        let master = read(text).unwrap();
        assert_eq!(master.listen.0.to_string(), "127.0.0.1:8600");
        assert_eq!(master.store, StoreRef::Sqlite("dial.db".into()));
        assert_eq!(master.retention_days, 400);
        assert!(!format!("{master:?}").contains("whsec"));
    }

    #[test]
    fn a_full_file_is_read() {
        let text = "[master]\nlisten = \"0.0.0.0:443\"\nbase_url = \"https://dial.example.com\"\n\
             store = \"dynamodb:dial-findings\"\nbucket = \"s3://dial-letters/prod\"\n\
             root_keys = { 1 = \"secretsmanager:dial/root-1\", 2 = \"env:ROOT_2\" }\n\
             retention_days = 30\naggregators = [\"111122223333/eu-west-1\"]\n\
             rate = { per_second = 10, burst = 200 }\n\n\
             [[master.tokens]]\nname = \"soc\"\nsecret = \"file:/run/token\"\n\
             expires = \"2030-01-01T00:00:00Z\"\n";
        let master = read(text).unwrap();
        assert_eq!(master.store, StoreRef::Dynamodb("dial-findings".into()));
        assert_eq!(master.root_keys.len(), 2);
        assert!(master.tokens[0].expires.is_some());
    }

    #[test]
    fn every_problem_is_listed_with_its_fix() {
        let text = "[master]\nlisten = \"everywhere\"\nbase_url = \"dial.example.com\"\n\
             store = \"postgres:x\"\nbucket = \"https://x\"\nretention_days = 0\n\
             root_keys = { one = \"file:root.key\", 2 = \"whsec_literal\" }\n\
             auth = \"off\"\naggregators = [\"111122223333\"]\nretension = 3\n\
             rate = { per_second = 0, burst = 5 }\n\n\
             [[master.tokens]]\nname = \"\"\nsecret = \"env:A\"\n\n\
             [[master.tokens]]\nname = \"a\"\nsecret = \"hunter2\"\n\n\
             [master.sinks.chat]\ntype = \"slak\"\n";
        insta::assert_snapshot!(read(text).unwrap_err());
    }

    #[test]
    fn buttons_need_an_app_that_takes_their_clicks() {
        let base = "[master]\nroot_keys = { 1 = \"env:R\" }\nauth = \"none\"\n\n\
             [master.sinks.alerts]\ntype = \"slack\"\nbot_token = \"env:T\"\n\
             channel = \"C0123456789\"\nbuttons = true\n";
        let app = "\n[master.slack]\nsigning_secret = \"env:S\"\nbot_token = \"env:T\"\n\
             teams = [\"T0123456789\"]\n\n[master.slack.users]\n\
             U0123456789 = { name = \"analyst-1\", scope = \"analyst\" }\n";
        assert!(read(&format!("{base}{app}")).is_ok());
        let wrong = app.replace("scope", "scop").replace("teams", "team");
        let told = [read(base), read(&format!("{base}{wrong}"))];
        let told = told.map(|result| result.unwrap_err().to_string());
        insta::assert_snapshot!(told.join("\n\n"));
    }

    #[test]
    fn reading_without_tokens_is_for_loopback_only() {
        let root = "root_keys = { 1 = \"env:R\" }";
        let token = "[[master.tokens]]\nname = \"a\"\nsecret = \"env:A\"";
        let cases = [
            ("nothing", String::new(), false),
            ("loopback", "auth = \"none\"".into(), true),
            (
                "loopback 6",
                "auth = \"none\"\nlisten = \"[::1]:1\"".into(),
                true,
            ),
            (
                "everywhere",
                "auth = \"none\"\nlisten = \"0.0.0.0:1\"".into(),
                false,
            ),
            ("both", format!("auth = \"none\"\n{token}"), false),
            ("token twice", format!("{token}\n{token}"), false),
        ];
        for (name, text, good) in cases {
            let result = read(&format!("[master]\n{root}\n{text}\n"));
            assert_eq!(result.is_ok(), good, "{name}: {result:?}");
        }
        insta::assert_snapshot!(read("[master]\n").unwrap_err());
    }
}
