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

/// Most findings that one event of Security Hub brings; it sends one, a custom action up to 20.
const MAX_FINDINGS: usize = 100;

/// One envelope as items of a list: one, but for Security Hub, whose events hold several.
pub(super) fn items(text: &str) -> Vec<Item> {
    let malformed = |error| Malformed::new(error, text);
    match read(text, |source| source.starts_with("aws.")) {
        Ok(read) => read.into_iter().map(|it| it.map_err(malformed)).collect(),
        Err(error) => vec![Err(malformed(error))],
    }
}

/// What DIAL tells of itself, in the same envelope; never read from outside.
pub(crate) fn own(text: &str) -> Result<Event, EnvelopeError> {
    let mut read = read(text, |source| source == OWN)?;
    read.pop().ok_or(EnvelopeError::Missing("detail"))?
}

/// What an envelope says about itself.
struct Envelope<'a> {
    detail_type: Cow<'a, str>,
    source: Cow<'a, str>,
    id: Option<Cow<'a, str>>,
    around: Around<'a>,
}

/// One result for each finding of Security Hub; one for anything else.
type Several = Vec<Result<Event, EnvelopeError>>;

fn read(text: &str, is_trusted: impl Fn(&str) -> bool) -> Result<Several, EnvelopeError> {
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
    let source = source.ok_or(EnvelopeError::Missing("source"))?;
    if !is_trusted(&source) {
        return Err(EnvelopeError::NotFromAws);
    }
    let around = Around {
        account,
        region,
        time,
    };
    if is_cloudtrail(&detail_type) {
        return Ok(vec![record::event(detail, &around)]);
    }
    let envelope = Envelope {
        detail_type,
        source,
        id,
        around,
    };
    let record = json::value(detail)?;
    match several(&envelope, &record) {
        Some(findings) if findings.len() > MAX_FINDINGS => {
            Err(EnvelopeError::TooManyRecords(MAX_FINDINGS))
        }
        Some(findings) => {
            let one = |finding| one_of_several(&envelope, &record, finding);
            Ok(findings.iter().map(one).collect())
        }
        None => Ok(vec![native(&envelope, record, detail)]),
    }
}

/// The findings of an event of Security Hub, unless it has none.
fn several<'r>(envelope: &Envelope<'_>, record: &'r Value) -> Option<&'r Vec<Value>> {
    let findings = record.get("findings")?.as_array()?;
    let is_list = envelope.source == "aws.securityhub" && !findings.is_empty();
    is_list.then_some(findings)
}

/// The same event with one finding only, under that finding's account, region, time and id.
fn one_of_several(
    envelope: &Envelope<'_>,
    record: &Value,
    finding: &Value,
) -> Result<Event, EnvelopeError> {
    // Only these stand beside findings; anything else would be copied for each of them.
    let beside = ["actionName", "actionDescription"];
    let beside = beside.map(|key| (key.to_owned(), record.get(key).cloned()));
    let beside = beside.into_iter().filter_map(|(key, it)| Some((key, it?)));
    let mut one: serde_json::Map<String, Value> = beside.collect();
    one.insert("findings".to_owned(), Value::Array(vec![finding.clone()]));
    let text = |key: &str| finding.get(key)?.as_str().map(Cow::Borrowed);
    let around = &envelope.around;
    let updated = text("UpdatedAt").filter(|time| time.parse::<jiff::Timestamp>().is_ok());
    let written = finding.to_string();
    Ok(Event {
        kind: kind(envelope),
        account: record::owner([
            ("AwsAccountId", &text("AwsAccountId")),
            ("account", &around.account),
        ])?,
        region: place([("Region", &text("Region")), ("region", &around.region)])?,
        time: record::time([("UpdatedAt", &updated), ("time", &around.time)])?,
        id: match dated(text("Id").as_deref(), text("UpdatedAt").as_deref()) {
            Some(id) => id,
            None => record::id(None, &written),
        },
        record: Value::Object(one),
    })
}

fn native(envelope: &Envelope<'_>, record: Value, detail: &str) -> Result<Event, EnvelopeError> {
    let text = |key: &str| record.get(key)?.as_str().map(Cow::Borrowed);
    let around = &envelope.around;
    let account = record::owner([
        ("accountId", &text("accountId")),
        ("affectedAccount", &text("affectedAccount")),
        ("account", &around.account),
    ])?;
    let region = place([
        ("region", &text("region")),
        ("eventRegion", &text("eventRegion")),
        ("region", &around.region),
    ])?;
    let updated = text("updatedAt").filter(|time| time.parse::<jiff::Timestamp>().is_ok());
    let time = record::time([("updatedAt", &updated), ("time", &around.time)])?;
    let id = native_id(&record, detail, envelope.id.as_deref());
    Ok(Event {
        kind: kind(envelope),
        account,
        region,
        id,
        time,
        record,
    })
}

fn kind(envelope: &Envelope<'_>) -> Kind {
    Kind::Native {
        source: envelope.source.clone().into_owned(),
        detail_type: envelope.detail_type.clone().into_owned(),
    }
}

/// As [`record::region`]; what Health reports as `global` belongs to us-east-1, as for all
/// services without regions.
fn place<const N: usize>(
    from: [(&'static str, &Option<Cow<'_, str>>); N],
) -> Result<String, EnvelopeError> {
    let region = record::region(from)?;
    Ok(match region.as_str() {
        "global" => "us-east-1".to_owned(),
        _ => region,
    })
}

/// GuardDuty, Access Analyzer and Macie send a finding again when it changed: `id/updatedAt`.
/// Health sends its news in several communications, each to a second region too. Others are told
/// apart by the envelope's id, which a repeated delivery keeps.
fn native_id(record: &Value, detail: &str, envelope: Option<&str>) -> String {
    let text = |key: &str| record.get(key).and_then(Value::as_str);
    dated(text("id").or(text("findingId")), text("updatedAt"))
        .or_else(|| dated(text("eventArn"), text("communicationId")))
        .unwrap_or_else(|| record::id(text("eventID").or(envelope), detail))
}

/// Identity and version of a finding; a long one is replaced by its hash.
fn dated(id: Option<&str>, version: Option<&str>) -> Option<String> {
    let (id, version) = (id?, version?);
    let whole = format!("{id}/{version}");
    (!id.is_empty() && !version.is_empty()).then(|| match whole.len() {
        length if length <= MAX_ID => whole,
        _ => record::id(None, &whole),
    })
}
