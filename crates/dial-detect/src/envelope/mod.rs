//! From the bytes of an invocation to events: every input is told apart by its shape alone.

mod error;
mod eventbridge;
mod head;
mod json;
mod loose;
mod record;
mod s3_notice;
mod skim;
mod sns;
mod sqs;
pub mod trail;

pub use error::{EnvelopeError, Malformed};
pub(crate) use eventbridge::{OWN, is_cloudtrail, own};
pub use s3_notice::ObjectRef;
pub use sqs::QueueMessage;

use crate::event::Event;
use serde_json::value::RawValue;

/// Most bytes of one invocation; Lambda takes 6 MB, and an operator's file may be indented.
pub const MAX_INPUT: usize = 8 * 1024 * 1024;
/// Most bytes of one event. EventBridge counts 1 MB by rules of its own, so leave room.
pub const MAX_EVENT: usize = 2 * 1024 * 1024;
/// Deepest nesting of one event.
pub const MAX_DEPTH: usize = 64;
/// Most members of one list in one invocation; SQS delivers at most 10,000.
pub const MAX_RECORDS: usize = 10_000;
/// Envelopes in envelopes: SNS in SQS around an event.
const MAX_WRAPS: u8 = 2;

/// One event, or what could not be read as one; neighbours are read on.
pub type Item = Result<Event, Malformed>;

/// What an invocation brought.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Events to judge.
    Events(Vec<Item>),
    /// An SQS batch; each message is answered for by itself.
    Queue(Vec<QueueMessage>),
    /// Trail objects to fetch and scan; empty for S3's test notice.
    Objects(Vec<Result<ObjectRef, Malformed>>),
}

/// Reads the payload of one invocation.
///
/// Fails only where nothing inside can be told apart; a bad member of a list is a
/// [`Malformed`] in its place.
pub fn read(bytes: &[u8]) -> Result<Input, EnvelopeError> {
    if bytes.len() > MAX_INPUT {
        return Err(EnvelopeError::TooLarge {
            bytes: bytes.len(),
            limit: MAX_INPUT,
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|e| EnvelopeError::NotUtf8(e.valid_up_to()))?;
    unwrap(text, 0)
}

/// Reads one text that may be an event, a list, or a notice around either.
fn unwrap(text: &str, wraps: u8) -> Result<Input, EnvelopeError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('[') {
        return list(&json::list(text, MAX_RECORDS)?, wraps);
    }
    let keys = [
        "detail-type",
        "Records",
        "eventName",
        "Type",
        "Event",
        "s3ObjectKey",
    ];
    let [
        detail_type,
        records,
        event_name,
        kind,
        test_notice,
        object_key,
    ] = json::pick(text, keys)?;
    match (detail_type, records, event_name) {
        (Some(_), ..) => Ok(Input::Events(eventbridge::items(text))),
        (_, Some(records), _) => list(&json::list(records.get(), MAX_RECORDS)?, wraps),
        (.., Some(_)) => Ok(Input::Events(vec![record::item(text)])),
        _ if kind.is_some_and(|k| json::is(k, "Notification")) => sns::notification(text, wraps),
        _ if test_notice.is_some_and(|t| json::is(t, "s3:TestEvent")) => {
            Ok(Input::Objects(Vec::new()))
        }
        _ if object_key.is_some() => s3_notice::trail_delivery(text),
        _ => Err(EnvelopeError::UnknownShape),
    }
}

/// Reads a list; its first member says what the list is of.
fn list(members: &[&RawValue], wraps: u8) -> Result<Input, EnvelopeError> {
    let first = members.first().map_or("{}", |first| first.get());
    let [lower, upper] = json::pick(first, ["eventSource", "EventSource"]).unwrap_or_default();
    let source = lower.or(upper).and_then(json::text).unwrap_or_default();
    match source.as_ref() {
        "aws:sqs" if wraps == 0 => Ok(Input::Queue(sqs::messages(members))),
        "aws:s3" => Ok(Input::Objects(s3_notice::objects(members))),
        "aws:sns" => sns::records(members, wraps),
        other if other.starts_with("aws:") => Err(EnvelopeError::UnknownShape),
        _ => Ok(Input::Events(
            members.iter().flat_map(|m| items(m.get())).collect(),
        )),
    }
}

/// One member of a list of events: an envelope, or a bare record. At least one item.
fn items(text: &str) -> Vec<Item> {
    match json::pick(text, ["detail-type"]) {
        Ok([Some(_)]) => eventbridge::items(text),
        _ => vec![record::item(text)],
    }
}

/// What a message says, unless wrapped too often.
fn content(text: &str, wraps: u8) -> Result<Input, EnvelopeError> {
    if wraps >= MAX_WRAPS {
        return Err(EnvelopeError::UnknownShape);
    }
    unwrap(text, wraps + 1)
}

#[cfg(test)]
mod tests;
