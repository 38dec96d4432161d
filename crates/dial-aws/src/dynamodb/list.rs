//! Listing findings: the most selective index, its shards side by side, the rest by filter.

use super::item::{self, Item};
use super::key::{self, Range};
use super::merge::{self, Row, Slice, Source};
use super::table::{
    BY_ACCESS_KEY, BY_ACCOUNT, BY_ADDRESS, BY_PRINCIPAL, BY_RESOURCE, BY_RULE, BY_RULE_ID,
    BY_STATUS, BY_TIME, Index,
};
use super::{DynamoStore, StoreError};
use aws_sdk_dynamodb::types::AttributeValue;
use dial_core::store::{Cursor, MAX_PAGE, Page, Query, sort_key};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Most values that are each looked up in an index.
const MAX_VALUES: usize = 4;

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
        now,
        partitions: partitions(query),
    };
    // Findings spread evenly over the shards: twice the even share seldom needs a second read.
    merge::page(&list, limit, (limit / 4).max(10)).await
}

struct List<'a> {
    store: &'a DynamoStore,
    query: &'a Query,
    after: Option<&'a str>,
    range: Range,
    now: Timestamp,
    partitions: Vec<(Index, String)>,
}

impl Source for List<'_> {
    fn lanes(&self) -> usize {
        self.partitions.len()
    }

    async fn read(
        &self,
        lane: usize,
        from: Option<Item>,
        piece: usize,
    ) -> Result<Slice, StoreError> {
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
            .limit(i32::try_from(piece).unwrap_or(i32::MAX))
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

/// Partitions of the index that leaves the least to filter, all shards of each value asked for.
///
/// A rule is named either way, so both of its indexes are read. Of very many values one index
/// would be read in too many places: they are left to the filter.
fn partitions(query: &Query) -> Vec<(Index, String)> {
    let statuses: Vec<String> = query
        .stored_statuses()
        .map(|status| item::status_name(status).to_owned())
        .collect();
    let everything = [key::ALL.to_owned()];
    let addresses = query.addresses();
    let ways: [(&[Index], &[String]); 8] = [
        (&[BY_ACCESS_KEY], &query.access_key),
        (&[BY_RESOURCE], &query.resource),
        (&[BY_ADDRESS], &addresses),
        (&[BY_PRINCIPAL], &query.principal),
        (&[BY_RULE, BY_RULE_ID], &query.rule),
        (&[BY_ACCOUNT], &query.account),
        (&[BY_STATUS], &statuses),
        (&[BY_TIME], &everything),
    ];
    let mut ways = ways.into_iter();
    let (indexes, values) = ways
        .find(|(_, values)| (1..=MAX_VALUES).contains(&values.len()))
        .expect("the last way always has one value");
    let values: BTreeSet<&String> = values.iter().collect();
    let lanes = |index: Index, value: &str| {
        let lane = |shard| (index, key::partition_of(value, shard));
        (0..key::SHARDS).map(lane).collect::<Vec<_>>()
    };
    let of_index = |index: &Index| {
        values
            .iter()
            .flat_map(move |value| lanes(*index, value))
            .collect::<Vec<_>>()
    };
    indexes.iter().flat_map(of_index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::store::Status;

    #[test]
    fn the_most_selective_index_is_read() {
        let some = |text: &str| vec![text.to_owned()];
        let all = Query {
            account: some("111122223333"),
            region: some("eu-west-1"),
            status: vec![Status::FalsePositive],
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
        let accounts = |count: u32| Query {
            account: (0..count).map(|n| format!("00000000000{n}")).collect(),
            ..Query::default()
        };
        let cases = [
            (all.clone(), "by_resource", "x#0", 8),
            (without(|q| q.resource.clear()), "by_principal", "p#0", 8),
            (
                without(|q| {
                    q.resource.clear();
                    q.principal = (0..5).map(|n| n.to_string()).collect();
                }),
                "by_rule",
                "r#0",
                16,
            ),
            (
                without(|q| {
                    q.resource.clear();
                    q.principal.clear();
                    q.rule.clear();
                }),
                "by_account",
                "111122223333#0",
                8,
            ),
            (
                Query {
                    access_key: some("AKIAIOSFODNN7EXAMPLE"),
                    ..all.clone()
                },
                "by_access_key",
                "AKIAIOSFODNN7EXAMPLE#0",
                8,
            ),
            (accounts(4), "by_account", "000000000000#0", 32),
            (accounts(5), "by_time", "all#0", 8),
            (
                Query {
                    account: vec!["1".into(), "1".into()],
                    ..Query::default()
                },
                "by_account",
                "1#0",
                8,
            ),
            (
                Query {
                    status: vec![Status::FalsePositive],
                    ..Query::default()
                },
                "by_status",
                "false_positive#0",
                8,
            ),
            (
                Query {
                    status: vec![Status::Open],
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

    #[test]
    fn addresses_are_looked_up_and_networks_are_filters() {
        for (source, index, first) in [
            ("::ffff:198.51.100.7", "by_address", "198.51.100.7#0"),
            ("198.51.100.7/32", "by_address", "198.51.100.7#0"),
            ("198.51.100.0/24", "by_time", "all#0"),
        ] {
            let query = Query {
                source: vec![source.parse().unwrap()],
                ..Query::default()
            };
            let partitions = partitions(&query);
            let (read, partition) = &partitions[0];
            assert_eq!((read.name, partition.as_str()), (index, first), "{source}");
            assert_eq!(partitions.len(), 8, "{source}");
        }
    }
}
