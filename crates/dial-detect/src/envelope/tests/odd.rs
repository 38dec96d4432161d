//! What is no event, or a broken one, is named.

use super::*;

#[test]
fn odd_bytes_are_named_errors() {
    let record = bare().to_string();
    let cases: [(&str, Vec<u8>, &str); 13] = [
        (
            "nothing",
            vec![],
            "not readable as JSON: EOF while parsing a value at line 1 column 0",
        ),
        (
            "a number",
            b"12".to_vec(),
            "not readable as JSON: a value has the wrong type at line 1 column 2",
        ),
        (
            "empty object",
            b"{}".to_vec(),
            "shape is none of EventBridge, SQS, SNS, S3 notice, CloudTrail",
        ),
        (
            "another service's batch",
            br#"{"Records":[{"eventSource":"aws:kinesis"}]}"#.to_vec(),
            "shape is none of EventBridge, SQS, SNS, S3 notice, CloudTrail",
        ),
        (
            "not UTF-8",
            b"{\"a\":\"\xff\"}".to_vec(),
            "not UTF-8 at byte 6",
        ),
        (
            "NUL",
            b"{\"a\":\0}".to_vec(),
            "not readable as JSON: expected value at line 1 column 6",
        ),
        (
            "huge",
            vec![b' '; MAX_INPUT + 1],
            "8388609 bytes are too many, 8388608 are allowed",
        ),
        (
            "many",
            format!("[{}1]", "1,".repeat(MAX_RECORDS)).into_bytes(),
            "more than 10000 records in one list",
        ),
        (
            "deep around",
            "[".repeat(3_000_000).into_bytes(),
            "not readable as JSON: EOF while parsing a list at line 1 column 3000000",
        ),
        (
            "two shapes",
            br#"{"detail-type":"a","detail-type":"b"}"#.to_vec(),
            "`detail-type` stands there twice",
        ),
        (
            "twice",
            record
                .replacen('{', "{\"eventName\":\"A\",", 1)
                .into_bytes(),
            "`eventName` stands there twice",
        ),
        (
            "trailing",
            format!("{record} x").into_bytes(),
            "not readable as JSON: trailing characters at line 1 column 215",
        ),
        (
            "no queue in a queue",
            json!({"Records": [{"eventSource": "aws:sqs"}]})
                .to_string()
                .into_bytes(),
            "",
        ),
    ];
    for (name, bytes, expected) in cases {
        let shown = describe(&read(&bytes));
        let shown = shown.trim_start_matches("error: ").trim_end();
        if expected.is_empty() {
            assert!(shown.contains("`body` is missing"), "{name}: {shown}");
        } else {
            assert_eq!(shown, expected, "{name}");
        }
    }
}

#[test]
fn odd_records_are_named_errors() {
    let record = bare().to_string();
    let deep = |n: usize| record.replace("\"e\"", &format!("{}{}", "[".repeat(n), "]".repeat(n)));
    let items = [
        ("deep", deep(64), Some("nested deeper than 64 levels")),
        ("not as deep", deep(63), None),
        (
            "a number that no double holds",
            record.replace("\"e\"", "1e999"),
            Some("not readable as JSON: number out of range at line 1 column 134"),
        ),
        (
            "large",
            record.replace("\"e\"", &format!("\"{}\"", "e".repeat(MAX_EVENT))),
            Some("2097364 bytes are too many, 2097152 are allowed"),
        ),
        ("escaped NUL", record.replace("\"e\"", r#""\u0000""#), None),
        (
            "lone surrogate",
            record.replace("CreateUser\"", "CreateUser\",\"userAgent\":\"\\udead\""),
            None,
        ),
    ];
    for (name, text, expected) in items {
        let Ok(Input::Events(items)) = read(text.as_bytes()) else {
            panic!("{name}");
        };
        let error = items[0].as_ref().err().map(ToString::to_string);
        assert_eq!(error.as_deref(), expected, "{name}");
    }
}
