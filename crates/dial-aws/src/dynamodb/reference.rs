//! The queries of `docs/reference/table.md`, tried on an emulator.

use super::item::Item;
use super::{DynamoStore, create_table, sample};
use crate::{Clients, Emulators};
use aws_sdk_dynamodb::types::AttributeValue;
use dial_core::store::stats::Statistics as _;
use dial_core::store::{Outcome, Store as _};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/table.md");

/// Each finds something, asked once for each shard.
#[tokio::test]
async fn the_queries_of_the_reference_find_what_they_say() {
    let Ok(url) = std::env::var("DIAL_TEST_DYNAMODB") else {
        eprintln!("skipped: DIAL_TEST_DYNAMODB is not set");
        return;
    };
    let clients = Clients::emulated(Emulators {
        dynamodb: Some(url),
        ..Emulators::default()
    });
    create_table(&clients, "dial").await.unwrap();
    let store = DynamoStore::new(clients.clone(), "dial");
    let batch = (0..40).map(|n| sample::acceptance(&n.to_string(), 0));
    let outcomes = store.accept(batch.collect()).await;
    assert!(outcomes.iter().all(|o| *o == Ok(Outcome::New)));
    assert_eq!(store.fold().await.unwrap(), 40);
    // Some more wait to be counted, as they do at any time.
    let batch = (40..50).map(|n| sample::acceptance(&n.to_string(), 0));
    store.accept(batch.collect()).await;
    let page = std::fs::read_to_string(PAGE).unwrap();
    let blocks = page.split("```").skip(1).step_by(2);
    let blocks: Vec<_> = blocks.filter_map(|block| block.split_once('\n')).collect();
    assert_eq!(blocks.len(), 8);
    for (kind, block) in blocks {
        let mut found = 0;
        for shard in 0..8 {
            let items = match kind {
                "sh" => by_command(&clients, block, shard).await,
                _ => by_statement(&clients, block, shard).await,
            };
            found += items.len();
        }
        assert!(found > 0, "{block}");
    }
}

/// What `aws dynamodb query` would give.
async fn by_command(clients: &Clients, command: &str, shard: u32) -> Vec<Item> {
    let command = command.replace("#0\"", &format!("#{shard}\""));
    let command = command.replace("\\\n", " ");
    let option = |name: &str| {
        let (_, rest) = command.split_once(&format!("{name} "))?;
        let rest = rest.trim_start();
        let quoted = rest.strip_prefix('\'');
        let quoted = quoted.and_then(|rest| rest.split('\'').next());
        let text = quoted.or_else(|| rest.split_whitespace().next());
        text.map(str::to_owned)
    };
    let values = option("--expression-attribute-values").unwrap();
    let values: serde_json::Value = serde_json::from_str(&values).unwrap();
    let values = values.as_object().unwrap().iter().map(|(name, value)| {
        let text = value["S"].as_str().unwrap().to_owned();
        (name.clone(), AttributeValue::S(text))
    });
    let client = clients.dynamodb().await;
    let answer = client
        .query()
        .table_name(option("--table-name").unwrap())
        .set_index_name(option("--index-name"))
        .set_key_condition_expression(option("--key-condition-expression"))
        .set_projection_expression(option("--projection-expression"))
        .set_expression_attribute_values(Some(values.collect()))
        .send()
        .await;
    answer.unwrap().items.unwrap_or_default()
}

async fn by_statement(clients: &Clients, statement: &str, shard: u32) -> Vec<Item> {
    let statement = statement.trim().replace("#0'", &format!("#{shard}'"));
    let client = clients.dynamodb().await;
    let answer = client.execute_statement().statement(statement).send().await;
    answer.unwrap().items.unwrap_or_default()
}
