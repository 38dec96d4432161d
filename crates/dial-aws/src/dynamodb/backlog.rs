//! What people ask of the outbox, in DynamoDB: from `by_due`, where failed rows lie beside those
//! that wait.

use super::outbox::{change, made, number, state, text};
use super::table::{BY_DUE, EXPIRES, PK, SK};
use super::{DynamoStore, StoreError, census, item, key, row};
use async_trait::async_trait;
use dial_core::FindingId;
use dial_core::store::outbox::{Backlog, Count, Outbox, Place};
use dial_core::store::{Delivery, DeliveryState, MAX_PAGE};
use futures::future::try_join_all;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Partition of the sinks that were ever configured.
const SINKS: &str = "SINKS";
/// Most reads of one shard.
const MAX_READS: usize = 8;

#[async_trait]
impl Outbox for DynamoStore {
    async fn retry(&self, id: &FindingId, sink: &str, now: Timestamp) -> Result<bool, StoreError> {
        let change = change(self, id, sink)
            .await
            .condition_expression("#state = :failed AND #expires > :seconds")
            .update_expression(
                "SET #state = :pending, due_at = :due, due_sort = :sort, due_pk = :due_pk, \
                 since = :now, earlier = attempts, change_id = :change",
            )
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":failed", state(DeliveryState::Failed))
            .expression_attribute_values(":pending", state(DeliveryState::Pending))
            .expression_attribute_values(":seconds", number(now.as_second()))
            .expression_attribute_values(":now", text(now.to_string()))
            .expression_attribute_values(":due", text(key::instant(now)))
            .expression_attribute_values(":sort", text(key::due(now, id)))
            .expression_attribute_values(":due_pk", text(key::partition(sink, id)));
        Ok(made(self, change).await?.is_some())
    }

    async fn backlog(
        &self,
        sink: &str,
        which: Backlog,
        from: Option<&Place>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let limit = limit.min(MAX_PAGE);
        let value = partition(sink, which);
        // `!` sorts before every time.
        let low = from.map_or_else(
            || "!".to_owned(),
            |from| key::due(from.due(), from.finding()),
        );
        let shards = (0..key::SHARDS).map(|shard| self.rows(&value, shard, &low, now, limit));
        let mut rows: Vec<_> = try_join_all(shards).await?.into_iter().flatten().collect();
        rows.sort_by_cached_key(Place::of);
        rows.truncate(limit);
        Ok(rows)
    }

    async fn counts(&self, sinks: &[String], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        census::counts(self, sinks, now).await
    }

    async fn known_sinks(&self, configured: &[String]) -> Result<Vec<String>, StoreError> {
        let client = self.clients.dynamodb().await;
        let items: Vec<item::Item> = client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(SINKS.to_owned()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(|e| self.failed(&e, "dynamodb:Query"))?;
        let name = |item: &item::Item| item.get("sink")?.as_s().ok().cloned();
        let mut known: BTreeSet<String> = items.iter().filter_map(name).collect();
        for sink in configured.iter().filter(|sink| !known.contains(*sink)) {
            self.remember(sink).await?;
        }
        known.extend(configured.iter().cloned());
        Ok(known.into_iter().collect())
    }
}

/// Value of `by_due` for rows of a sink.
pub(super) fn partition(sink: &str, which: Backlog) -> String {
    match which {
        Backlog::Waiting => sink.to_owned(),
        Backlog::Failed => key::failed(sink),
    }
}

impl DynamoStore {
    async fn remember(&self, sink: &str) -> Result<(), StoreError> {
        let client = self.clients.dynamodb().await;
        let put = client
            .put_item()
            .table_name(&self.table)
            .item(PK, text(SINKS.to_owned()))
            .item(SK, text(key::out(sink)))
            .item("sink", text(sink.to_owned()));
        let done = put.send().await;
        done.map(drop)
            .map_err(|e| self.failed(&e, "dynamodb:PutItem"))
    }

    async fn rows(
        &self,
        value: &str,
        shard: u8,
        low: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut found = Vec::new();
        let mut from = None;
        for _ in 0..MAX_READS {
            let answer = self
                .query(BY_DUE.name)
                .await
                .key_condition_expression("due_pk = :partition AND due_sort >= :low")
                .expression_attribute_values(":partition", text(key::partition_of(value, shard)))
                .expression_attribute_values(":low", text(low.to_owned()))
                .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|e| self.failed(&e, "dynamodb:Query"))?;
            for row in answer.items.unwrap_or_default() {
                let expired = item::expired(&row, now);
                let row = row::delivery(row)?;
                found.extend((!expired).then_some(row));
            }
            from = answer.last_evaluated_key;
            if from.is_none() || found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }
}
