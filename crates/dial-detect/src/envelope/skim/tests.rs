use super::*;
use crate::envelope::head::Top;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What the parser reads, but for the parts.
fn parsed(text: &str) -> Option<Head<'_>> {
    let top = Top::read(text).ok()?;
    Some(Head {
        parts: Parts::default(),
        ..top.head
    })
}

fn head(data: &[u8]) -> Option<(Head<'_>, usize)> {
    let text = std::str::from_utf8(data).unwrap_or_default();
    let as_text = with_head(data, text, |head, record| (head.clone(), record.len()));
    // Nothing depends on what is known to be text.
    let as_bytes = with_head(data, "", |head, record| (head.clone(), record.len()));
    assert_eq!(as_text, as_bytes);
    as_text
}

fn skimmed(text: &str) -> Option<Head<'_>> {
    let (mut head, end) = head(text.as_bytes())?;
    assert_eq!(end, text.len(), "{text}");
    let seen = head.text.take().unwrap();
    assert_eq!(seen.bytes(), text.as_bytes());
    // What it says of the spelling is what a look at the text says.
    let slowly = Unparsed::new(text.as_bytes());
    assert_eq!(seen.spells_letters(), slowly.spells_letters(), "{text}");
    assert_eq!(seen.spells_all(), slowly.spells_all(), "{text}");
    parts_are_whole(&std::mem::take(&mut head.parts), text);
    Some(head)
}

/// Every part is what the parser reads there, unless a name that spells a path wins over it.
fn parts_are_whole(parts: &Parts<'_>, text: &str) {
    let record: Value = serde_json::from_str(text).unwrap();
    let is_dotted = |name: &String| name.contains('.');
    if record.as_object().unwrap().keys().any(is_dotted) {
        return assert_eq!(*parts, Parts::default(), "{text}");
    }
    let named = [
        ("requestParameters", parts.request),
        ("responseElements", parts.response),
        ("additionalEventData", parts.additional),
        ("userIdentity", parts.identity),
    ];
    for (name, part) in named {
        assert_ne!(part, Part::Unknown, "{name} of {text}");
        let read = part
            .json()
            .map(|json| serde_json::from_slice(json).unwrap());
        assert_eq!(read.as_ref(), record.get(name), "{name} of {text}");
    }
}

#[test]
fn a_head_is_what_the_parser_reads() {
    let cases = [
        r#"{"eventName":"A","userIdentity":{"type":"Root","accountId":"1"},"errorCode":null}"#,
        r#"{ "eventName" : "A" , "userIdentity" : { "x" : [ { } ] , "type" : "Root" } , "n" : 1 }"#,
        r#"{"eventID":7,"readOnly":true,"eventName":"A","requestParameters":{"a":["]}",{"b":"\"{"}]}}"#,
        r#"{"eventName":"Put\u0041","eventSource":"a\\","userAgent":"\u00e9 é \" {"}"#,
        r#"{"userIdentity":"Root","eventName":"A"}"#,
        r#"{"eventName":"A","userIdentity":["Root"],"userAgent":"a","userAgent":"b"}"#,
        r#"{"userIdentity":{"type":"a","type":"b","accountId":{"x":1}},"eventName":"A"}"#,
        r#"{"eventName":"A","userIdentity.type":"Root","userIdentity":{"type":"a"},"requestParameters":{}}"#,
        r#"{"eventName":"","a":{},"b":[],"c":-1.5e7,"d":false}"#,
    ];
    for text in cases {
        assert!(parsed(text).is_some(), "{text}");
        if text.contains(r#""userAgent":"a","userAgent""#) {
            assert_eq!(skimmed(text), None, "left to the parser");
        } else {
            assert_eq!(skimmed(text), parsed(text), "{text}");
        }
    }
}

#[test]
fn what_is_not_plain_is_left_to_the_parser() {
    let cases = [
        ("twice", r#"{"eventName":"A","eventName":"B"}"#),
        ("an escape in a name", r#"{"event\u004eame":"A"}"#),
        (
            "an escape in a name below",
            r#"{"userIdentity":{"t\u0079pe":"A"}}"#,
        ),
        ("an envelope", r#"{"detail-type":"x","detail":{}}"#),
        ("around records", r#"{"Records":[]}"#),
        ("cut off", r#"{"eventName":"A""#),
        ("no value", r#"{"eventName":}"#),
        ("no colon", r#"{"eventName" "A"}"#),
        ("no comma", r#"{"eventName":"A" "b":1}"#),
        ("no name", r#"{"eventName":"A",1:2}"#),
        ("two values", r#"{"eventName":"A":"B"}"#),
        ("a comma more", r#"{"eventName":"A",}"#),
        ("a comma first", r#"{,"eventName":"A"}"#),
        ("no number", r#"{"a":01,"eventName":"A"}"#),
        ("no word", r#"{"a":nul,"eventName":"A"}"#),
        ("two words", r#"{"a":true false,"eventName":"A"}"#),
        ("a stray quote", r#"{"a":{"b":"c"d"},"eventName":"A"}"#),
        ("the wrong bracket", r#"{"a":{"b":1],"eventName":"A"}"#),
        ("the wrong end", r#"{"eventName":"A"]"#),
        ("a list", r#"["eventName"]"#),
        ("no event", r#"{"eventSource":"s3.amazonaws.com"}"#),
        ("a name that is no text", r#"{"eventName":["A"]}"#),
        ("a bad escape", r#"{"eventName":"\x"}"#),
        ("a line in a text", "{\"eventName\":\"a\nb\"}"),
    ];
    for (name, text) in cases {
        assert_eq!(head(text.as_bytes()), None, "{name}");
    }
    assert!(head(b"{\"eventName\":\"\xff\"}").is_none(), "no UTF-8");
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        r#"[a-zA-Z"\\{}\[\],:é\n ]{0,70}"#.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop_oneof![
            "[a-zA-Z\"\\\\]{0,6}",
            Just("type".to_owned()),
            Just("accountId".to_owned())
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn record() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "eventName",
        "eventSource",
        "eventType",
        "errorCode",
        "userAgent",
        "userIdentity",
        "requestParameters",
        "responseElements",
        "additionalEventData",
        "recipientAccountId",
        "eventID",
        "awsRegion",
        "source",
        "x",
        "a.b",
        "detail",
        "detail-type",
        "Records",
    ]);
    let members = prop::collection::vec((names, value()), 0..12);
    ("[A-Za-z]{0,9}", members).prop_map(|(name, mut members)| {
        members.insert(0, ("eventName", name.into()));
        Value::Object(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    })
}

proptest! {
    #[test]
    fn a_record_is_read_as_the_parser_reads_it(record in record(), is_pretty in any::<bool>()) {
        let text = if is_pretty {
            serde_json::to_string_pretty(&record).unwrap()
        } else {
            record.to_string()
        };
        if let Some(head) = skimmed(&text) {
            prop_assert_eq!(Some(head), parsed(&text));
        } else {
            // Only what is left to the parser on purpose may come here.
            let is_left = ["detail", "detail-type", "Records"].iter().any(|name| record.get(name).is_some())
                || !record["eventName"].is_string();
            let identity = record.get("userIdentity").and_then(Value::as_object);
            let has_escape = identity.is_some_and(|map| map.keys().any(|key| key.contains(['"', '\\'])));
            prop_assert!(is_left || has_escape, "{}", text);
        }
    }

    #[test]
    fn any_bytes_are_read_or_left(text in r#"(\{|\}|\[|\]|"|:|,| |\\|eventName|x|"[a-z]*":|1|true|null|\{"eventName":"A",){0,24}"#) {
        if let Some((mut head, end)) = head(text.as_bytes()) {
            prop_assert!(end <= text.len());
            head.text = None;
            head.parts = Parts::default();
            // What the parser takes too, it takes alike.
            if let Some(parsed) = parsed(&text[..end]) {
                prop_assert_eq!(head, parsed);
            }
        }
    }
}
