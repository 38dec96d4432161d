//! Silences: one small partition, read whole, for there are never many.

use super::item::{self, Item};
use super::retry::patiently;
use super::table::{EXPIRES, PK, SK};
use super::{DynamoStore, StoreError};
use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use dial_core::store::silence::{Ended, Silence, Silences};
use jiff::Timestamp;

/// Partition of all silences.
const PARTITION: &str = "SIL";
/// Attribute with the silence as JSON.
const SILENCE: &str = "silence";
/// Times that an end is tried anew because somebody changed the silence meanwhile.
const TRIES: usize = 4;

#[async_trait]
impl Silences for DynamoStore {
    async fn add_silence(&self, silence: &Silence) -> Result<bool, StoreError> {
        let put = self.put_silence(silence).await?;
        let put = put
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PK);
        self.put_made(put).await
    }

    async fn silences(&self, since: Timestamp) -> Result<Vec<Silence>, StoreError> {
        let client = self.clients.dynamodb().await;
        let items: Vec<Item> = client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(PARTITION))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(|e| self.failed(&e, "dynamodb:Query"))?;
        let mut silences: Vec<Silence> = items.iter().map(read).collect::<Result<_, _>>()?;
        silences.retain(|silence| silence.ends_at > since);
        silences.sort_by(|a, b| (a.ends_at, &a.id).cmp(&(b.ends_at, &b.id)));
        Ok(silences)
    }

    async fn end_silence(&self, id: &str, by: &str, now: Timestamp) -> Result<Ended, StoreError> {
        for _ in 0..TRIES {
            let Some(item) = self.get(PARTITION, id).await? else {
                return Ok(Ended::Unknown);
            };
            let before = read(&item)?;
            let Some(ended) = before.ended(by, now) else {
                return Ok(Ended::Before(before));
            };
            let put = self.put_silence(&ended).await?;
            let put = put
                .condition_expression("#silence = :before")
                .expression_attribute_names("#silence", SILENCE)
                .set_expression_attribute_values(Some(
                    item.into_iter()
                        .filter(|(name, _)| name == SILENCE)
                        .map(|(_, value)| (":before".to_owned(), value))
                        .collect(),
                ));
            if self.put_made(put).await? {
                return Ok(Ended::Now(ended));
            }
        }
        Err(StoreError::Throttled(format!(
            "silence {id} keeps changing"
        )))
    }
}

impl DynamoStore {
    async fn put_silence(&self, silence: &Silence) -> Result<PutItemFluentBuilder, StoreError> {
        let expires = item::expires(silence.expires_at());
        let put = self.clients.dynamodb().await.put_item();
        Ok(put
            .table_name(&self.table)
            .item(PK, text(PARTITION))
            .item(SK, text(&silence.id))
            .item(EXPIRES, AttributeValue::N(expires.to_string()))
            .item(SILENCE, text(&item::json(silence)?)))
    }

    /// Whether the condition of a put held.
    async fn put_made(&self, put: PutItemFluentBuilder) -> Result<bool, StoreError> {
        patiently(Self::deadline(), || async {
            match put.clone().send().await {
                Ok(_) => Ok(true),
                Err(e) => match e.as_service_error() {
                    Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                    _ => Err(self.failed(&e, "dynamodb:PutItem")),
                },
            }
        })
        .await
    }
}

fn read(item: &Item) -> Result<Silence, StoreError> {
    let part = |name| item.get(name).and_then(|value| value.as_s().ok());
    let id = part(SK).map_or("?", String::as_str);
    let corrupt = |why: String| StoreError::Corrupt(format!("{PARTITION} {id}: {why}"));
    let json = part(SILENCE).ok_or_else(|| corrupt("silence is missing".to_owned()))?;
    serde_json::from_str(json).map_err(|e| corrupt(e.to_string()))
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}
