//! Labelled tests of another rule set: each agrees, or the difference is explained.

use super::corpus::lines;
use super::judge::Judge;
use super::{Bound, Part, table};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const TABLE: &str = "streamalert.toml";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// Their rule → those of ours that mean the same.
    rules: BTreeMap<String, BTreeSet<String>>,
    /// Tests that end otherwise, by name.
    #[serde(default)]
    differs: BTreeMap<String, String>,
}

pub(super) fn measure(judge: &Judge, folder: &Path) -> Part {
    let table: Table = table::read(TABLE);
    let tests = lines(&folder.join("streamalert.tests.jsonl"));
    let mut part = Part::named("streamalert");
    let (mut agree, mut met) = (0, BTreeSet::new());
    for test in &tests {
        let field = |key: &str| test[key].as_str().unwrap_or_default();
        let name = field("name");
        let expected = test["expected"] == true;
        let Some(rules) = table.rules.get(field("rule_id")) else {
            part.fault(format!("{TABLE} has no rules for `{}`", field("rule_id")));
            continue;
        };
        let verdict = judge.judge(&filled(&test["event"]).to_string());
        if let Some(error) = &verdict.unreadable {
            part.fault(format!("{name}: {error}"));
            continue;
        }
        let fired: BTreeSet<&str> = verdict
            .findings
            .iter()
            .map(|f| f.rule.name.as_str())
            .collect();
        let agrees = fired.iter().any(|rule| rules.contains(*rule)) == expected;
        agree += usize::from(agrees);
        match (table.differs.get_key_value(name), agrees) {
            (None, true) => {}
            (Some((key, reason)), false) => {
                met.insert(key.as_str());
                part.line(format!("differs: {name}: {reason}"));
            }
            (Some((key, _)), true) => {
                met.insert(key.as_str());
                part.fault(format!("{TABLE} explains `{name}`, which agrees"));
            }
            (None, false) => part.fault(format!("{name}: expected {expected}, found {fired:?}")),
        }
    }
    for name in table
        .differs
        .keys()
        .filter(|name| !met.contains(name.as_str()))
    {
        part.fault(format!("{TABLE} explains `{name}`, which is no test"));
    }
    for rule in table
        .rules
        .values()
        .flatten()
        .filter(|rule| !judge.rules().contains(rule.as_str()))
    {
        part.fault(format!("{TABLE} names `{rule}`, which is no rule"));
    }
    part.figure("tests", tests.len(), Bound::Exactly);
    part.figure("agree", agree, Bound::AtLeast);
    part
}

/// The source writes `...` and `12345` where nothing depends on the value; an event has to say
/// where and when, so these stand in.
fn filled(event: &Value) -> Value {
    let mut event = event.clone();
    let stand_ins = [
        ("recipientAccountId", "111122223333"),
        ("awsRegion", "us-east-1"),
        ("eventTime", "2026-05-04T10:00:00Z"),
    ];
    for (key, value) in stand_ins {
        let given = event.get(key).and_then(Value::as_str);
        if given.is_some_and(|text| matches!(text, "..." | "12345")) {
            event[key] = json!(value);
        }
    }
    event
}
