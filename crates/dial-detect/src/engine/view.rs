//! An event as rules see it: the record as AWS spells it, plus derived fields, nothing copied.
//!
//! What differs from a plain look-up, so that rules stay short:
//! * `eventName` has two values where AWS adds an API date: `AddPermission20150331v2` is also
//!   `AddPermission`.
//! * `fact.`, `geo.`, `asn.`, `reputation.` and `account.` are read from the derived fields.
//! * An object, or a list of objects, also has its JSON text as a value, so that
//!   `requestParameters|contains` finds what it finds in a SIEM.
//! * A native finding is seen in EventBridge's own shape: `source`, `detail-type`, `detail.…`.

use super::gate::DERIVED;
pub(super) use super::place::root_of;
use crate::event::{Event, Kind};
use crate::normalise::without_date;
use rsigma_eval::event::{Event as Fields, EventValue, JsonEvent};
use serde_json::Value;
use std::borrow::Cow;

/// Prefix of what AWS sent, in a native event.
const DETAIL: &str = "detail";

/// One event with its derived fields.
#[derive(Debug)]
pub(crate) struct View<'a> {
    event: &'a Event,
    record: JsonEvent<'a>,
    derived: &'a Value,
    derived_fields: JsonEvent<'a>,
}

impl<'a> View<'a> {
    /// `derived` is an object with some of the names of [`DERIVED`].
    pub(crate) fn new(event: &'a Event, derived: &'a Value) -> Self {
        Self {
            event,
            record: JsonEvent::borrow(&event.record),
            derived,
            derived_fields: JsonEvent::borrow(derived),
        }
    }

    /// The value at a rule's path as plain JSON, without the added values.
    pub(crate) fn plain(&self, path: &str) -> Option<Value> {
        let value = self.look_up(path).map(|value| value.to_json());
        value.or_else(|| self.envelope(path).map(Value::from))
    }

    /// Whether AWS refused or failed the call.
    pub(crate) fn failed(&self) -> bool {
        let error = self.event.record.get("errorCode");
        matches!(self.event.kind, Kind::CloudTrail) && error.is_some_and(|code| !code.is_null())
    }

    pub(super) fn event(&self) -> &'a Event {
        self.event
    }

    /// Service of the log source that an event belongs to, such as `cloudtrail`.
    pub(super) fn service_of(event: &Event) -> &str {
        match &event.kind {
            Kind::CloudTrail => "cloudtrail",
            Kind::Native { source, .. } => source.strip_prefix("aws.").unwrap_or(source),
        }
    }

    fn look_up(&self, path: &str) -> Option<EventValue<'_>> {
        let root = root_of(path);
        if DERIVED.contains(&root) {
            #[cfg(any(test, feature = "fault-injection"))]
            break_if_asked(path);
            return self.derived_fields.get_field(path);
        }
        match &self.event.kind {
            Kind::CloudTrail => self.record.get_field(path),
            Kind::Native { .. } if path == DETAIL => Some(EventValue::from(&self.event.record)),
            Kind::Native { .. } => path
                .strip_prefix(DETAIL)
                .and_then(|rest| rest.strip_prefix('.'))
                .and_then(|inner| self.record.get_field(inner)),
        }
    }

    fn envelope(&self, path: &str) -> Option<&str> {
        match (&self.event.kind, path) {
            (Kind::Native { source, .. }, "source") => Some(source),
            (Kind::Native { detail_type, .. }, "detail-type") => Some(detail_type),
            _ => None,
        }
    }

    /// Keys that exist at the top, for the rule index; more than exist does no harm.
    fn top_level(&self) -> impl Iterator<Item = &str> {
        let native = matches!(self.event.kind, Kind::Native { .. });
        let envelope: &[&str] = if native {
            &["source", "detail-type", DETAIL]
        } else {
            &[]
        };
        let record = self.event.record.as_object().filter(|_| !native);
        let derived = self.derived.as_object();
        let keys = [record, derived].into_iter().flatten();
        let keys = keys.flat_map(|object| object.keys().map(String::as_str));
        keys.chain(envelope.iter().copied())
    }
}

impl Fields for View<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        if path == "eventName" {
            return self.event.record.get(path).map(event_names);
        }
        match self.look_up(path) {
            Some(value) => Some(with_text(value)),
            None => self
                .envelope(path)
                .map(|text| EventValue::Str(Cow::Borrowed(text))),
        }
    }

    fn any_string_value(&self, pred: &dyn Fn(&str) -> bool) -> bool {
        self.record.any_string_value(pred)
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        self.record.all_string_values()
    }

    fn visit_string_values(&self, visit: &mut dyn FnMut(&str)) {
        self.record.visit_string_values(visit);
    }

    fn to_json(&self) -> Value {
        self.event.record.clone()
    }

    fn visit_top_level_keys(&self, visit: &mut dyn FnMut(&str)) -> bool {
        self.top_level().for_each(visit);
        true
    }

    fn top_level_keys(&self) -> Option<Vec<Cow<'_, str>>> {
        Some(self.top_level().map(Cow::Borrowed).collect())
    }
}

/// The name as AWS wrote it and, where that carries an API date, without it.
fn event_names(name: &Value) -> EventValue<'_> {
    name.as_str()
        .map_or_else(|| EventValue::from(name), names_of)
}

/// As [`event_names`], for a name that is known to be text.
pub(crate) fn names_of(raw: &str) -> EventValue<'_> {
    let raw_value = EventValue::Str(Cow::Borrowed(raw));
    match without_date(raw) {
        stripped if stripped.len() == raw.len() => raw_value,
        stripped => EventValue::Array(vec![raw_value, EventValue::Str(Cow::Borrowed(stripped))]),
    }
}

/// Adds the JSON text of objects, so that text modifiers see into them.
pub(super) fn with_text(value: EventValue<'_>) -> EventValue<'_> {
    let mut texts = Vec::new();
    match &value {
        EventValue::Map(_) => texts.push(text_of(&value)),
        EventValue::Array(members) => {
            let objects = members.iter().filter(|member| holds_object(member));
            texts.extend(objects.map(text_of));
        }
        _ => {}
    }
    match value {
        value if texts.is_empty() => value,
        EventValue::Array(mut members) => {
            members.extend(texts);
            EventValue::Array(members)
        }
        object => {
            texts.insert(0, object);
            EventValue::Array(texts)
        }
    }
}

fn holds_object(value: &EventValue<'_>) -> bool {
    match value {
        EventValue::Map(_) => true,
        EventValue::Array(members) => members.iter().any(holds_object),
        _ => false,
    }
}

fn text_of<'v>(value: &EventValue<'_>) -> EventValue<'v> {
    EventValue::Str(Cow::Owned(value.to_json().to_string()))
}

/// Breaks the rule that asks for `fact.dial.panic`, so that tests can see that no other breaks.
#[cfg(any(test, feature = "fault-injection"))]
fn break_if_asked(path: &str) {
    assert!(path != "fact.dial.panic", "injected fault");
}
