//! AbuseIPDB: what others report of an address, asked after the rules matched.

mod memory;

use crate::config::AbuseIpdb as Settings;
use async_trait::async_trait;
use dial_core::finding::Reputation;
use dial_core::ports::{IpReputation, Secrets};
use dial_core::{Finding, Secret};
use memory::Memory;
use reqwest::header::ACCEPT;
use reqwest::{Client, Response, Url};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// Where the service answers (API v2).
pub const ENDPOINT: &str = "https://api.abuseipdb.com/api/v2/check";
/// Name of the list, as findings show it.
const LIST: &str = "AbuseIPDB";
/// Most bytes read of an answer; without reports it is below 1 KB.
const MAX_ANSWER: usize = 64 * 1024;

/// Asks AbuseIPDB, remembers the answers, keeps a budget.
pub struct AbuseIpdb {
    settings: Settings,
    endpoint: Url,
    secrets: Arc<dyn Secrets>,
    memory: Mutex<Memory>,
    door: OnceCell<(Client, Secret)>,
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    abuse_confidence_score: u8,
}

impl AbuseIpdb {
    /// Prepares to ask `endpoint`; fetches the key with the first question.
    pub fn new(settings: Settings, endpoint: Url, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            memory: Mutex::new(Memory::new(settings.budget_per_minute)),
            settings,
            endpoint,
            secrets,
            door: OnceCell::new(),
        }
    }

    fn memory<T>(&self, with: impl FnOnce(&mut Memory) -> T) -> T {
        // Nothing is left half done in there, so a poisoned lock is as good as any.
        with(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn ask(&self, address: IpAddr) -> Result<Option<Reputation>, String> {
        let (client, key) = self.door.get_or_try_init(|| self.open()).await?;
        let mut url = self.endpoint.clone();
        url.query_pairs_mut()
            .append_pair("ipAddress", &address.to_string())
            .append_pair("maxAgeInDays", &self.settings.max_age_days.to_string());
        let response = client
            .get(url)
            .header("Key", key.expose())
            .header(ACCEPT, "application/json")
            .send()
            .await
            .map_err(|e| e.without_url().to_string())?;
        let score = score(response).await?;
        Ok((score >= self.settings.min_score).then(|| Reputation {
            list: LIST.into(),
            category: format!("abuse score {score}"),
        }))
    }

    async fn open(&self) -> Result<(Client, Secret), String> {
        let key = self.secrets.fetch(&self.settings.key).await;
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("dial-worker/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok((
            client.map_err(|e| e.to_string())?,
            key.map_err(|e| e.to_string())?,
        ))
    }
}

#[async_trait]
impl IpReputation for AbuseIpdb {
    async fn check(&self, address: IpAddr) -> Result<Option<Reputation>, String> {
        let address = address.to_canonical();
        let now = Instant::now();
        if let Some(known) = self.memory(|memory| memory.recall(address, now)) {
            return Ok(known.0);
        }
        if !self.memory(|memory| memory.spend(now)) {
            return Err(format!(
                "abuseipdb: budget of {} a minute is spent",
                self.settings.budget_per_minute
            ));
        }
        let limit = Duration::from_millis(self.settings.timeout_ms);
        let answer = tokio::time::timeout(limit, self.ask(address)).await;
        let answer =
            answer.unwrap_or_else(|_| Err(format!("no answer in {} ms", limit.as_millis())));
        let answer = answer.map_err(|reason| format!("abuseipdb: {reason}"))?;
        self.memory(|memory| memory.keep(address, answer.clone(), now));
        Ok(answer)
    }
}

async fn score(mut response: Response) -> Result<u8, String> {
    if response.status() != reqwest::StatusCode::OK {
        return Err(format!("HTTP status {}", response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|e| e.without_url().to_string())?
    {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
            return Err(format!("answer is larger than {MAX_ANSWER} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| "answer has no score")?;
    Ok(answer.data.abuse_confidence_score)
}

/// Adds what is said of each finding's address; the id, the rule and the severity stay as they are.
///
/// Ends at `budget` at the latest: what was not answered by then is marked incomplete.
pub async fn annotate(findings: &mut [Finding], port: &dyn IpReputation, budget: Duration) {
    let mut answers = BTreeMap::new();
    let end = tokio::time::Instant::now() + budget;
    // Questions are dear, and of a suppressed finding nobody is told.
    for finding in findings.iter_mut().filter(|f| f.suppressed.is_none()) {
        let Some(address) = public_address(finding) else {
            continue;
        };
        let answer = match answers.entry(address) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let answer = tokio::time::timeout_at(end, port.check(address)).await;
                let late = || Err("abuseipdb: no time left to ask".into());
                unknown.insert(answer.unwrap_or_else(|_| late()))
            }
        };
        match answer {
            Ok(Some(reputation)) => finding.source.reputation.push(reputation.clone()),
            Err(reason) => finding.incomplete.push(reason.clone()),
            Ok(None) => {}
        }
    }
}

/// An address that others can have met: not a service name, not private, not our own.
fn public_address(finding: &Finding) -> Option<IpAddr> {
    let address: IpAddr = finding.source.ip.as_deref()?.parse().ok()?;
    let address = address.to_canonical();
    let reserved = match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            shared
                || v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
    };
    (!reserved).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::finding;
    use dial_core::secret::{SecretError, SecretRef};
    use serde_json::json;
    use wiremock::matchers::{header, method, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    struct Fixed;

    #[async_trait]
    impl Secrets for Fixed {
        async fn fetch(&self, _: &SecretRef) -> Result<Secret, SecretError> {
            Ok(Secret::new("api-key"))
        }
    }

    fn port(server: &MockServer, budget_per_minute: u32) -> AbuseIpdb {
        let settings = Settings {
            key: SecretRef::Env("X".into()),
            max_age_days: 30,
            min_score: 50,
            budget_per_minute,
            timeout_ms: 200,
        };
        AbuseIpdb::new(settings, server.uri().parse().unwrap(), Arc::new(Fixed))
    }

    async fn server(answer: ResponseTemplate) -> MockServer {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .and(header("Key", "api-key"))
            .and(query_param("maxAgeInDays", "30"))
            .respond_with(answer)
            .mount(&server)
            .await;
        server
    }

    fn scored(score: u32) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(json!({"data": {"abuseConfidenceScore": score}}))
    }

    fn from(ip: &str) -> Finding {
        let mut finding = finding("111122223333", "eu-west-1", "e", "");
        finding.source.ip = Some(ip.into());
        finding
    }

    #[tokio::test]
    async fn an_answer_becomes_context_and_changes_nothing_else() {
        let server = server(scored(97)).await;
        let mut findings = [
            from("203.0.113.7"),
            from("203.0.113.7"),
            from("10.0.0.1"),
            from("ec2.amazonaws.com"),
        ];
        let before = findings.clone();
        annotate(&mut findings, &port(&server, 10), Duration::from_secs(5)).await;
        let expected = Reputation {
            list: "AbuseIPDB".into(),
            category: "abuse score 97".into(),
        };
        assert_eq!(findings[0].source.reputation, vec![expected]);
        assert_eq!(findings[1].source.reputation, findings[0].source.reputation);
        assert_eq!(findings[2..], before[2..]);
        findings[0].source.reputation.clear();
        assert_eq!(findings[0], before[0]);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn failures_mark_the_finding_and_block_nothing() {
        let cases = [
            (
                "503",
                ResponseTemplate::new(503),
                "abuseipdb: HTTP status 503",
            ),
            (
                "429",
                ResponseTemplate::new(429),
                "abuseipdb: HTTP status 429",
            ),
            (
                "no score",
                ResponseTemplate::new(200).set_body_string("{}"),
                "abuseipdb: answer has no score",
            ),
            (
                "score of 300",
                scored(300),
                "abuseipdb: answer has no score",
            ),
            (
                "huge",
                ResponseTemplate::new(200).set_body_string(" ".repeat(100_000)),
                "abuseipdb: answer is larger than 65536 bytes",
            ),
            (
                "hang",
                scored(97).set_delay(Duration::from_mins(1)),
                "abuseipdb: no answer in 200 ms",
            ),
        ];
        for (name, answer, expected) in cases {
            let server = server(answer).await;
            let mut findings = [from("203.0.113.7")];
            annotate(&mut findings, &port(&server, 10), Duration::from_secs(5)).await;
            assert_eq!(findings[0].incomplete, [expected], "{name}");
        }
    }

    #[tokio::test]
    async fn low_scores_say_nothing_and_the_budget_holds() {
        let server = server(scored(49)).await;
        let mut findings = [
            from("203.0.113.7"),
            from("203.0.113.8"),
            from("::ffff:203.0.113.7"),
        ];
        annotate(&mut findings, &port(&server, 1), Duration::from_secs(5)).await;
        assert!(findings.iter().all(|f| f.source.reputation.is_empty()));
        assert_eq!(
            findings[1].incomplete,
            ["abuseipdb: budget of 1 a minute is spent"]
        );
        assert!(findings[2].incomplete.is_empty());
    }

    #[test]
    fn only_public_addresses_are_asked_about() {
        let cases = [
            ("203.0.113.7", true),
            ("2001:db8::1", true),
            ("::ffff:203.0.113.7", true),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("::1", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("AWS Internal", false),
            ("", false),
        ];
        for (ip, expected) in cases {
            assert_eq!(public_address(&from(ip)).is_some(), expected, "{ip}");
        }
    }
}
