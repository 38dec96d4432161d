//! Every service that is reached over HTTP, from the row to its request and back.

use super::real::{Named, expiry};
use super::{OtherSide, Plain, Rows, base, deliverer, finding, sinks};
use crate::deliver::{Deliverer, Tally, transport::Http};
use crate::message::links::Links;
use crate::sinks::guard::Guard;
use crate::sinks::{Configured, HealthState, Job, Reply, Sink, SinkSettings, Sinks, Step};
use crate::store::Sqlite;
use crate::watch::Watch;
use dial_core::store::{Acceptance, Delivery, DeliveryState, Store};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use wiremock::matchers::{body_string_contains, header, header_exists, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn settings(url: &str) -> BTreeMap<String, SinkSettings> {
    let key = "0123456789abcdef0123456789abcdef";
    let text = format!(
        "[chat]\ntype = 'google_chat'\nwebhook_url = 'env:{url}/chat/messages?key=k&token=t'\n\
         [hive4]\ntype = 'thehive'\nversion = 4\nurl = '{url}/hive'\napi_key = 'env:key'\n\
         [jira]\ntype = 'jira'\nurl = '{url}/jira'\nemail = 'bot@example.org'\n\
         api_token = 'env:key'\nproject = 'SEC'\n\
         [pager]\ntype = 'pagerduty'\nrouting_key = 'env:{key}'\napi_url = '{url}/pager'\n\
         [search]\ntype = 'opensearch'\nurl = '{url}/search'\nindex = 'dial'\n\
         api_key = 'env:key'\n\
         [splunk]\ntype = 'splunk'\nurl = '{url}/splunk'\ntoken = 'env:key'\n\
         [teams]\ntype = 'teams'\nwebhook_url = 'env:{url}/teams'\n"
    );
    toml::from_str(&text).unwrap()
}

async fn answer(server: &MockServer, verb: &str, at: &str, status: u16, body: &Value) {
    let template = ResponseTemplate::new(status).set_body_json(body);
    let mock = Mock::given(method(verb)).and(path(at));
    mock.respond_with(template).mount(server).await;
}

/// Answers as the services do when all is well.
async fn services() -> MockServer {
    let server = MockServer::start().await;
    let post = [
        (
            "/chat/messages",
            200,
            json!({"name": "spaces/A/messages/1"}),
        ),
        ("/hive/api/alert", 201, json!({"_id": "~1", "id": "~1"})),
        ("/jira/rest/api/3/search/jql", 200, json!({"issues": []})),
        (
            "/jira/rest/api/3/issue",
            201,
            json!({"id": "1", "key": "SEC-1"}),
        ),
        ("/pager/v2/enqueue", 202, json!({"status": "success"})),
    ];
    for (at, status, body) in post {
        answer(&server, "POST", at, status, &body).await;
    }
    let item = json!({"errors": false, "items": [{"create": {"status": 201}}]});
    Mock::given(path("/search/dial/_bulk"))
        .and(header("content-type", "application/x-ndjson"))
        .and(header("authorization", "ApiKey key"))
        .respond_with(ResponseTemplate::new(200).set_body_json(item))
        .mount(&server)
        .await;
    Mock::given(path("/splunk/services/collector/event"))
        .and(header("authorization", "Splunk key"))
        .and(body_string_contains("dial:finding"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"text": "ok", "code": 0})))
        .mount(&server)
        .await;
    Mock::given(path("/teams"))
        .and(header_exists("content-type"))
        .respond_with(ResponseTemplate::new(202))
        .mount(&server)
        .await;
    server
}

async fn bed(server: &MockServer) -> (tempfile::TempDir, Arc<Sqlite>, Deliverer) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::open(&folder.path().join("dial.db")).unwrap());
    let settings = settings(&server.uri());
    let sinks = Sinks::build(&settings, &Named, Guard::Anything)
        .await
        .unwrap();
    let acceptance = Acceptance {
        finding: finding(0),
        sinks: sinks.names(),
        received_at: base(),
        expires_at: expiry(),
        sender: "111122223333/eu-west-1".into(),
    };
    store.accept(vec![acceptance]).await.remove(0).unwrap();
    let http = Arc::new(Http::new(Guard::Anything).unwrap());
    let clock = Arc::new(base) as Arc<dyn Fn() -> Timestamp + Send + Sync>;
    let deliverer = Deliverer::with(store.clone(), sinks, Links::default(), http, clock, 7);
    (folder, store, deliverer)
}

async fn rows(store: &Sqlite) -> Vec<Delivery> {
    let mut rows = store.deliveries(&finding(0).id).await.unwrap();
    rows.sort_by(|a, b| a.sink.cmp(&b.sink));
    rows
}

#[tokio::test]
async fn every_service_takes_a_finding_and_its_receipt_is_kept() {
    let server = services().await;
    let (_folder, store, deliverer) = bed(&server).await;
    let tally = deliverer.sweep(None).await;
    assert_eq!(
        tally,
        Tally {
            sent: 7,
            ..Tally::default()
        }
    );
    let kept: Vec<(String, Value)> = rows(&store)
        .await
        .into_iter()
        .map(|row| (row.sink, row.receipt.unwrap_or_default()))
        .collect();
    let id = finding(0).id;
    let expected = [
        ("chat", json!({"message": "spaces/A/messages/1"})),
        ("hive4", json!({"alert": "~1"})),
        (
            "jira",
            json!({"issue": "SEC-1", "revision": 0, "status": "open"}),
        ),
        ("pager", json!({"dedup_key": id})),
        ("search", json!({"document": id})),
        ("splunk", json!({"revision": 0})),
        ("teams", Value::Null),
    ];
    assert_eq!(
        kept,
        expected.map(|(sink, receipt)| (sink.to_owned(), receipt))
    );
}

#[tokio::test]
async fn one_service_that_refuses_us_stops_no_other_and_is_seen() {
    let server = services().await;
    let refused = ResponseTemplate::new(403).set_body_json(json!({"text": "no", "code": 4}));
    Mock::given(path("/splunk/services/collector/event"))
        .respond_with(refused)
        .with_priority(1)
        .mount(&server)
        .await;
    let healthy = json!({"text": "HEC is healthy", "code": 17});
    answer(
        &server,
        "GET",
        "/splunk/services/collector/health",
        200,
        &healthy,
    )
    .await;
    let user = json!({"login": "dial@example.org"});
    answer(&server, "GET", "/hive/api/v1/user/current", 200, &user).await;
    answer(&server, "HEAD", "/search/dial", 200, &json!({})).await;
    answer(&server, "GET", "/jira/rest/api/3/myself", 503, &json!({})).await;
    let (_folder, store, deliverer) = bed(&server).await;
    let tally = deliverer.sweep(None).await;
    assert_eq!((tally.sent, tally.failed), (6, 1));
    let failed = rows(&store).await.remove(5);
    assert_eq!(failed.state, DeliveryState::Failed);
    assert_eq!(
        failed.last_error.as_deref(),
        Some("Splunk answered code 4: no; check the token")
    );
    let before = server.received_requests().await.unwrap().len();
    let watch = Watch::default();
    watch.look(&deliverer).await;
    let seen: Vec<(String, HealthState)> = watch
        .seen()
        .into_iter()
        .map(|seen| (seen.name, seen.health.state))
        .collect();
    let expected = [
        ("chat", HealthState::NotProbed),
        ("hive4", HealthState::Good),
        ("jira", HealthState::Unclear),
        ("pager", HealthState::NotProbed),
        ("search", HealthState::Good),
        ("splunk", HealthState::Refused),
        ("teams", HealthState::NotProbed),
    ];
    assert_eq!(seen, expected.map(|(sink, state)| (sink.to_owned(), state)));
    // Health and token of Splunk, and one look each at the other three.
    assert_eq!(server.received_requests().await.unwrap().len(), before + 5);
}

/// Nothing here waits: the pauses before questions belong to the paused runtime.
#[tokio::test(start_paused = true)]
async fn a_call_that_wants_to_wait_is_made_later() {
    let other = Arc::new(OtherSide::default());
    let store = Rows::with(&["patient"], 1);
    let mut list = sinks(&[("patient", 0, 1)]);
    let terms = list.get("patient").unwrap().terms;
    let sink = Box::new(Patient);
    let kind = "patient";
    list.insert("patient", Configured { kind, terms, sink });
    let start = tokio::time::Instant::now();
    let patient = deliverer(&store, list, &other);
    assert_eq!(patient.sweep(None).await.sent, 1);
    let at = other.got("patient")[0].1;
    assert_eq!(at - start, Duration::from_secs(6));
}

/// Waits before its only call.
struct Patient;

impl Sink for Patient {
    fn start(&self, job: &Job<'_>) -> Step {
        match Plain("patient").start(job) {
            Step::Send(call) => Step::Send(call.wait(Duration::from_secs(6))),
            other => other,
        }
    }

    fn resume(&self, _: &Job<'_>, _: &Reply) -> Step {
        Step::Done(None)
    }
}
