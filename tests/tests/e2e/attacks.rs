//! Whoever is not a worker with its own fresh signature learns nothing and changes nothing.

use dial_core::WorkerId;
use dial_core::key::{KEY_BYTES, KeyId, RootKey};
use dial_core::wire::{Batch, MAX_BODY, header};
use dial_detect::envelope::{Input, read};
use dial_detect::{Pipeline, Settings};
use dial_tests::attacker::{Forgery, exchange};
use dial_tests::deployment::{Master, Receivers, key_id, root_key, worker_id, worker_key};
use dial_tests::events::{ACCOUNT, REGION, eventbridge, record};
use dial_tests::reader::Reader;
use jiff::Timestamp;

fn now() -> i64 {
    Timestamp::now().as_second()
}

/// A batch as the worker would send it.
fn batch() -> Vec<u8> {
    let info = dial_core::wire::WorkerInfo {
        account: ACCOUNT.into(),
        region: REGION.into(),
        version: "0.1.0".into(),
        rules: String::new(),
    };
    let pipeline = Pipeline::new(&Settings::default(), info).expect("the pack loads");
    let event = eventbridge(&record("ec2/authorize_ingress_ssh_anyone")).to_string();
    let Ok(Input::Events(mut events)) = read(event.as_bytes()) else {
        panic!("the fixture is an event");
    };
    let event = events.remove(0).expect("the fixture is well formed");
    let batch = Batch {
        worker: pipeline.worker().clone(),
        findings: pipeline.run(&event, Timestamp::now()).findings,
    };
    serde_json::to_vec(&batch).expect("a batch serialises")
}

fn genuine(timestamp: i64) -> Forgery {
    Forgery::genuine(&worker_id(), &worker_key(), key_id(), timestamp, &batch())
}

/// Signed by the key of one worker, in the name of another.
fn cross(name: &str) -> Forgery {
    genuine(now()).with(header::WORKER, name)
}

type Named = (&'static str, Forgery);

fn wrong_keys() -> Vec<Named> {
    let other_root = RootKey::from_bytes([9; KEY_BYTES]);
    let forged = other_root.worker_key(&worker_id(), 0);
    let expired: KeyId = "1/1600000000".parse().expect("a key id");
    let expired_key = root_key().worker_key(&worker_id(), expired.not_after);
    let signed = |key, id| Forgery::genuine(&worker_id(), key, id, now(), &batch());
    let named = |id: &str| genuine(now()).with(header::KEY, id);
    vec![
        ("forged key", signed(&forged, key_id())),
        ("expired key", signed(&expired_key, expired)),
        ("unknown root key", named("2/0")),
        ("another expiry than signed", named("1/4000000000")),
        ("key id of letters", named("one/never")),
        ("key id beyond u64", named("1/99999999999999999999")),
        ("another account", cross("444455556666/eu-west-1")),
        ("another region", cross("111122223333/us-east-1")),
        ("no account", cross("/eu-west-1")),
        ("account of letters", cross("abc/eu-west-1")),
        ("no slash", cross("111122223333")),
        ("region with a path", cross("111122223333/../eu-west-1")),
        ("not ASCII", cross("１１１１２２２２３３３３/eu-west-1")),
    ]
}

fn wrong_bytes() -> Vec<Named> {
    let body = genuine(now()).body;
    let tampered = |at: usize| {
        let mut body = body.clone();
        body[at] ^= 1;
        genuine(now()).carrying(body)
    };
    let other = Forgery::genuine(&worker_id(), &worker_key(), key_id(), now(), b"{}");
    vec![
        ("tampered at the front", tampered(0)),
        ("tampered in the middle", tampered(body.len() / 2)),
        ("tampered at the end", tampered(body.len() - 1)),
        (
            "truncated",
            genuine(now()).carrying(body[..body.len() / 2].to_vec()),
        ),
        ("empty body", genuine(now()).carrying(vec![])),
        (
            "another body under the signature",
            genuine(now()).carrying(other.body),
        ),
    ]
}

fn wrong_times() -> Vec<Named> {
    let written = |text: &str| genuine(now()).with(header::TIMESTAMP, text);
    let moved = genuine(now() - 10).with(header::TIMESTAMP, &(now() - 9).to_string());
    vec![
        ("replayed after 310 s", genuine(now() - 310)),
        ("replayed after a day", genuine(now() - 86_400)),
        ("from the future", genuine(now() + 310)),
        ("zero", genuine(0)),
        ("i64::MAX", genuine(i64::MAX)),
        ("i64::MIN", genuine(i64::MIN)),
        ("beyond i64", written("9223372036854775808")),
        ("no number", written("now")),
        ("spelled otherwise", written(&format!("+{}", now()))),
        ("moved by a second", moved),
    ]
}

fn wrong_headers() -> Vec<Named> {
    let signed = |tags: &str| genuine(now()).with(header::SIGNATURE, tags);
    let named = |id: &str| genuine(now()).with(header::ID, id);
    let all = [
        header::ID,
        header::TIMESTAMP,
        header::SIGNATURE,
        header::WORKER,
        header::KEY,
    ];
    let missing = all.map(|name| ("one header missing", genuine(now()).without(name)));
    let bare = all.into_iter().fold(genuine(now()), Forgery::without);
    let mut forgeries = vec![
        ("no headers at all", bare),
        ("id with a dot", named("msg.1")),
        ("empty id", named("")),
        ("huge id", named(&"a".repeat(4_000))),
        ("empty signature", signed("")),
        ("other version of signature", signed("v1a,AAAA")),
        ("many signatures", signed(&"v1,AAAA ".repeat(40))),
        ("signature not base64", signed("v1,!!!!")),
        (
            "signature twice",
            genuine(now()).and(header::SIGNATURE, "v1,AAAA"),
        ),
        (
            "worker twice",
            genuine(now()).and(header::WORKER, "444455556666/eu-west-1"),
        ),
    ];
    forgeries.extend(missing);
    forgeries
}

#[tokio::test]
async fn every_forgery_gets_the_same_bytes_and_the_store_stays_empty() {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.webhook_only()).await;
    let mut first: Option<String> = None;
    let forgeries = [wrong_keys(), wrong_bytes(), wrong_times(), wrong_headers()];
    for (name, forgery) in forgeries.into_iter().flatten() {
        let answer = forgery.send(master.address()).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{name}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
        assert_eq!(body, "", "{name}");
        assert!(
            !head.to_lowercase().contains("www-authenticate"),
            "{name}: {head}"
        );
        let expected = first.get_or_insert_with(|| answer.clone());
        assert_eq!(&answer, expected, "{name}");
    }
    assert!(Reader::of(&master.url()).findings("").await.is_empty());
    assert!(receivers.webhook.received().is_empty());

    let accepted = genuine(now()).send(master.address()).await;
    assert!(
        accepted.starts_with("HTTP/1.1 200 "),
        "the forgeries were forged well: {accepted}"
    );
}

#[tokio::test]
async fn over_the_cap_is_a_bare_413_whoever_asks() {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.webhook_only()).await;
    let large = vec![b'x'; MAX_BODY + 1];
    let declared = format!(
        "POST /v1/findings HTTP/1.1\r\nhost: dial\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        1_u64 << 40,
    );
    let chunked = [
        b"POST /v1/findings HTTP/1.1\r\nhost: dial\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
        format!("{:x}\r\n", large.len()).into_bytes(),
        large.clone(),
        b"\r\n0\r\n\r\n".to_vec(),
    ];
    let answers = [
        (
            "signed",
            genuine(now())
                .carrying(large.clone())
                .send(master.address())
                .await,
        ),
        (
            "unsigned",
            genuine(now())
                .without(header::SIGNATURE)
                .carrying(large)
                .send(master.address())
                .await,
        ),
        (
            "declared only",
            exchange(master.address(), declared.as_bytes()).await,
        ),
        (
            "chunked",
            exchange(master.address(), &chunked.concat()).await,
        ),
    ];
    for (name, answer) in &answers {
        assert!(answer.starts_with("HTTP/1.1 413 "), "{name}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{name}: {answer}");
    }
    assert!(Reader::of(&master.url()).findings("").await.is_empty());
}

#[tokio::test]
async fn a_replay_within_the_tolerance_changes_nothing() {
    let receivers = Receivers::start().await;
    let master = Master::start(receivers.webhook_only()).await;
    let request = genuine(now());
    let first = request.send(master.address()).await;
    assert!(first.contains("\"accepted\":1"), "{first}");
    receivers.webhook.wait_delivered(1).await;
    for _ in 0..3 {
        let again = request.send(master.address()).await;
        assert!(again.contains("\"duplicates\":1"), "{again}");
    }
    assert_eq!(Reader::of(&master.url()).findings("").await.len(), 1);
    assert_eq!(receivers.webhook.received().len(), 1);
}

#[tokio::test]
async fn a_worker_cannot_report_findings_of_another_account() {
    let master = Master::start(Receivers::start().await.webhook_only()).await;
    let other: WorkerId = "444455556666/eu-west-1".parse().expect("a worker");
    let key = root_key().worker_key(&other, 0);
    let answer = Forgery::genuine(&other, &key, key_id(), now(), &batch())
        .send(master.address())
        .await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(Reader::of(&master.url()).findings("").await.is_empty());
}

#[tokio::test]
async fn readers_without_a_token_see_nothing() {
    let master = Master::start(Receivers::start().await.webhook_only()).await;
    let accepted = genuine(now()).send(master.address()).await;
    assert!(accepted.starts_with("HTTP/1.1 200 "), "{accepted}");
    for token in [
        "",
        "authorization: Bearer wrong-token-0123456789abcdef\r\n",
        "authorization: Basic dGVzdDp0ZXN0\r\n",
    ] {
        let request =
            format!("GET /v1/findings HTTP/1.1\r\nhost: dial\r\nconnection: close\r\n{token}\r\n");
        let answer = exchange(master.address(), request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(!answer.contains(ACCOUNT), "{answer}");
    }
}
