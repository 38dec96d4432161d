//! Documents: one small partition for each kind, read whole.

use super::item::{self, Item};
use super::retry::patiently;
use super::table::{EXPIRES, PK, SK};
use super::{DynamoStore, StoreError};
use async_trait::async_trait;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use dial_core::store::document::{Documents, Put};

/// Attribute with the document.
const BODY: &str = "body";

#[async_trait]
impl Documents for DynamoStore {
    async fn document(&self, kind: &'static str, id: &str) -> Result<Option<String>, StoreError> {
        let item = self.get(kind, id).await?;
        item.map(body).transpose()
    }

    async fn documents(&self, kind: &'static str) -> Result<Vec<String>, StoreError> {
        let client = self.clients.dynamodb().await;
        let items: Vec<Item> = client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(kind))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await
            .map_err(|e| self.failed(&e, "dynamodb:Query"))?;
        items.into_iter().map(body).collect()
    }

    async fn put_document(&self, new: &Put) -> Result<bool, StoreError> {
        let put = self.clients.dynamodb().await.put_item();
        let put = put
            .table_name(&self.table)
            .item(PK, text(new.kind))
            .item(SK, text(&new.id))
            .item(
                EXPIRES,
                AttributeValue::N(item::expires(new.forgotten_at).to_string()),
            )
            .item(BODY, text(&new.after));
        let put = match &new.before {
            None => put
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", PK),
            Some(before) => put
                .condition_expression("#body = :before")
                .expression_attribute_names("#body", BODY)
                .expression_attribute_values(":before", text(before)),
        };
        patiently(Self::deadline(), || send(self, put.clone())).await
    }
}

/// Whether the condition of a put held.
async fn send(store: &DynamoStore, put: PutItemFluentBuilder) -> Result<bool, StoreError> {
    match put.send().await {
        Ok(_) => Ok(true),
        Err(e) => match e.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(store.failed(&e, "dynamodb:PutItem")),
        },
    }
}

fn body(mut item: Item) -> Result<String, StoreError> {
    match item.remove(BODY) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(StoreError::Corrupt("a document has no body".to_owned())),
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}
