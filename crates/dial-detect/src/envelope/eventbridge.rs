//! EventBridge events: a CloudTrail record in `detail`, or a finding of another service.

use super::record::{self, Around};
use super::{EnvelopeError, Item, Malformed, json};
use crate::event::{Event, Kind, MAX_ID};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// `source` of what DIAL tells of itself.
pub(crate) const OWN: &str = "dial";

/// Whether a `detail-type` says that `detail` is a CloudTrail record.
///
/// The sign-in's is documented as `AWS Console Signin via CloudTrail` and also seen as
/// `AWS Console Sign In via CloudTrail`; API calls, console actions, service events, insights
/// and network activity end alike.
pub(crate) fn is_cloudtrail(detail_type: &str) -> bool {
    detail_type.ends_with(" via CloudTrail")
}

/// One envelope as an item of a list.
pub(super) fn item(text: &str) -> Item {
    event(text).map_err(|error| Malformed::new(error, text))
}

/// What DIAL tells of itself, in the same envelope; never read from outside.
pub(crate) fn own(text: &str) -> Result<Event, EnvelopeError> {
    read(text, |source| source == OWN)
}

fn event(text: &str) -> Result<Event, EnvelopeError> {
    read(text, |source| source.starts_with("aws."))
}

fn read(text: &str, is_trusted: impl Fn(&str) -> bool) -> Result<Event, EnvelopeError> {
    let keys = [
        "detail-type",
        "detail",
        "source",
        "account",
        "region",
        "time",
        "id",
    ];
    let [detail_type, detail, rest @ ..] = json::pick(text, keys)?;
    let [source, account, region, time, id] = rest.map(|raw| raw.and_then(json::text));
    let detail_type = detail_type
        .and_then(json::text)
        .ok_or(EnvelopeError::Missing("detail-type"))?;
    let detail = detail
        .map(RawValue::get)
        .filter(|detail| detail.starts_with('{'))
        .ok_or(EnvelopeError::Missing("detail"))?;
    let around = Around {
        account,
        region,
        time,
    };
    let source = source.ok_or(EnvelopeError::Missing("source"))?;
    if !is_trusted(&source) {
        return Err(EnvelopeError::NotFromAws);
    }
    if is_cloudtrail(&detail_type) {
        return record::event(detail, &around);
    }
    native(detail, &detail_type, &source, id.as_deref(), &around)
}

fn native(
    detail: &str,
    detail_type: &str,
    source: &str,
    id: Option<&str>,
    around: &Around<'_>,
) -> Result<Event, EnvelopeError> {
    let record = json::value(detail)?;
    let text = |key: &str| record.get(key)?.as_str().map(Cow::Borrowed);
    let (account, region) = (text("accountId"), text("region"));
    let account = record::owner([("accountId", &account), ("account", &around.account)])?;
    let region = record::region([("region", &region), ("region", &around.region)])?;
    let updated = text("updatedAt").filter(|time| time.parse::<jiff::Timestamp>().is_ok());
    let time = record::time([("updatedAt", &updated), ("time", &around.time)])?;
    let id = native_id(&record, detail_type, detail, id);
    Ok(Event {
        kind: Kind::Native {
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
        },
        account,
        region,
        id,
        time,
        record,
    })
}

/// GuardDuty sends a finding again when it changed: `id/updatedAt`. Others are told apart by the
/// envelope's id, which a repeated delivery keeps.
fn native_id(record: &Value, detail_type: &str, detail: &str, envelope: Option<&str>) -> String {
    let text = |key: &str| record.get(key).and_then(Value::as_str);
    if detail_type == "GuardDuty Finding"
        && let (Some(id), Some(updated)) = (text("id"), text("updatedAt"))
        && id.len() + updated.len() < MAX_ID
    {
        return format!("{id}/{updated}");
    }
    record::id(text("eventID").or(envelope), detail)
}
