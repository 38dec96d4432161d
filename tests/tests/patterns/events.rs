//! Every event there is to try, as `EventBridge` would bring it.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The fixtures that all crates share; there are always some.
pub(crate) fn fixtures() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut events = Vec::new();
    for path in files(&folder, "json") {
        let text = std::fs::read_to_string(&path).unwrap();
        events.extend(serde_json::from_str(&text).ok().and_then(enveloped));
    }
    assert!(events.len() > 150, "{}", events.len());
    events
}

/// Public records, where `DIAL_CORPUS` names a folder with them.
pub(crate) fn corpus() -> Vec<Value> {
    let Some(folder) = std::env::var_os("DIAL_CORPUS") else {
        println!("skipped: DIAL_CORPUS is not set");
        return Vec::new();
    };
    let mut events = Vec::new();
    for path in files(&Path::new(&folder).join("cloudtrail"), "jsonl") {
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            // Envelopes and labelled tests lie beside the records.
            let inner = line.get("body").or(line.get("event")).cloned();
            events.extend(enveloped(inner.unwrap_or(line)));
        }
    }
    assert!(events.len() > 1_500, "{}", events.len());
    events
}

/// All files below a folder with an ending, sorted.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|it| it == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// An `EventBridge` event as it is, a record in the envelope that it comes in; `None` for others.
pub(crate) fn enveloped(input: Value) -> Option<Value> {
    if input.get("detail").is_some_and(Value::is_object) {
        return Some(input).filter(|event| event.get("detail-type").is_some());
    }
    let source = input.get("eventSource")?.as_str()?;
    input.get("eventName")?.as_str()?;
    let service = source.split('.').next().unwrap_or(source);
    let detail_type = match input.get("eventType").and_then(Value::as_str) {
        Some("AwsConsoleSignIn") => "AWS Console Signin via CloudTrail",
        Some("AwsServiceEvent") => "AWS Service Event via CloudTrail",
        Some("AwsConsoleAction") => "AWS Console Action via CloudTrail",
        _ => "AWS API Call via CloudTrail",
    };
    Some(json!({
        "version": "0",
        "id": "5e0c1d8a-26f3-4a0e-9a4b-0c7d2f6b8e11",
        "source": format!("aws.{service}"),
        "detail-type": detail_type,
        "account": "111122223333",
        "region": "eu-west-1",
        "time": "2026-05-04T10:00:00Z",
        "detail": input,
    }))
}
