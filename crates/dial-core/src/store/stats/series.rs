//! Findings over time: the steps of a window, from its cells.

use super::{Bucket, Cells, SEVERITY, Step, Window, parts, whole};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One step of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// When it begins.
    pub at: Timestamp,
    /// Findings.
    pub findings: u64,
    /// By severity; those without a finding are left out.
    pub by_severity: BTreeMap<String, u64>,
    /// Of the `largest` names; those without a finding are left out. The rest of `findings` is of
    /// others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_name: BTreeMap<String, u64>,
}

/// Counts by value, by bucket.
type Buckets<'a> = BTreeMap<&'a str, BTreeMap<String, u64>>;

/// Every step of the window, in order.
pub(super) fn of(window: Window, cells: &Cells, names: &Cells, largest: &[String]) -> Vec<Point> {
    let mut by_severity = buckets(cells, SEVERITY, |_| true);
    let mut by_name = match window.over {
        None => Buckets::new(),
        Some(over) => buckets(names, over.as_str(), |name| {
            largest.iter().any(|large| large == name)
        }),
    };
    let point = |at: Timestamp| {
        let bucket = match window.by {
            Step::Hour => Bucket::hour(at),
            Step::Day => Bucket::day(at),
        };
        let bucket = bucket.0.get(2..).unwrap_or_default();
        let by_severity = by_severity.remove(bucket).unwrap_or_default();
        Point {
            at,
            findings: by_severity.values().sum(),
            by_severity,
            by_name: by_name.remove(bucket).unwrap_or_default(),
        }
    };
    window.steps().map(point).collect()
}

fn buckets<'a>(cells: &'a Cells, dimension: &str, wanted: impl Fn(&str) -> bool) -> Buckets<'a> {
    let mut buckets = Buckets::new();
    for (name, count) in cells {
        if let Some((bucket, have, value)) = parts(name)
            && have == dimension
            && wanted(value)
            && whole(*count) > 0
        {
            let counts = buckets.entry(bucket).or_default();
            *counts.entry(value.to_owned()).or_default() += whole(*count);
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::super::{MAX_NAMES, Over, Sums};
    use super::*;
    use jiff::civil::date;

    #[test]
    fn what_is_not_among_the_largest_is_the_rest() {
        let days = [date(2026, 5, 1), date(2026, 5, 2)];
        let mut cells = Cells::new();
        for (n, day) in days.iter().enumerate() {
            cells.insert(format!("D#{day}#severity#high"), 36);
            for rule in 1..=8_i64 {
                // Ties are in the order of the names; `#` may be in one.
                let count = if n == 0 { rule } else { 9 - rule };
                cells.insert(format!("D#{day}#rule#r#{rule}"), count);
            }
        }
        cells.insert("D#2026-05-01#service#s3".into(), 36);
        cells.insert("D#2026-05-02#rule#r#8".into(), -1);
        let window = Window::new(days[0], days[1], Step::Day).unwrap();
        let window = window.split(Some(Over::Rule));
        let largest = Sums::of(&cells).largest(Over::Rule);
        assert_eq!(largest.len(), MAX_NAMES);
        assert_eq!(largest.concat(), "r#1r#2r#3r#4r#5r#6");
        let series = of(window, &cells, &cells, &largest);
        let rest = |point: &Point| point.findings - point.by_name.values().sum::<u64>();
        assert_eq!([rest(&series[0]), rest(&series[1])], [7 + 8, 2 + 1]);
        assert_eq!(series[1].by_name["r#1"], 8);
        let window = window.split(None);
        let series = of(window, &cells, &cells, &[]);
        assert!(series.iter().all(|point| point.by_name.is_empty()));
    }
}
