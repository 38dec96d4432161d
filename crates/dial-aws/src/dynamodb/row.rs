//! Outbox rows as attribute maps, and back.

use super::item::{self, Item, Label, decode, encode, parse};
use super::{StoreError, key};
use dial_core::FindingId;
use dial_core::store::group::Before;
use dial_core::store::unanswered::{Span, Unanswered};
use dial_core::store::{Acceptance, Delivery, DeliveryState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One outbox row as it lies there.
#[derive(Serialize, Deserialize)]
struct OutRow {
    pk: String,
    sk: String,
    sink: String,
    state: DeliveryState,
    attempts: u32,
    #[serde(default)]
    earlier: u32,
    #[serde(default)]
    wanted: u32,
    #[serde(default)]
    shown: u32,
    /// Fixed width, for it is compared as text.
    due_at: String,
    received_at: Timestamp,
    since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
    expires: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suppressed_by: Option<String>,
    /// Id of the finding that this one repeats, or its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grouped_at: Option<Timestamp>,
    #[serde(default)]
    repeats: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repeated_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_before: Option<Before>,
    /// JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// JSON text: an attribute map would not keep every number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
    /// Absent where an older program wrote the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unanswered: Option<Unanswered>,
    /// Absent once settled, so that `by_due` holds only what waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_pk: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_sort: Option<String>,
}

/// Outbox row of a new finding, due at once.
pub(crate) fn outbox(new: &Acceptance, sink: &str) -> Result<Item, StoreError> {
    let id = &new.finding.id;
    encode(&OutRow {
        pk: key::finding(id),
        sk: key::out(sink),
        sink: sink.to_owned(),
        state: DeliveryState::Pending,
        attempts: 0,
        earlier: 0,
        wanted: 0,
        shown: 0,
        due_at: key::instant(new.received_at),
        received_at: new.received_at,
        since: new.received_at,
        sent_at: None,
        expires: item::expires(new.expires_at),
        last_error: None,
        suppressed_by: None,
        grp: None,
        grouped_at: None,
        repeats: 0,
        repeated_at: None,
        told_before: None,
        digest: None,
        receipt: None,
        unanswered: Some(Unanswered::default()),
        due_pk: Some(key::partition(sink, id)),
        due_sort: Some(key::due(new.received_at, id)),
    })
}

/// Reads an outbox row.
pub(crate) fn delivery(item: Item) -> Result<Delivery, StoreError> {
    let label = Label::of(&item);
    let row: OutRow = decode(item, &label)?;
    let finding = key::finding_of(&row.pk);
    let receipt = row.receipt.as_deref().map(|text| parse(text, &label));
    let digest = row.digest.as_deref().map(|text| parse(text, &label));
    let group = row.grp.as_deref().map(FindingId::parse);
    let due_at: Timestamp = row.due_at.parse().map_err(|e| label.corrupt(&e))?;
    let before = || before_spans(row.attempts > row.earlier, row.since, due_at);
    let unanswered = row.unanswered.unwrap_or_else(before);
    Ok(Delivery {
        finding: finding.ok_or_else(|| label.corrupt(&"no finding id"))?,
        sink: row.sink,
        state: row.state,
        attempts: row.attempts,
        earlier: row.earlier,
        wanted: row.wanted,
        shown: row.shown,
        since: row.since,
        sent_at: row.sent_at,
        suppressed_by: row.suppressed_by,
        group: group.transpose().map_err(|e| label.corrupt(&e))?,
        grouped_at: row.grouped_at,
        repeats: row.repeats,
        repeated_at: row.repeated_at,
        before: row.told_before,
        digest: digest.transpose()?,
        due_at,
        received_at: row.received_at,
        last_error: row.last_error,
        receipt: receipt.transpose()?.flatten(),
        unanswered,
    })
}

/// Attempts of programs that kept no time lie between the beginning of the errand and the end of
/// the lease, or the next attempt.
fn before_spans(attempted: bool, since: Timestamp, due_at: Timestamp) -> Unanswered {
    let span = attempted.then(|| Span::around(since, due_at));
    span.into_iter().collect()
}

/// A row's state as it lies there.
pub(crate) fn state_name(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Sending => "sending",
        DeliveryState::Sent => "sent",
        DeliveryState::Failed => "failed",
        DeliveryState::Suppressed => "suppressed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamodb::sample;
    use aws_sdk_dynamodb::types::AttributeValue;

    #[test]
    fn state_names_are_the_ones_of_the_wire() {
        for state in [
            DeliveryState::Pending,
            DeliveryState::Sending,
            DeliveryState::Sent,
            DeliveryState::Failed,
            DeliveryState::Suppressed,
        ] {
            assert_eq!(serde_json::to_value(state).unwrap(), state_name(state));
        }
    }

    #[test]
    fn a_row_that_kept_no_times_may_have_got_through_since_its_errand_began() {
        let new = sample::acceptance("e-1", 0);
        let whole = outbox(&new, "slack").unwrap();
        let number = |n: &str| AttributeValue::N(n.to_owned());
        let received = new.received_at;
        let cases = [
            ("never tried", "0", None),
            ("tried", "2", Some(Span::around(received, received))),
        ];
        for (name, attempts, expected) in cases {
            let mut row = whole.clone();
            row.insert("attempts".to_owned(), number(attempts));
            assert_eq!(
                delivery(row.clone()).unwrap().unanswered.own(),
                None,
                "{name}"
            );
            row.remove("unanswered");
            let old = delivery(row).unwrap();
            assert_eq!(old.unanswered.own(), expected, "{name}");
        }
        assert!(matches!(delivery(Item::new()), Err(StoreError::Corrupt(_))));
    }
}
