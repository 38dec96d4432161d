//! Between SQLite's columns and the contract's types.

use dial_core::store::{Delivery, DeliveryState, Status, StoreError};
use jiff::Timestamp;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Columns of an outbox row, in the order that [`delivery`] reads.
pub(super) const DELIVERY: &str =
    "finding, sink, state, attempts, due_at, received_at, last_error, receipt, earlier, wanted,
     shown, since, sent_at, suppressed_by, grp, grouped_at, repeats, repeated_at, digest,
     unanswered, told_before";

/// A stored text that is not what was written.
pub(super) fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

/// Reads a JSON column.
pub(super) fn json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(corrupt)
}

/// Reads a time column, microseconds since 1970.
pub(super) fn time(microseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(microseconds).map_err(corrupt)
}

/// Reads a column with a finding's id.
pub(super) fn id(text: &str) -> Result<dial_core::FindingId, StoreError> {
    dial_core::FindingId::parse(text).map_err(corrupt)
}

/// The word of an enumeration, as JSON spells it.
pub(super) fn word(value: impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .expect("unit variants serialise as strings")
}

/// Reads what [`word`] wrote.
pub(super) fn from_word<T: DeserializeOwned>(word: String) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(word)).map_err(corrupt)
}

/// Reads a status column.
pub(super) fn status(word: String) -> Result<Status, StoreError> {
    from_word(word)
}

/// Reads an outbox row selected as [`DELIVERY`].
pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<Result<Delivery, StoreError>> {
    let raw = RawDelivery {
        finding: row.get(0)?,
        sink: row.get(1)?,
        state: row.get(2)?,
        attempts: row.get(3)?,
        due_at: row.get(4)?,
        received_at: row.get(5)?,
        last_error: row.get(6)?,
        receipt: row.get(7)?,
        earlier: row.get(8)?,
        wanted: row.get(9)?,
        shown: row.get(10)?,
        since: row.get(11)?,
        sent_at: row.get(12)?,
        suppressed_by: row.get(13)?,
        group: row.get(14)?,
        grouped_at: row.get(15)?,
        repeats: row.get(16)?,
        repeated_at: row.get(17)?,
        digest: row.get(18)?,
        unanswered: row.get(19)?,
        before: row.get(20)?,
    };
    Ok(raw.read())
}

struct RawDelivery {
    finding: String,
    sink: String,
    state: String,
    attempts: u32,
    due_at: i64,
    received_at: i64,
    last_error: Option<String>,
    receipt: Option<String>,
    earlier: u32,
    wanted: u32,
    shown: u32,
    since: i64,
    sent_at: Option<i64>,
    suppressed_by: Option<String>,
    group: Option<String>,
    grouped_at: Option<i64>,
    repeats: u32,
    repeated_at: Option<i64>,
    digest: Option<String>,
    unanswered: String,
    before: Option<String>,
}

impl RawDelivery {
    fn read(self) -> Result<Delivery, StoreError> {
        Ok(Delivery {
            finding: id(&self.finding)?,
            sink: self.sink,
            state: from_word::<DeliveryState>(self.state)?,
            attempts: self.attempts,
            due_at: time(self.due_at)?,
            received_at: time(self.received_at)?,
            last_error: self.last_error,
            receipt: self.receipt.as_deref().map(json).transpose()?,
            earlier: self.earlier,
            wanted: self.wanted,
            shown: self.shown,
            since: time(self.since)?,
            sent_at: self.sent_at.map(time).transpose()?,
            suppressed_by: self.suppressed_by,
            group: self.group.as_deref().map(id).transpose()?,
            grouped_at: self.grouped_at.map(time).transpose()?,
            repeats: self.repeats,
            repeated_at: self.repeated_at.map(time).transpose()?,
            digest: self.digest.as_deref().map(json).transpose()?,
            unanswered: json(&self.unanswered)?,
            before: self.before.as_deref().map(json).transpose()?,
        })
    }
}
