//! The index never loses an event: any rules, any event, what matches is among the candidates.

use super::{engine, event, hits, rule};
use crate::event::{Head, Unparsed};
use proptest::prelude::*;
use serde_json::{Value, json};

const NAMES: [&str; 7] = [
    "\u{212a}illLogging",
    "StopLogging",
    "stoplogging",
    "AddPermission20150331v2",
    "AddPermission",
    "PutItem",
    "",
];
const SOURCES: [&str; 3] = [
    "cloudtrail.amazonaws.com",
    "lambda.amazonaws.com",
    "CloudTrail.amazonaws.com",
];

fn item() -> impl Strategy<Value = String> {
    let name = prop::sample::select(NAMES.as_slice());
    let source = prop::sample::select(SOURCES.as_slice());
    prop_oneof![
        name.clone().prop_map(|n| format!("eventName: '{n}'")),
        name.clone()
            .prop_map(|n| format!("eventName: ['{n}', PutItem]")),
        name.clone().prop_map(|n| format!("eventName|cased: '{n}'")),
        name.clone().prop_map(|n| format!("eventName|neq: '{n}'")),
        name.prop_map(|n| format!("eventName|startswith: '{}'", n.get(..3).unwrap_or(""))),
        Just("eventName|contains: [logging, Perm]".to_owned()),
        Just("eventName|re: 'v[0-9]$'".to_owned()),
        Just("eventName|exists: false".to_owned()),
        Just("eventName: null".to_owned()),
        source.prop_map(|s| format!("eventSource: {s}")),
        Just("eventSource|fieldref: eventName".to_owned()),
        Just("userIdentity.type: Root".to_owned()),
        Just("eventName: ['*Logging', Put*]".to_owned()),
        Just("eventName: '*toplog*'".to_owned()),
        Just("eventName|contains|all: [Add, v2]".to_owned()),
        Just("eventName: [null, PutItem]".to_owned()),
        Just("eventName|endswith: Permission".to_owned()),
        Just("eventSource: null".to_owned()),
        Just("errorCode|exists: true".to_owned()),
        Just("errorCode: null".to_owned()),
        Just("errorCode: [null, x]".to_owned()),
        Just("reputation.listed: [null, true]".to_owned()),
        Just("reputation.listed: null".to_owned()),
        Just("reputation.listed|neq: true".to_owned()),
        Just("userIdentity.type: [Root, IAMUser]".to_owned()),
        Just("errorCode: AccessDenied".to_owned()),
        Just("requestParameters.x: 1".to_owned()),
        below().prop_map(|test| format!("requestParameters.bucketName{test}")),
        below().prop_map(|test| format!("errorMessage{test}")),
        Just("reputation.listed: true".to_owned()),
        Just("reputation.listed|exists: false".to_owned()),
    ]
}

/// Of a field of which the head shows nothing.
fn below() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "|exists: true",
        "|exists: false",
        ": null",
        ": [null, alpha-one]",
        ": 17",
        ": true",
        "|neq: alpha-one",
        "|contains: ha-ON",
        "|startswith: [ALPHA, other]",
        "|re: '^(alpha|beta)-[a-z]+$'",
        "|re: 'one|[0-9]+'",
        "|re|i: 'ALPHA-.*'",
        "|contains|all: [alpha, one]",
        "|contains: role/x",
        "|contains: ':\"alpha'",
        "|cidr: 10.0.0.0/8",
        "|gte: 5",
    ])
}

fn detection() -> impl Strategy<Value = String> {
    let conditions = [
        "a",
        "a and b",
        "a or b",
        "not a",
        "a and not b",
        "not a and not b",
        "1 of them",
        "all of them",
        "not 1 of them",
        "1 of a*",
        "all of b*",
    ];
    let items = || prop::collection::vec(item(), 1..3);
    (
        items(),
        items(),
        prop::sample::select(conditions.to_vec()),
        any::<bool>(),
    )
        .prop_map(|(a, b, condition, list)| {
            let block = |name: &str, items: &[String], list: bool| {
                let mut seen = std::collections::BTreeSet::new();
                let lines = items.iter().filter_map(|item| {
                    let key = item.split(": ").next().unwrap_or("").to_owned();
                    let dash = if list { "- " } else { "" };
                    (list || seen.insert(key)).then(|| format!("  {dash}{item}\n"))
                });
                format!("{name}:\n{}", lines.collect::<String>())
            };
            format!(
                "{}{}condition: {condition}",
                block("a", &a, false),
                block("b", &b, list)
            )
        })
}

fn record() -> impl Strategy<Value = Value> {
    let some = |values: &'static [&'static str]| prop::option::of(prop::sample::select(values));
    (
        some(&NAMES),
        some(&SOURCES),
        some(&["Root", "IAMUser"]),
        some(&["AccessDenied", "x"]),
        any::<bool>(),
        prop::option::of(value()),
        prop::option::of(value()),
    )
        .prop_map(|(name, source, identity, error, x, bucket, message)| {
            let mut record = json!({ "userIdentity": {} });
            if let Some(name) = name {
                record["eventName"] = name.into();
            }
            if let Some(source) = source {
                record["eventSource"] = source.into();
            }
            if let Some(identity) = identity {
                record["userIdentity"]["type"] = identity.into();
            }
            if let Some(error) = error {
                record["errorCode"] = error.into();
            }
            if x {
                record["requestParameters"] = json!({ "x": 1 });
            }
            if let Some(bucket) = bucket {
                record["requestParameters"]["bucketName"] = bucket;
            }
            if let Some(message) = message {
                record["errorMessage"] = message;
            }
            record
        })
}

fn value() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!("alpha-one"),
        json!("Alpha-One"),
        json!("beta-two"),
        json!("al\u{17f}o role/x"),
        json!(17),
        json!(1.7e1),
        json!(true),
        json!("10.1.2.3"),
        json!(["alpha-one", "x"]),
        json!({"alpha": ["role/x", {"one": "alpha"}]}),
        json!([]),
        json!(""),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn what_matches_may_match(
        detections in prop::collection::vec(detection(), 1..4),
        records in prop::collection::vec(record(), 1..8),
        attempts in any::<bool>(),
    ) {
        let texts = detections.iter().enumerate().map(|(index, detection)| {
            let id = u32::try_from(index).unwrap_or(0);
            format!("{}\ndial: {{ attempts: {attempts} }}\n", rule(id, detection))
        });
        let sources: Vec<_> = texts.enumerate().map(|(i, text)| super::source(&format!("r{i}"), text)).collect();
        let engine = crate::engine::Engine::of(&sources, &[], vec!["reputation"]).unwrap();
        for record in records {
            let event = event(record);
            let matched: Vec<usize> = hits(&engine, &event, &json!({})).iter().map(|hit| hit.rule).collect();
            let candidates = engine.candidates(&event);
            let lost: Vec<_> = matched.iter().filter(|rule| !candidates.contains(rule)).collect();
            prop_assert!(lost.is_empty(), "{lost:?} {detections:?} {}", event.record);
            // As a scan sees it: with the text, however slashes are written.
            let text = event.record.to_string();
            for text in [text.replace('/', "\\/"), text] {
                let seen = Head { text: Some(Unparsed::new(text.as_bytes())), ..event.head() };
                for head in [seen, event.head()] {
                    prop_assert!(matched.is_empty() || engine.may_match(&head, |_| false, |_, _| false), "{detections:?} {text}");
                }
            }
        }
    }
}

#[test]
fn the_index_does_leave_events_out() {
    let named = rule(
        1,
        "s:\n  eventName: StopLogging\n  eventSource: cloudtrail.amazonaws.com\ncondition: s",
    );
    let root = rule(2, "s:\n  userIdentity.type: Root\ncondition: s");
    let engine = engine([named, root]).unwrap();
    let known = |name: &'static str, source: &'static str, identity_type: &'static str| Head {
        event_name: Some(name.into()),
        event_source: Some(source.into()),
        user_identity_type: Some(identity_type.into()),
        ..Head::default()
    };
    let cases = [
        (
            "named",
            known("StopLogging", "cloudtrail.amazonaws.com", "IAMUser"),
            true,
        ),
        (
            "another service",
            known("StopLogging", "x.amazonaws.com", "IAMUser"),
            false,
        ),
        (
            "another name",
            known("ListBuckets", "cloudtrail.amazonaws.com", "IAMUser"),
            false,
        ),
        (
            "root",
            known("ListBuckets", "s3.amazonaws.com", "Root"),
            true,
        ),
        ("nothing known", Head::default(), true),
    ];
    for (name, known, expected) in cases {
        assert_eq!(
            engine.may_match(&known, |_| false, |_, _| false),
            expected,
            "{name}"
        );
    }
    assert_eq!(engine.unfiltered().collect::<Vec<_>>(), ["r1"]);
}
