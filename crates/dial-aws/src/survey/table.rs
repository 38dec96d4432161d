//! The table: its indexes, stream, TTL and backups, and what one may do with it.

use super::{Survey, SurveyError};
use crate::dynamodb::table::{EXPIRES, INDEXES, PK, SK};
use crate::fault::Fault;
use aws_sdk_dynamodb::types::{
    AttributeValue, IndexStatus, PointInTimeRecoveryStatus, StreamViewType, TableStatus,
    TimeToLiveStatus,
};

/// The table as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what DynamoDB says of a table"
)]
pub struct TableState {
    /// Whether it is active.
    pub active: bool,
    /// Indexes that DIAL reads and that are not there or not active.
    pub missing_indexes: Vec<String>,
    /// Whether its stream shows new images.
    pub stream: bool,
    /// Whether items are forgotten by the attribute that DIAL sets.
    pub ttl: bool,
    /// Whether it can be restored to any moment.
    pub recovery: bool,
    /// Whether it cannot be deleted by mistake.
    pub protected: bool,
}

/// A call that the master makes, and whether this identity may make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// The IAM action.
    pub action: &'static str,
    /// Whether it is allowed.
    pub allowed: bool,
}

impl Survey {
    /// The table by its name; `None` where there is none.
    pub async fn table(&self, name: &str) -> Result<Option<TableState>, SurveyError> {
        let client = self.clients.dynamodb().await;
        let failed = |fault: &Fault, action| SurveyError::of(fault, action, &resource(name));
        let answer = client.describe_table().table_name(name).send().await;
        let table = match answer {
            Ok(answer) => answer.table,
            Err(e) if Fault::of(&e).code == "ResourceNotFoundException" => None,
            Err(e) => return Err(failed(&Fault::of(&e), "dynamodb:DescribeTable")),
        };
        let Some(table) = table else { return Ok(None) };
        let ttl = client.describe_time_to_live().table_name(name).send().await;
        let ttl = ttl.map_err(|e| failed(&Fault::of(&e), "dynamodb:DescribeTimeToLive"))?;
        let ttl = ttl.time_to_live_description().is_some_and(|ttl| {
            ttl.attribute_name() == Some(EXPIRES)
                && ttl.time_to_live_status() == Some(&TimeToLiveStatus::Enabled)
        });
        let backups = client.describe_continuous_backups().table_name(name);
        let backups = backups.send().await;
        let backups =
            backups.map_err(|e| failed(&Fault::of(&e), "dynamodb:DescribeContinuousBackups"))?;
        let recovery = backups.continuous_backups_description();
        let recovery = recovery.and_then(|it| it.point_in_time_recovery_description());
        let recovery = recovery.and_then(|it| it.point_in_time_recovery_status());
        let active = |name: &str| {
            let indexes = table.global_secondary_indexes().iter();
            let found = indexes.filter(|index| index.index_name() == Some(name));
            found
                .into_iter()
                .any(|it| it.index_status() == Some(&IndexStatus::Active))
        };
        let missing = INDEXES.iter().filter(|index| !active(index.name));
        Ok(Some(TableState {
            active: table.table_status() == Some(&TableStatus::Active),
            missing_indexes: missing.map(|index| index.name.to_owned()).collect(),
            stream: table.stream_specification().is_some_and(|stream| {
                stream.stream_enabled()
                    && stream.stream_view_type() == Some(&StreamViewType::NewImage)
            }),
            ttl,
            recovery: recovery == Some(&PointInTimeRecoveryStatus::Enabled),
            protected: table.deletion_protection_enabled() == Some(true),
        }))
    }

    /// Tries the writes that the master makes, on a condition that cannot hold: nothing is written.
    pub async fn table_rights(&self, name: &str) -> Result<Vec<Right>, SurveyError> {
        const NEVER: &str = "attribute_exists(pk)";
        let client = self.clients.dynamodb().await;
        // This item never exists, so no condition on it holds.
        let key = || AttributeValue::S("READY".to_owned());
        let put = client
            .put_item()
            .table_name(name)
            .item(PK, key())
            .item(SK, key());
        let put = put.condition_expression(NEVER).send().await;
        let update = client
            .update_item()
            .table_name(name)
            .key(PK, key())
            .key(SK, key());
        let update = update.condition_expression(NEVER).send().await;
        let delete = client
            .delete_item()
            .table_name(name)
            .key(PK, key())
            .key(SK, key());
        let delete = delete.condition_expression(NEVER).send().await;
        let faults = [
            ("dynamodb:PutItem", put.err().map(|e| Fault::of(&e))),
            ("dynamodb:UpdateItem", update.err().map(|e| Fault::of(&e))),
            ("dynamodb:DeleteItem", delete.err().map(|e| Fault::of(&e))),
        ];
        let mut rights = Vec::new();
        for (action, fault) in faults {
            let allowed = match &fault {
                Some(fault) if fault.is_denied() => false,
                Some(fault) if fault.code == "ConditionalCheckFailedException" => true,
                Some(fault) => return Err(SurveyError::of(fault, action, &resource(name))),
                None => return Err(SurveyError::odd(action, "a condition held that cannot")),
            };
            rights.push(Right { action, allowed });
        }
        Ok(rights)
    }
}

fn resource(name: &str) -> String {
    format!("table/{name}")
}
