//! The store on DynamoDB: the suite, and what only this implementation could get wrong.
#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

use dial_aws::{Clients, DynamoStore, Emulators, create_table};
use dial_core::finding::{
    Account, EventRef, Finding, Principal, RecordRef, Resource, RuleRef, Source,
};
use dial_core::store::triage::Triage;
use dial_core::store::{
    Acceptance, Cursor, DeliveryState, Outcome, Query, Settlement, Status, Store, StoreError,
    Summary,
};
use dial_core::wire::WorkerInfo;
use dial_core::{FindingId, Severity};
use dial_tests::store_suite;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-05-02T00:00:00Z")
}

/// Clients of the emulator; `None` without one.
fn clients() -> Option<Clients> {
    let Ok(url) = std::env::var("DIAL_TEST_DYNAMODB") else {
        eprintln!("skipped: DIAL_TEST_DYNAMODB is not set");
        return None;
    };
    Some(Clients::emulated(Emulators {
        dynamodb: Some(url),
        ..Emulators::default()
    }))
}

/// Two stores on one new table, with connections of their own; `None` without an emulator.
async fn stores(table: &str) -> Option<[Arc<DynamoStore>; 2]> {
    let pair = [clients()?, clients()?];
    create_table(&pair[0], table).await.unwrap();
    Some(pair.map(|clients| Arc::new(DynamoStore::new(clients, table))))
}

/// New tables, numbered below a prefix.
struct Tables {
    clients: Clients,
    prefix: &'static str,
    count: AtomicU32,
}

impl Tables {
    fn new(prefix: &'static str) -> Option<Self> {
        let (clients, count) = (clients()?, AtomicU32::new(0));
        Some(Self {
            clients,
            prefix,
            count,
        })
    }

    fn fresh(&self) -> BoxFuture<'static, Arc<dyn Store>> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let (clients, table) = (self.clients.clone(), format!("{}-{number}", self.prefix));
        Box::pin(async move {
            create_table(&clients, &table).await.unwrap();
            Arc::new(DynamoStore::new(clients, table)) as Arc<dyn Store>
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite_holds() {
    let Some(tables) = Tables::new("suite") else {
        return;
    };
    store_suite::run(|| tables.fresh()).await;
}

#[test]
fn any_order_gives_the_same_store() {
    let Some(tables) = Tables::new("order") else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    store_suite::any_order_gives_the_same_store(&runtime, 16, || tables.fresh());
}

#[test]
fn pages_hold_while_others_insert() {
    let Some(tables) = Tables::new("paging") else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    store_suite::pages_hold_while_others_insert(&runtime, 16, || tables.fresh());
}

#[test]
fn counters_match_a_recount() {
    let Some(tables) = Tables::new("counters") else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    store_suite::counters_match_a_recount(&runtime, 16, || tables.fresh());
}

async fn store(table: &str) -> Option<Arc<DynamoStore>> {
    stores(table).await.map(|[one, _]| one)
}

/// Finding number `n`; accounts, rules, principals and severities take turns.
fn finding(n: u32) -> Finding {
    let time = at("2026-05-01T10:00:00Z") + SignedDuration::from_millis(i64::from(n) * 250);
    let rule = n % 3;
    let mut finding = Finding {
        id: FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap(),
        rule: RuleRef {
            id: format!("0000000{rule}-0c38-4b5e-9f0a-3d2f6f6c9a11"),
            name: format!("rule_{rule}"),
            title: "S3 bucket policy lets anyone in".to_owned(),
            version: "2026-05-01".to_owned(),
        },
        severity: [Severity::Low, Severity::High][usize::from(n.is_multiple_of(10))],
        severity_changes: Vec::new(),
        title: format!("finding {n}"),
        explanation: String::new(),
        matched: Vec::new(),
        account: Account {
            id: format!("11112222333{}", n % 4),
            name: None,
        },
        region: ["eu-west-1", "us-east-1"][usize::from(n.is_multiple_of(2))].to_owned(),
        time,
        detected_at: time,
        event: EventRef {
            id: format!("e-{n}"),
            source: "s3.amazonaws.com".to_owned(),
            name: "PutBucketPolicy".to_owned(),
            kind: "AwsApiCall".to_owned(),
            read_only: None,
            error_code: None,
        },
        principal: Principal {
            name: Some(format!("user-{}", n % 5)),
            ..Principal::default()
        },
        source: Source::default(),
        resources: vec![Resource {
            kind: "AWS::S3::Bucket".to_owned(),
            arn: Some(format!("arn:aws:s3:::bucket-{}", n % 7)),
            name: "bucket".to_owned(),
        }],
        facts: serde_json::Map::new(),
        attack: Vec::new(),
        references: Vec::new(),
        incomplete: Vec::new(),
        record: None,
        record_ref: None::<RecordRef>,
        suppressed: None,
        worker: WorkerInfo {
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            version: "0.1.0".to_owned(),
            rules: "pack".to_owned(),
        },
    };
    finding.id = finding.expected_id();
    finding
}

fn acceptance(finding: Finding) -> Acceptance {
    Acceptance {
        finding,
        sinks: vec!["slack".to_owned(), "thehive".to_owned()],
        received_at: at("2026-05-01T12:00:00Z"),
        expires_at: at("2027-06-05T12:00:00Z"),
        sender: "111122223333/eu-west-1".to_owned(),
    }
}

async fn accept(store: &DynamoStore, new: Acceptance) -> Result<Outcome, StoreError> {
    store.accept(vec![new]).await.remove(0)
}

/// Every page of a list, put together.
async fn walk(store: &DynamoStore, query: &Query, limit: usize) -> Vec<Summary> {
    let (mut all, mut after) = (Vec::new(), None::<Cursor>);
    loop {
        let page = store.list(query, after.as_ref(), limit, now());
        let page = page.await.unwrap();
        assert!(page.items.len() <= limit);
        all.extend(page.items);
        match page.next {
            None => return all,
            next => after = next,
        }
    }
}

#[tokio::test]
async fn of_twenty_who_accept_the_same_finding_one_is_told_new() {
    let Some(stores) = stores("race").await else {
        return;
    };
    for n in 0..5 {
        let new = acceptance(finding(n));
        let racers = (0..20_usize).map(|racer| {
            let (store, new) = (Arc::clone(&stores[racer % 2]), new.clone());
            tokio::spawn(async move { accept(&store, new).await.unwrap() })
        });
        let outcomes = futures::future::join_all(racers).await;
        let new_ones = outcomes
            .into_iter()
            .filter(|outcome| *outcome.as_ref().unwrap() == Outcome::New);
        assert_eq!(new_ones.count(), 1);
        let id = new.finding.id;
        assert_eq!(stores[0].deliveries(&id).await.unwrap().len(), 2);
        assert_eq!(stores[0].audit(&id).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_refused_transaction_leaves_nothing() {
    let Some(store) = store("atomic").await else {
        return;
    };
    let mut new = acceptance(finding(0));
    // Too large for an item, and hardly compressible.
    let numbers = (0..60_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let noise = numbers.fold(String::new(), |text, n| format!("{text}{n:016x}"));
    new.finding.facts.insert("noise".to_owned(), noise.into());
    let id = new.finding.id.clone();
    let error = accept(&store, new).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert_eq!(store.finding(&id, now()).await, Ok(None));
    assert_eq!(store.audit(&id).await, Ok(Vec::new()));
    assert_eq!(store.deliveries(&id).await, Ok(Vec::new()));
    assert_eq!(store.due("slack", now(), 10).await, Ok(Vec::new()));
}

#[tokio::test]
async fn pages_over_all_shards_show_every_finding_once() {
    let Some(store) = store("pages").await else {
        return;
    };
    let findings: Vec<_> = (0..300).map(finding).collect();
    for findings in findings.chunks(50) {
        let batch = findings.iter().cloned().map(acceptance).collect();
        let outcomes = store.accept(batch).await;
        assert!(outcomes.iter().all(|o| *o == Ok(Outcome::New)));
    }
    let some = |text: &str| vec![text.to_owned()];
    let all = Query::default();
    let queries = [
        all.clone(),
        Query {
            account: some("111122223331"),
            ..all.clone()
        },
        Query {
            region: some("us-east-1"),
            ..all.clone()
        },
        Query {
            severity: vec![Severity::High],
            ..all.clone()
        },
        Query {
            status: vec![Status::Open],
            ..all.clone()
        },
        Query {
            status: vec![Status::Resolved],
            ..all.clone()
        },
        Query {
            rule: some("rule_2"),
            ..all.clone()
        },
        Query {
            rule: some("00000002-0c38-4b5e-9f0a-3d2f6f6c9a11"),
            ..all.clone()
        },
        Query {
            principal: some("user-3"),
            ..all.clone()
        },
        Query {
            resource: some("arn:aws:s3:::bucket-6"),
            ..all.clone()
        },
        Query {
            resource: some("arn:aws:s3:::bucket-6"),
            principal: some("user-3"),
            ..all.clone()
        },
        Query {
            since: Some(findings[40].time),
            until: Some(findings[250].time),
            ..all.clone()
        },
        Query {
            since: Some(findings[250].time),
            until: Some(findings[40].time),
            ..all
        },
    ];
    for query in queries {
        let lines = findings.iter().map(|f| Summary::of(f, &Triage::default()));
        let mut expected: Vec<_> = lines.filter(|line| query.matches(line)).collect();
        expected.reverse();
        for limit in [7, 200] {
            let shown = walk(&store, &query, limit).await;
            assert_eq!(shown, expected, "{query:?} by {limit}");
        }
    }
}

#[tokio::test]
async fn due_rows_come_from_all_shards_and_leave_when_settled() {
    let Some(store) = store("due").await else {
        return;
    };
    store
        .accept((0..40).map(|n| acceptance(finding(n))).collect())
        .await;
    let rows = store.due("slack", now(), 200).await.unwrap();
    let ids: BTreeSet<_> = rows.iter().map(|row| &row.finding).collect();
    assert_eq!(ids.len(), 40);
    assert_eq!(store.due("slack", now(), 7).await.unwrap().len(), 7);
    assert_eq!(store.due("jira", now(), 7).await.unwrap(), []);
    let before = at("2026-05-01T11:59:59Z");
    assert_eq!(store.due("slack", before, 7).await.unwrap(), []);
    let lease = now() + SignedDuration::from_secs(60);
    for row in &rows {
        let claimed = store.claim(&row.finding, "slack", now(), lease).await;
        let claimed = claimed.unwrap().unwrap();
        assert_eq!(
            (claimed.state, claimed.attempts),
            (DeliveryState::Sending, 1)
        );
        assert_eq!(claimed.due_at, lease);
        let again = store.claim(&row.finding, "slack", now(), lease).await;
        assert_eq!(again, Ok(None));
        let receipt = Some(serde_json::json!({ "ts": "1777.000100", "n": 1.5 }));
        let sent = Settlement::Sent {
            receipt: receipt.clone(),
            wanted: 0,
            at: now(),
        };
        assert_eq!(
            store.settle(&row.finding, "slack", 2, sent.clone()).await,
            Ok(false)
        );
        assert_eq!(
            store.settle(&row.finding, "slack", 1, sent.clone()).await,
            Ok(true)
        );
        assert_eq!(
            store.settle(&row.finding, "slack", 1, sent).await,
            Ok(false)
        );
        let rows = store.deliveries(&row.finding).await.unwrap();
        assert_eq!(rows[0].receipt, receipt);
        assert_eq!(rows[0].state, DeliveryState::Sent);
    }
    let later = lease + SignedDuration::from_hours(1);
    assert_eq!(store.due("slack", later, 200).await.unwrap(), []);
    assert_eq!(store.due("thehive", later, 200).await.unwrap().len(), 40);
}

#[tokio::test]
async fn only_one_of_many_claims_a_row() {
    let Some(stores) = stores("claim").await else {
        return;
    };
    let new = acceptance(finding(0));
    let id = new.finding.id.clone();
    accept(&stores[0], new).await.unwrap();
    let lease = now() + SignedDuration::from_secs(60);
    let racers = (0..20_usize).map(|racer| {
        let (store, id) = (Arc::clone(&stores[racer % 2]), id.clone());
        tokio::spawn(async move { store.claim(&id, "slack", now(), lease).await.unwrap() })
    });
    let claims = futures::future::join_all(racers).await;
    let won = claims.into_iter().filter_map(Result::unwrap).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn keys_longer_than_dynamodb_takes_still_work() {
    let Some(store) = store("long").await else {
        return;
    };
    let mut long = finding(0);
    let name = "ü".repeat(700);
    long.principal.name = Some(name.clone());
    long.resources[0].arn = Some(format!("arn:aws:s3:::{}", "b".repeat(1_500)));
    long.id = long.expected_id();
    let mut new = acceptance(long.clone());
    let sink = "s".repeat(1_500);
    new.sinks.push(sink.clone());
    assert_eq!(accept(&store, new).await, Ok(Outcome::New));
    for query in [
        Query {
            principal: vec![name],
            ..Query::default()
        },
        Query {
            resource: vec![long.resource_key()],
            ..Query::default()
        },
    ] {
        let shown = walk(&store, &query, 10).await;
        assert_eq!(shown, [Summary::of(&long, &Triage::default())]);
    }
    assert_eq!(store.due(&sink, now(), 1).await.unwrap()[0].sink, sink);
    let lease = now() + SignedDuration::from_secs(60);
    assert!(
        store
            .claim(&long.id, &sink, now(), lease)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn what_is_expired_but_not_swept_is_forgotten() {
    let Some(store) = store("expired").await else {
        return;
    };
    let new = acceptance(finding(0));
    let id = new.finding.id.clone();
    accept(&store, new.clone()).await.unwrap();
    let after = new.expires_at;
    let lease = after + SignedDuration::from_secs(60);
    assert_eq!(store.finding(&id, after).await, Ok(None));
    let page = store
        .list(&Query::default(), None, 10, after)
        .await
        .unwrap();
    assert_eq!(page.items, []);
    assert_eq!(store.due("slack", after, 10).await, Ok(Vec::new()));
    assert_eq!(store.claim(&id, "slack", after, lease).await, Ok(None));
    let mut again = new;
    again.received_at = after;
    again.expires_at = after + SignedDuration::from_hours(24);
    assert_eq!(accept(&store, again).await, Ok(Outcome::New));
    assert!(store.finding(&id, after).await.unwrap().is_some());
}

#[tokio::test]
async fn a_missing_table_is_named() {
    let Some(store) = store("present").await else {
        return;
    };
    assert_eq!(store.ready().await, Ok(()));
    let url = std::env::var("DIAL_TEST_DYNAMODB").unwrap();
    let clients = Clients::emulated(Emulators {
        dynamodb: Some(url),
        ..Emulators::default()
    });
    assert_eq!(
        create_table(&clients, "present").await,
        Ok(()),
        "made twice"
    );
    let error = DynamoStore::new(clients, "absent")
        .ready()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("table/absent"), "{error}");
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_says_so() {
    // Port 9 of loopback: nobody listens.
    let clients = Clients::emulated(Emulators {
        dynamodb: Some("http://127.0.0.1:9".to_owned()),
        ..Emulators::default()
    });
    let error = DynamoStore::new(clients, "t").ready().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
}
