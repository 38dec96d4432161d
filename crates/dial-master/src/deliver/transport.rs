//! Performs a sink's calls over HTTP: no redirects, no proxies, bounded answers, guarded names.

use crate::sinks::guard::{Guard, Refused};
use crate::sinks::{Call, Reply, Step, Via};
use async_trait::async_trait;
use dial_core::ports::SignError;
use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Most bytes of an answer that are read; a page of Slack messages fits.
const MAX_REPLY: usize = 2 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The address is not one that sinks may have.
    #[error("address {0}")]
    Refused(#[from] Refused),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// No connection came about; never holds the URL.
    #[error("{0}")]
    Unreached(String),
    /// HTTP failed on a connection, or a file could not be written; never holds the URL.
    #[error("{0}")]
    Failed(String),
    /// It could not be signed, so it never left.
    #[error("cannot sign the request: {0}")]
    Unsigned(#[from] SignError),
}

impl TransportError {
    /// Whether the other side may have got the call all the same.
    pub(super) fn may_have_arrived(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Failed(_))
    }

    /// What it means for the attempt: a role that may not be assumed needs a person, and must not
    /// slow down what goes out as other roles; anything else may pass.
    pub(super) fn step(&self) -> Step {
        match self {
            Self::Unsigned(SignError::Denied(_)) => Step::Fail(self.to_string()),
            _ => Step::Retry {
                after: None,
                reason: self.to_string(),
            },
        }
    }
}

/// Performs calls.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a call and reads its answer within `timeout`.
    async fn perform(&self, call: Call, timeout: Duration) -> Result<Reply, TransportError>;
}

/// The real one.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    guard: Guard,
    skew: Arc<Mutex<Option<SignedDuration>>>,
}

impl Http {
    /// A client that reaches only addresses that the guard allows.
    pub fn new(guard: Guard) -> Result<Self, TransportError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("dial/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            // A proxy from the environment would resolve names where the guard cannot see.
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_resolver(Arc::new(Guarded { guard }))
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self {
            client,
            guard,
            skew: Arc::default(),
        })
    }

    /// How far other clocks are ahead of ours, as their answers said: the least difference seen,
    /// for one clock that agrees with ours is enough. `None` before the first answer.
    pub fn skew(&self) -> Option<SignedDuration> {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn_time(&self, headers: &HeaderMap, now: Timestamp) {
        let Some(skew) = skew(headers, now) else {
            return;
        };
        let mut least = self.skew.lock().unwrap_or_else(PoisonError::into_inner);
        if least.is_none_or(|least| skew.abs() < least.abs()) {
            *least = Some(skew);
        }
    }

    async fn exchange(&self, call: Call) -> Result<Reply, reqwest::Error> {
        let request = self.client.request(call.method, call.url);
        let mut response = request.headers(call.headers).body(call.body).send().await?;
        self.learn_time(response.headers(), Timestamp::now());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            let room = MAX_REPLY.saturating_sub(body.len());
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if body.len() >= MAX_REPLY {
                break;
            }
        }
        Ok(Reply {
            step: call.step,
            status: response.status().as_u16(),
            retry_after: retry_after(response.headers(), Timestamp::now()),
            body,
        })
    }
}

#[async_trait]
impl Transport for Http {
    async fn perform(&self, call: Call, timeout: Duration) -> Result<Reply, TransportError> {
        self.guard.check(&call.url)?;
        if call.via != Via::Http {
            let reason = "this transport knows HTTP alone";
            return Err(TransportError::Failed(reason.to_owned()));
        }
        match tokio::time::timeout(timeout, self.exchange(call)).await {
            Ok(result) => result.map_err(|error| failed(&error)),
            Err(_) => Err(TransportError::Timeout(timeout)),
        }
    }
}

/// Says what went wrong without the URL, which may be a secret.
fn failed(error: &reqwest::Error) -> TransportError {
    let mut deepest = error.source();
    while let Some(next) = deepest.and_then(std::error::Error::source) {
        deepest = Some(next);
    }
    let said = |what: &str| match deepest {
        Some(cause) => format!("{what}: {cause}"),
        None => what.to_owned(),
    };
    if error.is_connect() {
        TransportError::Unreached(said("cannot connect"))
    } else {
        TransportError::Failed(said("request failed"))
    }
}

/// How far the clock of an answer is ahead; HTTP tells whole seconds.
fn skew(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    let at = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(at.duration_since(now))
}

/// Seconds or an HTTP date, as time from `now` on.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

/// Resolves names and keeps only the addresses that sinks may have, so that a name cannot be
/// moved inside after it was checked.
struct Guarded {
    guard: Guard,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.guard;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(allowed(guard, found.collect())?)
        })
    }
}

fn allowed(guard: Guard, found: Vec<SocketAddr>) -> Result<Addrs, Refused> {
    let first = found.first().map(ToString::to_string).unwrap_or_default();
    let kept: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| guard.allows(address.ip()))
        .collect();
    if kept.is_empty() {
        return Err(Refused::Private(first));
    }
    Ok(Box::new(kept.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::Url;
    use wiremock::matchers::{body_string, header as sent_header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    const SOON: Duration = Duration::from_secs(20);

    fn call(server: &MockServer, path: &str) -> Call {
        let url = Url::parse(&format!("{}{path}", server.uri())).unwrap();
        Call::post("post", &url, b"{}".to_vec())
    }

    async fn answering(template: ResponseTemplate) -> MockServer {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(template)
            .mount(&server)
            .await;
        server
    }

    #[tokio::test]
    async fn a_call_goes_out_and_its_answer_comes_back() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/hook"))
            .and(sent_header(
                "content-type",
                "application/json; charset=utf-8",
            ))
            .and(body_string("{}"))
            .respond_with(
                ResponseTemplate::new(429)
                    .insert_header("retry-after", "7")
                    .set_body_string("slow down"),
            )
            .mount(&server)
            .await;
        let http = Http::new(Guard::Anything).unwrap();
        let reply = http.perform(call(&server, "/hook"), SOON).await.unwrap();
        assert_eq!(
            (reply.step, reply.status, reply.body.as_slice()),
            ("post", 429, &b"slow down"[..])
        );
        assert_eq!(reply.retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn the_least_difference_between_clocks_is_kept() {
        let http = Http::new(Guard::Public).unwrap();
        let now: Timestamp = "2026-05-01T10:00:00Z".parse().unwrap();
        let cases = [
            ("no date", "", None),
            ("far ahead", "Fri, 01 May 2026 11:00:00 GMT", Some(3_600)),
            ("no date again", "yesterday", Some(3_600)),
            ("a little behind", "Fri, 01 May 2026 09:59:58 GMT", Some(-2)),
            ("farther", "Fri, 01 May 2026 10:00:03 GMT", Some(-2)),
        ];
        for (name, date, expected) in cases {
            let headers = HeaderMap::from_iter([(header::DATE, date.parse().unwrap())]);
            http.learn_time(&headers, now);
            let seconds = http.skew().map(|skew| skew.as_secs());
            assert_eq!(seconds, expected, "{name}");
        }
    }

    #[tokio::test]
    async fn redirects_are_answers() {
        let elsewhere = answering(ResponseTemplate::new(200)).await;
        let moved = ResponseTemplate::new(307).insert_header("location", elsewhere.uri());
        let server = answering(moved).await;
        let http = Http::new(Guard::Anything).unwrap();
        let reply = http.perform(call(&server, "/"), SOON).await.unwrap();
        assert_eq!(reply.status, 307);
        assert!(elsewhere.received_requests().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_long_answer_is_cut() {
        let server =
            answering(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 5 * 1024 * 1024])).await;
        let http = Http::new(Guard::Anything).unwrap();
        let reply = http.perform(call(&server, "/"), SOON).await.unwrap();
        assert_eq!(reply.body.len(), MAX_REPLY);
    }

    #[tokio::test]
    async fn a_hanging_side_is_not_waited_for() {
        let server = answering(ResponseTemplate::new(200).set_delay(Duration::from_mins(10))).await;
        let http = Http::new(Guard::Anything).unwrap();
        let error = http
            .perform(call(&server, "/sEcReT"), Duration::from_millis(50))
            .await
            .unwrap_err();
        assert!(matches!(error, TransportError::Timeout(_)), "{error}");
    }

    #[tokio::test]
    async fn a_dead_side_is_named_without_the_secret_address() {
        let http = Http::new(Guard::Anything).unwrap();
        // Port 1 is never served.
        let url = Url::parse("http://127.0.0.1:1/services/sEcReT").unwrap();
        let dead = Call::post("post", &url, Vec::new());
        let text = http.perform(dead, SOON).await.unwrap_err().to_string();
        assert!(text.starts_with("cannot connect: "), "{text}");
        assert!(!text.contains("sEcReT"), "{text}");
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_when_it_is_resolved() {
        let server = answering(ResponseTemplate::new(200)).await;
        let port = server.address().port();
        // The guard of URLs knows this name; a rebinding one gets as far as the resolver.
        let resolver = Guarded {
            guard: Guard::Public,
        };
        let refused = resolver.resolve("localhost".parse().unwrap()).await;
        assert!(refused.is_err_and(|error| error.to_string().contains("not public")));
        let client = reqwest::Client::builder()
            .no_proxy()
            .dns_resolver(Arc::new(Guarded {
                guard: Guard::Public,
            }))
            .build()
            .unwrap();
        let http = Http {
            client,
            guard: Guard::Anything,
            skew: Arc::default(),
        };
        let url = Url::parse(&format!("http://localhost:{port}/")).unwrap();
        let error = http
            .perform(Call::post("post", &url, Vec::new()), SOON)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("not public"), "{error}");
        assert!(server.received_requests().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_literal_address_inside_is_refused_before_anything_is_sent() {
        let server = answering(ResponseTemplate::new(200)).await;
        let http = Http::new(Guard::Public).unwrap();
        let error = http.perform(call(&server, "/"), SOON).await.unwrap_err();
        assert!(matches!(error, TransportError::Refused(_)), "{error}");
        assert!(server.received_requests().await.unwrap().is_empty());
    }

    #[test]
    fn mixed_answers_of_a_resolver_keep_their_public_part() {
        let list = |text: &[&str]| {
            text.iter()
                .map(|t| t.parse().unwrap())
                .collect::<Vec<SocketAddr>>()
        };
        let kept = allowed(Guard::Public, list(&["10.0.0.1:0", "8.8.8.8:0", "[::1]:0"])).unwrap();
        assert_eq!(kept.collect::<Vec<_>>(), list(&["8.8.8.8:0"]));
        assert!(allowed(Guard::Public, list(&["10.0.0.1:0"])).is_err());
        assert!(allowed(Guard::Public, Vec::new()).is_err());
        assert_eq!(
            allowed(Guard::Anything, list(&["10.0.0.1:0"]))
                .unwrap()
                .count(),
            1
        );
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = "2026-05-01T10:00:00Z".parse().unwrap();
        let cases = [
            ("30", Some(30)),
            (" 0 ", Some(0)),
            ("Fri, 01 May 2026 10:01:00 GMT", Some(60)),
            ("Fri, 01 May 2026 09:00:00 GMT", Some(0)),
            ("99999999999999999999", None),
            ("-5", None),
            ("soon", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(&headers, now), expected, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
