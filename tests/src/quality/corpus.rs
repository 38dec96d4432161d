//! One corpus: every record with its label and what the pack says of it.

use super::judge::{Judge, Verdict};
use serde_json::Value;
use std::path::Path;

/// One record, judged.
pub(super) struct Entry {
    /// `service:EventName`, such as `ec2:RunInstances`.
    pub(super) call: String,
    /// What the source says it is.
    pub(super) label: String,
    pub(super) verdict: Verdict,
}

/// Judges `NAME.jsonl` with the labels of `NAME.labels.jsonl`, line by line.
///
/// # Panics
/// When the files are not there or do not fit together: a corpus is not judged in part.
pub(super) fn judged(judge: &Judge, folder: &Path, name: &str) -> Vec<Entry> {
    let records = lines(&folder.join(format!("{name}.jsonl")));
    let labels = lines(&folder.join(format!("{name}.labels.jsonl")));
    assert_eq!(
        records.len(),
        labels.len(),
        "{name}: a label for each record"
    );
    let both = records.iter().zip(&labels);
    both.map(|(record, label)| Entry {
        call: call(record),
        label: text(label, "label").to_owned(),
        verdict: judge.judge(&record.to_string()),
    })
    .collect()
}

/// The values of a JSON Lines file.
pub(super) fn lines(path: &Path) -> Vec<Value> {
    let shown = path.display();
    let read = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{shown}: {e}"));
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{shown}: {e}"));
    read.lines().map(parse).collect()
}

/// `service:EventName` of a record.
pub(super) fn call(record: &Value) -> String {
    let source = text(record, "eventSource");
    let service = source.split('.').next().unwrap_or(source);
    format!("{service}:{}", text(record, "eventName"))
}

/// A text member, or nothing.
pub(super) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
