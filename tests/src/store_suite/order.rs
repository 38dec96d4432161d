//! Property: any order and repetition of acceptances gives the same store.

use super::samples::{accept_all, acceptance, finding, list_by, now};
use dial_core::store::{Acceptance, Audit, Delivery, Query, Store, Stored, Summary};
use futures::future::BoxFuture;
use proptest::prelude::{ProptestConfig, Strategy};
use proptest::sample::SizeRange;
use proptest::test_runner::TestRunner;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Everything that a store holds.
#[derive(Debug, PartialEq)]
struct Content {
    list: Vec<Summary>,
    findings: Vec<(Option<Stored>, Vec<Audit>, Vec<Delivery>)>,
}

/// Accepts a few findings in any order, repeated, cut into any batches, some of them at the same
/// time, and compares with accepting each once; `make` returns an empty store.
pub fn any_order_gives_the_same_store(
    runtime: &Runtime,
    cases: u32,
    make: impl Fn() -> BoxFuture<'static, Arc<dyn Store>>,
) {
    let distinct: Vec<Acceptance> = (0..6).map(|n| acceptance(finding(n, |_| {}))).collect();
    let wanted = runtime.block_on(async {
        let store = make().await;
        accept_all(&*store, distinct.clone()).await;
        content(&*store, &distinct).await
    });
    let mut runner = TestRunner::new(ProptestConfig::with_cases(cases));
    let result = runner.run(&batches(distinct.len()), |batches| {
        let found = runtime.block_on(async {
            let store = make().await;
            accept_batches(&store, &distinct, batches).await;
            content(&*store, &distinct).await
        });
        proptest::prop_assert_eq!(&found, &wanted);
        Ok(())
    });
    result.expect("any order gives the same store");
}

/// Every number below `count` at least once, shuffled and cut; the flag lets a batch run beside
/// the one before.
fn batches(count: usize) -> impl Strategy<Value = Vec<(bool, Vec<usize>)>> {
    let repeated = proptest::collection::vec(0..count, SizeRange::new(0..=12));
    let shuffled = repeated
        .prop_map(move |more| (0..count).chain(more).collect::<Vec<usize>>())
        .prop_shuffle();
    let cuts = proptest::collection::vec((proptest::bool::ANY, 1_usize..6), 18);
    (shuffled, cuts).prop_map(|(numbers, cuts)| {
        let mut rest = numbers.as_slice();
        let mut batches = Vec::new();
        for (beside, size) in cuts {
            let (batch, further) = rest.split_at(size.min(rest.len()));
            batches.push((beside, batch.to_vec()));
            rest = further;
        }
        batches
    })
}

async fn accept_batches(
    store: &Arc<dyn Store>,
    distinct: &[Acceptance],
    batches: Vec<(bool, Vec<usize>)>,
) {
    let mut running = Vec::new();
    for (beside, numbers) in batches {
        let batch: Vec<Acceptance> = numbers.iter().map(|n| distinct[*n].clone()).collect();
        let store = Arc::clone(store);
        if !beside {
            finish(&mut running).await;
        }
        running.push(tokio::spawn(
            async move { accept_all(&*store, batch).await },
        ));
    }
    finish(&mut running).await;
}

async fn finish<T>(running: &mut Vec<tokio::task::JoinHandle<T>>) {
    for task in running.drain(..) {
        task.await.expect("no task panics");
    }
}

async fn content(store: &dyn Store, distinct: &[Acceptance]) -> Content {
    let mut findings = Vec::new();
    for one in distinct {
        let id = &one.finding.id;
        let stored = store.finding(id, now()).await.expect("answers");
        let audit = store.audit(id).await.expect("answers");
        let deliveries = store.deliveries(id).await.expect("answers");
        findings.push((stored, audit, deliveries));
    }
    Content {
        list: list_by(store, &Query::default(), 4).await,
        findings,
    }
}
