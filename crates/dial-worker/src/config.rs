//! The `[worker]` section of `dial.toml`.

use dial_core::config::Check;
use dial_core::key::KeyId;
use dial_core::secret::SecretRef;
use dial_core::{AccountId, Region};
use reqwest::Url;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// Configuration of a worker; secrets by reference, unknown keys refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// Base URL of the master, such as `https://abc.execute-api.eu-west-1.amazonaws.com`.
    #[serde(default)]
    pub master_url: String,
    /// Send to a master that is not on this machine without TLS.
    #[serde(default)]
    pub dangerous_allow_http: bool,
    /// Where this worker's key lies.
    #[serde(default)]
    pub key: Option<SecretRef>,
    /// Get the key from the master, by proof of the account, instead of having one.
    #[serde(default)]
    pub enrol: bool,
    /// Which root key made it, and until when: `<root key number>/<not-after>`.
    #[serde(default = "first_key", deserialize_with = "key_id")]
    pub key_id: KeyId,
    /// Account that the worker runs in and its key is for.
    #[serde(default, deserialize_with = "account")]
    pub account: Option<AccountId>,
    /// Region that the worker runs in and its key is for; else `AWS_REGION`.
    #[serde(default)]
    pub region: Option<Region>,
    /// Where dead letters go: `s3://bucket/prefix` or a folder.
    #[serde(default)]
    pub bucket: Option<String>,
    /// The event patterns that are deployed, as `dial rules patterns --format json` wrote them: a
    /// file of the package or `s3://bucket/key`.
    #[serde(default)]
    pub patterns: Option<String>,
    /// Longest single attempt to reach the master, seconds.
    #[serde(default = "ten")]
    pub timeout_seconds: u64,
    /// What is detected and how.
    #[serde(default)]
    pub detect: dial_detect::settings::Settings,
    /// Opinion of AbuseIPDB on the addresses of findings.
    #[serde(default)]
    pub abuseipdb: Option<AbuseIpdb>,
}

/// How AbuseIPDB is asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbuseIpdb {
    /// Where the API key lies.
    pub key: SecretRef,
    /// Reports older than this do not count, days; 1 to 365.
    #[serde(default = "ninety")]
    pub max_age_days: u16,
    /// Lowest score that is worth showing; 0 to 100.
    #[serde(default = "twenty_five")]
    pub min_score: u8,
    /// Most questions a minute.
    #[serde(default = "ten_questions")]
    pub budget_per_minute: u32,
    /// Longest wait for one answer, milliseconds.
    #[serde(default = "two_seconds")]
    pub timeout_ms: u64,
}

impl Check for Worker {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        self.check_master(report);
        self.check_key(report);
        if self.account.is_none() {
            report(
                "account",
                "missing; give the twelve digits of the worker's account".into(),
            );
        }
        match self.bucket.as_deref().map(str::parse::<dial_aws::Location>) {
            None => report(
                "bucket",
                "missing; give s3://bucket/prefix or a folder for dead letters".into(),
            ),
            Some(Err(error)) => report("bucket", error.to_string()),
            Some(Ok(_)) => {}
        }
        let patterns = self.patterns.as_deref();
        if let Some(Err(error)) = patterns.map(str::parse::<dial_aws::Location>) {
            report("patterns", error.to_string());
        }
        if !(1..=30).contains(&self.timeout_seconds) {
            report(
                "timeout_seconds",
                format!("{} is out of range; use 1 to 30", self.timeout_seconds),
            );
        }
        self.detect
            .check(&mut |path, message| report(&format!("detect.{path}"), message));
        if let Some(abuseipdb) = &self.abuseipdb {
            abuseipdb.check(&mut |path, message| report(&format!("abuseipdb.{path}"), message));
        }
    }
}

impl Worker {
    fn check_key(&self, report: &mut dyn FnMut(&str, String)) {
        match (&self.key, self.enrol) {
            (None, false) => report("key", "missing; make one with `dial keys derive` and give it as env:NAME, file:/path, secretsmanager:<arn> or ssm:<arn>, or set enrol = true".into()),
            (Some(_), true) => report("enrol", "a worker has a key or enrols for one; remove key, or enrol".into()),
            (None, true) => {
                let url = Url::parse(&self.master_url).ok();
                if url.is_some_and(|url| url.scheme() == "http" && !is_loopback(&url)) {
                    report("enrol", "needs https, dangerous_allow_http or not: the answer holds a key".into());
                }
            }
            (Some(_), false) => {}
        }
    }

    fn check_master(&self, report: &mut dyn FnMut(&str, String)) {
        if self.master_url.is_empty() {
            return report("master_url", "missing; give the URL of the master".into());
        }
        match Url::parse(&self.master_url) {
            Err(error) => report("master_url", format!("is no URL: {error}")),
            Ok(url) => {
                if let Err(message) = acceptable(&url, self.dangerous_allow_http) {
                    report("master_url", message);
                }
            }
        }
    }
}

/// Whether findings may be sent there; the error says what to change.
///
/// Findings are signed, not encrypted: without TLS everybody on the way reads them.
pub fn acceptable(url: &Url, allow_http: bool) -> Result<(), String> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a query or fragment".into());
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if allow_http || is_loopback(url) => Ok(()),
        "http" => {
            Err("findings would travel unencrypted; use https, or set dangerous_allow_http".into())
        }
        other => Err(format!("has scheme `{other}`; use https")),
    }
}

/// Whether a URL leads to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl AbuseIpdb {
    fn check(&self, report: &mut dyn FnMut(&str, String)) {
        if !(1..=365).contains(&self.max_age_days) {
            report(
                "max_age_days",
                format!("{} is out of range; use 1 to 365", self.max_age_days),
            );
        }
        if self.min_score > 100 {
            report(
                "min_score",
                format!("{} is out of range; use 0 to 100", self.min_score),
            );
        }
        if !(1..=10_000).contains(&self.timeout_ms) {
            report(
                "timeout_ms",
                format!("{} is out of range; use 1 to 10000", self.timeout_ms),
            );
        }
    }
}

fn first_key() -> KeyId {
    KeyId {
        root: 1,
        not_after: 0,
    }
}

fn ten() -> u64 {
    10
}

fn ninety() -> u16 {
    90
}

fn twenty_five() -> u8 {
    25
}

fn ten_questions() -> u32 {
    10
}

fn two_seconds() -> u64 {
    2_000
}

fn key_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KeyId, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}

/// An account may come as a number: that is how an override from the environment is read.
fn account<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AccountId>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Digits {
        Text(String),
        Number(u64),
    }
    let text = match Digits::deserialize(deserializer)? {
        Digits::Text(text) => text,
        Digits::Number(number) => number.to_string(),
    };
    AccountId::parse(&text).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::config::{Problems, section};

    const GOOD: &str = r#"
[worker]
master_url = "https://dial.example.com/prod"
key = "env:DIAL_WORKER_KEY"
key_id = "2/1900000000"
account = "111122223333"
region = "eu-west-1"
bucket = "s3://dial-dead-letters/worker"

[worker.abuseipdb]
key = "file:/run/abuseipdb"
"#;

    fn read(text: &str, env: &[(&str, &str)]) -> Result<Worker, Problems> {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        section("dial.toml", text, "worker", env)
    }

    #[test]
    fn a_complete_section_is_read() {
        let worker = read(GOOD, &[]).unwrap();
        assert_eq!(worker.key_id.to_string(), "2/1900000000");
        assert_eq!(worker.abuseipdb.unwrap().max_age_days, 90);
    }

    #[test]
    fn the_environment_alone_is_enough() {
        let env = [
            ("DIAL__WORKER__MASTER_URL", "https://dial.example.com"),
            ("DIAL__WORKER__KEY", "env:K"),
            ("DIAL__WORKER__ACCOUNT", "111122223333"),
            ("DIAL__WORKER__BUCKET", "/var/dial"),
        ];
        let worker = read("", &env).unwrap();
        assert_eq!(worker.account.unwrap().as_str(), "111122223333");
        assert_eq!(worker.key_id.to_string(), "1/0");
    }

    #[test]
    fn every_problem_is_listed_at_once() {
        let text = r#"
[worker]
master_url = "http://dial.example.com"
key = "whsec_oops"
key_id = "01/0"
account = "11112222333"
region = "EU"
bucket = "gs://x"
timeout_seconds = 0
colour = "red"

[worker.abuseipdb]
key = "env:A"
max_age_days = 0
min_score = 101
timeout_ms = 0
"#;
        insta::assert_snapshot!(read(text, &[]).unwrap_err());
        insta::assert_snapshot!(read("", &[]).unwrap_err());
    }

    #[test]
    fn a_worker_has_a_key_or_enrols_for_one() {
        let base = "[worker]\naccount = \"111122223333\"\nbucket = \"/x\"\n";
        let cases = [
            ("enrols", "enrol = true", "https://dial.example.com", None),
            (
                "both",
                "enrol = true\nkey = \"env:K\"",
                "https://dial.example.com",
                Some("worker.enrol"),
            ),
            (
                "neither",
                "enrol = false",
                "https://dial.example.com",
                Some("worker.key"),
            ),
            ("loopback", "enrol = true", "http://127.0.0.1:8600", None),
            (
                "in the clear",
                "enrol = true\ndangerous_allow_http = true",
                "http://dial.example.com",
                Some("worker.enrol"),
            ),
        ];
        for (name, lines, url, expected) in cases {
            let text = format!("{base}{lines}\nmaster_url = {url:?}\n");
            let result = read(&text, &[]);
            let paths = result.as_ref().err().map(|p| p.list[0].path.as_str());
            assert_eq!(paths, expected, "{name}: {result:?}");
        }
    }

    #[test]
    fn only_urls_that_keep_findings_private_are_taken() {
        let cases = [
            ("https://dial.example.com", true),
            ("https://dial.example.com:8443/prod", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://localhost:8080", true),
            ("http://dial.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("https://user:pw@dial.example.com", false),
            ("https://dial.example.com?x=1", false),
            ("ftp://dial.example.com", false),
        ];
        for (url, good) in cases {
            let parsed = Url::parse(url).unwrap();
            assert_eq!(acceptable(&parsed, false).is_ok(), good, "{url}");
        }
        let plain = Url::parse("http://dial.example.com").unwrap();
        assert!(acceptable(&plain, true).is_ok());
    }
}
