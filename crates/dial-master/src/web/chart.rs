//! Findings over time as stacked bars: numbers in, rectangles out; a template draws them.

use dial_core::Severity;
use dial_core::store::stats::{Point, Step};

/// Height of the drawing, pixels; it is as wide as its place, so that a phone shows it too.
const HEIGHT: f64 = 180.0;
/// Room for a number above the highest line, and for the days below.
const ABOVE: f64 = 16.0;
const BELOW: f64 = 22.0;
/// Part of a step that its bar takes.
const FULL: f64 = 0.78;
/// Most days that are named below.
const NAMES: usize = 8;

/// One part of a bar: percent of the width, pixels of the height.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
    pub(super) severity: &'static str,
}

/// One bar and what it says.
#[derive(Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) said: String,
    pub(super) parts: Vec<Part>,
}

/// A word at a place.
#[derive(Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) at: String,
    pub(super) word: String,
}

/// The drawing.
#[derive(Debug, PartialEq)]
pub(super) struct Chart {
    pub(super) bars: Vec<Bar>,
    pub(super) days: Vec<Mark>,
    pub(super) counts: Vec<Mark>,
}

impl Chart {
    #[expect(clippy::cast_precision_loss, reason = "a drawing is not that exact")]
    pub(super) fn of(series: &[Point], by: Step) -> Self {
        let most = series.iter().map(|point| point.findings).max();
        let top = round_up(most.unwrap_or(0).max(1));
        let (room, step) = (HEIGHT - BELOW, 100.0 / series.len().max(1) as f64);
        let scale = (room - ABOVE) / top as f64;
        let place = |n: usize| percent(step * n as f64 + step * (1.0 - FULL) / 2.0);
        let bar = |(n, point): (usize, &Point)| {
            let mut y = room;
            let mut parts = Vec::new();
            for severity in Severity::ALL {
                let count = point.by_severity.get(severity.as_str()).copied();
                let height = count.unwrap_or(0) as f64 * scale;
                if height > 0.0 {
                    y -= height;
                    parts.push(Part {
                        x: place(n),
                        y: pixels(y),
                        width: percent(step * FULL),
                        height: pixels(height),
                        severity: severity.as_str(),
                    });
                }
            }
            let said = said(point, by);
            Bar { said, parts }
        };
        let every = series.len().div_ceil(NAMES).max(1);
        let named = series.iter().enumerate().step_by(every);
        let days = named.map(|(n, point)| Mark {
            at: place(n),
            word: name(point, by),
        });
        let count = |count: u64| Mark {
            at: pixels(room - count as f64 * scale),
            word: count.to_string(),
        };
        Self {
            bars: series.iter().enumerate().map(bar).collect(),
            days: days.collect(),
            counts: [0, top / 2, top].into_iter().map(count).collect(),
        }
    }
}

/// `3 May: 2 critical, 1 low`.
fn said(point: &Point, by: Step) -> String {
    let counts = Severity::ALL.into_iter().rev().filter_map(|severity| {
        let count = point.by_severity.get(severity.as_str())?;
        (*count > 0).then(|| format!("{count} {severity}"))
    });
    let counts: Vec<String> = counts.collect();
    let counts = if counts.is_empty() {
        "none".to_owned()
    } else {
        counts.join(", ")
    };
    format!("{}: {counts}", name(point, by))
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

    #[test]
    fn bars_stand_on_the_line_and_keep_their_proportion() {
        let point = |day: &str, counts: &[(&str, u64)]| Point {
            at: format!("{day}T00:00:00Z").parse().unwrap(),
            findings: counts.iter().map(|(_, count)| count).sum(),
            by_severity: counts.iter().map(|(s, n)| ((*s).to_owned(), *n)).collect(),
        };
        let series = [
            point("2026-05-01", &[("critical", 2), ("low", 2)]),
            point("2026-05-02", &[]),
        ];
        let chart = Chart::of(&series, Step::Day);
        assert_eq!(chart.bars[0].said, "1 May: 2 critical, 2 low");
        assert_eq!(chart.bars[1].said, "2 May: none");
        assert!(chart.bars[1].parts.is_empty());
        let shown: Vec<_> = chart.bars[0]
            .parts
            .iter()
            .map(|part| (part.severity, part.y.as_str(), part.height.as_str()))
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
        assert!(Chart::of(&[], Step::Day).bars.is_empty());
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
