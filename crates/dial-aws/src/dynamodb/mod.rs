//! The store on one DynamoDB table: single items and transactions by key, lists by index.

mod accept;
mod archive;
mod backlog;
mod census;
mod document;
mod group;
mod item;
mod key;
mod list;
mod merge;
mod outbox;
#[cfg(test)]
mod partitions;
#[cfg(test)]
mod reference;
mod retry;
mod row;
#[cfg(test)]
mod sample;
mod silence;
mod stats;
pub mod stream;
pub mod table;
mod triage;

use crate::clients::Clients;
use crate::fault::{Fault, Remedy};
use async_trait::async_trait;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use dial_core::FindingId;
use dial_core::store::{
    Acceptance, Audit, Cursor, Delivery, Outcome, Page, Query, Settlement, Store, StoreError,
    Stored,
};
use item::Item;
use jiff::Timestamp;
use std::time::Duration;
use table::{PK, SK};

pub use table::create_table;

/// How long a busy table is asked again, for a whole batch, before the caller hears of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Findings, their history and their deliveries in one table; see [`table::INDEXES`].
///
/// What is read by id is strongly consistent. Lists and due rows come from indexes, which follow
/// within milliseconds; whoever acts on them checks the item itself.
///
/// Needs `dynamodb:PutItem`, `GetItem`, `UpdateItem`, `DeleteItem` and `Query` on the table, and `Query` on its
/// indexes; nothing else, and never a scan.
#[derive(Debug, Clone)]
pub struct DynamoStore {
    clients: Clients,
    table: String,
}

impl DynamoStore {
    /// Uses a table; calls nothing yet.
    pub fn new(clients: Clients, table: impl Into<String>) -> Self {
        Self {
            clients,
            table: table.into(),
        }
    }

    fn deadline() -> tokio::time::Instant {
        tokio::time::Instant::now() + PATIENCE
    }

    async fn get(&self, pk: &str, sk: &str) -> Result<Option<Item>, StoreError> {
        let client = self.clients.dynamodb().await;
        let answer = client
            .get_item()
            .table_name(&self.table)
            .key(PK, AttributeValue::S(pk.to_owned()))
            .key(SK, AttributeValue::S(sk.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| self.failed(&e, "dynamodb:GetItem"))?;
        Ok(answer.item)
    }

    /// All items of a finding whose sort key starts with `prefix`, ascending.
    async fn items(&self, id: &FindingId, prefix: &str) -> Result<Vec<Item>, StoreError> {
        let client = self.clients.dynamodb().await;
        client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(key::finding(id)))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(|e| self.failed(&e, "dynamodb:Query"))
    }

    async fn query(&self, index: &str) -> QueryFluentBuilder {
        let query = self.clients.dynamodb().await.query();
        query.table_name(&self.table).index_name(index)
    }

    fn failed<E>(&self, error: &SdkError<E, HttpResponse>, action: &str) -> StoreError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        error_of(&Fault::of(error), action, &format!("table/{}", self.table))
    }
}

/// A failed call in the terms of the port.
fn error_of(fault: &Fault, action: &str, resource: &str) -> StoreError {
    let said = fault.explain(action, resource);
    match fault.remedy {
        Remedy::Wait => StoreError::Throttled(said),
        Remedy::Retry | Remedy::Repair => StoreError::Unavailable(said),
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn accept(&self, batch: Vec<Acceptance>) -> Vec<Result<Outcome, StoreError>> {
        accept::all(self, batch).await
    }

    async fn finding(&self, id: &FindingId, now: Timestamp) -> Result<Option<Stored>, StoreError> {
        match self.get(&key::finding(id), key::META).await? {
            Some(item) => item::stored(item, now),
            None => Ok(None),
        }
    }

    async fn audit(&self, id: &FindingId) -> Result<Vec<Audit>, StoreError> {
        let items = self.items(id, key::AUDIT).await?;
        let lines: Result<Vec<_>, _> = items.into_iter().map(item::audit).collect();
        let mut lines = lines?;
        // The keys order by time, and clocks of two masters may disagree.
        lines.sort_by_key(item::revision);
        Ok(lines)
    }

    async fn list(
        &self,
        query: &Query,
        after: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        list::page(self, query, after, limit, now).await
    }

    async fn deliveries(&self, id: &FindingId) -> Result<Vec<Delivery>, StoreError> {
        let items = self.items(id, key::OUT).await?;
        let mut rows: Vec<_> = items
            .into_iter()
            .map(row::delivery)
            .collect::<Result<_, _>>()?;
        rows.sort_by(|a, b| a.sink.cmp(&b.sink));
        Ok(rows)
    }

    async fn due(
        &self,
        sink: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        outbox::due(self, sink, now, limit).await
    }

    async fn claim(
        &self,
        id: &FindingId,
        sink: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        outbox::claim(self, id, sink, now, lease_until).await
    }

    async fn settle(
        &self,
        id: &FindingId,
        sink: &str,
        attempt: u32,
        settlement: Settlement,
    ) -> Result<bool, StoreError> {
        outbox::settle(self, id, sink, attempt, &settlement).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        // Reading an item that never exists needs no permission beyond those of the work itself.
        self.get("READY", "READY").await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_scans_the_table() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/dynamodb");
        let forbidden = [".scan", "()"].concat();
        let paths = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path());
        for path in paths.filter(|path| path.is_file()) {
            let code = std::fs::read_to_string(&path).unwrap();
            assert!(!code.contains(&forbidden), "{}", path.display());
        }
    }
}
