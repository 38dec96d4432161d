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
    let value = HeaderValue::from_bytes(value).unwrap();
    spoilt(|s| s.extra.push((name, value)))
}

type Attacks = Vec<(&'static str, Request<Body>)>;

fn on_signature() -> Attacks {
    let tags =
        |change: fn(String) -> String| spoilt(|s| s.signature = s.signature.take().map(change));
    vec![
        ("forged", tags(|_| "v1,AAAA".into())),
        ("no signature", tags(|_| String::new())),
        ("other version", tags(|tag| tag.replace("v1,", "v2,"))),
        ("joined twice", tags(|tag| format!("{tag},{tag}"))),
        (
            "oversized signature",
            tags(|tag| format!("{}{tag}", "v1,A ".repeat(4_000))),
        ),
    ]
}

fn on_body() -> Attacks {
    let good = Signed::by(WORKER).batch(&[finding(1)]).signed();
    vec![
        (
            "truncated body",
            spoilt(|s| s.body.truncate(s.body.len() - 1)),
        ),
        ("longer body", spoilt(|s| s.body.push(0))),
        ("empty body", spoilt(|s| s.body.clear())),
        ("garbage", spoilt(|s| s.body = vec![0xff; MAX_BODY])),
        ("broken off", good.request_with(broken_off())),
        (
            "nothing",
            Request::post("/v1/findings").body(Body::empty()).unwrap(),
        ),
    ]
}

fn on_identity() -> Attacks {
    let worker = |text: &str| spoilt(|s| s.worker = text.into());
    let key = |text: &str| spoilt(|s| s.key = text.into());
    let id = |text: &str| signed_with(|s| s.id = text.into());
    let expired = format!("1/{}", NOW - 1);
    vec![
        ("other id", spoilt(|s| s.id = "msg_2".into())),
        ("dot in id", id("msg.1")),
        ("empty id", id("")),
        ("oversized id", id(&"m".repeat(9_000))),
        ("other account", worker("111122223334/eu-west-1")),
        ("other region", worker("111122223333/eu-west-2")),
        ("no region", worker("111122223333")),
        ("path in region", worker("111122223333/../x")),
        ("oversized worker", worker(&"1".repeat(9_000))),
        ("other root", key("2/0")),
        ("unknown root", key("3/0")),
        ("longer life", key("1/1900000001")),
        ("malformed key", key("01/0")),
        ("huge key", key("4294967296/18446744073709551616")),
        ("expired key", signed_with(|s| s.key = expired)),
    ]
}

fn on_time() -> Attacks {
    let text = |text: String| spoilt(|s| s.timestamp = text);
    vec![
        ("other time", text((NOW + 1).to_string())),
        ("time with plus", text(format!("+{NOW}"))),
        ("time with zero", text(format!("0{NOW}"))),
        ("fraction", text(format!("{NOW}.0"))),
        ("no time", text(String::new())),
        ("stale", at(NOW - 301)),
        ("future", at(NOW + 301)),
        ("first second", at(i64::MIN)),
        ("last second", at(i64::MAX)),
        ("zero", at(0)),
        ("minus one", at(-1)),
    ]
}

fn on_headers() -> Attacks {
    let mut attacks = vec![
        ("second id", extra(header::ID, b"msg_1")),
        ("second time", extra(header::TIMESTAMP, b"1900000000")),
        ("second signature", extra(header::SIGNATURE, b"v1,AAAA")),
        (
            "second worker",
            extra(header::WORKER, b"111122223333/eu-west-1"),
        ),
        ("second key", extra(header::KEY, b"1/0")),
    ];
    let names = [
        header::ID,
        header::TIMESTAMP,
        header::SIGNATURE,
        header::WORKER,
        header::KEY,
    ];
    for name in names {
        let without = || spoilt(|s| s.without = Some(name));
        attacks.push((name, without()));
        for value in [b"\xe9".as_slice(), b"\xff\xfe", b"a\tb", b""] {
            let mut request = without();
            let value = HeaderValue::from_bytes(value).unwrap();
            request.headers_mut().insert(name, value);
            attacks.push((name, request));
        }
    }
    attacks
}

fn by_readers() -> Attacks {
    let bare = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    vec![
        ("list without token", bare("/v1/findings")),
        (
            "list with a wrong parameter",
            bare("/v1/findings?colour=red"),
        ),
        ("finding without token", bare("/v1/findings/x")),
        ("finding with token of nobody", wrong_token()),
        ("metrics without token", bare("/metrics")),
    ]
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
    let attacks = [
        on_signature(),
        on_body(),
        on_identity(),
        on_time(),
        on_headers(),
        by_readers(),
    ];
    for (name, request) in attacks.into_iter().flatten() {
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
