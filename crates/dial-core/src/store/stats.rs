//! Statistics from maintained counters: which cells a finding counts in, and what their sums say.
//!
//! A cell is one number of one day or hour, such as `D#2026-05-01#account#111122223333`. Stores
//! add to cells in the transaction that changes a finding, or note there what is to be added; only
//! this module knows what cells mean.

mod series;

pub use series::Point;

use super::{Status, StoreError, Summary};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest window of a request, days.
pub const MAX_DAYS: u16 = 400;
/// Longest window of a series by the hour, days.
pub const MAX_HOURLY_DAYS: u16 = 31;

/// Most names that a series is split by; what else there is, is the rest of each step.
pub const MAX_NAMES: usize = 6;

/// Longest value of a cell, bytes: a key of `DynamoDB` holds 1,024.
const MAX_VALUE: usize = 256;

const DAY: &str = "D";
const HOUR: &str = "H";
const SEVERITY: &str = "severity";
const STATUS: &str = "status";
const ACCOUNT: &str = "account";
const RULE: &str = "rule";
const SERVICE: &str = "service";
const REGION: &str = "region";
const SUPPRESSED: &str = "suppressed";
/// Sum of milliseconds from event to finding.
const DETECT_MS: &str = "detect_ms";
/// Findings that were answered, and the sum of milliseconds from finding to the first answer.
const ANSWERS: &str = "answers";
const ANSWER_MS: &str = "answer_ms";

/// What is added to which cells, by name.
pub type Cells = BTreeMap<String, i64>;

/// Where counters are kept.
#[async_trait::async_trait]
pub trait Statistics: Send + Sync {
    /// Every cell whose name lies from `low` to `high`, both included.
    async fn cells(&self, low: &str, high: &str) -> Result<Cells, StoreError>;

    /// The finding of a status whose event is the oldest, not expired at `now`; suppressed ones
    /// are passed over, as far as a bounded look goes.
    async fn oldest(&self, status: Status, now: Timestamp) -> Result<Option<Summary>, StoreError>;

    /// Adds what is noted but not yet in a cell, each note once whoever else does so; how many
    /// notes. Called again and again; stores that count in the transaction itself have none.
    async fn fold(&self) -> Result<usize, StoreError>;
}

/// Where a finding counts once it is accepted. Suppressed ones count as suppressed only: nobody
/// was told.
pub fn accepted(summary: &Summary) -> Cells {
    let day = Bucket::day(summary.time);
    if summary.suppressed.is_some() {
        return Cells::from([(day.cell(SUPPRESSED, ""), 1)]);
    }
    let severity = summary.severity.as_str();
    let mut cells = Cells::from([
        (day.cell(SEVERITY, severity), 1),
        (day.cell(STATUS, &summary.status.to_string()), 1),
        (day.cell(ACCOUNT, &summary.account.id), 1),
        (day.cell(RULE, &summary.rule.name), 1),
        (day.cell(SERVICE, &summary.service), 1),
        (day.cell(REGION, &summary.region), 1),
        (
            day.cell(DETECT_MS, ""),
            millis(summary.time, summary.detected_at),
        ),
        (Bucket::hour(summary.time).cell(SEVERITY, severity), 1),
    ]);
    cells.extend(Over::ALL.map(|over| {
        (
            over.hour(summary.time)
                .cell(over.as_str(), over.of(summary)),
            1,
        )
    }));
    cells
}

/// Where a change counts, from the lines before and after it.
pub fn changed(before: &Summary, after: &Summary) -> Cells {
    let mut cells = Cells::new();
    if before.suppressed.is_some() {
        return cells;
    }
    let day = Bucket::day(before.time);
    if before.status != after.status {
        cells.insert(day.cell(STATUS, &before.status.to_string()), -1);
        cells.insert(day.cell(STATUS, &after.status.to_string()), 1);
    }
    if let (None, Some(at)) = (before.answered_at, after.answered_at) {
        cells.insert(day.cell(ANSWERS, ""), 1);
        cells.insert(day.cell(ANSWER_MS, ""), millis(before.detected_at, at));
    }
    cells
}

/// Whether a status means that somebody took notice.
pub fn is_answer(status: Status) -> bool {
    matches!(
        status,
        Status::Acknowledged | Status::Resolved | Status::FalsePositive
    )
}

/// Clocks differ: what seems to happen before its cause took no time.
fn millis(from: Timestamp, to: Timestamp) -> i64 {
    let millis = to
        .duration_since(from)
        .max(SignedDuration::ZERO)
        .as_millis();
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// A day or an hour, UTC, as it begins the name of a cell.
struct Bucket(String);

impl Bucket {
    fn day(time: Timestamp) -> Self {
        Self(format!("{DAY}#{}", time.strftime("%Y-%m-%d")))
    }

    fn hour(time: Timestamp) -> Self {
        Self(format!("{HOUR}#{}", time.strftime("%Y-%m-%dT%H")))
    }

    fn cell(&self, dimension: &str, value: &str) -> String {
        let value = &value[..value.floor_char_boundary(MAX_VALUE)];
        format!("{}#{dimension}#{value}", self.0)
    }
}

/// What a series is split by, beside severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// By account number.
    Account,
    /// By rule name.
    Rule,
    /// By service.
    Service,
}

impl Over {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Account, Self::Rule, Self::Service];

    /// Its word in JSON, which is also that of the cells.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => ACCOUNT,
            Self::Rule => RULE,
            Self::Service => SERVICE,
        }
    }

    /// The one of a word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|over| over.as_str() == word)
    }

    /// What a finding counts as.
    fn of(self, summary: &Summary) -> &str {
        match self {
            Self::Account => &summary.account.id,
            Self::Rule => &summary.rule.name,
            Self::Service => &summary.service,
        }
    }

    /// Hours of each have cells in a range of their own, so that nobody reads those of another.
    fn hour(self, time: Timestamp) -> Bucket {
        let hour = time.strftime("%Y-%m-%dT%H");
        Bucket(format!("{HOUR}.{}#{hour}", self.as_str()))
    }
}

/// How fine a series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// By the hour.
    Hour,
    /// By the day.
    Day,
}

/// Days, UTC, both included, and how their series is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// Step of the series.
    pub by: Step,
    /// What else each step is split by.
    pub over: Option<Over>,
}

/// A window that is too long or runs backwards.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// It ends before it begins.
    #[error("{from} is after {to}")]
    Backwards {
        /// First day.
        from: Date,
        /// Last day.
        to: Date,
    },
    /// It is too long for its step.
    #[error("{days} days are too many; at most {most} by the {step}")]
    Long {
        /// Days asked for.
        days: i64,
        /// Days allowed.
        most: u16,
        /// `hour` or `day`.
        step: &'static str,
    },
}

/// What happened in a window, by the day of the event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stats {
    /// First day, UTC.
    pub from: Date,
    /// Last day, UTC, included.
    pub to: Date,
    /// Findings that people were told of.
    pub findings: u64,
    /// Findings that a suppression kept silent; in no other number.
    pub suppressed: u64,
    /// By severity.
    pub by_severity: BTreeMap<String, u64>,
    /// By where they stand now.
    pub by_status: BTreeMap<String, u64>,
    /// By account number.
    pub by_account: BTreeMap<String, u64>,
    /// By rule name.
    pub by_rule: BTreeMap<String, u64>,
    /// By service.
    pub by_service: BTreeMap<String, u64>,
    /// By region.
    pub by_region: BTreeMap<String, u64>,
    /// The open finding whose event is the oldest, in or out of the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_open: Option<Summary>,
    /// From event to finding.
    pub time_to_detect: Mean,
    /// From finding to the first answer, of findings that have one.
    pub time_to_acknowledge: Mean,
    /// Step of the series.
    pub by: Step,
    /// What each step is split by beside severity, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Over>,
    /// The names of it with the most findings in the window, at most six, the largest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub largest: Vec<String>,
    /// Every step of the window in order, those without a finding too.
    pub series: Vec<Point>,
}

/// A mean and of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mean {
    /// Seconds; absent where there is nothing to take the mean of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Findings.
    pub of: u64,
}

impl Window {
    /// A window that is not too long.
    pub fn new(from: Date, to: Date, by: Step) -> Result<Self, WindowError> {
        if from > to {
            return Err(WindowError::Backwards { from, to });
        }
        let days = to.duration_since(from).as_hours() / 24 + 1;
        let (most, step) = match by {
            Step::Hour => (MAX_HOURLY_DAYS, "hour"),
            Step::Day => (MAX_DAYS, "day"),
        };
        if days > i64::from(most) {
            return Err(WindowError::Long { days, most, step });
        }
        Ok(Self {
            from,
            to,
            by,
            over: None,
        })
    }

    /// The same, with each step split.
    #[must_use]
    pub fn split(self, over: Option<Over>) -> Self {
        Self { over, ..self }
    }

    /// When each step of the series begins.
    fn steps(self) -> impl Iterator<Item = Timestamp> {
        let start = |day: Date| day.to_zoned(TimeZone::UTC).map(|day| day.timestamp());
        let step = match self.by {
            Step::Hour => SignedDuration::from_hours(1),
            Step::Day => SignedDuration::from_hours(24),
        };
        let (from, to) = (start(self.from).ok(), start(self.to).ok());
        let end = to.and_then(|to| to.checked_add(24.hours()).ok());
        std::iter::successors(from, move |at| at.checked_add(step).ok())
            .take_while(move |at| end.is_none_or(|end| *at < end))
    }
}

impl Stats {
    /// Reads the cells of a window.
    pub async fn read<S: Statistics + ?Sized>(
        store: &S,
        window: Window,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let Window { from, to, by, over } = window;
        let days = store
            .cells(&format!("{DAY}#{from}"), &format!("{DAY}#{to}~"))
            .await?;
        let (mut hours, mut names) = (Cells::new(), Cells::new());
        if by == Step::Hour {
            let low = format!("{HOUR}#{from}");
            hours = store.cells(&low, &format!("{HOUR}#{to}~")).await?;
            if let Some(over) = over {
                let hour = format!("{HOUR}.{}", over.as_str());
                let low = format!("{hour}#{from}");
                names = store.cells(&low, &format!("{hour}#{to}~")).await?;
            }
        }
        let oldest_open = store.oldest(Status::Open, now).await?;
        let sums = Sums::of(&days);
        let by_severity = sums.by(SEVERITY);
        let findings = by_severity.values().sum();
        let largest = over.map_or_else(Vec::new, |over| sums.largest(over));
        let (cells, names) = match by {
            Step::Hour => (&hours, &names),
            Step::Day => (&days, &days),
        };
        Ok(Self {
            from,
            to,
            findings,
            suppressed: sums.one(SUPPRESSED),
            by_severity,
            by_status: sums.by(STATUS),
            by_account: sums.by(ACCOUNT),
            by_rule: sums.by(RULE),
            by_service: sums.by(SERVICE),
            by_region: sums.by(REGION),
            oldest_open,
            time_to_detect: Mean::of(sums.one(DETECT_MS), findings),
            time_to_acknowledge: Mean::of(sums.one(ANSWER_MS), sums.one(ANSWERS)),
            by,
            over,
            series: series::of(window, cells, names, &largest),
            largest,
        })
    }
}

/// Sums over all buckets, by dimension and value.
struct Sums<'a>(BTreeMap<(&'a str, &'a str), i64>);

impl<'a> Sums<'a> {
    fn of(cells: &'a Cells) -> Self {
        let mut sums = BTreeMap::new();
        for (name, count) in cells {
            if let Some((_, dimension, value)) = parts(name) {
                *sums.entry((dimension, value)).or_default() += count;
            }
        }
        Self(sums)
    }

    fn by(&self, dimension: &str) -> BTreeMap<String, u64> {
        let cells = self.0.iter().filter(|((have, _), _)| *have == dimension);
        cells
            .map(|((_, value), count)| ((*value).to_owned(), whole(*count)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// The names with the most findings, then in their order.
    fn largest(&self, over: Over) -> Vec<String> {
        let mut names: Vec<_> = self.by(over.as_str()).into_iter().collect();
        names.sort_by(|(a, most), (b, more)| (more, a).cmp(&(most, b)));
        names.truncate(MAX_NAMES);
        names.into_iter().map(|(name, _)| name).collect()
    }

    fn one(&self, dimension: &str) -> u64 {
        self.0
            .get(&(dimension, ""))
            .map_or(0, |count| whole(*count))
    }
}

/// Bucket, dimension and value of a cell; values may hold any character.
fn parts(cell: &str) -> Option<(&str, &str, &str)> {
    let mut parts = cell.splitn(4, '#');
    parts.next()?;
    Some((parts.next()?, parts.next()?, parts.next()?))
}

/// Notes of one finding may be added in any order: for a moment a sum can be below zero.
fn whole(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

impl Mean {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a mean of that many is not exact anyway"
    )]
    fn of(millis: u64, of: u64) -> Self {
        let seconds = (of > 0).then(|| (millis as f64 / of as f64).round() / 1_000.0);
        Self { seconds, of }
    }
}
