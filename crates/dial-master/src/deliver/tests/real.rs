//! The deliverer over the embedded store and real HTTP.

use super::{base, finding};
use crate::deliver::{Clock, Deliverer, Tally, transport::Http};
use crate::message::links::Links;
use crate::sinks::guard::Guard;
use crate::sinks::{SinkSettings, Sinks};
use crate::store::Sqlite;
use dial_core::FindingId;
use dial_core::ports::Secrets;
use dial_core::secret::{Secret, SecretError, SecretRef};
use dial_core::store::{Acceptance, DeliveryState, Store};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use wiremock::matchers::{header_exists, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Secrets of trials: the reference's name is the value.
pub(super) struct Named;

#[async_trait::async_trait]
impl Secrets for Named {
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        match reference {
            SecretRef::Env(value) => Ok(Secret::new(value)),
            _ => Err(SecretError::Literal),
        }
    }
}

/// A clock that tests move.
#[derive(Default)]
struct Moved(AtomicI64);

impl Moved {
    fn clock(self: &Arc<Self>) -> Clock {
        let moved = Arc::clone(self);
        Arc::new(move || base() + SignedDuration::from_secs(moved.0.load(Ordering::Relaxed)))
    }
}

async fn sinks(server: &MockServer) -> Sinks {
    let url = server.uri();
    let key = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let text = format!(
        "[chat]\ntype = 'slack'\nwebhook_url = 'env:{url}/slack'\nmin_interval_ms = 0\n\
         [cases]\ntype = 'thehive'\nurl = '{url}/hive'\napi_key = 'env:key'\n\
         [machine]\ntype = 'webhook'\nurl = '{url}/hook'\nsecret = 'env:{key}'\n"
    );
    let settings: BTreeMap<String, SinkSettings> = toml::from_str(&text).unwrap();
    Sinks::build(&settings, &Named, Guard::Anything)
        .await
        .unwrap()
}

async fn answers(server: &MockServer, at: &str, first: ResponseTemplate, then: ResponseTemplate) {
    let first = Mock::given(path(at))
        .respond_with(first)
        .up_to_n_times(1)
        .with_priority(1);
    first.mount(server).await;
    Mock::given(path(at)).respond_with(then).mount(server).await;
}

pub(super) fn expiry() -> Timestamp {
    "2027-05-01T10:00:00Z".parse().unwrap()
}

async fn states(store: &Sqlite, id: &FindingId) -> Vec<(String, DeliveryState, u32)> {
    let rows = store.deliveries(id).await.unwrap();
    rows.into_iter()
        .map(|row| (row.sink, row.state, row.attempts))
        .collect()
}

#[tokio::test]
async fn one_finding_reaches_every_sink_whatever_goes_wrong_first() {
    let server = MockServer::start().await;
    let ok = || ResponseTemplate::new(200).set_body_string("ok");
    let exists = "{\"type\":\"CreateError\",\"message\":\"Alert dial:dial:x already exist in organisation o\"}";
    answers(&server, "/slack", ResponseTemplate::new(500), ok()).await;
    answers(
        &server,
        "/hive/api/v1/alert",
        ResponseTemplate::new(400).set_body_string(exists),
        ResponseTemplate::new(418),
    )
    .await;
    Mock::given(path("/hook"))
        .and(header_exists("webhook-signature"))
        .respond_with(ok())
        .mount(&server)
        .await;

    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::open(&folder.path().join("dial.db")).unwrap());
    let sinks = sinks(&server).await;
    let finding = finding(0);
    let acceptance = Acceptance {
        finding: finding.clone(),
        sinks: sinks.names(),
        received_at: base(),
        expires_at: expiry(),
        sender: "111122223333/eu-west-1".into(),
    };
    store.accept(vec![acceptance]).await.remove(0).unwrap();

    let moved = Arc::new(Moved::default());
    let http = Arc::new(Http::new(Guard::Anything).unwrap());
    let deliverer = Deliverer::with(
        store.clone(),
        sinks,
        Links::default(),
        http,
        moved.clock(),
        7,
    );
    let tally = deliverer.sweep(None).await;
    assert_eq!(
        tally,
        Tally {
            sent: 2,
            retried: 1,
            ..Tally::default()
        }
    );
    let expected = |chat, attempts| {
        vec![
            ("cases".to_owned(), DeliveryState::Sent, 1),
            ("chat".to_owned(), chat, attempts),
            ("machine".to_owned(), DeliveryState::Sent, 1),
        ]
    };
    let mut rows = states(&store, &finding.id).await;
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(rows, expected(DeliveryState::Pending, 1));
    // Not due yet.
    assert_eq!(deliverer.sweep(None).await, Tally::default());
    moved.0.store(60, Ordering::Relaxed);
    assert_eq!(
        deliverer.sweep(None).await,
        Tally {
            sent: 1,
            ..Tally::default()
        }
    );
    let mut rows = states(&store, &finding.id).await;
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(rows, expected(DeliveryState::Sent, 2));
    assert_eq!(server.received_requests().await.unwrap().len(), 4);
}

#[tokio::test]
async fn two_processes_over_one_file_send_nothing_twice() {
    let server = MockServer::start().await;
    Mock::given(path("/hook"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dial.db");
    let one = Arc::new(Sqlite::open(&file).unwrap());
    let batch = (0..40).map(|number| Acceptance {
        finding: finding(number),
        sinks: vec!["machine".into()],
        received_at: base(),
        expires_at: expiry(),
        sender: "111122223333/eu-west-1".into(),
    });
    for outcome in one.accept(batch.collect()).await {
        outcome.unwrap();
    }
    let two = Arc::new(Sqlite::open(&file).unwrap());
    let clock = Arc::new(Moved::default()).clock();
    let mut deliverers = Vec::new();
    for store in [one, two] {
        let http = Arc::new(Http::new(Guard::Anything).unwrap());
        let sinks = sinks(&server).await;
        deliverers.push(Deliverer::with(
            store,
            sinks,
            Links::default(),
            http,
            clock.clone(),
            7,
        ));
    }
    let (first, second) = tokio::join!(deliverers[0].sweep(None), deliverers[1].sweep(None));
    assert_eq!(first.sent + second.sent, 40);
    let mut ids: Vec<String> = server
        .received_requests()
        .await
        .unwrap()
        .iter()
        .map(|request| request.headers["webhook-id"].to_str().unwrap().to_owned())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(
        (ids.len(), server.received_requests().await.unwrap().len()),
        (40, 40)
    );
}
