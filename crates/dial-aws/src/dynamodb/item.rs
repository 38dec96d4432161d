//! What items hold: findings and audit lines as attribute maps, and back.

use super::table::{EXPIRES, PK, SK};
use super::{StoreError, key};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use dial_core::FindingId;
use dial_core::finding::{Finding, MAX_RECORD};
use dial_core::gzip::{deflate, inflate};
use dial_core::record::Record;
use dial_core::store::triage::Triage;
use dial_core::store::{Acceptance, Audit, Status, Stored, Summary, sort_key};
use dial_core::wire;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};
use std::collections::HashMap;

/// Attributes by name.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Longest text that is kept as it is, bytes; longer ones are gzip, for an item holds 400 KB.
const MAX_PLAIN: usize = 8 * 1024;
/// Most bytes that a compressed attribute may inflate to.
const MAX_INFLATED: usize = MAX_RECORD + wire::MAX_BODY;

/// The keys and small attributes of a finding's item; `finding` and `record` lie beside them.
#[derive(Serialize, Deserialize)]
struct Meta {
    pk: String,
    sk: String,
    sort: String,
    time_pk: String,
    account_pk: String,
    status_pk: String,
    rule_pk: String,
    rule_id_pk: String,
    principal_pk: String,
    resource_pk: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_key_pk: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address_pk: Option<String>,
    expiry_sort: String,
    status: Status,
    revision: u64,
    received_at: Timestamp,
    expires_at: Timestamp,
    expires: i64,
    summary: String,
}

/// What an index of findings holds.
#[derive(Deserialize)]
struct Line {
    summary: String,
    status: Status,
    expires: i64,
}

/// What is read back of a finding's item.
#[derive(Deserialize)]
struct Head {
    #[serde(flatten)]
    triage: Triage,
    received_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct AuditLine {
    pk: String,
    sk: String,
    expires: i64,
    #[serde(flatten)]
    audit: Audit,
}

/// Item of a new finding.
pub(crate) fn meta(new: &Acceptance) -> Result<Item, StoreError> {
    let mut finding = new.finding.clone();
    let record = finding.record.take();
    let mut item = encode(&meta_keys(new)?)?;
    item.insert("finding".to_owned(), pack(&json(&finding)?));
    if let Some(record) = record {
        item.insert("record".to_owned(), pack(record.as_str()));
    }
    Ok(item)
}

fn meta_keys(new: &Acceptance) -> Result<Meta, StoreError> {
    let summary = Summary::of(&new.finding, &Triage::default());
    let id = &summary.id;
    Ok(Meta {
        pk: key::finding(id),
        sk: key::META.to_owned(),
        sort: sort_key(summary.time, id),
        time_pk: key::partition(key::ALL, id),
        account_pk: key::partition(&summary.account.id, id),
        status_pk: key::partition(status_name(summary.status), id),
        rule_pk: key::partition(&summary.rule.name, id),
        rule_id_pk: key::partition(&summary.rule.id, id),
        principal_pk: key::partition(&summary.principal, id),
        resource_pk: key::partition(&summary.resource, id),
        access_key_pk: summary.access_key().map(|key| key::partition(key, id)),
        address_pk: summary
            .address()
            .map(|address| key::partition(&address, id)),
        expiry_sort: key::expiry(new.expires_at, id),
        status: summary.status,
        revision: 0,
        received_at: new.received_at,
        expires_at: new.expires_at,
        expires: expires(new.expires_at),
        summary: json(&summary)?,
    })
}

/// First line of a finding's history.
pub(crate) fn accepted(new: &Acceptance) -> Result<Item, StoreError> {
    let line = Audit {
        at: new.received_at,
        who: new.sender.clone(),
        door: "worker".to_owned(),
        action: "accepted".to_owned(),
        before: None,
        after: None,
        comment: None,
    };
    history(&new.finding.id, &line, expires(new.expires_at))
}

/// A line of a finding's history; its revision orders lines of the same millisecond.
pub(crate) fn history(id: &FindingId, line: &Audit, expires: i64) -> Result<Item, StoreError> {
    encode(&AuditLine {
        pk: key::finding(id),
        sk: key::audit(line.at, revision(line)),
        expires,
        audit: line.clone(),
    })
}

/// The revision that a line of the history led to.
pub(crate) fn revision(line: &Audit) -> u64 {
    line.after.as_ref().map_or(0, |after| after.revision)
}

/// What is read of a finding to change its triage.
#[derive(Deserialize)]
pub(crate) struct Standing {
    /// As it was written.
    #[serde(flatten)]
    pub(crate) triage: Triage,
    /// JSON of the line of a list.
    summary: String,
    /// When the store may forget it.
    expires_at: Timestamp,
    /// The same as the TTL attribute.
    pub(crate) expires: i64,
}

impl Standing {
    /// Names of the attributes, for a projection.
    pub(crate) const ATTRIBUTES: [&str; 7] = [
        "status",
        "assignee",
        "snoozed_until",
        "revision",
        "summary",
        "expires_at",
        EXPIRES,
    ];

    /// `None` when it is expired at `now`.
    pub(crate) fn read(item: Item, now: Timestamp) -> Result<Option<Self>, StoreError> {
        let label = Label::of(&item);
        let standing: Self = decode(item, &label)?;
        Ok((standing.expires_at > now).then_some(standing))
    }

    /// The line of a list.
    pub(crate) fn summary(&self) -> Result<Summary, StoreError> {
        let corrupt = |e: serde_json::Error| StoreError::Corrupt(format!("summary: {e}"));
        serde_json::from_str(&self.summary).map_err(corrupt)
    }
}

/// Reads a finding's item; `None` when it is expired at `now`.
pub(crate) fn stored(mut item: Item, now: Timestamp) -> Result<Option<Stored>, StoreError> {
    let label = Label::of(&item);
    let (finding, record) = (item.remove("finding"), item.remove("record"));
    let head: Head = decode(item, &label)?;
    if head.expires_at <= now {
        return Ok(None);
    }
    let finding = finding.ok_or_else(|| label.corrupt(&"finding is missing"))?;
    let mut finding: Finding = parse(&unpack(&finding, &label)?, &label)?;
    if let Some(record) = record {
        finding.record = Some(parse::<Record>(&unpack(&record, &label)?, &label)?);
    }
    Ok(Some(Stored {
        finding,
        triage: head.triage.at(now),
        received_at: head.received_at,
        expires_at: head.expires_at,
    }))
}

/// Reads a line of an index of findings, and whether it is expired at `now`.
pub(crate) fn line(item: Item, now: Timestamp) -> Result<(Summary, bool), StoreError> {
    let label = Label::of(&item);
    let line: Line = decode(item, &label)?;
    let mut summary: Summary = parse(&line.summary, &label)?;
    summary.status = line.status;
    let summary = summary.at(now);
    Ok((summary, is_expired(line.expires, now)))
}

/// Reads an audit line.
pub(crate) fn audit(item: Item) -> Result<Audit, StoreError> {
    let label = Label::of(&item);
    decode::<AuditLine>(item, &label).map(|line| line.audit)
}

/// Reads what [`encode`] wrote.
pub(crate) fn read<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    let label = Label::of(&item);
    decode(item, &label)
}

/// Epoch seconds for the TTL attribute, never before the time itself.
pub(crate) fn expires(at: Timestamp) -> i64 {
    let part = i64::from(at.subsec_nanosecond() > 0);
    at.as_second().saturating_add(part)
}

/// Items are served until the TTL sweep comes by, up to two days late.
pub(crate) fn is_expired(expires: i64, now: Timestamp) -> bool {
    expires <= now.as_second()
}

/// Whether an item that was read is expired; one that does not say so is kept.
pub(crate) fn expired(item: &Item, now: Timestamp) -> bool {
    let number = item.get(EXPIRES).and_then(|value| value.as_n().ok());
    let expires = number.and_then(|text| text.parse().ok());
    expires.is_some_and(|expires| is_expired(expires, now))
}

/// The status as its partition spells it.
pub(crate) fn status_name(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Acknowledged => "acknowledged",
        Status::Resolved => "resolved",
        Status::FalsePositive => "false_positive",
        Status::Snoozed => "snoozed",
    }
}

/// Text as it is, or gzip where it is long.
fn pack(text: &str) -> AttributeValue {
    if text.len() <= MAX_PLAIN {
        AttributeValue::S(text.to_owned())
    } else {
        AttributeValue::B(Blob::new(deflate(text.as_bytes())))
    }
}

fn unpack(value: &AttributeValue, label: &Label) -> Result<String, StoreError> {
    match value {
        AttributeValue::S(text) => Ok(text.clone()),
        AttributeValue::B(blob) => {
            let bytes = inflate(blob.as_ref(), MAX_INFLATED).map_err(|e| label.corrupt(&e))?;
            String::from_utf8(bytes).map_err(|e| label.corrupt(&e))
        }
        _ => Err(label.corrupt(&"neither text nor bytes")),
    }
}

/// A value as an item.
pub(crate) fn encode(value: &impl Serialize) -> Result<Item, StoreError> {
    to_item(value).map_err(|e| StoreError::Corrupt(e.to_string()))
}

pub(super) fn decode<T: DeserializeOwned>(item: Item, label: &Label) -> Result<T, StoreError> {
    from_item(item).map_err(|e| label.corrupt(&e))
}

pub(crate) fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Corrupt(e.to_string()))
}

pub(super) fn parse<T: DeserializeOwned>(text: &str, label: &Label) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| label.corrupt(&e))
}

/// Which item it was, for the error.
pub(super) struct Label(String);

impl Label {
    pub(super) fn of(item: &Item) -> Self {
        let part = |name| item.get(name).and_then(|v| v.as_s().ok());
        let part = |name| part(name).map_or("?", String::as_str);
        Self(format!("{} {}", part(PK), part(SK)))
    }

    pub(super) fn corrupt(&self, why: &dyn std::fmt::Display) -> StoreError {
        StoreError::Corrupt(format!("{}: {why}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamodb::sample;

    const NOW: &str = "2026-05-02T00:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    #[test]
    fn a_finding_comes_back_as_it_was() {
        for size in [0, 100, 9_000, MAX_RECORD - 100] {
            let new = sample::acceptance("e-1", size);
            let back = stored(meta(&new).unwrap(), now()).unwrap().unwrap();
            assert_eq!(back.finding, new.finding, "record of {size}");
            assert_eq!(back.triage, Triage::default());
            assert_eq!(back.received_at, new.received_at);
            assert_eq!(back.expires_at, new.expires_at);
        }
    }

    #[test]
    fn long_texts_are_compressed_and_short_ones_legible() {
        let item = meta(&sample::acceptance("e-1", 100)).unwrap();
        assert!(item["record"].is_s() && item["finding"].is_s());
        let item = meta(&sample::acceptance("e-1", 100_000)).unwrap();
        assert!(item["record"].is_b() && item["finding"].is_s());
    }

    #[test]
    fn the_index_line_takes_the_status_of_the_attribute() {
        let mut item = meta(&sample::acceptance("e-1", 0)).unwrap();
        item.insert(
            "status".to_owned(),
            AttributeValue::S("resolved".to_owned()),
        );
        let (summary, expired) = line(item, now()).unwrap();
        assert_eq!(summary.status, Status::Resolved);
        assert!(!expired);
    }

    #[test]
    fn status_names_are_the_ones_of_the_wire() {
        for status in [
            Status::Open,
            Status::Acknowledged,
            Status::Resolved,
            Status::FalsePositive,
            Status::Snoozed,
        ] {
            let wire = serde_json::to_value(status).unwrap();
            assert_eq!(wire, status_name(status));
        }
    }

    #[test]
    fn expired_items_are_gone_although_they_lie_there() {
        let new = sample::acceptance("e-1", 0);
        let expiry = new.expires_at;
        let before = expiry - jiff::SignedDuration::from_secs(1);
        assert!(stored(meta(&new).unwrap(), before).unwrap().is_some());
        assert!(stored(meta(&new).unwrap(), expiry).unwrap().is_none());
    }

    #[test]
    fn broken_items_are_named() {
        let whole = meta(&sample::acceptance("e-1", 100)).unwrap();
        let broken = [
            ("finding", AttributeValue::S("{".to_owned())),
            ("finding", AttributeValue::Bool(true)),
            ("record", AttributeValue::B(Blob::new(b"no gzip".to_vec()))),
            ("status", AttributeValue::S("sideways".to_owned())),
            ("expires_at", AttributeValue::S("soon".to_owned())),
        ];
        for (name, value) in broken {
            let mut item = whole.clone();
            item.insert(name.to_owned(), value);
            let error = stored(item, now()).unwrap_err().to_string();
            assert!(error.contains("F#f-") && error.contains("META"), "{error}");
        }
        assert!(matches!(audit(Item::new()), Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn the_items_of_a_finding_are_pinned() {
        let new = sample::acceptance("e-1", 20);
        let outbox = crate::dynamodb::row::outbox(&new, "slack");
        let items = [meta(&new), accepted(&new), outbox];
        let items = items.map(|item| {
            let item: serde_json::Value = from_item(item.unwrap()).unwrap();
            item
        });
        insta::with_settings!({ sort_maps => true }, {
            insta::assert_json_snapshot!(items);
        });
    }
}
