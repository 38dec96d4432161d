//! Triage in DynamoDB: the change, its history and the outbox rows it wakes, in one transaction.

use super::item::{self, Item, Standing};
use super::outbox::{number, state, text};
use super::retry::patiently;
use super::table::{BY_DUE, EXPIRES, PK, SK};
use super::{DynamoStore, StoreError, key};
use async_trait::async_trait;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use dial_core::FindingId;
use dial_core::store::triage::{ChangeError, Changed, Request, Triage, Triaging, decide};
use dial_core::store::{Delivery, DeliveryState, MAX_PAGE, Summary, stats};
use jiff::Timestamp;
use std::fmt::Write as _;

#[async_trait]
impl Triaging for DynamoStore {
    async fn change(
        &self,
        id: &FindingId,
        expected: Option<u64>,
        request: &Request,
    ) -> Result<Changed, ChangeError> {
        // What changed between reading and writing counts as busy: all is read again.
        let answer = patiently(Self::deadline(), || async {
            match self.try_change(id, expected, request).await {
                Err(ChangeError::Store(error)) => Err(error),
                decided => Ok(decided),
            }
        });
        answer.await?
    }

    async fn to_wake(&self, now: Timestamp, limit: usize) -> Result<Vec<FindingId>, StoreError> {
        let limit = limit.min(MAX_PAGE);
        let shards = (0..key::SHARDS).map(|shard| self.shard_to_wake(shard, now, limit));
        let shards = futures::future::try_join_all(shards).await?;
        Ok(shards.into_iter().flatten().take(limit).collect())
    }
}

impl DynamoStore {
    async fn try_change(
        &self,
        id: &FindingId,
        expected: Option<u64>,
        request: &Request,
    ) -> Result<Changed, ChangeError> {
        let Some(standing) = self.standing(id, request.at).await? else {
            return Err(ChangeError::Unknown);
        };
        let current = standing.triage.clone().at(request.at);
        if expected.is_some_and(|expected| expected != current.revision) {
            let mut history = dial_core::store::Store::audit(self, id).await?;
            let last = history.pop().map(Box::new);
            let current = Box::new(current);
            return Err(ChangeError::Conflict { current, last });
        }
        let changed =
            decide(&standing.triage, request).map_err(|reason| ChangeError::Refused { reason })?;
        let rows = dial_core::store::Store::deliveries(self, id).await?;
        let before = standing.summary()?;
        let writing = Writing {
            store: self,
            id,
            standing: &standing,
            changed: &changed,
            after: before.clone().changed(&changed.triage, request.at),
            before,
        };
        self.transact(writing.actions(&rows, request.at)?).await?;
        Ok(changed)
    }

    pub(super) async fn standing(
        &self,
        id: &FindingId,
        now: Timestamp,
    ) -> Result<Option<Standing>, StoreError> {
        let client = self.clients.dynamodb().await;
        let mut get = client
            .get_item()
            .table_name(&self.table)
            .key(PK, text(key::finding(id)))
            .key(SK, text(key::META.to_owned()))
            .consistent_read(true);
        let names = Standing::ATTRIBUTES.iter().enumerate();
        let names: Vec<_> = names.map(|(n, name)| (format!("#a{n}"), *name)).collect();
        let listed: Vec<_> = names.iter().map(|(short, _)| short.as_str()).collect();
        get = get.projection_expression(listed.join(", "));
        for (short, name) in &names {
            get = get.expression_attribute_names(short, *name);
        }
        let answer = get.send().await;
        let answer = answer.map_err(|e| self.failed(&e, "dynamodb:GetItem"))?;
        match answer.item {
            Some(item) => Standing::read(item, now),
            None => Ok(None),
        }
    }

    /// Writes all or nothing; what does not fit any more is [`StoreError::Throttled`].
    pub(super) async fn transact(&self, actions: Vec<TransactWriteItem>) -> Result<(), StoreError> {
        let token = format!("{:032x}", rand::random::<u128>());
        let client = self.clients.dynamodb().await;
        let answer = client
            .transact_write_items()
            .set_transact_items(Some(actions))
            .client_request_token(token)
            .send()
            .await;
        let Err(error) = answer else {
            return Ok(());
        };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        else {
            return Err(self.failed(&error, "dynamodb:UpdateItem"));
        };
        super::accept::outcome(cancelled.cancellation_reasons())?;
        Err(StoreError::Throttled(
            "finding changes at the same time".to_owned(),
        ))
    }

    async fn shard_to_wake(
        &self,
        shard: u8,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<FindingId>, StoreError> {
        let answer = self
            .query(BY_DUE.name)
            .await
            .key_condition_expression("due_pk = :partition AND due_sort < :now")
            .expression_attribute_values(":partition", text(key::partition_of(key::WAKING, shard)))
            // `$` is the character after the `#` of a key: the millisecond of `now` is included.
            .expression_attribute_values(":now", text(format!("{now:.3}$")))
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|e| self.failed(&e, "dynamodb:Query"))?;
        let items = answer.items.unwrap_or_default().into_iter();
        let awake = |item: &Item| {
            let until = item.get("until").and_then(|value| value.as_s().ok());
            let until = until.and_then(|text| text.parse::<Timestamp>().ok());
            until.is_none_or(|until| until <= now) && !item::expired(item, now)
        };
        let id = |item: Item| key::finding_of(item.get(PK)?.as_s().ok()?);
        Ok(items.filter(awake).filter_map(id).collect())
    }
}

/// One change as it is to be written.
struct Writing<'a> {
    store: &'a DynamoStore,
    id: &'a FindingId,
    standing: &'a Standing,
    changed: &'a Changed,
    /// Lines of a list.
    before: Summary,
    after: Summary,
}

impl Writing<'_> {
    fn actions(
        &self,
        rows: &[Delivery],
        at: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let unbuilt = |e: BuildError| StoreError::Unavailable(e.to_string());
        let mut actions = vec![self.meta()?];
        for line in &self.changed.lines {
            actions.push(self.put(item::history(self.id, line, self.standing.expires)?));
        }
        actions.extend(self.wake());
        actions.extend(self.count(at)?);
        // Those that nobody is told of never wake up.
        let told = |row: &&Delivery| row.state != DeliveryState::Suppressed;
        actions.extend(rows.iter().filter(told).map(|row| self.want(row, at)));
        actions
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(unbuilt)
    }

    /// The note that counts the change, where that changes a number.
    fn count(
        &self,
        at: Timestamp,
    ) -> Result<Option<Result<TransactWriteItem, BuildError>>, StoreError> {
        let cells = stats::changed(&self.before, &self.after);
        if cells.is_empty() {
            return Ok(None);
        }
        let (revision, expires) = (self.changed.triage.revision, self.standing.expires);
        let note = super::stats::note(self.id, revision, &cells, at, expires)?;
        Ok(Some(self.put(note)))
    }

    fn key(&self, sk: &str) -> Item {
        let keys = [(PK, key::finding(self.id)), (SK, sk.to_owned())];
        keys.map(|(name, value)| (name.to_owned(), text(value)))
            .into()
    }

    fn update(&self, sk: &str) -> UpdateBuilder {
        let update = Update::builder().table_name(&self.store.table);
        update.set_key(Some(self.key(sk)))
    }

    /// The finding itself, if nobody else changed it.
    fn meta(&self) -> Result<Result<TransactWriteItem, BuildError>, StoreError> {
        let Triage {
            status,
            assignee,
            snoozed_until,
            revision,
        } = &self.changed.triage;
        let name = item::status_name(*status);
        let mut update = self
            .update(key::META)
            .condition_expression("revision = :before")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":before", number(self.standing.triage.revision))
            .expression_attribute_values(":revision", number(revision))
            .expression_attribute_values(":status", text(name.to_owned()))
            .expression_attribute_values(":status_pk", text(key::partition(name, self.id)))
            .expression_attribute_values(":summary", text(item::json(&self.after)?));
        let mut set = "SET #status = :status, status_pk = :status_pk, revision = :revision, \
                       summary = :summary"
            .to_owned();
        let mut gone = Vec::new();
        let until = snoozed_until.map(|until| until.to_string());
        for (name, value) in [("assignee", assignee), ("snoozed_until", &until)] {
            match value {
                Some(value) => {
                    let _ = write!(set, ", {name} = :{name}");
                    let value = text(value.clone());
                    update = update.expression_attribute_values(format!(":{name}"), value);
                }
                None => gone.push(name),
            }
        }
        if !gone.is_empty() {
            let _ = write!(set, " REMOVE {}", gone.join(", "));
        }
        let update = update.update_expression(set).build();
        Ok(update.map(|update| TransactWriteItem::builder().update(update).build()))
    }

    fn put(&self, item: Item) -> Result<TransactWriteItem, BuildError> {
        let put = Put::builder().table_name(&self.store.table);
        let put = put.set_item(Some(item)).build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The item that wakes it lies there exactly while it sleeps.
    fn wake(&self) -> Option<Result<TransactWriteItem, BuildError>> {
        let before = self.standing.triage.snoozed_until;
        match self.changed.triage.snoozed_until {
            until if until == before => None,
            Some(until) => {
                let mut item = self.key(key::WAKE);
                for (name, value) in [
                    ("until", text(until.to_string())),
                    ("due_pk", text(key::partition(key::WAKING, self.id))),
                    ("due_sort", text(key::due(until, self.id))),
                    (EXPIRES, number(self.standing.expires)),
                ] {
                    item.insert(name.to_owned(), value);
                }
                Some(self.put(item))
            }
            None => {
                let delete = Delete::builder().table_name(&self.store.table);
                let delete = delete.set_key(Some(self.key(key::WAKE)));
                let action = |delete| TransactWriteItem::builder().delete(delete).build();
                Some(delete.build().map(action))
            }
        }
    }

    /// What a sink shows is out of date: its row learns so, and is due again if it was sent.
    fn want(&self, row: &Delivery, at: Timestamp) -> Result<TransactWriteItem, BuildError> {
        let update = self
            .update(&key::out(&row.sink))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":sent", state(DeliveryState::Sent));
        let update = if row.state == DeliveryState::Sent {
            update
                .condition_expression("#state = :sent")
                .update_expression(
                    "SET wanted = wanted + :one, #state = :pending, earlier = attempts, \
                     since = :at, due_at = :due, due_sort = :sort, due_pk = :due_pk",
                )
                .expression_attribute_values(":pending", state(DeliveryState::Pending))
                .expression_attribute_values(":at", text(at.to_string()))
                .expression_attribute_values(":due", text(key::instant(at)))
                .expression_attribute_values(":sort", text(key::due(at, self.id)))
                .expression_attribute_values(":due_pk", text(key::partition(&row.sink, self.id)))
        } else {
            update
                .condition_expression("#state <> :sent")
                .update_expression("SET wanted = wanted + :one")
        };
        let update = update.build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}
