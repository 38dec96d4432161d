//! Records for the tests of this crate, in the shapes that AWS writes.

use super::{EXTRACTORS, Extractor, Facts, Known, extract};
use crate::event::{Event, Kind};
use crate::normalise::Call;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A call by a user of account 111122223333 in eu-west-1.
pub(crate) fn sample(source: &str, name: &str, request: Value) -> Event {
    let mut record = json!({
        "eventVersion": "1.11",
        "eventSource": source,
        "eventName": name,
        "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333",
        "userIdentity": {
            "type": "IAMUser",
            "arn": "arn:aws:iam::111122223333:user/clerk",
            "accountId": "111122223333",
            "userName": "clerk",
        },
        "responseElements": null,
    });
    record["requestParameters"] = request;
    event(record)
}

/// The same with an answer.
pub(crate) fn answered(source: &str, name: &str, request: Value, response: Value) -> Event {
    let mut event = sample(source, name, request);
    event.record["responseElements"] = response;
    event
}

/// An event around any record.
pub(crate) fn event(record: Value) -> Event {
    Event {
        kind: Kind::CloudTrail,
        record,
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        id: "3f1c0d2e-5a7b-4c8d-9e0f-1a2b3c4d5e6f".to_owned(),
        time: "2026-03-04T05:06:07Z".parse().expect("a time"),
    }
}

/// Facts about an event, 444455556666 being the other known account.
pub(crate) fn facts_of(event: &Event) -> Facts {
    let accounts = BTreeSet::from(["444455556666".to_owned()]);
    let known = Known {
        accounts: &accounts,
        own: &event.account,
    };
    let facts = extract(&Call::of(event), &known);
    for name in facts.names() {
        let declared = |extractor: &Extractor| extractor.facts.contains(&name.as_str());
        assert!(EXTRACTORS.iter().any(declared), "{name} is not declared");
    }
    facts
}

impl Facts {
    /// Dotted names of all facts.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (key, value) in &self.map {
            collect(key, value, &mut names);
        }
        names
    }
}

fn collect(prefix: &str, value: &Value, names: &mut BTreeSet<String>) {
    if let Value::Object(map) = value {
        for (key, below) in map {
            collect(&format!("{prefix}.{key}"), below, names);
        }
    } else {
        names.insert(prefix.to_owned());
    }
}
