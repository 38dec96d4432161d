//! The one table: its keys, its indexes, and how an emulator gets it.

use super::StoreError;
use crate::clients::Clients;
use crate::fault::Fault;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::CreateTableOutput;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus,
    TimeToLiveSpecification,
};
use std::time::Duration;

/// Partition key of the table.
pub const PK: &str = "pk";
/// Sort key of the table.
pub const SK: &str = "sk";
/// TTL attribute: epoch seconds.
pub const EXPIRES: &str = "expires";
/// Sort key of every index of findings: `<time>#<id>`.
pub const SORT: &str = "sort";
/// What the indexes of findings project beside the keys; never the record.
pub const SUMMARY: [&str; 3] = ["summary", "status", EXPIRES];

/// One global secondary index. All keys are strings; items without them are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Name of the index.
    pub name: &'static str,
    /// Attribute with `<value>#<shard>`.
    pub partition: &'static str,
    /// Attribute that orders a partition.
    pub sort: &'static str,
    /// Non-key attributes that it holds; empty = all.
    pub projects: &'static [&'static str],
}

const fn finding_index(name: &'static str, partition: &'static str) -> Index {
    Index {
        name,
        partition,
        sort: SORT,
        projects: &SUMMARY,
    }
}

/// All findings.
pub const BY_TIME: Index = finding_index("by_time", "time_pk");
/// By account number.
pub const BY_ACCOUNT: Index = finding_index("by_account", "account_pk");
/// By status.
pub const BY_STATUS: Index = finding_index("by_status", "status_pk");
/// By rule name.
pub const BY_RULE: Index = finding_index("by_rule", "rule_pk");
/// By rule UUID: a query names a rule either way.
pub const BY_RULE_ID: Index = finding_index("by_rule_id", "rule_id_pk");
/// By principal key.
pub const BY_PRINCIPAL: Index = finding_index("by_principal", "principal_pk");
/// By resource key.
pub const BY_RESOURCE: Index = finding_index("by_resource", "resource_pk");
/// By access key; findings of calls without one are not in it.
pub const BY_ACCESS_KEY: Index = finding_index("by_access_key", "access_key_pk");
/// By address of the caller; findings of calls by services are not in it.
pub const BY_ADDRESS: Index = finding_index("by_address", "address_pk");
/// All findings by the time at which they may be forgotten, with little but their keys.
pub const BY_EXPIRY: Index = Index {
    name: "by_expiry",
    partition: "time_pk",
    sort: "expiry_sort",
    projects: &[EXPIRES],
};
/// Outbox rows that are not settled, by sink and time, and those that are but not counted yet;
/// small, so it holds them whole.
pub const BY_DUE: Index = Index {
    name: "by_due",
    partition: "due_pk",
    sort: "due_sort",
    projects: &[],
};

/// Every index of the table; Terraform's `aws_dynamodb_table` mirrors it.
///
/// | item | `pk` | `sk` |
/// |---|---|---|
/// | finding | `F#<id>` | `META` |
/// | audit line | `F#<id>` | `AUD#<time>#<n>` |
/// | outbox row | `F#<id>` | `OUT#<sink>` |
/// | API token | `TOK` | `<id>` |
/// | session of the dashboard | `SES` | `<id>` |
/// | worker | `WRK` | `<account>/<region>` |
/// | count that waits | `F#<id>` | `CNT#<n>` |
/// | counter | `CNT#<shard>` | `<D or H>#<day or hour>#<dimension>#<value>` |
/// | settled outbox rows | `CNT#<shard>` | `O#<day of expiry>#<state>#<sink>` |
/// | how far the archive is | `MARK` | `archive` |
/// | silence | `SIL` | `<id>` |
/// | live group | `G#<sink>/<key>` | `LIVE` |
///
/// The table is on demand, its stream shows `NEW_IMAGE`, its TTL attribute is [`EXPIRES`]. The
/// consumer of the stream needs only `INSERT` and `MODIFY` of sort keys that start with `OUT#`.
pub const INDEXES: [Index; 11] = [
    BY_TIME,
    BY_ACCOUNT,
    BY_STATUS,
    BY_RULE,
    BY_RULE_ID,
    BY_PRINCIPAL,
    BY_RESOURCE,
    BY_ACCESS_KEY,
    BY_ADDRESS,
    BY_EXPIRY,
    BY_DUE,
];

/// How long the table may take to appear.
const PATIENCE: Duration = Duration::from_mins(1);

/// Makes the table with all that [`INDEXES`] says and waits for it; one that is there is kept.
///
/// For emulators and trials: a deployed table belongs to Terraform.
pub async fn create_table(clients: &Clients, name: &str) -> Result<(), StoreError> {
    let client = clients.dynamodb().await;
    let request = client.create_table().table_name(name);
    let request = define(request).map_err(|e| StoreError::Unavailable(e.to_string()))?;
    match request.send().await {
        Ok(CreateTableOutput { .. }) => {}
        Err(e) if Fault::of(&e).code == "ResourceInUseException" => return Ok(()),
        Err(e) => return Err(failed(&Fault::of(&e), "CreateTable", name)),
    }
    wait(clients, name).await?;
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(ttl().map_err(|e| StoreError::Unavailable(e.to_string()))?)
        .send()
        .await
        .map_err(|e| failed(&Fault::of(&e), "UpdateTimeToLive", name))?;
    Ok(())
}

fn define(request: CreateTableFluentBuilder) -> Result<CreateTableFluentBuilder, BuildError> {
    let mut request = request
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key(PK, KeyType::Hash)?)
        .key_schema(key(SK, KeyType::Range)?)
        .stream_specification(
            StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewImage)
                .build()?,
        );
    for index in INDEXES {
        request = request.global_secondary_indexes(global(index)?);
    }
    for name in key_attributes() {
        request = request.attribute_definitions(
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()?,
        );
    }
    Ok(request)
}

/// Attributes that are keys of the table or of an index, each once.
fn key_attributes() -> Vec<&'static str> {
    let indexes = INDEXES.iter().flat_map(|i| [i.partition, i.sort]);
    let mut names: Vec<_> = [PK, SK].into_iter().chain(indexes).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn global(index: Index) -> Result<GlobalSecondaryIndex, BuildError> {
    let projection = match index.projects {
        [] => Projection::builder().projection_type(ProjectionType::All),
        names => names.iter().fold(
            Projection::builder().projection_type(ProjectionType::Include),
            |projection, name| projection.non_key_attributes(*name),
        ),
    };
    GlobalSecondaryIndex::builder()
        .index_name(index.name)
        .key_schema(key(index.partition, KeyType::Hash)?)
        .key_schema(key(index.sort, KeyType::Range)?)
        .projection(projection.build())
        .build()
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, BuildError> {
    let element = KeySchemaElement::builder();
    element.attribute_name(name).key_type(kind).build()
}

fn ttl() -> Result<TimeToLiveSpecification, BuildError> {
    let setting = TimeToLiveSpecification::builder();
    setting.enabled(true).attribute_name(EXPIRES).build()
}

async fn wait(clients: &Clients, name: &str) -> Result<(), StoreError> {
    let client = clients.dynamodb().await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < deadline {
        let answer = client.describe_table().table_name(name).send().await;
        let answer = answer.map_err(|e| failed(&Fault::of(&e), "DescribeTable", name))?;
        let status = answer.table().and_then(|t| t.table_status());
        if status == Some(&TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let reason = format!("table {name} did not become active in {PATIENCE:?}");
    Err(StoreError::Unavailable(reason))
}

fn failed(fault: &Fault, action: &str, name: &str) -> StoreError {
    super::error_of(
        fault,
        &format!("dynamodb:{action}"),
        &format!("table/{name}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use wiremock::matchers::method;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    #[test]
    fn the_definition_keeps_within_the_limits_of_dynamodb() {
        let projected: usize = INDEXES.iter().map(|i| i.projects.len()).sum();
        assert!(projected <= 100, "{projected} projected attributes");
        assert!(INDEXES.len() <= 20);
        assert!(!INDEXES.iter().any(|i| i.projects.contains(&"record")));
    }

    /// What the Terraform module deploys is read from a file of its own.
    #[test]
    fn the_deployed_table_has_the_same_layout() {
        let text = include_str!("../../../../infra/modules/master/table.json");
        let layout: serde_json::Value = serde_json::from_str(text).unwrap();
        let indexes = INDEXES.map(|index| {
            serde_json::json!({
                "name": index.name, "partition": index.partition, "sort": index.sort,
                "projects": index.projects,
            })
        });
        let expected = serde_json::json!({ "keys": [PK, SK], "ttl": EXPIRES, "indexes": indexes });
        assert_eq!(layout, expected);
    }

    #[test]
    fn every_key_is_declared_once() {
        let names = key_attributes();
        assert_eq!(names.len(), 2 + 1 + 9 + 1 + 2);
        assert!(names.contains(&SORT));
    }

    /// Terraform's table must say the same; this is what to compare it with.
    #[tokio::test]
    async fn the_definition_is_pinned() {
        let server = MockServer::start().await;
        let active = serde_json::json!({ "Table": { "TableStatus": "ACTIVE" } });
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200).set_body_json(active))
            .mount(&server)
            .await;
        let clients = Clients::emulated(crate::Emulators {
            dynamodb: Some(server.uri()),
            ..crate::Emulators::default()
        });
        create_table(&clients, "dial").await.unwrap();
        let requests = server.received_requests().await.unwrap();
        let requests: Vec<_> = requests
            .iter()
            .map(|request| {
                let target = request.headers["x-amz-target"].to_str().unwrap();
                let call = target.rsplit('.').next().unwrap().to_owned();
                (call, request.body_json::<serde_json::Value>().unwrap())
            })
            .collect();
        insta::with_settings!({ sort_maps => true }, {
            insta::assert_json_snapshot!(requests);
        });
    }
}
