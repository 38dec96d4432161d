mod odd;

use super::*;
use crate::event::Kind;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/envelopes");
    std::fs::read(folder.join(name)).unwrap()
}

fn describe_item(item: &Item) -> String {
    match item {
        Ok(event) => {
            let kind = match &event.kind {
                Kind::CloudTrail => event.head().event_name.unwrap_or_default().into_owned(),
                Kind::Native { detail_type, .. } => format!("native {detail_type}"),
            };
            let Event {
                account,
                region,
                id,
                time,
                ..
            } = event;
            format!("{kind} {account}/{region} {time} {id}")
        }
        Err(malformed) => format!("malformed ({} bytes): {malformed}", malformed.bytes.len()),
    }
}

fn describe(input: &Result<Input, EnvelopeError>) -> String {
    let mut text = String::new();
    match input {
        Err(error) => writeln!(text, "error: {error}"),
        Ok(Input::Events(items)) => {
            for item in items {
                writeln!(text, "{}", describe_item(item)).unwrap();
            }
            Ok(())
        }
        Ok(Input::Objects(objects)) => {
            for object in objects {
                writeln!(text, "{object:?}").unwrap();
            }
            writeln!(text, "{} objects", objects.len())
        }
        Ok(Input::Queue(messages)) => {
            for message in messages {
                let content = describe(&message.content).replace('\n', "\n    ");
                writeln!(text, "{}:\n    {}", message.id, content.trim_end()).unwrap();
            }
            Ok(())
        }
    }
    .unwrap();
    text
}

#[test]
fn every_shape_is_told_apart() {
    let names = [
        "eventbridge_api_call.json",
        "eventbridge_console_signin.json",
        "eventbridge_console_sign_in.json",
        "eventbridge_service_event.json",
        "eventbridge_guardduty.json",
        "eventbridge_access_analyzer.json",
        "eventbridge_health.json",
        "s3_notification.json",
        "sns_invocation.json",
        "sqs_batch.json",
        "trail.json",
    ];
    let shown = names.map(|name| format!("# {name}\n{}", describe(&read(&fixture(name)))));
    insta::assert_snapshot!(shown.join("\n"));
}

fn bare() -> Value {
    json!({
        "eventName": "CreateUser", "eventSource": "iam.amazonaws.com", "awsRegion": "us-east-1",
        "eventTime": "2026-05-01T10:00:00Z", "eventID": "e", "recipientAccountId": "111122223333",
        "userIdentity": {"accountId": "444455556666"},
    })
}

/// A bare record with one member changed; `Null` takes it out.
fn changed(key: &str, value: Value) -> Value {
    let mut record = bare();
    record[key] = value;
    if record[key].is_null() {
        record.as_object_mut().unwrap().remove(key);
    }
    record
}

fn enveloped(detail: &Value) -> Value {
    json!({
        "detail-type": "AWS API Call via CloudTrail", "source": "aws.iam", "id": "envelope",
        "account": "777788889999", "region": "eu-north-1", "time": "2026-05-02T00:00:00Z",
        "detail": detail,
    })
}

fn only(value: &Value) -> Item {
    match read(value.to_string().as_bytes()) {
        Ok(Input::Events(mut items)) if items.len() == 1 => items.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn identity_comes_from_the_record_then_from_the_envelope() {
    let hash = |record: &Value| {
        let digest = <sha2::Sha256 as sha2::Digest>::digest(record.to_string());
        dial_core::dead_letter::hex(&digest)
    };
    let no_id = changed("eventID", Value::Null);
    let cases = [
        (
            "whole",
            bare(),
            ["111122223333", "us-east-1", "e"],
            ["111122223333", "us-east-1", "e"],
        ),
        (
            "no account",
            changed("recipientAccountId", Value::Null),
            ["444455556666", "us-east-1", "e"],
            ["777788889999", "us-east-1", "e"],
        ),
        (
            "no id",
            no_id.clone(),
            ["111122223333", "us-east-1", &hash(&no_id)],
            ["111122223333", "us-east-1", &hash(&no_id)],
        ),
        (
            "other keys",
            changed("extra", json!([1])),
            ["111122223333", "us-east-1", "e"],
            ["111122223333", "us-east-1", "e"],
        ),
    ];
    for (name, record, bare, in_envelope) in cases {
        for (value, expected) in [(record.clone(), bare), (enveloped(&record), in_envelope)] {
            let event = only(&value).unwrap();
            let found = [&event.account, &event.region, &event.id];
            assert_eq!(found.map(String::as_str), expected, "{name}");
            assert_eq!(event.record, record, "{name}");
        }
    }
}

#[test]
fn identity_that_cannot_be_is_refused() {
    let cases = [
        (
            "placeholder account",
            changed("recipientAccountId", json!("...")),
            "`recipientAccountId`: `...` is no AWS account number: twelve digits are needed",
        ),
        (
            "placeholder region",
            changed("awsRegion", json!("...")),
            "`awsRegion`: `...` is no region: one to 32 of a-z, 0-9 and - are needed",
        ),
        (
            "no region",
            changed("awsRegion", Value::Null),
            "`awsRegion` is missing or has the wrong type",
        ),
        (
            "no time",
            changed("eventTime", Value::Null),
            "`eventTime` is missing or has the wrong type",
        ),
        (
            "no such time",
            changed("eventTime", json!("2026-13-01T00:00:00Z")),
            "`eventTime` is no RFC 3339 time",
        ),
        (
            "no name",
            json!({"eventName": 3, "eventSource": "x"}),
            "shape is none of EventBridge, SQS, SNS, S3 notice, CloudTrail",
        ),
    ];
    for (name, value, expected) in cases {
        let malformed = only(&value).unwrap_err();
        assert_eq!(malformed.to_string(), expected, "{name}");
        assert_eq!(malformed.bytes, value.to_string().into_bytes(), "{name}");
    }
}

#[test]
fn native_findings_are_told_apart_by_their_own_ids() {
    let native = |detail_type: &str, detail: Value| {
        let mut envelope = enveloped(&detail);
        envelope["detail-type"] = json!(detail_type);
        only(&envelope).unwrap()
    };
    let finding = json!({"id": "f", "updatedAt": "2026-05-01T00:00:00Z", "accountId": "111122223333", "region": "us-east-1"});
    let guardduty = native("GuardDuty Finding", finding);
    assert_eq!(guardduty.id, "f/2026-05-01T00:00:00Z");
    assert_eq!(guardduty.time.to_string(), "2026-05-01T00:00:00Z");
    assert_eq!(
        (&*guardduty.account, &*guardduty.region),
        ("111122223333", "us-east-1")
    );
    let other = native("Scheduled Event", json!({}));
    assert_eq!(other.id, "envelope");
    assert_eq!(other.time.to_string(), "2026-05-02T00:00:00Z");
    assert_eq!(
        (&*other.account, &*other.region),
        ("777788889999", "eu-north-1")
    );
}

#[test]
fn each_finding_of_security_hub_is_an_event() {
    let finding = |id: &str, account: &str| json!({"Id": id, "UpdatedAt": "2026-05-01T00:00:00.123Z", "AwsAccountId": account, "Region": "us-east-1"});
    let hub = |findings: Value| {
        let mut envelope =
            enveloped(&json!({"findings": findings, "actionName": "dial", "junk": 1}));
        envelope["detail-type"] = json!("Security Hub Findings - Imported");
        envelope["source"] = json!("aws.securityhub");
        let text = envelope.to_string();
        match read(text.as_bytes()) {
            Ok(Input::Events(items)) => items,
            other => panic!("{other:?}"),
        }
    };
    let two = json!([finding("a", "111122223333"), finding("b", "444455556666")]);
    let read: Vec<_> = hub(two).into_iter().map(Result::unwrap).collect();
    let seen: Vec<_> = read
        .iter()
        .map(|e| (&*e.account, &*e.region, &*e.id))
        .collect();
    assert_eq!(
        seen,
        [
            ("111122223333", "us-east-1", "a/2026-05-01T00:00:00.123Z"),
            ("444455556666", "us-east-1", "b/2026-05-01T00:00:00.123Z"),
        ]
    );
    assert_eq!(read[0].time.to_string(), "2026-05-01T00:00:00.123Z");
    let expected = json!({"findings": [finding("b", "444455556666")], "actionName": "dial"});
    assert_eq!(read[1].record, expected);
    // Odd members give an event with what the envelope says, or a named error; the rest goes on.
    let odd = hub(json!([7, {"AwsAccountId": "x"}, {}]));
    assert!(matches!(&odd[..], [Ok(_), Err(_), Ok(_)]), "{odd:?}");
    let bare = hub(json!([{}]));
    assert!(
        matches!(&bare[..], [Ok(event)] if event.account == "777788889999" && event.id.len() == 64)
    );
    assert!(matches!(&hub(json!([]))[..], [Ok(event)] if event.id == "envelope"));
    let many = vec![finding("a", "111122223333"); 101];
    assert!(matches!(&hub(json!(many))[..], [Err(_)]));
}

#[test]
fn what_health_reports_as_global_belongs_to_us_east_1() {
    let mut envelope = enveloped(
        &json!({"eventArn": "e", "communicationId": "c", "affectedAccount": "111122223333"}),
    );
    envelope["detail-type"] = json!("AWS Health Abuse Event");
    envelope["source"] = json!("aws.health");
    envelope["region"] = json!("global");
    let event = only(&envelope).unwrap();
    assert_eq!(
        (&*event.account, &*event.region, &*event.id),
        ("111122223333", "us-east-1", "e/c")
    );
}

#[test]
fn an_envelope_that_aws_did_not_send_is_refused() {
    for (source, expected) in [
        (json!("custom.app"), EnvelopeError::NotFromAws),
        (json!("xaws.s3"), EnvelopeError::NotFromAws),
        (Value::Null, EnvelopeError::Missing("source")),
    ] {
        let mut envelope = enveloped(&bare());
        envelope["source"] = source;
        assert_eq!(only(&envelope).unwrap_err().error, expected);
    }
}

#[test]
fn wrappers_are_unwrapped_twice_and_no_more() {
    let sns = |inner: &Value| json!({"Type": "Notification", "Message": inner.to_string()});
    let queue = |inner: &Value| json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": inner.to_string()}]});
    let content = |value: &Value| match read(value.to_string().as_bytes()) {
        Ok(Input::Queue(mut messages)) => messages.remove(0).content,
        other => other,
    };
    let is_event =
        |value: &Value| matches!(content(value), Ok(Input::Events(items)) if items[0].is_ok());
    assert!(is_event(&queue(&bare())));
    assert!(is_event(&queue(&sns(&enveloped(&bare())))));
    assert!(is_event(&sns(&sns(&bare()))));
    for refused in [
        queue(&sns(&sns(&bare()))),
        queue(&queue(&bare())),
        sns(&queue(&bare())),
    ] {
        assert_eq!(content(&refused), Err(EnvelopeError::UnknownShape));
    }
}

#[test]
fn keys_of_objects_are_decoded_and_judged() {
    let cases = [
        (
            "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/05/01/a.json.gz",
            true,
        ),
        (
            "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/05/01/a.json.gz",
            false,
        ),
        ("exports/a.jsonl", true),
        ("exports/", false),
        ("exports/a.parquet", false),
    ];
    for (key, expected) in cases {
        let object = ObjectRef {
            bucket: "b".into(),
            key: key.into(),
            size: None,
        };
        assert_eq!(object.may_hold_records(), expected, "{key}");
    }
    let notice = |key: &str| json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}}]});
    for (key, expected) in [
        ("a+b%2Bc%C3%A9", Some("a b+cé")),
        ("%ff", None),
        ("100%", Some("100%")),
    ] {
        let Ok(Input::Objects(objects)) = read(notice(key).to_string().as_bytes()) else {
            panic!("{key}");
        };
        assert_eq!(
            objects[0].as_ref().ok().map(|o| o.key.as_str()),
            expected,
            "{key}"
        );
    }
}

fn any_input() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        "(Records|detail|detail-type|eventName|eventSource|eventID|body|messageId|Sns|Type|Message|s3|bucket|object|key|name|s3ObjectKey|userIdentity|accountId)",
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<f64>().prop_map(Value::from),
        "(aws:sqs|aws:s3|aws:sns|Notification|ObjectCreated:Put|111122223333|AWS API Call via CloudTrail|GuardDuty Finding)".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner.clone()), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_json_gives_an_answer(value in any_input()) {
        let _ = read(value.to_string().as_bytes());
    }

    #[test]
    fn a_cut_or_changed_event_gives_an_answer(cut in 0_usize..1800, at in 0_usize..1800, byte: u8) {
        let mut bytes = fixture("eventbridge_api_call.json");
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(bytes.len().min(cut + 1));
        let _ = read(&bytes);
    }
}
