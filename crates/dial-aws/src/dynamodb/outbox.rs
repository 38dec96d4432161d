//! Outbox rows: what is due, who has it, how it ended.

use super::item::{self, Item};
use super::retry::patiently;
use super::table::{BY_DUE, PK, SK};
use super::{DynamoStore, StoreError, key, row};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use dial_core::FindingId;
use dial_core::store::unanswered::{MOST, Span, Unanswered};
use dial_core::store::{Delivery, DeliveryState, MAX_PAGE, Settlement};
use jiff::Timestamp;
use serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value;

/// Most reads of one shard while looking for due rows.
const MAX_READS: usize = 8;

/// Rows of a sink that may be claimed, longest due first.
///
/// The index is eventually consistent: a row may be seen that was settled a moment ago. Claiming
/// it fails then, for that is decided on the row itself.
pub(super) async fn due(
    store: &DynamoStore,
    sink: &str,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let limit = limit.min(MAX_PAGE);
    let shards = (0..key::SHARDS).map(|shard| due_of_shard(store, sink, shard, now, limit));
    let shards = futures::future::try_join_all(shards).await?;
    let mut rows: Vec<Delivery> = shards.into_iter().flatten().collect();
    rows.sort_by(|a, b| (a.due_at, &a.finding).cmp(&(b.due_at, &b.finding)));
    rows.truncate(limit);
    Ok(rows)
}

async fn due_of_shard(
    store: &DynamoStore,
    sink: &str,
    shard: u8,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    let mut found = Vec::new();
    let mut from = None;
    for _ in 0..MAX_READS {
        let answer = store
            .query(BY_DUE.name)
            .await
            .key_condition_expression("due_pk = :partition AND due_sort < :now")
            .expression_attribute_values(":partition", text(key::partition_of(sink, shard)))
            // `$` is the character after the `#` of a key: the millisecond of `now` is included.
            .expression_attribute_values(":now", text(format!("{now:.3}$")))
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(from)
            .send()
            .await
            .map_err(|e| store.failed(&e, "dynamodb:Query"))?;
        for row in answer.items.unwrap_or_default() {
            let expired = item::expired(&row, now);
            let row = row::delivery(row)?;
            found.extend((row.due_at <= now && !expired).then_some(row));
        }
        from = answer.last_evaluated_key;
        if from.is_none() || found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

/// Takes a due row; `None` when it is not due, settled, expired or unknown.
pub(super) async fn claim(
    store: &DynamoStore,
    id: &FindingId,
    sink: &str,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Option<Delivery>, StoreError> {
    let span = Span::around(now, lease_until);
    let claiming = || async { claiming(store, id, sink, now, lease_until).await };
    let change = claiming().await;
    let change = value(change, ":span", spans(&[span])?);
    let change = value(change, ":most", number(MOST))
        .condition_expression(format!("{CLAIMABLE} AND size(unanswered) < :most"))
        .update_expression(format!(
            "{CLAIM}, unanswered = list_append(unanswered, :span)"
        ));
    let item = match attempted(store, change).await? {
        Made::Now(item) => return row::delivery(item).map(Some),
        Made::Not(None) => return Ok(None),
        Made::Not(Some(item)) => item,
    };
    // Either somebody has it, or its list is full, or of a program that kept none.
    let expired = item::expired(&item, now);
    let before = row::delivery(item)?;
    let waits = matches!(
        before.state,
        DeliveryState::Pending | DeliveryState::Sending
    );
    if !waits || expired || before.due_at > now {
        return Ok(None);
    }
    let mut all = before.unanswered;
    all.push(span);
    let change = value(claiming().await, ":spans", spans(all.spans())?);
    let change = value(change, ":attempts", number(before.attempts))
        .condition_expression(format!("{CLAIMABLE} AND attempts = :attempts"))
        .update_expression(format!("{CLAIM}, unanswered = :spans"));
    let row = made(store, change).await?;
    row.map(row::delivery).transpose()
}

/// The row waits, or the lease of whoever had it is over.
const CLAIMABLE: &str = "#state IN (:pending, :sending) AND due_at <= :now AND #expires > :seconds";
const CLAIM: &str = "SET #state = :sending, attempts = attempts + :one, due_at = :lease, \
                     due_sort = :lease_sort, change_id = :change";

/// A change with the values of [`CLAIMABLE`] and [`CLAIM`].
async fn claiming(
    store: &DynamoStore,
    id: &FindingId,
    sink: &str,
    now: Timestamp,
    lease_until: Timestamp,
) -> UpdateItemFluentBuilder {
    let change = change(store, id, sink)
        .await
        .expression_attribute_names("#expires", super::table::EXPIRES);
    let values = [
        (":pending", state(DeliveryState::Pending)),
        (":sending", state(DeliveryState::Sending)),
        (":now", text(key::instant(now))),
        (":seconds", number(now.as_second())),
        (":one", number(1)),
        (":lease", text(key::instant(lease_until))),
        (":lease_sort", text(key::due(lease_until, id))),
    ];
    let values = values.into_iter();
    values.fold(change, |change, (name, of)| value(change, name, of))
}

fn spans(spans: &[Span]) -> Result<AttributeValue, StoreError> {
    to_attribute_value(spans).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// Records how an attempt ended; `false` when a later claim took the row over.
pub(super) async fn settle(
    store: &DynamoStore,
    id: &FindingId,
    sink: &str,
    attempt: u32,
    settlement: &Settlement,
) -> Result<bool, StoreError> {
    let base = || async {
        change(store, id, sink)
            .await
            .expression_attribute_values(":sending", state(DeliveryState::Sending))
            .expression_attribute_values(":attempt", number(attempt))
    };
    let held = base().await;
    let ending = match settlement {
        Settlement::Sent {
            receipt,
            wanted,
            at,
        } => {
            let told = Told {
                id,
                receipt: receipt.as_ref(),
                wanted: *wanted,
                at: *at,
            };
            // What the sink shows is all that is wanted, or it grew meanwhile: one of both holds,
            // for `wanted` never shrinks.
            if made(store, told.content(held)?).await?.is_some() {
                return Ok(true);
            }
            told.behind(base().await, attempt)?
        }
        Settlement::Retry {
            at,
            error,
            unanswered,
        } => retried(held, id, *at, error, unanswered)?,
        Settlement::Failed { error } => failed(held, id, sink, error),
        Settlement::Suppressed { by } => suppressed(held, id, by),
    };
    Ok(made(store, ending).await?.is_some())
}

/// The row is still this claim's.
const HELD: &str = "#state = :sending AND attempts = :attempt";

/// What a sink was told.
struct Told<'a> {
    id: &'a FindingId,
    receipt: Option<&'a serde_json::Value>,
    wanted: u32,
    at: Timestamp,
}

impl Told<'_> {
    /// The row rests until something changes; `by_due` has it until it is counted.
    fn content(
        &self,
        change: UpdateItemFluentBuilder,
    ) -> Result<UpdateItemFluentBuilder, StoreError> {
        let change = value(change, ":ended", state(DeliveryState::Sent));
        let change = value(change, ":resting", resting(self.id));
        let set = "#state = :ended, sent_at = :at, shown = :wanted, change_id = :change, \
                   due_pk = :resting";
        Ok(self
            .shown(change, set)?
            .condition_expression(format!("{HELD} AND wanted <= :wanted")))
    }

    /// The row is due again at once, as a new errand.
    fn behind(
        &self,
        change: UpdateItemFluentBuilder,
        attempt: u32,
    ) -> Result<UpdateItemFluentBuilder, StoreError> {
        let change = value(change, ":ended", state(DeliveryState::Pending));
        let change = value(change, ":due", text(key::instant(self.at)));
        let change = value(change, ":sort", text(key::due(self.at, self.id)));
        let change = value(change, ":earlier", number(attempt));
        let set = "#state = :ended, sent_at = :at, shown = :wanted, change_id = :change, \
                   due_at = :due, due_sort = :sort, since = :at, earlier = :earlier";
        Ok(self
            .shown(change, set)?
            .condition_expression(format!("{HELD} AND wanted > :wanted")))
    }

    fn shown(
        &self,
        change: UpdateItemFluentBuilder,
        set: &str,
    ) -> Result<UpdateItemFluentBuilder, StoreError> {
        let change = value(change, ":answered", spans(&[])?);
        let (set, remove) = (
            format!("{set}, unanswered = :answered"),
            "REMOVE last_error",
        );
        let change = value(change, ":wanted", number(self.wanted));
        let change = value(change, ":at", text(self.at.to_string()));
        Ok(match self.receipt {
            Some(receipt) => value(change, ":receipt", text(item::json(receipt)?))
                .update_expression(format!("SET {set}, receipt = :receipt {remove}")),
            None => change.update_expression(format!("SET {set} {remove}")),
        })
    }
}

/// The row comes back at its time.
fn retried(
    change: UpdateItemFluentBuilder,
    id: &FindingId,
    at: Timestamp,
    error: &str,
    unanswered: &Unanswered,
) -> Result<UpdateItemFluentBuilder, StoreError> {
    let change = value(change, ":ended", state(DeliveryState::Pending));
    let change = value(change, ":at", text(key::instant(at)));
    let change = value(change, ":sort", text(key::due(at, id)));
    let change = value(change, ":spans", spans(unanswered.spans())?);
    Ok(value(change, ":error", text(error.to_owned()))
        .condition_expression(HELD)
        .update_expression(
            "SET #state = :ended, due_at = :at, due_sort = :sort, last_error = :error, \
             unanswered = :spans, change_id = :change",
        ))
}

/// The row is found among the failed.
fn failed(
    change: UpdateItemFluentBuilder,
    id: &FindingId,
    sink: &str,
    error: &str,
) -> UpdateItemFluentBuilder {
    let change = value(change, ":ended", state(DeliveryState::Failed));
    let partition = key::partition(&key::failed(sink), id);
    let change = value(change, ":failed_pk", text(partition));
    value(change, ":error", text(error.to_owned()))
        .condition_expression(HELD)
        .update_expression(
            "SET #state = :ended, last_error = :error, due_pk = :failed_pk, change_id = :change",
        )
}

/// The row rests for good.
fn suppressed(
    change: UpdateItemFluentBuilder,
    id: &FindingId,
    by: &str,
) -> UpdateItemFluentBuilder {
    let change = value(change, ":resting", resting(id));
    let change = value(change, ":ended", state(DeliveryState::Suppressed));
    value(change, ":by", text(by.to_owned()))
        .condition_expression(HELD)
        .update_expression(
            "SET #state = :ended, suppressed_by = :by, change_id = :change, due_pk = :resting \
             REMOVE last_error",
        )
}

/// Where `by_due` has rows that are settled.
fn resting(id: &FindingId) -> AttributeValue {
    text(key::partition(key::RESTING, id))
}

fn value(
    change: UpdateItemFluentBuilder,
    name: &str,
    value: AttributeValue,
) -> UpdateItemFluentBuilder {
    change.expression_attribute_values(name, value)
}

/// A change of one row, with an id of its own so that it can be recognised.
pub(super) async fn change(
    store: &DynamoStore,
    id: &FindingId,
    sink: &str,
) -> UpdateItemFluentBuilder {
    let change_id = format!("{:032x}", rand::random::<u128>());
    let client = store.clients.dynamodb().await;
    client
        .update_item()
        .table_name(&store.table)
        .key(PK, text(key::finding(id)))
        .key(SK, text(key::out(sink)))
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":change", text(change_id))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
}

/// What came of a conditional change.
enum Made {
    /// The row afterwards.
    Now(Item),
    /// The condition did not hold: the row as it is, where there is one.
    Not(Option<Item>),
}

/// Makes a conditional change; the row afterwards, or `None` where the condition did not hold.
pub(super) async fn made(
    store: &DynamoStore,
    change: UpdateItemFluentBuilder,
) -> Result<Option<Item>, StoreError> {
    Ok(match attempted(store, change).await? {
        Made::Now(row) => Some(row),
        Made::Not(_) => None,
    })
}

/// The same, with the row that was in the way.
///
/// A try may be done although its answer gets lost; the next one is refused then, by a row that
/// names this very change.
async fn attempted(
    store: &DynamoStore,
    change: UpdateItemFluentBuilder,
) -> Result<Made, StoreError> {
    let values = change.get_expression_attribute_values().as_ref();
    let change_id = values.and_then(|values| values.get(":change")).cloned();
    let row = patiently(DynamoStore::deadline(), || send(store, change.clone())).await?;
    Ok(match row {
        Some(row) if row.get("change_id") == change_id.as_ref() => Made::Now(row),
        other => Made::Not(other),
    })
}

/// The row as it is now, whether the change was made or refused.
async fn send(
    store: &DynamoStore,
    change: UpdateItemFluentBuilder,
) -> Result<Option<Item>, StoreError> {
    match change.send().await {
        Ok(answer) => Ok(answer.attributes),
        Err(e) => match e.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                Ok(refusal.item.clone())
            }
            _ => Err(store.failed(&e, "dynamodb:UpdateItem")),
        },
    }
}

pub(super) fn text(text: String) -> AttributeValue {
    AttributeValue::S(text)
}

pub(super) fn number(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn state(state: DeliveryState) -> AttributeValue {
    text(row::state_name(state).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamodb::sample;
    use serde_json::{Value, json};
    use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};

    /// Settles the first row of a finding at a server that refuses, showing the row as changed by
    /// `changed_by`, or by this very call.
    async fn settle_refused(changed_by: Option<&str>) -> Result<bool, StoreError> {
        let new = sample::acceptance("e-1", 0);
        let changed_by = changed_by.map(str::to_owned);
        let refusal = move |request: &Request| {
            let asked: Value = request.body_json().unwrap();
            let own = asked["ExpressionAttributeValues"][":change"].clone();
            let change = changed_by.as_ref().map_or(own, |id| json!({ "S": id }));
            ResponseTemplate::new(400).set_body_json(json!({
                "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
                "message": "The conditional request failed",
                "Item": { "state": { "S": "sent" }, "change_id": change },
            }))
        };
        let server = MockServer::start().await;
        let post = Mock::given(method("POST")).respond_with(refusal);
        post.mount(&server).await;
        let clients = crate::Clients::emulated(crate::Emulators {
            dynamodb: Some(server.uri()),
            ..crate::Emulators::default()
        });
        let sent = Settlement::Sent {
            receipt: None,
            wanted: 0,
            at: new.received_at,
        };
        let store = DynamoStore::new(clients, "t");
        settle(&store, &new.finding.id, "slack", 1, &sent).await
    }

    #[tokio::test]
    async fn a_change_whose_answer_got_lost_is_recognised_and_another_is_not() {
        assert_eq!(settle_refused(None).await, Ok(true));
        assert_eq!(settle_refused(Some("another")).await, Ok(false));
    }
}
