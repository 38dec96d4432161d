//! Groups and digests in DynamoDB: read, decided, and written if nothing changed meanwhile.

use super::item::{self, Item};
use super::outbox::{number, state, text};
use super::retry::patiently;
use super::table::{EXPIRES, PK, SK};
use super::{DynamoStore, StoreError, key, row};
use async_trait::async_trait;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use dial_core::FindingId;
use dial_core::store::group::{Before, Grouping, Join, Joined, MAX_GATHERED, is_live};
use dial_core::store::{Delivery, DeliveryState, Status};
use serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value;
use serde_json::Value;

/// Sort key of the item that names a live group's first finding.
const LIVE: &str = "LIVE";
/// The row is still this claim's.
const HELD: &str = "#state = :sending AND attempts = :attempt";

#[async_trait]
impl Grouping for DynamoStore {
    async fn join(&self, join: &Join) -> Result<Joined, StoreError> {
        patiently(Self::deadline(), || self.try_join(join)).await
    }

    async fn gather(
        &self,
        sink: &str,
        carrier: (&FindingId, u32),
        digest: &Value,
        members: &[(FindingId, u32)],
    ) -> Result<bool, StoreError> {
        if members.len() > MAX_GATHERED {
            let reason = format!("{} members, {MAX_GATHERED} are allowed", members.len());
            return Err(StoreError::Unavailable(reason));
        }
        patiently(Self::deadline(), || {
            self.try_gather(sink, carrier, digest, members)
        })
        .await
    }
}

impl DynamoStore {
    async fn try_join(&self, join: &Join) -> Result<Joined, StoreError> {
        let Some(row) = self.row(&join.finding, &join.sink).await? else {
            return Ok(Joined::Lost);
        };
        if row.state != DeliveryState::Sending || row.attempts != join.attempt {
            return Ok(Joined::Lost);
        }
        match row.group {
            Some(group) if group == join.finding => {
                return Ok(Joined::First(row.before));
            }
            Some(group) => return Ok(Joined::Repeat(group)),
            None => {}
        }
        let pointer = self.get(&partition(join), LIVE).await?;
        let first = pointer.as_ref().and_then(first_of);
        let last = match &first {
            Some(first) => self.last(first, join).await?,
            None => None,
        };
        let (actions, joined) = match last {
            Some((row, status)) if is_live(&row, status, join) => {
                let entered = self.enter(join, &row.finding, None)?;
                let actions = [entered, self.count_repeat(&row, join)];
                (actions, Joined::Repeat(row.finding))
            }
            ended => {
                let before = ended.and_then(|(row, status)| Before::of(&row, status));
                let entered = self.enter(join, &join.finding, before.as_ref())?;
                let actions = [entered, self.open(join, first.as_ref())];
                (actions, Joined::First(before))
            }
        };
        let actions = actions.into_iter().collect::<Result<_, _>>();
        self.transact(actions.map_err(|e| unbuilt(&e))?).await?;
        Ok(joined)
    }

    /// The row of the last group's first finding, and where that stands.
    async fn last(
        &self,
        first: &FindingId,
        join: &Join,
    ) -> Result<Option<(Delivery, Status)>, StoreError> {
        let Some(row) = self.row(first, &join.sink).await? else {
            return Ok(None);
        };
        let standing = self.standing(first, join.now).await?;
        Ok(standing.map(|standing| (row, standing.triage.status)))
    }

    async fn row(&self, id: &FindingId, sink: &str) -> Result<Option<Delivery>, StoreError> {
        let found = self.get(&key::finding(id), &key::out(sink)).await?;
        found.map(row::delivery).transpose()
    }

    fn update_row(&self, id: &FindingId, sink: &str) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .key(PK, text(key::finding(id)))
            .key(SK, text(key::out(sink)))
            .expression_attribute_names("#state", "state")
    }

    fn held_row(&self, id: &FindingId, sink: &str, attempt: u32) -> UpdateBuilder {
        self.update_row(id, sink)
            .expression_attribute_values(":sending", state(DeliveryState::Sending))
            .expression_attribute_values(":attempt", number(attempt))
    }

    /// The row learns for good what it is in which group.
    fn enter(
        &self,
        join: &Join,
        group: &FindingId,
        before: Option<&Before>,
    ) -> Result<Result<TransactWriteItem, BuildError>, StoreError> {
        let mut set = "SET grp = :group, grouped_at = :at".to_owned();
        let mut update = self
            .held_row(&join.finding, &join.sink, join.attempt)
            .condition_expression(format!("{HELD} AND attribute_not_exists(grp)"))
            .expression_attribute_values(":group", text(group.to_string()))
            .expression_attribute_values(":at", text(join.now.to_string()));
        if let Some(before) = before {
            let before = to_attribute_value(before);
            let before = before.map_err(|e| StoreError::Corrupt(e.to_string()))?;
            set.push_str(", told_before = :before");
            update = update.expression_attribute_values(":before", before);
        }
        Ok(updating(update.update_expression(set)))
    }

    /// The first row counts a repeat; where the sink shows that, what it shows is out of date.
    fn count_repeat(&self, first: &Delivery, join: &Join) -> Result<TransactWriteItem, BuildError> {
        let mut set =
            "SET repeats = if_not_exists(repeats, :none) + :one, repeated_at = :at".to_owned();
        let mut update = self
            .update_row(&first.finding, &join.sink)
            .condition_expression("#state = :before AND attempts = :attempts")
            .expression_attribute_values(":before", state(first.state))
            .expression_attribute_values(":attempts", number(first.attempts))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":at", text(join.now.to_string()));
        if join.shows {
            set.push_str(", wanted = wanted + :one");
        }
        if join.shows && first.state == DeliveryState::Sent {
            set.push_str(
                ", #state = :pending, earlier = attempts, since = :at, due_at = :due, \
                 due_sort = :sort, due_pk = :due_pk",
            );
            let partition = key::partition(&join.sink, &first.finding);
            update = update
                .expression_attribute_values(":pending", state(DeliveryState::Pending))
                .expression_attribute_values(":due", text(key::instant(join.now)))
                .expression_attribute_values(":sort", text(key::due(join.now, &first.finding)))
                .expression_attribute_values(":due_pk", text(partition));
        }
        updating(update.update_expression(set))
    }

    /// The group is this finding's now, unless somebody else opened it anew meanwhile.
    fn open(
        &self,
        join: &Join,
        before: Option<&FindingId>,
    ) -> Result<TransactWriteItem, BuildError> {
        let expires = item::expires(join.expires_at());
        let put = Put::builder()
            .table_name(&self.table)
            .item(PK, text(partition(join)))
            .item(SK, text(LIVE.to_owned()))
            .item("first", text(join.finding.to_string()))
            .item(EXPIRES, number(expires))
            .expression_attribute_names("#first", "first");
        let put = match before {
            Some(before) => put
                .condition_expression("#first = :before")
                .expression_attribute_values(":before", text(before.to_string())),
            None => put.condition_expression("attribute_not_exists(#first)"),
        };
        Ok(TransactWriteItem::builder().put(put.build()?).build())
    }

    async fn try_gather(
        &self,
        sink: &str,
        (carrier, attempt): (&FindingId, u32),
        digest: &Value,
        members: &[(FindingId, u32)],
    ) -> Result<bool, StoreError> {
        let mut actions = vec![updating(
            self.held_row(carrier, sink, attempt)
                .condition_expression(HELD)
                .update_expression("SET digest = :digest")
                .expression_attribute_values(":digest", text(digest.to_string())),
        )];
        let by = text(format!("digest {carrier}"));
        actions.extend(members.iter().map(|(member, attempt)| {
            let resting = key::partition(key::RESTING, member);
            updating(
                self.held_row(member, sink, *attempt)
                    .condition_expression(HELD)
                    .update_expression(
                        "SET #state = :suppressed, suppressed_by = :by, due_pk = :resting \
                         REMOVE last_error",
                    )
                    .expression_attribute_values(":resting", text(resting))
                    .expression_attribute_values(":suppressed", state(DeliveryState::Suppressed))
                    .expression_attribute_values(":by", by.clone()),
            )
        }));
        let actions = actions.into_iter().collect::<Result<_, _>>();
        match self.transact(actions.map_err(|e| unbuilt(&e))?).await {
            Ok(()) => Ok(true),
            Err(StoreError::Throttled(reason)) => {
                // Either busy, or one of the rows is not ours any more.
                if self.all_held(sink, (carrier, attempt), members).await? {
                    Err(StoreError::Throttled(reason))
                } else {
                    Ok(false)
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn all_held(
        &self,
        sink: &str,
        (carrier, attempt): (&FindingId, u32),
        members: &[(FindingId, u32)],
    ) -> Result<bool, StoreError> {
        let all = members.iter().map(|(id, attempt)| (id, *attempt));
        for (id, attempt) in all.chain([(carrier, attempt)]) {
            let row = self.row(id, sink).await?;
            let held =
                |row: &Delivery| row.state == DeliveryState::Sending && row.attempts == attempt;
            if !row.as_ref().is_some_and(held) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn partition(join: &Join) -> String {
    format!("G#{}/{}", join.sink, join.key)
}

fn first_of(pointer: &Item) -> Option<FindingId> {
    FindingId::parse(pointer.get("first")?.as_s().ok()?).ok()
}

fn updating(update: UpdateBuilder) -> Result<TransactWriteItem, BuildError> {
    let update = update.build()?;
    Ok(TransactWriteItem::builder().update(update).build())
}

fn unbuilt(error: &BuildError) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
