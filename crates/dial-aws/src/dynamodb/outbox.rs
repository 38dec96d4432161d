//! Outbox rows: what is due, who has it, how it ended.

use super::item::{self, Item};
use super::retry::patiently;
use super::table::{BY_DUE, PK, SK};
use super::{DynamoStore, StoreError, key};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use dial_core::FindingId;
use dial_core::store::{Delivery, DeliveryState, MAX_PAGE, Settlement};
use jiff::Timestamp;

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
            let row = item::delivery(row)?;
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
    let seconds = AttributeValue::N(now.as_second().to_string());
    let answer = patiently(store.patience, || async {
        let update = update(store, id, sink)
            .await
            .condition_expression(
                "#state IN (:pending, :sending) AND due_at <= :now AND #expires > :seconds",
            )
            .update_expression(
                "SET #state = :sending, attempts = attempts + :one, \
                 due_at = :lease, due_sort = :lease_sort",
            )
            .expression_attribute_names("#expires", super::table::EXPIRES)
            .expression_attribute_values(":pending", state(DeliveryState::Pending))
            .expression_attribute_values(":sending", state(DeliveryState::Sending))
            .expression_attribute_values(":now", text(key::instant(now)))
            .expression_attribute_values(":seconds", seconds.clone())
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":lease", text(key::instant(lease_until)))
            .expression_attribute_values(":lease_sort", text(key::due(lease_until, id)))
            .return_values(ReturnValue::AllNew);
        changed(store, update).await
    });
    match answer.await? {
        Change::Done(row) => row.map(item::delivery).transpose(),
        Change::Refused(_) => Ok(None),
    }
}

/// Records how an attempt ended; `false` when a later claim took the row over.
pub(super) async fn settle(
    store: &DynamoStore,
    id: &FindingId,
    sink: &str,
    attempt: u32,
    settlement: &Settlement,
) -> Result<bool, StoreError> {
    let ended = end_state(settlement);
    let answer = patiently(store.patience, || async {
        let update = update(store, id, sink)
            .await
            .condition_expression("#state = :sending AND attempts = :attempt")
            .expression_attribute_values(":sending", state(DeliveryState::Sending))
            .expression_attribute_values(":attempt", AttributeValue::N(attempt.to_string()))
            .expression_attribute_values(":ended", state(ended));
        changed(store, ending(update, id, settlement)?).await
    });
    match answer.await? {
        Change::Done(_) => Ok(true),
        Change::Refused(row) => Ok(row.is_some_and(|row| is_settled(row, attempt, ended))),
    }
}

/// Whether this very settlement is there already, because a try was done whose answer got lost.
fn is_settled(row: Item, attempt: u32, ended: DeliveryState) -> bool {
    item::delivery(row).is_ok_and(|row| row.attempts == attempt && row.state == ended)
}

fn end_state(settlement: &Settlement) -> DeliveryState {
    match settlement {
        Settlement::Sent { .. } => DeliveryState::Sent,
        Settlement::Retry { .. } => DeliveryState::Pending,
        Settlement::Failed { .. } => DeliveryState::Failed,
    }
}

/// The change that a settlement makes; what is settled for good leaves `by_due`.
fn ending(
    update: UpdateItemFluentBuilder,
    id: &FindingId,
    settlement: &Settlement,
) -> Result<UpdateItemFluentBuilder, StoreError> {
    Ok(match settlement {
        Settlement::Sent { receipt: None } => {
            update.update_expression("SET #state = :ended REMOVE due_pk, due_sort, last_error")
        }
        Settlement::Sent {
            receipt: Some(receipt),
        } => update
            .update_expression(
                "SET #state = :ended, receipt = :receipt REMOVE due_pk, due_sort, last_error",
            )
            .expression_attribute_values(":receipt", text(item::json(receipt)?)),
        Settlement::Retry { at, error } => update
            .update_expression(
                "SET #state = :ended, due_at = :at, due_sort = :sort, last_error = :error",
            )
            .expression_attribute_values(":at", text(key::instant(*at)))
            .expression_attribute_values(":sort", text(key::due(*at, id)))
            .expression_attribute_values(":error", text(error.clone())),
        Settlement::Failed { error } => update
            .update_expression("SET #state = :ended, last_error = :error REMOVE due_pk, due_sort")
            .expression_attribute_values(":error", text(error.clone())),
    })
}

/// What became of a conditional update.
enum Change {
    /// Made; the new row where it was asked for.
    Done(Option<Item>),
    /// The condition did not hold; the row as it is, where there is one.
    Refused(Option<Item>),
}

async fn update(store: &DynamoStore, id: &FindingId, sink: &str) -> UpdateItemFluentBuilder {
    let client = store.clients.dynamodb().await;
    client
        .update_item()
        .table_name(&store.table)
        .key(PK, text(key::finding(id)))
        .key(SK, text(key::out(sink)))
        .expression_attribute_names("#state", "state")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
}

async fn changed(
    store: &DynamoStore,
    update: UpdateItemFluentBuilder,
) -> Result<Change, StoreError> {
    match update.send().await {
        Ok(answer) => Ok(Change::Done(answer.attributes)),
        Err(e) => match e.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                Ok(Change::Refused(refused.item.clone()))
            }
            _ => Err(store.failed(&e, "dynamodb:UpdateItem")),
        },
    }
}

fn text(text: String) -> AttributeValue {
    AttributeValue::S(text)
}

fn state(state: DeliveryState) -> AttributeValue {
    text(item::state_name(state).to_owned())
}
