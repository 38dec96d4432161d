//! What answers to requests of several findings mean for each of them.

use super::{OPENSEARCH, SPLUNK, built, job, links};
use crate::message::samples::benign;
use crate::sinks::{Reply, Step, Unpacked};
use dial_core::Finding;
use serde_json::{Value, json};

fn findings(count: usize, size: usize) -> Vec<Finding> {
    let numbered = (0..count).map(|number| {
        let mut finding = benign();
        finding.event.id = format!("event-{number}");
        finding.id = finding.expected_id();
        finding.explanation = "x".repeat(size);
        finding
    });
    numbered.collect()
}

fn word(end: Option<&Step>) -> &'static str {
    match end {
        None => "alone",
        Some(Step::Done(_)) => "done",
        Some(Step::Retry { .. }) => "retry",
        Some(Step::Fail(_)) => "fail",
        Some(Step::Send(_)) => "send",
    }
}

/// Settings, status and body of an answer to four findings, and what it means for each.
type Case<'c> = (&'c str, &'c str, u16, Value, &'c str);

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table, one case a line")]
async fn every_finding_has_an_end_of_its_own() {
    let item = |status: u16| json!({"create": {"status": status, "error": {"type": "t"}}});
    let items = |list: &[u16]| {
        let items: Vec<Value> = list.iter().map(|status| item(*status)).collect();
        json!({"errors": true, "items": items})
    };
    let code = |code: u16| json!({"text": "t", "code": code});
    let bad = |number: u16| json!({"text": "t", "code": 6, "invalid-event-number": number});
    let foreign = json!({"items": [{"create": {"_id": "f-x", "status": 201}}]});
    let cases: [Case<'_>; 15] = [
        (
            "all",
            OPENSEARCH,
            200,
            items(&[201, 201, 201, 201]),
            "done done done done",
        ),
        (
            "each",
            OPENSEARCH,
            200,
            items(&[201, 409, 429, 400]),
            "done done retry fail",
        ),
        (
            "too few",
            OPENSEARCH,
            200,
            items(&[201, 503]),
            "done retry alone alone",
        ),
        (
            "another's",
            OPENSEARCH,
            200,
            foreign,
            "alone alone alone alone",
        ),
        (
            "busy",
            OPENSEARCH,
            429,
            json!({}),
            "retry retry retry retry",
        ),
        (
            "not allowed",
            OPENSEARCH,
            403,
            json!({}),
            "fail fail fail fail",
        ),
        (
            "too large",
            OPENSEARCH,
            413,
            json!({}),
            "alone alone alone alone",
        ),
        (
            "malformed",
            OPENSEARCH,
            400,
            json!({}),
            "alone alone alone alone",
        ),
        ("success", SPLUNK, 200, code(0), "done done done done"),
        ("no token", SPLUNK, 403, code(4), "fail fail fail fail"),
        ("full", SPLUNK, 503, code(9), "retry retry retry retry"),
        (
            "first is bad",
            SPLUNK,
            400,
            bad(0),
            "alone alone alone alone",
        ),
        (
            "third is bad",
            SPLUNK,
            400,
            bad(2),
            "done alone alone alone",
        ),
        (
            "some are bad",
            SPLUNK,
            400,
            code(5),
            "alone alone alone alone",
        ),
        (
            "cloud's limit",
            SPLUNK,
            413,
            json!({}),
            "alone alone alone alone",
        ),
    ];
    let (findings, links) = (findings(4, 9), links());
    let jobs: Vec<_> = findings
        .iter()
        .map(|finding| job(finding, &links))
        .collect();
    for (name, settings, status, body, expected) in cases {
        let sinks = built(settings).await;
        let bulk = sinks.get("it").unwrap().sink.bulk().unwrap();
        let (call, count) = bulk.pack(&jobs).unwrap();
        assert_eq!(count, 4, "{name}");
        let reply = Reply {
            step: call.step,
            status,
            retry_after: None,
            body: body.to_string().into_bytes(),
        };
        let Unpacked::Ends(ends) = bulk.unpack(&jobs, &reply) else {
            panic!("{name}: nothing is to be asked");
        };
        let words: Vec<&str> = ends.iter().map(|end| word(end.as_ref())).collect();
        assert_eq!(words.join(" "), expected, "{name}");
    }
}

#[tokio::test]
async fn requests_keep_their_size_and_hold_at_least_one() {
    let links = links();
    for (settings, cap) in [(SPLUNK, 900 * 1024), (OPENSEARCH, 5 * 1024 * 1024)] {
        let sinks = built(settings).await;
        let bulk = sinks.get("it").unwrap().sink.bulk().unwrap();
        for (size, some) in [(9, true), (290_000, true), (6_000_000, false)] {
            let findings = findings(64, size);
            let jobs: Vec<_> = findings
                .iter()
                .map(|finding| job(finding, &links))
                .collect();
            let packed = bulk.pack(&jobs);
            assert_eq!(packed.is_some(), some, "{size}");
            let Some((call, count)) = packed else {
                continue;
            };
            assert!(call.body.len() <= cap, "{}", call.body.len());
            assert!(
                (1..=64).contains(&count) && (size > 9 || count == 64),
                "{count}"
            );
        }
    }
}

/// With acknowledgement on, one question about the request answers for all of its findings.
#[tokio::test]
async fn splunk_confirms_a_request_as_a_whole() {
    let sinks = built(&format!("{SPLUNK}\nack = true")).await;
    let bulk = sinks.get("it").unwrap().sink.bulk().unwrap();
    let (findings, links) = (findings(3, 9), links());
    let jobs: Vec<_> = findings
        .iter()
        .map(|finding| job(finding, &links))
        .collect();
    let reply = |step, body: Value| Reply {
        step,
        status: 200,
        retry_after: None,
        body: body.to_string().into_bytes(),
    };
    let taken = reply("event", json!({"text": "t", "code": 0, "ackId": 7}));
    let Unpacked::Further(call) = bulk.unpack(&jobs, &taken) else {
        panic!("the acknowledgement is asked for");
    };
    for (answer, expected) in [(true, "done"), (false, "send")] {
        match bulk.unpack(&jobs, &reply(call.step, json!({"acks": {"7": answer}}))) {
            Unpacked::Ends(ends) => {
                assert!(ends.iter().all(|end| word(end.as_ref()) == expected));
                assert_eq!(ends.len(), 3);
            }
            Unpacked::Further(again) => assert_eq!((expected, again.step), ("send", "ack 2")),
        }
    }
}
