//! Findings over time as stacked bars: numbers in, rectangles out; a template draws them.

use super::words;
use dial_core::Severity;
use dial_core::store::stats::{MAX_NAMES, Point, Step};

/// Height of the drawing, pixels; it is as wide as its place, so that a phone shows it too.
const HEIGHT: f64 = 180.0;
/// Room for a number above the highest line, and for the days below.
const ABOVE: f64 = 16.0;
const BELOW: f64 = 22.0;
/// Part of a step that its bar takes.
const FULL: f64 = 0.78;
/// Most days that are named below.
const NAMES: usize = 8;

/// Classes of the names that a chart is split by, the largest first, and of the others.
const NAMED: [&str; MAX_NAMES] = ["n1", "n2", "n3", "n4", "n5", "n6"];
const OTHERS: &str = "others";

/// One part of a bar: percent of the width, pixels of the height.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
    pub(super) class: &'static str,
}

/// One bar, and what it says: in words, and as a line of the table.
#[derive(Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) at: String,
    pub(super) said: String,
    pub(super) parts: Vec<Part>,
    pub(super) counts: Vec<u64>,
}

/// A word at a place.
#[derive(Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) at: String,
    pub(super) word: String,
}

/// What one colour means.
#[derive(Debug, PartialEq)]
pub(super) struct Layer {
    pub(super) class: &'static str,
    /// As people read it.
    pub(super) name: String,
    /// As a filter knows it; `None` for what is not one name.
    pub(super) value: Option<String>,
    pub(super) findings: u64,
}

/// The drawing.
#[derive(Debug, PartialEq)]
pub(super) struct Chart {
    /// From the top of a bar to its foot, which is the order in which it is told.
    pub(super) layers: Vec<Layer>,
    pub(super) bars: Vec<Bar>,
    pub(super) days: Vec<Mark>,
    pub(super) counts: Vec<Mark>,
}

impl Chart {
    /// By severity, the worst on top.
    pub(super) fn by_severity(series: &[Point], by: Step) -> Self {
        let severities = Severity::ALL.into_iter().rev();
        let layers = severities.map(|severity| Layer {
            class: severity.as_str(),
            name: words::severity(severity).to_owned(),
            value: Some(severity.as_str().to_owned()),
            findings: 0,
        });
        let count = |point: &Point, value: &str| point.by_severity.get(value).copied();
        Self::of(layers.collect(), series, by, count)
    }

    /// By the largest names, the largest on top, and the others.
    pub(super) fn by_name(series: &[Point], by: Step, largest: &[String]) -> Self {
        let named = NAMED.into_iter().zip(largest).map(|(class, name)| Layer {
            class,
            name: match &*words::one_line(name) {
                "" => "none".to_owned(),
                line => line.to_owned(),
            },
            value: Some(name.clone()),
            findings: 0,
        });
        let others = Layer {
            class: OTHERS,
            name: "others".to_owned(),
            value: None,
            findings: 0,
        };
        let layers = named.chain([others]).collect();
        let count = |point: &Point, value: &str| point.by_name.get(value).copied();
        let mut chart = Self::of(layers, series, by, count);
        if chart.layers.pop_if(|others| others.findings == 0).is_some() {
            for bar in &mut chart.bars {
                bar.counts.pop();
            }
        }
        chart
    }

    /// `count` is asked for what a layer's value has; what nothing has is of the layer without one.
    #[expect(clippy::cast_precision_loss, reason = "a drawing is not that exact")]
    fn of(
        mut layers: Vec<Layer>,
        series: &[Point],
        by: Step,
        count: impl Fn(&Point, &str) -> Option<u64>,
    ) -> Self {
        let most = series.iter().map(|point| point.findings).max();
        let top = round_up(most.unwrap_or(0).max(1));
        let (room, step) = (HEIGHT - BELOW, 100.0 / series.len().max(1) as f64);
        let scale = (room - ABOVE) / top as f64;
        let place = |n: usize| percent(step * n as f64 + step * (1.0 - FULL) / 2.0);
        let mut bars = Vec::new();
        for (n, point) in series.iter().enumerate() {
            let counts = split(point, &layers, &count);
            let mut y = room;
            let mut parts = Vec::new();
            for (layer, count) in layers.iter_mut().zip(&counts).rev() {
                layer.findings += count;
                let height = *count as f64 * scale;
                if *count > 0 {
                    y -= height;
                    parts.push(Part {
                        x: place(n),
                        y: pixels(y),
                        width: percent(step * FULL),
                        height: pixels(height),
                        class: layer.class,
                    });
                }
            }
            bars.push(Bar {
                at: name(point, by),
                said: format!("{}: {}", name(point, by), said(&layers, &counts)),
                parts,
                counts,
            });
        }
        let every = series.len().div_ceil(NAMES).max(1);
        let named = series.iter().enumerate().step_by(every);
        let hours = by == Step::Hour && series.len() <= 24;
        let days = named.map(|(n, point)| Mark {
            at: place(n),
            // The window says which day it is.
            word: if hours {
                point.at.strftime("%H:00").to_string()
            } else {
                name(point, by)
            },
        });
        let count = |count: u64| Mark {
            at: pixels(room - count as f64 * scale),
            word: count.to_string(),
        };
        Self {
            layers,
            bars,
            days: days.collect(),
            counts: [0, top / 2, top].into_iter().map(count).collect(),
        }
    }
}

/// The findings of a step in each layer. Counters follow one by one: parts may be more than all.
fn split(
    point: &Point,
    layers: &[Layer],
    count: &impl Fn(&Point, &str) -> Option<u64>,
) -> Vec<u64> {
    let mut rest = point.findings;
    let counts = layers.iter().map(|layer| match &layer.value {
        None => rest,
        Some(value) => {
            let count = count(point, value).unwrap_or(0).min(rest);
            rest -= count;
            count
        }
    });
    counts.collect()
}

/// `2 Critical, 1 Low`.
fn said(layers: &[Layer], counts: &[u64]) -> String {
    let some = layers.iter().zip(counts).filter(|(_, count)| **count > 0);
    let counts: Vec<_> = some
        .map(|(layer, count)| format!("{count} {}", layer.name))
        .collect();
    if counts.is_empty() {
        "none".to_owned()
    } else {
        counts.join(", ")
    }
}

fn name(point: &Point, by: Step) -> String {
    let form = match by {
        Step::Hour => "%-d %b %H:00",
        Step::Day => "%-d %b",
    };
    point.at.strftime(form).to_string()
}

/// The next number that halves well.
fn round_up(most: u64) -> u64 {
    let mut power = 1;
    loop {
        for leading in [2, 4, 6, 10] {
            let top = power * leading;
            if top >= most || power > u64::MAX / 100 {
                return top;
            }
        }
        power *= 10;
    }
}

fn pixels(number: f64) -> String {
    format!("{number:.1}")
}

fn percent(number: f64) -> String {
    format!("{number:.2}%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn bars_stand_on_the_line_and_keep_their_proportion() {
        let point = |day: &str, counts: &[(&str, u64)]| Point {
            at: format!("{day}T00:00:00Z").parse().unwrap(),
            findings: counts.iter().map(|(_, count)| count).sum(),
            by_severity: counts.iter().map(|(s, n)| ((*s).to_owned(), *n)).collect(),
            by_name: BTreeMap::new(),
        };
        let series = [
            point("2026-05-01", &[("critical", 2), ("low", 2)]),
            point("2026-05-02", &[]),
        ];
        let chart = Chart::by_severity(&series, Step::Day);
        assert_eq!(chart.bars[0].said, "1 May: 2 Critical, 2 Low");
        assert_eq!(chart.bars[1].said, "2 May: none");
        assert!(chart.bars[1].parts.is_empty());
        let shown: Vec<_> = chart.bars[0]
            .parts
            .iter()
            .map(|part| (part.class, part.y.as_str(), part.height.as_str()))
            .collect();
        assert_eq!(
            shown,
            [("low", "87.0", "71.0"), ("critical", "16.0", "71.0")]
        );
        let across = |n: usize| (chart.days[n].at.as_str(), chart.days[n].word.as_str());
        assert_eq!(across(0), ("5.50%", "1 May"));
        assert_eq!(across(1), ("55.50%", "2 May"));
        assert_eq!(chart.bars[0].parts[0].width, "39.00%");
        let counts: Vec<_> = chart.counts.iter().map(|mark| mark.word.as_str()).collect();
        assert_eq!(counts, ["0", "2", "4"]);
        assert!(Chart::by_severity(&[], Step::Day).bars.is_empty());
    }

    #[test]
    fn what_is_not_among_the_largest_is_of_others() {
        let point = |findings: u64, counts: &[(&str, u64)]| Point {
            at: "2026-05-01T10:00:00Z".parse().unwrap(),
            findings,
            by_severity: BTreeMap::new(),
            by_name: counts.iter().map(|(s, n)| ((*s).to_owned(), *n)).collect(),
        };
        let largest = ["s3".to_owned(), String::new()];
        for (name, series, layers, expected) in [
            (
                "all are named",
                vec![point(3, &[("s3", 2), ("", 1)])],
                "n1 s3 2, n2 none 1",
                "1 May 10:00: 2 s3, 1 none",
            ),
            (
                "others",
                vec![point(5, &[("s3", 2)]), point(0, &[])],
                "n1 s3 2, n2 none 0, others others 3",
                "1 May 10:00: 2 s3, 3 others",
            ),
            (
                "parts are ahead of the whole",
                vec![point(2, &[("s3", 2), ("", 1)])],
                "n1 s3 2, n2 none 0",
                "1 May 10:00: 2 s3",
            ),
        ] {
            let chart = Chart::by_name(&series, Step::Hour, &largest);
            let shown: Vec<_> = chart
                .layers
                .iter()
                .map(|layer| format!("{} {} {}", layer.class, layer.name, layer.findings))
                .collect();
            assert_eq!(shown.join(", "), layers, "{name}");
            assert_eq!(chart.bars[0].said, expected, "{name}");
            assert_eq!(chart.bars[0].counts.len(), chart.layers.len(), "{name}");
        }
    }

    #[test]
    fn scales_end_at_round_numbers() {
        for (most, expected) in [
            (1, 2),
            (2, 2),
            (3, 4),
            (7, 10),
            (11, 20),
            (99, 100),
            (601, 1000),
        ] {
            assert_eq!(round_up(most), expected, "{most}");
        }
        assert!(round_up(u64::MAX) > 0);
    }
}
