//! A CloudTrail record → an event with its identity settled.

use super::head::Top;
use super::{EnvelopeError, Item, Malformed, json};
use crate::event::{Event, Kind, MAX_ID};
use dial_core::dead_letter::hex;
use dial_core::worker_id::{AccountId, Region};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// What an envelope says about the record in it; used where the record says nothing.
#[derive(Debug, Default)]
pub(super) struct Around<'a> {
    pub(super) account: Option<Cow<'a, str>>,
    pub(super) region: Option<Cow<'a, str>>,
    pub(super) time: Option<Cow<'a, str>>,
}

/// A bare record as an item of a list.
pub(super) fn item(text: &str) -> Item {
    event(text, &Around::default()).map_err(|error| Malformed::new(error, text))
}

/// Reads a CloudTrail record.
pub(super) fn event(text: &str, around: &Around<'_>) -> Result<Event, EnvelopeError> {
    let record = json::value(text)?;
    // What made the value readable must make the head readable.
    let repaired = json::repair(text);
    let top = Top::read(repaired.as_deref().unwrap_or(text))?;
    settled(record, &top, text, around)
}

fn settled(
    record: Value,
    top: &Top<'_>,
    text: &str,
    around: &Around<'_>,
) -> Result<Event, EnvelopeError> {
    let source = top.head.event_source.as_deref();
    if top.head.event_name.is_none() || source.is_none_or(|s| s.starts_with("aws:")) {
        return Err(EnvelopeError::UnknownShape);
    }
    Ok(Event {
        account: account(top, around)?,
        region: region([("awsRegion", &top.region), ("region", &around.region)])?,
        time: time([("eventTime", &top.event_time), ("time", &around.time)])?,
        id: id(top.event_id.as_deref(), text),
        kind: Kind::CloudTrail,
        record,
    })
}

/// Old records have no `recipientAccountId`; in a trail file the caller's account stands in.
fn account(top: &Top<'_>, around: &Around<'_>) -> Result<String, EnvelopeError> {
    owner([
        ("recipientAccountId", &top.head.recipient_account),
        ("account", &around.account),
        ("userIdentity.accountId", &top.head.user_identity_account),
    ])
}

/// `eventID`; without one the SHA-256 of the record's bytes.
pub(super) fn id(named: Option<&str>, text: &str) -> String {
    match named {
        Some(id) if (1..=MAX_ID).contains(&id.len()) => id.to_owned(),
        _ => hex(&Sha256::digest(text)),
    }
}

/// A member's name and its text.
type Named<'n, 'a> = (&'static str, &'n Option<Cow<'a, str>>);

/// The first account that is given; a malformed one is never passed over for the next.
pub(super) fn owner<const N: usize>(from: [Named<'_, '_>; N]) -> Result<String, EnvelopeError> {
    let (field, text) = first(from)?;
    AccountId::parse(text).map_err(|problem| EnvelopeError::Place { field, problem })?;
    Ok(text.to_owned())
}

/// The first region that is given.
pub(super) fn region<const N: usize>(from: [Named<'_, '_>; N]) -> Result<String, EnvelopeError> {
    let (field, text) = first(from)?;
    Region::parse(text).map_err(|problem| EnvelopeError::Place { field, problem })?;
    Ok(text.to_owned())
}

/// The first time that is given.
pub(super) fn time<const N: usize>(from: [Named<'_, '_>; N]) -> Result<Timestamp, EnvelopeError> {
    let (field, text) = first(from)?;
    text.parse().map_err(|_| EnvelopeError::Time(field))
}

fn first<'n, const N: usize>(
    from: [Named<'n, '_>; N],
) -> Result<(&'static str, &'n str), EnvelopeError> {
    let missing = EnvelopeError::Missing(from[0].0);
    from.into_iter()
        .find_map(|(field, text)| Some((field, text.as_deref()?)))
        .ok_or(missing)
}
