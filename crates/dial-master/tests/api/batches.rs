//! What becomes of authenticated batches.

use crate::bed::{AGGREGATOR, Bed, NOW, Signed, WORKER, finding, place};
use dial_core::dead_letter::DeadLetter;
use dial_core::finding::MAX_RECORD;
use dial_core::gzip;
use dial_core::ports::Bucket;
use dial_core::store::StoreError;
use dial_master::Rate;
use http::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn findings_are_stored_once_and_can_be_asked_for() {
    let bed = Bed::new();
    let (one, two) = (finding(1), finding(2));
    let answer = bed.post(&[one.clone(), two.clone(), one.clone()]).await;
    insta::assert_snapshot!("accepted", answer);
    let again = bed.post(&[two, one.clone()]).await;
    assert_eq!(
        again.json(),
        json!({"accepted": 0, "duplicates": 2, "rejected": []})
    );
    let id = one["id"].as_str().unwrap();
    let shown = bed.get(&format!("/v1/findings/{id}")).await;
    assert_eq!(shown.status, StatusCode::OK);
    insta::assert_snapshot!("finding", pretty(&shown.json()));
}

#[tokio::test]
async fn a_bad_finding_is_kept_with_its_reason_and_the_rest_goes_on() {
    let bed = Bed::new();
    let mut wrong_id = finding(2);
    wrong_id["title"] = json!("same");
    wrong_id["event"]["id"] = json!("another");
    let mut no_severity = finding(3);
    no_severity["severity"] = json!("<!channel> severe");
    let mut pointed = finding(4);
    pointed["record_ref"] = json!({"key": "records/of/others", "sha256": "00", "bytes": 1});
    let sent = [finding(1), wrong_id.clone(), no_severity, pointed, json!(7)];
    let answer = bed.post(&sent).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_snapshot!("rejected", pretty(&answer.json()));
    let keys = bed.bucket.keys().await;
    assert_eq!(keys.len(), 4);
    let mut originals = Vec::new();
    for key in &keys {
        assert!(
            key.starts_with("dead-letter/accept/2030/03/17/111122223333/eu-west-1/"),
            "{key}"
        );
        let bytes = bed.bucket.get(key, 1 << 20).await.unwrap().unwrap();
        let letter: DeadLetter = serde_json::from_slice(&bytes).unwrap();
        let original: Value = serde_json::from_slice(&letter.original().unwrap()).unwrap();
        originals.push(original);
    }
    for bad in &sent[1..] {
        assert!(originals.contains(bad), "{bad}");
    }
}

#[tokio::test]
async fn without_its_dead_letter_a_bad_finding_is_not_answered_as_taken() {
    let bed = Bed::new();
    bed.bucket.break_down(true);
    let answer = bed.post(&[finding(1), json!({})]).await;
    insta::assert_snapshot!("bucket_unavailable", answer);
    bed.bucket.break_down(false);
    let again = bed.post(&[finding(1), json!({})]).await.json();
    // The good one did not have to wait for the bucket.
    assert_eq!(again["duplicates"], 1);
    assert_eq!(again["rejected"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_said_so() {
    let bed = Bed::new();
    let cases = [
        ("throttled", StoreError::Throttled("wcu".into())),
        ("unavailable", StoreError::Unavailable("gone".into())),
    ];
    for (name, error) in cases {
        bed.store.break_with(Some(error));
        insta::assert_snapshot!(format!("store_{name}"), bed.post(&[finding(1)]).await);
    }
    bed.store.break_with(None);
    assert_eq!(bed.post(&[finding(1)]).await.json()["accepted"], 1);
}

#[tokio::test]
async fn nobody_reports_for_another_account_or_region() {
    let native = "GuardDuty Finding";
    let own = place(1, "444455556666", "eu-west-1", "AwsApiCall");
    let cases = [
        (
            "account",
            WORKER,
            place(1, "444455556666", "eu-west-1", "AwsApiCall"),
            403,
        ),
        (
            "region",
            WORKER,
            place(1, "111122223333", "eu-west-2", "AwsApiCall"),
            403,
        ),
        (
            "native",
            WORKER,
            place(1, "444455556666", "eu-west-1", native),
            403,
        ),
        ("own", AGGREGATOR, own, 200),
        (
            "aggregated",
            AGGREGATOR,
            place(1, "111122223333", "eu-west-1", native),
            200,
        ),
        (
            "aggregated call",
            AGGREGATOR,
            place(1, "111122223333", "eu-west-1", "AwsApiCall"),
            403,
        ),
        (
            "aggregated nothing",
            AGGREGATOR,
            place(1, "111122223333", "eu-west-1", ""),
            403,
        ),
        (
            "aggregated region",
            AGGREGATOR,
            place(1, "111122223333", "eu-west-2", native),
            403,
        ),
    ];
    for (name, signer, foreign, status) in cases {
        let bed = Bed::new();
        let mut batch = vec![foreign];
        if signer == WORKER {
            batch.insert(0, finding(9));
        }
        let answer = bed.send(Signed::by(signer).batch(&batch).request()).await;
        assert_eq!(answer.status.as_u16(), status, "{name}");
        assert_eq!(bed.calls() > 0, status == 200, "{name}");
    }
    let bed = Bed::new();
    let foreign = place(1, "444455556666", "eu-west-1", "AwsApiCall");
    insta::assert_snapshot!("foreign", bed.post(&[foreign]).await);
}

#[tokio::test]
async fn what_is_signed_but_no_batch_is_told_what_is_wrong() {
    let too_many: Vec<Value> = vec![json!(1); 101];
    let signed = |body: &[u8]| Signed::by(WORKER).body(gzip::deflate(body));
    let mut plain = Signed::by(WORKER).body(b"{}".to_vec());
    plain.extra.clear();
    let truncated = &gzip::deflate(b"{\"worker\":")[..12];
    let cases = [
        ("not_gzip", plain),
        ("not_really_gzip", Signed::by(WORKER).body(b"{}".to_vec())),
        ("truncated_gzip", Signed::by(WORKER).body(truncated)),
        ("bomb", signed(&vec![b' '; 8 * 1024 * 1024 + 1])),
        ("not_json", signed(b"hello")),
        ("deep", signed(&vec![b'['; 100_000])),
        ("no_worker", signed(b"{\"findings\":[]}")),
        ("too_many", Signed::by(WORKER).batch(&too_many)),
    ];
    for (name, request) in cases {
        let bed = Bed::new();
        let answer = bed.send(request.request()).await;
        insta::assert_snapshot!(format!("shape_{name}"), answer);
        assert_eq!(bed.calls(), 0, "{name}");
    }
    assert_eq!(Bed::new().post(&[]).await.json()["accepted"], 0);
}

#[tokio::test]
async fn a_large_record_goes_to_the_bucket_and_a_pointer_stays() {
    let bed = Bed::new();
    let mut large = finding(1);
    large["record"] = json!({"eventName": "x".repeat(MAX_RECORD)});
    let text = large["record"].to_string();
    assert_eq!(bed.post(&[large.clone()]).await.json()["accepted"], 1);
    let path = format!("/v1/findings/{}", large["id"].as_str().unwrap());
    let shown = bed.get(&path).await.json();
    assert_eq!(shown["finding"]["record"], Value::Null);
    let pointer = &shown["finding"]["record_ref"];
    assert_eq!(pointer["bytes"], text.len());
    let key = pointer["key"].as_str().unwrap();
    assert!(key.ends_with(&format!("{}.json", pointer["sha256"].as_str().unwrap())));
    let stored = bed.bucket.get(key, 1 << 20).await.unwrap().unwrap();
    assert_eq!(stored, text.as_bytes());

    let bed = Bed::new();
    bed.bucket.break_down(true);
    let answer = bed.post(&[large, finding(2)]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let list = bed.get("/v1/findings").await.json();
    assert_eq!(list["findings"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_worker_above_its_rate_waits_and_others_do_not() {
    let bed = Bed::with(|parts| {
        parts.rate = Rate {
            per_second: 1,
            burst: 3,
        };
    });
    let batch: Vec<Value> = (0..4).map(finding).collect();
    assert_eq!(bed.post(&batch).await.status, StatusCode::OK);
    insta::assert_snapshot!("too_fast", bed.post(&[finding(9)]).await);
    let other =
        Signed::by(AGGREGATOR).batch(&[place(1, "444455556666", "eu-west-1", "AwsApiCall")]);
    assert_eq!(bed.send(other.request()).await.status, StatusCode::OK);
    bed.set_seconds(NOW + 2);
    assert_eq!(bed.post(&[finding(9)]).await.status, StatusCode::OK);
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}
