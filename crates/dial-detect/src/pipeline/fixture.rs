//! Judges a fixture by one rule, with the facts and derived fields that the pipeline would give.

use crate::derived::{self, Surroundings};
use crate::engine::{Engine, RuleTest, Step, View};
use crate::envelope::{self, Input};
use crate::event::Event;
use crate::facts;
use crate::normalise::Call;
use crate::settings::Settings;
use crate::touched::Touched;
use crate::tuning::{Seen, Tuning};
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
    let (event, derived) = prepared(test, fixtures)?;
    let view = View::new(&event, &derived);
    Ok(engine.judge_one(index, &view).is_some())
}

/// The rule's condition over the test's event, taken apart; and whether the call was refused.
pub(crate) fn trace(
    engine: &Engine,
    index: usize,
    test: &RuleTest,
    fixtures: &Path,
) -> Result<(bool, Vec<Step>), String> {
    let (event, derived) = prepared(test, fixtures)?;
    let view = View::new(&event, &derived);
    Ok((view.failed(), engine.explain(index, &view)))
}

/// The event of a test, and the derived fields that the pipeline and the test give it.
fn prepared(test: &RuleTest, fixtures: &Path) -> Result<(Event, Value), String> {
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
    let ip = super::known::source_ip(&event);
    Tuning::of(&Settings::default()).add_to(
        &mut derived,
        &Seen::new(&Touched::by(&event), ip, None),
        |_| true,
    );
    if let Value::Object(fields) = &mut derived {
        given
            .into_iter()
            .for_each(|(root, value)| add(fields, root, value));
    }
    Ok((event, derived))
}

/// A given group adds to the one that the event gives by itself.
fn add(fields: &mut Map<String, Value>, root: String, given: Value) {
    match (fields.get_mut(&root), given) {
        (Some(Value::Object(there)), Value::Object(given)) => there.extend(given),
        (_, given) => {
            fields.insert(root, given);
        }
    }
}

/// A fixture holds one event: a record, a trail file of one, or an EventBridge event; of AWS's,
/// or what DIAL tells of itself.
fn read_one(bytes: &[u8]) -> Result<Event, String> {
    let own = std::str::from_utf8(bytes).ok().map(envelope::own);
    if let Some(Ok(event)) = own {
        return Ok(event);
    }
    let Ok(Input::Events(items)) = envelope::read(bytes) else {
        return Err("fixture is no event".to_owned());
    };
    let mut items = items.into_iter();
    match (items.next(), items.next()) {
        (Some(Ok(event)), None) => Ok(event),
        (Some(Err(malformed)), _) => Err(malformed.error.to_string()),
        _ => Err("fixture holds not exactly one event".to_owned()),
    }
}

/// `given: { known_accounts: […] }` is no derived field, but what facts are told.
fn known_accounts(given: &mut Map<String, Value>) -> BTreeSet<String> {
    let listed = given.remove("known_accounts");
    let listed = listed.as_ref().and_then(Value::as_array);
    let listed = listed.into_iter().flatten().filter_map(Value::as_str);
    listed.map(str::to_owned).collect()
}
