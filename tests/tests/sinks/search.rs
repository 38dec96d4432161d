//! Documents in a search server that speaks OpenSearch: sent by the real deliverer, read back by
//! search.

use crate::desk::Desk;
use crate::findings;
use dial_aws::Clients;
use dial_core::Finding;
use dial_core::store::triage::{Actor, Change, Door, Request, Triaging as _};
use dial_core::store::{Delivery, DeliveryState};
use jiff::Timestamp;
use serde_json::{Value, json};

/// How many findings are sent at once; a request takes all of them.
const SOME: usize = 24;

/// An index of its own, which nobody has written to.
struct Index {
    url: String,
    name: String,
}

impl Index {
    /// The server, and a name that no earlier run left behind; says so where there is none.
    fn new(name: &str) -> Option<Self> {
        let Ok(url) = std::env::var("DIAL_TEST_OPENSEARCH") else {
            println!("skipped: DIAL_TEST_OPENSEARCH is not set");
            return None;
        };
        let name = format!("{name}-{}", Timestamp::now().as_nanosecond());
        Some(Self { url, name })
    }

    async fn desk(&self) -> Desk {
        let (url, name) = (&self.url, &self.name);
        let settings = format!("[search]\ntype = 'opensearch'\nurl = '{url}'\nindex = '{name}'\n");
        Desk::new(&settings, Clients::emulated(dial_aws::Emulators::default())).await
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: &Value) -> Value {
        let (url, name) = (&self.url, &self.name);
        let request = reqwest::Client::new().request(method, format!("{url}/{name}{path}"));
        let reply = request.json(body).send().await.unwrap();
        reply.error_for_status().unwrap().json().await.unwrap()
    }

    /// Whatever a query finds, by id.
    async fn found(&self, query: Value) -> Vec<Value> {
        self.ask(reqwest::Method::POST, "/_refresh", &json!({}))
            .await;
        let query = json!({"query": query, "size": 1_000});
        let answer = self.ask(reqwest::Method::POST, "/_search", &query).await;
        let mut hits = answer["hits"]["hits"].as_array().unwrap().clone();
        hits.sort_by_key(|hit| hit["_id"].as_str().unwrap().to_owned());
        hits
    }
}

/// The first few, each found once.
fn some() -> Vec<Finding> {
    let mut findings = findings();
    findings.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
    findings.dedup_by(|a, b| a.id == b.id);
    findings.truncate(SOME);
    findings
}

async fn row(desk: &Desk, finding: &Finding) -> Delivery {
    desk.rows(finding).await.swap_remove(0)
}

fn ids(hits: &[Value]) -> Vec<&str> {
    let ids = hits.iter().filter_map(|hit| hit["_id"].as_str());
    ids.collect()
}

#[tokio::test]
async fn every_finding_is_one_document_however_often_it_is_sent() {
    let Some(index) = Index::new("dial-once") else {
        return;
    };
    let findings = some();
    let sent: Vec<&str> = findings.iter().map(|f| f.id.as_str()).collect();
    for round in 0..2 {
        // A store that knows nothing of the round before.
        let desk = index.desk().await;
        desk.take(&findings).await;
        for finding in &findings {
            let row = row(&desk, finding).await;
            assert_eq!(row.state, DeliveryState::Sent, "{row:?}");
            let known = row.receipt.unwrap()["duplicate"] == true;
            assert_eq!(known, round == 1, "{}", finding.id);
        }
        let hits = index.found(json!({"match_all": {}})).await;
        assert_eq!(ids(&hits), sent);
    }
    let one = &findings[0];
    let hits = index
        .found(json!({"term": {"dial.finding_id.keyword": one.id}}))
        .await;
    assert_eq!(ids(&hits), [one.id.as_str()], "found by a field of ours");
    let document = &hits[0]["_source"];
    assert_eq!(document["rule"]["name"], one.rule.name.as_str());
    assert_eq!(document["cloud"]["account"]["id"], one.account.id.as_str());
    assert_eq!(document["@timestamp"], one.time.to_string());
}

#[tokio::test]
async fn what_people_do_is_shown_on_the_document() {
    let Some(index) = Index::new("dial-triage") else {
        return;
    };
    let desk = index.desk().await;
    let findings = &some()[..2];
    desk.take(findings).await;
    let request = Request {
        change: Change::Resolve,
        comment: Some("policy removed".into()),
        by: Actor {
            who: "analyst".into(),
            door: Door::Api,
        },
        at: Timestamp::now(),
    };
    desk.store
        .change(&findings[0].id, None, &request)
        .await
        .unwrap();
    desk.sweep().await;
    let query = json!({"term": {"dial.status.keyword": "resolved"}});
    let resolved = index.found(query).await;
    assert_eq!(ids(&resolved), [findings[0].id.as_str()]);
    let rule = &resolved[0]["_source"]["rule"]["name"];
    assert_eq!(*rule, findings[0].rule.name.as_str(), "the rest stays");
}

/// The request as a whole is answered 200.
#[tokio::test]
async fn a_refused_document_is_the_only_one_that_fails() {
    let Some(index) = Index::new("dial-refused") else {
        return;
    };
    let mapping = json!({"mappings": {"properties": {"cloud": {"properties": {
        "account": {"properties": {"name": {"type": "long"}}},
    }}}}});
    index.ask(reqwest::Method::PUT, "", &mapping).await;
    let mut findings = some();
    for finding in &mut findings {
        finding.account.name = None;
    }
    findings[7].account.name = Some("production".into());
    let desk = index.desk().await;
    desk.take(&findings).await;
    for (number, finding) in findings.iter().enumerate() {
        let row = row(&desk, finding).await;
        if number == 7 {
            let said = row.last_error.unwrap_or_default();
            assert_eq!(row.state, DeliveryState::Failed, "{said}");
            assert!(said.contains("mapper_parsing_exception"), "{said}");
        } else {
            assert_eq!(row.state, DeliveryState::Sent, "{:?}", row.last_error);
        }
    }
    let hits = index.found(json!({"match_all": {}})).await;
    assert_eq!(hits.len(), findings.len() - 1);
    assert!(!ids(&hits).contains(&findings[7].id.as_str()));
}
