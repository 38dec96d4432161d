//! The store suite on the embedded store.

use dial_core::store::Store;
use dial_master::store::Sqlite;
use dial_tests::store_suite;
use futures::FutureExt;
use std::sync::Arc;
use tempfile::TempDir;

/// A fresh store in a numbered file of the folder.
fn fresh(folder: &TempDir) -> Arc<dyn Store> {
    let number = std::fs::read_dir(folder.path()).map_or(0, Iterator::count);
    let path = folder.path().join(format!("store-{number}.db"));
    Arc::new(Sqlite::open(&path).expect("a fresh file opens"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite_holds() {
    let folder = tempfile::tempdir().unwrap();
    store_suite::run(|| async { fresh(&folder) }).await;
}

#[test]
fn any_order_gives_the_same_store() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    store_suite::any_order_gives_the_same_store(&runtime, 64, || {
        let store = fresh(&folder);
        async move { store }.boxed()
    });
}

#[test]
fn pages_hold_while_others_insert() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    store_suite::pages_hold_while_others_insert(&runtime, 64, || {
        let store = fresh(&folder);
        async move { store }.boxed()
    });
}

#[test]
fn counters_match_a_recount() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    store_suite::counters_match_a_recount(&runtime, 64, || {
        let store = fresh(&folder);
        async move { store }.boxed()
    });
}
