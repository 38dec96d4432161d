//! Requests that fail authentication: one answer, to the byte, and nothing behind it is touched.

use crate::bed::{Answer, Bed, NOW, Signed, WORKER, finding, get};
use axum::body::{Body, Bytes};
use dial_core::wire::{MAX_BODY, header};
use futures::stream;
use http::{HeaderValue, Request};

/// A good request with one thing changed after it was signed.
fn spoilt(change: impl FnOnce(&mut Signed)) -> Request<Body> {
    let mut signed = Signed::by(WORKER).batch(&[finding(1)]).signed();
    change(&mut signed);
    signed.request()
}

/// A good request signed with other parts.
fn signed_with(change: impl FnOnce(&mut Signed)) -> Request<Body> {
    let mut signed = Signed::by(WORKER).batch(&[finding(1)]);
    change(&mut signed);
    signed.signed().request()
}

fn at(seconds: i64) -> Request<Body> {
    signed_with(|s| s.timestamp = seconds.to_string())
}

fn extra(name: &'static str, value: &'static [u8]) -> Request<Body> {
    spoilt(|s| {
        s.extra
            .push((name, HeaderValue::from_bytes(value).unwrap()))
    })
}

fn attacks() -> Vec<(String, Request<Body>)> {
    let good = || Signed::by(WORKER).batch(&[finding(1)]).signed();
    let mut attacks = vec![
        ("forged", spoilt(|s| s.signature = Some("v1,AAAA".into()))),
        (
            "no signature",
            spoilt(|s| s.signature = Some(String::new())),
        ),
        (
            "other version",
            spoilt(|s| s.signature = s.signature.take().map(|t| t.replace("v1,", "v2,"))),
        ),
        (
            "joined twice",
            spoilt(|s| s.signature = s.signature.take().map(|t| format!("{t},{t}"))),
        ),
        ("truncated body", spoilt(|s| drop(s.body.pop()))),
        ("longer body", spoilt(|s| s.body.push(0))),
        ("empty body", spoilt(|s| s.body.clear())),
        ("other id", spoilt(|s| s.id = "msg_2".into())),
        ("dot in id", signed_with(|s| s.id = "msg.1".into())),
        ("empty id", signed_with(|s| s.id = String::new())),
        ("oversized id", signed_with(|s| s.id = "m".repeat(9_000))),
        (
            "other account",
            spoilt(|s| s.worker = "111122223334/eu-west-1".into()),
        ),
        (
            "other region",
            spoilt(|s| s.worker = "111122223333/eu-west-2".into()),
        ),
        ("no region", spoilt(|s| s.worker = "111122223333".into())),
        (
            "path in region",
            spoilt(|s| s.worker = "111122223333/../x".into()),
        ),
        ("oversized worker", spoilt(|s| s.worker = "1".repeat(9_000))),
        ("other root", spoilt(|s| s.key = "2/0".into())),
        ("unknown root", spoilt(|s| s.key = "3/0".into())),
        ("longer life", spoilt(|s| s.key = "1/1900000001".into())),
        ("malformed key", spoilt(|s| s.key = "01/0".into())),
        (
            "huge key",
            spoilt(|s| s.key = "4294967296/18446744073709551616".into()),
        ),
        (
            "other time",
            spoilt(|s| s.timestamp = (NOW + 1).to_string()),
        ),
        (
            "time with plus",
            spoilt(|s| s.timestamp = format!("+{NOW}")),
        ),
        (
            "time with zero",
            spoilt(|s| s.timestamp = format!("0{NOW}")),
        ),
        ("fraction", spoilt(|s| s.timestamp = format!("{NOW}.0"))),
        ("no time", spoilt(|s| s.timestamp = String::new())),
        ("stale", at(NOW - 301)),
        ("future", at(NOW + 301)),
        ("first second", at(i64::MIN)),
        ("last second", at(i64::MAX)),
        ("zero", at(0)),
        ("minus one", at(-1)),
        (
            "expired key",
            signed_with(|s| s.key = format!("1/{}", NOW - 1)),
        ),
        ("second id", extra(header::ID, b"msg_1")),
        ("second time", extra(header::TIMESTAMP, b"1900000000")),
        ("second signature", extra(header::SIGNATURE, b"v1,AAAA")),
        (
            "second worker",
            extra(header::WORKER, b"111122223333/eu-west-1"),
        ),
        ("second key", extra(header::KEY, b"1/0")),
        (
            "nothing",
            Request::post("/v1/findings").body(Body::empty()).unwrap(),
        ),
        ("garbage", good().body(vec![0xff; MAX_BODY]).request()),
        ("broken off", good().request_with(broken_off())),
        (
            "reader without token",
            Request::get("/v1/findings").body(Body::empty()).unwrap(),
        ),
        ("reader with token of nobody", wrong_token()),
        (
            "metrics",
            Request::get("/metrics").body(Body::empty()).unwrap(),
        ),
    ]
    .into_iter()
    .map(|(name, request)| (name.to_owned(), request))
    .collect::<Vec<_>>();
    let names = [
        header::ID,
        header::TIMESTAMP,
        header::SIGNATURE,
        header::WORKER,
        header::KEY,
    ];
    for name in names {
        attacks.push((
            format!("without {name}"),
            spoilt(|s| s.without = Some(name)),
        ));
        let latin = HeaderValue::from_bytes(b"\xe9").unwrap();
        let mut request = spoilt(|s| s.without = Some(name));
        request.headers_mut().insert(name, latin);
        attacks.push((format!("{name} not ASCII"), request));
    }
    attacks
}

fn broken_off() -> Body {
    let end = Err(std::io::Error::other("reset"));
    Body::from_stream(stream::iter([Ok(Bytes::from_static(b"\x1f\x8b")), end]))
}

fn wrong_token() -> Request<Body> {
    let mut request = get("/v1/findings/f-aaaaaaaaaaaaaaaaaaaaaaaaaa");
    let token = HeaderValue::from_static("Bearer reader-token-0123456789-abcdeg");
    request.headers_mut().insert("authorization", token);
    request
}

#[tokio::test]
async fn every_refusal_is_the_same_to_the_byte_and_touches_nothing() {
    let bed = Bed::new();
    let mut first: Option<Answer> = None;
    for (name, request) in attacks() {
        let answer = bed.send(request).await;
        let first = first.get_or_insert_with(|| answer.clone());
        assert_eq!(&answer, first, "{name}");
        assert_eq!(bed.calls(), 0, "{name}");
    }
    insta::assert_snapshot!("refusal", first.unwrap());
    let good = bed.post(&[finding(1)]).await;
    assert_eq!(
        good.json()["accepted"],
        1,
        "the bed does take good requests"
    );
}

#[tokio::test]
async fn a_replay_is_a_duplicate_until_it_is_stale() {
    for (later, status) in [(0, 200), (299, 200), (300, 200), (301, 401), (86_400, 401)] {
        let bed = Bed::new();
        assert_eq!(bed.post(&[finding(1)]).await.json()["accepted"], 1);
        let before = bed.calls();
        bed.set_seconds(NOW + later);
        let replayed = bed.post(&[finding(1)]).await;
        assert_eq!(replayed.status.as_u16(), status, "{later}");
        if status == 200 {
            assert_eq!(replayed.json()["duplicates"], 1, "{later}");
        } else {
            assert_eq!(bed.calls(), before, "{later}");
        }
    }
}

#[tokio::test]
async fn over_the_cap_is_always_a_bare_413() {
    let good = || Signed::by(WORKER).batch(&[finding(1)]).signed();
    let huge = vec![0_u8; MAX_BODY + 1];
    let chunks = || stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![0; 65_536])));
    let announced = |mut request: Request<Body>, length: &'static str| {
        let value = HeaderValue::from_static(length);
        request.headers_mut().insert("content-length", value);
        request
    };
    let never = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let nobody = |body: Body| Request::post("/v1/findings").body(body).unwrap();
    let cases = [
        ("well signed", good().body(huge.clone()).signed().request()),
        ("badly signed", good().body(huge.clone()).request()),
        ("unsigned", nobody(huge.into())),
        ("endless stream", nobody(Body::from_stream(chunks()))),
        (
            "announced, nothing sent",
            announced(nobody(never()), "1048577"),
        ),
        (
            "announced beyond numbers",
            announced(nobody(never()), "99999999999999999999"),
        ),
    ];
    let bed = Bed::new();
    let mut first: Option<Answer> = None;
    for (name, request) in cases {
        let answer = bed.send(request).await;
        assert_eq!(
            &answer,
            first.get_or_insert_with(|| answer.clone()),
            "{name}"
        );
    }
    insta::assert_snapshot!("too_large", first.unwrap());
    assert_eq!(bed.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_refused_in_time() {
    let bed = Bed::new();
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let slow = Signed::by(WORKER)
        .batch(&[finding(1)])
        .signed()
        .request_with(never);
    assert_eq!(bed.send(slow).await.status.as_u16(), 401);
    assert_eq!(bed.calls(), 0);
}

#[tokio::test]
async fn keys_live_until_their_last_second() {
    for (not_after, good) in [(NOW - 1, false), (NOW, true), (NOW + 1, true)] {
        let bed = Bed::new();
        let answer = bed
            .send(signed_with(|s| s.key = format!("1/{not_after}")))
            .await;
        assert_eq!(answer.status.is_success(), good, "{not_after}");
    }
    let second_root = Bed::new().send(signed_with(|s| s.key = "2/0".into())).await;
    assert!(second_root.status.is_success());
}
