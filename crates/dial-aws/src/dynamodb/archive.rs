//! Which findings leave next, along `by_expiry`.

use super::item::Item;
use super::outbox::text;
use super::table::{BY_EXPIRY, PK};
use super::{DynamoStore, StoreError, key};
use async_trait::async_trait;
use dial_core::FindingId;
use dial_core::store::archive::Archiving;
use jiff::Timestamp;

#[async_trait]
impl Archiving for DynamoStore {
    async fn next_expiry(&self, from: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let shards = (0..key::SHARDS).map(|shard| self.first_of_shard(shard, from));
        let firsts = futures::future::try_join_all(shards).await?;
        Ok(firsts.into_iter().flatten().min())
    }

    async fn expiring(
        &self,
        shard: u8,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<FindingId>, StoreError> {
        let items: Vec<Item> = self
            .query(BY_EXPIRY.name)
            .await
            .key_condition_expression("#partition = :all AND #sort BETWEEN :from AND :to")
            .expression_attribute_names("#partition", BY_EXPIRY.partition)
            .expression_attribute_names("#sort", BY_EXPIRY.sort)
            .expression_attribute_values(":all", text(key::partition_of(key::ALL, shard)))
            .expression_attribute_values(":from", text(key::instant(from)))
            // Keys go on behind the time: the one of `to` itself is greater.
            .expression_attribute_values(":to", text(key::instant(to)))
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(|e| self.failed(&e, "dynamodb:Query"))?;
        let id = |item: &Item| key::finding_of(item.get(PK)?.as_s().ok()?);
        let mut ids: Vec<FindingId> = items.iter().filter_map(id).collect();
        ids.sort_unstable();
        Ok(ids)
    }
}

impl DynamoStore {
    async fn first_of_shard(
        &self,
        shard: u8,
        from: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let answer = self
            .query(BY_EXPIRY.name)
            .await
            .key_condition_expression("#partition = :all AND #sort >= :from")
            .expression_attribute_names("#partition", BY_EXPIRY.partition)
            .expression_attribute_names("#sort", BY_EXPIRY.sort)
            .expression_attribute_values(":all", text(key::partition_of(key::ALL, shard)))
            .expression_attribute_values(":from", text(key::instant(from)))
            .limit(1)
            .send()
            .await
            .map_err(|e| self.failed(&e, "dynamodb:Query"))?;
        let first = answer.items().first();
        let sort = first.and_then(|item| item.get(BY_EXPIRY.sort)?.as_s().ok());
        let time = sort
            .and_then(|sort| sort.split_once('#'))
            .map(|(time, _)| time.parse());
        time.transpose()
            .map_err(|e| StoreError::Corrupt(format!("{}: {e}", BY_EXPIRY.name)))
    }
}
