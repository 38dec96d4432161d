//! The short form of `cargo xtask chaos`: kills, faults at every sink, throttles at the store.

use dial_tests::chaos::{Counts, Plan, on_dynamodb, on_sqlite};
use dial_tests::emulators::Emulated;

const SHORT: Plan = Plan {
    findings: 300,
    kills: 6,
    fault_percent: 10,
    slack_interval_ms: 20,
    seed: 7,
};

fn holds(counts: &Counts) {
    let broken = counts.broken();
    assert!(broken.is_empty(), "{broken:#?}\n{counts}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nobody_is_told_twice_on_sqlite() {
    holds(&on_sqlite(SHORT).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nobody_is_told_twice_on_dynamodb() {
    if let Some(emulated) = Emulated::find() {
        holds(&on_dynamodb(SHORT, &emulated).await);
    }
}
