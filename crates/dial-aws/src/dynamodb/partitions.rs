//! Generated load: no partition of an index gets more than its share, whatever the skew.

use super::key;
use super::table::{
    BY_ACCESS_KEY, BY_ACCOUNT, BY_ADDRESS, BY_DUE, BY_PRINCIPAL, BY_RESOURCE, BY_RULE, BY_STATUS,
    BY_TIME,
};
use dial_core::FindingId;
use std::collections::HashMap;
use std::fmt::Write as _;

/// Findings of the load.
const FINDINGS: u64 = 1_000_000;
/// What a partition writes a second, WCU; the line of an index is about one KB, one WCU.
const PARTITION: f64 = 1_000.0;
/// How far a partition may be above its even share: chance, not design.
const CHANCE: f64 = 1.05;

/// Numbers that look random, the same each time (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Ids are cut off a SHA-256: their digits are even, as these are.
    fn id(&mut self) -> FindingId {
        let bytes = (u128::from(self.roll()) << 64 | u128::from(self.roll())).to_be_bytes();
        FindingId::parse(&format!("f-{}", dial_core::id::base32(&bytes))).unwrap()
    }

    /// The first of `count` values in `percent` of all cases, any of them otherwise.
    fn skewed(&mut self, percent: u64, count: u64) -> u64 {
        if self.roll() % 100 < percent {
            0
        } else {
            self.roll() % count
        }
    }
}

/// How often each value of an index was written, and each of its partitions.
#[derive(Default)]
struct Load {
    values: HashMap<u64, u64>,
    partitions: HashMap<(u64, u8), u64>,
}

impl Load {
    fn write(&mut self, value: u64, name: &str, id: &FindingId) {
        let partition = key::partition(name, id);
        let shard = partition.rsplit('#').next().unwrap().parse().unwrap();
        *self.values.entry(value).or_default() += 1;
        *self.partitions.entry((value, shard)).or_default() += 1;
    }

    /// Writes of the most written value, and of the most written partition.
    fn most(&self) -> (u64, u64) {
        let most = |counts: Option<&u64>| counts.copied().unwrap_or(0);
        (
            most(self.values.values().max()),
            most(self.partitions.values().max()),
        )
    }
}

/// A day of trouble: nearly all of one account and one rule, much of one principal, few resources.
#[test]
#[expect(clippy::cast_precision_loss, reason = "shares of a million")]
fn no_partition_gets_more_than_its_share() {
    let names = [
        (BY_TIME, 100, 1),
        (BY_STATUS, 97, 5),
        (BY_ACCOUNT, 90, 300),
        (BY_RULE, 80, 150),
        (BY_PRINCIPAL, 60, 5_000),
        (BY_RESOURCE, 40, 20_000),
        (BY_ACCESS_KEY, 50, 10_000),
        (BY_ADDRESS, 70, 2_000),
        (BY_DUE, 0, 4),
    ];
    let mut loads: Vec<Load> = names.iter().map(|_| Load::default()).collect();
    let mut dice = Dice(1);
    for _ in 0..FINDINGS {
        let id = dice.id();
        for ((_, percent, count), load) in names.iter().zip(&mut loads) {
            let value = dice.skewed(*percent, *count);
            load.write(value, "value", &id);
        }
    }
    let mut table =
        "index         most written value  its hottest partition  findings/s at 1,000 WCU\n"
            .to_owned();
    for ((index, ..), load) in names.iter().zip(&loads) {
        let (value, partition) = load.most();
        let share = partition as f64 / FINDINGS as f64;
        let rate = PARTITION / share;
        writeln!(
            table,
            "{:<13} {:>17.1}% {:>21.2}% {rate:>24.0}",
            index.name,
            100.0 * value as f64 / FINDINGS as f64,
            100.0 * share,
        )
        .unwrap();
        let even = value as f64 / f64::from(key::SHARDS);
        assert!(
            partition as f64 <= even * CHANCE,
            "{}: {partition} of {value}",
            index.name
        );
    }
    insta::assert_snapshot!(table);
}
