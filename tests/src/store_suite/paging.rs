//! Property: whoever follows a cursor while others insert sees all that was there, each line once.

use super::samples::{accept_all, acceptance, at, finding, page};
use dial_core::finding::Finding;
use dial_core::store::query::Words;
use dial_core::store::{Cursor, Query, Store, Summary};
use dial_core::{FindingId, Severity};
use futures::future::BoxFuture;
use proptest::prelude::{ProptestConfig, Strategy};
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// One run: what is there, what comes meanwhile, how it is read.
#[derive(Debug, Clone)]
struct Run {
    there: Vec<Kind>,
    /// Batches that come one before each page, as long as there are some.
    coming: Vec<Vec<Kind>>,
    limit: usize,
    which: usize,
}

/// What tells findings apart here; many share their time.
#[derive(Debug, Clone)]
struct Kind {
    time: i64,
    is_critical: bool,
    is_wanted_text: bool,
}

/// Reads page by page while batches come in between, older and newer than what was shown.
pub fn pages_hold_while_others_insert(
    runtime: &Runtime,
    cases: u32,
    make: impl Fn() -> BoxFuture<'static, Arc<dyn Store>>,
) {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(cases));
    let result = runner.run(&runs(), |run| {
        let (shown, wanted) = runtime.block_on(async {
            let store = make().await;
            follow(&*store, &run).await
        });
        let unique: BTreeSet<&FindingId> = shown.iter().collect();
        proptest::prop_assert_eq!(unique.len(), shown.len(), "a line came twice");
        let kept: Vec<_> = shown.iter().filter(|id| wanted.contains(id)).collect();
        proptest::prop_assert_eq!(kept, wanted.iter().collect::<Vec<_>>());
        Ok(())
    });
    result.expect("pages hold while others insert");
}

fn runs() -> impl Strategy<Value = Run> {
    let kind = (0_i64..12, proptest::bool::ANY, proptest::bool::ANY).prop_map(
        |(time, is_critical, is_wanted_text)| Kind {
            time: time * 1_000,
            is_critical,
            is_wanted_text,
        },
    );
    let some = |most| proptest::collection::vec(kind.clone(), 0..most);
    let coming = proptest::collection::vec(some(4), 0..5);
    (some(30), coming, 1_usize..9, 0_usize..4).prop_map(|(there, coming, limit, which)| Run {
        there,
        coming,
        limit,
        which,
    })
}

/// What was shown, and what had to be: the lines that were there before the first page.
async fn follow(store: &dyn Store, run: &Run) -> (Vec<FindingId>, Vec<FindingId>) {
    let query = query(run.which);
    let mut numbers = 0..;
    let there = findings(&run.there, &mut numbers);
    let wanted = expected(&query, &there);
    accept_all(store, there.into_iter().map(acceptance).collect()).await;
    let mut coming = run.coming.iter();
    let (mut shown, mut cursor) = (Vec::new(), None::<Cursor>);
    loop {
        if let Some(kinds) = coming.next() {
            let batch = findings(kinds, &mut numbers);
            accept_all(store, batch.into_iter().map(acceptance).collect()).await;
        }
        let page = page(store, &query, cursor.as_ref(), run.limit).await;
        shown.extend(page.items.into_iter().map(|line| line.id));
        cursor = page.next;
        if cursor.is_none() {
            return (shown, wanted);
        }
    }
}

fn query(which: usize) -> Query {
    let mut query = Query::default();
    match which {
        1 => query.severity = vec![Severity::Critical],
        2 => query.text = Words::parse("needle").expect("is short"),
        3 => query.account = vec!["111122223333".into(), "444455556666".into()],
        _ => {}
    }
    query
}

fn findings(kinds: &[Kind], numbers: &mut impl Iterator<Item = u32>) -> Vec<Finding> {
    let one = |(kind, n): (&Kind, u32)| {
        finding(n, |f| {
            f.time = at(kind.time);
            if kind.is_critical {
                f.severity = Severity::Critical;
                f.account.id = "444455556666".into();
            }
            if kind.is_wanted_text {
                f.title = format!("Needle {n}");
            }
        })
    };
    kinds.iter().zip(numbers).map(one).collect()
}

fn expected(query: &Query, findings: &[Finding]) -> Vec<FindingId> {
    let lines = findings.iter().map(super::samples::line);
    let mut lines: Vec<Summary> = lines.filter(|line| query.matches(line)).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(Cursor::after(line.time, &line.id)));
    lines.into_iter().map(|line| line.id).collect()
}
