//! Judges a fixture by one rule, with the facts and derived fields that the pipeline would give.

use crate::derived::{self, Surroundings};
use crate::engine::{Engine, RuleTest, View};
use crate::event::{Event, Kind};
use crate::facts;
use crate::normalise::Call;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::Path;

/// Whether the rule at `index` matches the test's event.
pub(crate) fn judge(
    engine: &Engine,
    index: usize,
    test: &RuleTest,
    fixtures: &Path,
) -> Result<bool, String> {
    let path = fixtures.join(&test.event);
    let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let event = read_one(&bytes)?;
    let mut given = test.given.clone();
    let accounts = known_accounts(&mut given);
    let known = facts::Known {
        accounts: &accounts,
        own: &event.account,
    };
    let facts = facts::extract(&Call::of(&event), &known);
    let around = Surroundings {
        account: &event.account,
        ..Surroundings::default()
    };
    let mut derived = derived::fields(&facts, &around);
    if let Value::Object(fields) = &mut derived {
        fields.extend(given);
    }
    Ok(engine
        .judge_one(index, &View::new(&event, &derived))
        .is_some())
}

/// A fixture holds one event: a record, or an EventBridge event.
fn read_one(bytes: &[u8]) -> Result<Event, String> {
    let mut value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let kind = match value.get("detail-type") {
        Some(_) => {
            let kind = Kind::Native {
                source: text(&value, "source"),
                detail_type: text(&value, "detail-type"),
            };
            value = value["detail"].take();
            kind
        }
        None => Kind::CloudTrail,
    };
    Ok(Event {
        kind,
        account: text(&value, "recipientAccountId"),
        region: text(&value, "awsRegion"),
        id: text(&value, "eventID"),
        time: text(&value, "eventTime").parse().unwrap_or_default(),
        record: value,
    })
}

/// `given: { known_accounts: […] }` is no derived field, but what facts are told.
fn known_accounts(given: &mut Map<String, Value>) -> BTreeSet<String> {
    let listed = given.remove("known_accounts");
    let listed = listed.as_ref().and_then(Value::as_array);
    let listed = listed.into_iter().flatten().filter_map(Value::as_str);
    listed.map(str::to_owned).collect()
}
