//! How many outbox rows each sink has in each state.
//!
//! What waits or failed lies in `by_due`, where it is counted by reading. A row that is settled
//! lies there too, until folding adds it to a cell; `counted` is the state in which its cell has
//! it. So a state has as many rows as its cells say, and those in `by_due` that are in it, less
//! those there that are still counted in it: exact whoever folds, and whatever crashes. Cells are
//! by the day on which their rows expire, for nobody is told when a row goes.

use super::item::{self, Item};
use super::outbox::text;
use super::table::BY_DUE;
use super::{DynamoStore, StoreError, backlog, key, row};
use dial_core::store::DeliveryState;
use dial_core::store::outbox::{Backlog, Count};
use dial_core::store::stats::Cells;
use dial_core::store::stats::Statistics as _;
use futures::future::try_join_all;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Start of the name of a cell: `O#<day>#<state>#<sink>`.
const ROWS: &str = "O";
const STATES: [DeliveryState; 5] = [
    DeliveryState::Pending,
    DeliveryState::Sending,
    DeliveryState::Sent,
    DeliveryState::Failed,
    DeliveryState::Suppressed,
];

/// What counting reads of a row.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Entry {
    pub(super) pk: String,
    pub(super) sk: String,
    pub(super) sink: String,
    pub(super) state: DeliveryState,
    /// The state in which a cell has it; absent until one has.
    #[serde(default)]
    pub(super) counted: Option<DeliveryState>,
    pub(super) expires: i64,
}

impl Entry {
    /// Names of its attributes, for a projection.
    const ATTRIBUTES: [&str; 6] = ["pk", "sk", "sink", "state", "counted", "expires"];

    pub(super) fn read(item: Item) -> Result<Self, StoreError> {
        item::read(item)
    }

    /// What its cells lack.
    pub(super) fn cells(&self) -> Result<Cells, StoreError> {
        if self.counted == Some(self.state) {
            return Ok(Cells::new());
        }
        let mut cells = Cells::from([(self.cell(self.state)?, 1)]);
        if let Some(before) = self.counted {
            cells.insert(self.cell(before)?, -1);
        }
        Ok(cells)
    }

    fn cell(&self, state: DeliveryState) -> Result<String, StoreError> {
        let expires = Timestamp::from_second(self.expires).map_err(|error| self.corrupt(&error))?;
        let (day, state) = (day(expires), row::state_name(state));
        Ok(format!("{ROWS}#{day}#{state}#{}", key::bounded(&self.sink)))
    }

    /// When its cells may go: no row of theirs is left after that day.
    pub(super) fn cells_expire(&self) -> i64 {
        const DAY: i64 = 24 * 60 * 60;
        self.expires
            .div_euclid(DAY)
            .saturating_add(1)
            .saturating_mul(DAY)
    }

    fn corrupt(&self, why: &dyn std::fmt::Display) -> StoreError {
        StoreError::Corrupt(format!("{} {}: {why}", self.pk, self.sk))
    }
}

/// The rows of these sinks, by state.
pub(super) async fn counts(
    store: &DynamoStore,
    sinks: &[String],
    now: Timestamp,
) -> Result<Vec<Count>, StoreError> {
    let (today, last) = (format!("{ROWS}#{}", day(now)), format!("{ROWS}#~"));
    let cells = store.cells(&today, &last).await?;
    let mut sums = Sums::of(&cells);
    let open = sinks.iter().flat_map(|sink| {
        [Backlog::Waiting, Backlog::Failed].map(|which| backlog::partition(sink, which))
    });
    let values: Vec<String> = open.chain([key::RESTING.to_owned()]).collect();
    let rows = values
        .iter()
        .flat_map(|value| (0..key::SHARDS).map(move |shard| rows(store, value, shard)));
    for row in try_join_all(rows).await?.into_iter().flatten() {
        sums.add(&row);
    }
    let all = sinks
        .iter()
        .flat_map(|sink| STATES.map(|state| (sink, state)));
    let counts = all.map(|(sink, state)| Count {
        sink: sink.clone(),
        state,
        rows: sums.rows(sink, state),
    });
    Ok(counts.filter(|count| count.rows > 0).collect())
}

fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).date().to_string()
}

/// Every row of a partition of `by_due`.
async fn rows(store: &DynamoStore, value: &str, shard: u8) -> Result<Vec<Entry>, StoreError> {
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let names = (0..).zip(Entry::ATTRIBUTES);
        let names: Vec<_> = names.map(|(n, name)| (format!("#a{n}"), name)).collect();
        let listed: Vec<_> = names.iter().map(|(short, _)| short.as_str()).collect();
        let query = store
            .query(BY_DUE.name)
            .await
            .key_condition_expression("due_pk = :partition")
            .projection_expression(listed.join(", "))
            .expression_attribute_values(":partition", text(key::partition_of(value, shard)))
            .set_exclusive_start_key(from);
        let query = names.iter().fold(query, |query, (short, name)| {
            query.expression_attribute_names(short, *name)
        });
        let answer = query.send().await;
        let answer = answer.map_err(|e| store.failed(&e, "dynamodb:Query"))?;
        for item in answer.items.unwrap_or_default() {
            found.push(Entry::read(item)?);
        }
        from = answer.last_evaluated_key;
        if from.is_none() {
            return Ok(found);
        }
    }
}

/// Rows by sink, as keys spell it, and state.
#[derive(Default)]
struct Sums(BTreeMap<(String, &'static str), i64>);

impl Sums {
    fn of(cells: &Cells) -> Self {
        let mut sums = Self::default();
        for (name, n) in cells {
            let mut parts = name.splitn(4, '#').skip(2);
            let (state, sink) = (parts.next(), parts.next());
            let state = STATES
                .into_iter()
                .find(|of| state == Some(row::state_name(*of)));
            if let (Some(state), Some(sink)) = (state, sink) {
                sums.change(sink, state, *n);
            }
        }
        sums
    }

    /// A row of `by_due`.
    fn add(&mut self, row: &Entry) {
        let sink = key::bounded(&row.sink).into_owned();
        self.change(&sink, row.state, 1);
        if let Some(counted) = row.counted {
            self.change(&sink, counted, -1);
        }
    }

    fn change(&mut self, sink: &str, state: DeliveryState, by: i64) {
        let key = (sink.to_owned(), row::state_name(state));
        *self.0.entry(key).or_default() += by;
    }

    /// A row that moves while it is read may be missed: for a moment a sum can be below zero.
    fn rows(&self, sink: &str, state: DeliveryState) -> u64 {
        let key = (key::bounded(sink).into_owned(), row::state_name(state));
        let sum = self.0.get(&key).copied().unwrap_or_default();
        u64::try_from(sum).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DeliveryState::{Pending, Sent, Suppressed};

    fn row(state: DeliveryState, counted: Option<DeliveryState>) -> Entry {
        Entry {
            pk: "F#f-a".into(),
            sk: "OUT#a#b".into(),
            sink: "a#b".into(),
            state,
            counted,
            expires: 1_777_629_600,
        }
    }

    #[test]
    fn a_row_is_added_to_the_cell_of_its_state_once() {
        let cases = [
            ("sent", row(Sent, None), vec![("O#2026-05-01#sent#a#b", 1)]),
            ("sent again", row(Sent, Some(Sent)), vec![]),
            (
                "moved",
                row(Suppressed, Some(Sent)),
                vec![
                    ("O#2026-05-01#sent#a#b", -1),
                    ("O#2026-05-01#suppressed#a#b", 1),
                ],
            ),
        ];
        for (name, row, expected) in cases {
            let expected = expected.into_iter().map(|(cell, n)| (cell.to_owned(), n));
            assert_eq!(row.cells().unwrap(), expected.collect(), "{name}");
        }
        let end = Timestamp::from_second(row(Sent, None).cells_expire()).unwrap();
        assert_eq!(end.to_string(), "2026-05-02T00:00:00Z");
    }

    #[test]
    fn sums_are_the_same_before_and_after_folding_and_while_a_row_wakes() {
        let cell = || Cells::from([("O#2026-05-01#sent#a#b".to_owned(), 1)]);
        let cases = [
            ("settled", Cells::new(), Some(row(Sent, None)), 1, 0),
            ("folded", cell(), None, 1, 0),
            ("woken", cell(), Some(row(Pending, Some(Sent))), 0, 1),
            ("settled again", cell(), Some(row(Sent, Some(Sent))), 1, 0),
        ];
        for (name, cells, row, sent, pending) in cases {
            let mut sums = Sums::of(&cells);
            if let Some(row) = &row {
                sums.add(row);
            }
            let found = (sums.rows("a#b", Sent), sums.rows("a#b", Pending));
            assert_eq!(found, (sent, pending), "{name}");
        }
    }
}
