//! A member of a record that is not parsed yet, of which no more is read than a rule asks for.

use super::place::{Place, root_of};
use super::view::with_text;
use crate::event::Part;
use rsigma_eval::event::{Event as _, EventValue, JsonEvent};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

/// What most parts have no more members than.
const MEMBERS: usize = 8;

/// A member of a record.
pub(super) struct Section<'a> {
    place: Place,
    part: Part<'a>,
    /// Its own members; `None` for what is no object, or where a name has escapes.
    members: OnceCell<Option<Members<'a>>>,
    /// An object that holds it alone, read whole; `None` where it is no JSON.
    whole: OnceCell<Option<Value>>,
}

impl<'a> Section<'a> {
    pub(super) fn new(place: Place, part: Part<'a>) -> Self {
        Self {
            place,
            part,
            members: OnceCell::new(),
            whole: OnceCell::new(),
        }
    }

    pub(super) fn is_at(&self, place: Place) -> bool {
        self.place == place
    }

    /// Hands on the value that the library finds at a path that begins with this member, or that
    /// there is none; `None` where that cannot be told.
    pub(super) fn with<T>(
        &self,
        path: &str,
        ask: impl FnOnce(Option<EventValue<'_>>) -> T,
    ) -> Option<T> {
        let json = match self.part {
            Part::Unknown => return None,
            Part::Absent => return Some(ask(None)),
            Part::Json(json) => json,
        };
        let root = root_of(path);
        let name = path.get(root.len() + 1..);
        let name = name.filter(|name| !name.contains(['.', '[', '\\']));
        let members = self
            .members
            .get_or_init(|| serde_json::from_slice(json).ok());
        if let (Some(name), Some(members)) = (name, members) {
            return match members.get(name) {
                Some(value) => with_raw(value, ask),
                None => Some(ask(None)),
            };
        }
        let whole = self.whole.get_or_init(|| {
            let value: Value = serde_json::from_slice(json).ok()?;
            Some(Value::Object(
                [(root.to_owned(), value)].into_iter().collect(),
            ))
        });
        let event = JsonEvent::borrow(whole.as_ref()?);
        Some(ask(event.get_field(path).map(with_text)))
    }
}

/// The members of an object in their order, with the values as they stand there.
struct Members<'a>(Vec<(&'a str, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Of several by one name the last one counts, as for whoever parses the whole.
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        let mut from_last = self.0.iter().rev();
        from_last.find_map(|&(key, value)| (key == name).then_some(value))
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(MEMBERS);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// Hands on a value that stands there as JSON.
fn with_raw<T>(value: &RawValue, ask: impl FnOnce(Option<EventValue<'_>>) -> T) -> Option<T> {
    if let Ok(plain) = serde_json::from_str(value.get()) {
        return Some(ask(Some(EventValue::Str(Cow::Borrowed(plain)))));
    }
    let value: Value = serde_json::from_str(value.get()).ok()?;
    Some(ask(Some(with_text(EventValue::from(&value)))))
}
