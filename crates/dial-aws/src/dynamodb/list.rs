//! Listing findings: the most selective index, its shards side by side, the rest by filter.

use super::item::{self, Item};
use super::key::{self, Range};
use super::merge::{self, Row, Slice, Source};
use super::table::{
    BY_ACCOUNT, BY_PRINCIPAL, BY_RESOURCE, BY_RULE, BY_RULE_ID, BY_STATUS, BY_TIME, Index,
};
use super::{DynamoStore, StoreError};
use aws_sdk_dynamodb::types::AttributeValue;
use dial_core::store::{Cursor, MAX_PAGE, Page, Query, Status, sort_key};
use jiff::Timestamp;

/// One page of the list.
pub(super) async fn page(
    store: &DynamoStore,
    query: &Query,
    after: Option<&Cursor>,
    limit: usize,
    now: Timestamp,
) -> Result<Page, StoreError> {
    let after = after.map(Cursor::sort_key);
    let Some(range) = Range::new(query.since, query.until, after) else {
        let (items, next) = (Vec::new(), None);
        return Ok(Page { items, next });
    };
    let limit = limit.clamp(1, MAX_PAGE);
    let list = List {
        store,
        query,
        after,
        range,
        // Findings spread evenly over the shards: twice the even share seldom needs a second read.
        piece: i32::try_from(limit / 4).unwrap_or(i32::MAX).max(10),
        now,
        partitions: partitions(query),
    };
    merge::page(&list, limit).await
}

struct List<'a> {
    store: &'a DynamoStore,
    query: &'a Query,
    after: Option<&'a str>,
    range: Range,
    piece: i32,
    now: Timestamp,
    partitions: Vec<(Index, String)>,
}

impl Source for List<'_> {
    fn lanes(&self) -> usize {
        self.partitions.len()
    }

    async fn read(&self, lane: usize, from: Option<Item>) -> Result<Slice, StoreError> {
        let (index, partition) = &self.partitions[lane];
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let answer = self
            .store
            .query(index.name)
            .await
            .key_condition_expression("#partition = :partition AND #sort BETWEEN :low AND :high")
            .expression_attribute_names("#partition", index.partition)
            .expression_attribute_names("#sort", index.sort)
            .expression_attribute_values(":partition", text(partition))
            .expression_attribute_values(":low", text(&self.range.low))
            .expression_attribute_values(":high", text(&self.range.high))
            .scan_index_forward(false)
            .limit(self.piece)
            .set_exclusive_start_key(from)
            .send()
            .await
            .map_err(|e| self.store.failed(&e, "dynamodb:Query"))?;
        let rows = answer.items.unwrap_or_default();
        let rows = rows.into_iter().map(|item| self.row(item));
        Ok(Slice {
            rows: rows.collect::<Result<_, _>>()?,
            next: answer.last_evaluated_key,
        })
    }
}

impl List<'_> {
    fn row(&self, item: Item) -> Result<Row, StoreError> {
        let (summary, expired) = item::line(item, self.now)?;
        let sort = sort_key(summary.time, &summary.id);
        // The range includes its upper end, which is the last row of the page before.
        let shown = self.after == Some(sort.as_str());
        Ok(Row {
            wanted: !expired && !shown && self.query.matches(&summary),
            sort,
            summary,
        })
    }
}

/// Partitions of the index that leaves the least to filter. A rule is named either way, so both
/// of its indexes are read; a sleep may be over before its status is written.
fn partitions(query: &Query) -> Vec<(Index, String)> {
    let (asleep, open) = (Status::Snoozed, Status::Open);
    let values: Vec<(Index, &str)> = match query {
        Query {
            resource: Some(v), ..
        } => vec![(BY_RESOURCE, v)],
        Query {
            principal: Some(v), ..
        } => vec![(BY_PRINCIPAL, v)],
        Query { rule: Some(v), .. } => vec![(BY_RULE, v), (BY_RULE_ID, v)],
        Query {
            account: Some(v), ..
        } => vec![(BY_ACCOUNT, v)],
        Query {
            status: Some(Status::Open),
            ..
        } => [open, asleep]
            .map(|status| (BY_STATUS, item::status_name(status)))
            .to_vec(),
        Query {
            status: Some(v), ..
        } => vec![(BY_STATUS, item::status_name(*v))],
        _ => vec![(BY_TIME, key::ALL)],
    };
    let shards = |(index, value): (Index, &str)| {
        let value = value.to_owned();
        (0..key::SHARDS).map(move |shard| (index, key::partition_of(&value, shard)))
    };
    values.into_iter().flat_map(shards).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_selective_index_is_read() {
        let some = |text: &str| Some(text.to_owned());
        let all = Query {
            account: some("111122223333"),
            region: some("eu-west-1"),
            status: Some(Status::FalsePositive),
            rule: some("r"),
            principal: some("p"),
            resource: some("x"),
            ..Query::default()
        };
        let without = |change: fn(&mut Query)| {
            let mut query = all.clone();
            change(&mut query);
            query
        };
        let cases = [
            (all.clone(), "by_resource", "x#0", 8),
            (without(|q| q.resource = None), "by_principal", "p#0", 8),
            (
                without(|q| (q.resource, q.principal) = (None, None)),
                "by_rule",
                "r#0",
                16,
            ),
            (
                without(|q| (q.resource, q.principal, q.rule) = (None, None, None)),
                "by_account",
                "111122223333#0",
                8,
            ),
            (
                Query {
                    status: Some(Status::FalsePositive),
                    ..Query::default()
                },
                "by_status",
                "false_positive#0",
                8,
            ),
            (
                Query {
                    status: Some(Status::Open),
                    ..Query::default()
                },
                "by_status",
                "open#0",
                16,
            ),
            (Query::default(), "by_time", "all#0", 8),
        ];
        for (query, index, first, lanes) in cases {
            let partitions = partitions(&query);
            assert_eq!(partitions[0].0.name, index);
            assert_eq!(partitions[0].1, first);
            assert_eq!(partitions.len(), lanes, "{index}");
        }
    }
}
