//! Property: counters say what a recount of findings and their history says.

use super::samples::{accept_all, acceptance, at, finding, list_by, now, rule};
use dial_core::Severity;
use dial_core::finding::{Finding, Suppression};
use dial_core::store::stats::{Mean, Over, Stats, Step, Window, is_answer};
use dial_core::store::triage::{Actor, Change, Door, Request};
use dial_core::store::{Query, Status, Store, Summary};
use futures::future::BoxFuture;
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_oneof};
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Findings that a history draws from.
const FINDINGS: u32 = 8;

/// How series are asked for.
const CUTS: [(Step, Option<Over>); 4] = [
    (Step::Hour, None),
    (Step::Hour, Some(Over::Account)),
    (Step::Hour, Some(Over::Rule)),
    (Step::Day, Some(Over::Service)),
];

/// One thing that happens.
#[derive(Debug, Clone)]
enum Happening {
    /// These come in one batch, beside the batch before or after it, new or once more.
    Accept(Vec<u32>, bool),
    /// Somebody changes one of them, if it is there.
    Change(u32, Change),
    /// What waits is added to the counters.
    Fold,
}

/// Runs any history on an empty store of `make` and compares every number.
pub fn counters_match_a_recount(
    runtime: &Runtime,
    cases: u32,
    make: impl Fn() -> BoxFuture<'static, Arc<dyn Store>>,
) {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(cases));
    let steps = proptest::collection::vec(step(), 1..30);
    let result = runner.run(&steps, |steps| {
        let compared = runtime.block_on(async {
            let store = make().await;
            live(&store, steps).await;
            while store.fold().await.expect("folds") > 0 {}
            let (whole, told) = recount(&*store).await;
            let mut compared = Vec::new();
            for (by, over) in CUTS {
                let asked = Window { by, ..window() }.split(over);
                let counted = Stats::read(&*store, asked, now()).await;
                compared.push((counted.expect("answers"), cut(&whole, &told, asked)));
            }
            compared
        });
        for (counted, recounted) in compared {
            proptest::prop_assert_eq!(counted, recounted);
        }
        Ok(())
    });
    result.expect("counters match a recount");
}

fn step() -> impl Strategy<Value = Happening> {
    let numbers = proptest::collection::vec(0..FINDINGS, 1..6);
    let until = now() + SignedDuration::from_hours(1);
    let change = prop_oneof![
        Just(Change::Acknowledge),
        Just(Change::Resolve),
        Just(Change::FalsePositive),
        Just(Change::Reopen),
        Just(Change::Snooze { until }),
        Just(Change::Comment {
            text: "seen".into()
        }),
    ];
    prop_oneof![
        3 => (numbers, proptest::bool::ANY).prop_map(|(n, beside)| Happening::Accept(n, beside)),
        4 => (0..FINDINGS, change).prop_map(|(n, change)| Happening::Change(n, change)),
        1 => Just(Happening::Fold),
    ]
}

/// Findings of three hours and two days, of every kind that is counted apart.
fn sample(n: u32) -> Finding {
    finding(n, |f| {
        f.time = at(i64::from(n % 4) * 9 * 3_600_000);
        f.detected_at = f.time + SignedDuration::from_secs(i64::from(n) * 7 - 3);
        f.severity = Severity::ALL[n as usize % 5];
        f.account.id = format!("11112222333{}", n % 2);
        f.rule = rule(
            super::samples::RULE,
            ["with#hash", "s3_bucket_policy_public"][n as usize % 2],
        );
        if n.is_multiple_of(3) {
            f.event.source = "iam.amazonaws.com".into();
            f.region = "us-east-1".into();
        }
        f.suppressed = (n == 5).then(|| Suppression {
            id: "s-0a1b2c3d4e5f".into(),
            owner: "team-net".into(),
            reason: "known scanner".into(),
            expires: "2026-12-31".parse().expect("is a date"),
        });
    })
}

async fn live(store: &Arc<dyn Store>, steps: Vec<Happening>) {
    let mut beside = None;
    for (n, step) in steps.into_iter().enumerate() {
        match step {
            Happening::Accept(numbers, waits) => {
                let batch = numbers.into_iter().map(|n| acceptance(sample(n))).collect();
                let store = Arc::clone(store);
                let task = tokio::spawn(async move { accept_all(&*store, batch).await });
                if let Some(earlier) = beside.replace(task) {
                    let _: Vec<_> = earlier.await.expect("no task panics");
                }
                if waits && let Some(task) = beside.take() {
                    task.await.expect("no task panics");
                }
            }
            Happening::Change(which, change) => {
                let request = Request {
                    change,
                    comment: None,
                    by: Actor {
                        who: "analyst".into(),
                        door: Door::Api,
                    },
                    at: at(1_000 + 10 * i64::try_from(n).expect("is small")),
                };
                // Many do not fit, or their finding is not there: those change nothing.
                let _ = store.change(&sample(which).id, None, &request).await;
            }
            Happening::Fold => {
                store.fold().await.expect("folds");
            }
        }
    }
    if let Some(task) = beside {
        task.await.expect("no task panics");
    }
}

fn window() -> Window {
    Window::new(date(2026, 5, 1), date(2026, 5, 3), Step::Hour).expect("is short")
}

/// The same numbers from the findings and their history alone, without a series; and the findings
/// that count.
async fn recount(store: &dyn Store) -> (Stats, Vec<Summary>) {
    let all = list_by(store, &Query::default(), 50).await;
    let (silent, told): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|line| line.suppressed.is_some());
    let by = |name: fn(&Summary) -> String| {
        let mut counts = BTreeMap::new();
        for line in &told {
            *counts.entry(name(line)).or_default() += 1;
        }
        counts
    };
    let waits = told.iter().map(|line| {
        let wait = line.detected_at.duration_since(line.time);
        wait.max(SignedDuration::ZERO)
    });
    let mut answers = Vec::new();
    for line in &told {
        let history = store.audit(&line.id).await.expect("answers");
        let mut changes = history
            .iter()
            .filter_map(|line| Some((line.at, line.after.as_ref()?)));
        let first = changes.find(|(_, after)| is_answer(after.status));
        answers.extend(first.map(|(at, _)| {
            at.duration_since(line.detected_at)
                .max(SignedDuration::ZERO)
        }));
    }
    let mut oldest: Vec<&Summary> = told
        .iter()
        .filter(|line| line.status == Status::Open)
        .collect();
    oldest.sort_by_key(|line| (line.time, line.id.clone()));
    let stats = Stats {
        from: window().from,
        to: window().to,
        findings: told.len() as u64,
        suppressed: silent.len() as u64,
        by_severity: by(|line| line.severity.to_string()),
        by_status: by(|line| line.status.to_string()),
        by_account: by(|line| line.account.id.clone()),
        by_rule: by(|line| line.rule.name.clone()),
        by_service: by(|line| line.service.clone()),
        by_region: by(|line| line.region.clone()),
        oldest_open: oldest.first().map(|line| (*line).clone()),
        time_to_detect: mean(&waits.collect::<Vec<_>>()),
        time_to_acknowledge: mean(&answers),
        by: Step::Hour,
        over: None,
        largest: Vec::new(),
        series: Vec::new(),
    };
    (stats, told)
}

/// The numbers with the series that is asked for.
fn cut(whole: &Stats, told: &[Summary], asked: Window) -> Stats {
    let counts = match asked.over {
        None => &BTreeMap::new(),
        Some(Over::Account) => &whole.by_account,
        Some(Over::Rule) => &whole.by_rule,
        Some(Over::Service) => &whole.by_service,
    };
    // There are two of each, so none is left out.
    let mut largest: Vec<_> = counts.iter().collect();
    largest.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
    Stats {
        by: asked.by,
        over: asked.over,
        largest: largest.into_iter().map(|(name, _)| name.clone()).collect(),
        series: series(told, asked),
        ..whole.clone()
    }
}

#[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
fn mean(times: &[SignedDuration]) -> Mean {
    let of = times.len() as u64;
    let millis: i128 = times.iter().map(SignedDuration::as_millis).sum();
    let seconds = (of > 0).then(|| (millis as f64 / of as f64).round() / 1_000.0);
    Mean { seconds, of }
}

fn series(told: &[Summary], asked: Window) -> Vec<dial_core::store::stats::Point> {
    let start: Timestamp = "2026-05-01T00:00:00Z".parse().expect("is a time");
    let (steps, hours) = match asked.by {
        Step::Hour => (72, 1),
        Step::Day => (3, 24),
    };
    let step = SignedDuration::from_hours(hours);
    (0..steps)
        .map(|n| {
            let at = start + step * n;
            let of_step = told
                .iter()
                .filter(|line| at <= line.time && line.time < at + step);
            let (mut by_severity, mut by_name) = (BTreeMap::new(), BTreeMap::new());
            for line in of_step {
                *by_severity.entry(line.severity.to_string()).or_default() += 1;
                let name = match asked.over {
                    None => continue,
                    Some(Over::Account) => &line.account.id,
                    Some(Over::Rule) => &line.rule.name,
                    Some(Over::Service) => &line.service,
                };
                *by_name.entry(name.clone()).or_default() += 1;
            }
            dial_core::store::stats::Point {
                at,
                findings: by_severity.values().sum(),
                by_severity,
                by_name,
            }
        })
        .collect()
}
